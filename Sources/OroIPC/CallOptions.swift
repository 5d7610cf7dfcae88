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
    /// Rings and messages of the link.
    public var link = LinkLimits()
    /// Milliseconds the host may take for the handshake.
    public var handshakeMilliseconds = 5000
    /// Most bytes of messages from tasks that wait for room because the host does not read; another fails with `busy`.
    public var waitingBytes = 256 << 20
    /// Most requests that may wait for their result; another fails at once with a `QuotaExceededError`.
    public var pendingRequests = 1 << 22
    /// Where the client says what it does. Silent by default.
    public var logger = Logger(label: "oro-ipc.client", factory: { _ in SwiftLogNoOpLogHandler() })

    public init() {}
}

/// What a single call may ask for.
public struct CallOptions: Sendable {
    /// How long to wait for the result; then it is a `TimeoutError`. `nil`: no limit. `.milliseconds(TIMEOUT)` is usual.
    public var timeout: Duration?
    /// Ends the wait when it is aborted; the result is then an `AbortError`.
    public var signal: AbortSignal?
    /// The caller's own number for the request, of any size. `nil`: the next of the client's own 1, 2, 3, …
    public var seq: Seq?

    @inlinable
    public init(timeout: Duration? = nil, signal: AbortSignal? = nil, seq: Seq? = nil) {
        self.timeout = timeout
        self.signal = signal
        self.seq = seq
    }

    /// Waits ``TIMEOUT`` milliseconds.
    public static var deadline: CallOptions { CallOptions(timeout: .milliseconds(TIMEOUT)) }
}

/// What a client has seen so far.
public struct ClientStatistics: Sendable, Hashable {
    /// Results that came after their request had been given up; they were dropped.
    public var lateResults = 0
    /// Requests that wait for a result in asynchronous calls.
    public var pending = 0
}
