// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroIPC
import OroLink

/// A port, or a subscription to broadcasts, as C has it.
final class PortHandle: Handle, Sendable {
    enum End: Sendable {
        case port(IPCMessagePort)
        case subscription(IPCBroadcastChannel)
    }

    let end: End
    let thread: CallbackThread
    let texts = Texts()
    private let state = Locked(State())

    @safe private struct State {
        var listener: Listener?
        var reason: String?
    }

    @safe private struct Listener: Sendable {
        // Sendable: constant.
        let function: Callback<oroipc_port_receiver>
        let kept: Kept
    }

    init(_ end: End, _ thread: CallbackThread) {
        self.end = end
        self.thread = thread
    }

    init(_ port: IPCMessagePort, _ thread: CallbackThread) {
        end = .port(port)
        self.thread = thread
    }

    /// The port at `pointer`.
    static func required(_ pointer: OpaquePointer?) throws(Failure) -> PortHandle {
        guard let handle = unsafe PortHandle.at(pointer) else { throw .null("port") }
        if handle.thread.isForeign { throw .forked }
        return handle
    }

    /// The port, to be given away.
    var transferable: IPCMessagePort {
        get throws(Failure) {
            guard case .port(let port) = end else { throw .invalid("a subscription cannot be given away") }
            return port
        }
    }

    // MARK: Receiving

    func poll() -> PortArrival? {
        switch end {
        case .port(let port): port.poll()
        case .subscription(let subscription): subscription.poll()
        }
    }

    private func whenNews(_ action: @escaping @Sendable () -> Void) -> Bool {
        switch end {
        case .port(let port): port.whenNews(action)
        case .subscription(let subscription): subscription.whenNews(action)
        }
    }

    var isClosed: Bool {
        switch end {
        case .port(let port): port.closed
        case .subscription(let subscription): subscription.closed
        }
    }

    func close() {
        switch end {
        case .port(let port): port.close()
        case .subscription(let subscription): subscription.close()
        }
        // Nothing comes any more: the context is not needed.
        drop(nil)
    }

    /// Why the conversation ended, where no owner ended it.
    var reason: String? { state.withLock { $0.reason } }

    /// Calls this function with what comes, instead of an earlier one; `nil`: nobody.
    func listen(_ function: Callback<oroipc_port_receiver>?, _ kept: Kept) {
        let listener = unsafe function.map { unsafe Listener(function: $0, kept: kept) }
        drop(listener)
        // A port that somebody listens to lives until it is closed.
        if listener != nil { thread.run { self.pump() } }
    }

    private func drop(_ next: Listener?) {
        let before = state.withLock { state in
            defer { state.listener = next }
            return state.listener
        }
        withExtendedLifetime(before) {}
    }

    var isListenedTo: Bool { state.withLock { $0.listener != nil } }

    /// Most messages handed on before other callbacks get their turn.
    private static let mostAtOnce = 64

    /// Hands on what has come. On the thread.
    private func pump() {
        for _ in 0..<PortHandle.mostAtOnce {
            guard let listener = state.withLock({ $0.listener }) else { return }
            guard let arrival = poll() else {
                if whenNews({ [self] in thread.run { self.pump() } }) { return }
                if isClosed { return drop(nil) }
                continue
            }
            let (what, message) = took(arrival)
            unsafe listener.function.function(lent, what, message?.lent, listener.function.context)
            withExtendedLifetime(message) {}
            if Int(what) == OROIPC_PORT_CLOSED { return drop(nil) }
        }
        thread.run { self.pump() }
    }

    /// What C is told of what came.
    private func took(_ arrival: PortArrival) -> (Int32, StructuredHandle?) {
        switch arrival {
        case .message(let message): return (Int32(OROIPC_PORT_MESSAGE), StructuredHandle(message, thread))
        case .missed(let count): return (Int32(OROIPC_PORT_MISSED), StructuredHandle(.int(count), thread))
        case .closed(let reason):
            state.withLock { $0.reason = reason }
            return (Int32(OROIPC_PORT_CLOSED), nil)
        }
    }

    /// What has come next. Throws OROIPC_BUSY when nothing has; the thread's descriptor tells when to ask again.
    func take() throws(Failure) -> (Int32, StructuredHandle?) {
        if isListenedTo { throw .state("a function is called with what comes to this port") }
        while true {
            if let arrival = poll() { return took(arrival) }
            if isClosed { throw Failure(OROIPC_CLOSED, "the port is closed, or was given away") }
            let thread = thread
            if whenNews({ thread.run {} }) { throw Failure(OROIPC_BUSY, "nothing has come") }
        }
    }

    // MARK: Posting

    func post(_ message: StructuredHandle, _ transfer: [IPCMessagePort], origin: String?) throws(Failure) {
        if isClosed { throw Failure(OROIPC_CLOSED, "the port is closed, or was given away") }
        let isPosted: Bool
        switch end {
        case .port(let port): isPosted = try message.post(through: port, transfer)
        case .subscription(let subscription):
            if !transfer.isEmpty { throw .invalid("a broadcast carries no ports") }
            let value = try message.value()
            do throws(IPCError) {
                isPosted = try subscription.tryPost(value, origin: origin)
            } catch {
                throw Failure(posting: error)
            }
        }
        if !isPosted {
            throw Failure(OROIPC_BUSY, "as many messages, or bytes, as there may be wait to be taken at the other end")
        }
    }

