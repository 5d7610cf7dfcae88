// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroLink
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

// The client's side of its background thread (``ClientReactor``).
extension ClientCore {
    /// Lets the background thread watch this link from now on.
    func attach() {
        if isAttached.load(ordering: .acquiring) || link.isForeign { return }
        background.withLock { background in
            guard background == nil, let reactor = try? ClientReactor.shared(options) else { return }
            attach(reactor, &background)
        }
    }

    /// The same with this reactor, unless there is one: one that a foreign event loop turns, or that of the client's
    /// last link. Before the first asynchronous call.
    func attach(to reactor: ClientReactor) {
        background.withLock { background in if background == nil { attach(reactor, &background) } }
    }

    private func attach(_ reactor: ClientReactor, _ background: inout ClientReactor?) {
        background = reactor
        // Released when this object goes.
        unsafe jobs.store(.passRetained(reactor.executor.jobs), ordering: .releasing)
        // Watched from the start: the reactor arms the link when it goes to sleep.
        isWatched.store(true, ordering: .sequentiallyConsistent)
        isAttached.store(true, ordering: .sequentiallyConsistent)
        reactor.attach(self)
    }

    func detach() {
        if link.isForeign { return }
        background.withLock { background in
            background?.detach(self)
        }
    }

    /// The jobs of the background thread, once there is one. Costs no counted reference.
    var jobsHere: ReactorJobs? {
        // SYNC: acquire: set once, and kept as long as this object.
        unsafe jobs.load(ordering: .acquiring)?.takeUnretainedValue()
    }

    /// What runs tasks on the background thread.
    func executor() throws(LinkError) -> ReactorExecutor {
        if link.isForeign { throw .forked }
        attach()
        guard let reactor = background.withLock({ $0 }) else {
            throw .system(call: "pthread_create", errno: EAGAIN)
        }
        return reactor.executor
    }

    /// For the background thread: reads, if nobody else does, and writes what waits. True when there was something.
    func pollInBackground() -> Bool {
        let hasPendingSocketEvents =
            pendingSocketEvents.load(ordering: .relaxed) != 0 || directs.hasPendingSocketEvents.load(ordering: .relaxed)
        guard needsWatch || hasPendingSocketEvents else { return false }
        guard let receiver = takeReceiver() else { return hasPendingSocketEvents }
        let heard = pendingSocketEvents.exchange(0, ordering: .relaxed)
        if heard != 0 {
            _ = receiver.releaseAsItIs()
            readSocketInBackground(processEnded: heard == 2)
            return true
        }
        let isAsked = directs.hasPendingSocketEvents.exchange(false, ordering: .relaxed)
        if isAsked { readDirectSockets(receiver) }
        var progressed = pollDirects(receiver)
        do throws(LinkError) {
            // The thread serves other clients too.
            let end = oro_ticks() &+ Turn.peerTicks
            if try receive(receiver, until: end) > 0 { progressed = true }
            if link.hasWaiting, try pumpWaiting() { progressed = true }
            if link.arena.isWanted, try link.arena.serve() { progressed = true }
        } catch {
            failAfterReading(receiver, error)
        }
        // What is wanted may lie behind more than one round of messages.
        if isAsked && progressed { directs.hasPendingSocketEvents.store(true, ordering: .relaxed) }
        _ = receiver.releaseAsItIs()
        return progressed || directs.hasPendingSocketEvents.load(ordering: .relaxed)
    }

    /// For the background thread before it sleeps: arms the link, or leaves that to the receiver. False when something
    /// is there.
    func armInBackground() -> Bool {
        isWatched.store(false, ordering: .sequentiallyConsistent)
        while true {
            guard let receiver = takeReceiver() else {
                if receiverLock.want() { return true }
                continue
            }
            let watching = needsWatch
            let quiet = !watching || armLink(receiver)
            unsafe receiver.state.pointee.isArmed = watching && quiet
            if !quiet { isWatched.store(true, ordering: .sequentiallyConsistent) }
            _ = receiver.releaseAsItIs()
            // SYNC: as in `endReceivingWatched`.
            if watching || !needsWatch { return quiet }
        }
    }

    /// Says this side sleeps. False, and not armed, when there is something after all.
    ///
    /// Apart, like ``disarmLink(_:)``: who receives for a moment seldom needs this.
    @inline(never)
    func armLink(_ receiver: borrowing Receiver) -> Bool {
        var quiet = false
        let wantsBlocks = link.arena.isWanted
        if link.hasWaiting {
            try? link.withSharedRing { (ring) throws(LinkError) in
                quiet = link.arm(room: true) && !link.hasSomething(orRoomIn: ring)
            }
        } else {
            quiet = link.arm(room: wantsBlocks) && !link.hasSomething()
        }
        if wantsBlocks && link.arena.hasReleases { quiet = false }
        if quiet { quiet = armDirects(receiver) }
        if !quiet { link.disarm() }
        return quiet
    }

    /// Nobody sleeps any more.
    @inline(never)
    func disarmLink(_ receiver: borrowing Receiver) {
        link.disarm()
        disarmDirects(receiver)
    }

    /// Somebody waits for a block: the link has to be looked at. Any thread.
    func serveBlocks() {
        if link.isForeign { return }
        attach()
        background.withLock { $0 }?.look(self)
    }

    /// Writes what waits for room in the shared ring. True when something was written.
    func pumpWaiting() throws(LinkError) -> Bool {
        var progressed = false
        var isThrough = false
        try link.withSharedRing { (ring) throws(LinkError) in
            progressed = try link.pump(ring)
            isThrough = !link.isBackedUp(ring)
        }
        if isThrough {
            roomForBodies()
            ports.roomCame()
        }
        return progressed
    }

    /// For the background thread: the socket has news, or the peer's process has ended.
    func readSocketInBackground(processEnded: Bool) {
        guard let receiver = takeReceiver() else {
            // The receiver may be about to end without a look at the socket, and an edge is told once.
            pendingSocketEvents.store(
                processEnded ? 2 : max(1, pendingSocketEvents.load(ordering: .relaxed)), ordering: .relaxed)
            return
        }
        do throws(LinkError) {
            link.noteSocketEvent(hasHungUp: true)
            try link.readSocket()
            if processEnded { throw .peerGone }
            if link.isOver { throw link.ending ?? .closed }
            // No edge tells of what is left for the next turn.
            if link.socketHasNews { pendingSocketEvents.store(1, ordering: .relaxed) }
        } catch {
            failAfterReading(receiver, error)
        }
        _ = receiver.releaseAsItIs()
    }
}
