// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import Synchronization

// Calls that suspend their task.
extension ClientCore {
    /// A request whose task is suspended until its result is there.
    func call(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, verb: CallVerb,
        encoded: EncodedValue? = nil
    ) async -> Result {
        if CallExtras.areWanted(options) {
            return await callWithExtras(command, value, bytes, options, verb: verb, encoded: encoded)
        }
        return await callPlainly(command, value, bytes, options, verb: verb, encoded: encoded)
    }

    @inline(__always)
    func callPlainly(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, verb: CallVerb,
        encoded: EncodedValue?
    ) async -> Result {
        await goOn(
            callPolling(command, value, bytes, options, encoded, verb), command, value, bytes, options, verb: verb,
            encoded: encoded)
    }

    /// The rest of a call that has polled.
    func goOn(
        _ polled: Polled, _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, verb: CallVerb,
        encoded: EncodedValue?
    ) async -> Result {
        switch polled {
        case .done(let result): return result
        case .waits(let ticket): return await wait(ticket, nil, command, verb)
        case .notNow: break
        }
        let payload: Bytes?
        do throws(LinkError) {
            payload = try await placed(bytes, options)
        } catch {
            return Result(err: notSent(error), source: command)
        }
        let ticket: UInt64
        do throws(IPCError) {
            ticket = try begin(
                command, value, payload, options, nil, encoded: encoded, canBeResolved: verb.canBeResolved)
        } catch {
            return Result(err: error, source: command)
        }
        return await outcome(of: ticket, options, command, verb)
    }

    /// Sends a request and answers its ticket; what becomes of it is for the caller to wait for.
    @inline(__always)
    func begin(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, _ streams: RequestStreams?,
        encoded: EncodedValue? = nil, callback: PendingCallback? = nil, canBeResolved: Bool = false
    ) throws(IPCError) -> UInt64 {
        if let error = refusal(command, options) { throw error }
        if Task.isCancelled { throw .abort() }
        let deadline = deadline(options)
        if let seq = options?.seq, isInFlight(seq) { throw .inFlight(seq) }
        let seq = options?.seq ?? takeSeq()
        attach()
        guard isAttached.load(ordering: .relaxed) else {
            throw .network("no thread for asynchronous calls could be started")
        }
        var ticket: UInt64 = 0
        var refusal: IPCError?
        do throws(LinkError) {
            let bytes = try link.placed(bytes)
            try link.withRing(shared: true) { (ring) throws(LinkError) in
                // With the ring's lock: see `inFlightAtEnd`.
                if link.isOver { throw link.ending ?? .closed }
                do throws(IPCError) {
                    ticket = try takeTicket(
                        seq, isChosen: options?.seq != nil, deadline: deadline, streams: streams, callback: callback,
                        canBeResolved: canBeResolved)
                } catch {
                    refusal = error
                    return
                }
                do throws(LinkError) {
                    try send(
                        .request, command, value, encoded, bytes, options?.headers, seq: seq, ticket: ticket,
                        deadline: UInt32(truncatingIfNeeded: deadline ?? 0), flags: streams?.flags ?? [], ring: ring)
                } catch {
                    pending.withLock { $0.free(ticket) }
                    throw error
                }
            }
        } catch {
            throw notSent(error)
        }
        if let refusal { throw refusal }
        if deadline != nil { background.withLock { $0 }?.noteDeadline(self) }
        return ticket
    }

    /// Waits for the result of a request that was sent.
    @inline(__always)
    func outcome(
        of ticket: UInt64, _ options: CallOptions?, _ command: String, _ verb: CallVerb
    ) async -> Result {
        if let outcome = pollBriefly(ticket) { return Result(outcome.of(verb), command, link: link.id) }
        // Ended meanwhile: whoever ended it may have looked at the table before this request was in it.
        if link.isOver { complete(ticket, seq: nil, .error(lost(ticket))) }
        return await wait(ticket, options?.signal, command, verb)
    }

