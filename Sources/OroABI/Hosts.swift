// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroIPC
import OroLink
import Synchronization

/// A host as C has it.
final class HostHandle: Handle, Sendable {
    let host: Host
    private let mode = Locked(Mode.created)
    /// The thread that turns it, while it does: 0 for none.
    private let isTurning = Atomic(false)

    enum Mode {
        case created, started, running, turned, stopped
    }

    init(_ host: Host) { self.host = host }

    deinit { host.stop() }  // nothing in a forked child

    /// Says who serves; throws when somebody does already.
    func become(_ wanted: Mode) throws(Failure) {
        let before = mode.withLock { mode in
            defer { if mode == .created { mode = wanted } }
            return mode
        }
        switch before {
        case .created: return
        case .turned where wanted == .turned: return
        case .turned: throw .state("the host is turned by a foreign event loop")
        case .started, .running: throw .state("the host is running already")
        case .stopped: throw .state("the host is stopped")
        }
    }

    var isTurned: Bool { mode.withLock { $0 == .turned } }

    func stop() {
        mode.withLock { $0 = .stopped }
        host.stop()
    }

    /// A start that came to nothing.
    func goBack() { mode.withLock { if $0 == .started { $0 = .created } } }

    /// Runs one turn, which may linger, unless one is being run.
    func turn(spinning nanoseconds: UInt64) throws(Failure) -> UInt64? {
        try become(.turned)
        guard !isTurning.exchange(true, ordering: .acquiring) else {
            throw .state("the host is being turned: a callback, or another thread, cannot turn it")
        }
        defer { isTurning.store(false, ordering: .releasing) }
        return nanoseconds == 0 ? host.turn() : host.turn(spinning: nanoseconds)
    }
}

extension HostOptions {
    /// As C wants them; NULL: the defaults.
    init(_ pointer: UnsafePointer<oroipc_host_options>?) throws(Failure) {
        self.init()
        guard let pointer = unsafe pointer else { return }
        let wanted = try unsafe whole(pointer, "options", oroipc_host_options())
        idle = try unsafe idlePolicy(wanted.idle)
        backend = try unsafe OroABI.backend(wanted.backend)
        folder = try unsafe text(wanted.folder, "folder")
        try unsafe link.set(wanted.limits)
        links = try unsafe choice(wanted.links, links, "links")
        handshakes = try unsafe choice(wanted.handshakes, handshakes, "handshakes")
        handshakeMilliseconds = try unsafe choice(wanted.handshake_ms, handshakeMilliseconds, "handshake_ms")
        requestsPerLink = try unsafe choice(wanted.requests_per_link, requestsPerLink, "requests_per_link")
        streamsPerLink = try unsafe choice(wanted.streams_per_link, streamsPerLink, "streams_per_link")
        waitingBytesPerLink = try unsafe choice(
            wanted.waiting_bytes_per_link, waitingBytesPerLink, "waiting_bytes_per_link")
        receivedBytesPerLink = try unsafe choice(
            wanted.received_bytes_per_link, receivedBytesPerLink, "received_bytes_per_link")
        receivedBytes = try unsafe choice(wanted.received_bytes, receivedBytes, "received_bytes")
        blockBytes = try unsafe choice(wanted.block_bytes, blockBytes, "block_bytes")
        if let function = unsafe wanted.policy {
            let callback = unsafe Callback(function: function, context: wanted.policy_context)
            policy = { peer in
                // Called before the handshake, on the host's thread.
                unsafe oroipc_peer.with(peer) { unsafe callback.function($0, callback.context) } == 0 ? .denied : nil
            }
        }
        if let function = unsafe wanted.connected {
            let callback = unsafe Callback(function: function, context: wanted.clients_context)
            onConnect = { client in
                unsafe oroipc_peer.with(client.peer) { unsafe callback.function(client.id, $0, callback.context) }
            }
        }
        if let function = unsafe wanted.disconnected {
            let callback = unsafe Callback(function: function, context: wanted.clients_context)
            onDisconnect = { client in
                let why = Failure(client.ending ?? .closed)
                unsafe oroipc_peer.with(client.peer) { peer in
                    unsafe why.text.withCString {
                        unsafe callback.function(client.id, peer, why.code, $0, callback.context)
                    }
                }
            }
        }
        if let names = try unsafe text(wanted.without_routes, "without_routes") {
            withoutRoutes = names.split { $0 == "," || $0 == " " }.map { RoutePattern(String($0)) }
        }
        ports.portsPerLink = try unsafe choice(wanted.ports_per_link, ports.portsPerLink, "ports_per_link")
        ports.allowsMeetings = unsafe wanted.allows_meetings != 0
        ports.allowsBroadcasts = unsafe wanted.refuses_broadcasts == 0
        if let wantedLog = try unsafe OroABI.logger(
            "oro-ipc.host", wanted.log, wanted.log_context, from: wanted.log_level)
        {
            logger = wantedLog
        }
    }
}

extension oroipc_peer {
    /// `label`: where its text is kept.
    init(_ peer: PeerIdentity, label: UnsafePointer<CChar>?) {
        unsafe self.init(
            size: MemoryLayout<oroipc_peer>.size, process: peer.processID, user: peer.userID, group: peer.groupID,
            label: label)
    }

