// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroFrame
import OroIPC

// What C reads of a result.

/// A text of the result at `pointer`, kept until the result changes.
private func text(
    _ pointer: OpaquePointer?, _ part: Texts.Part, _ make: (Result) -> String?
) -> UnsafePointer<CChar>? {
    guard let handle = unsafe ResultHandle.at(pointer) else { return nil }
    return unsafe handle.texts.text(part) { make(handle.result) }
}

@c @implementation
public func oroipc_result_is_ok(_ result: OpaquePointer?) -> Int32 {
    guard let handle = unsafe ResultHandle.at(result) else { return 0 }
    return handle.result.hasFailed ? 0 : 1
}

@c @implementation
public func oroipc_result_json(_ result: OpaquePointer?) -> UnsafePointer<CChar>? {
    unsafe text(result, .value(key: nil, as: Int32(OROIPC_JSON))) { $0.data?.json() }
}

@c @implementation
public func oroipc_result_data(
    _ result: OpaquePointer?, _ key: UnsafePointer<CChar>?, _ form: Int32, _ out: UnsafeMutablePointer<oroipc_value>?
) -> oroipc_status {
    guard let handle = unsafe ResultHandle.at(result) else { return unsafe answerNull("result", out) }
    if unsafe Int(form) == OROIPC_ENCODED && key == nil, let out = unsafe out, !handle.result.hasFailed,
        let part = handle.encodedPart()
    {
        // In place: the result keeps it.
        unsafe out.pointee = oroipc_value(part)
        return oroipc_status(OROIPC_OK)
    }
    let name: String?
    do throws(Failure) { name = try unsafe OroABI.text(key, "key") } catch { return error.status(recorded: true) }
    return unsafe answer(out, as: form, handle.texts, .value(key: name, as: form)) { () throws(Failure) in
        name.map { handle.result.data?[$0] } ?? handle.result.data
    }
}

@c @implementation
public func oroipc_result_error_name(_ result: OpaquePointer?) -> UnsafePointer<CChar>? {
    unsafe text(result, .errorName) { $0.err?.name }
}

@c @implementation
public func oroipc_result_error_message(_ result: OpaquePointer?) -> UnsafePointer<CChar>? {
    unsafe text(result, .errorMessage) { $0.err?.message }
}

@c @implementation
public func oroipc_result_error_code(_ result: OpaquePointer?) -> UnsafePointer<CChar>? {
    unsafe text(result, .errorCode) { result in
        result.err.map { error in error.code.map { $0.string ?? $0.json() } ?? "" }
    }
}

@c @implementation
public func oroipc_result_delivery(_ result: OpaquePointer?) -> Int32 {
    switch unsafe ResultHandle.at(result)?.result.err?.delivery {
    case nil: Int32(OROIPC_DELIVERY_NONE)
    case .notSent?: Int32(OROIPC_DELIVERY_NOT_SENT)
    case .refused?: Int32(OROIPC_DELIVERY_REFUSED)
    case .unknown?: Int32(OROIPC_DELIVERY_UNKNOWN)
    }
}

@c @implementation
public func oroipc_result_error(
    _ result: OpaquePointer?, _ form: Int32, _ out: UnsafeMutablePointer<oroipc_value>?
) -> oroipc_status {
    guard let handle = unsafe ResultHandle.at(result) else { return unsafe answerNull("result", out) }
    if Int(form) == OROIPC_ENCODED, let out = unsafe out, handle.result.hasFailed,
        let part = handle.encodedPart()
    {
        // In place: the result keeps it.
        unsafe out.pointee = oroipc_value(part)
        return oroipc_status(OROIPC_OK)
    }
    return unsafe answer(out, as: form, handle.texts, .error(as: form)) { () throws(Failure) in handle.result.errorValue
    }
}

@c @implementation
public func oroipc_result_envelope(
    _ result: OpaquePointer?, _ source: UnsafePointer<CChar>?, _ token: UnsafePointer<CChar>?, _ form: Int32,
    _ out: UnsafeMutablePointer<oroipc_value>?
) -> oroipc_status {
    guard let handle = unsafe ResultHandle.at(result) else { return unsafe answerNull("result", out) }
    let given: (source: String?, token: String?)
    do throws(Failure) {
        given = (try unsafe text(source, "source"), try unsafe text(token, "token"))
    } catch {
        return unsafe answer(out, as: form, handle.texts, .source) { () throws(Failure) in throw error }
    }
    return unsafe answer(
        out, as: form, handle.texts, .envelope(source: given.source, token: given.token, as: form)
    ) { () throws(Failure) in
        guard [OROIPC_JSON, OROIPC_ENCODED].contains(Int(form)) else {
            throw .invalid("\(form) is no form of an envelope: OROIPC_JSON or OROIPC_ENCODED")
        }
        return handle.result.envelope(source: given.source, token: given.token, id: handle.envelopeID())
    }
}

@c @implementation
public func oroipc_result_source(_ result: OpaquePointer?) -> UnsafePointer<CChar>? {
    unsafe text(result, .source) { $0.source }
}

@c @implementation
public func oroipc_result_seq(_ result: OpaquePointer?) -> UnsafePointer<CChar>? {
    guard let handle = unsafe ResultHandle.at(result) else { return nil }
    return unsafe handle.texts.text(.seq) { handle.seq }
}

@c @implementation
public func oroipc_result_bytes(_ result: OpaquePointer?) -> UnsafeRawPointer? {
    unsafe start(of: ResultHandle.at(result)?.result.bytes)
}

@c @implementation
public func oroipc_result_bytes_size(_ result: OpaquePointer?) -> Int {
    unsafe ResultHandle.at(result)?.result.bytes?.count ?? 0
}

@c @implementation
public func oroipc_result_take_bytes(_ result: OpaquePointer?, _ out: UnsafeMutablePointer<OpaquePointer?>?)
    -> oroipc_status
{
    unsafe put(out) { () throws(Failure) in
        guard let handle = unsafe ResultHandle.at(result) else { throw .null("result") }
        guard let bytes = handle.result.bytes else { throw Failure(OROIPC_NOT_FOUND, "the result has no bytes") }
        return BytesHandle(bytes)
    }
}
