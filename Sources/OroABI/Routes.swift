// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroIPC
import OroLink

/// A route that a function of C's answers.
@safe final class RouteToC: @unchecked Sendable {
    // Sendable: `message` and `result` belong to the host's thread; the rest is constant.

    private let handler: oroipc_handler
    private let kept: Kept
    /// Used again for the next request, so that a steady exchange allocates nothing, and counts few references.
    @exclusivity(unchecked) private var message = MessageHandle()
    @exclusivity(unchecked) private var result = ResultHandle(nil)

    init(_ handler: oroipc_handler, _ kept: Kept) {
        unsafe self.handler = handler
        self.kept = kept
    }

    /// Lets the handler answer later, on the host's thread.
    func begin(_ received: Message, _ answer: any Answer) {
        let message = MessageHandle(.message(received), answer.host)
        let result = ResultHandle(answer)
        result.seq = received.seq.map { "\($0)" }
        // The handler owns the result.
        unsafe handler(message.lent, result.handOut(), kept.context)
        withExtendedLifetime(message) {}
    }

    /// Answers on the host's thread, when the handler has returned.
    func answer(_ received: Message) -> Result {
        // They belong to this thread and stay where they are until the handler has returned: no callback can turn its
        // own host, and so no handler ends up here again.
        unsafe Unmanaged.passUnretained(message)._withUnsafeGuaranteedRef { message in
            unsafe Unmanaged.passUnretained(result)._withUnsafeGuaranteedRef { result in
                message.fill(received)
                result.isHandlers = true
                unsafe handler(message.lent, result.lent, kept.context)
            }
        }
        // What C has retained is its own from now on.
        if unsafe isKnownUniquelyReferenced(&message) {
            unsafe message.empty()
        } else {
            unsafe message = MessageHandle()
        }
        if unsafe isKnownUniquelyReferenced(&result) { return unsafe result.takeOut() }
        let retained = unsafe result
        unsafe result = ResultHandle(nil)
        _ = retained.claim()
        return retained.result
    }
}

@c @implementation
public func oroipc_host_map(
    _ pointer: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ kind: Int32, _ handler: oroipc_handler?,
    _ context: UnsafeMutableRawPointer?, _ destroy: oroipc_done?
) -> oroipc_status {
    let kept = unsafe Kept(context, destroy)
    return status { () throws(Failure) in
        let host = try unsafe OroABI.host(pointer).host
        let name = try unsafe required(name, "name")
        guard let handler = unsafe handler else { throw .null("handler") }
        let route = unsafe RouteToC(handler, kept)
        let streamed: Router.StreamHandler = { [weak host] message, stream in
            let answer = StreamAnswer(stream, host)
            if let error = await answer.run({ answer.host?.onThread { route.begin(message, answer) } }).err {
                throw error
            }
        }
        let later: Router.ReplyHandler = { [weak host] message, reply in
            route.begin(message, LaterAnswer(reply, host))
        }
        let isMapped =
            switch Int(kind) {
            case OROIPC_ROUTE_SYNC: host.router.map(name) { message in route.answer(message) }
            case OROIPC_ROUTE_LATER: host.router.map(name, reply: later)
            case OROIPC_ROUTE_STREAM: host.router.map(name, stream: streamed)
            case OROIPC_ROUTE_EITHER: host.router.map(name, stream: streamed, orReply: later)
            default: throw .invalid("\(kind) is no kind of route")
            }
        if !isMapped { throw .invalid(host.router.problem(of: name) ?? "'\(name)' cannot be mapped") }
    }
}

@c @implementation
public func oroipc_host_unmap(_ pointer: OpaquePointer?, _ name: UnsafePointer<CChar>?) -> oroipc_status {
    status { () throws(Failure) in
        let router = try unsafe host(pointer).host.router
        let name = try unsafe required(name, "name")
        if !router.unmap(name) { throw .invalid(router.problem(of: name) ?? "'\(name)' stays") }
    }
}

@c @implementation
public func oroipc_host_listen(
    _ pointer: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ listener: oroipc_listener?,
    _ context: UnsafeMutableRawPointer?, _ destroy: oroipc_done?, _ token: UnsafeMutablePointer<UInt64>?
) -> oroipc_status {
    let kept = unsafe Kept(context, destroy)
    return status { () throws(Failure) in
        let router = try unsafe host(pointer).host.router
        let name = try unsafe required(name, "name")
        let call = try unsafe ListenerInC(listener, kept)
        guard let token = unsafe token else { throw .null("token") }
        // C says that it points to a number.
        unsafe token.pointee = router.listen(name) { message in call(.message(message)) }
    }
}

@c @implementation
public func oroipc_host_unlisten(_ pointer: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ token: UInt64)
    -> oroipc_status
{
    status { () throws(Failure) in
        let name = try unsafe required(name, "name")
        guard try unsafe host(pointer).host.router.unlisten(name, token) else {
            throw Failure(OROIPC_NOT_FOUND, "no listener with token \(token) hears of '\(name)'")
        }
    }
}

/// A function of C's that hears of requests or events.
@safe final class ListenerInC: @unchecked Sendable {
    // Sendable: constant.
    private let function: oroipc_listener
    private let kept: Kept

    init(_ function: oroipc_listener?, _ kept: Kept) throws(Failure) {
        guard let function = unsafe function else { throw .null("listener") }
        unsafe self.function = function
        self.kept = kept
    }

    func callAsFunction(_ content: MessageHandle.Content) {
        let handle = MessageHandle(content)
        unsafe function(handle.lent, kept.context)
        withExtendedLifetime(handle) {}
    }
}
