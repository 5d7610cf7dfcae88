// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroIPC
import OroLink

// Bodies of requests in chunks: how C sends one, and how it reads one.

/// A body that C sends.
final class BodyHandle: Handle, Sendable {
    let body = PushedBody()
    /// Of the client that is told of room, once the body is named in a call.
    private let thread = Locked<CallbackThread?>(nil)

    /// True once: for the call it goes with.
    func use(_ thread: CallbackThread) -> Bool {
        self.thread.withLock { own in
            guard own == nil else { return false }
            own = thread
            return true
        }
    }

    /// Runs `job` on the client's thread.
    func deliver(_ job: @escaping @Sendable () -> Void) { thread.withLock { $0 }?.run(job) }

    deinit { body.end(.abort("the body was released before its end")) }
}

/// The body at `pointer`.
private func body(_ pointer: OpaquePointer?) throws(Failure) -> PushedBody {
    guard let handle = unsafe BodyHandle.at(pointer) else { throw .null("body") }
    return handle.body
}

@c @implementation
public func oroipc_body_create(_ out: UnsafeMutablePointer<OpaquePointer?>?) -> oroipc_status {
    unsafe put(out) { () throws(Failure) in BodyHandle() }
}

@c @implementation
public func oroipc_body_retain(_ body: OpaquePointer?) -> OpaquePointer? { unsafe BodyHandle.retain(body) }

@c @implementation
public func oroipc_body_release(_ body: OpaquePointer?) { unsafe BodyHandle.release(body) }

private func send(_ body: PushedBody, _ bytes: Bytes) throws(Failure) {
    do throws(IPCError) {
        if try body.trySend(bytes) { return }
    } catch {
        throw Failure(sending: error)
    }
    throw Failure(OROIPC_BUSY, "the host takes no more of the body now")
}

@c @implementation
public func oroipc_body_send(_ pointer: OpaquePointer?, _ bytes: UnsafeRawPointer?, _ size: Int) -> oroipc_status {
    status { () throws(Failure) in
        // Written before this returns, or copied into what waits for room.
        let given = try unsafe passing(bytes, size) ?? []
        try send(try unsafe body(pointer), given)
    }
}

@c @implementation
public func oroipc_body_send_payload(_ pointer: OpaquePointer?, _ payload: OpaquePointer?) -> oroipc_status {
    status { () throws(Failure) in
        guard let payload = unsafe BytesHandle.at(payload) else { throw .null("payload") }
        try send(try unsafe body(pointer), payload.bytes)
    }
}

@c @implementation
public func oroipc_body_end(
    _ pointer: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ message: UnsafePointer<CChar>?
) -> oroipc_status {
    status { () throws(Failure) in
        let body = try unsafe body(pointer)
        let name = try unsafe text(name, "name")
        let message = try unsafe text(message, "message")
        let isFailure = name != nil || message != nil
        guard body.end(isFailure ? IPCError(name: name ?? "Error", message: message ?? "") : nil) else {
            throw .state("the body has ended")
        }
    }
}

@c @implementation
public func oroipc_body_on_room(
    _ pointer: OpaquePointer?, _ notice: oroipc_body_notice?, _ context: UnsafeMutableRawPointer?
) -> oroipc_status {
    status { () throws(Failure) in
        guard let handle = unsafe BodyHandle.at(pointer) else { throw .null("body") }
        guard let notice = unsafe notice else { throw .null("notice") }
        let callback = unsafe Callback(function: notice, context: context)
        let tell: @Sendable () -> Void = { [weak handle] in
            handle?.deliver { [weak handle] in
                if let handle { unsafe callback.function(handle.lent, callback.context) }
            }
        }
        if !handle.body.whenRoom(tell) { tell() }
    }
}

