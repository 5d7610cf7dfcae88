// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroIPC
import OroLink
import Synchronization

/// How the result of a handler gets back to whoever asked, once the handler has returned.
protocol Answer: AnyObject, Sendable {
    /// Answers, or ends the stream. Throws when nobody waits any more.
    func send(_ result: Result) throws(Failure)
    /// C has given its last reference back, and has not sent it.
    func drop()
    /// Calls `action` once, on whatever thread, when nobody waits for the answer any more; never after it was sent.
    func onCancel(_ action: @escaping @Sendable () -> Void)
    var isCancelled: Bool { get }
    /// The stream it ends; `nil`: it is none.
    var stream: ReplyStream? { get }
    /// Whose thread calls back.
    var host: Host? { get }
}

extension Failure {
    /// Why a handler's answer was not sent.
    init(sending error: IPCError) {
        switch error.name {
        case "AbortError", "NetworkError": self.init(OROIPC_ABORTED, error.description)
        case "RangeError": self.init(OROIPC_TOO_LARGE, error.description)
        default: self.init(OROIPC_STATE, error.description)
        }
    }
}

/// The answer of a route with OROIPC_ROUTE_LATER.
final class LaterAnswer: Answer {
    private let reply: Reply
    private weak let weakHost: Host?

    init(_ reply: Reply, _ host: Host?) {
        self.reply = reply
        weakHost = host
    }

    func send(_ result: Result) throws(Failure) {
        do throws(IPCError) { try reply.send(result) } catch { throw Failure(sending: error) }
    }

    // The reply answers by itself when it goes.
    func drop() {}

    func onCancel(_ action: @escaping @Sendable () -> Void) { reply.onCancel(action) }
    var isCancelled: Bool { reply.isCancelled }
    var stream: ReplyStream? { nil }
    var host: Host? { weakHost }
}

/// The answer of a route with OROIPC_ROUTE_STREAM: sending it ends the task that stands for the handler.
final class StreamAnswer: Answer {
    @safe private struct State {
        var ending: UnsafeContinuation<Result, Never>?
        var isOver = false
        var isCancelled = false
        var onCancel: [@Sendable () -> Void] = []
    }

    private let state = Locked(State())
    private let replyStream: ReplyStream
    private weak let weakHost: Host?

    init(_ stream: ReplyStream, _ host: Host?) {
        replyStream = stream
        weakHost = host
    }

    /// Calls `start`, and waits for the end of the stream.
    func run(_ start: @Sendable () -> Void) async -> Result {
        await withTaskCancellationHandler {
            unsafe await withUnsafeContinuation { (ending: UnsafeContinuation<Result, Never>) in
                let isOver = state.withLock { state in
                    unsafe state.ending = unsafe state.isOver ? nil : ending
                    return state.isOver
                }
                // Cancelled before it began.
                if isOver { unsafe ending.resume(returning: Result()) } else { start() }
            }
        } onCancel: {
            cancel()
        }
    }

    /// True for the first who ends it.
    private func end(_ result: Result, isCancelled: Bool) -> Bool {
        let (isFirst, ending, actions) = unsafe state.withLock { state in
            if state.isOver {
                return unsafe (false, nil as UnsafeContinuation<Result, Never>?, [@Sendable () -> Void]())
            }
            let actions = isCancelled ? state.onCancel : []
            let ending = unsafe state.ending
            state = unsafe State(isOver: true, isCancelled: isCancelled)
            return unsafe (true, ending, actions)
        }
        unsafe ending?.resume(returning: result)
        for action in actions { action() }
        return isFirst
    }

    private func cancel() { _ = end(Result(), isCancelled: true) }

    func send(_ result: Result) throws(Failure) {
        if end(result, isCancelled: false) { return }
        throw Failure(OROIPC_ABORTED, "nobody waits for the answer any more")
    }

    func drop() {
        let lost = IPCError(
            name: "InternalError", message: "the handler has dropped its result without sending it",
            code: "INTERNAL_ERR")
        _ = end(Result(err: lost), isCancelled: false)
    }

    func onCancel(_ action: @escaping @Sendable () -> Void) {
        let isCancelled = state.withLock { state in
            if !state.isOver { state.onCancel.append(action) }
            return state.isCancelled
        }
        if isCancelled { action() }
    }

    var isCancelled: Bool { state.withLock { $0.isCancelled } }
    var stream: ReplyStream? { replyStream }
    var host: Host? { weakHost }
}

// MARK: Functions of C's

@c @implementation
public func oroipc_result_send(_ result: OpaquePointer?) -> oroipc_status {
    status { () throws(Failure) in
        guard let handle = unsafe ResultHandle.at(result) else { throw .null("result") }
        guard let answer = handle.answer else { throw .state("the result is not one that a handler sends") }
        if handle.birth.isForeign { throw .forked }
        guard handle.claim() else { throw .state("the result has been sent") }
        // The reference the handler had.
        defer { unsafe ResultHandle.release(result) }
        try answer.send(handle.result)
    }
}

