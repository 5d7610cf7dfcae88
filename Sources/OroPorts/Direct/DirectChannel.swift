// SPDX-License-Identifier: Apache-2.0

import DequeModule
import OroBase
import OroFrame
import OroLink

/// A direct channel, as an owner of one of its ends knows it: messages without ports go over a link of the
/// two owners' own, without the host in between.
///
/// Each message keeps its number among all of its direction, so whoever receives puts the two streams together by
/// counting. Each is kept here until it is known to have been taken; so nothing is lost when the direct channel ends:
/// what is not known to have been taken is posted through the broker, before anything else is. And what has come over
/// the direct channel is kept for the other owner, should that be gone before it has done so. See
/// `docs/decisions/015-direct-links.md`.
///
/// All of it belongs to whoever has the lock of the node.
package final class DirectChannel: DirectChannelProtocol {
    package let token: UInt64
    package let link: any DirectTransport
    private unowned let node: PortNode
    /// `nil` once the port is closed or has gone on.
    private var port: LocalPort?

    /// Messages go over it.
    package private(set) var isSending = false
    /// Some have.
    private var hasBegun = false
    private var hasResumed = false
    /// What is to be sent again when the link to the broker has room.
    private var pending: PendingStep?
    private var isThrough = false
    /// What was sent over the direct channel and is not known to have been taken.
    private var retained = SequencedQueue<Parcel<Never>>()

    /// What came before messages that are still on their way through the broker.
    private var early = SequencedQueue<Parcel<Never>>()
    /// Bytes of what has come over the direct channel and was not taken.
    private var waitingCost = 0
    /// The sequence number after the last message that came through the broker, and whether the broker has been sent an
    /// acknowledgement up to it.
    private var brokered: UInt64 = 0
    private var isBrokerNotified = false
    /// What had come and was not taken when the port went on, from `keptFrom` on. That is `nil` where nobody wants it.
    private var kept = SequencedQueue<Parcel<Never>>()
    private var keptFrom: UInt64?

    private enum PendingStep { case stop, drain }

    package init(_ token: UInt64, _ link: any DirectTransport, _ port: LocalPort, node: PortNode) {
        self.token = token
        self.link = link
        self.port = port
        self.node = node
        brokered = port.inbox.end
    }

    // MARK: Sending

    /// Both owners are ready.
    package func go() {
        guard let port, !isThrough, !link.isOver else { return stop() }
        isSending = true
        hasBegun = true
        retained = SequencedQueue(taken: port.window.sent)
    }

    /// Sends a message of its port. False: it has to go through the broker, as what comes after it has to.
    package func send(_ message: Parcel<Never>) -> Bool {
        var message = message
        message.number = token
        do throws(LinkError) {
            try link.send(message)
        } catch {
            stop()
            return false
        }
        // The port counts on with each message it sends.
        return retained.append(message)
    }

    /// The other end has taken so many messages in all.
    package func acknowledge(_ count: UInt64) {
        if hasBegun { retained.take(below: count) }
    }

    /// A message has to go through the broker: so has what was sent before it. Throws when that cannot be posted now;
    /// then the message must not be, either.
    package func yield() throws(IPCError) { if hasBegun { try postAgain() } }

    /// Posts through the broker again. What cannot be posted now, because the link's queue is full, is by whoever posts
    /// next, or when there is room.
    package func stop() {
        do throws(IPCError) { try postAgain() } catch { postpone(.stop) }
    }

    private func postpone(_ what: PendingStep) {
        pending = what
        node.notePending()
    }

    /// There is room again.
    package func takePending() {
        let what = pending
        pending = nil
        switch what {
        case .stop: stop()
        case .drain: drain()
        case nil: break
        }
    }

    /// First what is not known to have been taken; then the broker is told that it has all. Nothing when it was.
    package func postAgain() throws(IPCError) {
        isSending = false
        guard let port, !isThrough else { return }
        if !hasResumed, !retained.isEmpty || retained.taken > 0 {
            try node.send(.direct(DirectChannelFrame(token, .resume, number: retained.taken)))
        }
        hasResumed = true
        while let message = retained.first {
            try post(message, as: port.number, consumed: port.consumed)
            _ = retained.popFirst()
        }
        try node.send(.consumed(port.number, count: SequenceNumber(own: port.consumed)))
        port.noteReported()
        try node.send(.direct(DirectChannelFrame(token, .through)))
        isThrough = true
    }

    private func post(_ message: Parcel<Never>, as number: UInt64, consumed: UInt64) throws(IPCError) {
        var posted: Parcel<PostedPort> = message.transferring([])
        (posted.number, posted.consumed) = (number, SendWindow.low(consumed))
        do throws(IPCError) {
            try node.send(.message(posted))
        } catch {
            guard error.kind == .range else { throw error }
            // The host takes no message of this size: as if the broker had found that out.
            try node.send(.message(posted.unreadable))
        }
    }

    // MARK: Receiving

    /// A message that came through the broker is there.
    package func noteBrokered(_ seq: UInt64) {
        brokered = seq + 1
        isBrokerNotified = false
        takeEarly()
    }

    /// UNTRUSTED: a message from the other owner.
    package func arrive(_ message: Parcel<Never>) throws(LinkError) {
        let seq = message.seq.value
        guard let port else { return keep(message) }
        port.acknowledge(low: message.consumed)
        guard seq >= port.inbox.end else { return }
        guard seq - port.consumed < PortLimits.window,
            waitingCost < 2 * PortLimits.windowBytes + link.longestMessage
        else { throw .violation("more messages for a port than it may be sent") }
        waitingCost += message.cost
        if seq == port.inbox.end { return accept(message, port) }
        guard early.append(message) else { throw .violation("a message of a port out of turn") }
    }

    private func accept(_ message: Parcel<Never>, _ port: LocalPort) {
        var parcel: Parcel<LocalPort> = message.transferring([])
        parcel.isDirect = true
        port.arrive(parcel)
    }

    private func takeEarly() {
        guard let port else { return }
        while let first = early.first, first.seq.value <= port.inbox.end {
            _ = early.popFirst()
            // One that came both ways is there already.
            if first.seq.value == port.inbox.end {
                accept(first, port)
            } else {
                waitingCost -= first.cost
            }
        }
    }

    /// For the owner before the last: only what can still be missing.
    private func keep(_ message: Parcel<Never>) {
        guard let keptFrom, message.seq.value >= keptFrom, message.seq.value - keptFrom < PortLimits.window,
            waitingCost < 2 * PortLimits.windowBytes + link.longestMessage, kept.append(message)
        else { return }
        waitingCost += message.cost
    }

    /// A message was taken.
    package func noteTaken(_ parcel: Parcel<LocalPort>) { if parcel.isDirect { waitingCost -= parcel.cost } }

    /// Whether the other owner is told over the direct channel that messages were taken. The broker is told of those
    /// that came by it.
    package func reports(_ count: UInt64) -> Bool {
        guard isSending, count > brokered else { return false }
        if !isBrokerNotified {
            isBrokerNotified = true
            try? node.send(.consumed(port?.number ?? 0, count: SequenceNumber(own: brokered)))
        }
        return link.sendConsumed(token, count)
    }

    /// The same, from the other owner.
    package func acknowledged(_ count: UInt64) { port?.acknowledge(count) }

    // MARK: Ending

    /// The port has gone on, or is closed (then nobody wants what has come). The direct channel was stopped before.
    package func leave(keeping: Bool) {
        guard let port else { return }
        if keeping {
            kept = directArrivals(port)
            keptFrom = port.consumed
        }
        detach()
    }

    private func directArrivals(_ port: LocalPort) -> SequencedQueue<Parcel<Never>> {
        var all = SequencedQueue<Parcel<Never>>(taken: port.consumed)
        // What is early has numbers above all in the inbox.
        port.inbox.forEach { if $0.isDirect { _ = all.append($0.transferring([])) } }
        early.forEach { _ = all.append($0) }
        return all
    }

    /// The other owner is gone: what it had sent over the direct channel, and nobody has taken, is posted in its stead.
    /// What had come through the broker that knows by itself.
    package func drain() {
        let all = port.map { directArrivals($0) } ?? kept
        let number = token | DirectChannelFrame.peerBit
        do throws(IPCError) {
            try node.send(.direct(DirectChannelFrame(token, .resumeForPeer, number: port?.consumed ?? keptFrom ?? 0)))
            for index in 0..<all.count { try post(all[index], as: number, consumed: 0) }
            try node.send(.direct(DirectChannelFrame(token, .throughForPeer)))
        } catch {
            // Said from the beginning then: what the broker has heard it takes for nothing new.
            postpone(.drain)
        }
    }

    /// Nothing more is to come of it.
    package func end() {
        detach()
        kept = SequencedQueue()
        pending = nil
    }

    private func detach() {
        port?.channel = nil
        port = nil
        isSending = false
        retained = SequencedQueue()
        early = SequencedQueue()
    }
}
