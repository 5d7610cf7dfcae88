// SPDX-License-Identifier: Apache-2.0

import OroIPC
import OroLink

/// The thread on which a function of C's is called: a client's or a host's.
struct CallbackThread: Sendable {
    private let birth = ProcessBirth()
    private let schedule: @Sendable (@escaping @Sendable () -> Void) -> Void

    init(_ client: ClientHandle) {
        let deliveries = client.deliveries
        schedule = { deliveries.add($0) }
    }

    init(_ host: Host) {
        schedule = { [weak host] job in host?.onThread(job) }
    }

    /// It is a thread of the process that this one was forked from.
    var isForeign: Bool { birth.isForeign }

    /// Runs `job` there, soon.
    func run(_ job: @escaping @Sendable () -> Void) { schedule(job) }
}
