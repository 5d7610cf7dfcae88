// SPDX-License-Identifier: Apache-2.0

import OroLink

extension Router {
    /// Answers at once, on the host's own thread: for what takes microseconds. Nothing else is served meanwhile.
    public typealias SyncHandler = @Sendable (Message) throws -> Result
    /// Answers from a task of its own, which is cancelled when the client aborts, times out or goes away.
    public typealias AsyncHandler = @Sendable (Message) async throws -> Result
    /// Answers in chunks, from a task of its own, which is cancelled when the client gives the stream up or goes away.
    public typealias StreamHandler = @Sendable (Message, ReplyStream) async throws -> Void
    /// Answers now or later, from wherever it likes; is called on the host's own thread. An error it throws is the
    /// answer.
    public typealias ReplyHandler = @Sendable (Message, Reply) throws -> Void

    /// What answers a command: a ``SyncRoute``, an ``AsyncRoute``, a ``StreamRoute`` or a ``ReplyRoute``.
    @usableFromInline
    class Route: @unchecked Sendable {
        final let label: RouteLabel
        final let isSync: Bool
        /// Where the handler runs; `nil`: where the host's options say.
        final let executor: HandlerExecutor?

        fileprivate init(_ name: String, isSync: Bool, on executor: HandlerExecutor? = nil) {
            label = RouteLabel(name)
            self.isSync = isSync
            self.executor = executor
        }

        final var name: String { label.name }
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

        init(_ name: String, on executor: HandlerExecutor? = nil, _ handler: @escaping AsyncHandler) {
            self.handler = handler
            super.init(name, isSync: false, on: executor)
        }
    }

    final class StreamRoute: Route, @unchecked Sendable {
        let handler: StreamHandler
        /// What answers a request that takes no stream; `nil`: it is refused.
        let otherwise: Route?

        init(
            _ name: String, on executor: HandlerExecutor? = nil, otherwise: Route? = nil,
            _ handler: @escaping StreamHandler
        ) {
            self.handler = handler
            self.otherwise = otherwise
            super.init(name, isSync: false, on: executor)
        }
    }

    final class ReplyRoute: Route, @unchecked Sendable {
        let handler: ReplyHandler

        init(_ name: String, _ handler: @escaping ReplyHandler) {
            self.handler = handler
            super.init(name, isSync: false)
        }
    }
}
