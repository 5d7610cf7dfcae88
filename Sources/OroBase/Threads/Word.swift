// SPDX-License-Identifier: Apache-2.0

import CSupport
import Synchronization

/// A word threads of this process sleep on.
@usableFromInline package final class Word: Sendable {
    @usableFromInline package init() {}

    @usableFromInline let value = Atomic<UInt32>(0)
    private let sleepers = Atomic<UInt32>(0)

    @inlinable package var now: UInt32 { value.load(ordering: .sequentiallyConsistent) }

    /// Changes the word and wakes whoever sleeps on it. No system call when nobody does.
    @usableFromInline
    package func change() {
        value.add(1, ordering: .sequentiallyConsistent)
        // SYNC: sequentially consistent on both sides: either the sleeper is seen here, or it sees the change.
        if sleepers.load(ordering: .sequentiallyConsistent) > 0 { unsafe oro_futex_wake_value(address, 1) }
    }

    /// Sleeps until the word is not `seen` any more, or for about `nanoseconds` (0: no limit); may return early.
    @usableFromInline
    package func wait(while seen: UInt32, nanoseconds: UInt64) {
        sleepers.add(1, ordering: .sequentiallyConsistent)
        unsafe oro_futex_wait_value(address, seen, nanoseconds)
        sleepers.subtract(1, ordering: .relaxed)
    }

    private var address: UnsafeRawPointer {
        // The atomic is stored in place, and an object does not move.
        unsafe withUnsafePointer(to: value) { unsafe UnsafeRawPointer($0) }
    }
}
