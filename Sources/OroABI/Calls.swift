// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroFrame
import OroIPC

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What C asks a client to send.
struct GivenCall {
    let command: String
    var value: Value?
    var encoded: EncodedValue?
    /// For the length of the call that it was handed to, unless it is a payload.
    let bytes: Bytes?
    /// `nil`: the plain case.
    let options: CallOptions?
    /// What follows in chunks.
    let body: BodyHandle?

    /// `names` keeps texts for longer commands.
    @inline(__always)
    init(_ pointer: UnsafePointer<oroipc_call>?, _ names: CommandNames) throws(Failure) {
        guard let pointer = unsafe pointer else { throw .null("call") }
        let call = try unsafe whole(pointer, "call", oroipc_call())
        if let name = unsafe call.command {
            if unsafe call.uri != nil { throw .invalid("a call has a 'command' or a 'uri', and this one has both") }
            // C says that it ends with a zero byte, or has so many.
            let count = unsafe call.command_size == 0 ? strlen(name) : call.command_size
            guard (0...mostBytes).contains(count), let command = unsafe names.name(name, count) else {
                throw .invalid("'command' is not UTF-8")
            }
            self.command = command
        } else {
            guard let uri = try unsafe text(call.uri, "uri") else { throw .null("command") }
            if unsafe call.value.kind != Int32(OROIPC_NONE) {
                throw .invalid("the parameters of a call are in its 'uri' or in its 'value', and this one has both")
            }
            do throws(MessageError) {
                let message = try Message(uri)
                command = message.name
                value = message.wholeValue
            } catch {
                throw .invalid("'uri': \(error)")
            }
        }
        if unsafe call.value.kind != Int32(OROIPC_NONE) {
            switch try unsafe GivenValue(call.value) {
            case .none: break
            case .tree(let tree): value = tree
            case .encoded(let given): encoded = given
            }
        }
        if let payload = unsafe BytesHandle.at(call.payload) {
            bytes = payload.bytes
        } else {
            bytes = try unsafe passing(call.bytes, call.bytes_size)
        }
        body = unsafe BodyHandle.at(call.body)
        if unsafe call.seq == nil && call.timeout_ms == 0 && call.abort == nil && call.when_full == 0
            && call.headers_count == 0 && call.idempotent == 0
        {
            options = nil
        } else {
            options = try unsafe GivenCall.options(call)
        }
    }

    /// The value, whatever it was.
    func tree() throws(Failure) -> Value? {
        if let encoded { return try GivenValue.encoded(encoded).tree() }
        return value
    }

    /// For a call that cannot have a body.
    func refuseBody(_ what: String) throws(Failure) {
        if body != nil { throw .invalid("\(what) has no body in chunks") }
    }

    /// The body goes with this call of this client, and no other.
    func useBody(_ client: ClientHandle) throws(Failure) {
        if let body, !body.use(client.thread) { throw .state("the body went with another call") }
    }

    /// The bytes for longer than the call that they were handed to.
    var keptBytes: Bytes? { bytes.map { $0.isKept(by: NobodysMemory.shared) ? $0.copy() : $0 } }

    /// Most bytes that are copied so that the call can be sent again.
    private static let mostCopied = 64 << 10

    /// The bytes for an asynchronous call of this client, which may be sent again later, and whether it may be.
    func bytes(for client: Client) -> (Bytes?, mayRepeat: Bool) {
        guard let bytes, client.comesBack, bytes.isKept(by: NobodysMemory.shared) else { return (bytes, true) }
        return bytes.count <= GivenCall.mostCopied ? (bytes.copy(), true) : (bytes, false)
    }

