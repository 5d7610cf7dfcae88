// SPDX-License-Identifier: Apache-2.0

/// Where asynchronous handlers run.
public enum HandlerExecutor: Sendable {
    /// On Swift's own threads, as the body of a `Task { }` does. For handlers that compute, or of which nothing is
    /// known.
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
