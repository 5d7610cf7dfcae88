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
            case .late: return tooLate(limit.isTimeout, .sendSync, command)
            }
            let options = left(options, since: start)
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
                return tooLate(limit.isTimeout, verb, command)
            }
            if case .closed = state { return result }
            let core = self.core
            id = ObjectIdentifier(core)
            result = await core.call(
                command, value, bytes, left(options, since: start), verb: verb, encoded: encoded)
        }
        return result
    }

    fileprivate func tooLate(_ isTimeout: Bool, _ verb: CallVerb, _ command: String) -> Result {
        let error = isTimeout ? IPCError.timedOut(verb).delivered(.notSent) : connection.noLink
        return Result(err: error, source: command)
    }

    /// The options with what is left of their timeout.
    fileprivate func left(_ options: CallOptions?, since start: UInt64) -> CallOptions? {
        guard var options, let timeout = options.timeout else { return options }
        options.timeout = timeout - .nanoseconds(Int64(clamping: oro_now() - start))
        return options
    }
}

extension ClientConnection {
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
        let number = wait(LinkWaiter { word.change() })
        let token = signal?.listen { _ in word.change() }
        defer {
            if let token { signal?.unlisten(token) }
            if let number { stopWaiting(number) }
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
        if case .closed = clientState { return .closed }
        return .connected
    }

    /// The same for a task. False: the time has passed, the signal was aborted or the task cancelled before that.
    func wait(until limit: UInt64, _ signal: AbortSignal? = nil) async -> Bool {
        guard let reactor = try? ClientReactor.shared(options) else { return false }
        let outcome = Locked(false)
        let gate = TaskGate()
        let number = wait(
            LinkWaiter {
                outcome.withLock { $0 = true }
                gate.open()
            })
        guard let number else {
            // Somebody is about to notice that the link is over.
            await Task.yield()
            return oro_now() < limit
        }
        reactor.run(at: limit) { gate.open() }
        let token = signal?.listen { _ in gate.open() }
        await withTaskCancellationHandler {
            await gate.wait()
        } onCancel: {
            gate.open()
        }
        if let token { signal?.unlisten(token) }
        let isThere = outcome.withLock { $0 }
        stopWaiting(number)
        return isThere
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
    private let client: Client
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
        /// What the link it was sent on last knows it by; 0: none.
        var present: UInt64 = 0
        var isOver = false
    }

    init(
        _ client: Client, _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?,
        _ encoded: EncodedValue?, _ completion: @escaping @Sendable (Result) -> Void
    ) {
        self.client = client
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
        let core = client.core
        let id = ObjectIdentifier(core)
        do throws(IPCError) {
            let ticket = try core.call(
                command, value, bytes, client.left(options, since: start), encoded: encoded
            ) { [self] result in finish(result, id) }
            state.withLock { state in
                state.present = ticket
                if state.ticket == 0 { state.ticket = ticket }
            }
        } catch {
            finish(Result(err: error, source: command), id)
        }
    }

    /// What a link made of it.
    private func finish(_ result: Result, _ core: ObjectIdentifier) {
        guard result.hasError, let error = result.err,
            client.connection.repeats(error, on: core, isIdempotent: options?.isIdempotent == true),
            let reactor = try? ClientReactor.shared(client.connection.options)
        else { return end(result) }
        let connection = client.connection
        let ticket = state.withLock { state -> UInt64 in
            state.present = 0
            if state.ticket == 0 { state.ticket = connection.takeCallNumber() }
            return state.ticket
        }
        connection.remember(self, ticket)
        let limit = connection.limit(options?.timeout, since: start)
        // Not here: the caller may be the receiver.
        let number = connection.wait(LinkWaiter { reactor.run(at: 0) { [self] in goOn(result) } })
        guard let number else { return }
        reactor.run(at: limit.time) { [self] in
            if connection.forget(waiting: number) { end(client.tooLate(limit.isTimeout, .request, command)) }
        }
        guard let signal = options?.signal else { return }
        _ = signal.listen { [weak self] _ in
            guard let self, connection.forget(waiting: number) else { return }
            self.end(Result(err: .abort(signal).delivered(.notSent), source: self.command))
        }
    }

    private func goOn(_ result: Result) {
        if state.withLock({ $0.isOver }) { return }
        if case .closed = client.state { return end(result) }
        send()
    }

    private func end(_ result: Result) {
        let ticket = state.withLock { state -> UInt64? in
            defer { state.isOver = true }
            return state.isOver ? nil : state.ticket
        }
        guard let ticket else { return }
        client.connection.forget(call: ticket)
        completion(result)
    }

    /// Nobody wants its result any more.
    func giveUp(_ error: IPCError) {
        let present = state.withLock { $0.present }
        if present == 0 { return end(Result(err: error.delivered(.notSent), source: command)) }
        client.core.giveUp(present, error)
    }
}
