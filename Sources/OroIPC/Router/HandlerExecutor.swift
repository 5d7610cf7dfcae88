// SPDX-License-Identifier: Apache-2.0

/// Where asynchronous handlers run.
public enum HandlerExecutor: Sendable {
    /// At once, on the host's thread, until the handler first waits for something, and then on Swift's own threads, as
    /// `Task.immediateDetached` does. The default: a handler that does not wait at all is answered without another
    /// thread, and one that waits costs the host what it does before.
    ///
    /// Nothing else is served before its first wait: up to there it may do what takes microseconds. One that computes,
    /// or blocks its thread, belongs on ``global``. A handler with a stream or a body runs there from the start.
    case immediate
    /// On Swift's own threads from the start, as the body of a `Task { }` does. For handlers that compute for more than
    /// some hundred microseconds, or block their thread, before they first wait.
    case global
    /// On the host's thread, at once: what the handler does until it first waits for something is done when the next
    /// message is looked at, and a handler that does not wait at all is answered without a task, a queue or another
    /// thread. After a wait it goes on between two looks at the clients.
    ///
    /// The lowest latency; but nothing else is served while such a handler computes.
    case reactor
    /// On an executor of the program's own, which must be able to run as long as the host.
    case custom(any TaskExecutor)
}
