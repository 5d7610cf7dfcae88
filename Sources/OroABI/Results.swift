// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroFrame
import OroIPC
import OroLink
import Synchronization

/// A result as C fills and reads it. One thread at a time, but for its ``answer``.
@safe final class ResultHandle: Handle, @unchecked Sendable {
    // Sendable: the header says that one thread at a time uses it.

    var result: Result {
        // As the header says: one thread at a time, and no access of a result within another.
        @inline(__always) get { unsafe held }
        @inline(__always) set { unsafe held = newValue }
        @inline(__always) _modify { yield unsafe &held }
    }
    @exclusivity(unchecked) private var held = Result()
    /// The seq of the request; `nil`: of none.
    var seq: String?
    let texts = Texts()
    /// What keeps an encoded value in place that was read.
    private var read: AnyObject?
    /// How it is answered, in a handler.
    let answer: (any Answer)?
    /// The process in which that is.
    let birth = ProcessBirth()
    let room = Notice()
    let cancellation = Notice()
    private let sent = Atomic(false)
    /// It belongs to a handler: nobody else fills it.
    var isHandlers = false
    /// The first chunk of the stream that it ends has been sent, and with it the headers.
    var hasBegun = false

    /// One that C fills, and that `answer` sends.
    init(_ answer: (any Answer)? = nil) {
        self.answer = answer
        isHandlers = answer != nil
    }

    init(_ result: consuming Result) {
        answer = nil
        self.result = result
    }

    deinit {
        if !isSent { answer?.drop() }
    }

    /// It was sent, or its handler has returned: nobody fills it any more.
    var isSent: Bool { sent.load(ordering: .acquiring) }

    /// True once: for who sends it.
    func claim() -> Bool { !sent.exchange(true, ordering: .acquiringAndReleasing) }

    /// Takes everything out, and lets go of what was received.
    func empty() {
        result = Result()
        changed()
    }

    /// Takes what was filled in, and leaves nothing.
    @inline(__always)
    func takeOut() -> Result {
        var taken = Result()
        swap(&taken, &result)
        changed()
        return taken
    }

    /// Says something else; the headers stay.
    func replace(_ other: Result) {
        let headers = result.headers
        result = other
        if let headers { result.headers = headers }
    }

    /// What was read before is out of date.
    @inline(__always)
    func changed() {
        texts.clear()
        if read != nil { read = nil }
    }

    /// The id of its envelope, the same until it changes.
    func envelopeID() -> UInt64 {
        let text = unsafe texts.text(.envelopeID) { Result.freshID() }
        // Kept with a zero byte behind it.
        return unsafe text.flatMap { unsafe UInt64(String(cString: $0)) } ?? 0
    }

    /// The data or the error as it came, in place.
    func encodedPart() -> EncodedPart? {
        guard let part = result.encodedPart else { return nil }
        read = part.owner
        return part
    }

    /// To be filled now.
    static func toFill(_ pointer: OpaquePointer?) throws(Failure) -> ResultHandle {
        guard let handle = unsafe ResultHandle.at(pointer) else { throw .null("result") }
        if handle.isSent { throw .state("the result has been sent") }
        return handle
    }
}

/// Fills the result at `pointer`.
func fill(_ pointer: OpaquePointer?, _ body: (ResultHandle) throws(Failure) -> Void) -> oroipc_status {
    status { () throws(Failure) in
        let handle = try unsafe ResultHandle.toFill(pointer)
        try body(handle)
        handle.changed()
    }
}

@c @implementation
public func oroipc_result_create(_ out: UnsafeMutablePointer<OpaquePointer?>?) -> oroipc_status {
    unsafe put(out) { () throws(Failure) in ResultHandle() }
}

@c @implementation
public func oroipc_result_retain(_ result: OpaquePointer?) -> OpaquePointer? { unsafe ResultHandle.retain(result) }

