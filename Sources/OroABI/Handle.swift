// SPDX-License-Identifier: Apache-2.0

import COroIPC

/// An object that C knows by an opaque pointer and counts references of.
protocol Handle: AnyObject {}

extension Handle {
    /// The pointer, with a reference that C owns.
    func handOut() -> OpaquePointer { unsafe OpaquePointer(Unmanaged.passRetained(self).toOpaque()) }

    /// The pointer, for a callback that owns no reference. Somebody else keeps the object meanwhile.
    var lent: OpaquePointer { unsafe OpaquePointer(Unmanaged.passUnretained(self).toOpaque()) }

    /// The object behind a pointer that C has a reference of; `nil` for NULL.
    static func at(_ pointer: OpaquePointer?) -> Self? {
        guard let pointer = unsafe pointer else { return nil }
        // The header says: a handle of this type, not yet released.
        return unsafe Unmanaged<Self>.fromOpaque(UnsafeRawPointer(pointer)).takeUnretainedValue()
    }

    /// Calls `body` with the object behind a pointer that C has a reference of, and counts no other: for the hot path.
    @inline(__always)
    static func borrowing<R>(_ pointer: OpaquePointer, _ body: (Self) -> R) -> R {
        // As above, and C keeps its reference until the call returns.
        unsafe Unmanaged<Self>.fromOpaque(UnsafeRawPointer(pointer))._withUnsafeGuaranteedRef(body)
    }

    /// One more reference that C owns.
    static func retain(_ pointer: OpaquePointer?) -> OpaquePointer? {
        guard let pointer = unsafe pointer else { return nil }
        // As above.
        _ = unsafe Unmanaged<Self>.fromOpaque(UnsafeRawPointer(pointer)).retain()
        return unsafe pointer
    }

    /// C gives a reference back.
    static func release(_ pointer: OpaquePointer?) {
        guard let pointer = unsafe pointer else { return }
        // As above.
        unsafe Unmanaged<Self>.fromOpaque(UnsafeRawPointer(pointer)).release()
    }
}

/// Where a function puts a new handle.
typealias Out = UnsafeMutablePointer<OpaquePointer?>

/// Puts what `make` makes into `out`, or NULL, and answers the status.
func put<T: Handle>(_ out: Out?, _ make: () throws(Failure) -> T) -> oroipc_status {
    guard let out = unsafe out else { return Failure.null("out").status(recorded: true) }
    unsafe out.pointee = nil
    return status { () throws(Failure) in
        let object = try make()
        // C says that it points to a pointer.
        unsafe out.pointee = object.handOut()
    }
}

/// A function of C's with its context.
@safe struct Callback<Function>: @unchecked Sendable {
    // Sendable: the context is passed through, never looked at; the header says on which thread it is called.
    let function: Function
    let context: UnsafeMutableRawPointer?
}

/// A context of C's that is told when nobody needs it any more.
@safe final class Kept: @unchecked Sendable {
    // Sendable: constant.
    let context: UnsafeMutableRawPointer?
    private let destroy: oroipc_done?

    init(_ context: UnsafeMutableRawPointer?, _ destroy: oroipc_done?) {
        unsafe self.context = context
        unsafe self.destroy = destroy
    }

    deinit { unsafe destroy?(context) }
}
