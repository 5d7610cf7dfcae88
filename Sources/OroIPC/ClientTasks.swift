import OroFrame
import OroLink
import Synchronization

// Calls that suspend their task.
extension ClientCore {
    /// A request whose task is suspended until its result is there.
    func call(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, verb: StaticString,
        encoded: EncodedValue? = nil
    ) async -> Result {
        if CallExtras.areWanted(options) {
            return await callWithExtras(command, value, bytes, options, verb: verb, encoded: encoded)
        }
        return await callPlainly(command, value, bytes, options, verb: verb, encoded: encoded)
    }

    @inline(__always)
    func callPlainly(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, verb: StaticString,
        encoded: EncodedValue?
    ) async -> Result {
        let payload: Bytes?
        do throws(LinkError) {
            payload = try await placed(bytes, options)
        } catch {
            return Result(err: IPCError(error), source: command)
        }
        let ticket: UInt64
        do throws(IPCError) {
            ticket = try begin(command, value, payload, options, nil, encoded: encoded)
        } catch {
            return Result(err: error, source: command)
        }
        return await outcome(of: ticket, options, command, verb)
    }

    /// Sends a request and answers its ticket; what becomes of it is for the caller to wait for.
    @inline(__always)
    func begin(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, _ streams: RequestStreams?,
        encoded: EncodedValue? = nil, callback: PendingCallback? = nil
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
        let ticket = try takeTicket(
            seq, isChosen: options?.seq != nil, deadline: deadline, streams: streams, callback: callback)
        do throws(LinkError) {
            if link.isOver { throw link.ending ?? .closed }
            var request = Request(
                kind: .request, command: command, value: value, encoded: encoded, bytes: try link.placed(bytes),
                seq: seq, ticket: ticket, deadline: UInt32(truncatingIfNeeded: deadline ?? 0))
            if let streams { request.flags = streams.flags }
            try link.withRing(shared: true) { (ring) throws(LinkError) in
                try send(request, ring: ring, mayBlock: false)
            }
        } catch {
            pending.withLock { $0.free(ticket) }
            throw IPCError(error)
        }
        if deadline != nil { background.withLock { $0 }?.noteDeadline() }
        return ticket
    }

    /// Waits for the result of a request that was sent.
    @inline(__always)
    func outcome(
        of ticket: UInt64, _ options: CallOptions?, _ command: String, _ verb: StaticString
    ) async -> Result {
        if let outcome = pollBriefly(ticket) { return Result(outcome.of(verb), command, link: link.id) }
        // Ended meanwhile: whoever ended it may have looked at the table before this request was in it.
        if link.isOver { complete(ticket, seq: nil, .error(IPCError(link.ending ?? .closed))) }
        return await wait(ticket, options?.signal, command, verb)
    }

    /// The payload in a block, where the call would rather wait for one, or fail, than copy it through the ring.
    func placed(_ bytes: Bytes?, _ options: CallOptions?) async throws(LinkError) -> Bytes? {
        guard let options, options.whenFull != .copy else { return bytes }
        return try await link.placed(bytes, options.whenFull, until: options.timeout.map { ContinuousClock.now + $0 })
    }

    /// Reads for a moment before the task is suspended: an awake host answers sooner than a task is resumed.
    func pollBriefly(_ ticket: UInt64) -> Outcome? {
        if options.idle == .park { return pending.withLock { $0.poll(ticket) } }
        guard takeRole() else { return nil }
        var outcome: Outcome?
        do throws(LinkError) {
            for _ in 0..<16 {
                if unsafe try receive(&receiving.pointee.spare, mine: ticket).gotMine {
                    pending.withLock { $0.free(ticket) }
                    outcome = unsafe .frame(receiving.pointee.spare)
                    break
                }
                _ = link.linger(32)
            }
        } catch {
            failAfterReading(error)
        }
        giveUpRole()
        return outcome ?? pending.withLock { $0.poll(ticket) }
    }

    func wait(
        _ ticket: UInt64, _ signal: AbortSignal?, _ command: String, _ verb: StaticString
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

    /// Nobody waits for `ticket` any more.
    func giveUp(_ ticket: UInt64, _ error: IPCError) {
        if takesStream(ticket) { return abandon(ticket, error) }
        complete(ticket, seq: nil, .error(error))
        sendAbort(ticket, error)
    }

    /// For the background thread.
    func expire() {
        let now = elapsedMilliseconds
        for ticket in pending.withLock({ $0.expire(now) }) {
            giveUp(ticket, ClientCore.timedOut(takesStream(ticket) ? "stream" : "request"))
        }
    }

    /// When `expire` is due, as `oro_now` counts.
    var nextDeadline: UInt64 {
        guard let next = pending.withLock({ $0.nextDeadline }) else { return .max }
        return start + next * 1_000_000
    }
}
