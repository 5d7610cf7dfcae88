// SPDX-License-Identifier: Apache-2.0

import CSupport

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Makes a connected socket a link.
package enum Handshake {
    /// Oldest and newest protocol version spoken here.
    static let versions: ClosedRange<UInt16> = 2...2

    /// What a host made of a client's hello.
    package enum Outcome: ~Copyable {
        /// The hello has not come yet; the socket back.
        case notYet(Descriptor)
        case link(Link)
        /// Refused, and the client was told why.
        case refused(Refusal)
        /// The client went away or sent garbage.
        case failed(LinkError)
    }

    /// The host's half, called when the socket of a new client, which is admitted, is readable.
    package static func accept(
        _ socket: consuming Descriptor, _ peer: PeerIdentity, limits: LinkLimits, takesDescriptors: Bool = false,
        budget: ResourceBudget? = nil, charge: ResourceCharge? = nil
    ) -> Outcome {
        let answer: Answer
        do throws(LinkError) {
            switch try Packet.receive(from: socket) {
            case .nothing: return .notYet(socket)
            case .hangUp: return .failed(.peerGone)
            case .wake: throw .violation("not a hello")
            case .packet(let hello, var descriptors):
                answer = try welcome(
                    socket, hello, &descriptors, limits: limits, takesDescriptors: takesDescriptors)
            }
        } catch .system(let call, let errno) {
            // Ours, and nothing the client has done.
            refuse(socket, .exhausted)
            return .failed(.system(call: call, errno: errno))
        } catch {
            return .failed(error)
        }
        switch consume answer {
        case .no(let refusal): return .refused(refusal)
        case .yes(let half):
            return .link(
                Link(
                    Link.Parts(
                        id: half.id, peer: peer, limits: limits, key: half.key, own: half.own.mapping,
                        theirs: half.theirs, socket: socket, outbox: nil, barrier: Features.own.contains(.barrier),
                        takesDescriptors: takesDescriptors, watchesProcess: true, start: oro_now(), budget: budget,
                        charge: charge)))
        }
    }

    /// What a client was told.
    private enum Answer: ~Copyable {
        case no(Refusal)
        case yes(Half)
    }

    /// Of a handshake, what is there before the link.
    private struct Half: ~Copyable {
        let id: UInt64
        let key: UInt64
        let own: Segment.Own
        let theirs: Accepted
    }

    /// Says no, and why.
    package static func refuse(_ socket: borrowing Descriptor, _ refusal: Refusal) {
        var packet = Packet(.refusal)
        packet.append(refusal.rawValue)
        // A client that cannot take the answer sees the socket close.
        _ = try? packet.send(over: socket)
    }

    private static func welcome(
        _ socket: borrowing Descriptor, _ hello: Packet, _ descriptors: inout Descriptors, limits: LinkLimits,
        takesDescriptors: Bool
    ) throws(LinkError) -> Answer {
        guard hello.kind == .hello else { throw .violation("not a hello") }
        let oldest: UInt16 = hello.number(4)
        let newest: UInt16 = hello.number(6)
        guard oldest <= versions.upperBound, newest >= versions.lowerBound else {
            refuse(socket, .version)
            return .no(.version)
        }
        // Of this version: another may have another length.
        guard hello.bytes.count == Offer.end else { throw .violation("not a hello") }
        let theirs: Accepted
        do throws(LinkError) {
            theirs = try Accepted(hello, &descriptors)
        } catch .violation(let what) {
            refuse(socket, .malformed)
            throw .violation(what)
        }
        let id = try Ring.key()
        let key = try Ring.key()
        let own = try Segment.create(head: Ring.head, ring: limits.ringBytes)
        var welcome = Packet(.welcome)
        welcome.append(min(newest, versions.upperBound))
        welcome.append(UInt16(0))
        let offered = takesDescriptors ? Features.own.union(.descriptors) : Features.own
        Offer(features: offered, key: key, limits: limits).write(to: &welcome)
        welcome.append(id)
        guard try welcome.send(over: socket, own.memory.number) else { throw .peerGone }
        return .yes(Half(id: id, key: key, own: own, theirs: theirs))
    }
}
