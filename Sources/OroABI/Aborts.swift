// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroIPC

/// What ends calls when C fires it.
final class AbortHandle: Handle, Sendable {
    let controller = AbortController()
}

@c @implementation
public func oroipc_abort_create(_ out: UnsafeMutablePointer<OpaquePointer?>?) -> oroipc_status {
    unsafe put(out) { () throws(Failure) in AbortHandle() }
}

@c @implementation
public func oroipc_abort_retain(_ abort: OpaquePointer?) -> OpaquePointer? { unsafe AbortHandle.retain(abort) }

@c @implementation
public func oroipc_abort_release(_ abort: OpaquePointer?) { unsafe AbortHandle.release(abort) }

@c @implementation
public func oroipc_abort_fire(_ abort: OpaquePointer?, _ reason: UnsafePointer<CChar>?) -> oroipc_status {
    status { () throws(Failure) in
        guard let abort = unsafe AbortHandle.at(abort) else { throw .null("abort") }
        abort.controller.abort(try unsafe text(reason, "reason"))
    }
}