@c @implementation
public func oroipc_result_release(_ result: OpaquePointer?) { unsafe ResultHandle.release(result) }

@c @implementation
public func oroipc_result_copy(_ result: OpaquePointer?, _ out: UnsafeMutablePointer<OpaquePointer?>?) -> oroipc_status
{
    unsafe put(out) { () throws(Failure) in
        guard let original = unsafe ResultHandle.at(result) else { throw .null("result") }
        let copy = ResultHandle(original.result)
        copy.seq = original.seq
        return copy
    }
}

@c @implementation
public func oroipc_result_clear(_ result: OpaquePointer?) -> oroipc_status {
    unsafe fill(result) { handle throws(Failure) in handle.result = Result() }
}

@c @implementation
public func oroipc_result_set_data(_ result: OpaquePointer?, _ data: UnsafePointer<oroipc_value>?) -> oroipc_status {
    unsafe fill(result) { handle throws(Failure) in
        let bytes = handle.result.bytes
        var filled: Result
        switch try unsafe GivenValue(data) {
        case .none: filled = Result(bytes: bytes)
        case .tree(let value): filled = Result(data: value, bytes: bytes)
        case .encoded(let encoded): filled = Result(encoded: encoded, bytes: bytes)
        }
        handle.replace(filled)
    }
}

@c @implementation
public func oroipc_result_set_error(
    _ result: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ message: UnsafePointer<CChar>?,
    _ code: UnsafePointer<CChar>?
) -> oroipc_status {
    unsafe fill(result) { handle throws(Failure) in
        let name = try unsafe text(name, "name") ?? "Error"
        let message = try unsafe text(message, "message") ?? ""
        if let code = try unsafe text(code, "code") {
            handle.replace(Result(err: IPCError(name: name, message: message, code: .string(code))))
        } else {
            handle.replace(Result(err: IPCError(name: name, message: message)))
        }
    }
}

@c @implementation
public func oroipc_result_set_error_value(_ result: OpaquePointer?, _ error: UnsafePointer<oroipc_value>?)
    -> oroipc_status
{
    unsafe fill(result) { handle throws(Failure) in
        guard let value = try unsafe GivenValue(error).tree() else {
            if !handle.result.isOK { handle.replace(Result()) }
            return
        }
        handle.replace(Result(errorValue: value))
    }
}

@c @implementation
public func oroipc_result_set_bytes(_ result: OpaquePointer?, _ bytes: UnsafeRawPointer?, _ size: Int) -> oroipc_status
{
    unsafe fill(result) { handle throws(Failure) in
        handle.result.bytes = try unsafe passing(bytes, size)?.copy()
    }
}

@c @implementation
public func oroipc_result_set_payload(_ result: OpaquePointer?, _ payload: OpaquePointer?) -> oroipc_status {
    unsafe fill(result) { handle throws(Failure) in
        if let payload = unsafe payload {
            unsafe BytesHandle.borrowing(payload) { payload in handle.result.bytes = payload.bytes }
        } else {
            handle.result.bytes = nil
        }
    }
}

@c @implementation
public func oroipc_result_set_json(_ result: OpaquePointer?, _ json: UnsafePointer<CChar>?) -> oroipc_status {
    unsafe fill(result) { handle throws(Failure) in
        guard let json = unsafe json else { throw .null("json") }
        var given = unsafe oroipc_value.none
        unsafe given.kind = Int32(OROIPC_JSON)
        unsafe given.data = UnsafeRawPointer(json)
        unsafe given.size = -1
        let value = try unsafe GivenValue(given).tree() ?? .null
        let bytes = handle.result.bytes
        guard case .object(let members) = value, members["data"] != nil || members["err"] != nil else {
            return handle.replace(Result(data: value, bytes: bytes))
        }
        if let error = members["err"], error != .null {
            handle.replace(Result(errorValue: error))
        } else {
            handle.replace(Result(data: members["data"], bytes: bytes))
        }
    }
}
