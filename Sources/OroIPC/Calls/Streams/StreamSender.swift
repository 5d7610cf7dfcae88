// SPDX-License-Identifier: Apache-2.0

import DequeModule
import OroBase
import OroLink

/// The sending half of a stream: how many chunks it may send, and who waits for more. Used for the answer by the host,
/// for a request's body by the client.
final class StreamSender: Sendable {
    /// A stream with so many bytes that are not in the ring yet sends nothing more meanwhile.
    private static let mostUnwritten = 256 << 10
    /// A stream of which so many chunks may not have been read, and so many bytes, sends nothing more meanwhile,
    /// whatever credit it has: a window of many chunks is meant for short ones. Its receiver gives credit again at the
    /// latest when it has read half of both.
    static let fewUnread = 16
    static let mostUnread = 256 << 10

    private struct State {
        var credit = 0
        var unwritten = 0
        /// The lengths of the chunks that may not have been read, and their sum: bytes.
        var unread: Deque<Int> = []
        var unreadBytes = 0
        var closed: IPCError?
        var onClose: (@Sendable () -> Void)?
        var waiting: [UInt64: Waiter] = [:]
        var nextWaiting: UInt64 = 0

        func mayGoOn(_ outbox: StreamOutboxSize?) -> Bool {
            if closed != nil { return true }
            if credit == 0 { return false }
            if unread.count >= StreamSender.fewUnread && unreadBytes >= StreamSender.mostUnread { return false }
            // Whoever has nothing on its way may send one chunk, however much others have: it is woken by its own.
            return unwritten == 0 || (unwritten < mostUnwritten && outbox?.isFull != true)
        }

        /// Those who wait, if what they wait for is there.
        mutating func takeWaiting(_ outbox: StreamOutboxSize?) -> [UInt64: Waiter] {
            if waiting.isEmpty || !mayGoOn(outbox) { return [:] }
            defer { waiting = [:] }
            return waiting
        }

        /// Takes the credit for one chunk.
        mutating func reserve(_ outbox: StreamOutboxSize?) -> Bool {
            guard closed == nil, mayGoOn(outbox) else { return false }
            credit -= 1
            return true
        }

        mutating func queue(_ cost: Int, _ size: Int) {
            unwritten += cost
            unread.append(size)
            unreadBytes += size
        }

        /// The receiver has read so many chunks more.
        mutating func read(_ count: Int) {
            for _ in 0..<min(count, unread.count) { unreadBytes -= unread.removeFirst() }
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
            // It gives credit for what it has read. (The first is for nothing, and nothing was sent before.)
            state.read(credit.count)
            return state.takeWaiting(outbox)
        }
        guard let waiting else { return false }
        for task in waiting.values { task.resume() }
        return true
    }

    /// A chunk is on its way to the ring, of `cost` bytes there, and `size` bytes for whoever reads it.
    func queued(_ cost: Int, size: Int) {
        state.withLock { $0.queue(cost, size) }
        outbox?.change(by: cost)
    }

    /// Chunks of so many bytes are in the ring.
    func written(_ cost: Int) {
        let waiting = state.withLock { state in
            state.unwritten -= cost
            return state.takeWaiting(outbox)
        }
        for task in waiting.values { task.resume() }
    }

    /// A chunk that was ``queued(_:size:)`` is not sent.
    func unsent(_ cost: Int) {
        state.withLock { state in if let size = state.unread.popLast() { state.unreadBytes -= size } }
        written(cost)
    }

    /// Nothing more is to be sent: every ``reserve()`` throws `error`. Only the first reason counts.
    func close(_ error: IPCError) {
        let (waiting, onClose) = state.withLock { state -> ([UInt64: Waiter], (@Sendable () -> Void)?) in
            if state.closed != nil { return ([:], nil) }
            state.closed = error
            defer { state.onClose = nil }
            return (state.takeWaiting(outbox), state.onClose)
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
        let (isDone, closed) = state.withLock { state in (state.reserve(outbox), state.closed) }
        if let closed { throw closed }
        return isDone
    }

    /// The same for a chunk that is on its way to the ring then, as after ``queued(_:size:)`` with its cost for both.
    func tryQueue(_ cost: Int) throws(IPCError) -> Bool {
        let (isDone, closed) = state.withLock { state in
            guard state.reserve(outbox) else { return (false, state.closed) }
            state.queue(cost, cost)
            return (true, nil as IPCError?)
        }
        if let closed { throw closed }
        if isDone { outbox?.change(by: cost) }
        return isDone
    }

    /// The chunk that credit was taken for is not sent.
    func giveBack() {
        let waiting = state.withLock { state in
            state.credit = min(state.credit + 1, Credit.most)
            return state.takeWaiting(outbox)
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
    nonisolated(nonsending) func reserve() async throws(IPCError) {
        while try !tryReserve() {
            if Task.isCancelled { throw .abort() }
            await wait()
        }
    }

    /// The same as ``tryQueue(_:)``, waiting.
    nonisolated(nonsending) func queue(_ cost: Int) async throws(IPCError) {
        while try !tryQueue(cost) {
            if Task.isCancelled { throw .abort() }
            await wait()
        }
    }

    private nonisolated(nonsending) func wait() async {
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