/// The stream that the result at `pointer` ends.
private func stream(_ pointer: OpaquePointer?) throws(Failure) -> ReplyStream {
    let handle = try unsafe ResultHandle.toFill(pointer)
    guard let stream = handle.answer?.stream else { throw .state("the result does not end a stream") }
    if handle.birth.isForeign { throw .forked }
    return stream
}

private func send(_ chunk: StreamChunk, _ pointer: OpaquePointer?) throws(Failure) {
    let stream = try unsafe stream(pointer)
    let handle = try unsafe ResultHandle.toFill(pointer)
    var chunk = chunk
    // What was set before the first chunk goes with it.
    chunk.headers = handle.hasBegun ? nil : handle.result.headers
    do throws(IPCError) {
        if try stream.trySend(chunk) {
            handle.hasBegun = true
            return
        }
    } catch {
        throw Failure(sending: error)
    }
    throw Failure(OROIPC_BUSY, "the client takes no more chunks now")
}

@c @implementation
public func oroipc_result_send_chunk(_ result: OpaquePointer?, _ bytes: UnsafeRawPointer?, _ size: Int) -> oroipc_status
{
    status { () throws(Failure) in
        // Not copied before there is credit; the engine keeps chunks that wait for room.
        let given = try unsafe passing(bytes, size)
        let stream = try unsafe stream(result)
        guard !stream.isBusy else { throw Failure(OROIPC_BUSY, "the client takes no more chunks now") }
        try unsafe send(StreamChunk(bytes: given?.copy() ?? []), result)
    }
}

@c @implementation
public func oroipc_result_send_event(
    _ result: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ value: UnsafePointer<oroipc_value>?,
    _ payload: OpaquePointer?
) -> oroipc_status {
    status { () throws(Failure) in
        let chunk = StreamChunk(
            name: try unsafe text(name, "name"), value: try unsafe GivenValue(value).tree(),
            bytes: unsafe BytesHandle.at(payload)?.bytes)
        try unsafe send(chunk, result)
    }
}

@c @implementation
public func oroipc_result_on_room(
    _ result: OpaquePointer?, _ notice: oroipc_notice?, _ context: UnsafeMutableRawPointer?
) -> oroipc_status {
    status { () throws(Failure) in
        let handle = try unsafe ResultHandle.toFill(result)
        let stream = try unsafe stream(result)
        let isNew = unsafe handle.room.set(notice, context)
        guard isNew else { return }
        let call = handle.noticing { $0.room }
        if !stream.whenRoom(call) { call() }
    }
}

@c @implementation
public func oroipc_result_on_cancel(
    _ result: OpaquePointer?, _ notice: oroipc_notice?, _ context: UnsafeMutableRawPointer?
) -> oroipc_status {
    status { () throws(Failure) in
        let handle = try unsafe ResultHandle.toFill(result)
        guard let answer = handle.answer else { throw .state("nobody can give up what is answered at once") }
        let isNew = unsafe handle.cancellation.set(notice, context)
        if isNew { answer.onCancel(handle.noticing { $0.cancellation }) }
    }
}

@c @implementation
public func oroipc_result_is_cancelled(_ result: OpaquePointer?) -> Int32 {
    unsafe ResultHandle.at(result)?.answer?.isCancelled == true ? 1 : 0
}

/// Whom to tell once about a result.
final class Notice: Sendable {
    @safe private struct State {
        var callback: Callback<oroipc_notice>?
        /// Somebody will call ``fire(_:)``.
        var isAwaited = false
    }

    private let state = Locked(State())

    /// Tells this function instead of an earlier one; NULL: nobody. True when somebody has to be found who calls
    /// ``fire(_:)``.
    func set(_ function: oroipc_notice?, _ context: UnsafeMutableRawPointer?) -> Bool {
        let callback = unsafe function.map { unsafe Callback(function: $0, context: context) }
        return state.withLock { state in
            unsafe state.callback = callback
            if unsafe callback == nil || state.isAwaited { return false }
            state.isAwaited = true
            return true
        }
    }

    /// On the host's thread.
    func fire(_ handle: ResultHandle) {
        let callback = unsafe state.withLock { state in
            defer { state = State() }
            return unsafe state.callback
        }
        if let callback = unsafe callback, !handle.isSent { unsafe callback.function(handle.lent, callback.context) }
    }
}

extension ResultHandle {
    /// What tells one of the notices, on the host's thread, as long as C has the result.
    func noticing(_ which: @escaping @Sendable (ResultHandle) -> Notice) -> @Sendable () -> Void {
        let host = answer?.host
        return { [weak self, weak host] in
            host?.onThread { [weak self] in
                if let self { which(self).fire(self) }
            }
        }
    }
}