/// Begins to read the body of the message at `pointer`; `isTaken`: as C takes it.
private func readBody(
    _ pointer: OpaquePointer?, _ receiver: oroipc_receiver?, _ context: UnsafeMutableRawPointer?, isTaken: Bool
) -> oroipc_status {
    status { () throws(Failure) in
        guard let handle = unsafe MessageHandle.at(pointer) else { throw .null("message") }
        guard let receiver = unsafe receiver else { throw .null("receiver") }
        guard let body = handle.message?.polledBody, let host = handle.host else {
            throw Failure(OROIPC_NOT_FOUND, "no body follows this message")
        }
        guard handle.claimBody() else { throw .state("the body is being read") }
        let demand = isTaken ? StreamDemand() : nil
        if let demand { handle.bodyDemand.withLock { $0 = demand } }
        // A host that has stopped reads nothing more: its links are over, and with them the body.
        unsafe ChunksToC(
            poll: { body.poll() }, whenReady: { body.whenReady($0) },
            thread: CallbackThread(host), demand: demand, Callback(function: receiver, context: context)
        ).begin()
    }
}

@c @implementation
public func oroipc_message_read_body(
    _ pointer: OpaquePointer?, _ receiver: oroipc_receiver?, _ context: UnsafeMutableRawPointer?
) -> oroipc_status {
    unsafe readBody(pointer, receiver, context, isTaken: false)
}

@c @implementation
public func oroipc_message_read_body_taken(
    _ pointer: OpaquePointer?, _ receiver: oroipc_receiver?, _ context: UnsafeMutableRawPointer?
) -> oroipc_status {
    unsafe readBody(pointer, receiver, context, isTaken: true)
}

@c @implementation
public func oroipc_message_take_body(_ pointer: OpaquePointer?, _ chunks: UInt32) -> oroipc_status {
    status { () throws(Failure) in
        guard let handle = unsafe MessageHandle.at(pointer) else { throw .null("message") }
        guard let demand = handle.bodyDemand.withLock({ $0 }) else {
            throw Failure(OROIPC_NOT_FOUND, "no body of this message is taken chunk by chunk")
        }
        demand.add(Int(chunks))
    }
}

/// Hands the chunks of a stream or a body to a function of C's, as they come.
@safe final class ChunksToC: Sendable {
    // Sendable: constant; used by one thread, one call at a time.
    private let poll: @Sendable () -> PolledStream.Item?
    private let whenReady: @Sendable (@escaping @Sendable () -> Void) -> Bool
    private let thread: CallbackThread
    private let callback: Callback<oroipc_receiver>
    /// How many chunks C takes, where it says so.
    private let demand: StreamDemand?

    init(
        poll: @escaping @Sendable () -> PolledStream.Item?,
        whenReady: @escaping @Sendable (@escaping @Sendable () -> Void) -> Bool, thread: CallbackThread,
        demand: StreamDemand? = nil, _ callback: Callback<oroipc_receiver>
    ) {
        self.poll = poll
        self.whenReady = whenReady
        self.thread = thread
        self.demand = demand
        unsafe self.callback = unsafe callback
    }

    /// Most chunks handed on before other callbacks get their turn.
    private static let mostAtOnce = 64

    func begin() { thread.run { self.read() } }

    private func read() {
        for _ in 0..<ChunksToC.mostAtOnce {
            // Keeps this until C takes more.
            if let demand, !demand.use(self) { return }
            switch poll() {
            case .chunk(let chunk)?:
                let handle = MessageHandle(.chunk(chunk))
                unsafe callback.function(handle.lent, nil, callback.context)
                withExtendedLifetime(handle) {}
            case .end(let error)?:
                let handle = ResultHandle(error.map { Result(err: $0) } ?? Result())
                demand?.end()
                unsafe callback.function(nil, handle.lent, callback.context)
                withExtendedLifetime(handle) {}
                return
            case nil:
                demand?.giveBack()
                if whenReady({ [self] in begin() }) { return }
            }
        }
        begin()
    }
}
