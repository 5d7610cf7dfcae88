// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Counts payload bytes that the engine copies in user space. One thread at a time adds, any may look.
struct CopyCount: ~Copyable {
    private let count = Atomic<Int>(0)

    /// Without a locked instruction.
    @inline(__always)
    borrowing func note(_ bytes: Int) {
        count.store(count.load(ordering: .relaxed) &+ bytes, ordering: .relaxed)
    }

    var bytes: Int { count.load(ordering: .relaxed) }
}
