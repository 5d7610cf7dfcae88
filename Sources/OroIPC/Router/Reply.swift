// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroLink

/// The answer to one request, to be given once: in the handler, or later from any thread or task.
///
/// ```swift
/// host.router.map("job.run", reply: { message, reply in
///     let job = queue.add { outcome in try? reply.send(Result(data: outcome)) }
///     reply.onCancel { queue.remove(job) }
/// })
/// ```
///
/// When nobody has it any more and no answer was given, the client gets an `InternalError`: no request waits for ever
/// for a reply that was lost.
public final class Reply: Sendable {
    private let pending: PendingReply

    init(_ pending: PendingReply) { self.pending = pending }

    deinit { pending.drop() }

    /// Answers the request.
    ///
    /// Throws an `InvalidStateError` when it was answered before; an `AbortError` when the client has aborted, timed
    /// out or gone away, or the host has stopped. In both cases nothing is sent.
    public func send(_ result: Result) throws(IPCError) { try pending.send(result) }

    /// Answers with a value and bytes. Throws as ``send(_:)-(Result)``.
    public func send(_ data: Value?, bytes: Bytes? = nil) throws(IPCError) {
        try send(Result(data: data, bytes: bytes))
    }

    /// Answers with an error. Throws as ``send(_:)-(Result)``.
    public func fail(_ error: IPCError) throws(IPCError) { try send(Result(err: error)) }

    /// Calls `action` once when nobody waits for the answer any more because the client has aborted, timed out or gone
    /// away; at once when that is so already. Never after an answer.
    public func onCancel(_ action: @escaping @Sendable () -> Void) { pending.onCancel(action) }

    /// Nobody waits for the answer any more, and none was given.
    public var isCancelled: Bool { pending.isCancelled }

    /// True when an answer was given.
    public var isSent: Bool { pending.isSent }

    /// Changes the answer before it is sent; for middleware.
    func willSend(_ change: @escaping @Sendable (inout Result) -> Void) { pending.willSend(change) }

    func cancel(_ why: IPCError) { pending.cancel(why) }

    /// Calls the handler of `route`.
    func run(_ route: Router.ReplyRoute, _ message: Message) {
        do {
            try route.handler(message, self)
        } catch {
            // It may have answered before it threw, or nobody waits any more: then there is nobody to tell.
            try? send(Result(catching: error))
        }
    }
}

/// What a ``Reply`` and the host share: where the answer goes, and whether anybody waits for it.
final class PendingReply: Sendable {
    private struct State {
        /// Not yet answered.
        var put: (@Sendable (Result) -> Void)?
        var changes: [@Sendable (inout Result) -> Void] = []
        var cancelled: IPCError?
        var isSent = false
        var onCancel: [@Sendable () -> Void] = []
    }

    private let name: String
    private let state: Locked<State>

    /// `put` is called once: with the answer, or, after a cancellation, when nobody has the reply any more.
    init(_ name: String, put: @escaping @Sendable (Result) -> Void) {
        self.name = name
        state = Locked(State(put: put))
    }

    func send(_ result: Result) throws(IPCError) {
        let (put, changes) = try state.withLock {
            (state) throws(IPCError) -> ((@Sendable (Result) -> Void)?, [@Sendable (inout Result) -> Void]) in
            if let cancelled = state.cancelled { throw cancelled }
            if state.isSent {
                throw IPCError(.invalidState, "the request for '\(name)' was answered before")
            }
            state.isSent = true
            defer { (state.put, state.changes, state.onCancel) = (nil, [], []) }
            return (state.put, state.changes)
        }
        var result = result
        for change in changes.reversed() { change(&result) }
        put?(result)
    }

    /// Nobody waits any more.
    func cancel(_ why: IPCError) {
        let actions = state.withLock { state -> [@Sendable () -> Void] in
            if state.isSent || state.cancelled != nil { return [] }
            state.cancelled = why
            defer { state.onCancel = [] }
            return state.onCancel
        }
        for action in actions { action() }
    }

    /// Nobody can answer any more.
    func drop() {
        let put = state.withLock { state -> (@Sendable (Result) -> Void)? in
            defer { state.put = nil }
            // With the lock nobody answers, and nobody has the reply to answer later.
            return state.put
        }
        put?(
            Result(
                err: IPCError(.internal, "the handler of '\(name)' has dropped its reply without an answer")))
    }

    func onCancel(_ action: @escaping @Sendable () -> Void) {
        let isCancelled = state.withLock { state in
            if state.cancelled == nil && !state.isSent { state.onCancel.append(action) }
            return state.cancelled != nil
        }
        if isCancelled { action() }
    }

    func willSend(_ change: @escaping @Sendable (inout Result) -> Void) {
        state.withLock { state in if !state.isSent { state.changes.append(change) } }
    }

    var isCancelled: Bool { state.withLock { $0.cancelled != nil } }
    var isSent: Bool { state.withLock { $0.isSent } }
}

extension IPCError {
    /// The host serves no more.
    static var hostGone: IPCError { .abort("the host has stopped") }
}
