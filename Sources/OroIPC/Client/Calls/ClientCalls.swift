// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame
import OroLink
import Synchronization

// Calls that block their thread: a request, and the wait for its result.
extension ClientCore {
    /// The errors that keep a request from being sent at all.
    func refusal(_ command: String, _ options: CallOptions?) -> IPCError? {
        if link.isForeign { return IPCError(.forked) }
        if let signal = options?.signal, signal.isAborted {
            // The request would have had this number.
            if options?.seq == nil { _ = takeSeq() }
            return .abort(signal)
        }
        if !CommandName.isValid(command) {
            return CommandName.refusal(command)
        }
        return nil
    }

    func deadline(_ options: CallOptions?) -> UInt64? {
        guard let timeout = options?.timeout else { return nil }
        // 32 bits of milliseconds travel with the request.
        return elapsedMilliseconds + min((timeout.nanoseconds + 999_999) / 1_000_000, 1_000_000_000)
    }

    /// The client's next own seq: 1, 2, 3, …, leaving out those that a caller has in flight.
    @inline(__always)
    func takeSeq() -> Seq {
        let seq = Seq(nextSeq.wrappingAdd(1, ordering: .relaxed).oldValue)
        return hasChosenSeqs.load(ordering: .relaxed) ? skipChosen(seq) : seq
    }

    func skipChosen(_ seq: Seq) -> Seq {
        var seq = seq
        while pending.withLock({ $0.isInFlight(seq) }) {
            seq = Seq(nextSeq.wrappingAdd(1, ordering: .relaxed).oldValue)
        }
        return seq
    }

    func isInFlight(_ seq: Seq) -> Bool {
        hasChosenSeqs.store(true, ordering: .sequentiallyConsistent)
        guard let small = seq.small, small < nextSeq.load(ordering: .sequentiallyConsistent) else {
            return pending.withLock { $0.isInFlight(seq) }
        }
        return pending.withLock { $0.isInFlightAmongOwn(seq) }
    }

    /// A request that blocks the calling thread until its result is there.
    func callSync(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, encoded: EncodedValue? = nil
    ) -> Result {
        if CallExtras.areWanted(options) {
            return callSyncWithExtras(command, value, bytes, options, encoded: encoded)
        }
        return callSyncPlainly(command, value, bytes, options, encoded: encoded)
    }

    /// A thread has a ring of its own, and with it a place for the result of its one call: nothing is locked, and while
    /// the host is awake neither is anything allocated nor the system called.
    @inline(__always)
    func callSyncPlainly(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, encoded: EncodedValue?
    ) -> Result {
        guard options?.seq == nil, let ring = link.ownRing ?? claimRing() else {
            return callInTable(command, value, encoded, bytes, options)
        }
        // A name that has a number was checked when it was first sent.
        let isNumbered = unsafe rings[ring].numbers.recall(command) != 0
        if !isNumbered || options?.signal != nil, let error = refusal(command, options) {
            return Result(err: error, source: command)
        }
        let (ticket, deadline): (UInt64, UInt64?)
        do throws(LinkError) {
            if link.isOver { throw link.ending ?? .closed }
            deadline = self.deadline(options)
            let bytes = try placed(bytes, options?.whenFull ?? .copy, deadline)
            ticket = unsafe rings[ring].nextTicket(ring)
            try send(
                .request, command, value, encoded, bytes, options?.headers, seq: takeSeq(), ticket: ticket,
                deadline: UInt32(truncatingIfNeeded: deadline ?? 0), ring: ring)
        } catch {
            unsafe rings[ring].waiter.ticket.store(0, ordering: .relaxed)
            return Result(err: notSent(error), source: command)
        }
        if let signal = options?.signal { return waitForReply(ring, ticket, deadline, signal, command) }
        return spinForReply(ring, ticket, deadline, isAbortable: false, command)
    }

    /// A ring for the calling thread that has none yet; `nil` in a task, and where all rings are taken.
    @inline(never)
    private func claimRing() -> Int? {
        if link.isForeign || link.isOver || isInTask { return nil }
        try? link.withRing(shared: false) { _ in }
        return link.ownRing
    }

