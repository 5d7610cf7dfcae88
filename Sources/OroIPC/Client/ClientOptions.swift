// SPDX-License-Identifier: Apache-2.0

import Logging
import OroFrame
import OroLink

/// How a client connects and waits.
public struct ClientOptions: Sendable {
    /// What a thread does while it waits for a result.
    public var idle: IdlePolicy = .adaptive
    /// How the client's background thread sleeps (asynchronous calls only); `nil`: io_uring where it works, else epoll.
    public var backend: WakeBackend?
    /// Folder of the host's socket; `nil`: `$XDG_RUNTIME_DIR/oro-ipc`, else `/tmp/oro-ipc-UID`.
    public var folder: String?
    /// Rings, messages and blocks of the link. A client may lend its host 16 GiB at once.
    public var link = ClientOptions.defaultLink
    /// Milliseconds the host may take for the handshake.
    public var handshakeMilliseconds = 5000
    /// Most bytes of messages from tasks that wait for room because the host does not read; another fails with `busy`.
    public var waitingBytes = 256 << 20
    /// Most bytes of private memory for what the host, and other clients over links of their own, have sent and what is
    /// still here: results, chunks, events and messages that wait or that the program keeps; 1 MiB at least. Bytes that
    /// were lent are not among them. A result beyond it is a `QuotaExceededError`, a stream ends with one, an event is
    /// dropped; a message of a port ends its link.
    public var receivedBytes = 1 << 30
    /// Most requests that may wait for their result; another fails at once with a `QuotaExceededError`.
    public var pendingRequests = 1 << 22
    /// Most results that are kept for calls with ``CallOptions/cache``; the oldest goes when another comes.
    public var cachedResults = 1024
    /// Members that take the place of the host's in ``Client/primordials``.
    public var primordials: [String: Value] = [:]
    /// Conversations with other clients of the host may leave it for a link of the two clients' own, if the host and
    /// the other client take part in that (``PortOptions/allowsDirectLinks``). The other learns this process, user and
    /// group.
    public var allowsDirectLinks = true
    /// File descriptors may come along with messages of ports, if the host passes them on
    /// (``PortOptions/allowsDescriptors``): at most 64 that no port has taken in, of the kinds in ``DescriptorKind``.
    /// Otherwise a message that has some is a `messageerror`.
    public var allowsDescriptors = false
    /// How the client comes back when its host ends or drains; `nil`: not at all, it is closed then. A client over a
    /// descriptor never comes back: nothing leads to its host again.
    public var reconnect: ReconnectPolicy? = ReconnectPolicy()
    /// Where the client says what it does. Silent by default.
    public var logger = Logger(label: "oro-ipc.client", factory: { _ in SwiftLogNoOpLogHandler() })

    public init() {}

    /// Why no client can be made with them.
    var problem: String? {
        if receivedBytes < 1 << 20 { return "receivedBytes is \(receivedBytes), and must be 1048576 at least" }
        if !(0...PendingTable.most).contains(pendingRequests) {
            return "pendingRequests is \(pendingRequests), and must be between 0 and \(PendingTable.most)"
        }
        return reconnect?.problem
    }

    private static var defaultLink: LinkLimits {
        var limits = LinkLimits()
        limits.loanBytes = 16 << 30
        return limits
    }
}

/// What a client has seen so far.
public struct ClientStatistics: Sendable, Hashable {
    /// Results that came after their request had been given up; they were dropped.
    public var lateResults = 0
    /// Requests that wait for a result now: of tasks, callbacks and threads.
    public var pending = 0
    /// Payload bytes that were copied in user space, on their way out and in. Those in blocks are not.
    public var copiedBytes = 0
    /// Bytes of blocks that are out: filled here, lent to the host, or held by it.
    public var bytesOnLoan = 0
    /// Blocks the host has not given back.
    public var loans = 0
    /// Bytes of shared memory this client has for blocks.
    public var blockMemory = 0
    /// Bytes of private memory with what was received and is still here, of ``ClientOptions/receivedBytes``.
    public var receivedBytes = 0
    /// Other clients of the host it has a link with.
    public var directLinks = 0
    /// Messages of ports that it has sent over such links.
    public var directMessages = 0
}
