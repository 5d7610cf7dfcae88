// SPDX-License-Identifier: Apache-2.0

import CSupport

/// Two clients of one host get a link of their own.
///
/// The host *introduces* them: each is told who the other is. Each then makes its segment and a pair of sockets, and
/// *offers* the segment and one end of the pair, by way of the host, which passes the packet on as it came. Whoever has
/// the other's offer has the link. Nobody waits for anybody: what never comes is no link.
///
/// Each reads, and polls, the end that it has made and never passed on: nobody else can hold its locks. To the other's
/// it only sends, which waits for nothing, whoever else holds that end.
///
/// All of it comes on the socket of a link, and belongs to its receiver.
package protocol Introductions: AnyObject {
    /// UNTRUSTED: a packet about an introduction. What it throws ends the link it came over.
    func takeIntroduction(_ news: consuming IntroductionNews) throws(LinkError)
    /// Something in the rings must be read soon, although nobody here may be waiting for it.
    func mustReadRings() throws(LinkError)
}

/// A packet about an introduction, as it came.
package struct IntroductionNews: ~Copyable {
    let packet: Packet
    var descriptors: Descriptors

    /// Which introduction it belongs to: a number of the host's.
    package var id: UInt64 { packet.number(packet.kind == .introduction ? 8 : 56) }
    /// It is an offer, or the refusal of one; else the introduction itself.
    package var isOffer: Bool { packet.kind == .offer }
    /// An offer without a segment and a socket.
    package var isRefusal: Bool { descriptors.count == 0 }

    /// Passes it on to the other of the two. False: its socket has no room now.
    package consuming func pass(on link: Link) throws(LinkError) -> Bool {
        guard let memory = descriptors.take(), let socket = descriptors.take() else { return try link.send(packet) }
        return try link.send(packet, memory.number, socket.number)
    }
}

/// For the host.
package enum Introduction {
    /// Tells each of two peers of the other. False: it could not be done now, and whoever has heard of it hears of no
    /// offer.
    package static func make(_ one: Link, _ other: Link, id: UInt64) throws(LinkError) -> Bool {
        guard try introduce(other.peer, to: one, id) else { return false }
        return try introduce(one.peer, to: other, id)
    }

    private static func introduce(_ peer: PeerIdentity, to link: Link, _ id: UInt64) throws(LinkError) -> Bool {
        var packet = Packet(.introduction)
        packet.append(UInt32(0))
        packet.append(id)
        packet.append(UInt32(bitPattern: peer.processID))
        packet.append(peer.userID)
        packet.append(peer.groupID)
        return try link.send(packet)
    }

    /// Wakes whoever reads for the peer, also where that has armed nothing because it waits for nothing. A socket
    /// without room has packets that wake it.
    package static func nudge(_ link: Link) { _ = try? link.send(Packet(.nudge)) }

    /// Says that there will be no link.
    package static func refuse(_ id: UInt64, over link: Link) {
        var packet = Packet(.offer)
        packet.append(UInt32(0))
        for _ in 0..<6 { packet.append(UInt64(0)) }
        packet.append(id)
        // Whoever cannot be told finds no link when it is asked to use it.
        _ = try? link.send(packet)
    }
}

/// A peer that was introduced, from the introduction to its offer.
package final class Introduced {
    package let id: UInt64
    private let peer: PeerIdentity
    private let limits: LinkLimits
    private let key: UInt64
    private var parts: Parts?
    /// Goes to the other: a descriptor in `parts`.
    private let memory: Int32

    private struct Parts: ~Copyable {
        var socket: Descriptor
        /// The end that the other sends to, until it has been passed on.
        var end: Descriptor?
        var own: Segment.Own
    }

    /// UNTRUSTED: what the host says. Throws `violation` for what no host of ours sends, and why memory or sockets
    /// could not be made.
    package init(_ news: consuming IntroductionNews, limits: LinkLimits) throws(LinkError) {
        let packet = news.packet
        guard packet.bytes.count == 28, news.descriptors.count == 0 else {
            throw .violation("an introduction of another length, or with descriptors")
        }
        id = news.id
        peer = PeerIdentity(
            processID: Int32(bitPattern: packet.number(16)), userID: packet.number(20), groupID: packet.number(24))
        var limits = limits
        // All ports of one client share a ring.
        limits.rings = 1
        self.limits = limits
        key = try Ring.key()
        let own = try Segment.create(head: Ring.head, ring: limits.ringBytes)
        var ends: [Int32] = [-1, -1]
        let status = unsafe oro_socketpair(&ends)
        guard status == 0 else { throw .system(call: "socketpair", errno: -status) }
        memory = own.memory.number
        parts = Parts(socket: Descriptor(ends[0], .socket), end: Descriptor(ends[1], .received), own: own)
    }

    /// Sends our half to the host, which passes it on. False: the socket has no room now.
    package func offer(over link: Link) throws(LinkError) -> Bool {
        var packet = Packet(.offer)
        packet.append(UInt32(0))
        Offer(features: Features.own, key: key, limits: limits).write(to: &packet)
        packet.append(id)
        // Kept open no longer: its last holder's end is the other's.
        guard let end = parts?.end.take() else { return false }
        return try link.send(packet, memory, end.number)
    }

    /// UNTRUSTED: the other's half, checked as in a handshake. What it throws is no fault of the host's.
    package func meet(_ news: consuming IntroductionNews) throws(LinkError) -> Link {
        guard news.packet.bytes.count == 64, let parts = parts.take() else {
            throw .violation("an offer that is none, or a second")
        }
        var outbox: Descriptor?
        let accepted = try Accepted(news.packet, &news.descriptors, outbox: &outbox)
        return Link(
            Link.Parts(
                id: id, peer: peer, limits: limits, key: key, own: parts.own.mapping, theirs: accepted,
                socket: parts.socket, outbox: outbox, barrier: Features.own.contains(.barrier),
                takesDescriptors: false, watchesProcess: false, start: oro_now()))
    }
}
