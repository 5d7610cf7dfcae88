// SPDX-License-Identifier: Apache-2.0

import Logging
import OroLink
import OroPorts

/// How a host behaves. Every limit has a default, and a typed error where it is exceeded.
public struct HostOptions: Sendable {
    /// What the host's thread does while nothing comes.
    public var idle: IdlePolicy = .adaptive
    /// How it sleeps; `nil`: io_uring where it works, else epoll (`ORO_IPC_BACKEND` forces one).
    public var backend: WakeBackend?
    /// Folder of the socket; `nil`: `$XDG_RUNTIME_DIR/oro-ipc`, else `/tmp/oro-ipc-UID`.
    public var folder: String?
    /// Rings and messages of each link.
    public var link = LinkLimits()
    /// Most clients at once; another is refused with `full`.
    public var links = 4096
    /// Most clients at once that have not finished their handshake; another is refused with `busy`.
    public var handshakes = 128
    /// Most descriptors of this process that clients hold, all together: two for each link, those that came with
    /// messages, those that are still being closed. `nil`: three quarters of `RLIMIT_NOFILE` as it is when the host is
    /// made. A client beyond it is refused with `full`; the link of one that would hold more ends, with
    /// ``LinkError/overBudget(_:)``.
    public var descriptors: Int?
    /// Most mappings of memory that clients make this process have, all together: six for each link, two for each
    /// further ring, one for each memory with blocks on either side. `nil`: three quarters of `vm.max_map_count` as it
    /// is when the host is made. Beyond it as with ``descriptors``.
    public var mappings: Int?
    /// The share of ``handshakes``, ``descriptors`` and ``mappings`` that the clients of one user may hold, in percent,
    /// 1 to 100.
    public var percentPerUser = 75
    /// The same for the clients of one process.
    public var percentPerProcess = 50
    /// Milliseconds a client may take for its handshake.
    public var handshakeMilliseconds = 5000
    /// Most requests of one client that asynchronous handlers work on; another gets a `QuotaExceededError`.
    public var requestsPerLink = 1 << 20
    /// Most streams of one client: requests that are answered in chunks, and requests with a body in chunks, each
    /// counted for itself, as long as their handlers are at work; another gets a `QuotaExceededError`.
    public var streamsPerLink = 1000
    /// Most bytes of private memory for one client: what it sent that is incomplete, waits, or is kept by a handler or
    /// for another client; results that it does not read; names of commands; 1 MiB at least. Bytes that it lent are not
    /// among them. A request beyond it gets a `QuotaExceededError`, a post is dropped, a port is closed with a
    /// `QuotaExceededError`; a client that sends as much again all the same loses its link.
    public var receivedBytesPerLink = 256 << 20
    /// The same for all clients together, 4 MiB at least. Each has 64 KiB of its own (or its part of a quarter of this,
    /// where ``links`` is large); of the rest no client may have more than a quarter of what is left.
    public var receivedBytes = 2 << 30
    /// Most bytes of shared memory for blocks of all links together, 64 MiB at least: what results and events are lent
    /// from, kept ones included. Each client has 256 KiB of its own, and of the rest no more than a quarter of what is
    /// left. Beyond it a payload goes through the ring, if it is not too long for that, and ``Message/loan(_:)`` throws
    /// `overQuota`.
    public var blockBytes = 4 << 30
    /// Message ports: how many, and which.
    public var ports = PortOptions()
    /// Most bytes of results and events that wait because a client does not read; then its link is ended.
    public var waitingBytesPerLink = 256 << 20
    /// Where asynchronous handlers run, unless ``Router/map(_:on:async:)`` says otherwise.
    public var handlers = HandlerExecutor.immediate
    /// The priority of their tasks; `nil`: that of the task which started the host, as with `Task { }`. The caller's
    /// priority does not travel: another process does not rank this one's work.
    public var priority: TaskPriority?
    /// Who may connect: answers why not, or `nil` for yes. `nil`: processes of the same user, and nobody else. A policy
    /// takes the place of that rule, so it looks at `userID` itself.
    public var policy: (@Sendable (PeerIdentity) -> Refusal?)?
    /// The routes that every host has: `ping`, `platform.primordials`, `platform.event`, `diagnostics.*` and
    /// `broadcast_channel.*`. They can be neither replaced nor removed.
    public var builtInRoutes = true
    /// Those of them that this host does not have: names, or patterns such as `diagnostics.*`. The program may map such
    /// names itself. A host cannot be made with one that names no built-in route.
    public var withoutRoutes: [RoutePattern] = []
    /// Most bytes of encoded parameters that `platform.event`, `diagnostics.stream.*`, `broadcast_channel.subscribe`
    /// and `.unsubscribe` read, at least 1 024: their handlers run on the host's thread. A request with more gets a
    /// `RangeError`. (What `broadcast_channel.postMessage` takes is ``PortOptions/broadcastRequestBytes``.)
    public var builtInParameterBytes = 256 << 10
    /// What `platform.primordials` shows as the version: that of the program, where it has one.
    public var version = RuntimeVersion.library
    /// Called on the host's thread when a client has connected, and before anything it sends is looked at.
    public var onConnect: (@Sendable (ConnectedClient) -> Void)?
    /// Called when a client is gone, for which ``ConnectedClient/ending`` has the reason: on the host's thread, or on
    /// that which stops the host.
    public var onDisconnect: (@Sendable (ConnectedClient) -> Void)?
    /// Where the host says what it does. Silent by default.
    public var logger = Logger(label: "oro-ipc.host", factory: { _ in SwiftLogNoOpLogHandler() })

