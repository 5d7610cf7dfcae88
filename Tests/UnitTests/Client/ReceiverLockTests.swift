// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import OroIPC

/// One thread stands for all: what others do while one begins to sleep is done in what it looks at last before it does.
@Suite("Who receives for a client")
struct ReceiverLockTests {
    @Test("one at a time, and whoever unlocks it makes it free")
    func exclusive() {
        let lock = ReceiverLock()
        let (first, second) = (lock.tryTake(), lock.tryTake())
        let isWanted = lock.release()
        let third = lock.tryTake()
        #expect(first && !second && !isWanted && third)
    }

    @Test("the holder hears once, when it unlocks, that the link is to be armed")
    func wanted() {
        let lock = ReceiverLock()
        let nobody = lock.want()
        _ = lock.tryTake()
        let (asked, again, taken) = (lock.want(), lock.want(), lock.tryTake())
        let isWanted = lock.release()
        #expect(!nobody && asked && again && !taken && isWanted)
        _ = lock.tryTake()
        let isWantedLater = lock.release()
        #expect(!isWantedLater)
    }

    @Test("whoever finds the lock free does not sleep")
    func free() {
        let lock = ReceiverLock()
        let waiter = ThreadWaiter()
        var looked = 0
        lock.sleep(waiter, nanoseconds: 0) {
            looked += 1
            return true
        }
        #expect(looked == 0)
    }

    @Test("the lock is handed to the one that has waited longest, and to no other")
    func handedOver() {
        let lock = ReceiverLock()
        let waiters = (0..<3).map { _ in ThreadWaiter() }
        _ = lock.tryTake()
        asleep(waiters, lock) {
            let before = waiters.map(\.word.now)
            _ = lock.release()
            #expect(changed(waiters, since: before) == [true, false, false])
        }
    }

    @Test("one that was handed the lock and needs it no more hands it on, if nobody has it")
    func notNeeded() {
        let lock = ReceiverLock()
        let waiters = (0..<2).map { _ in ThreadWaiter() }
        lock.handOverIfFree()
        _ = lock.tryTake()
        asleep(waiters, lock) {
            var before = waiters.map(\.word.now)
            lock.handOverIfFree()
            #expect(changed(waiters, since: before) == [false, false], "somebody has it")
            _ = lock.release()
            before = waiters.map(\.word.now)
            lock.handOverIfFree()
            #expect(changed(waiters, since: before) == [true, false])
        }
    }

    @Test("all are told to look at their link")
    func all() {
        let lock = ReceiverLock()
        let waiters = (0..<3).map { _ in ThreadWaiter() }
        _ = lock.tryTake()
        asleep(waiters, lock) {
            let before = waiters.map(\.word.now)
            lock.wakeAll()
            #expect(changed(waiters, since: before) == [true, true, true])
        }
    }

    @Test("a thread that has ended in its sleep is passed nothing")
    func ended() {
        let lock = ReceiverLock()
        let waiters = (0..<2).map { _ in ThreadWaiter() }
        _ = lock.tryTake()
        asleep(waiters, lock) {
            let before = waiters.map(\.word.now)
            lock.forget(waiters[0])
            _ = lock.release()
            #expect(changed(waiters, since: before) == [false, true])
        }
    }

    private func changed(_ waiters: [ThreadWaiter], since before: [UInt32]) -> [Bool] {
        zip(waiters, before).map { $0.word.now != $1 }
    }

    /// Runs `body` while all of these have begun to sleep, one after the other.
    private func asleep(_ waiters: [ThreadWaiter], _ lock: borrowing ReceiverLock, _ body: () -> Void) {
        guard let first = waiters.first else { return body() }
        var ran = false
        lock.sleep(first, nanoseconds: 1) {
            asleep(Array(waiters.dropFirst()), lock, body)
            ran = true
            return true
        }
        #expect(ran)
    }
}
