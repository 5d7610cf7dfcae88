// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame
import OroLink
import Synchronization

// What the receiver does: read, hand results to their waiters, sleep, end.
extension ClientCore {
    /// Makes the calling thread the receiver, unless there is one.
    @inline(__always)
    func takeReceiver() -> Receiver? {
        guard receiverLock.tryTake() else { return nil }
        let receiver = Receiver(holding: self)
        if unsafe receiver.state.pointee.isArmed {
            unsafe receiver.state.pointee.isArmed = false
            disarmLink(receiver)
        }
        return receiver
    }

    /// At the end of a receiver.
    @inline(__always)
    func endReceiving() {
        if !isAttached.load(ordering: .relaxed) {
            _ = receiverLock.release()
            return
        }
        endReceivingWatched(Receiver(holding: self))
    }

    /// The same where a background thread waits for news of this link.
    @inline(never)
    private func endReceivingWatched(_ first: consuming Receiver) {
        var receiver = first
        while true {
            let watching = needsWatch
            if unsafe watching && !isWatched.load(ordering: .sequentiallyConsistent)
                && !receiver.state.pointee.isArmed
            {
                if armLink(receiver) {
                    unsafe receiver.state.pointee.isArmed = true
                } else {
                    // For the background thread to read.
                    background.withLock { $0 }?.look(self)
                }
            }
            // Wanted: the background thread heard the bell while there was a receiver, and sleeps now. What the bell
            // was for may have come after the link was armed here, and there is one signal for each sleep: disarm, look
            // again. SYNC: or a task was suspended meanwhile and found a receiver. It counts itself and then tries the
            // lock; the lock is let go here and then the count is looked at, both sequentially consistent.
            guard receiver.releaseAsItIs() || (!watching && needsWatch), let again = takeReceiver() else { return }
            receiver = again
        }
    }

    /// Sees to it that what comes for a task that is now suspended is heard.
    func watch() {
        // SYNC: the background thread says it looks no more, and then looks at the count that the caller has raised.
        if isWatched.load(ordering: .sequentiallyConsistent) { return }
        // In a task on its own thread: it looks when the task lets go.
        if options.idle == .spin || jobsHere?.isCurrent == true {
            // It polls for as long as somebody is suspended.
            background.withLock { $0 }?.look(self)
        } else {
            takeReceiver()?.release()
        }
    }

    /// Reads what has come and hands each result to its waiter. The result for `mine` is left in `spare`. Not much
    /// longer than until `end` (`oro_ticks`).
    @inline(__always)
    func receive(
        _ receiver: borrowing Receiver, _ spare: inout FrameStorage, mine: UInt64, until end: UInt64 = .max
    ) throws(LinkError) -> (count: Int, gotMine: Bool) {
        var gotMine = false
        if unsafe receiver.state.pointee.hasEnded { throw takeEnding(receiver) }
        if link.socketHasNews { try link.readSocket() }
        let count: Int
        do throws(LinkError) {
            count = try drain(receiver, &spare, mine, end, &gotMine)
        } catch {
            // What came before the end is an answer: the end is for the next who reads.
            guard gotMine else { throw error }
            unsafe receiver.state.pointee.ending = error
            unsafe receiver.state.pointee.hasEnded = true
            count = 1
        }
        return (count, gotMine)
    }

    /// The same for whoever waits for no result of a thread's.
    @inline(__always)
    func receive(_ receiver: borrowing Receiver, until end: UInt64 = .max) throws(LinkError) -> Int {
        unsafe try receive(receiver, &receiver.state.pointee.spare, mine: ClientCore.nobody, until: end).count
    }

    private func takeEnding(_ receiver: borrowing Receiver) -> LinkError {
        unsafe receiver.state.pointee.hasEnded = false
        return unsafe receiver.state.pointee.ending.take() ?? .closed
    }

