// SPDX-License-Identifier: Apache-2.0

import DequeModule
import OroFrame
import OroLink

/// The direct way of a channel, as an owner of one of its ends knows it: messages without ports go over a link of the
/// two owners' own, without the host in between.
///
/// Each message keeps its number among all of its direction, so whoever receives puts the two ways together by
/// counting. Each is kept here until it is known to have been taken; so nothing is lost when the way ends: what is not
/// known to have been taken is posted through the broker, before anything else is. And what has come over the way is
/// kept for the other owner, should that be gone before it has done so. See `docs/decisions/015-direct-links.md`.
///
/// All of it belongs to whoever has the lock of the home.
final class DirectChannel: PortWay {
    let token: UInt64
    let link: DirectTransport
    private unowned let home: PortHome
    /// `nil` once the port is closed or has gone on.
    private var port: PortEndpoint?

    /// Messages go over it.
    private(set) var isSending = false
    /// Some have.
    private var hasBegun = false
    private var hasResumed = false
    /// What is to be said again when the link to the broker has room.
    private var unsaid: Unsaid?
    private var isThrough = false
    /// What was sent over the way and is not known to have been taken, and the number of the first of it.
    private var retained: Deque<PortContent> = []
    private var firstRetained: UInt64 = 0

    /// What came before messages that are still on their way through the broker.
    private var early: Deque<Numbered> = []
    /// Bytes of what has come over the way and was not taken.
    private var waitingCost = 0
    /// Behind the last message that came through the broker; and that it knows so many to be taken.
    private var brokered: UInt64 = 0
    private var isBrokerTold = false
    /// What had come and was not taken when the port went on, from `keptFrom` on. That is `nil` where nobody wants it.
    private var kept: Deque<Numbered> = []
    private var keptFrom: UInt64?

    private enum Unsaid { case stop, drain }

    private struct Numbered {
        var seq: UInt64
        var content: PortContent
    }

    init(_ token: UInt64, _ link: DirectTransport, _ port: PortEndpoint, home: PortHome) {
        self.token = token
        self.link = link
        self.port = port
        self.home = home
        brokered = port.received
    }

    // MARK: Sending

    /// Both owners are ready.
    func go() {
        guard let port, !isThrough, !link.isOver else { return stop() }
        isSending = true
        hasBegun = true
        firstRetained = port.sent
    }

    /// Sends a message without ports. False: it has to go through the broker, as what comes after it has to.
    func send(_ content: PortContent, from port: PortEndpoint) -> Bool {
        let message = PortFrame.Message(
            number: token, seq: SequenceNumber(own: port.sent),
            consumed: UInt32(truncatingIfNeeded: port.consumed) & PortOperation.countMask,
            content: content, carried: [])
        do throws(LinkError) {
            try link.send(message)
        } catch {
            stop()
            return false
        }
        retained.append(content)
        return true
    }

    /// The other end has taken so many messages in all.
    func acknowledge(_ count: UInt64) {
        while firstRetained < count, retained.popFirst() != nil { firstRetained += 1 }
    }

    /// A message has to go through the broker: so has what was sent before it. Throws when that cannot be posted now;
    /// then the message must not be, either.
    func yield() throws(IPCError) { if hasBegun { try postAgain() } }

    /// Posts through the broker again. What cannot be posted now, because the link's queue is full, is by whoever posts
    /// next, or when there is room.
    func stop() {
        do throws(IPCError) { try postAgain() } catch { sayLater(.stop) }
    }

    private func sayLater(_ what: Unsaid) {
        unsaid = what
        home.noteUnsaid()
    }

    /// There is room again.
    func sayUnsaid() {
        let what = unsaid
        unsaid = nil
        switch what {
        case .stop: stop()
        case .drain: drain()
        case nil: break
        }
    }

    /// First what is not known to have been taken; then the broker is told that it has all. Nothing when it was.
    func postAgain() throws(IPCError) {
        isSending = false
        guard let port, !isThrough else { return }
        if !hasResumed, !retained.isEmpty || firstRetained > 0 {
            try home.send(.way(PortWayFrame(token, .resume, number: firstRetained)))
        }
        hasResumed = true
        while let content = retained.first {
            try post(content, seq: firstRetained, as: port.number, consumed: port.consumed)
            retained.removeFirst()
            firstRetained += 1
        }
        try home.send(.consumed(port.number, count: SequenceNumber(own: port.consumed)))
        port.noteSaid()
        try home.send(.way(PortWayFrame(token, .through)))
        isThrough = true
    }

