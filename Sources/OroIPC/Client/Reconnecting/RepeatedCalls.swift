// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
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
            .about(CallSubject(command, options?.timeout))
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
        let last = await callAgain(
            result, ObjectIdentifier(core), command, value, bytes, options, encoded, start, verb)
        return last.about(CallSubject(command, options?.timeout))
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
    func since(_ start: UInt64) -> CallOptions {
        guard let timeout else { return self }
        var options = self
        options.timeout = timeout - .nanoseconds(Int64(clamping: oro_now() - start))
        return options
    }
}

extension ClientConnection {
    /// What a call came to for which there was no link in time.
    func tooLate(_ isTimeout: Bool, _ verb: CallVerb, _ command: String) -> Result {
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
