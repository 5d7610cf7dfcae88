// SPDX-License-Identifier: Apache-2.0

import Logging
import OroBase
import OroFrame
import OroLink
import Synchronization

/// The commands a host answers. Names are compared without regard to case; a later `map` replaces an earlier one.
///
/// ```swift
/// host.router.map("fs.size") { message in
///     Result(data: .int(try size(of: message.string("path"))))
/// }
/// let token = host.router.listen("*") { message in print(message.name) }
/// ```
///
/// Built-in routes (``HostOptions/builtInRoutes``) can be neither replaced nor removed. Any thread may change the
/// router while it serves; handlers run outside its lock. A route that nobody listens to and no middleware surrounds
/// costs what it cost without either.
public final class Router: Sendable {
    private struct Tables {
        var builtIn: [TextKey: Route] = [:]
        var open: [TextKey: Route] = [:]
        /// By lower-cased name, in the order they came; `*` for those who hear everything.
        var listeners: [TextKey: [Listener]] = [:]
        var middleware: [Surrounding] = []
        /// Routes with their listeners and middleware around them, as far as they were looked up.
        var surrounded: [TextKey: Route] = [:]
        /// What answers everything once the host shuts down.
        var refusal: Route?
        /// Why a route was not mapped.
        var problem: String?
    }

    /// Middleware, and for which routes it is.
    private struct Surrounding {
        let pattern: RoutePattern
        let step: RouteChain.Step
    }

    private let tables = Locked(Tables())
    /// Changes with everything that changes what a name means, so that links can remember what they looked up.
    @usableFromInline let version = Atomic<UInt64>(1)
    private let logger: Logger
    /// Runs something on the host's thread; set by the host, once.
    private let hostThread = Locked<(@Sendable (@escaping @Sendable () -> Void) -> Bool)?>(nil)

    init(logger: Logger = Logger(label: "oro-ipc.router", factory: { _ in SwiftLogNoOpLogHandler() })) {
        self.logger = logger
    }

    // MARK: Routes

    /// Answers the command `name` with `handler`, which runs on the host's thread. False: no command can have that
    /// name, or a built-in route has it, and keeps it; then ``Host/start()`` throws.
    @_disfavoredOverload
    @discardableResult
    public func map(_ name: String, _ handler: @escaping SyncHandler) -> Bool {
        set(name, SyncRoute(name, handler))
    }

    /// Answers the command `name` with `handler`, which runs in a task; `on`: where, if not where
    /// ``HostOptions/handlers`` says. False as above.
    @discardableResult
    public func map(
        _ name: String, on executor: HandlerExecutor? = nil, async handler: @escaping AsyncHandler
    ) -> Bool {
        set(name, AsyncRoute(name, on: executor, handler))
    }

    /// Answers the command `name` with the chunks that `handler` sends; for
    /// ``Client/stream(_:_:bytes:options:window:)``. False as above.
    ///
    /// A request that takes no stream gets a `TypeError`: `IPC method 'name' must be invoked as a stream`.
    @discardableResult
    public func map(
        _ name: String, on executor: HandlerExecutor? = nil, stream handler: @escaping StreamHandler
    ) -> Bool {
        set(name, StreamRoute(name, on: executor, handler))
    }

    /// Answers a request that takes a stream with the chunks that `handler` sends, and every other with what `reply`
    /// sends. False as above.
    @discardableResult
    public func map(
        _ name: String, stream handler: @escaping StreamHandler, orReply reply: @escaping ReplyHandler
    ) -> Bool {
        set(name, StreamRoute(name, otherwise: ReplyRoute(name, reply), handler))
    }

    /// Answers the command `name` with what `handler`, or whoever it passes its ``Reply`` to, sends: now, or later from
    /// any thread. False as above.
    ///
    /// ```swift
    /// host.router.map("door.wait", reply: { message, reply in door.onOpen { try? reply.send(Result(data: "open")) } })
    /// ```
    @discardableResult
    public func map(_ name: String, reply handler: @escaping ReplyHandler) -> Bool {
        set(name, ReplyRoute(name, handler))
    }

    /// Answers the command `name` no more. Silent when nobody did. False: it is built in, and stays.
    @discardableResult
    public func unmap(_ name: String) -> Bool { set(name, nil) }

    /// The names that are answered, sorted.
    public var names: [String] {
        tables.withLock { tables in
            tables.builtIn.values.map(\.name)
                + tables.open.filter { tables.builtIn[$0.key] == nil }.values.map(\.name)
        }.sorted()
    }

    /// True when the command `name` is answered.
    public func isMapped(_ name: String) -> Bool {
        let key = name.lowercased()
        return tables.withLock { $0.builtIn[key] != nil || $0.open[key] != nil }
    }

    private func set(_ name: String, _ route: Route?) -> Bool {
        if let problem = problem(of: name) {
            // Removing what nobody has is no mistake.
            if route == nil, !isMapped(name) { return true }
            logger.warning("\(problem)")
            if route != nil { tables.withLock { $0.problem = $0.problem ?? problem } }
            return false
        }
        change { $0.open[name.lowercased()] = route }
        return true
    }

