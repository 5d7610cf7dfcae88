// SPDX-License-Identifier: Apache-2.0

import OroLink
import Synchronization

/// Who receives for a client: one thread at a time, taken only by trying.
///
/// Threads that wait for a result and do not have the role sleep; who gives the role up passes it to one of them.
struct RoleLock: ~Copyable {
    private static let free: UInt32 = 0
    private static let held: UInt32 = 1
    /// Held, and the background thread wants the link armed when it is given up.
    private static let heldAndWanted: UInt32 = 2

    private let state = Atomic<UInt32>(RoleLock.free)
    private let sleeping = Atomic<Int>(0)
    private let sleepers = Locked<[ThreadWaiter]>([])

    @inline(__always)
    func tryTake() -> Bool {
        state.compareExchange(
            expected: RoleLock.free, desired: RoleLock.held, successOrdering: .acquiring, failureOrdering: .relaxed
        ).exchanged
    }

    /// Gives the role up. True: the background thread wants the link armed; take the role again and do it.
    @inline(__always)
    func release() -> Bool {
        let before = state.exchange(RoleLock.free, ordering: .sequentiallyConsistent)
        if sleeping.load(ordering: .relaxed) > 0 { passOn() }
        return before == RoleLock.heldAndWanted
    }

    /// Asks the holder to arm when it gives up. False: there is no holder.
    func want() -> Bool {
        while true {
            let attempt = state.compareExchange(
                expected: RoleLock.held, desired: RoleLock.heldAndWanted, ordering: .sequentiallyConsistent)
            if attempt.exchanged || attempt.original == RoleLock.heldAndWanted { return true }
            if attempt.original == RoleLock.free { return false }
        }
    }

    /// For a thread that needs the role no more but may be the one it was passed to.
    func passOnIfFree() {
        guard sleeping.load(ordering: .sequentiallyConsistent) > 0 else { return }
        if state.load(ordering: .sequentiallyConsistent) == RoleLock.free { passOn() }
    }

    private func passOn() {
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

    /// Sleeps until `waiter` is told something, the role may be free, or `nanoseconds` have passed.
    func sleep(_ waiter: ThreadWaiter, nanoseconds: UInt64, unless done: () -> Bool) {
        let seen = waiter.word.now
        sleepers.withLock { $0.append(waiter) }
        // SYNC: sequentially consistent, as is the exchange in `release`: either it sees this count, or we see it free.
        sleeping.add(1, ordering: .sequentiallyConsistent)
        if state.load(ordering: .sequentiallyConsistent) != RoleLock.free && !done() {
            waiter.word.wait(while: seen, nanoseconds: nanoseconds)
        }
        sleeping.subtract(1, ordering: .sequentiallyConsistent)
        sleepers.withLock { sleepers in
            if let index = sleepers.firstIndex(where: { $0 === waiter }) { sleepers.remove(at: index) }
        }
    }
}
