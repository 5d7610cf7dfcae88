// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

// Asynchronous handlers of one client's requests.
extension HostLink {
    /// Starts the handler of a request.
    func start(_ route: Router.Route, _ storage: FrameStorage) throws(LinkError) {
        let header = storage.header
        if let route = route as? Router.ReplyRoute { return try startReply(route, storage) }
        let stream = route as? Router.StreamRoute
        if let stream, !header.flags.contains(.takesStream) {
            guard let other = stream.otherwise else { return try refuseStream(stream, storage) }
            return try start(other, storage)
        }
        let isHere =
            switch route.executor {
            case nil: runsHandlersHere
            case .reactor?: true
            default: false
            }
        if isHere, stream == nil, !header.flags.contains(.hasBody) {
            // What is neither synchronous nor a stream.
            let handler = unsafe unsafeDowncast(route, to: Router.AsyncRoute.self).handler
            return try answerHere(handler, storage)
        }
        if stream != nil, streamsAtWork.count >= streamsAtOnce {
            return try refuse(storage, "more than \(streamsAtOnce) streams at once (HostOptions.streamsPerLink)")
        }
        guard let serial = try admit(storage) else { return }
        if stream != nil { streamsAtWork.insert(serial) }
        let message = Message(storage)
        let wideSeq = header.flags.contains(.wideSeq) ? storage.seq : nil
        let sender = stream == nil ? nil : StreamSender(streams.outbox.size)
        let handler: Router.AsyncHandler
        if let stream, let sender {
            let reply = openReply(header.ticket, serial: serial, sender)
            handler = { [handler = stream.handler] message in
                try await handler(message, reply)
                return Result()
            }
        } else {
            // As above.
            handler = unsafe unsafeDowncast(route, to: Router.AsyncRoute.self).handler
        }
        if isHere { return try workHere(handler, message, wideSeq, serial, sender) }
        let executor = unsafe route.executor ?? core.options.handlers
        if case .immediate = executor, sender == nil, !header.flags.contains(.hasBody), unsafe core.pool == nil {
            return try answerAtOnce(handler, message, wideSeq, serial)
        }
        let task = makeTask(executor, handler, message, wideSeq, serial)
        register(header, wideSeq, serial, task, sender)
    }

    /// A number for a handler that will answer `storage` later. `nil`: the client has too many at work, and was told
    /// so.
    func admit(_ storage: FrameStorage) throws(LinkError) -> UInt64? {
        guard try mayBegin(storage) else { return nil }
        guard link.account.charge(Work.cost) else {
            unsafe core.statistics.refusedFrames += 1
            let why = link.account.refusal
            guard case .overQuota = why else { throw why }
            if storage.header.kind == .request { try replyBriefly(storage.header, storage.seq, IPCError(why)) }
            return nil
        }
        let serial = takeSerial()
        let header = storage.header
        if header.flags.contains(.hasBody) { storage.body = openBody(header.ticket, serial: serial) }
        return serial
    }

    /// False: the client has too many handlers at work, and was told so.
    private func mayBegin(_ storage: FrameStorage) throws(LinkError) -> Bool {
        let header = storage.header
        guard max(atWork, streams.bodies.count) < requestsAtOnce else {
            try refuse(storage, "more than \(requestsAtOnce) requests at once (HostOptions.requestsPerLink)")
            return false
        }
        if header.flags.contains(.hasBody), streams.bodies.count >= streamsAtOnce {
            try refuse(storage, "more than \(streamsAtOnce) bodies at once (HostOptions.streamsPerLink)")
            return false
        }
        guard (answering[header.ticket] == nil && streams.bodies[header.ticket] == nil) || header.kind == .post else {
            throw .violation("a ticket that is in use")
        }
        return true
    }

    /// Tells the client that it has too much at work.
    private func refuse(_ storage: FrameStorage, _ why: String) throws(LinkError) {
        guard storage.header.kind == .request else { return }
        try reply(storage.header, storage, Result(err: IPCError(.quotaExceeded, why).delivered(.refused)))
    }

    /// A handler has finished.
    private func leaveWork(_ serial: UInt64) {
        atWork -= 1
        if !streamsAtWork.isEmpty { streamsAtWork.remove(serial) }
        link.account.release(Work.cost)
    }

    /// One handler more is at work, whose cost is charged.
    private func takeSerial() -> UInt64 {
        defer { nextSerial += 1 }
        atWork += 1
        return nextSerial
    }

    private func register(
        _ request: FrameHeader, _ wideSeq: Seq?, _ serial: UInt64, _ task: Task<Void, Never>, _ reply: StreamSender?
    ) {
        running[serial] = Work(task: task, reply: reply, request: request, wideSeq: wideSeq)
        if request.kind == .request { answering[request.ticket] = serial }
    }

