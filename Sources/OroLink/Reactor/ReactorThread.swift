// SPDX-License-Identifier: Apache-2.0

import CSupport
import Synchronization

/// Which thread a reactor runs on, and how it is woken; for everybody who hands it work.
@safe final class ReactorThread: Sendable {
    /// 0 until it runs.
    private let token = Atomic<UInt64>(0)
    private let asleep = Atomic<Bool>(false)
    private let wakeup: Descriptor

    init() throws(LinkError) {
        wakeup = try Descriptor(checking: oro_eventfd(), "eventfd")
    }

    /// Becomes readable when the reactor is to look around.
    var descriptor: Int32 { wakeup.number }

    /// The caller runs on it.
    var isCurrent: Bool { token.load(ordering: .relaxed) == oro_thread_token() }

    /// The calling thread is the reactor's from now on. False when it was before.
    func enter() -> Bool {
        let mine = oro_thread_token()
        if token.load(ordering: .relaxed) == mine { return false }
        token.store(mine, ordering: .relaxed)
        return true
    }

    /// The reactor is about to wait, and then looks once more for work.
    func fallAsleep() { asleep.store(true, ordering: .sequentiallyConsistent) }

    func awake() { asleep.store(false, ordering: .sequentiallyConsistent) }

    /// It waits, or is about to.
    var isAsleep: Bool { asleep.load(ordering: .relaxed) }

    /// Ends a wait. Any thread, after it has left its work where it is found.
    func wakeUp() {
        // SYNC: sequentially consistent on both sides, so that either the sleep is seen here, or the work there.
        if asleep.exchange(false, ordering: .sequentiallyConsistent) { oro_eventfd_signal(wakeup.number) }
    }
}
