// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The result of a handler that began on the host's thread: for the host, as long as that waits for it there, and from
/// then on for the handler's task to send.
// Sendable: `result` is written before `state` says that it is there, and read after that.
@safe final class ImmediateOutcome: @unchecked Sendable {
    private static let running: UInt8 = 0
    private static let finished: UInt8 = 1
    private static let left: UInt8 = 2

    private let state = Atomic<UInt8>(ImmediateOutcome.running)
    private var result: Result?

    /// The handler has come to its end. Returns false when the host no longer waits: then the task sends the result.
    func finish(_ result: Result) -> Bool {
        // SYNC: release: whoever sees `finished` sees the result.
        self.result = result
        return state.compareExchange(
            expected: ImmediateOutcome.running, desired: ImmediateOutcome.finished, ordering: .acquiringAndReleasing
        ).exchanged
    }

    /// The handler's task has given the host's thread back: the result, if there is one by now.
    func leave() -> Result? {
        // SYNC: acquire: see `finish`.
        let before = state.exchange(ImmediateOutcome.left, ordering: .acquiringAndReleasing)
        return before == ImmediateOutcome.finished ? result.take() : nil
    }
}
