// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroIPC
import OroLink

/// A client that is connecting, as C has it.
final class ConnectingHandle: Handle, Sendable {
    let connecting: ConnectingClient
    let isTurned: Bool

    init(isTurned: Bool, _ begin: () throws(LinkError) -> ConnectingClient) throws(Failure) {
        self.isTurned = isTurned
        connecting = try Failure.of(begin)
    }
}

@c @implementation
public func oroipc_client_connect_async(
    _ name: UnsafePointer<CChar>?, _ options: UnsafePointer<oroipc_client_options>?,
    _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    unsafe put(out) { () throws(Failure) in
        let name = try unsafe required(name, "name")
        let (options, isTurned) = try unsafe ClientOptions.wanted(options)
        return try ConnectingHandle(isTurned: isTurned) { () throws(LinkError) in
            try ConnectingClient(name, options: options)
        }
    }
}

@c @implementation
public func oroipc_client_adopt_async(
    _ descriptor: Int32, _ options: UnsafePointer<oroipc_client_options>?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    unsafe putAdopted(descriptor, options, out) { (options, isTurned) throws(Failure) in
        try ConnectingHandle(isTurned: isTurned) { () throws(LinkError) in
            try ConnectingClient(descriptor: descriptor, options: options)
        }
    }
}

@c @implementation
public func oroipc_connecting_descriptor(_ connecting: OpaquePointer?) -> Int32 {
    unsafe ConnectingHandle.at(connecting)?.connecting.descriptor ?? -1
}

@c @implementation
public func oroipc_connecting_turn(
    _ pointer: OpaquePointer?, _ timeout: UnsafeMutablePointer<Int32>?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    // C says that they point to a number and a pointer; the number may be NULL.
    if let timeout = unsafe timeout { unsafe timeout.pointee = -1 }
    guard let out = unsafe out else { return Failure.null("client").status(recorded: true) }
    unsafe out.pointee = nil
    return status { () throws(Failure) in
        guard let handle = unsafe ConnectingHandle.at(pointer) else { throw .null("connecting") }
        let turn = try Failure.of { () throws(LinkError) in try handle.connecting.turn() }
        if let client = turn.client {
            unsafe out.pointee = try ClientHandle(client, isTurned: handle.isTurned).handOut()
        } else if let timeout = unsafe timeout {
            unsafe timeout.pointee = milliseconds(turn.next)
        }
    }
}

@c @implementation
public func oroipc_connecting_release(_ connecting: OpaquePointer?) { unsafe ConnectingHandle.release(connecting) }
