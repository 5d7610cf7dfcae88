// SPDX-License-Identifier: Apache-2.0

import OroLink

/// A thread that waits for one value.
@usableFromInline package final class ThreadWaiterFor<T: Sendable>: Sendable {
    @inlinable package init() {}

    @usableFromInline let value = Locked<T?>(nil)
    @usableFromInline let word = Word()

    @inlinable package func put(_ value: T) {
        self.value.withLock { $0 = value }
        word.change()
    }

    @inlinable package func take() -> T {
        while true {
            let seen = word.now
            if let value = value.withLock({ $0 }) { return value }
            word.wait(while: seen, nanoseconds: 0)
        }
    }
}
