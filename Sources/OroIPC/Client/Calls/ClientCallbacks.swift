// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import Synchronization

/// What is called with the outcome of one request, exactly once, by whoever has it first.
final class PendingCallback: Sendable {
    private struct State {
        var isOver = false
        var stopListening: (@Sendable () -> Void)?
    }

    private let state = Locked(State())
    private let action: @Sendable (Outcome) -> Void

    /// `action` runs on whatever thread has the outcome, as the receiver perhaps: it only hands on.
    init(_ action: @escaping @Sendable (Outcome) -> Void) { self.action = action }

    /// True for the call that counts.
    func finish(_ outcome: Outcome) -> Bool {
        guard forget() else { return false }
        action(outcome)
        return true
    }

    /// There is no outcome to come. False: there was one.
    func forget() -> Bool {
        let (isFirst, stopListening) = state.withLock { state -> (Bool, (@Sendable () -> Void)?) in
            defer { state = State(isOver: true) }
            return (!state.isOver, state.stopListening)
        }
        stopListening?()
        return isFirst
    }

    /// Calls `action` when the outcome is there; at once when it is.
    func afterwards(_ action: @escaping @Sendable () -> Void) {
        let isOver = state.withLock { state in
            if !state.isOver { state.stopListening = action }
            return state.isOver
        }
        if isOver { action() }
    }
}

// Calls whose results go to a function: for callers that are neither tasks nor willing to block a thread.
extension Client {
    /// Sends a command; `completion` gets its result exactly once, on whatever thread has it, maybe before this
    /// returns. It must be short and must not call this client: it hands the result on.
    ///
    /// `body`: what follows the command in chunks. Without `mayRepeat` it is never sent again, and `bytes` need not
    /// outlive this call. Answers the ticket for ``abandon(_:_:)``; 0 when the command could
    /// not be sent.
    package func call(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, encoded: EncodedValue? = nil,
        body: PushedBody? = nil, mayRepeat: Bool = true, completion: @escaping @Sendable (Result) -> Void
    ) -> UInt64 {
        guard mayRepeat, body == nil, comesBack else {
            let subject = CallSubject(command, options?.timeout)
            do throws(IPCError) {
                return try core.call(command, value, bytes, options, encoded: encoded, body: body) { result in
                    completion(result.hasError ? result.about(subject) : result)
                }
            } catch {
                completion(Result(err: error.about(subject), source: command))
                return 0
            }
        }
        return RepeatedCall(connection, command, value, bytes, options, encoded, completion).begin()
    }

    /// It connects again when its link ends.
    package var comesBack: Bool { connection.comesBack }

    /// Nobody wants the result, or the chunks, of this request any more. False: it is over already.
    package func abandon(_ ticket: UInt64, _ error: IPCError) -> Bool {
        if connection.giveUp(ticket, error) { return true }
        let core = core
        guard core.pending.withLock({ $0.isTaken(ticket) }) else { return false }
        core.giveUp(ticket, error)
        return true
    }
}

extension ClientCore {
    /// Sends a command; `completion` gets its result, as of ``Client/call(_:_:_:_:encoded:completion:)``. Throws what
    /// keeps it from being sent: then it is not called.
    @discardableResult
    func call(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, encoded: EncodedValue? = nil,
        body: PushedBody? = nil, completion: @escaping @Sendable (Result) -> Void
    ) throws(IPCError) -> UInt64 {
        let callback = PendingCallback { [id = link.id] outcome in
            body?.requestIsOver()
            completion(Result(outcome, command, link: id))
        }
        let streams = body.map { RequestStreams(answer: nil, body: $0.sender) }
        suspended.add(1, ordering: .sequentiallyConsistent)
        let ticket: UInt64
        do throws(IPCError) {
            ticket = try begin(command, value, bytes, options, streams, encoded: encoded, callback: callback)
        } catch {
            // The link's end may have been quicker, and is the outcome then.
            guard callback.forget() else { return 0 }
            suspended.subtract(1, ordering: .relaxed)
            body?.requestIsOver()
            throw error
        }
        body?.follow(ticket, of: self)
        if let signal = options?.signal {
            let token = signal.listen { [weak self] reason in self?.giveUp(ticket, .abort(reason)) }
            callback.afterwards { signal.unlisten(token) }
        }
        watch()
        // Ended meanwhile: whoever ended it may have looked at the table before this request was in it.
        if link.isOver { complete(ticket, seq: nil, .error(lost(ticket))) }
        return ticket
    }
}

/// An answer in chunks for a caller that is no task: it asks for chunks, and is told when to ask again.
package struct PolledStream: Sendable {
    package enum Item {
        case chunk(StreamChunk)
        /// No more comes, for this reason if there is one. Told once.
        case end(IPCError?)
    }

    private let call: StreamCall

    init(_ call: StreamCall) { self.call = call }

    /// For ``Client/abandon(_:_:)``; 0 when the command could not be sent.
    package var ticket: UInt64 { call.ticket }

    /// The next chunk or the end; `nil`: nothing yet. Gives the host credit for what was taken.
    package func poll() -> Item? { call.poll() }

    /// Calls `action` once, on whatever thread, when ``poll()`` finds something. False: it does now.
    package func whenReady(_ action: @escaping @Sendable () -> Void) -> Bool { call.whenReady(action) }
}

extension Client {
    /// As ``stream(_:_:bytes:options:window:)``. Dropping the last copy gives the stream up.
    package func polledStream(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, window: Int,
        encoded: EncodedValue? = nil, body: PushedBody? = nil
    ) -> PolledStream {
        PolledStream(StreamCall(self, command, value, bytes, options, window, encoded: encoded, pushed: body, nil))
    }
}

extension StreamReceiver {
    /// The next chunk or the end, for whoever is no task; `nil`: nothing yet. `grant` gets the credit for the sender,
    /// `giveUp` why a chunk that is none ends the stream.
    func pollChunk(grant: (Int) -> Void, giveUp: (IPCError) -> Void) -> PolledStream.Item? {
        let (item, credit) = poll()
        if credit > 0 { grant(credit) }
        switch item {
        case nil: return nil
        case .end(let error): return .end(error)
        case .chunk(let storage):
            do throws(IPCError) {
                return .chunk(try StreamChunk(storage))
            } catch {
                giveUp(error)
                return .end(error)
            }
        }
    }
}