    /// The error of a request that was not sent because of this one. Whoever finds the host gone by sending sees to it
    /// that the link ends, unless somebody reads there, who finds it too.
    @inline(never)
    func notSent(_ why: LinkError) -> IPCError {
        if case .peerGone = why, !link.isOver, let receiver = takeReceiver() { failAfterReading(receiver, why) }
        return IPCError(why, .notSent, peer: link.peer.processID)
    }

    /// Waits until the result is there, `signal` is aborted or the deadline has passed.
    @inline(never)
    private func waitForReply(
        _ ring: Int, _ ticket: UInt64, _ deadline: UInt64?, _ signal: AbortSignal, _ command: String
    ) -> Result {
        let token = signal.listen { [weak self] reason in
            guard let self else { return }
            _ = self.completeCall(of: ring, ticket, .error(.abort(reason)))
            self.wakeUp()
        }
        defer { signal.unlisten(token) }
        return spinForReply(ring, ticket, deadline, isAbortable: true, command)
    }

    /// Waits for the result of the call of the thread that owns `ring`: polls as long as that pays, and then sleeps.
    /// `isAbortable`: another thread may end the call meanwhile.
    @inline(__always)
    private func spinForReply(
        _ ring: Int, _ ticket: UInt64, _ deadline: UInt64?, isAbortable: Bool, _ command: String
    ) -> Result {
        defer { link.doneWithRing(ring) }
        if let receiver = takeReceiver() {
            let hasCome: Bool
            do throws(LinkError) {
                hasCome = unsafe try receiver.state.pointee.strategy.wait(
                    poll: { () throws(LinkError) in
                        let (count, gotMine) = unsafe try receive(receiver, &rings[ring].spare, mine: ticket)
                        if gotMine { return .arrived }
                        if count == 0 { return .nothing }
                        // Others' results without end must not keep this call beyond its own.
                        return deadline == nil && !isAbortable ? .progress : .over
                    },
                    spin: { link.spin($0) },
                    sharesProcessor: { link.sharesProcessor },
                    housekeep: { () throws(LinkError) in false },
                    park: { () throws(LinkError) in .over })
            } catch {
                return lost(receiver, error, ring, ticket, deadline, command)
            }
            let isMine = unsafe hasCome && rings[ring].finishCall(ticket, isShared: isAbortable)
            receiver.release()
            if isMine { return Result(unsafe rings[ring].spare, command, link: link.id) }
        }
        return parkForReply(unsafe rings[ring].waiter, ticket, deadline, command, ring: ring)
    }

    /// The link has ended while the receiver polled for its result.
    @inline(never)
    private func lost(
        _ receiver: consuming Receiver, _ why: LinkError, _ ring: Int, _ ticket: UInt64, _ deadline: UInt64?,
        _ command: String
    ) -> Result {
        failAfterReading(receiver, why)
        _ = receiver.releaseAsItIs()
        // What came before the end is looked for there.
        return parkForReply(unsafe rings[ring].waiter, ticket, deadline, command, ring: ring)
    }

    /// A place in the table of pending requests.
    func takeTicket(
        _ seq: Seq, isChosen: Bool, deadline: UInt64?, thread: ThreadWaiter? = nil, streams: RequestStreams? = nil,
        callback: PendingCallback? = nil, canBeResolved: Bool = false
    ) throws(IPCError) -> UInt64 {
        let ticket = pending.withLock { pending in
            pending.count >= options.pendingRequests
                ? 0
                : pending.take(
                    seq, isChosen: isChosen, deadline: deadline, thread: thread, streams: streams, callback: callback,
                    canBeResolved: canBeResolved)
        }
        guard let ticket else { throw .inFlight(seq) }
        guard ticket != 0 else { throw .tooMany(options.pendingRequests) }
        return ticket
    }

    /// The payload as it is sent: in a block where that is better and there is one. Blocks the calling thread where
    /// `whenFull` says so; `deadline` in milliseconds since the link's start.
    func placed(_ bytes: Bytes?, _ whenFull: WhenFull, _ deadline: UInt64?) throws(LinkError) -> Bytes? {
        guard let bytes, link.arena.wantsPlace(bytes) else { return bytes }
        let limit: UInt64 =
            switch whenFull {
            case .copy, .busy: 0
            case .wait: deadline.map { start + $0 * 1_000_000 } ?? .max
            }
        let block: OwnBlock
        do throws(LinkError) {
            block = try takeBlock(bytes.count, until: limit)
        } catch {
            if whenFull == .copy, !link.isOver { return bytes }
            throw error
        }
        return bytes.copied(to: block)
    }