    func whenRoom(_ action: @escaping @Sendable () -> Void) {
        let waits =
            switch end {
            case .port(let port): port.whenRoom(action)
            case .subscription(let subscription): subscription.whenRoom(action)
            }
        if !waits { action() }
    }
}

extension Failure {
    /// Why a message was not posted.
    init(posting error: IPCError) {
        switch error.name {
        case "DataCloneError": self.init(OROIPC_INVALID, error.message)
        case "QuotaExceededError": self.init(OROIPC_BUSY, error.message)
        case "RangeError": self.init(OROIPC_TOO_LARGE, error.message)
        default: self.init(OROIPC_PEER_GONE, error.message)
        }
    }
}

// MARK: Functions of a port

@c @implementation
public func oroipc_port_retain(_ port: OpaquePointer?) -> OpaquePointer? { unsafe PortHandle.retain(port) }

@c @implementation
public func oroipc_port_release(_ port: OpaquePointer?) { unsafe PortHandle.release(port) }

@c @implementation
public func oroipc_port_close(_ port: OpaquePointer?) -> oroipc_status {
    status { () throws(Failure) in try unsafe PortHandle.required(port).close() }
}

@c @implementation
public func oroipc_port_is_closed(_ port: OpaquePointer?) -> Int32 {
    unsafe PortHandle.at(port)?.isClosed ?? true ? 1 : 0
}

@c @implementation
public func oroipc_port_id(_ port: OpaquePointer?) -> UnsafePointer<CChar>? {
    guard let handle = unsafe PortHandle.at(port), case .port(let port) = handle.end else { return nil }
    return unsafe handle.texts.text(.id) { port.id }
}

@c @implementation
public func oroipc_port_reason(_ port: OpaquePointer?) -> UnsafePointer<CChar>? {
    guard let handle = unsafe PortHandle.at(port), let reason = handle.reason else { return nil }
    return unsafe handle.texts.text(.reason) { reason }
}

/// `count` ports of C's.
func ports(_ pointers: UnsafePointer<OpaquePointer?>?, _ count: Int) throws(Failure) -> [IPCMessagePort] {
    if count == 0 { return [] }
    guard let pointers = unsafe pointers, count > 0 else { throw .null("transfer") }
    var ports: [IPCMessagePort] = []
    for index in 0..<count {
        // C says that there are so many.
        guard let handle = unsafe PortHandle.at(pointers[index]) else { throw .null("a port of the transfer list") }
        ports.append(try handle.transferable)
    }
    return ports
}

@c @implementation
public func oroipc_port_post(
    _ port: OpaquePointer?, _ message: OpaquePointer?, _ transfer: UnsafePointer<OpaquePointer?>?, _ count: Int
) -> oroipc_status {
    status { () throws(Failure) in
        let handle = try unsafe PortHandle.required(port)
        let message = try unsafe StructuredHandle.required(message)
        try handle.post(message, try unsafe ports(transfer, count), origin: nil)
    }
}

@c @implementation
public func oroipc_port_broadcast(
    _ port: OpaquePointer?, _ origin: UnsafePointer<CChar>?, _ message: OpaquePointer?
) -> oroipc_status {
    status { () throws(Failure) in
        let handle = try unsafe PortHandle.required(port)
        let message = try unsafe StructuredHandle.required(message)
        guard case .subscription = handle.end else { throw .state("the port is no subscription") }
        try handle.post(message, [], origin: try unsafe text(origin, "origin"))
    }
}

@c @implementation
public func oroipc_port_on_room(
    _ port: OpaquePointer?, _ notice: oroipc_port_notice?, _ context: UnsafeMutableRawPointer?
) -> oroipc_status {
    status { () throws(Failure) in
        let handle = try unsafe PortHandle.required(port)
        guard let notice = unsafe notice else { throw .null("notice") }
        let callback = unsafe Callback(function: notice, context: context)
        let thread = handle.thread
        handle.whenRoom { [weak handle] in
            thread.run { [weak handle] in
                if let handle { unsafe callback.function(handle.lent, callback.context) }
            }
        }
    }
}

@c @implementation
public func oroipc_port_listen(
    _ port: OpaquePointer?, _ receiver: oroipc_port_receiver?, _ context: UnsafeMutableRawPointer?,
    _ destroy: oroipc_done?
) -> oroipc_status {
    let kept = unsafe Kept(context, destroy)
    return status { () throws(Failure) in
        let handle = try unsafe PortHandle.required(port)
        let function = unsafe receiver.map { unsafe Callback(function: $0, context: context) }
        unsafe handle.listen(function, kept)
    }
}

@c @implementation
public func oroipc_port_take(
    _ port: OpaquePointer?, _ what: UnsafeMutablePointer<Int32>?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    // C says that they point to a number and a pointer, or are NULL.
    if let what = unsafe what { unsafe what.pointee = 0 }
    if let out = unsafe out { unsafe out.pointee = nil }
    return status { () throws(Failure) in
        guard let what = unsafe what, let out = unsafe out else { throw .null("what or out") }
        let (arrived, message) = try unsafe PortHandle.required(port).take()
        unsafe what.pointee = arrived
        unsafe out.pointee = message?.handOut()
    }
}
