// SPDX-License-Identifier: Apache-2.0

public import OroIPC
public import ServiceLifecycle

/// A host among the services of a server: it serves as long as the group runs, and shuts down in order with it.
///
/// ```swift
/// let host = try Host(name: "files")
/// host.router.map("ping.me") { _ in Result(data: "pong") }
/// let group = ServiceGroup(
///     services: [HostService(host)], gracefulShutdownSignals: [.sigterm], logger: logger)
/// try await group.run()
/// ```
public struct HostService: Service {
    private let host: Host
    private let deadline: Duration
    private let reason: String

    /// Serves `host`, which is not started yet. When the group shuts down, what its handlers are at work on has
    /// `deadline` to finish, and clients are told `reason`: see `Host.shutdown`. A group with a shorter deadline of its
    /// own cuts that short.
    public init(
        _ host: Host, shutdownWithin deadline: Duration = .seconds(30), reason: String = "the host has shut down"
    ) {
        self.host = host
        self.deadline = deadline
        self.reason = reason
    }

    /// Starts the host, and returns when it has stopped. Cancelling the task stops it at once.
    public func run() async throws {
        try host.start()
        do {
            try await gracefulShutdown()
        } catch {
            // Cancelled: nobody waits for an end in order.
            host.stop()
            throw error
        }
        await host.shutdown(within: deadline, reason: reason)
    }
}
