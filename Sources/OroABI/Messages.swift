// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroFrame
import OroIPC
import OroLink
import Synchronization

/// What came from the other side, as C reads it.
@safe final class MessageHandle: Handle, @unchecked Sendable {
    // Sendable: `content` changes only while the library has the only reference.

    enum Content {
        case nothing
        case message(Message)
        // Apart, so that a message alone is one reference.
        indirect case chunk(StreamChunk)
        indirect case event(Event)
    }

    var content: Content {
        // It changes only between two messages.
        @inline(__always) get { unsafe held }
    }
    @exclusivity(unchecked) private var held = Content.nothing
    let texts = Texts()
    /// Whose thread reads the message's body.
    private(set) weak var host: Host?

    init() {}

    init(_ content: Content, _ host: Host? = nil) {
        unsafe held = content
        self.host = host
    }

    private let isBodyRead = Atomic(false)
    /// How many chunks of its body C takes, where it says so.
    let bodyDemand = Locked<StreamDemand?>(nil)

    deinit { bodyDemand.withLock { $0 }?.drop() }

    /// True once: for who reads its body.
    func claimBody() -> Bool { !isBodyRead.exchange(true, ordering: .relaxed) }

    /// For the next message. Nobody else has a reference.
    @inline(__always)
    func fill(_ message: Message) { unsafe held = .message(message) }

    /// Lets go of the message.
    @inline(__always)
    func empty() {
        unsafe held = .nothing
        texts.clear()
    }

    var name: String? {
        switch content {
        case .nothing: nil
        case .message(let message): message.name
        case .chunk(let chunk): chunk.name
        case .event(let event): event.name
        }
    }

    var bytes: Bytes? {
        switch content {
        case .nothing: nil
        case .message(let message): message.bytes
        case .chunk(let chunk): chunk.bytes
        case .event(let event): event.bytes
        }
    }

    /// The whole value as it came, in place; `nil` when it has to be encoded.
    var encodedPart: EncodedPart? {
        switch content {
        case .message(let message): message.encodedPart
        case .event(let event): event.encodedPart
        case .nothing, .chunk: nil
        }
    }

    var headers: Headers {
        switch content {
        case .message(let message): message.headers
        case .event(let event): event.headers
        case .chunk(let chunk): chunk.headers ?? Headers()
        case .nothing: Headers()
        }
    }

    /// The message behind it, where it is one.
    var message: Message? {
        if case .message(let message) = content { message } else { nil }
    }

    /// The whole value, or a member of it.
    func value(_ key: String?) throws(Failure) -> Value? {
        switch content {
        case .nothing: return nil
        case .chunk(let chunk): return key.map { chunk.value?[$0] } ?? chunk.value
        case .event(let event): return key.map { event[$0] } ?? event.detail
        case .message(let message):
            if let key { return message[key] }
            do throws(FrameError) {
                return try message.decodeValue()
            } catch {
                throw Failure(OROIPC_MALFORMED, "\(error)")
            }
        }
    }

    /// The parameter `value`: of an object its member of that name, else the whole.
    func plainValue() throws(Failure) -> Value? {
        let whole = try value(nil)
        if case .object(let members) = whole { return members["value"] }
        return whole
    }
}

@c @implementation
public func oroipc_message_retain(_ message: OpaquePointer?) -> OpaquePointer? { unsafe MessageHandle.retain(message) }

@c @implementation
public func oroipc_message_release(_ message: OpaquePointer?) { unsafe MessageHandle.release(message) }

@c @implementation
public func oroipc_message_name(_ message: OpaquePointer?) -> UnsafePointer<CChar>? {
    guard let message = unsafe MessageHandle.at(message) else { return nil }
    return unsafe message.texts.text(.name) { message.name.flatMap { $0.isEmpty ? nil : $0 } }
}

@c @implementation
public func oroipc_message_seq(_ message: OpaquePointer?) -> UnsafePointer<CChar>? {
    guard let message = unsafe MessageHandle.at(message) else { return nil }
    return unsafe message.texts.text(.seq) { message.message?.seq.map { "\($0)" } }
}

@c @implementation
public func oroipc_message_uri(_ message: OpaquePointer?) -> UnsafePointer<CChar>? {
    guard let message = unsafe MessageHandle.at(message) else { return nil }
    return unsafe message.texts.text(.uri) { message.message?.href }
}

@c @implementation
public func oroipc_message_get(_ message: OpaquePointer?, _ key: UnsafePointer<CChar>?) -> UnsafePointer<CChar>? {
    guard let message = unsafe MessageHandle.at(message) else { return nil }
    guard let key = try? unsafe text(key, "key") else {
        if unsafe key != nil { return nil }
        return unsafe message.texts.text(.value(key: "value", as: Int32(OROIPC_NONE))) {
            shortText((try? message.plainValue()) ?? nil)
        }
    }
    return unsafe message.texts.text(.value(key: key, as: Int32(OROIPC_NONE))) {
        shortText((try? message.value(key)) ?? nil)
    }
}

