// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

// Bodies of requests for who is no task: a client pushes chunks, and a handler asks for them.

/// What follows a request in chunks, where nobody asks its sender for them: it sends what the handler takes, and is
/// told when that is more. It goes with one request.
package final class PushedBody: Sendable {
    private struct State {
        /// The request it follows; 0: it was not sent yet.
        var ticket: UInt64 = 0
        weak var core: ClientCore?
        var ending: Ending?
        /// Who waits for room, before there is a request.
        var waiting: [@Sendable () -> Void] = []
    }

    /// Where it ends.
    private struct Ending {
        var failure: IPCError?
    }

    private let state = Locked(State())
    let sender = StreamSender()

    package init() {
        // The request is over, or its link: a body has an end all the same.
        sender.onClose { [weak self] in self?.end(self?.sender.closed) }
    }

    /// Sends a chunk if the handler takes one now; false: it does not. Throws a `RangeError` for a chunk that is too
    /// long, and why nothing more is to be sent when the body has ended or the request is over.
    package func trySend(_ bytes: Bytes) throws(IPCError) -> Bool {
        let (core, ticket, isEnded) = state.withLock { ($0.core, $0.ticket, $0.ending != nil) }
        if isEnded { throw sender.closed ?? IPCError(.invalidState, "the body has ended") }
        guard let core, ticket != 0 else { return false }
        guard try sender.tryReserve() else { return false }
        do throws(LinkError) {
            try core.sendChunk(StreamChunk(bytes: bytes).frame(ticket), bytes, sender)
        } catch {
            sender.giveBack()
            throw IPCError(error)
        }
        return true
    }

    /// Calls `action` once when ``trySend(_:)`` is worth another try, or there is nothing more to be sent. False: it is
    /// now.
    package func whenRoom(_ action: @escaping @Sendable () -> Void) -> Bool {
        let isEarly = state.withLock { state in
            guard state.ticket == 0, state.ending == nil else { return false }
            state.waiting.append(action)
            return true
        }
        return isEarly || sender.whenRoom(action)
    }

    /// No more follows, for this reason if there is one. Only the first end counts; false for others.
    @discardableResult
    package func end(_ failure: IPCError? = nil) -> Bool {
        let (isFirst, core, ticket, waiting) = state.withLock {
            state -> (Bool, ClientCore?, UInt64, [@Sendable () -> Void]) in
            guard state.ending == nil else { return (false, nil, 0, []) }
            state.ending = Ending(failure: failure)
            defer { state.waiting = [] }
            return (true, state.core, state.ticket, state.waiting)
        }
        if ticket != 0 { core?.endBody(ticket, failure) }
        for action in waiting { action() }
        return isFirst
    }

    /// The request has been sent with this ticket.
    func follow(_ ticket: UInt64, of core: ClientCore) {
        let (ending, waiting) = state.withLock { state -> (Ending?, [@Sendable () -> Void]) in
            state.ticket = ticket
            state.core = core
            defer { state.waiting = [] }
            return (state.ending, state.waiting)
        }
        // It ended before it began, or the result was quicker.
        if let ending { core.endBody(ticket, ending.failure) }
        for action in waiting where !sender.whenRoom(action) { action() }
    }

    /// Nobody reads any more.
    func requestIsOver() { sender.close(.abort("the request is over")) }
}

/// The body of a request for a handler that is no task: it asks for chunks, and is told when to ask again.
package struct PolledBody: Sendable {
    fileprivate let body: MessageBody

    /// The next chunk or the end; `nil`: nothing yet. Gives the client credit for what was taken.
    package func poll() -> PolledStream.Item? {
        body.receiver.pollChunk(grant: { body.grant($0) }, giveUp: { body.receiver.giveUp($0) })
    }

    /// Calls `action` once, on whatever thread, when ``poll()`` finds something. False: it does now.
    package func whenReady(_ action: @escaping @Sendable () -> Void) -> Bool { body.receiver.whenReady(action) }
}

extension Message {
    /// ``body`` for who is no task.
    package var polledBody: PolledBody? { body.map { PolledBody(body: $0) } }
}
