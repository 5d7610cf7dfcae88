// SPDX-License-Identifier: Apache-2.0

import OroIPC
import OroLink

/// Callbacks that are due, in the order they became so. Called by the client's thread; put here by any.
final class Deliveries: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        /// Somebody was told to call ``run()``.
        var isAnnounced = false
        /// Nobody will call it any more.
        var isClosed = false
    }

    private let state = Locked(State())
    private weak let client: Client?
    private let isTurned: Bool

    init(_ client: Client, isTurned: Bool) {
        self.client = client
        self.isTurned = isTurned
    }

    /// `job` is called by the client's thread, soon.
    func add(_ job: @escaping @Sendable () -> Void) {
        let isNews = state.withLock { state in
            if state.isClosed { return false }
            state.jobs.append(job)
            defer { state.isAnnounced = true }
            return !state.isAnnounced
        }
        // However many there are: one wake-up. A turned client runs them when its turn is over.
        if isNews { client?.onReceiver { [weak self, isTurned] in if !isTurned { self?.run() } } }
    }

    /// The client is going away: what is due is not called any more.
    func close() {
        let jobs = state.withLock { state in
            state.isClosed = true
            defer { state.jobs = [] }
            return state.jobs
        }
        // Dropped outside the lock: they may be the last to hold something.
        withExtendedLifetime(jobs) {}
    }

    /// Calls what is due now. What becomes due meanwhile is announced again.
    func run() {
        let jobs = state.withLock { state in
            state.isAnnounced = false
            defer { state.jobs = [] }
            return state.jobs
        }
        for job in jobs { job() }
    }
}
