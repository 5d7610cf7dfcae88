// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroFrame
import OroLink

// Calls that are sent again when the link that was to carry them is gone: see ``ReconnectPolicy``.

extension Result {
    /// An error came, or was made here. Decodes nothing.
    @inline(__always)
    var hasError: Bool {
        guard let content else { return false }
        if let frame = content.frame { return frame.header.flags.contains(.failed) }
        return content.known.error != nil
    }
}

extension Client {
    /// A call that blocks its thread.
    @inline(__always)
    func callSync(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, encoded: EncodedValue? = nil
    ) -> Result {
        let start = options?.timeout == nil ? 0 : oro_now()
        let (result, core) = connection.withCore { core in
            (core.callSync(command, value, bytes, options, encoded: encoded), ObjectIdentifier(core))
        }
        if !result.hasError { return result }
        return repeatSync(result, core, command, value, bytes, options, encoded, start)
    }

    @inline(never)
    private func repeatSync(
        _ first: Result, _ core: ObjectIdentifier, _ command: String, _ value: Value?, _ bytes: Bytes?,
        _ options: CallOptions?, _ encoded: EncodedValue?, _ start: UInt64
    ) -> Result {
        var (result, core) = (first, core)
        let limit = connection.limit(options?.timeout, since: start)
        while let error = result.err, connection.repeats(error, on: core, isIdempotent: options?.isIdempotent == true) {
            switch connection.waitSync(until: limit.time, options?.signal) {
            case .connected: break
            case .closed: return result
            case .aborted(let reason): return Result(err: .abort(reason).delivered(.notSent), source: command)
            case .late: return connection.tooLate(limit.isTimeout, .sendSync, command)
            }
            let options = options?.since(start)
            (result, core) = connection.withCore { core in
                (core.callSync(command, value, bytes, options, encoded: encoded), ObjectIdentifier(core))
            }
        }
        return result
    }

    /// A call that suspends its task.
    func call(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, verb: CallVerb,
        encoded: EncodedValue? = nil
    ) async -> Result {
        let start = options?.timeout == nil ? 0 : oro_now()
        let hasExtras = CallExtras.areWanted(options)
        // The answer mostly comes before this task would be suspended: then nobody has to keep the core.
        let (polled, kept) = connection.withCore { core -> (ClientCore.Polled, ClientCore?) in
            if hasExtras { return (.notNow, core) }
            let polled = core.callPolling(command, value, bytes, options, encoded, verb)
            if case .done(let result) = polled, !result.hasError { return (polled, nil) }
            return (polled, core)
        }
        if case .done(let result) = polled, kept == nil { return result }
        let core = kept ?? self.core
        let result: Result
        if hasExtras {
            result = await core.call(command, value, bytes, options, verb: verb, encoded: encoded)
        } else {
            result = await core.goOn(polled, command, value, bytes, options, verb: verb, encoded: encoded)
        }
        if !result.hasError { return result }
        return await callAgain(
            result, ObjectIdentifier(core), command, value, bytes, options, encoded, start, verb)
    }

    @inline(never)
    private func callAgain(
        _ first: Result, _ core: ObjectIdentifier, _ command: String, _ value: Value?, _ bytes: Bytes?,
        _ options: CallOptions?, _ encoded: EncodedValue?, _ start: UInt64, _ verb: CallVerb
    ) async -> Result {
        var (result, id) = (first, core)
        let limit = connection.limit(options?.timeout, since: start)
        while let error = result.err, connection.repeats(error, on: id, isIdempotent: options?.isIdempotent == true) {
            if Task.isCancelled { return result }
            guard await connection.wait(until: limit.time, options?.signal) else {
                if let signal = options?.signal, signal.isAborted {
                    return Result(err: .abort(signal).delivered(.notSent), source: command)
                }
                if Task.isCancelled { return Result(err: .abort().delivered(.notSent), source: command) }
                return connection.tooLate(limit.isTimeout, verb, command)
            }
            if case .closed = state { return result }
            let core = self.core
            id = ObjectIdentifier(core)
            result = await core.call(
                command, value, bytes, options?.since(start), verb: verb, encoded: encoded)
        }
        return result
    }
}

extension CallOptions {
    /// With what is left of the timeout of a call that began at `start` (`oro_now`).
    fileprivate func since(_ start: UInt64) -> CallOptions {
        guard let timeout else { return self }
        var options = self
        options.timeout = timeout - .nanoseconds(Int64(clamping: oro_now() - start))
        return options
    }
}

extension ClientConnection {
    /// What a call came to for which there was no link in time.
    fileprivate func tooLate(_ isTimeout: Bool, _ verb: CallVerb, _ command: String) -> Result {
        Result(err: isTimeout ? IPCError.timedOut(verb).delivered(.notSent) : noLink, source: command)
    }

    enum Waited {
        case connected
        case closed
        case aborted(AbortSignal)
        case late
    }

    /// Blocks the calling thread until there is a link, or one of the other things has come.
    func waitSync(until limit: UInt64, _ signal: AbortSignal?) -> Waited {
        let word = Word()
        let seen = word.now
        let isLate = Locked(false)
        let number = wait(
            LinkWaiter(until: limit) { late in
                isLate.withLock { $0 = late }
                word.change()
            })
        let token = signal?.listen { _ in word.change() }
        defer {
            if let token { signal?.unlisten(token) }
            if let number { forget(waiting: number) }
        }
        if number == nil {
            // Somebody is about to notice that the link is over.
            oro_yield()
            if oro_now() >= limit { return .late }
        }
        while word.now == seen {
            let now = oro_now()
            if now >= limit { return .late }
            word.wait(while: seen, nanoseconds: limit - now)
        }
        if let signal, signal.isAborted { return .aborted(signal) }
        if isLate.withLock({ $0 }) { return .late }
        if case .closed = clientState { return .closed }
        return .connected
    }

    /// The same for a task. False: the time has passed, the signal was aborted or the task cancelled before that.
    func wait(until limit: UInt64, _ signal: AbortSignal? = nil) async -> Bool {
        let isThere = Locked(false)
        let gate = TaskGate()
        let number = wait(
            LinkWaiter(until: limit) { isLate in
                isThere.withLock { $0 = !isLate }
                gate.open()
            })
        guard let number else {
            // Somebody is about to notice that the link is over.
            await Task.yield()
            return oro_now() < limit
        }
        let token = signal?.listen { _ in gate.open() }
        await withTaskCancellationHandler {
            await gate.wait()
        } onCancel: {
            gate.open()
        }
        if let token { signal?.unlisten(token) }
        forget(waiting: number)
        return isThere.withLock { $0 }
    }
}

/// Lets one task wait for the first of several things.
private final class TaskGate: Sendable {
    private enum State {
        case closed
        case awaited(CheckedContinuation<Void, Never>)
        case open
    }

    private let state = Locked(State.closed)

    func open() {
        let continuation = state.withLock { state -> CheckedContinuation<Void, Never>? in
            defer { state = .open }
            if case .awaited(let continuation) = state { return continuation }
            return nil
        }
        continuation?.resume()
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if case .open = state { return true }
                state = .awaited(continuation)
                return false
            }
            if isOpen { continuation.resume() }
        }
    }
}

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
        completion(result)
    }

    /// Nobody wants its result any more.
    func giveUp(_ error: IPCError) {
        let present = state.withLock { $0.present }
        if present == 0 { return end(Result(err: error.delivered(.notSent), source: command)) }
        connection.core.giveUp(present, error)
    }
}