    private func post(
        _ content: PortContent, seq: UInt64, as number: UInt64, consumed: UInt64
    ) throws(IPCError) {
        var posting = PortPosting(
            number: number, seq: SequenceNumber(own: seq),
            consumed: UInt32(truncatingIfNeeded: consumed) & PortOperation.countMask,
            content: content)
        do throws(IPCError) {
            try home.send(.message(posting))
        } catch {
            guard error.kind == .range else { throw error }
            // The host takes no message of this size: as if the broker had found that out.
            posting.content = .unreadable
            try home.send(.message(posting))
        }
    }

    // MARK: Receiving

    /// A message that came through the broker is there.
    func noteBrokered(_ seq: UInt64) {
        brokered = seq + 1
        isBrokerTold = false
        takeEarly()
    }

    /// UNTRUSTED: a message from the other owner.
    func arrive(_ message: PortFrame.Message) throws(LinkError) {
        let seq = message.seq.value
        guard let port else { return keep(Numbered(seq: seq, content: message.content)) }
        port.acknowledge(low: message.consumed)
        guard seq >= port.received else { return }
        let cost = message.content.cost
        guard seq - port.consumed < PortLimits.window,
            waitingCost < 2 * PortLimits.windowBytes + link.longestMessage
        else { throw .violation("more messages for a port than it may be sent") }
        waitingCost += cost
        if seq == port.received { return accept(message.content, port) }
        let next = Numbered(seq: seq, content: message.content)
        guard early.last.map({ $0.seq < next.seq }) ?? true else { throw .violation("a message of a port out of turn") }
        early.append(next)
    }

    private func accept(_ content: PortContent, _ port: PortEndpoint) {
        port.received += 1
        port.arrive(PortEndpoint.Arrival(content: content, carried: [], isDirect: true))
    }

    private func takeEarly() {
        guard let port else { return }
        while let first = early.first, first.seq <= port.received {
            early.removeFirst()
            // One that came both ways is there already.
            if first.seq == port.received { accept(first.content, port) } else { waitingCost -= first.content.cost }
        }
    }

    /// For the owner before the last: only what can still be missing.
    private func keep(_ message: Numbered) {
        guard let keptFrom, message.seq >= keptFrom, message.seq - keptFrom < PortLimits.window,
            waitingCost < 2 * PortLimits.windowBytes + link.longestMessage,
            kept.last.map({ $0.seq < message.seq }) ?? true
        else { return }
        waitingCost += message.content.cost
        kept.append(message)
    }

    /// A message was taken.
    func noteTaken(_ arrival: PortEndpoint.Arrival) { if arrival.isDirect { waitingCost -= arrival.content.cost } }

    /// Whether the other owner is told over the way that messages were taken. The broker is told of those that came by
    /// it.
    func saysConsumed(_ count: UInt64) -> Bool {
        guard isSending, count > brokered else { return false }
        if !isBrokerTold {
            isBrokerTold = true
            try? home.send(.consumed(port?.number ?? 0, count: SequenceNumber(own: brokered)))
        }
        return link.sendConsumed(token, count)
    }

    /// The same, from the other owner.
    func acknowledged(_ count: UInt64) { port?.acknowledge(count) }

    // MARK: Ending

    /// The port has gone on, or is closed (then nobody wants what has come). The way was stopped before.
    func leave(keeping: Bool) {
        guard let port else { return }
        if keeping {
            kept = directArrivals(port)
            keptFrom = port.consumed
        }
        detach()
    }

    private func directArrivals(_ port: PortEndpoint) -> Deque<Numbered> {
        var all: Deque<Numbered> = []
        for (index, arrival) in port.inbox.enumerated() where arrival.isDirect {
            all.append(Numbered(seq: port.consumed + UInt64(index), content: arrival.content))
        }
        return all + early
    }

    /// The other owner is gone: what it had sent over the way, and nobody has taken, is posted in its stead. What had
    /// come through the broker that knows by itself.
    func drain() {
        let all = port.map { directArrivals($0) } ?? kept
        let number = token | PortWayFrame.peerBit
        do throws(IPCError) {
            try home.send(.way(PortWayFrame(token, .resumeForPeer, number: port?.consumed ?? keptFrom ?? 0)))
            for message in all { try post(message.content, seq: message.seq, as: number, consumed: 0) }
            try home.send(.way(PortWayFrame(token, .throughForPeer)))
        } catch {
            // Said from the beginning then: what the broker has heard it takes for nothing new.
            sayLater(.drain)
        }
    }

    /// Nothing more is to come of it.
    func end() {
        detach()
        kept = []
        unsaid = nil
    }

    private func detach() {
        port?.way = nil
        port = nil
        isSending = false
        retained = []
        early = []
    }
}
