import OroLink

// A client in a foreign event loop: no thread of ours, one descriptor to poll, one call to make.
extension Client {
    /// From now on asynchronous calls are served by ``turn()``, not by a thread of the library's. Before the first of them.
    package func beTurned() throws(LinkError) {
        core.attach(turned: try ClientReactor.turned(core.options))
    }

    /// Readable when ``turn()`` has something to do. -1 when nobody serves asynchronous calls.
    package var descriptor: Int32 { core.background.withLock { $0 }?.descriptor ?? -1 }

    /// Reads what has come, writes what waits, keeps deadlines; does not wait. To be called once at first, when
    /// ``descriptor`` is readable, and after the nanoseconds it answers (`nil`: only when the descriptor says so); always on
    /// one thread.
    package func turn() -> UInt64? { core.background.withLock { $0 }?.turn() ?? nil }

    /// Runs `job` on the thread that serves asynchronous calls: in the next turn, or on the library's thread.
    package func onReceiver(_ job: @escaping @Sendable () -> Void) {
        core.attach()
        core.background.withLock { $0 }?.submit(job)
    }

    /// Nobody turns it any more. Closed, and no thread in ``turn()``.
    package func endTurns() { core.background.withLock { $0 }?.retire() }
}
