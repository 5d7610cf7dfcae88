// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroIPC

// Headers as C sees and gives them.

extension Headers {
    /// `count` pairs of texts; `nil` for none.
    init?(_ pairs: UnsafePointer<oroipc_header>?, _ count: Int) throws(Failure) {
        if count == 0 { return nil }
        guard let pairs = unsafe pairs else { throw .null("headers") }
        self.init()
        // C says that there are so many.
        for index in 0..<count {
            let pair = unsafe pairs[index]
            let name = try unsafe required(pair.name, "name of a header")
            let value = try unsafe required(pair.value, "value of a header")
            try change { headers throws(IPCError) in try headers.append(name, value) }
        }
    }

    /// Changes them; what headers cannot be is a failure.
    mutating func change(_ body: (inout Headers) throws(IPCError) -> Void) throws(Failure) {
        do throws(IPCError) { try body(&self) } catch { throw .invalid(error.message) }
    }
}

/// The value of the header `name`.
private func header(_ headers: Headers?, _ name: UnsafePointer<CChar>?, _ texts: Texts) -> UnsafePointer<CChar>? {
    guard let headers, let name = try? unsafe text(name, "name") else { return nil }
    return unsafe texts.text(.header(name.lowercased())) { headers.get(name) }
}

/// Puts name and value of header number `index`, or NULL, where C wants them.
private func header(
    _ headers: () throws(Failure) -> Headers?, _ index: Int, _ texts: Texts?,
    _ name: UnsafeMutablePointer<UnsafePointer<CChar>?>?, _ value: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> oroipc_status {
    status { () throws(Failure) in
        guard let name = unsafe name, let value = unsafe value else { throw .null("name or value") }
        // C says that they point to pointers.
        unsafe (name.pointee, value.pointee) = (nil, nil)
        let entries = try headers()?.entries ?? []
        guard entries.indices.contains(index), let texts else {
            throw Failure(OROIPC_NOT_FOUND, "there are \(entries.count) headers")
        }
        unsafe name.pointee = texts.text(.headerName(index)) { entries[index].name }
        unsafe value.pointee = texts.text(.headerValue(index)) { entries[index].value }
    }
}

@c @implementation
public func oroipc_message_header(_ message: OpaquePointer?, _ name: UnsafePointer<CChar>?) -> UnsafePointer<CChar>? {
    guard let message = unsafe MessageHandle.at(message) else { return nil }
    return unsafe header(message.headers, name, message.texts)
}

@c @implementation
public func oroipc_message_header_count(_ message: OpaquePointer?) -> Int {
    unsafe MessageHandle.at(message)?.headers.count ?? 0
}

@c @implementation
public func oroipc_message_header_at(
    _ message: OpaquePointer?, _ index: Int, _ name: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
    _ value: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> oroipc_status {
    let message = unsafe MessageHandle.at(message)
    return unsafe header(
        { () throws(Failure) in
            guard let message else { throw .null("message") }
            return message.headers
        }, index, message?.texts, name, value)
}

@c @implementation
public func oroipc_result_header(_ result: OpaquePointer?, _ name: UnsafePointer<CChar>?) -> UnsafePointer<CChar>? {
    guard let result = unsafe ResultHandle.at(result) else { return nil }
    return unsafe header(result.result.headers, name, result.texts)
}

@c @implementation
public func oroipc_result_header_count(_ result: OpaquePointer?) -> Int {
    unsafe ResultHandle.at(result)?.result.headers?.count ?? 0
}

@c @implementation
public func oroipc_result_header_at(
    _ result: OpaquePointer?, _ index: Int, _ name: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
    _ value: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> oroipc_status {
    let result = unsafe ResultHandle.at(result)
    return unsafe header(
        { () throws(Failure) in
            guard let result else { throw .null("result") }
            return result.result.headers
        }, index, result?.texts, name, value)
}

@c @implementation
public func oroipc_result_set_header(
    _ result: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ value: UnsafePointer<CChar>?
) -> oroipc_status {
    unsafe fill(result) { handle throws(Failure) in
        let name = try unsafe required(name, "name")
        if handle.hasBegun { throw .state("the headers of the stream went with its first chunk") }
        var headers = handle.result.headers ?? Headers()
        if let value = try unsafe text(value, "value") {
            try headers.change { headers throws(IPCError) in try headers.setKeepingCookies(name, value) }
        } else {
            headers.delete(name)
        }
        handle.result.headers = headers.isEmpty ? nil : headers
    }
}