    @inline(__always)
    private func drain(
        _ receiver: borrowing Receiver, _ spare: inout FrameStorage, _ mine: UInt64, _ end: UInt64,
        _ gotMine: inout Bool
    ) throws(LinkError) -> Int {
        defer { unsafe receiver.state.pointee.arrivals.end() }
        return try link.drain(limit: ClientCore.messagesAtOnce, until: end) { (incoming) throws(LinkError) in
            if gotMine || !FrameStorage.isFree(&spare) {
                var other = freshStorage
                switch try read(&other, incoming) {
                case .result: break
                case .other: return try takeOther(receiver, other)
                case .nothing: return
                }
                if !gotMine && other.header.ticket == mine {
                    spare = other
                    gotMine = true
                } else {
                    deliver(other)
                }
                return
            }
            switch try read(&spare, incoming) {
            case .result: break
            case .other:
                defer { spare = takeChunkSpare(receiver) ?? freshStorage }
                return try takeOther(receiver, spare)
            case .nothing: return
            }
            if unsafe spare.fields.pointee.header.ticket == mine {
                gotMine = true
            } else {
                deliver(spare)
                spare = freshStorage
            }
        }
    }

    /// Memory of a chunk that was read, if nobody has kept anything of it.
    private func takeChunkSpare(_ receiver: borrowing Receiver) -> FrameStorage? {
        guard var storage = unsafe receiver.state.pointee.chunkSpare.take(), FrameStorage.isFree(&storage) else {
            return nil
        }
        return storage
    }

    /// What came.
    enum Read {
        case result
        case other
        /// What the account had no room for, and has been dealt with.
        case nothing
    }

    /// For what comes from the host.
    var freshStorage: FrameStorage { FrameStorage(link.account) }

    /// UNTRUSTED: takes over what came, and checks it.
    @inline(__always)
    func read(_ storage: inout FrameStorage, _ incoming: Incoming) throws(LinkError) -> Read {
        storage.fill(incoming)
        do throws(FrameError) {
            try storage.readHeader()
        } catch {
            return try readRefused(&storage, incoming, error)
        }
        if unsafe storage.fields.pointee.header.flags.contains(.lent) {
            try storage.borrow(from: link)
        } else {
            unsafe copiedIn.note(Int(storage.fields.pointee.header.payloadBytes))
        }
        return unsafe storage.fields.pointee.header.kind == .result ? .result : .other
    }

    /// UNTRUSTED: what came is malformed, or there is no memory for it: then whoever waits for it is told so, and only
    /// where nobody can be told does the link end.
    private func readRefused(
        _ storage: inout FrameStorage, _ incoming: Incoming, _ error: FrameError
    ) throws(LinkError) -> Read {
        guard storage.takeRefusal() else { throw .violation("a malformed frame: \(error)") }
        let head = try FrameHead(of: incoming)
        let why = link.account.refusal
        guard case .overQuota = why else { throw why }
        switch head.kind {
        case .result where head.ticket != 0, .end:
            var frame = Frame(head.kind)
            frame.ticket = head.ticket
            if head.kind == .result { frame.seq = head.seq }
            frame.failed = true
            frame.value = IPCError(why).value
            // An error of ours, which has a form and fits.
            guard let answer = try? FrameStorage(frame, nil) else { throw why }
            storage = answer
            return head.kind == .result ? .result : .other
        case .chunk: try refuseChunk(head.ticket, IPCError(why))
        // Dropped, as if there were no room where they wait to be heard.
        case .event, .result: break
        default: throw why
        }
        return .nothing
    }

    /// UNTRUSTED: a frame that is no result.
    func takeOther(_ receiver: borrowing Receiver, _ storage: FrameStorage) throws(LinkError) {
        switch storage.header.kind {
        case .chunk: try takeChunk(receiver, storage)
        case .end: try takeEnd(storage)
        case .credit: try takeCredit(storage.header)
        case .event: try takeEvent(storage)
        case let kind where kind.isOfPorts: try takePort(receiver, storage)
        case .goodbye: throw goodbye(storage)
        case .drain: drains()
        default: throw .violation("a frame that a host does not send: \(storage.header.kind)")
        }
    }

