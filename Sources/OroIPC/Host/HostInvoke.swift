// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

// The host's own code calls its routes.
extension Host {
    /// Calls a route of this host as a client would, and waits for what it answers. Handlers see no ``Message/client``.
    ///
    /// A synchronous handler, and one that answers with a ``Reply``, runs on the host's thread; another in this task,
    /// which cancels it. Failures are the `err` of the result: a `NotFoundError` without such a route, a `TypeError`
    /// for one that answers as a stream, an `AbortError` when the host has stopped before the route was asked.
    public func invoke(
        _ command: String, _ value: Value? = nil, bytes: Bytes? = nil, headers: Headers? = nil
    ) async -> Result {
        let invocation: Invocation
        do throws(IPCError) {
            invocation = try Invocation(core.router, command, value, bytes, headers)
        } catch {
            return Result(err: error, source: command)
        }
        var result: Result
        if let route = invocation.route as? Router.AsyncRoute {
            do { result = try await route.handler(invocation.message) } catch { result = Result(catching: error) }
        } else {
            result = await withCheckedContinuation { continuation in
                invocation.onHost(core) { continuation.resume(returning: $0) }
            }
        }
        result.source = command
        return result
    }

    /// The same with a callback, which is called once, on any thread. False, and it is not called: there is no such
    /// route, it answers as a stream, or the command cannot be.
    @discardableResult
    public func invoke(
        _ command: String, _ value: Value? = nil, bytes: Bytes? = nil, headers: Headers? = nil,
        reply: @escaping @Sendable (Result) -> Void
    ) -> Bool {
        guard let invocation = try? Invocation(core.router, command, value, bytes, headers) else { return false }
        let answer: @Sendable (Result) -> Void = { result in
            var result = result
            result.source = command
            reply(result)
        }
        if let route = invocation.route as? Router.AsyncRoute {
            let message = invocation.message
            Task {
                do { answer(try await route.handler(message)) } catch { answer(Result(catching: error)) }
            }
        } else {
            invocation.onHost(core, answer)
        }
        return true
    }

    /// The same, blocking the calling thread. On the host's own thread, in a synchronous handler, only a synchronous
    /// route can be waited for: another gives a `NotAllowedError`, since it may need that thread.
    public func invokeSync(_ command: String, _ value: Value? = nil, bytes: Bytes? = nil) -> Result {
        if core.reactor.isReactorThread { return invokeHere(command, value, bytes) }
        let answer = ThreadWaiterFor<Result>()
        let isTaken = invoke(command, value, bytes: bytes) { answer.put($0) }
        if isTaken { return answer.take() }
        do throws(IPCError) {
            _ = try Invocation(core.router, command, value, bytes)
            // Mapped between the two looks.
            return Result(err: .notFound(url: "ipc://\(command)"), source: command)
        } catch {
            return Result(err: error, source: command)
        }
    }

    private func invokeHere(_ command: String, _ value: Value?, _ bytes: Bytes?) -> Result {
        var result: Result
        do {
            let invocation = try Invocation(core.router, command, value, bytes)
            guard let route = invocation.route as? Router.SyncRoute else {
                throw IPCError.notAllowed(
                    "'\(command)' cannot be waited for on the host's own thread; use `await invoke`")
            }
            result = try route.handler(invocation.message)
        } catch {
            result = Result(catching: error)
        }
        result.source = command
        return result
    }
}

/// A message of the host's own code, and the route that is to answer it.
private struct Invocation: Sendable {
    let route: Router.Route
    let message: Message

    /// Throws what keeps the route from being asked.
    init(
        _ router: Router, _ command: String, _ value: Value?, _ bytes: Bytes?, _ headers: Headers? = nil
    ) throws(IPCError) {
        guard CommandName.isValid(command) else { throw CommandName.refusal(command) }
        guard var route = router.route(command) else { throw .notFound(url: "ipc://\(command)") }
        if let stream = route as? Router.StreamRoute {
            guard let other = stream.otherwise else {
                throw .type("IPC method '\(route.name)' must be invoked as a stream")
            }
            route = other
        }
        self.route = route
        let storage: FrameStorage
        do throws(FrameError) {
            storage = try FrameStorage(
                Frame(.request, name: command, value: value, headers: headers?.pairs), bytes)
        } catch {
            throw .type("'\(command)' cannot be asked: \(error)")
        }
        storage.setRoute(route.label)
        message = Message(storage)
    }

    /// Runs a handler that runs on the host's thread.
    func onHost(_ core: HostCore, _ answer: @escaping @Sendable (Result) -> Void) {
        let (route, message) = (route, message)
        let pending = PendingReply(route.name, put: answer)
        let reply = Reply(pending)
        let isTaken = core.reactor.submit { [weak core] in
            if core?.hasStopped.load(ordering: .relaxed) ?? true {
                // Taken from the queue when the host stopped.
                try? reply.send(Result(err: .hostGone))
                return
            }
            if let route = route as? Router.ReplyRoute { return reply.run(route, message) }
            guard let route = route as? Router.SyncRoute else { return }
            do { try reply.send(try route.handler(message)) } catch { try? reply.send(Result(catching: error)) }
        }
        if !isTaken { try? reply.send(Result(err: .hostGone)) }
    }
}
