import OroLink
import Synchronization

/// The commands a host answers. Names are compared without regard to case; a later `map` replaces an earlier one.
public final class Router: Sendable {
    /// Answers at once, on the host's own thread: for what takes microseconds. Nothing else is served meanwhile.
    public typealias SyncHandler = @Sendable (Message) throws -> Result
    /// Answers from a task of its own, which is cancelled when the client aborts, times out or goes away.
    public typealias AsyncHandler = @Sendable (Message) async throws -> Result

    /// Answers in chunks, from a task of its own, which is cancelled when the client gives the stream up or goes away.
    public typealias StreamHandler = @Sendable (Message, ReplyStream) async throws -> Void

    /// What answers a command: a ``SyncRoute``, an ``AsyncRoute`` or a ``StreamRoute``.
    @usableFromInline
    class Route: @unchecked Sendable {
        @usableFromInline final let name: String
        final let isSync: Bool
        /// Where the handler runs; `nil`: where the host's options say.
        final let executor: HandlerExecutor?

        fileprivate init(_ name: String, isSync: Bool, on executor: HandlerExecutor? = nil) {
            self.name = name
            self.isSync = isSync
            self.executor = executor
        }
    }

    final class SyncRoute: Route, @unchecked Sendable {
        let handler: SyncHandler

        init(_ name: String, _ handler: @escaping SyncHandler) {
            self.handler = handler
            super.init(name, isSync: true)
        }
    }

    final class AsyncRoute: Route, @unchecked Sendable {
        let handler: AsyncHandler

        init(_ name: String, on executor: HandlerExecutor?, _ handler: @escaping AsyncHandler) {
            self.handler = handler
            super.init(name, isSync: false, on: executor)
        }
    }

    final class StreamRoute: Route, @unchecked Sendable {
        let handler: StreamHandler

        init(_ name: String, on executor: HandlerExecutor?, _ handler: @escaping StreamHandler) {
            self.handler = handler
            super.init(name, isSync: false, on: executor)
        }
    }

    private let routes = Locked<[String: Route]>([:])
    /// Changes with every `map` and `unmap`, so that links can remember what they looked up.
    @usableFromInline let version = Atomic<UInt64>(1)

    init() {}

    /// Answers the command `name` with `handler`, which runs on the host's thread.
    @_disfavoredOverload
    public func map(_ name: String, _ handler: @escaping SyncHandler) {
        set(name, SyncRoute(name, handler))
    }

    /// Answers the command `name` with `handler`, which runs in a task; `on`: where, if not where ``HostOptions/handlers``
    /// says.
    public func map(_ name: String, on executor: HandlerExecutor? = nil, async handler: @escaping AsyncHandler) {
        set(name, AsyncRoute(name, on: executor, handler))
    }

    /// Answers the command `name` with the chunks that `handler` sends; for ``Client/stream(_:_:bytes:options:window:)``.
    ///
    /// A request that takes no stream gets a `TypeError`: `IPC method 'name' must be invoked as a stream`.
    public func map(_ name: String, on executor: HandlerExecutor? = nil, stream handler: @escaping StreamHandler) {
        set(name, StreamRoute(name, on: executor, handler))
    }

    /// Answers the command `name` no more. Silent when nobody did.
    public func unmap(_ name: String) { set(name, nil) }

    /// The names that are answered, sorted.
    public var names: [String] { routes.withLock { $0.values.map(\.name) }.sorted() }

    private func set(_ name: String, _ route: Route?) {
        routes.withLock { $0[name.lowercased()] = route }
        version.add(1, ordering: .releasing)
    }

    func route(_ name: String) -> Route? { routes.withLock { $0[name.lowercased()] } }
}
