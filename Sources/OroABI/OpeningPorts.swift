// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroIPC
import OroLink

// How ports come to be: conversations, channels, subscriptions.

@c @implementation
public func oroipc_client_open_port(
    _ pointer: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    unsafe put(out) { () throws(Failure) in
        let handle = try unsafe client(pointer)
        let name = try unsafe required(name, "name")
        return try opened(handle.thread) { () throws(IPCError) in .port(try handle.client.openPort(name)) }
    }
}

@c @implementation
public func oroipc_client_meet(
    _ pointer: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    unsafe put(out) { () throws(Failure) in
        let handle = try unsafe client(pointer)
        let name = try unsafe required(name, "name")
        return try opened(handle.thread) { () throws(IPCError) in .port(try handle.client.meet(name)) }
    }
}

@c @implementation
public func oroipc_client_subscribe(
    _ pointer: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ origin: UnsafePointer<CChar>?, _ keeping: Int32,
    _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    unsafe put(out) { () throws(Failure) in
        let handle = try unsafe client(pointer)
        let name = try unsafe required(name, "name")
        let origin = try unsafe text(origin, "origin") ?? IPCBroadcastChannel.usualOrigin
        let keeping = try broadcastKeeping(keeping)
        return try opened(handle.thread) { () throws(IPCError) in
            .subscription(try IPCBroadcastChannel(name, origin: origin, over: handle.client, keeping: keeping))
        }
    }
}

@c @implementation
public func oroipc_host_subscribe(
    _ pointer: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ origin: UnsafePointer<CChar>?, _ keeping: Int32,
    _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    unsafe put(out) { () throws(Failure) in
        let host = try unsafe host(pointer).host
        let name = try unsafe required(name, "name")
        let origin = try unsafe text(origin, "origin") ?? IPCBroadcastChannel.usualOrigin
        let keeping = try broadcastKeeping(keeping)
        return try opened(CallbackThread(host)) { () throws(IPCError) in
            .subscription(try IPCBroadcastChannel(name, origin: origin, in: host, keeping: keeping))
        }
    }
}

/// A port, or subscription, that `open` opens.
private func opened(
    _ thread: CallbackThread, _ open: () throws(IPCError) -> PortHandle.End
) throws(Failure) -> PortHandle {
    do throws(IPCError) {
        return PortHandle(try open(), thread)
    } catch {
        throw Failure(error.name == "TypeError" ? OROIPC_INVALID : OROIPC_PEER_GONE, error.message)
    }
}

private func broadcastKeeping(_ wanted: Int32) throws(Failure) -> BroadcastKeeping {
    switch Int(wanted) {
    case OROIPC_KEEP_ALL: .all
    case OROIPC_KEEP_LATEST: .latest
    default: throw .invalid("\(wanted) is no way to keep broadcasts")
    }
}

/// Both ends of a new channel, whose functions are called on this thread.
private func putChannel(
    _ first: Out?, _ second: Out?, _ thread: () throws(Failure) -> CallbackThread
) -> oroipc_status {
    // C says that they point to pointers, or are NULL.
    if let first = unsafe first { unsafe first.pointee = nil }
    if let second = unsafe second { unsafe second.pointee = nil }
    return status { () throws(Failure) in
        guard let first = unsafe first, let second = unsafe second else { throw .null("port1 or port2") }
        let thread = try thread()
        let channel = IPCMessageChannel()
        unsafe first.pointee = PortHandle(channel.port1, thread).handOut()
        unsafe second.pointee = PortHandle(channel.port2, thread).handOut()
    }
}

@c @implementation
public func oroipc_client_create_channel(
    _ pointer: OpaquePointer?, _ first: UnsafeMutablePointer<OpaquePointer?>?,
    _ second: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    unsafe putChannel(first, second) { () throws(Failure) in try unsafe client(pointer).thread }
}

@c @implementation
public func oroipc_host_create_channel(
    _ pointer: OpaquePointer?, _ first: UnsafeMutablePointer<OpaquePointer?>?,
    _ second: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    unsafe putChannel(first, second) { () throws(Failure) in CallbackThread(try unsafe host(pointer).host) }
}

@c @implementation
public func oroipc_host_accept_ports(
    _ pointer: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ acceptor: oroipc_acceptor?,
    _ context: UnsafeMutableRawPointer?, _ destroy: oroipc_done?
) -> oroipc_status {
    let kept = unsafe Kept(context, destroy)
    return status { () throws(Failure) in
        let host = try unsafe host(pointer).host
        let name = try unsafe required(name, "name")
        guard (1...255).contains(name.utf8.count) else {
            throw .invalid("the name of a port is 1 to 255 bytes long, not \(name.utf8.count)")
        }
        guard let acceptor = unsafe acceptor else { return host.acceptPorts(name, nil) }
        let callback = unsafe Callback(function: acceptor, context: context)
        let thread = CallbackThread(host)
        host.acceptPorts(name) { port, client in
            thread.run {
                let handle = PortHandle(port, thread)
                // Nobody's any more when the function has not retained it: closed then.
                unsafe callback.function(handle.lent, client.id, callback.context)
                withExtendedLifetime((handle, kept)) {}
            }
        }
    }
}