    /// The host says that it drains.
    private func drains() {
        isDraining.store(true, ordering: .relaxed)
        atDrain.withLock { $0.take() }?()
    }

    /// Gives a result to whoever waits for it. A result nobody waits for any more is counted and dropped.
    func deliver(_ storage: FrameStorage) {
        let ticket = storage.header.ticket
        if ticket == 0 { return takePush(storage) }
        let index = Int(UInt32(truncatingIfNeeded: ticket))
        if index < PendingTable.firstIndex {
            if !completeCall(of: index, ticket, .frame(storage)) { countLate() }
            return
        }
        complete(ticket, seq: try? storage.view.seq(), .frame(storage))
    }

    /// Ends the call with this ticket of the thread that owns `ring`. False: it was over.
    func completeCall(of ring: Int, _ ticket: UInt64, _ outcome: Outcome) -> Bool {
        guard unsafe rings[ring].finishCall(ticket, isShared: true) else { return false }
        let waiter = unsafe rings[ring].waiter
        waiter.outcome.withLock { $0 = outcome }
        waiter.word.change()
        return true
    }

    func countLate() { late.add(1, ordering: .relaxed) }

    /// Ends a request of the table.
    func complete(_ ticket: UInt64, seq: Seq?, _ outcome: Outcome) {
        let listener = pending.withLock { $0.complete(ticket, seq: seq, outcome) }
        switch listener {
        case .continuation(let continuation):
            suspended.subtract(1, ordering: .relaxed)
            outcome.handOver()
            unsafe continuation.resume(returning: outcome)
        case .thread(let waiter):
            waiter.outcome.withLock { $0 = outcome }
            waiter.word.change()
        case .stream(let streams): finish(streams, outcome)
        case .callback(let callback):
            if callback.finish(outcome) { suspended.subtract(1, ordering: .relaxed) }
        case .nobodyYet: break
        case nil: if case .frame = outcome { countLate() }
        }
    }

    /// Waits for the socket, or ``wakeUp()``. Armed. `isCancellable`: the thread may be cancelled meanwhile; it is in a
    /// ``ThreadWait``.
    func sleepOnLink(
        _ receiver: borrowing Receiver, nanoseconds: UInt64, isCancellable: Bool
    ) throws(LinkError) {
        if unsafe receiver.state.pointee.poller == nil { try makePoller(receiver) }
        var isGone = false
        unsafe receiver.state.pointee.poller?.wait(nanoseconds, isCancellable: isCancellable) { event in
            switch event.key {
            case SleepKey.socket: link.noteSocketEvent(hasHungUp: event.hasHungUp)
            case SleepKey.wakeup: break
            case SleepKey.pidfd: isGone = true
            default: noteDirectSocketEvent(receiver, event)
            }
        }
        // Now, also where the caller is to look at its deadline first.
        if link.socketHasNews { try link.readSocket() }
        if isGone { throw .peerGone }
    }

    private func makePoller(_ receiver: borrowing Receiver) throws(LinkError) {
        // epoll: receivers are different threads, and an io_uring's polls end with the thread that asked for them.
        let poller = try Poller(.epoll)
        try poller.add(link.socket.number, key: SleepKey.socket)
        try poller.add(wakeup.number, key: SleepKey.wakeup)
        if let pidfd = link.pidfd { try poller.add(pidfd, key: SleepKey.pidfd) }
        unsafe receiver.state.pointee.poller = consume poller
        for direct in unsafe receiver.state.pointee.directs.all { watchWhileAsleep(receiver, direct) }
    }

    /// Ends a sleep on the link, so that the sleeper looks around.
    func wakeUp() {
        if link.isForeign { return }
        oro_eventfd_signal(wakeup.number)
        receiverLock.wakeAll()
    }

