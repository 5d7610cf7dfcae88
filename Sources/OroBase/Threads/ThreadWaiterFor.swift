// SPDX-License-Identifier: Apache-2.0

import OroLink

/// A thread that waits for one value.
final class ThreadWaiterFor<T: Sendable>: Sendable {
    private let value = Locked<T?>(nil)
    private let word = Word()

    func put(_ value: T) {
        self.value.withLock { $0 = value }
        word.change()
    }

    func take() -> T {
        while true {
            let seen = word.now
            if let value = value.withLock({ $0 }) { return value }
            word.wait(while: seen, nanoseconds: 0)
        }
    }
}
