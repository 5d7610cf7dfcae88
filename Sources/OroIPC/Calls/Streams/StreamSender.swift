// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroLink

/// The sending half of a stream: how many chunks it may send, and who waits for more. Used for the answer by the host,
/// for a request's body by the client.
final class StreamSender: Sendable {
    /// A stream with so many bytes that are not in the ring yet sends nothing more meanwhile.
    private static let mostUnwritten = 256 << 10

    private struct State {
        var credit = 0
        var unwritten = 0
        var closed: IPCError?
        var onClose: (@Sendable () -> Void)?
        var waiting: [UInt64: Waiter] = [:]
        var nextWaiting: UInt64 = 0

        func mayGoOn(_ outbox: StreamOutboxSize?) -> Bool {
            if closed != nil { return true }
            if credit == 0 { return false }
            // Whoever has nothing on its way may send one chunk, however much others have: it is woken by its own.
            return unwritten == 0 || (unwritten < mostUnwritten && outbox?.isFull != true)
        }

        mutating func takeWaiting() -> [UInt64: Waiter] {
            defer { waiting = [:] }
            return waiting
        }
    }

    private let state = Locked(State())
    /// What waits of all streams of the client; `nil`: this one is the client's.
    private let outbox: StreamOutboxSize?

    init(_ outbox: StreamOutboxSize? = nil) { self.outbox = outbox }

    /// The receiver takes more chunks. False: with what it has, more than any receiver can mean (``Credit/most``).
    func grant(_ credit: Credit) -> Bool {
        let waiting = state.withLock { state -> [UInt64: Waiter]? in
            guard state.credit + credit.count <= Credit.most else { return nil }
            state.credit += credit.count
            return state.takeWaiting()
        }
        guard let waiting else { return false }
        for task in waiting.values { task.resume() }
        return true
    }

    /// A chunk of so many bytes is on its way to the ring.
    func queued(_ bytes: Int) {
        state.withLock { $0.unwritten += bytes }
        outbox?.change(by: bytes)
    }

    /// It is in the ring.
    func written(_ bytes: Int) {
        let waiting = state.withLock { state in
            state.unwritten -= bytes
            return state.takeWaiting()
        }
        for task in waiting.values { task.resume() }
    }

    /// Nothing more is to be sent: every ``reserve()`` throws `error`. Only the first reason counts.
    func close(_ error: IPCError) {
        let (waiting, onClose) = state.withLock { state -> ([UInt64: Waiter], (@Sendable () -> Void)?) in
            if state.closed != nil { return ([:], nil) }
            state.closed = error
            defer { state.onClose = nil }
            return (state.takeWaiting(), state.onClose)
        }
        for task in waiting.values { task.resume() }
        onClose?()
    }

    /// Why nothing more is to be sent; `nil` while something may.
    var closed: IPCError? { state.withLock { $0.closed } }

    /// Calls `action` when it is closed; at once when it is.
    func onClose(_ action: @escaping @Sendable () -> Void) {
        let isClosed = state.withLock { state in
            if state.closed == nil { state.onClose = action }
            return state.closed != nil
        }
        if isClosed { action() }
    }

    /// ``tryReserve()`` is worth a try.
    var mayGoOn: Bool { state.withLock { $0.mayGoOn(outbox) } }

    /// Takes the credit for one chunk, if there is some, and room. Throws why it was closed.
    func tryReserve() throws(IPCError) -> Bool {
        let (isDone, closed) = state.withLock { state in
            if state.closed == nil, state.mayGoOn(outbox) {
                state.credit -= 1
                return (true, nil as IPCError?)
            }
            return (false, state.closed)
        }
        if let closed { throw closed }
        return isDone
    }

    /// The chunk that credit was taken for is not sent.
    func giveBack() {
        let waiting = state.withLock { state in
            state.credit = min(state.credit + 1, Credit.most)
            return state.takeWaiting()
        }
        for waiter in waiting.values { waiter.resume() }
    }

    /// Calls `action` once when ``tryReserve()`` is worth another try, or it is closed. False: it is now.
    func whenRoom(_ action: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            if state.mayGoOn(outbox) { return false }
            state.nextWaiting += 1
            state.waiting[state.nextWaiting] = .callback(action)
            return true
        }
    }

    /// Takes the credit for one chunk; waits for it, and for room. Throws why it was closed, or an `AbortError` in a
    /// task that is cancelled.
    func reserve() async throws(IPCError) {
        while true {
            if try tryReserve() { return }
            if Task.isCancelled { throw .abort() }
            await wait()
        }
    }

    private func wait() async {
        let number = state.withLock { state in
            state.nextWaiting += 1
            return state.nextWaiting
        }
        await withTaskCancellationHandler {
            await SuspendedTask.suspend { task in
                state.withLock { state in
                    // Looked at with the lock: whoever cancels wakes with it, before or after this.
                    if state.mayGoOn(outbox) || Task.isCancelled { return false }
                    state.waiting[number] = .task(task)
                    return true
                }
            }
        } onCancel: {
            wake(number)
        }
    }

    private func wake(_ number: UInt64) {
        state.withLock { $0.waiting.removeValue(forKey: number) }?.resume()
    }
}
