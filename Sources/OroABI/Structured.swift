// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroFrame
import OroIPC
import OroLink

/// A structured value as C builds or reads it. One thread at a time.
@safe final class StructuredHandle: Handle, @unchecked Sendable {
    // Sendable: the header says that one thread at a time uses it.

    private enum Form {
        /// C builds it. Its root is the last node, unless C says otherwise.
        case built(StructuredBuilder, root: Int?)
        /// As it came, or was handed in; nobody has looked at it.
        case encoded(PortMessage)
        case decoded(PortMessage, StructuredValue)
    }

    private var form: Form
    let texts = Texts()
    /// Whose thread calls back for the ports in it.
    private let thread: CallbackThread?
    /// Ports and bytes that C has been shown, by their numbers.
    private var portHandles: [Int: PortHandle] = [:]
    private var bytesHandles: [Int: BytesHandle] = [:]
    /// What was built, as it is encoded.
    private var made: PortMessage?

    /// To be built.
    init() {
        form = .built(StructuredBuilder(), root: nil)
        thread = nil
    }

    init(_ message: PortMessage, _ thread: CallbackThread?, _ ports: [PortHandle] = []) {
        form = .encoded(message)
        self.thread = thread
        for (index, port) in ports.enumerated() { portHandles[index] = port }
    }

    init(_ value: StructuredValue, _ thread: CallbackThread) {
        var builder = StructuredBuilder()
        let root = builder.add(value)
        form = .built(builder, root: root.index)
        self.thread = thread
    }

    /// The value at `pointer`.
    static func required(_ pointer: OpaquePointer?) throws(Failure) -> StructuredHandle {
        guard let handle = unsafe StructuredHandle.at(pointer) else { throw .null("structured value") }
        return handle
    }

    // MARK: As a value, and as it is encoded

    func value() throws(Failure) -> StructuredValue {
        switch form {
        case .decoded(_, let value): return value
        case .built(var builder, let root):
            guard builder.count > 0 else { throw .state("nothing was added to the structured value") }
            return builder.finish(StructuredGraph.Reference(root ?? builder.count - 1))
        case .encoded(let message):
            do throws(IPCError) {
                let value = try message.decode()
                form = .decoded(message, value)
                return value
            } catch {
                throw Failure(OROIPC_MALFORMED, error.message)
            }
        }
    }

    func message() throws(Failure) -> PortMessage {
        switch form {
        case .encoded(let message), .decoded(let message, _): return message
        case .built:
            if let made { return made }
            let value = try value()
            do throws(IPCError) {
                let message = try PortMessage(value, ports: value.ports)
                made = message
                return message
            } catch {
                throw .invalid(error.message)
            }
        }
    }

    /// Posts it; false when there is no room.
    func post(through port: IPCMessagePort, _ transfer: [IPCMessagePort]) throws(Failure) -> Bool {
        let built: StructuredValue?
        if case .built = form { built = try value() } else { built = nil }
        do throws(IPCError) {
            switch form {
            case .encoded(let message), .decoded(let message, _):
                return try port.tryPost(message, transfer: transfer)
            case .built: return try port.tryPost(built ?? .undefined, transfer: transfer)
            }
        } catch {
            throw Failure(posting: error)
        }
    }

    // MARK: Building

    /// Changes what is built, and answers what `body` does.
    func build<R>(_ body: (inout StructuredBuilder) throws(Failure) -> R) throws(Failure) -> R {
        guard case .built(var builder, let root) = form else {
            throw .state("the structured value was received, or handed in as bytes: it does not change")
        }
        // The builder's only copy, while it is changed.
        form = .built(StructuredBuilder(), root: root)
        defer {
            form = .built(builder, root: root)
            changed()
        }
        return try body(&builder)
    }

    /// What was made of it, or shown of it, is so no more.
    private func changed() {
        made = nil
        bytesHandles = [:]
        texts.clear()
    }

    func setRoot(_ number: Int) throws(Failure) {
        guard case .built(let builder, _) = form else { throw .state("the structured value does not change") }
        guard number < builder.count else { throw .invalid("there is no node \(number)") }
        form = .built(builder, root: number)
        changed()
    }

    /// The handle C gave for the port with this number.
    func keep(_ port: PortHandle, at number: Int) { portHandles[number] = port }

    // MARK: Reading

    /// The value's port with this number, as C has it.
    func port(_ number: Int, of ports: [IPCMessagePort]) throws(Failure) -> PortHandle {
        if let known = portHandles[number] { return known }
        guard ports.indices.contains(number), let thread else {
            throw Failure(OROIPC_NOT_FOUND, "there are \(ports.count) ports")
        }
        let handle = PortHandle(ports[number], thread)
        portHandles[number] = handle
        return handle
    }

    /// Bytes of the node, or buffer, that `key` stands for, as C has them.
    func bytes(_ key: Int, _ bytes: @autoclosure () -> Bytes) -> BytesHandle {
        if let known = bytesHandles[key] { return known }
        let handle = BytesHandle(bytes())
        bytesHandles[key] = handle
        return handle
    }
}

@c @implementation
public func oroipc_structured_create(_ out: UnsafeMutablePointer<OpaquePointer?>?) -> oroipc_status {
    unsafe put(out) { () throws(Failure) in StructuredHandle() }
}

