// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroIPC
import OroLink
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A client as C has it.
final class ClientHandle: Handle, Sendable {
    let client: Client
    let deliveries: Deliveries
    let isTurned: Bool
    let commands = CommandNames()
    let ending = Locked(Ending())
    /// Who is told of the client's states, and in which place of its.
    let states = Locked<(listener: StateListener?, token: UInt64?)>((nil, nil))
    let demands = StreamDemands()
    private let isTurning = Atomic(false)

    init(_ client: Client, isTurned: Bool) throws(Failure) {
        self.client = client
        self.isTurned = isTurned
        if isTurned { try Failure.of { () throws(LinkError) in try client.beTurned() } }
        let deliveries = Deliveries(client, isTurned: isTurned)
        self.deliveries = deliveries
        client.callListeners { deliveries.add($0) }
    }

    deinit {
        demands.drop()
        if client.isForeign { return }
        deliveries.close()
        client.close()
        client.endTurns()
    }

    /// The client's thread.
    var thread: CallbackThread { CallbackThread(self) }

    /// Runs one turn, which may linger, and then what is due, unless that is being done.
    func turn(spinning nanoseconds: UInt64) throws(Failure) -> UInt64? {
        guard isTurned else { throw .state("the library's thread calls back for this client") }
        guard !isTurning.exchange(true, ordering: .acquiring) else {
            throw .state("the client is being turned: a callback, or another thread, cannot turn it")
        }
        defer { isTurning.store(false, ordering: .releasing) }
        let next = nanoseconds == 0 ? client.turn() : client.turn(spinning: nanoseconds)
        deliveries.run()
        return next
    }
}

extension ClientOptions {
    /// As C wants them; NULL: the defaults. And whether a foreign loop turns the client.
    static func wanted(_ pointer: UnsafePointer<oroipc_client_options>?) throws(Failure) -> (
        ClientOptions, isTurned: Bool
    ) {
        var options = ClientOptions()
        guard let pointer = unsafe pointer else { return (options, true) }
        let wanted = try unsafe whole(pointer, "options", oroipc_client_options())
        options.idle = try unsafe idlePolicy(wanted.idle)
        options.backend = try unsafe OroABI.backend(wanted.backend)
        options.folder = try unsafe text(wanted.folder, "folder")
        try unsafe options.link.set(wanted.limits)
        options.handshakeMilliseconds = try unsafe choice(
            wanted.handshake_ms, options.handshakeMilliseconds, "handshake_ms")
        options.waitingBytes = try unsafe choice(wanted.waiting_bytes, options.waitingBytes, "waiting_bytes")
        options.receivedBytes = try unsafe choice(wanted.received_bytes, options.receivedBytes, "received_bytes")
        options.pendingRequests = try unsafe choice(
            wanted.pending_requests, options.pendingRequests, "pending_requests")
        options.reconnect = try unsafe ReconnectPolicy(wanted)
        if let wantedLog = try unsafe OroABI.logger(
            "oro-ipc.client", wanted.log, wanted.log_context, from: wanted.log_level)
        {
            options.logger = wantedLog
        }
        switch unsafe Int(wanted.delivery) {
        case OROIPC_DELIVER_TURN: return (options, true)
        case OROIPC_DELIVER_THREAD: return (options, false)
        default: throw unsafe .invalid("\(wanted.delivery) is no delivery")
        }
    }
}

extension ReconnectPolicy {
    /// As C wants it; `nil`: never.
    fileprivate init?(_ wanted: oroipc_client_options) throws(Failure) {
        switch unsafe Int(wanted.reconnect) {
        case OROIPC_RECONNECT_BY_NAME: break
        case OROIPC_RECONNECT_NEVER: return nil
        default: throw unsafe .invalid("'reconnect' is \(wanted.reconnect)")
        }
        func milliseconds(_ wanted: UInt32, _ usual: Duration) -> Duration {
            wanted == 0 ? usual : .milliseconds(Int(wanted))
        }
        self.init()
        unsafe firstDelay = milliseconds(wanted.reconnect_first_ms, firstDelay)
        unsafe longestDelay = max(firstDelay, milliseconds(wanted.reconnect_longest_ms, longestDelay))
        unsafe callsWait = milliseconds(wanted.reconnect_wait_ms, callsWait)
        if unsafe wanted.reconnect_give_up_ms > 0 {
            unsafe giveUpAfter = .milliseconds(Int(wanted.reconnect_give_up_ms))
        }
    }
}

/// The client at `pointer`.
func client(_ pointer: OpaquePointer?) throws(Failure) -> ClientHandle {
    guard let handle = unsafe ClientHandle.at(pointer) else { throw .null("client") }
    if handle.client.isForeign { throw .forked }
    return handle
}

/// A client that `connect` connects.
private func connected(
    _ options: UnsafePointer<oroipc_client_options>?, _ connect: (ClientOptions) throws(LinkError) -> Client
) throws(Failure) -> ClientHandle {
    let (options, isTurned) = try unsafe ClientOptions.wanted(options)
    return try ClientHandle(try Failure.of { () throws(LinkError) in try connect(options) }, isTurned: isTurned)
}