    /// Calls a function of C's with it.
    static func with<R>(_ peer: PeerIdentity, _ body: (UnsafePointer<oroipc_peer>) -> R) -> R {
        func call(_ label: UnsafePointer<CChar>?) -> R {
            var identity = unsafe oroipc_peer(peer, label: label)
            return unsafe body(&identity)
        }
        // The text lives until C returns.
        return unsafe peer.label?.withCString { unsafe call($0) } ?? call(nil)
    }
}

/// The host at `pointer`.
func host(_ pointer: OpaquePointer?) throws(Failure) -> HostHandle {
    guard let handle = unsafe HostHandle.at(pointer) else { throw .null("host") }
    if handle.host.isForeign { throw .forked }
    return handle
}

@c @implementation
public func oroipc_host_create(
    _ name: UnsafePointer<CChar>?, _ options: UnsafePointer<oroipc_host_options>?,
    _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    unsafe put(out) { () throws(Failure) in
        let options = try unsafe HostOptions(options)
        let name = try unsafe text(name, "name")
        return HostHandle(
            try Failure.of { () throws(LinkError) in
                if let name { try Host(name: name, options: options) } else { try Host.unnamed(options: options) }
            })
    }
}

@c @implementation
public func oroipc_host_retain(_ host: OpaquePointer?) -> OpaquePointer? { unsafe HostHandle.retain(host) }

@c @implementation
public func oroipc_host_release(_ host: OpaquePointer?) { unsafe HostHandle.release(host) }

@c @implementation
public func oroipc_host_start(_ pointer: OpaquePointer?) -> oroipc_status {
    status { () throws(Failure) in
        let handle = try unsafe host(pointer)
        try handle.become(.started)
        do throws(LinkError) {
            try handle.host.start()
        } catch {
            handle.goBack()
            throw Failure(error)
        }
    }
}

@c @implementation
public func oroipc_host_run(_ pointer: OpaquePointer?) -> oroipc_status {
    status { () throws(Failure) in
        let handle = try unsafe host(pointer)
        try handle.become(.running)
        handle.host.run()
    }
}

@c @implementation
public func oroipc_host_stop(_ pointer: OpaquePointer?) -> oroipc_status {
    status { () throws(Failure) in try unsafe host(pointer).stop() }
}

@c @implementation
public func oroipc_host_shutdown(_ pointer: OpaquePointer?, _ within: UInt32, _ reason: UnsafePointer<CChar>?)
    -> oroipc_status
{
    status { () throws(Failure) in
        let handle = try unsafe host(pointer)
        let reason = try unsafe text(reason, "reason") ?? "the host has shut down"
        if handle.isTurned {
            handle.host.beginShutdown(within: .milliseconds(Int(within)), reason: reason)
            return
        }
        if handle.host.isOnThread { throw .state("the host's own thread cannot wait for the end of what it serves") }
        handle.host.shutdownSync(within: .milliseconds(Int(within)), reason: reason)
        handle.stop()
    }
}

@c @implementation
public func oroipc_host_descriptor(_ host: OpaquePointer?) -> Int32 {
    guard let handle = unsafe HostHandle.at(host), !handle.host.isForeign else { return -1 }
    return handle.host.descriptor
}

@c @implementation
public func oroipc_host_turn(_ pointer: OpaquePointer?, _ timeout: UnsafeMutablePointer<Int32>?) -> oroipc_status {
    unsafe oroipc_host_linger(pointer, 0, timeout)
}

@c @implementation
public func oroipc_host_linger(
    _ pointer: OpaquePointer?, _ microseconds: UInt32, _ timeout: UnsafeMutablePointer<Int32>?
) -> oroipc_status {
    status { () throws(Failure) in
        // C says that it points to a number, or is NULL.
        if let timeout = unsafe timeout { unsafe timeout.pointee = -1 }
        let next = try unsafe host(pointer).turn(spinning: UInt64(microseconds) * 1000)
        if let timeout = unsafe timeout { unsafe timeout.pointee = milliseconds(next) }
    }
}

/// As `poll` and `epoll_wait` take it: rounded up, -1 for ever.
func milliseconds(_ nanoseconds: UInt64?) -> Int32 {
    guard let nanoseconds else { return -1 }
    return Int32(clamping: nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 == 0 ? 0 : 1))
}

@c @implementation
public func oroipc_host_statistics_get(
    _ pointer: OpaquePointer?, _ out: UnsafeMutablePointer<oroipc_host_statistics>?
) -> oroipc_status {
    unsafe give(out, "out") { () throws(Failure) in
        let seen = try unsafe host(pointer).host.statistics
        return oroipc_host_statistics(
            size: 0, links: UInt64(clamping: seen.links), accepted: UInt64(clamping: seen.accepted),
            refused: UInt64(clamping: seen.refused), violations: UInt64(clamping: seen.violations),
            requests: UInt64(clamping: seen.requests), expired: UInt64(clamping: seen.expired),
            copied_bytes: UInt64(clamping: seen.copiedBytes), loaned_bytes: UInt64(clamping: seen.bytesOnLoan),
            loans: UInt64(clamping: seen.loans), block_memory: UInt64(clamping: seen.blockMemory))
    }
}
