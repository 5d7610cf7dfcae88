// SPDX-License-Identifier: Apache-2.0

import OroLink

// A client in a foreign event loop: no thread of ours, one descriptor to poll, one call to make.
extension Client {
    /// The client belongs to the process that this one was forked from.
    package var isForeign: Bool { core.link.isForeign }

    /// From now on asynchronous calls are served by ``turn()``, not by a thread of the library's. Before the first of
    /// them.
    package func beTurned() throws(LinkError) {
        core.attach(to: try ClientReactor.turned(core.options))
    }

    /// Readable when ``turn()`` has something to do. -1 when nobody serves asynchronous calls.
    package var descriptor: Int32 { core.link.isForeign ? -1 : core.background.withLock { $0 }?.descriptor ?? -1 }

    /// Reads what has come, writes what waits, keeps deadlines, for about a millisecond; does not wait. To be called
    /// once at first, when ``descriptor`` is readable, and after the nanoseconds it returns (`nil`: only when the
    /// descriptor says so; 0: at once, there is more to do); always on one thread.
    package func turn() -> UInt64? { core.link.isForeign ? nil : core.background.withLock { $0 }?.turn() ?? nil }

    /// The same for a loop that has nothing else to do: as ``Host/turn(spinning:)``.
    package func turn(spinning nanoseconds: UInt64) -> UInt64? {
        core.link.isForeign ? nil : core.background.withLock { $0 }?.turn(spinning: nanoseconds) ?? nil
    }

    /// Runs `job` on the thread that serves asynchronous calls: in the next turn, or on the library's thread.
    package func onReceiver(_ job: @escaping @Sendable () -> Void) {
        if core.link.isForeign { return }
        core.attach()
        core.background.withLock { $0 }?.submit(job)
    }

    /// Calls listeners of ``events`` by way of `run`, which runs what it is given once, soon, one at a time.
    package func callListeners(by run: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void) {
        connection.events.setScheduler(run)
    }

    /// Nobody turns it any more. Closed, and no thread in ``turn()``.
    package func endTurns() { if !core.link.isForeign { core.background.withLock { $0 }?.retire() } }
}