    public init() {}

    /// Why no host can be made with them.
    var problem: String? {
        for (name, value) in [
            ("links", links), ("handshakes", handshakes), ("handshakeMilliseconds", handshakeMilliseconds),
            ("descriptors", descriptors ?? 1), ("mappings", mappings ?? 1),
        ] where value < 1 {
            return "\(name) is \(value), and must be 1 at least"
        }
        for (name, value) in [
            ("requestsPerLink", requestsPerLink), ("streamsPerLink", streamsPerLink),
            ("waitingBytesPerLink", waitingBytesPerLink), ("ports.portsPerLink", ports.portsPerLink),
        ] where value < 0 {
            return "\(name) is \(value), and must not be negative"
        }
        if receivedBytesPerLink < 1 << 20 {
            return "receivedBytesPerLink is \(receivedBytesPerLink), and must be 1048576 at least"
        }
        if blockBytes < 64 << 20 { return "blockBytes is \(blockBytes), and must be 67108864 at least" }
        if receivedBytes < 4 << 20 { return "receivedBytes is \(receivedBytes), and must be 4194304 at least" }
        return nil
    }
}

/// What a host has done so far.
public struct HostStatistics: Sendable, Hashable {
    /// Clients connected now.
    public var links = 0
    /// Clients that ever connected.
    public var accepted = 0
    /// Clients that were refused, or failed their handshake.
    public var refused = 0
    /// Links ended because the client broke the protocol.
    public var violations = 0
    /// Requests and posts that reached the router.
    public var requests = 0
    /// Payload bytes that were copied in user space, on their way in and out. Those in blocks are not.
    public var copiedBytes = 0
    /// Bytes of blocks that are out: filled by handlers, lent to clients, or held by them.
    public var bytesOnLoan = 0
    /// Blocks clients have not given back.
    public var loans = 0
    /// Bytes of shared memory for blocks.
    public var blockMemory = 0
    /// Bytes of private memory with what clients have sent and what waits for them, besides the 64 KiB that each has of
    /// its own, of ``HostOptions/receivedBytes``.
    public var receivedBytes = 0
    /// Frames that were not taken because there was no room for them in that.
    public var refusedFrames = 0
    /// Ends of channels that clients or this host have, or that are on their way between them.
    public var ports = 0
    /// Requests dropped because their deadline had passed before they were looked at.
    public var expired = 0
    /// Events and pushes that a client did not get: it is not known to listen and had no room, or they are too long for
    /// it.
    public var droppedEvents = 0
    /// Descriptors and mappings of this process that clients hold (``HostOptions/descriptors``,
    /// ``HostOptions/mappings``).
    public var descriptors = 0
    public var mappings = 0
    /// Descriptors that came from peers of this process and are not closed yet, because closing them waits for
    /// somebody.
    public var closingDescriptors = 0
    /// Replies by seq (``ConnectedClient/reply(to:_:)``) for which no handler was at work.
    public var unmatchedReplies = 0
}