    /// The payload in a block, where the call would rather wait for one, or fail, than copy it through the ring.
    func placed(_ bytes: Bytes?, _ options: CallOptions?) async throws(LinkError) -> Bytes? {
        guard let options, options.whenFull != .copy else { return bytes }
        if link.isForeign { throw .forked }
        return try await link.placed(bytes, options.whenFull, until: options.timeout.map { ContinuousClock.now + $0 })
    }

    /// What came of a call that polled for its result.
    enum Polled {
        case done(Result)
        /// It has a place in the table.
        case waits(UInt64)
        /// Nothing was sent: somebody else reads, or the call is of another shape.
        case notNow
    }

    /// Sends a request and polls for its result, as the receiver from the beginning: nobody else can have the
    /// result meanwhile, so the table of pending requests is not needed while the host is quick.
    @inline(__always)
    func callPolling(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, _ encoded: EncodedValue?,
        _ verb: CallVerb
    ) -> Polled {
        if self.options.idle == .park || !isAttached.load(ordering: .acquiring) { return .notNow }
        if let options, options.seq != nil || options.signal != nil || options.whenFull != .copy { return .notNow }
        if Task.isCancelled || link.isOver || !CommandName.isValid(command) { return .notNow }
        guard let receiver = takeReceiver() else { return .notNow }
        let deadline = deadline(options)
        let seq = takeSeq()
        let ticket = takePollingTicket(receiver)
        if verb.canBeResolved { pollingSeq.store(seq.low64, ordering: .relaxed) }
        do throws(LinkError) {
            let bytes = try link.placed(bytes)
            try link.withRing(shared: true) { (ring) throws(LinkError) in
                try send(
                    .request, command, value, encoded, bytes, options?.headers, seq: seq, ticket: ticket,
                    deadline: UInt32(truncatingIfNeeded: deadline ?? 0), ring: ring)
            }
        } catch {
            receiver.release()
            return .done(Result(err: notSent(error), source: command))
        }
        do throws(LinkError) {
            if let storage = try poll(receiver, for: ticket) {
                if verb.canBeResolved { pollingSeq.store(0, ordering: .relaxed) }
                receiver.release()
                return .done(Result(storage, command, link: link.id))
            }
        } catch {
            failAfterReading(receiver, error)
        }
        return settle(receiver, ticket, seq, deadline, command, verb)
    }

    @inline(__always)
    private func takePollingTicket(_ receiver: borrowing Receiver) -> UInt64 {
        if unsafe receiver.state.pointee.reserved == 0 {
            unsafe receiver.state.pointee.reserved = pending.withLock { $0.reserve() }
        }
        let ticket = unsafe PendingTable.next(receiver.state.pointee.reserved)
        unsafe receiver.state.pointee.reserved = ticket
        return ticket
    }

    /// The host takes its time: the request gets its place in the table.
    private func settle(
        _ receiver: consuming Receiver, _ ticket: UInt64, _ seq: Seq, _ deadline: UInt64?, _ command: String,
        _ verb: CallVerb
    ) -> Polled {
        unsafe receiver.state.pointee.reserved = 0
        let isTooMany = pending.withLock { pending in
            pending.settle(ticket, seq: seq, deadline: deadline, canBeResolved: verb.canBeResolved)
            if verb.canBeResolved { pollingSeq.store(0, ordering: .relaxed) }
            return pending.count > options.pendingRequests
        }
        receiver.release()
        if isTooMany {
            pending.withLock { $0.free(ticket) }
            let error = IPCError.tooMany(options.pendingRequests)
            sendAbort(ticket, error, shared: true)
            return .done(Result(err: error, source: command))
        }
        if deadline != nil { background.withLock { $0 }?.noteDeadline(self) }
        // Ended meanwhile: whoever ended it may have looked at the table before this request was in it.
        if link.isOver { complete(ticket, seq: nil, .error(lost(ticket))) }
        return .waits(ticket)
    }

