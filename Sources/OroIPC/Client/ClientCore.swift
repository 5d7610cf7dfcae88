// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroFrame
import OroLink
import OroPorts
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The client behind ``Client``: sends requests from any thread or task and finds the waiter for each result.
///
/// A thread that waits becomes the *receiver* when there is none and reads for everybody; no thread is switched for a
/// result. Asynchronous calls try that for a moment too, and then leave it to a background thread.
// Sendable: `rings[i]` belongs to the owner of ring i (`Link.withRing`); `receiverStorage`, `copiedIn` and the
// receiving half of `link` belong to whoever has the `Receiver`; the rest is atomic or in a mutex.
@safe final class ClientCore: @unchecked Sendable {
    let link: Link
    let options: ClientOptions
    let start: UInt64
    let receiverLock = ReceiverLock()
    let pending: Locked<PendingTable>
    /// The ports of this client, and how they reach the host.
    let ports: PortNode
    /// Its links with other clients of the host.
    let directs = DirectLinks()
    let portRoute = ClientPortRoute()
    let nextSeq: Atomic<UInt64>
    /// Callers have chosen seqs of their own: the next own one may be taken.
    let hasChosenSeqs = Atomic<Bool>(false)
    /// The client connects again when the link ends.
    let comesBack: Bool
    /// Number of the link among those of the client.
    let linkNumber: UInt8
    /// The seq of the call by `send` that polls for its result, and is not in the table of those that wait; 0: there is
    /// none.
    let pollingSeq = Atomic<UInt64>(0)
    let late = Atomic<Int>(0)
    /// Threads that tell everything that waits of the link's end.
    let failing = Atomic<Int>(0)
    /// Called once when the link is over, and all that waited has been told.
    private let atEnd = Locked<(@Sendable (LinkError) -> Void)?>(nil)
    /// The host takes no requests any more, and finishes those it has.
    let isDraining = Atomic<Bool>(false)
    /// Told when it begins to.
    let atDrain = Locked<(@Sendable () -> Void)?>(nil)
    /// Results of calls that may use an earlier one.
    let cache: Locked<ResultCache>
    /// What the host said it is, once it was asked.
    let primordials = Locked<Value?>(nil)
    let rings: UnsafeMutablePointer<RingState>

    let receiverStorage: ReceiverStorage
    /// Payloads copied out of rings. The receiver counts.
    let copiedIn = CopyCount()
    let wakeup: Descriptor

    /// The background thread, once an asynchronous call needed it.
    let background = Locked<ClientReactor?>(nil)
    let isAttached = Atomic<Bool>(false)
    /// Its jobs; see `jobsHere`.
    let jobs = unsafe Atomic<Unmanaged<ReactorJobs>?>(nil)
    /// News of the socket (1) or the end of the process (2) that the background thread could not look at yet.
    let pendingSocketEvents = Atomic<Int>(0)
    /// The background thread looks at this link in every turn, so nobody need arm it.
    let isWatched = Atomic<Bool>(false)
    /// Chunks of bodies that wait for room in the shared ring, with the bytes they count for.
    let waitingChunks = Locked<[(sender: StreamSender, cost: Int)]>([])
    /// The background thread looks at the deadlines of this client's calls.
    let hasDeadlines = Atomic<Bool>(false)
    /// Tasks that are suspended until their results are there, and streams whose end has not come.
    let suspended = Atomic<Int>(0)

    /// Who hears what the host tells without being asked.
    let events: EventDispatcher
    /// The host knows that somebody listens.
    let listening = Locked(false)

    /// Somebody depends on the background thread: a task that is suspended, a stream, a message that waits for room.
    /// While nobody does, the link is left alone by it, and tasks that poll for their own results have the processor to
    /// themselves.
    var needsWatch: Bool {
        suspended.load(ordering: .sequentiallyConsistent) > 0 || link.hasWaiting || link.wantsBlocks
            || directs.hasWaiting
    }

