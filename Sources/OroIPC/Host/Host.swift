// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroLink

/// Serves commands to other processes, or to this one.
///
/// ```swift
/// let host = try Host(name: "demo")
/// host.router.map("add") { message in Result(data: .int((message["a"]?.int ?? 0) + (message["b"]?.int ?? 0))) }
/// host.router.map("sleep", async: { message in
///     try await Task.sleep(for: .milliseconds(message["ms"]?.int ?? 0))
///     return Result()
/// })
/// try host.start()
/// ```
///
/// One thread serves all clients. Synchronous handlers run on it; asynchronous ones run in tasks of their own, on
/// Swift's threads or on that one (``HostOptions/handlers``). Some routes, such as `ping`, every host has
/// (``HostOptions/builtInRoutes``).
///
/// A host belongs to the process that made it. In a forked child it serves nobody: what throws throws
/// `LinkError.forked`, everything else does nothing, and the parent's goes on as if nobody had forked. A child makes a
/// host of its own; a handler that forks must not return in the child.
///
/// Handlers see the task-local values that are bound where the host is served: around ``start()``, ``run(while:)`` or
/// ``turn()``. Those of a client stay with the client.
public final class Host: Sendable {
    let core: HostCore

    /// A host that clients find under `name`: 1 to 64 of `A-Z a-z 0-9 . _ -`. It listens from now on, and serves from
    /// ``start()`` on.
    ///
    /// Throws `nameTaken` when another host lives under this name, `folder` when the socket folder is not safe to use.
    public convenience init(name: String, options: HostOptions = HostOptions()) throws(LinkError) {
        try self.init(core: HostCore(name: name, options: options))
    }

    private init(core: HostCore) { self.core = core }

    deinit { stop() }

    /// A started host without a name, for clients in this process and for child processes.
    public static func embedded(options: HostOptions = HostOptions()) throws(LinkError) -> Host {
        let host = Host(core: try HostCore(name: nil, options: options))
        try host.start()
        return host
    }

    /// A host without a name that serves only who is given to it, once it is started, run, or turned.
    public static func unnamed(options: HostOptions = HostOptions()) throws(LinkError) -> Host {
        Host(core: try HostCore(name: nil, options: options))
    }

    /// The commands it answers.
    public var router: Router { core.router }

    /// How it sleeps: io_uring or epoll.
    public var backend: WakeBackend { core.reactor.backend }

    /// Runs tasks and actors on the host's thread, between two looks at its clients. See ``HandlerExecutor/reactor``.
    public var executor: ReactorExecutor { core.reactor.executor }

    /// What it has done; may lag a moment behind, except in a synchronous handler.
    public var statistics: HostStatistics { core.snapshot }

    /// Serves on a thread of its own, until ``stop()``. Throws `badOptions` when a route could not be mapped: one that
    /// is built in, or whose name no command can have.
    public func start() throws(LinkError) {
        if core.reactor.isForeign { throw .forked }
        if let problem = router.problem { throw .badOptions(problem) }
        core.reactor.submit { [core] in core.open() }
        try core.reactor.start(inTask: true)
    }

    /// Serves on the calling thread until ``stop()``, or until `goOn`, which is asked in every turn, says no.
    public func run(while goOn: () -> Bool = { true }) {
        core.open()
        core.reactor.run(while: goOn)
    }

    /// Stops serving: clients see the link close, handlers at work are cancelled, the name is free. Waits for the
    /// host's thread, unless called on it. May be called again.
    public func stop() { core.stop() }

    // MARK: Telling clients something

    /// Who is connected now, in no order.
    public var clients: [ConnectedClient] { core.reactor.isForeign ? [] : core.clients.withLock { Array($0.values) } }

    /// The client with this ``ConnectedClient/id``; `nil` when it is gone.
    public func client(_ id: UInt64) -> ConnectedClient? {
        core.reactor.isForeign ? nil : core.clients.withLock { $0[id] }
    }

    /// Sends an event to every client that is connected: ``Client/events`` hears `name` with `value` as its detail.
    ///
    /// It is encoded once, and large bytes are copied once, however many clients there are. Who has a full ring gets it
    /// when there is room, in order; who is not known to listen, and has a full ring, does not get it. Does not wait.
    /// Throws as ``ConnectedClient/emit(_:_:bytes:headers:)``.
    public func emit(
        _ name: String, _ value: Value? = nil, bytes: Bytes? = nil, headers: Headers? = nil
    ) throws(IPCError) {
        try emitToAll(try EncodedEvent.event(name, value, bytes, headers, limit: FrameLimits.default.maxFrameBytes))
    }

    /// Sends every client that is connected a result that it has not asked for, with the seq -1. Otherwise as
    /// ``emit(_:_:bytes:headers:)``.
    public func push(
        _ value: Value? = nil, bytes: Bytes? = nil, headers: Headers? = nil
    ) throws(IPCError) {
        try emitToAll(try EncodedEvent.push(value, bytes, headers, limit: FrameLimits.default.maxFrameBytes))
    }

