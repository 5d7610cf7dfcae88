// SPDX-License-Identifier: Apache-2.0

import CSupport
import Synchronization

// The socket of a link: wake packets, which say nothing but "look", and control packets, which announce something.
//
// To a poller every packet is an edge, read or not. So a wake packet need not be read when it wakes: those that have
// come are read together, before they could fill the send buffer of the waker, whose next one would then be dropped. A
// peer counts in its control page what it sends, before it sends it; the counts say when reading pays, and nothing
// depends on them that is not the peer's own loss.

extension Link {
    /// Packets read in a turn; the others wait for the next.
    package static let packetsAtOnce = 32
    /// Most packets read for one thing that must be among them: more than a send buffer of the usual kind holds.
    private static let packetsAnnounced = 1024
    /// Unread wake packets with which nobody goes to sleep. The smallest send buffer there is, 4 608 bytes, holds six
    /// packets.
    static let wakesUnread: Int32 = 4

    // MARK: Sending. Any thread.

    /// Sends a control packet. It wakes the peer by itself. False: the socket, or the kernel, has no room for it now.
    func send(_ packet: Packet, _ descriptors: [Int32]) throws(LinkError) -> Bool {
        try controls.withLock { (_) throws(LinkError) in
            // Before it is sent: whoever hears of the packet finds it announced.
            unsafe oro_attention_announce(attention)
            var isSent = false
            defer { if !isSent { unsafe oro_attention_take_back(attention) } }
            isSent = try packet.send(to: outbox, descriptors)
            return isSent
        }
    }

    func send(_ packet: Packet, _ descriptors: Int32...) throws(LinkError) -> Bool { try send(packet, descriptors) }

    // MARK: Reading. By the receiver.

    /// The peer has announced control packets since the socket was last read, or the last look has left some.
    @inlinable
    package var socketHasNews: Bool {
        unsafe oro_attention_control_messages(peerAttention) != receiving.pointee.controlsSeen
    }

    /// The socket has told of something: reads it at the next look, unless it can only be a wake packet. Any thread may
    /// ask; whoever is not the receiver leaves the answer to it.
    package func mustRead(hasHungUp: Bool) -> Bool {
        // SYNC: relaxed: the peer counts a packet before it is sent, and it was sent before the socket told of it.
        unsafe hasHungUp
            || oro_attention_control_messages(peerAttention) != controlsRead.load(ordering: .relaxed)
    }

    /// The socket has told of something, by the receiver. What there is to read is read at the next look.
    package func noteSocketEvent(hasHungUp: Bool) {
        unsafe receiving.pointee.isSocketRead = false
        if mustRead(hasHungUp: hasHungUp) { expectMore() }
    }

    /// ``socketHasNews`` from now on.
    func expectMore() {
        // No count that is near, so that the next packets do not make it seem read.
        unsafe receiving.pointee.controlsSeen = oro_attention_control_messages(peerAttention) ^ 0x8000_0000
    }

    /// Reads what the socket holds, at most `most` packets and one after `end` (`oro_ticks`): further rings, memories,
    /// wake packets, or the end of the peer. What is left is news again.
    package func readSocket(most: Int = Link.packetsAtOnce, until end: UInt64 = .max) throws(LinkError) {
        // Before the packets: one that comes later is news again.
        let announced = unsafe oro_attention_control_messages(peerAttention)
        for _ in 0..<most {
            switch try Packet.receive(from: socket) {
            case .nothing:
                unsafe receiving.pointee.controlsSeen = announced
                unsafe receiving.pointee.isSocketRead = true
                return
            case .hangUp:
                // It is said once: what is in the rings may still be read.
                unsafe receiving.pointee.controlsSeen = announced
                throw .peerGone
            case .wake: try takeWake()
            case .packet(let packet, let descriptors):
                controlsRead.store(controlsRead.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
                try take(packet, descriptors)
            }
            if oro_ticks() > end { break }
        }
        expectMore()
    }

    /// The same for something that was announced before what has just come, and must be there.
    package func readAnnounced() throws(LinkError) { try readSocket(most: Link.packetsAnnounced) }

    /// UNTRUSTED: one for each sleep, and no more.
    private func takeWake() throws(LinkError) {
        unsafe receiving.pointee.wakesRead &+= 1
        guard unsafe Int32(bitPattern: oro_sleep_count(sleeper) &- receiving.pointee.wakesRead) >= 0 else {
            throw .violation("more wake packets than this side has slept")
        }
    }

    /// False: there are so many wake packets that they are to be read first.
    ///
    /// UNTRUSTED: a count that cannot be costs a look at the socket for each sleep, and a peer that counts too few
    /// fills its own send buffer.
    func readsSocketInTime() -> Bool {
        let unread = unsafe Int32(
            bitPattern: oro_attention_wake_packets(peerAttention) &- receiving.pointee.wakesRead)
        if unsafe unread < Link.wakesUnread && unread >= 0 || receiving.pointee.isSocketRead { return true }
        expectMore()
        return false
    }

    /// UNTRUSTED: one control packet.
    private func take(_ packet: Packet, _ descriptors: consuming Descriptors) throws(LinkError) {
        var descriptors = descriptors
        switch packet.kind {
        case .ring: try openPeerRing(packet, try descriptors.takeOne())
        case .memory: try openPeerMemory(packet, try descriptors.takeOne())
        case .releaseRing:
            try arena.openReturns(try descriptors.takeOne(), slots: Int(packet.number(4) as UInt32))
        case .forget:
            let slot = Int(packet.number(4) as UInt16)
            guard peerMemories.indices.contains(slot), peerMemories[slot] != nil else {
                throw .violation("a memory forgotten that was never passed")
            }
            // Whoever still reads in it keeps it mapped.
            peerMemories[slot] = nil
        case .descriptors: try openPeerDescriptors(packet, &descriptors)
        case .introduction, .offer:
            guard let introductions else { throw .violation("an unexpected packet") }
            try introductions.takeIntroduction(IntroductionNews(packet: packet, descriptors: descriptors))
        case .nudge:
            guard let introductions else { throw .violation("an unexpected packet") }
            try introductions.mustReadRings()
        default: throw .violation("an unexpected packet")
        }
    }
}

extension Link: BlockLink {}