    /// Why this name cannot be mapped; `nil`: it can.
    package func problem(of name: String) -> String? {
        guard CommandName.isValid(name) else { return CommandName.refusal(name).message }
        guard tables.withLock({ $0.builtIn[name.lowercased()] != nil }) else { return nil }
        return "'\(name)' is a built-in route, which can be neither replaced nor removed; a host goes without it by "
            + "HostOptions.withoutRoutes"
    }

    /// What was wrong with the first route that could not be mapped.
    var problem: String? { tables.withLock { $0.problem } }

    /// Routes that stay; before the host serves.
    func setBuiltIn(_ routes: [Route]) {
        change { tables in
            for route in routes { tables.builtIn[route.name.lowercased()] = route }
        }
    }

    private func change<R: Sendable>(_ body: (inout Tables) -> R) -> R {
        let result = tables.withLock { tables in
            tables.surrounded = [:]
            return body(&tables)
        }
        version.add(1, ordering: .releasing)
        return result
    }

    /// What answers `name`, with everything around it; `nil`: nobody. With `isPost` although every request is refused:
    /// nobody would hear of that.
    func route(_ name: String, isPost: Bool = false) -> Route? {
        let key = name.lowercased()
        return tables.withLock { tables in
            if !isPost, let refusal = tables.refusal { return refusal }
            guard let route = tables.builtIn[key] ?? tables.open[key] else { return nil }
            if tables.listeners.isEmpty && tables.middleware.isEmpty { return route }
            if let known = tables.surrounded[key] { return known }
            let listeners = (tables.listeners[key] ?? []) + (tables.listeners["*"] ?? [])
            let steps = tables.middleware.filter { $0.pattern.matches(key) }.map(\.step)
            guard !listeners.isEmpty || !steps.isEmpty else { return route }
            let chain = RouteChain(steps, listeners, logger) { [weak self] in self?.onHost($0) ?? false }
            let around = chain.around(route)
            tables.surrounded[key] = around
            return around
        }
    }

    /// From now on every request gets `error`.
    func refuseAll(_ error: IPCError) {
        change { tables in tables.refusal = SyncRoute("", { _ in Result(err: error) }) }
    }

    // MARK: Listeners

    /// Hears a message before it is answered. What it throws is logged, and stops nobody.
    public typealias ListenerBody = @Sendable (Message) throws -> Void

    struct Listener: Sendable {
        let token: UInt64
        let body: ListenerBody
    }

    /// Calls `listener` with every message for the route `name`, or with `*` for any route, before it is answered.
    /// Answers a token for ``unlisten(_:_:)``.
    ///
    /// Only messages that have a route, and that no middleware has refused, are heard. Those who listen to the name
    /// come first, then those who listen to `*`, each in the order they came; on the host's thread for a synchronous
    /// handler, in the handler's task for another.
    @discardableResult
    public func listen(_ name: String, _ listener: @escaping ListenerBody) -> UInt64 {
        let key = name.lowercased()
        return change { tables in
            var token = UInt64.random(in: 1 ... .max)
            while tables.listeners.values.contains(where: { $0.contains { $0.token == token } }) { token &+= 1 }
            tables.listeners[key, default: []].append(Listener(token: token, body: listener))
            return token
        }
    }

    /// Calls the listener no more. True when there was one with this token under this name.
    @discardableResult
    public func unlisten(_ name: String, _ token: UInt64) -> Bool {
        let key = name.lowercased()
        return change { tables in
            guard let index = tables.listeners[key]?.firstIndex(where: { $0.token == token }) else { return false }
            tables.listeners[key]?.remove(at: index)
            if tables.listeners[key]?.isEmpty == true { tables.listeners[key] = nil }
            return true
        }
    }

    // MARK: Middleware

    /// Puts `middleware` around the routes that `pattern` names: a route, or `fs.*` for all that begin with `fs.`, or
    /// `*` for all. What was put first is outermost. See ``Middleware``.
    public func use(_ middleware: some Middleware, for pattern: String = "*") {
        change { $0.middleware.append(Surrounding(pattern: RoutePattern(pattern), step: .sync(middleware))) }
    }

    /// The same for middleware that may suspend. A synchronous route it surrounds is answered by way of a task.
    public func use(_ middleware: some AsyncMiddleware, for pattern: String = "*") {
        change { $0.middleware.append(Surrounding(pattern: RoutePattern(pattern), step: .async(middleware))) }
    }

    // MARK: The host's thread

    func setHostThread(_ run: @escaping @Sendable (@escaping @Sendable () -> Void) -> Bool) {
        hostThread.withLock { $0 = run }
    }

    /// Runs `job` on the host's thread, soon. False: it has stopped for good.
    func onHost(_ job: @escaping @Sendable () -> Void) -> Bool {
        guard let run = hostThread.withLock({ $0 }) else { return false }
        return run(job)
    }
}