@c @implementation
public func oroipc_client_connect(
    _ name: UnsafePointer<CChar>?, _ options: UnsafePointer<oroipc_client_options>?,
    _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    unsafe put(out) { () throws(Failure) in
        let name = try unsafe required(name, "name")
        return try unsafe connected(options) { options throws(LinkError) in try Client.connect(name, options: options) }
    }
}

/// Puts what `make` makes over `descriptor`, which is taken over, also when this fails.
func putAdopted<T: Handle>(
    _ descriptor: Int32, _ options: UnsafePointer<oroipc_client_options>?, _ out: Out?,
    _ make: (_ options: ClientOptions, _ isTurned: Bool) throws(Failure) -> T
) -> oroipc_status {
    guard unsafe out != nil, descriptor >= 0, let wanted = try? unsafe ClientOptions.wanted(options) else {
        if descriptor >= 0 { close(descriptor) }
        return unsafe put(out) { () throws(Failure) -> T in
            _ = try unsafe ClientOptions.wanted(options)
            throw .invalid("\(descriptor) is no descriptor")
        }
    }
    return unsafe put(out) { () throws(Failure) in try make(wanted.0, wanted.isTurned) }
}

@c @implementation
public func oroipc_client_adopt(
    _ descriptor: Int32, _ options: UnsafePointer<oroipc_client_options>?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    unsafe putAdopted(descriptor, options, out) { (options, isTurned) throws(Failure) in
        let client = try Failure.of { () throws(LinkError) in try Client(descriptor: descriptor, options: options) }
        return try ClientHandle(client, isTurned: isTurned)
    }
}

@c @implementation
public func oroipc_host_connect(
    _ pointer: OpaquePointer?, _ options: UnsafePointer<oroipc_client_options>?,
    _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    unsafe put(out) { () throws(Failure) in
        let handle = try unsafe host(pointer)
        return try unsafe connected(options) { options throws(LinkError) in try handle.host.connect(options: options) }
    }
}

@c @implementation
public func oroipc_client_retain(_ client: OpaquePointer?) -> OpaquePointer? { unsafe ClientHandle.retain(client) }

@c @implementation
public func oroipc_client_release(_ client: OpaquePointer?) { unsafe ClientHandle.release(client) }

@c @implementation
public func oroipc_client_close(_ pointer: OpaquePointer?) -> oroipc_status {
    status { () throws(Failure) in try unsafe client(pointer).client.close() }
}

@c @implementation
public func oroipc_client_state(_ pointer: OpaquePointer?) -> oroipc_status {
    status { () throws(Failure) in
        if let ending = try unsafe client(pointer).client.ending { throw Failure(ending) }
    }
}

@c @implementation
public func oroipc_client_peer(_ pointer: OpaquePointer?, _ out: UnsafeMutablePointer<oroipc_peer>?) -> oroipc_status {
    unsafe give(out, "out") { () throws(Failure) in try unsafe oroipc_peer(client(pointer).client.host, label: nil) }
}

@c @implementation
public func oroipc_client_statistics_get(
    _ pointer: OpaquePointer?, _ out: UnsafeMutablePointer<oroipc_client_statistics>?
) -> oroipc_status {
    unsafe give(out, "out") { () throws(Failure) in
        let seen = try unsafe client(pointer).client.statistics
        return oroipc_client_statistics(
            size: 0, pending: UInt64(clamping: seen.pending), late_results: UInt64(clamping: seen.lateResults),
            copied_bytes: UInt64(clamping: seen.copiedBytes), loaned_bytes: UInt64(clamping: seen.bytesOnLoan),
            loans: UInt64(clamping: seen.loans), block_memory: UInt64(clamping: seen.blockMemory))
    }
}

@c @implementation
public func oroipc_client_loan(
    _ pointer: OpaquePointer?, _ size: Int, _ wait: UInt32, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    unsafe put(out) { () throws(Failure) in
        let client = try unsafe client(pointer).client
        return try loan(of: size) { count throws(LinkError) in
            try client.loan(count, waitingAtMost: .milliseconds(Int(wait)))
        }
    }
}

@c @implementation
public func oroipc_client_descriptor(_ client: OpaquePointer?) -> Int32 {
    guard let handle = unsafe ClientHandle.at(client), handle.isTurned else { return -1 }
    return handle.client.descriptor
}

@c @implementation
public func oroipc_client_turn(_ pointer: OpaquePointer?, _ timeout: UnsafeMutablePointer<Int32>?) -> oroipc_status {
    unsafe oroipc_client_linger(pointer, 0, timeout)
}

@c @implementation
public func oroipc_client_linger(
    _ pointer: OpaquePointer?, _ microseconds: UInt32, _ timeout: UnsafeMutablePointer<Int32>?
) -> oroipc_status {
    status { () throws(Failure) in
        // C says that it points to a number, or is NULL.
        if let timeout = unsafe timeout { unsafe timeout.pointee = -1 }
        let next = try unsafe client(pointer).turn(spinning: UInt64(microseconds) * 1000)
        if let timeout = unsafe timeout { unsafe timeout.pointee = milliseconds(next) }
    }
}
