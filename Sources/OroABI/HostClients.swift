// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroIPC

// Who may be a client of a host, and what the host decides about one.

/// One end of a new connection, into `out`.
private func makePeer(
    _ pointer: OpaquePointer?, _ label: String?, _ out: UnsafeMutablePointer<Int32>
) throws(Failure) {
    let handle = try unsafe host(pointer)
    let descriptor = try Failure.of { () throws(LinkError) in try handle.host.makePeer(label: label) }
    // C says that it points to a number.
    unsafe out.pointee = descriptor
}

@c @implementation
public func oroipc_host_make_peer(_ pointer: OpaquePointer?, _ out: UnsafeMutablePointer<Int32>?) -> oroipc_status {
    status { () throws(Failure) in
        guard let out = unsafe out else { throw .null("out") }
        // As above.
        unsafe out.pointee = -1
        try unsafe makePeer(pointer, nil, out)
    }
}

@c @implementation
public func oroipc_host_make_labelled_peer(
    _ pointer: OpaquePointer?, _ label: UnsafePointer<CChar>?, _ out: UnsafeMutablePointer<Int32>?
) -> oroipc_status {
    status { () throws(Failure) in
        guard let out = unsafe out else { throw .null("out") }
        // As above.
        unsafe out.pointee = -1
        try unsafe makePeer(pointer, required(label, "label"), out)
    }
}

/// The host at `pointer`, which is to take over a descriptor.
private func host(_ pointer: OpaquePointer?, taking descriptor: Int32) throws(Failure) -> Host {
    guard descriptor >= 0 else { throw .invalid("\(descriptor) is no descriptor") }
    return try unsafe host(pointer).host
}

@c @implementation
public func oroipc_host_adopt(_ pointer: OpaquePointer?, _ descriptor: Int32) -> oroipc_status {
    status { () throws(Failure) in try unsafe host(pointer, taking: descriptor).adopt(descriptor: descriptor) }
}

@c @implementation
public func oroipc_host_adopt_labelled(
    _ pointer: OpaquePointer?, _ label: UnsafePointer<CChar>?, _ descriptor: Int32
) -> oroipc_status {
    status { () throws(Failure) in
        let host = try unsafe host(pointer, taking: descriptor)
        let label = try unsafe required(label, "label")
        try Failure.of { () throws(LinkError) in try host.adopt(descriptor: descriptor, label: label) }
    }
}

/// A function of C's that decides who may call what.
@safe private struct GateInC: Middleware, @unchecked Sendable {
    // Sendable: constant; the header says on which threads it is called.
    let function: oroipc_gate
    let kept: Kept

    func before(_ call: RouteCall) throws -> Result? {
        guard let client = call.client else { return nil }
        let isAllowed = unsafe oroipc_peer.with(client.peer) { peer in
            unsafe call.name.withCString { unsafe function(peer, $0, kept.context) } != 0
        }
        if isAllowed { return nil }
        throw IPCError.notAllowed("'\(call.name)' is not allowed to \(client.peer)")
    }
}

@c @implementation
public func oroipc_host_guard(
    _ pointer: OpaquePointer?, _ routes: UnsafePointer<CChar>?, _ gate: oroipc_gate?,
    _ context: UnsafeMutableRawPointer?, _ destroy: oroipc_done?
) -> oroipc_status {
    let kept = unsafe Kept(context, destroy)
    return status { () throws(Failure) in
        let host = try unsafe host(pointer).host
        let routes = try unsafe required(routes, "routes")
        guard let gate = unsafe gate else { throw .null("gate") }
        if routes.isEmpty { throw .invalid("'routes' is empty, and names no route") }
        unsafe host.router.use(GateInC(function: gate, kept: kept), for: routes)
    }
}

@c @implementation
public func oroipc_host_disconnect(
    _ pointer: OpaquePointer?, _ client: UInt64, _ reason: UnsafePointer<CChar>?
) -> oroipc_status {
    status { () throws(Failure) in
        let host = try unsafe host(pointer).host
        let reason = try unsafe text(reason, "reason") ?? ""
        try connected(client, host).disconnect(reason)
    }
}

@c @implementation
public func oroipc_host_fix_origin(
    _ pointer: OpaquePointer?, _ client: UInt64, _ origin: UnsafePointer<CChar>?
) -> oroipc_status {
    status { () throws(Failure) in
        let host = try unsafe host(pointer).host
        let origin = try unsafe text(origin, "origin")
        let client = try connected(client, host)
        do throws(IPCError) {
            try client.fixBroadcastOrigin(origin)
        } catch {
            throw .invalid(error.message)
        }
    }
}
