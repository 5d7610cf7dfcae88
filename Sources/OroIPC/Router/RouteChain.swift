// SPDX-License-Identifier: Apache-2.0

import Logging
import OroBase
import OroLink

/// What surrounds a route: middleware, and those who listen.
///
/// ``around(_:)`` makes one route of all of it, when the name is looked up. So a route that has nothing around it runs
/// as if there were no such thing.
struct RouteChain: Sendable {
    enum Step: Sendable {
        case sync(any Middleware)
        case async(any AsyncMiddleware)
    }

    private let steps: [Step]
    private let listeners: [Router.Listener]
    private let logger: Logger
    /// Runs something on the host's thread. False: there is none any more.
    private let onHost: @Sendable (@escaping @Sendable () -> Void) -> Bool
    private let isSync: Bool

    init(
        _ steps: [Step], _ listeners: [Router.Listener], _ logger: Logger,
        onHost: @escaping @Sendable (@escaping @Sendable () -> Void) -> Bool
    ) {
        self.steps = steps
        self.listeners = listeners
        self.logger = logger
        self.onHost = onHost
        isSync = steps.allSatisfy { if case .sync = $0 { true } else { false } }
    }

    func around(_ route: Router.Route) -> Router.Route {
        let name = route.name
        switch route {
        case let route as Router.SyncRoute where isSync:
            return Router.SyncRoute(name) { message in run(RouteCall(name, message), route.handler) }
        case let route as Router.SyncRoute:
            return Router.AsyncRoute(name) { message in
                await run(RouteCall(name, message)) { message in
                    try await whenOnHost { try route.handler(message) }
                }
            }
        case let route as Router.AsyncRoute:
            return Router.AsyncRoute(name, on: route.executor) { message in
                await run(RouteCall(name, message), route.handler)
            }
        case let route as Router.StreamRoute:
            return Router.StreamRoute(name, on: route.executor, otherwise: route.otherwise.map(around)) {
                message, stream in
                let result = await run(RouteCall(name, message)) { message in
                    try await route.handler(message, stream)
                    return Result()
                }
                if let error = result.err { throw error }
                // Middleware has answered: that is the only chunk.
                if result.data != nil || result.bytes != nil {
                    try await stream.send(StreamChunk(value: result.data, bytes: result.bytes))
                }
            }
        case let route as Router.ReplyRoute where isSync:
            return Router.ReplyRoute(name) { message, reply in
                let call = RouteCall(name, message)
                let (passed, answer) = enter(call)
                reply.willSend { result in leave(call, passed, &result) }
                if let answer { return try reply.send(answer) }
                notifyListeners(message)
                try route.handler(message, reply)
            }
        case let route as Router.ReplyRoute:
            return Router.AsyncRoute(name) { message in
                await run(RouteCall(name, message)) { message in
                    await withCheckedContinuation { continuation in
                        let reply = Reply(PendingReply(name) { continuation.resume(returning: $0) })
                        if !onHost({ reply.run(route, message) }) { reply.cancel(.hostGone) }
                    }
                }
            }
        default: return route
        }
    }

    /// Everything around a handler that does not suspend.
    private func run(_ call: RouteCall, _ handler: Router.SyncHandler) -> Result {
        let (passed, answer) = enter(call)
        var result: Result
        if let answer {
            result = answer
        } else {
            notifyListeners(call.message)
            do { result = try handler(call.message) } catch { result = Result(catching: error) }
        }
        leave(call, passed, &result)
        return result
    }

    /// The middleware's first half. Answers how many let the call go on, and what the next one answered.
    private func enter(_ call: RouteCall) -> (passed: Int, answer: Result?) {
        for (index, step) in steps.enumerated() {
            guard case .sync(let middleware) = step else { continue }
            do {
                if let answer = try middleware.before(call) { return (index, answer) }
            } catch {
                return (index, Result(catching: error))
            }
        }
        return (steps.count, nil)
    }

    /// The second half, of those that let the call go on.
    private func leave(_ call: RouteCall, _ passed: Int, _ result: inout Result) {
        for step in steps[..<passed].reversed() {
            if case .sync(let middleware) = step { middleware.after(call, &result) }
        }
    }

    /// Everything around a handler that may suspend.
    private func run(_ call: RouteCall, _ handler: Router.AsyncHandler) async -> Result {
        var passed = 0
        var answer: Result?
        do {
            for step in steps {
                switch step {
                case .sync(let middleware): answer = try middleware.before(call)
                case .async(let middleware): answer = try await middleware.before(call)
                }
                if answer != nil { break }
                passed += 1
            }
        } catch {
            answer = Result(catching: error)
        }
        var result: Result
        if let answer {
            result = answer
        } else {
            notifyListeners(call.message)
            do { result = try await handler(call.message) } catch { result = Result(catching: error) }
        }
        for step in steps[..<passed].reversed() {
            switch step {
            case .sync(let middleware): middleware.after(call, &result)
            case .async(let middleware): await middleware.after(call, &result)
            }
        }
        return result
    }

    private func notifyListeners(_ message: Message) {
        for listener in listeners {
            do {
                try listener.body(message)
            } catch {
                logger.error("a listener to '\(message.name)' failed: \(error)")
            }
        }
    }

    /// A synchronous handler runs on the host's thread, also when what surrounds it suspends.
    private func whenOnHost(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let isTaken = onHost { continuation.resume(with: Swift.Result { try body() }) }
            if !isTaken { continuation.resume(throwing: IPCError.hostGone) }
        }
    }
}