    /// A synchronous call in a task, whose requests go through the ring that tasks share; of a thread for which there
    /// is no ring; or with a seq of the caller's own. Its result is found by the table of pending requests.
    @inline(never)
    private func callInTable(
        _ command: String, _ value: Value?, _ encoded: EncodedValue?, _ bytes: Bytes?, _ options: CallOptions?
    ) -> Result {
        if let error = refusal(command, options) { return Result(err: error, source: command) }
        let seq = options?.seq ?? takeSeq()
        if options?.seq != nil, isInFlight(seq) { return Result(err: .inFlight(seq), source: command) }
        let waiter = ThreadWaiter()
        let (ticket, deadline): (UInt64, UInt64?)
        do throws(LinkError) {
            if link.isOver { throw link.ending ?? .closed }
            deadline = self.deadline(options)
            let bytes = try placed(bytes, options?.whenFull ?? .copy, deadline)
            do throws(IPCError) {
                ticket = try takeTicket(seq, isChosen: options?.seq != nil, deadline: nil, thread: waiter)
            } catch {
                return Result(err: error, source: command)
            }
            do throws(LinkError) {
                try link.withRing(shared: isInTask) { (ring) throws(LinkError) in
                    try send(
                        .request, command, value, encoded, bytes, options?.headers, seq: seq, ticket: ticket,
                        deadline: UInt32(truncatingIfNeeded: deadline ?? 0), ring: ring)
                }
            } catch {
                pending.withLock { $0.free(ticket) }
                throw error
            }
        } catch {
            return Result(err: notSent(error), source: command)
        }
        let token = options?.signal?.listen { [weak self] reason in
            self?.complete(ticket, seq: nil, .error(.abort(reason)))
            self?.wakeUp()
        }
        defer { if let token { options?.signal?.unlisten(token) } }
        return parkForReply(waiter, ticket, deadline, command, ring: nil)
    }

    /// Waits as long as it takes, with sleeps. `ring`: the waiter is that of a ring, else one of the table.
    @inline(never)
    private func parkForReply(
        _ waiter: ThreadWaiter, _ ticket: UInt64, _ deadline: UInt64?, _ command: String, ring: Int?
    ) -> Result {
        var wait = ReplyWait(self, waiter, ticket, deadline, command, ring: ring)
        return wait.result()
    }

    /// Tells the host that nobody waits for `ticket` any more. Best effort: a host that cannot be told sends a late
    /// result. With `shared` it goes the way of the requests of tasks, so that it cannot come before one of those.
    func sendAbort(_ ticket: UInt64, _ why: IPCError, shared: Bool = false) {
        var frame = Frame(.abort)
        frame.ticket = ticket
        frame.value = .string(why.name)
        sendBriefly(frame, shared: shared)
    }

    /// Sends a frame of a few bytes. Best effort, and in order with the caller's own requests where there is room; also
    /// with those that come after it where the thread has no ring yet, with `claiming`.
    func sendBriefly(_ frame: Frame, shared: Bool = false, claiming: Bool = false) {
        if link.isOver { return }
        if claiming, !isInTask { try? link.withRing(shared: false) { _ in } }
        // A ring of the thread's own has nobody who would write the rest of it later.
        if !shared, !isInTask, let ring = link.ownRing, !link.isBackedUp(ring), let bytes = try? frame.encoded() {
            let isSent = unsafe try? writeRecord(count: bytes.count, nil, ring: ring) { place in
                // As many bytes.
                unsafe bytes.withUnsafeBytes { unsafe place.copyMemory(from: $0) }
            }
            if isSent == true { return }
        }
        // The shared ring: what does not fit it now is written in the background.
        try? link.withRing(shared: true) { (ring) throws(LinkError) in
            try write(frame, nil, to: ring)
        }
    }
}