    private static func options(_ call: oroipc_call) throws(Failure) -> CallOptions {
        var options = CallOptions()
        if let seq = try unsafe text(call.seq, "seq") {
            do throws(SeqError) {
                options.seq = try Seq(seq)
            } catch {
                throw .invalid("'\(seq)' is no seq: \(error)")
            }
        }
        if unsafe call.timeout_ms > 0 { options.timeout = unsafe .milliseconds(Int(call.timeout_ms)) }
        options.headers = try unsafe Headers(call.headers, call.headers_count)
        options.signal = unsafe AbortHandle.at(call.abort)?.controller.signal
        options.isIdempotent = unsafe call.idempotent != 0
        switch unsafe Int(call.when_full) {
        case OROIPC_FULL_COPY: options.whenFull = .copy
        case OROIPC_FULL_WAIT: options.whenFull = .wait
        case OROIPC_FULL_BUSY: options.whenFull = .busy
        default: throw unsafe .invalid("'when_full' is \(call.when_full)")
        }
        return options
    }
}

/// The smallest call: a command with bytes to be copied, or none, and nothing else, into a result that is there. What C
/// gave is read where it lies, and no reference is counted but those the engine counts. `nil`: not that case.
@inline(__always)
private func callInPlace(
    _ pointer: OpaquePointer?, _ call: UnsafePointer<oroipc_call>?, _ result: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status? {
    guard let pointer = unsafe pointer, let call = unsafe call, let kept = unsafe result?.pointee,
        // A program that was compiled with another header may have another struct.
        unsafe call.pointee.size == MemoryLayout<oroipc_call>.size, unsafe call.pointee.isPlain,
        let name = unsafe call.pointee.command,
        let bytes = try? unsafe passing(call.pointee.bytes, call.pointee.bytes_size)
    else { return nil }
    let size = unsafe call.pointee.command_size
    let count = unsafe size == 0 ? strlen(name) : size
    guard (0...mostBytes).contains(count) else { return nil }
    return unsafe ClientHandle.borrowing(pointer) { handle in
        unsafe ResultHandle.borrowing(kept) { kept in
            guard !kept.isHandlers, let command = unsafe handle.commands.name(name, count) else { return nil }
            // What it held is free for the next frame.
            kept.empty()
            let outcome = handle.client.callSync(command, nil, bytes: bytes, options: nil, encoded: nil)
            kept.result = outcome
            if outcome.hasFailed {
                if handle.client.isForeign { return Failure.forked.status(recorded: true) }
                return oroipc_status(OROIPC_FAILED)
            }
            return oroipc_status(OROIPC_OK)
        }
    }
}

extension oroipc_call {
    /// It has no value, no payload that is shared, no body in chunks, and none of the options.
    fileprivate var isPlain: Bool {
        unsafe value.kind == Int32(OROIPC_NONE) && payload == nil && body == nil && seq == nil && timeout_ms == 0
            && abort == nil && when_full == 0 && headers_count == 0 && idempotent == 0
    }
}

@c @implementation
public func oroipc_client_call(
    _ pointer: OpaquePointer?, _ call: UnsafePointer<oroipc_call>?, _ result: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    if let status = unsafe callInPlace(pointer, call, result) { return status }
    do throws(Failure) {
        let handle = try unsafe client(pointer)
        let given = try unsafe GivenCall(call, handle.commands)
        try given.refuseBody("a call that blocks its thread")
        var kept: ResultHandle?
        // C says that it points to a result or to NULL.
        if let known = unsafe ResultHandle.at(result?.pointee) {
            if known.isHandlers { throw .state("the result is a handler's") }
            // What it held is free for the next frame.
            known.empty()
            kept = known
        }
        let outcome = handle.client.callSync(
            given.command, given.value, bytes: given.bytes, options: given.options, encoded: given.encoded)
        let status = oroipc_status(outcome.hasFailed ? OROIPC_FAILED : OROIPC_OK)
        if let kept {
            kept.result = outcome
        } else if let result = unsafe result {
            unsafe result.pointee = ResultHandle(outcome).handOut()
        }
        return status
    } catch {
        return error.status(recorded: true)
    }
}

@c @implementation
public func oroipc_client_call_async(
    _ pointer: OpaquePointer?, _ call: UnsafePointer<oroipc_call>?, _ completion: oroipc_completion?,
    _ context: UnsafeMutableRawPointer?, _ ticket: UnsafeMutablePointer<UInt64>?
) -> oroipc_status {
    status { () throws(Failure) in
        // C says that it points to a number, or is NULL.
        if let ticket = unsafe ticket { unsafe ticket.pointee = 0 }
        let handle = try unsafe client(pointer)
        let given = try unsafe GivenCall(call, handle.commands)
        guard let completion = unsafe completion else { throw .null("completion") }
        try given.useBody(handle)
        let callback = unsafe Callback(function: completion, context: context)
        let deliveries = handle.deliveries
        let (bytes, mayRepeat) = given.bytes(for: handle.client)
        let taken = handle.client.call(
            given.command, given.value, bytes, given.options, encoded: given.encoded, body: given.body?.body,
            mayRepeat: mayRepeat
        ) { result in
            deliveries.add {
                let handle = ResultHandle(result)
                unsafe callback.function(handle.lent, callback.context)
                withExtendedLifetime(handle) {}
            }
        }
        if let ticket = unsafe ticket { unsafe ticket.pointee = taken }
    }
}

@c @implementation
public func oroipc_client_abort(_ pointer: OpaquePointer?, _ ticket: UInt64, _ reason: UnsafePointer<CChar>?)
    -> oroipc_status
{
    status { () throws(Failure) in
        let handle = try unsafe client(pointer)
        let reason = try unsafe text(reason, "reason")
        let isAbandoned = handle.client.abandon(ticket, reason.map { .abort($0) } ?? .abort())
        // Its end is not waited for.
        handle.demands.of(ticket)?.add(.max)
        guard isAbandoned else { throw Failure(OROIPC_NOT_FOUND, "no call or stream with ticket \(ticket) waits") }
    }
}

@c @implementation
public func oroipc_client_post(_ pointer: OpaquePointer?, _ call: UnsafePointer<oroipc_call>?) -> oroipc_status {
    status { () throws(Failure) in
        let handle = try unsafe client(pointer)
        let given = try unsafe GivenCall(call, handle.commands)
        try given.refuseBody("a command without result")
        let value = try given.tree()
        try Failure.of { () throws(LinkError) in
            try handle.client.post(given.command, value, bytes: given.bytes, headers: given.options?.headers)
        }
    }
}

@c @implementation
public func oroipc_client_stream(
    _ pointer: OpaquePointer?, _ call: UnsafePointer<oroipc_call>?, _ window: UInt32, _ receiver: oroipc_receiver?,
    _ context: UnsafeMutableRawPointer?, _ ticket: UnsafeMutablePointer<UInt64>?
) -> oroipc_status {
    status { () throws(Failure) in
        // C says that it points to a number, or is NULL.
        if let ticket = unsafe ticket { unsafe ticket.pointee = 0 }
        let handle = try unsafe client(pointer)
        let given = try unsafe GivenCall(call, handle.commands)
        guard let receiver = unsafe receiver else { throw .null("receiver") }
        let isTaken = window & UInt32(OROIPC_STREAM_TAKEN) != 0
        let window = window & ~UInt32(OROIPC_STREAM_TAKEN)
        guard window <= 1024 else { throw .invalid("'window' must be between 1 and 1024, or 0 for 256") }
        try given.useBody(handle)
        let stream = handle.client.polledStream(
            given.command, given.value, given.bytes, given.options, window: window == 0 ? 256 : Int(window),
            encoded: given.encoded, body: given.body?.body)
        if let ticket = unsafe ticket { unsafe ticket.pointee = stream.ticket }
        unsafe ChunksToC(
            poll: { stream.poll() }, whenReady: { stream.whenReady($0) }, thread: handle.thread,
            // One that could not be sent has only an end.
            demand: isTaken && stream.ticket != 0 ? handle.demands.begin(stream.ticket) : nil,
            Callback(function: receiver, context: context)
        ).begin()
    }
}

@c @implementation
public func oroipc_client_stream_take(_ pointer: OpaquePointer?, _ ticket: UInt64, _ chunks: UInt32) -> oroipc_status {
    status { () throws(Failure) in
        guard let demand = try unsafe client(pointer).demands.of(ticket) else {
            throw Failure(OROIPC_NOT_FOUND, "no stream with ticket \(ticket) is taken chunk by chunk")
        }
        demand.add(Int(chunks))
    }
}
