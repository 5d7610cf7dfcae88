import OroLink
import Synchronization

/// The commands a host answers. Names are compared without regard to case; a later `map` replaces an earlier one.
public final class Router: Sendable {
    /// Answers at once, on the host's own thread: for what takes microseconds. Nothing else is served meanwhile.
    public typealias SyncHandler = @Sendable (Message) throws -> Result
    /// Answers from a task of its own, which is cancelled when the client aborts, times out or goes away.
    public typealias AsyncHandler = @Sendable (Message) async throws -> Result

    @usableFromInline
    final class Route: Sendable {
        @usableFromInline let name: String
        /// One of the two.
        let sync: SyncHandler?
        let async: AsyncHandler?

        init(_ name: String, sync: SyncHandler? = nil, async: AsyncHandler? = nil) {
            self.name = name
            self.sync = sync
            self.async = async
        }
    }

    private let routes = Locked<[String: Route]>([:])
    /// Changes with every `map` and `unmap`, so that links can remember what they looked up.
    @usableFromInline let version = Atomic<UInt64>(1)

    init() {}

    /// Answers the command `name` with `handler`, which runs on the host's thread.
    @_disfavoredOverload
    public func map(_ name: String, _ handler: @escaping SyncHandler) {
        set(name, Route(name, sync: handler))
    }

    /// Answers the command `name` with `handler`, which runs in a task.
    public func map(_ name: String, async handler: @escaping AsyncHandler) {
        set(name, Route(name, async: handler))
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