    /// A task of the handler's own, away from the host's thread.
    private func makeTask(
        _ executor: HandlerExecutor, _ handler: @escaping Router.AsyncHandler, _ message: Message, _ wideSeq: Seq?,
        _ serial: UInt64
    ) -> Task<Void, Never> {
        // Not the link: whoever is still at work when the client has gone keeps nothing of it.
        let (arena, key, header) = (link.arena, key, message.storage.header)
        let preference: (any TaskExecutor)? =
            if case .custom(let custom) = executor { custom } else { unsafe core.pool }
        return unsafe Task(executorPreference: preference, priority: core.options.priority) { [weak core] in
            var result: Result
            do {
                result = try await handler(message)
            } catch {
                result = Result(catching: error)
            }
            result.prepare(for: arena)
            core?.finish(key, header, wideSeq, serial: serial, result)
        }
    }

    /// Begins a handler on this thread, and answers at once when it does not wait for anything; else it goes on, and
    /// answers, on Swift's threads.
    private func answerAtOnce(
        _ handler: @escaping Router.AsyncHandler, _ message: Message, _ wideSeq: Seq?, _ serial: UInt64
    ) throws(LinkError) {
        let header = message.storage.header
        let outcome = ImmediateOutcome()
        // Not the link, as in `makeTask`.
        let (arena, key) = (link.arena, key)
        let task = unsafe Task.immediateDetached(priority: core.options.priority) { [weak core] in
            var result: Result
            do {
                result = try await handler(message)
            } catch {
                result = Result(catching: error)
            }
            if outcome.finish(result) { return }
            result.prepare(for: arena)
            core?.finish(key, header, wideSeq, serial: serial, result)
        }
        if let result = outcome.leave() {
            leaveWork(serial)
            if header.kind == .request { try reply(header, message.storage, result) }
            return
        }
        register(header, wideSeq, serial, task, nil)
        // The handler itself may have stopped the host.
        if link.isOver { task.cancel() }
    }

    /// Runs the handler on this thread, and answers at once when it does not wait for anything. Then nothing is
    /// allocated but what the handler itself needs.
    private func answerHere(_ handler: @escaping Router.AsyncHandler, _ storage: FrameStorage) throws(LinkError) {
        let header = storage.header
        guard try mayBegin(storage), let (worker, job) = workers.begin(handler, Message(storage)) else { return }
        workers.run(job)
        var serial: UInt64 = 0
        var wideSeq: Seq?
        let result = worker.watched {
            link.account.chargeAnyway(Work.cost)
            serial = takeSerial()
            wideSeq = header.flags.contains(.wideSeq) ? storage.seq : nil
            return asker(header, wideSeq, serial)
        }
        if let result {
            if header.kind == .request { try reply(header, storage, result) }
            return
        }
        register(header, wideSeq, serial, worker.task, nil)
        // The handler itself may have stopped the host.
        if link.isOver { worker.task.cancel() }
    }

    /// Runs a handler with a stream or a body on this thread.
    private func workHere(
        _ handler: @escaping Router.AsyncHandler, _ message: Message, _ wideSeq: Seq?, _ serial: UInt64,
        _ sender: StreamSender?
    ) throws(LinkError) {
        let header = message.storage.header
        guard let (worker, job) = workers.begin(handler, message) else {
            leaveWork(serial)
            return
        }
        // First, so that what the handler does with its stream finds it.
        register(header, wideSeq, serial, worker.task, sender)
        workers.run(job)
        guard let result = worker.watched({ asker(header, wideSeq, serial) }) else { return }
        if sender == nil { return try finish(header, wideSeq, serial: serial, result) }
        unsafe core.finish(key, header, wideSeq, serial: serial, result)
    }

    private func asker(_ request: FrameHeader, _ wideSeq: Seq?, _ serial: UInt64) -> HandlerWorker.Asker {
        unsafe HandlerWorker.Asker(core: core, link: key, request: request, wideSeq: wideSeq, serial: serial)
    }

    /// The handler of `request` has finished. A request that was aborted meanwhile is answered no more.
    func finish(
        _ request: FrameHeader, _ wideSeq: Seq?, serial: UInt64, _ result: Result
    ) throws(LinkError) {
        leaveWork(serial)
        guard answering[request.ticket] == serial else {
            running[serial] = nil
            return
        }
        if let reply = running[serial]?.reply {
            // Behind its chunks.
            reply.close(.abort("the handler has returned"))
            return try putEnd(request.ticket, serial: serial, result.err)
        }
        forget(request.ticket, serial)
        try replyInFull(request, wideSeq: wideSeq, result)
    }

    /// The link is over: nobody waits for any of it any more.
    func beginTeardown() {
        unsafe core.broker.beginRemoval(of: ports)
        unsafe core.slices.add(HostTeardown(self, core.broker, core.hub), for: key)
    }
}