/// A value as the text getters answer it; `nil` when there is nothing to see.
private func shortText(_ value: Value?) -> String? {
    switch value {
    case nil: nil
    case .string(let text)?: text.isEmpty ? nil : text
    case let value?: value.json()
    }
}

@c @implementation
public func oroipc_message_json(_ message: OpaquePointer?) -> UnsafePointer<CChar>? {
    guard let message = unsafe MessageHandle.at(message) else { return nil }
    return unsafe message.texts.text(.value(key: nil, as: Int32(OROIPC_JSON))) { (try? message.value(nil))??.json() }
}

@c @implementation
public func oroipc_message_value(
    _ message: OpaquePointer?, _ key: UnsafePointer<CChar>?, _ form: Int32, _ out: UnsafeMutablePointer<oroipc_value>?
) -> oroipc_status {
    guard let message = unsafe MessageHandle.at(message) else {
        return unsafe answerNull("message", out)
    }
    if unsafe Int(form) == OROIPC_ENCODED && key == nil, let out = unsafe out, let part = message.encodedPart {
        // In place: the message keeps it.
        unsafe out.pointee = oroipc_value(part)
        return oroipc_status(OROIPC_OK)
    }
    let name: String?
    do throws(Failure) { name = try unsafe text(key, "key") } catch { return error.status(recorded: true) }
    return unsafe answer(out, as: form, message.texts, .value(key: name, as: form)) { () throws(Failure) in
        try message.value(name)
    }
}

/// NULL instead of a handle that a value was to be read from.
func answerNull(_ what: String, _ out: UnsafeMutablePointer<oroipc_value>?) -> oroipc_status {
    // C says that it points to a value.
    if let out = unsafe out { unsafe out.pointee = .none }
    return Failure.null(what).status(recorded: true)
}

@c @implementation
public func oroipc_message_bytes(_ message: OpaquePointer?) -> UnsafeRawPointer? {
    unsafe start(of: MessageHandle.at(message)?.bytes)
}

@c @implementation
public func oroipc_message_bytes_size(_ message: OpaquePointer?) -> Int {
    unsafe MessageHandle.at(message)?.bytes?.count ?? 0
}

@c @implementation
public func oroipc_message_take_bytes(_ message: OpaquePointer?, _ out: UnsafeMutablePointer<OpaquePointer?>?)
    -> oroipc_status
{
    unsafe put(out) { () throws(Failure) in
        guard let message = unsafe MessageHandle.at(message) else { throw .null("message") }
        guard let bytes = message.bytes else { throw Failure(OROIPC_NOT_FOUND, "no bytes came along") }
        return BytesHandle(bytes)
    }
}

@c @implementation
public func oroipc_message_loan(_ message: OpaquePointer?, _ size: Int, _ out: UnsafeMutablePointer<OpaquePointer?>?)
    -> oroipc_status
{
    unsafe put(out) { () throws(Failure) in
        guard let message = unsafe MessageHandle.at(message) else { throw .null("message") }
        guard let received = message.message else { throw .state("only a handler's message has a link to lend from") }
        return try loan(of: size) { count throws(LinkError) in try received.loan(count) }
    }
}

@c @implementation
public func oroipc_message_index(_ message: OpaquePointer?) -> Int64 {
    guard let message = unsafe MessageHandle.at(message), let index = try? message.value("index") else { return -1 }
    return index.int ?? index.string.flatMap { Int64($0) } ?? -1
}

@c @implementation
public func oroipc_message_client(_ message: OpaquePointer?) -> UInt64 {
    unsafe MessageHandle.at(message)?.message?.client?.id ?? 0
}

@c @implementation
public func oroipc_message_peer(_ message: OpaquePointer?, _ out: UnsafeMutablePointer<oroipc_peer>?) -> oroipc_status {
    unsafe give(out, "out") { () throws(Failure) in
        guard let message = unsafe MessageHandle.at(message) else { throw .null("message") }
        guard let client = message.message?.client else { throw Failure(OROIPC_NOT_FOUND, "no client has sent it") }
        let label = unsafe message.texts.text(.label) { client.peer.label }
        return unsafe oroipc_peer(client.peer, label: label)
    }
}

/// A block of `size` bytes from `take`.
func loan(of size: Int, _ take: (Int) throws(LinkError) -> Loan) throws(Failure) -> LoanHandle {
    guard (0...mostBytes).contains(size) else { throw Failure(OROIPC_TOO_LARGE, "\(size) bytes are too many") }
    do throws(LinkError) {
        return LoanHandle(try take(size))
    } catch {
        throw Failure(error)
    }
}

@c @implementation
public func oroipc_message_streams(_ message: OpaquePointer?) -> Int32 {
    guard let message = unsafe MessageHandle.at(message)?.message else { return 0 }
    return Int32((message.takesStream ? OROIPC_TAKES_STREAM : 0) | (message.hasBody ? OROIPC_HAS_BODY : 0))
}