    /// The link is over: everything that waits fails with the reason.
    func fail(_ why: LinkError) {
        // Nobody waits here: those who do are in the parent.
        if link.isForeign { return }
        link.end(why)
        let error = IPCError(link.ending ?? why)
        failing.add(1, ordering: .sequentiallyConsistent)
        let (unread, all) = inFlightAtEnd()
        for ticket in unread { complete(ticket, seq: nil, .error(lost(.notSent))) }
        let unknown = lost(.unknown)
        for ticket in all { complete(ticket, seq: nil, .error(unknown)) }
        closeDirectLinks(.closed)
        ports.end(error, keepsSubscriptions: comesBack && ClientConnection.comesBack(link.ending ?? why, self))
        // SYNC: of several threads that see the end the last tells of it, which may close the events: what another is
        // about to tell, the answer to a posted message, is among them.
        if failing.subtract(1, ordering: .sequentiallyConsistent).newValue == 0 { ended() }
        wakeUp()
    }

    /// Requests in a ring of the caller's that the host has not read, and never will; none unless it has ended the link
    /// in good order, for only then does it say exactly how far it has read.
    func unreadRequests(in ring: Int) -> Set<UInt64> {
        guard case .goodbye? = link.ending else { return [] }
        var tickets: Set<UInt64> = []
        unsafe link.forEachUnread(ring) { bytes in
            guard let head = try? FrameHead(unsafe bytes.bytes), head.kind == .request else { return }
            tickets.insert(head.ticket)
        }
        return tickets
    }

    /// What was in flight when the link ended: the requests of tasks that the host has not read, and all that wait.
    ///
    /// SYNC: with the lock of the ring that tasks share. A request takes its place in the table with that lock, looks
    /// whether the link has ended, and is written: so it is in the table and in the ring, or in neither.
    private func inFlightAtEnd() -> (unread: Set<UInt64>, all: [UInt64]) {
        var unread: Set<UInt64> = []
        var all: [UInt64]?
        try? link.withSharedRing { (ring) throws(LinkError) in
            unread = unreadRequests(in: ring)
            all = pending.withLock { $0.tickets }
        }
        return (unread, all ?? pending.withLock { $0.tickets })
    }

    /// The same in the ring that tasks share.
    private func unreadOfTasks() -> Set<UInt64> {
        var unread: Set<UInt64> = []
        try? link.withSharedRing { (ring) throws(LinkError) in unread = unreadRequests(in: ring) }
        return unread
    }

    /// The error of a task's request that was sent, maybe after the link's end was told to those who waited.
    func lost(_ ticket: UInt64) -> IPCError {
        lost(unreadOfTasks().contains(ticket) ? .notSent : .unknown)
    }

    /// The error of a request that came this far; the link is over.
    func lost(_ delivery: IPCError.Delivery) -> IPCError {
        IPCError(link.ending ?? .closed, delivery, peer: link.peer.processID)
    }

    /// How far a request of this thread came whose link is over.
    func delivery(_ ticket: UInt64) -> IPCError.Delivery {
        guard let ring = link.ownRing, unreadRequests(in: ring).contains(ticket) else { return .unknown }
        return .notSent
    }

    /// Most messages of a ring that are read at once.
    static let messagesAtOnce = 64
    /// Microseconds for what a host has sent before it went.
    private static let lastReading: UInt64 = 1_000_000

    /// What came before the end is still delivered.
    func failAfterReading(_ receiver: borrowing Receiver, _ why: LinkError) {
        if link.isForeign { return }
        var last = why
        if case .peerGone = why {
            var spare = freshStorage
            var gotMine = false
            do throws(LinkError) {
                if unsafe receiver.state.pointee.hasEnded { throw takeEnding(receiver) }
                // UNTRUSTED: as much as the rings hold. A host that hangs up and goes on writing does not hold us up.
                // The rings alone: the socket may say once more that it is closed, and what came before is not read.
                let end = oro_ticks() &+ ClientCore.lastReading * oro_ticks_per_us()
                for _ in 0...link.roundsToEmpty(limit: ClientCore.messagesAtOnce) {
                    if try drain(receiver, &spare, ClientCore.nobody, end, &gotMine) == 0 || oro_ticks() > end { break }
                }
            } catch {
                if case .goodbye = error { last = error }
            }
        }
        fail(last)
        link.forgetPeerMemories()
    }
}
