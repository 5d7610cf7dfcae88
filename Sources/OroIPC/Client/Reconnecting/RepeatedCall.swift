// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame
import OroLink

/// A call whose result goes to a function, and that is sent again when the link that was to carry it is gone.
final class RepeatedCall: Sendable {
    /// Not the client: one that nobody has any more ends what waits.
    private let connection: ClientConnection
    private let command: String
    private let value: Value?
    private let bytes: Bytes?
    private let options: CallOptions?
    private let encoded: EncodedValue?
    private let completion: @Sendable (Result) -> Void
    private let start: UInt64
    private let state = Locked(State())

    private struct State {
        /// What the caller knows the call by; 0: nothing yet.
        var ticket: UInt64 = 0
        /// How often it was sent, and how often that came to something.
        var sent = 0
        var finished = 0
        /// What the link it was sent on last knows it by; 0: none.
        var present: UInt64 = 0
        /// To its signal, while it waits for a link.
        var listening: UInt64?
        var isOver = false
    }

    init(
        _ connection: ClientConnection, _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?,
        _ encoded: EncodedValue?, _ completion: @escaping @Sendable (Result) -> Void
    ) {
        self.connection = connection
        self.command = command
        self.value = value
        self.bytes = bytes
        self.options = options
        self.encoded = encoded
        self.completion = completion
        start = options?.timeout == nil ? 0 : oro_now()
    }

    /// Sends it for the first time. Returns what ``Client/abandon(_:_:)`` knows it by; 0: it is over.
    func begin() -> UInt64 {
        send()
        return state.withLock { $0.isOver ? 0 : $0.ticket }
    }

    private func send() {
        let core = connection.core
        let id = ObjectIdentifier(core)
        let number = state.withLock { state in
            state.sent += 1
            return state.sent
        }
        do throws(IPCError) {
            let ticket = try core.call(
                command, value, bytes, options?.since(start), encoded: encoded
            ) { [self] result in finish(result, id) }
            state.withLock { state in
                // It may have come to something meanwhile.
                if state.finished < number { state.present = ticket }
                if state.ticket == 0 { state.ticket = ticket }
            }
        } catch {
            finish(Result(err: error, source: command), id)
        }
    }

    /// What a link made of it.
    private func finish(_ result: Result, _ core: ObjectIdentifier) {
        guard result.hasError, let error = result.err,
            connection.repeats(error, on: core, isIdempotent: options?.isIdempotent == true),
            let reactor = try? ClientReactor.shared(connection.options)
        else { return end(result) }
        let ticket = state.withLock { state -> UInt64 in
            state.finished = state.sent
            state.present = 0
            if state.ticket == 0 { state.ticket = connection.takeCallNumber() }
            return state.ticket
        }
        connection.remember(self, ticket)
        let limit = connection.limit(options?.timeout, since: start)
        // Not here: the caller may be the receiver.
        let waiting = connection.wait(
            LinkWaiter(until: limit.time) { isLate in
                reactor.run(at: 0) { [self] in goOn(result, isLate ? limit : nil) }
            })
        guard let waiting, let signal = options?.signal else { return }
        let token = signal.listen { [weak self] _ in
            guard let self, self.connection.forget(waiting: waiting) else { return }
            self.end(Result(err: .abort(signal).delivered(.notSent), source: self.command))
        }
        let isPast = state.withLock { state in
            state.listening = token
            return state.isOver || state.sent > state.finished
        }
        if isPast { stopListening() }
    }

    /// There is a link, or the client is closed, or it was `late`.
    private func goOn(_ result: Result, _ late: (time: UInt64, isTimeout: Bool)?) {
        stopListening()
        if state.withLock({ $0.isOver }) { return }
        if let late { return end(connection.tooLate(late.isTimeout, .request, command)) }
        if case .closed = connection.clientState { return end(result) }
        send()
    }

    private func stopListening() {
        let token = state.withLock { $0.listening.take() }
        if let token { options?.signal?.unlisten(token) }
    }

    private func end(_ result: Result) {
        let ticket = state.withLock { state -> UInt64? in
            defer { state.isOver = true }
            return state.isOver ? nil : state.ticket
        }
        guard let ticket else { return }
        stopListening()
        connection.forget(call: ticket)
        completion(result.hasError ? result.about(CallSubject(command, options?.timeout)) : result)
    }

    /// Nobody wants its result any more.
    func giveUp(_ error: IPCError) {
        let present = state.withLock { $0.present }
        if present == 0 { return end(Result(err: error.delivered(.notSent), source: command)) }
        connection.core.giveUp(present, error)
    }
}

extension ClientConnection {
    /// What the caller of a call knows it by that was not sent yet. No ticket of a link is such a number.
    func takeCallNumber() -> UInt64 {
        state.withLock { UInt64(UInt32(truncatingIfNeeded: $0.next())) << 32 | UInt64(UInt32.max) }
    }

    /// The call that its caller knows by this ticket is none of the present link's now.
    func remember(_ call: RepeatedCall, _ ticket: UInt64) { state.withLock { $0.calls[ticket] = call } }

    func forget(call ticket: UInt64) {
        // Dropped outside the lock.
        let call = state.withLock { $0.calls.removeValue(forKey: ticket) }
        withExtendedLifetime(call) {}
    }

    /// False: it is none of these calls.
    func giveUp(_ ticket: UInt64, _ error: IPCError) -> Bool {
        guard let call = state.withLock({ $0.calls[ticket] }) else { return false }
        call.giveUp(error)
        return true
    }

    /// Whether a request that came to this is to be sent again.
    func repeats(_ error: IPCError, on core: ObjectIdentifier, isIdempotent: Bool) -> Bool {
        guard policy != nil, let delivery = error.delivery, delivery != .unknown || isIdempotent else { return false }
        return state.withLock { state in
            switch state.phase {
            case .closed: false
            case .reconnecting: true
            // Nobody has noticed the link's end yet, or the link was replaced since then. What a host refuses that goes
            // on would be refused again.
            case .connected: delivery == .notSent || ObjectIdentifier(state.core) != core || state.core.link.isOver
            }
        }
    }
}
