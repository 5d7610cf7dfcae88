// SPDX-License-Identifier: Apache-2.0

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

    /// What has happened to a watched descriptor.
    package struct Event {
        package let key: UInt64
        /// The other end is closed or shut down; what it sent before may still be there.
        package let hasHungUp: Bool
        /// Why nothing more will be told under this key: the kernel has ended the watch for good.
        package let lost: LinkError?
    }

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

    /// Watches `fd` from now on: an edge each time something comes. Throws when the kernel, or memory, has no room for
    /// it.
    package func add(_ fd: Int32, key: UInt64) throws(LinkError) {
        let status = unsafe oro_poller_add(handle, fd, key)
        if status < 0 { throw .system(call: "poll", errno: -status) }
    }

    /// Watches no more; before the descriptor is closed. Of what has happened already nothing is told.
    package func remove(key: UInt64) { unsafe oro_poller_remove(handle, key) }

    /// True when a look may find something, without a system call where the backend allows that.
    @inline(__always) package var pending: Bool { unsafe oro_poller_pending(handle) }

    /// Events told in one call.
    private static let most = 64

    /// Waits at most `nanoseconds` and calls `body` with what has happened. True: there may be more. `isCancellable`:
    /// the thread may be cancelled meanwhile, with epoll; the caller has said what is to be done then.
    @discardableResult
    package func wait(_ nanoseconds: UInt64, isCancellable: Bool = false, _ body: (Event) -> Void) -> Bool {
        unsafe withUnsafeTemporaryAllocation(of: oro_poller_event.self, capacity: Poller.most) { events in
            // The buffer outlives the call and has room for as many.
            let count = unsafe oro_poller_wait(
                handle, nanoseconds, events.baseAddress, Int32(Poller.most), isCancellable)
            if count <= 0 { return false }
            for index in 0..<Int(count) {
                let event = unsafe events[index]
                let lost = event.lost == 0 ? nil : LinkError.system(call: "poll", errno: event.lost)
                body(Event(key: event.key, hasHungUp: event.hung_up, lost: lost))
            }
            return count == Poller.most
        }
    }
}
