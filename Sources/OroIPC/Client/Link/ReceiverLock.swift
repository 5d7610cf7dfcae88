// SPDX-License-Identifier: Apache-2.0

import OroLink
import Synchronization

/// Which thread receives for a client: one at a time, and it is taken only by trying. ``ClientCore/takeReceiver()``
/// does, and what it returns, a ``Receiver``, is the only way to what belongs to that thread.
///
/// Threads that wait for a result and are not the receiver sleep; the receiver hands the lock to one of them when it is
/// done.
struct ReceiverLock: ~Copyable {
    private static let free: UInt32 = 0
    private static let held: UInt32 = 1
    /// Held, and the background thread wants the link armed when it is unlocked.
    private static let heldAndWanted: UInt32 = 2

    private let state = Atomic<UInt32>(ReceiverLock.free)
    private let sleeping = Atomic<Int>(0)
    private let sleepers = Locked<[ThreadWaiter]>([])

    @inline(__always)
    func tryTake() -> Bool {
        state.compareExchange(
            expected: ReceiverLock.free, desired: ReceiverLock.held, successOrdering: .acquiring,
            failureOrdering: .relaxed
        ).exchanged
    }

    /// Unlocks. True: the background thread wants the link armed; lock again and do it.
    @inline(__always)
    func release() -> Bool {
        let before = state.exchange(ReceiverLock.free, ordering: .sequentiallyConsistent)
        if sleeping.load(ordering: .relaxed) > 0 { handOver() }
        return before == ReceiverLock.heldAndWanted
    }

    /// Asks the receiver to arm the link when it is done. False: there is none.
    func want() -> Bool {
        while true {
            let attempt = state.compareExchange(
                expected: ReceiverLock.held, desired: ReceiverLock.heldAndWanted, ordering: .sequentiallyConsistent)
            if attempt.exchanged || attempt.original == ReceiverLock.heldAndWanted { return true }
            if attempt.original == ReceiverLock.free { return false }
        }
    }

    /// For a thread that needs the lock no more but may be the one it was handed to.
    func handOverIfFree() {
        guard sleeping.load(ordering: .sequentiallyConsistent) > 0 else { return }
        if state.load(ordering: .sequentiallyConsistent) == ReceiverLock.free { handOver() }
    }

    private func handOver() {
        let next = sleepers.withLock { $0.first }
        next?.word.change()
    }

    /// Wakes every sleeping thread, to look at its link again.
    func wakeAll() {
        for waiter in sleepers.withLock({ $0 }) { waiter.word.change() }
    }

    /// The thread with this waiter has ended; maybe in ``sleep(_:nanoseconds:unless:)``.
    func forget(_ waiter: ThreadWaiter) {
        let wasSleeping = sleepers.withLock { sleepers in
            guard let index = sleepers.firstIndex(where: { $0 === waiter }) else { return false }
            sleepers.remove(at: index)
            return true
        }
        if wasSleeping { sleeping.subtract(1, ordering: .sequentiallyConsistent) }
    }

    /// Sleeps until `waiter` is told something, the lock may be free, or `nanoseconds` have passed.
    func sleep(_ waiter: ThreadWaiter, nanoseconds: UInt64, unless done: () -> Bool) {
        let seen = waiter.word.now
        sleepers.withLock { $0.append(waiter) }
        // SYNC: sequentially consistent, as is the exchange in `release`: either it sees this count, or we see it free.
        sleeping.add(1, ordering: .sequentiallyConsistent)
        if state.load(ordering: .sequentiallyConsistent) != ReceiverLock.free && !done() {
            waiter.word.wait(while: seen, nanoseconds: nanoseconds)
        }
        sleeping.subtract(1, ordering: .sequentiallyConsistent)
        sleepers.withLock { sleepers in
            if let index = sleepers.firstIndex(where: { $0 === waiter }) { sleepers.remove(at: index) }
        }
    }
}