    private func emitToAll(_ plain: EncodedEvent) throws(IPCError) {
        if core.reactor.isForeign { throw IPCError(.forked) }
        if core.clients.withLock({ $0.isEmpty }) { return }
        var outgoing = plain
        // In memory that every client can be shown.
        if let bytes = outgoing.bytes, outgoing.encoded.isLent, bytes.place != .memory,
            let shared = try? Bytes.shared(bytes)
        {
            outgoing.bytes = shared
        }
        try core.emit(outgoing, to: nil)
    }

    // MARK: In a foreign event loop

    /// For a host that is not started but run by a foreign event loop: poll this for reading, and call ``turn()``.
    public var descriptor: Int32 { core.reactor.descriptor }

    /// Does all there is to do, without waiting, for about a millisecond. To be called once at first, whenever
    /// ``descriptor`` is readable, and at the latest after the nanoseconds it returns (`nil`: only when the descriptor
    /// says so; 0: at once, there is more to do, and the descriptor does not tell of it); always on one thread.
    public func turn() -> UInt64? {
        core.open()
        return core.reactor.turn()
    }

    /// The same for a loop that has nothing else to do: where nothing is there it looks for what comes, as long as the
    /// idle policy says and at most `nanoseconds`, before it leaves the descriptor to tell. As soon as something was
    /// done it answers 0: the caller turns again, as the descriptor does not tell until then.
    package func turn(spinning nanoseconds: UInt64) -> UInt64? {
        core.open()
        return core.reactor.turn(spinning: nanoseconds)
    }

    /// The calling thread is the host's.
    package var isOnThread: Bool { core.reactor.isReactorThread }

    /// The host belongs to the process that this one was forked from.
    package var isForeign: Bool { core.reactor.isForeign }

    /// Begins what ``shutdown(within:reason:)`` does, and waits for nothing; it does not stop the host.
    package func beginShutdown(within deadline: Duration, reason: String) {
        core.shutDown(reason, within: deadline.nanoseconds) {}
    }

    /// Runs `job` on the host's thread, soon: in the next turn of one that is turned. False: it has stopped.
    @discardableResult
    package func onThread(_ job: @escaping @Sendable () -> Void) -> Bool { core.reactor.submit(job) }

    // MARK: Clients without a name

    /// A client of this host in the same process, as ``Client/connect(descriptor:options:)``.
    public func connect(options: ClientOptions = ClientOptions()) async throws(LinkError) -> Client {
        try await Client.connect(descriptor: try makePeer(), options: options)
    }

    /// The same for code that is not in a task. The host must be started. Throws `wouldBlock` on its thread.
    public func connect(options: ClientOptions = ClientOptions()) throws(LinkError) -> Client {
        if isOnThread { throw .wouldBlock(LocalHosts.advice) }
        return try Client(descriptor: try makePeer(), options: options)
    }

    /// One end of a new connection to this host, for a child process: the number of a descriptor that is closed at
    /// `exec` unless the caller passes it on, and that the caller owns. The child calls
    /// ``Client/init(descriptor:options:)``, whenever it comes to that: the host waits for it as long as somebody has
    /// this end.
    ///
    /// `label` tells ``HostOptions/policy``, ``AccessControl``, handlers and notices which of the host's children it is
    /// (``PeerIdentity/label``): the kernel names the process that made the connection, which is the host itself. Of 1
    /// to 255 bytes, without zero characters; throws `badOptions` for others.
    public func makePeer(label: String? = nil) throws(LinkError) -> Int32 {
        if core.reactor.isForeign { throw .forked }
        try Host.check(label: label)
        var ends: [Int32] = [-1, -1]
        let status = unsafe oro_socketpair(&ends)
        guard status == 0 else { throw .system(call: "socketpair", errno: -status) }
        adopt(descriptor: ends[0], label, mayBeSilent: true)
        return ends[1]
    }

    /// Serves the client at the other end of a connected `SOCK_SEQPACKET` socket, which the host takes over, and closes
    /// when it has stopped.
    public func adopt(descriptor: Int32) { adopt(descriptor: descriptor, nil, mayBeSilent: false) }

    /// The same for a client that is called `label` here, as with ``makePeer(label:)``. Throws `badOptions` for a label
    /// that cannot be; the descriptor stays the caller's then.
    public func adopt(descriptor: Int32, label: String) throws(LinkError) {
        try Host.check(label: label)
        adopt(descriptor: descriptor, label, mayBeSilent: false)
    }

    private static func check(label: String?) throws(LinkError) {
        guard let label else { return }
        guard (1...255).contains(label.utf8.count), !label.utf8.contains(0) else {
            throw .badOptions(
                "the label '\(label)' has \(label.utf8.count) bytes; it must have 1 to 255, and no zero among them")
        }
    }

    private func adopt(descriptor: Int32, _ label: String?, mayBeSilent: Bool) {
        let isTaken = core.reactor.submit { [core] in
            core.acceptor.adopt(Descriptor(descriptor, .socket), label: label, mayBeSilent: mayBeSilent)
        }
        if !isTaken { _ = Descriptor(descriptor, .socket) }
    }
}