    /// Payload bytes copied in user space so far, on their way out and in.
    var copiedBytes: Int {
        var sum = copiedIn.bytes
        for ring in 0..<Int(ORO_RINGS_MAX) { unsafe sum += rings[ring].copied.bytes }
        return sum + link.arena.copied.load(ordering: .relaxed)
    }

    /// Requests that wait for their results: those of the table, and those of threads that own a ring.
    var pendingCount: Int {
        var count = pending.withLock { $0.count }
        for ring in 0..<Int(ORO_RINGS_MAX) where unsafe rings[ring].waiter.ticket.load(ordering: .relaxed) != 0 {
            count += 1
        }
        return count
    }

    /// What belongs to one ring of this side.
    struct RingState: ~Copyable {
        var numbers = RouteNumbers()
        var spare: FrameStorage
        var generation: UInt32 = 0
        let waiter = ThreadWaiter()
        /// Payloads copied into the ring.
        let copied = CopyCount()

        init(_ account: ByteAccount) { spare = FrameStorage(account) }

        /// The ticket of the owner's next call, for whose result it waits from now on.
        @inline(__always)
        mutating func nextTicket(_ ring: Int) -> UInt64 {
            generation &+= 1
            let ticket = UInt64(generation) << 32 | UInt64(ring)
            waiter.ticket.store(ticket, ordering: .releasing)
            return ticket
        }

        /// The owner's call is over. False: another thread, which may do so where `isShared`, has ended it.
        @inline(__always)
        borrowing func finishCall(_ ticket: UInt64, isShared: Bool) -> Bool {
            if !isShared {
                waiter.ticket.store(0, ordering: .relaxed)
                return true
            }
            return waiter.ticket.compareExchange(
                expected: ticket, desired: 0, ordering: .acquiringAndReleasing
            ).exchanged
        }
    }

    /// `comesBack`: the client connects again when the link ends. `before`: its last core, whose numbers it goes on
    /// with.
    init(
        _ link: Link, _ options: ClientOptions, _ events: EventDispatcher, comesBack: Bool,
        after before: ClientCore? = nil
    ) throws(LinkError) {
        self.link = link
        self.comesBack = comesBack
        self.options = options
        self.events = events
        linkNumber = (before?.linkNumber ?? 0) &+ 1
        pending = Locked(PendingTable(link: linkNumber))
        nextSeq = Atomic(before?.nextSeq.load(ordering: .relaxed) ?? 1)
        // First: an error before everything is set frees nothing that is in memory of its own.
        wakeup = try Descriptor(checking: oro_eventfd(), "eventfd")
        start = link.start
        cache = Locked(ResultCache(most: options.cachedResults))
        CallDebug.readEnvironment()
        ports = PortNode(route: portRoute)
        let account = ByteAccount(
            limit: options.receivedBytes, total: nil,
            ByteAccount.Settings(own: "ClientOptions.receivedBytes", total: ""))
        link.account = account
        receiverStorage = ReceiverStorage(options.idle, account)
        unsafe rings = .allocate(capacity: Int(ORO_RINGS_MAX))
        for index in 0..<Int(ORO_RINGS_MAX) { unsafe (rings + index).initialize(to: RingState(account)) }
        link.arena.setServer { [weak self] in self?.serveBlocks() }
        events.onListeningChanged { [weak self] in self?.listeningChanged() }
        portRoute.attach(self)
        link.introductions = self
    }

    deinit {
        link.end(.closed)
        closeDirectLinks(.closed)
        // Retained when it was set.
        unsafe jobs.load(ordering: .relaxed)?.release()
        unsafe rings.deinitialize(count: Int(ORO_RINGS_MAX))
        unsafe rings.deallocate()
    }

    /// Calls `action` once, on whatever thread, when the link is over; at once when it is.
    func onEnd(_ action: @escaping @Sendable (LinkError) -> Void) {
        atEnd.withLock { $0 = action }
        // Over meanwhile: whoever ended it may have looked before.
        if link.isOver { ended() }
    }

    func ended() { atEnd.withLock { $0.take() }?(link.ending ?? .closed) }

    var elapsedMilliseconds: UInt64 { (oro_now() - start) / 1_000_000 }
}
