// SPDX-License-Identifier: Apache-2.0

import CSupport

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Makes a connected socket a link.
package enum Rendezvous {
    /// Oldest and newest protocol version spoken here.
    static let versions: ClosedRange<UInt16> = 2...2

    /// Connects to the host named `name` and shakes hands.
    package static func connect(
        _ name: String, folder: SocketFolder, limits: LinkLimits, isIntroducible: Bool = false,
        takesDescriptors: Bool = false, timeoutMilliseconds: Int32
    ) throws(LinkError) -> Link {
        let start = oro_now()
        let socket = try folder.connect(name, timeoutMilliseconds: timeoutMilliseconds)
        let passed = Int32(clamping: (oro_now() - start) / 1_000_000)
        return try shakeHands(
            socket, limits: limits, isIntroducible: isIntroducible, takesDescriptors: takesDescriptors,
            timeoutMilliseconds: timeoutMilliseconds - passed)
    }

    /// The client's half: says hello over `socket` and waits for the answer. With `isIntroducible` the host may
    /// introduce it to its other clients (``Link/introductions``); with `takesDescriptors` it may pass on descriptors
    /// along with messages.
    package static func shakeHands(
        _ socket: consuming Descriptor, limits: LinkLimits, isIntroducible: Bool = false,
        takesDescriptors: Bool = false, timeoutMilliseconds: Int32
    ) throws(LinkError) -> Link {
        let peer = try PeerIdentity(of: socket)
        // Without it, long messages are unmapped by whoever frees them.
        _ = oro_memory_start()
        let key = try Ring.key()
        let own = try Segment.create(head: Ring.head, ring: limits.ringBytes)
        var hello = Packet(.hello)
        hello.append(versions.lowerBound)
        hello.append(versions.upperBound)
        var offered = Features.own
        if isIntroducible { offered.insert(.introducible) }
        if takesDescriptors { offered.insert(.descriptors) }
        Offer(features: offered, key: key, limits: limits).write(to: &hello)
        let start = oro_now()
        do throws(LinkError) {
            guard try hello.send(over: socket, own.memory.number) else { throw .refused(.busy) }
        } catch .peerGone {
            // It may have refused before it read the hello: the answer is waiting.
        }
        let deadline = oro_now() + UInt64(max(0, timeoutMilliseconds)) * 1_000_000
        while true {
            let now = oro_now()
            guard now < deadline else { throw .handshakeTimeout }
            let ready = oro_poll_one(socket.number, Int16(POLLIN), Int32((deadline - now) / 1_000_000 + 1))
            if ready <= 0 { continue }
            switch try Packet.receive(from: socket) {
            case .nothing: continue
            case .hangUp: throw .peerGone
            case .wake: throw .violation("not a welcome")
            case .packet(let packet, var descriptors):
                if packet.kind == .refusal {
                    throw .refused(Refusal(rawValue: packet.number(4)) ?? .denied)
                }
                guard packet.kind == .welcome, packet.bytes.count == Offer.end + 8 else {
                    throw .violation("not a welcome")
                }
                guard versions.contains(packet.number(4)) else { throw .violation("a version nobody offered") }
                let accepted = try Accepted(packet, &descriptors)
                return Link(
                    Link.Parts(
                        id: packet.number(Offer.end), peer: peer, limits: limits, key: key, own: own.mapping,
                        theirs: accepted, socket: socket, outbox: nil, barrier: Features.own.contains(.barrier),
                        takesDescriptors: takesDescriptors, watchesProcess: true, start: start))
            }
        }
    }

    /// What a host made of a client's hello.
    package enum Greeting: ~Copyable {
        /// The hello has not come yet; the socket back.
        case notYet(Descriptor)
        case link(Link)
        /// Refused, and the client was told why.
        case refused(Refusal)
        /// The client went away or sent garbage.
        case failed(LinkError)
    }

    /// The host's half, called when the socket of a new client, which is admitted, is readable.
    package static func greet(
        _ socket: consuming Descriptor, _ peer: PeerIdentity, limits: LinkLimits, takesDescriptors: Bool = false,
        budget: ResourceBudget? = nil, charge: ResourceCharge? = nil
    ) -> Greeting {
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
