import CSupport

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// How a side sleeps.
public enum WakeBackend: String, Sendable, Hashable, CaseIterable {
    case ioUring = "io_uring"
    case epoll

    /// The backend that the environment variable `ORO_IPC_BACKEND` asks for.
    public static var forced: WakeBackend? {
        guard let text = unsafe getenv("ORO_IPC_BACKEND") else { return nil }
        return WakeBackend(rawValue: unsafe String(cString: text))
    }

    var code: Int32 { self == .ioUring ? Int32(ORO_BACKEND_IO_URING) : Int32(ORO_BACKEND_EPOLL) }
}

/// Waits for descriptors. Used by one thread at a time; with io_uring always by the thread that adds them.
@safe package struct Poller: ~Copyable {
    private let handle: OpaquePointer
    package let backend: WakeBackend

    /// Set in an event's key when the kernel ended the watch: the descriptor has to be added again.
    package static let ended: UInt64 = 1 << 62

    /// The wanted backend, or the one that `ORO_IPC_BACKEND` forces, or io_uring and where that is missing epoll.
    package init(_ wanted: WakeBackend? = nil) throws(LinkError) {
        let forced = wanted ?? WakeBackend.forced
        var error: Int32 = 0
        for backend in forced.map({ [$0] }) ?? [.ioUring, .epoll] {
            if let handle = unsafe oro_poller_open(backend.code, &error) {
                unsafe self.handle = handle
                self.backend = backend
                return
            }
        }
        throw .system(call: forced == .epoll ? "epoll_create1" : "io_uring_setup", errno: error)
    }

    deinit { unsafe oro_poller_close(handle) }

    /// Readable when there is something to wait for.
    package var descriptor: Int32 { unsafe oro_poller_descriptor(handle) }

    package func add(_ fd: Int32, key: UInt64) throws(LinkError) {
        let status = unsafe oro_poller_add(handle, fd, key)
        if status < 0 { throw .system(call: "poll", errno: -status) }
    }

    package func remove(_ fd: Int32, key: UInt64) { _ = unsafe oro_poller_remove(handle, fd, key) }

    /// True when a look may find something, without a system call where the backend allows that.
    @inline(__always) package var pending: Bool { unsafe oro_poller_pending(handle) }

    /// Waits at most `nanoseconds` and calls `body` with each key that has something. `isCancellable`: the thread may be cancelled
    /// meanwhile, with epoll; the caller has said what is to be done then.
    package func wait(_ nanoseconds: UInt64, isCancellable: Bool = false, _ body: (UInt64) -> Void) {
        unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 64) { keys in
            // The buffer outlives the call and has room for 64.
            let count = unsafe oro_poller_wait(handle, nanoseconds, keys.baseAddress, 64, isCancellable)
            if count <= 0 { return }
            for index in 0..<Int(count) { body(unsafe keys[index]) }
        }
    }
}
