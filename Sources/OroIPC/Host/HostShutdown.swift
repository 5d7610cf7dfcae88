// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame
import OroLink

/// A host on its way to its end.
struct HostShutdown {
    let reason: String
    /// When whoever is still at work is not waited for any longer (`oro_now`).
    var deadline: UInt64
    /// When to look again whether they are done.
    var nextLook: UInt64
    /// Who waits for the end.
    var waiting: [@Sendable () -> Void]

    /// Nanoseconds between two looks. Only while handlers are at work after all others are done.
    static let pause: UInt64 = 1_000_000
}

extension Host {
    /// Shuts down in order, and returns when the host has stopped.
    ///
    /// 1. At once: its name is free, new clients are refused, new requests get a `NetworkError` whose
    ///    ``IPCError/delivery`` is ``IPCError/Delivery/refused``; commands without a result are still taken. Clients
    ///    that come back (``ReconnectPolicy``) are told, and go to the host that takes the name next.
    /// 2. What handlers are at work on is finished, streams included, and reaches its client; for `deadline` at most.
    /// 3. Each client that nothing is at work for any more is told: its link ends with `LinkError.goodbye`, which says
    ///    `reason`, and what still waits there fails with that.
    /// 4. The host stops. Handlers that are still at work are cancelled.
    ///
    /// Cancelling the task brings the deadline to now. Another call waits with the first; the shorter deadline counts.
    ///
    /// Work that goes on for ever, such as a stream without an end, takes all of the deadline: it may watch for the end
    /// of the program by itself.
    public func shutdown(within deadline: Duration = .seconds(30), reason: String = "the host has shut down") async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                core.shutDown(reason, within: deadline.nanoseconds) { continuation.resume() }
            }
        } onCancel: {
            core.shutDown(reason, within: 0) {}
        }
        stop()
    }

    /// The same for a thread, which it blocks. Not on the host's own.
    public func shutdownSync(within deadline: Duration = .seconds(30), reason: String = "the host has shut down") {
        precondition(!core.reactor.isReactorThread, "the host's own thread cannot wait for itself")
        let word = Word()
        let seen = word.now
        core.shutDown(reason, within: deadline.nanoseconds) { word.change() }
        while word.now == seen { word.wait(while: seen, nanoseconds: 0) }
        stop()
    }
}

extension HostCore {
    /// Begins to shut down; `done` is called once, when nobody is connected any more. Any thread.
    func shutDown(_ reason: String, within nanoseconds: UInt64, _ done: @escaping @Sendable () -> Void) {
        // Nobody serves: nobody is connected either.
        guard isServing.load(ordering: .relaxed), !reactor.isForeign else { return done() }
        let isTaken = reactor.submit { [self] in
            let now = oro_now()
            if let deadline = shutdown?.deadline {
                // Whoever comes second waits with the first, and no longer than it said itself.
                shutdown?.deadline = min(deadline, now + nanoseconds)
                shutdown?.waiting.append(done)
                shutdown?.nextLook = now
                return goOnShuttingDown(now)
            }
            stopListening()
            acceptor.dropAll()
            router.refuseAll(IPCError.network("the host is shutting down").delivered(.refused))
            for host in links.values { host.sayDrain() }
            shutdown = HostShutdown(reason: reason, deadline: now + nanoseconds, nextLook: now, waiting: [done])
            goOnShuttingDown(now)
        }
        if !isTaken { done() }
    }

    /// Ends the links that nothing is at work for any more, or all of them after the deadline.
    func goOnShuttingDown(_ now: UInt64) {
        guard let shutdown, now >= shutdown.nextLook else { return }
        for host in Array(links.values) where host.isQuiet || now >= shutdown.deadline {
            host.sayGoodbye(shutdown.reason)
            end(host, .closed)
        }
        if links.isEmpty {
            self.shutdown?.nextLook = .max
            self.shutdown?.waiting = []
            for done in shutdown.waiting { done() }
        } else {
            self.shutdown?.nextLook = now + HostShutdown.pause
        }
    }
}

extension HostLink {
    /// No handler is at work for this client, and all that was sent to it is in its ring.
    var isQuiet: Bool { running.isEmpty && streams.outbox.isEmpty && !link.isBackedUp(0) }
}