@c @implementation
public func oroipc_structured_from_encoded(
    _ data: UnsafeRawPointer?, _ size: Int, _ buffers: UnsafePointer<OpaquePointer?>?, _ bufferCount: Int,
    _ ports: UnsafePointer<OpaquePointer?>?, _ portCount: Int, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    unsafe put(out) { () throws(Failure) in
        guard let encoded = try unsafe encodedValue(data, size) else { throw .null("data") }
        var given: [Bytes] = []
        if bufferCount > 0 {
            guard let buffers = unsafe buffers else { throw .null("buffers") }
            for index in 0..<bufferCount {
                // C says that there are so many.
                guard let buffer = unsafe BytesHandle.at(buffers[index]) else { throw .null("a buffer") }
                given.append(buffer.bytes)
            }
        }
        let carried = try unsafe OroABI.ports(ports, portCount)
        var handles: [PortHandle] = []
        // As above.
        for index in 0..<carried.count { handles.append(try unsafe PortHandle.required(ports?[index])) }
        do throws(IPCError) {
            return StructuredHandle(
                try PortMessage(encoded, buffers: given, ports: carried), handles.first?.thread, handles)
        } catch {
            throw .invalid(error.message)
        }
    }
}

/// `size` bytes of C's, checked to be one encoded value; `nil` for NULL.
func encodedValue(_ data: UnsafeRawPointer?, _ size: Int) throws(Failure) -> EncodedValue? {
    guard let data = unsafe data else { return nil }
    guard (0...mostBytes).contains(size) else { throw Failure(OROIPC_TOO_LARGE, "the value is too long") }
    do throws(FrameError) {
        // C says that there are so many.
        let bytes = unsafe UnsafeRawBufferPointer(start: data, count: size).bytes
        return try EncodedValue(checking: bytes)
    } catch {
        throw Failure(OROIPC_MALFORMED, "the value is not well encoded: \(error)")
    }
}

@c @implementation
public func oroipc_structured_retain(_ structured: OpaquePointer?) -> OpaquePointer? {
    unsafe StructuredHandle.retain(structured)
}

@c @implementation
public func oroipc_structured_release(_ structured: OpaquePointer?) { unsafe StructuredHandle.release(structured) }

@c @implementation
public func oroipc_structured_set_root(_ structured: OpaquePointer?, _ number: UInt32) -> oroipc_status {
    status { () throws(Failure) in try unsafe StructuredHandle.required(structured).setRoot(Int(number)) }
}

@c @implementation
public func oroipc_structured_root(_ structured: OpaquePointer?, _ out: UnsafeMutablePointer<UInt32>?) -> oroipc_status
{
    // C says that it points to a number, or is NULL.
    if let out = unsafe out { unsafe out.pointee = .max }
    return status { () throws(Failure) in
        guard let out = unsafe out else { throw .null("out") }
        unsafe out.pointee = UInt32(try unsafe StructuredHandle.required(structured).value().root.index)
    }
}

@c @implementation
public func oroipc_structured_encoded(_ structured: OpaquePointer?, _ out: UnsafeMutablePointer<oroipc_value>?)
    -> oroipc_status
{
    guard let out = unsafe out else { return Failure.null("out").status(recorded: true) }
    // C says that it points to a value.
    unsafe out.pointee = .none
    return status { () throws(Failure) in
        let handle = try unsafe StructuredHandle.required(structured)
        let message = try handle.message()
        if let part = message.encodedPart {
            // In place: the handle keeps the message.
            unsafe out.pointee = oroipc_value(part)
            return
        }
        let kept = handle.texts.keep(.encoded) {
            guard let bytes = try? message.encoded() else { return nil }
            return unsafe bytes.withUnsafeBytes { buffer in unsafe Texts.Kept(buffer) }
        }
        guard let kept else { throw .invalid("the structured value cannot be encoded") }
        unsafe out.pointee = oroipc_value(OROIPC_ENCODED, kept)
    }
}

@c @implementation
public func oroipc_structured_buffer_count(_ structured: OpaquePointer?) -> Int {
    guard let handle = unsafe StructuredHandle.at(structured) else { return 0 }
    return (try? handle.message().buffers.count) ?? 0
}

@c @implementation
public func oroipc_structured_buffer(
    _ structured: OpaquePointer?, _ index: Int, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    unsafe put(out) { () throws(Failure) in
        let buffers = try unsafe StructuredHandle.required(structured).message().buffers
        guard buffers.indices.contains(index) else {
            throw Failure(OROIPC_NOT_FOUND, "there are \(buffers.count) buffers")
        }
        return BytesHandle(buffers[index])
    }
}

@c @implementation
public func oroipc_structured_port_count(_ structured: OpaquePointer?) -> Int {
    guard let handle = unsafe StructuredHandle.at(structured) else { return 0 }
    return (try? handle.message().ports.count) ?? 0
}

@c @implementation
public func oroipc_structured_port(_ structured: OpaquePointer?, _ index: Int) -> OpaquePointer? {
    guard let handle = unsafe StructuredHandle.at(structured), let ports = try? handle.message().ports else {
        return nil
    }
    // The handle keeps it.
    return unsafe (try? handle.port(index, of: ports))?.lent
}

@c @implementation
public func oroipc_structured_value(
    _ structured: OpaquePointer?, _ number: UInt32, _ form: Int32, _ out: UnsafeMutablePointer<oroipc_value>?
) -> oroipc_status {
    guard let handle = unsafe StructuredHandle.at(structured) else { return unsafe answerNull("structured value", out) }
    return unsafe answer(out, as: form, handle.texts, .node(Int(number), .value(as: form))) { () throws(Failure) in
        let value = try handle.value()
        guard number < value.graph.count else { throw Failure(OROIPC_NOT_FOUND, "there is no node \(number)") }
        return value.part(StructuredGraph.Reference(Int(number))).value
    }
}