    /// How often a task looks before it is suspended: an awake host answers sooner than a task is resumed. Once, where
    /// other tasks wait for this very thread.
    private var looksBeforeSuspension: Int {
        guard let jobs = jobsHere, jobs.isCurrent else { return 16 }
        return jobs.hasOthers ? 1 : 16
    }

    /// The result for `ticket`, if it comes soon.
    @inline(__always)
    private func poll(_ receiver: borrowing Receiver, for ticket: UInt64) throws(LinkError) -> FrameStorage? {
        var strategy = IdleStrategy(
            .spin, mostPolls: UInt32(looksBeforeSuspension * IdleStrategy.pollsAtOnce))
        let isHere = try strategy.wait(
            poll: { () throws(LinkError) in
                unsafe try receive(receiver, &receiver.state.pointee.spare, mine: ticket).gotMine ? .arrived : .nothing
            },
            spin: { link.spin($0) },
            sharesProcessor: { false },
            housekeep: { () throws(LinkError) in false },
            // It is suspended instead.
            park: { () throws(LinkError) in .over })
        return unsafe isHere ? receiver.state.pointee.spare : nil
    }

    /// The same for a request that is in the table.
    func pollBriefly(_ ticket: UInt64) -> Outcome? {
        if options.idle == .park { return pending.withLock { $0.poll(ticket) } }
        guard let receiver = takeReceiver() else { return nil }
        var outcome: Outcome?
        do throws(LinkError) {
            if let storage = try poll(receiver, for: ticket) {
                pending.withLock { $0.free(ticket) }
                outcome = .frame(storage)
            }
        } catch {
            failAfterReading(receiver, error)
        }
        receiver.release()
        return outcome ?? pending.withLock { $0.poll(ticket) }
    }

    func wait(
        _ ticket: UInt64, _ signal: AbortSignal?, _ command: String, _ verb: CallVerb
    ) async -> Result {
        let token = signal?.listen { [weak self] reason in self?.giveUp(ticket, .abort(reason)) }
        let outcome = await withTaskCancellationHandler {
            unsafe await withUnsafeContinuation { (continuation: UnsafeContinuation<Outcome, Never>) in
                suspended.add(1, ordering: .sequentiallyConsistent)
                let now = pending.withLock { unsafe $0.wait(ticket, continuation) }
                if let now {
                    suspended.subtract(1, ordering: .relaxed)
                    unsafe continuation.resume(returning: now)
                } else {
                    watch()
                }
            }
        } onCancel: {
            giveUp(ticket, .abort())
        }
        if let token { signal?.unlisten(token) }
        outcome.takeOver()
        return Result(outcome.of(verb), command, link: link.id)
    }

    /// Nobody waits for `ticket` any more. The abort goes the way of the request, whichever thread this is, so that it
    /// cannot come before it: then it would say nothing.
    func giveUp(_ ticket: UInt64, _ error: IPCError) {
        if takesStream(ticket) { return abandon(ticket, error) }
        complete(ticket, seq: nil, .error(error))
        sendAbort(ticket, error, shared: true)
    }

    /// For the background thread.
    func expire() {
        let now = elapsedMilliseconds
        guard let next = pending.withLock({ $0.nextDeadline }), next <= now else { return }
        readBeforeDeadlines()
        for ticket in pending.withLock({ $0.expire(now) }) {
            giveUp(ticket, .timedOut(takesStream(ticket) ? .stream : .request))
        }
    }

    /// What is there already counts as an answer in time, although this process was too busy to look.
    private func readBeforeDeadlines() {
        guard let receiver = takeReceiver() else { return }
        do throws(LinkError) {
            for _ in 0..<16 { if try receive(receiver) == 0 { break } }
        } catch {
            failAfterReading(receiver, error)
        }
    }

    /// When `expire` is due, as `oro_now` counts.
    var nextDeadline: UInt64 {
        guard let next = pending.withLock({ $0.nextDeadline }) else { return .max }
        return start + next * 1_000_000
    }
}
