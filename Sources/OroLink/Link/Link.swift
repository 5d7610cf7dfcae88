// SPDX-License-Identifier: Apache-2.0

import CSupport
import Synchronization

/// A connection of two processes: this side's segment and the peer's, the rings in both, and what wakes the peer.
///
/// Sending: any thread (`LinkSending.swift`). Receiving, sleeping, and reading the socket: one thread at a time, *the
/// receiver*; the owner of the link decides which that is (a host's reactor; a client's receiver lock).
// Sendable: the immutable parts are constants; `outs[i]` belongs to whoever owns ring i (`owners`), `ins`, `sleeper`
// and `ringMappings.in` to the receiver; the rest is atomic or in a mutex.
@usableFromInline
@safe package final class Link: @unchecked Sendable {
    /// Random; the same on both sides. Not a number of the host's: nobody learns from it how many came before.
    package let id: UInt64
    /// Who the peer is, as the kernel says.
    package let peer: PeerIdentity
    package let limits: LinkLimits
    /// When the link began (`oro_now`). The client takes it before the host does, so that a deadline, which counts from
    /// here on both sides, never seems to pass at the host earlier than at the client.
    package let start: UInt64
    /// Longest message the peer accepts.
    package let peerMessageBytes: Int
    /// Longest payload the peer accepts in memory of ours.
    package let peerPayloadBytes: Int

    /// This side, and the peer, take descriptors along with messages.
    package let takesDescriptors: Bool
    package let peerTakesDescriptors: Bool
    /// How many were passed to the peer.
    let passed = Locked<UInt64>(0)
    /// Those of the peer's; belongs to the receiver.
    var arrived = ArrivedDescriptors()

    /// What pays for messages of the peer's that are kept. Set by the owner of the link before anything is read, and
    /// never again.
    package var account = ByteAccount()

    /// The peer may be introduced to others.
    package let isIntroducible: Bool
    /// Who deals with introductions; belongs to the receiver.
    package weak var introductions: (any Introductions)?

    let budget: ResourceBudget?
    private let charge: ResourceCharge?
    private let own: Mapping
    private let theirs: Accepted
    /// What the peer sends comes here, wake packets too: to be polled, and read by the receiver.
    package let socket: Descriptor
    /// Where to send: the same socket, or for a peer that was introduced the one that it has made for that.
    @usableFromInline let outbox: Int32
    private let outboxOwner: Descriptor?
    /// Held while a control packet is sent, so that the count of them is right.
    let controls = Locked(true)
    /// Control packets of the peer's that were read. The receiver writes it.
    let controlsRead = Atomic<UInt32>(0)
    /// Becomes readable when the peer's process ends, where the kernel gives one.
    package let pidfd: Int32?
    private let pidfdOwner: Descriptor?

    @usableFromInline let attention: UnsafeMutablePointer<oro_attention>
    @usableFromInline let peerAttention: UnsafePointer<oro_attention>
    @usableFromInline let sleeper: UnsafeMutablePointer<oro_sleeper>
    @usableFromInline let waker: UnsafeMutablePointer<oro_waker>

    @usableFromInline let outs: UnsafeMutablePointer<OutRing>
    /// For each out ring the token of the thread that owns it; 0 nobody, 1 whoever holds `sharedRing`.
    @usableFromInline let owners: UnsafeMutablePointer<Atomic<UInt64>>
    @usableFromInline let outCount = Atomic<Int>(1)
    let outLimit: Int
    let opening = Locked<Opening>(Opening())
    /// Held by whoever writes to the ring that is shared. What it guards is that ring.
    @usableFromInline let sharedRing = Locked(true)
    /// Which ring that is; -1 until somebody shares.
    let sharedRingNumber = Atomic<Int>(-1)
    @usableFromInline let waitingMessages = Atomic<Int>(0)

    @usableFromInline let ins: UnsafeMutablePointer<InRing>
    @usableFromInline let receiving: UnsafeMutablePointer<Receiving>
    var inMappings: [MappingBox] = []
    var ringCharges: [ResourceCharge] = []
    /// The peer's memories with payloads, by slot.
    var peerMemories: [(memory: PeerMemory, serial: UInt32)?] = []
    /// Where we say what we give back; made when the peer first passes us a memory.
    let releaseRing = Locked<ReleaseRing?>(nil)
    private var arenaBox: Arena?
    /// Fences were asked for again, and the barrier that makes it safe to sleep has not been passed yet.
    private var isBarrierDue = false

    /// Both sides can make the other pass a barrier.
    @usableFromInline let canGoFenceless: Bool

    @usableFromInline let over = Atomic<Bool>(false)
    /// The process that made it; see `oro_fork.h`.
    @usableFromInline let generation = oro_generation()
    private let reason = Locked<LinkError?>(nil)

    /// What the receiver keeps, outside the object: no access of the hot path needs a check for exclusivity.
    @usableFromInline
    struct Receiving {
        @usableFromInline var inCount = 1
        /// Where the next drain begins.
        @usableFromInline var firstRing = 0
        /// The peer's count of control packets when the socket was last read to its end; else something different.
        @usableFromInline var controlsSeen: UInt32 = 0
        /// Wake packets read.
        var wakesRead: UInt32 = 0
        /// The socket was read to its end since it last had news, and this side has not slept since.
        var isSocketRead = false
        @usableFromInline var cpuSaid: UInt32 = 0
        /// Records read since the last sleep, or since fences were last given up.
        @usableFromInline var streak: UInt32 = 0
    }

    /// State for opening further rings.
    struct Opening {
        var mappings: [MappingBox] = []
        var threads: [Int32] = Array(repeating: 0, count: Int(ORO_RINGS_MAX))
    }

    /// Keeps a further ring mapped.
    final class MappingBox {
        private let mapping: Mapping
        init(_ mapping: consuming Mapping) { self.mapping = mapping }
        init(_ segment: consuming Segment.Own) { mapping = segment.mapping }
    }

    /// What the handshake came to.
    struct Parts: ~Copyable {
        var id: UInt64
        var peer: PeerIdentity
        var limits: LinkLimits
        var key: UInt64
        var own: Mapping
        var theirs: Accepted
        var socket: Descriptor
        /// Where to send, if that is another one.
        var outbox: Descriptor?
        var barrier: Bool
        /// Descriptors may come along with messages.
        var takesDescriptors: Bool
        /// The socket comes from the peer itself, so the kernel can name its process.
        var watchesProcess: Bool
        var start: UInt64
        /// What the peer may hold of what this side has little of; and what this link counts for. A client bounds its
        /// host by `limits` alone.
        var budget: ResourceBudget?
        var charge: ResourceCharge?
    }

    init(_ parts: consuming Parts) {
        id = parts.id
        peer = parts.peer
        limits = parts.limits
        start = parts.start
        peerMessageBytes = parts.theirs.offer.messageBytes
        peerPayloadBytes = parts.theirs.offer.payloadBytes
        let (limits, offer) = (parts.limits, parts.theirs.offer)
        outLimit = parts.theirs.offer.rings
        canGoFenceless = parts.barrier && parts.theirs.offer.features.contains(.barrier)
        let ownBase = unsafe parts.own.base
        let theirBase = unsafe parts.theirs.segment.base
        // Both segments are mapped as long as this object lives, and have a control page.
        unsafe oro_control_init(ownBase)
        unsafe attention = oro_control_own_attention(ownBase)
        unsafe peerAttention = oro_control_attention(theirBase)
        unsafe sleeper = .allocate(capacity: 1)
        unsafe oro_sleeper_init(sleeper, attention)
        unsafe waker = UnsafeMutableRawPointer.allocate(byteCount: oro_waker_size(), alignment: 64)
            .bindMemory(to: oro_waker.self, capacity: 1)
        unsafe oro_waker_init(waker, peerAttention)
        unsafe outs = .allocate(capacity: Ring.most)
        unsafe outs.initialize(repeating: OutRing(), count: Ring.most)
        unsafe ins = .allocate(capacity: Ring.most)
        unsafe ins.initialize(repeating: InRing(longest: limits.messageBytes), count: Ring.most)
        unsafe receiving = .allocate(capacity: 1)
        unsafe receiving.initialize(to: Receiving())
        unsafe owners = .allocate(capacity: Ring.most)
        for index in 0..<Ring.most { unsafe (owners + index).initialize(to: Atomic(0)) }
        unsafe oro_writer_init(
            &outs[0].writer, parts.own.ring, UInt64(parts.limits.ringBytes), parts.key,
            oro_control_cursor(theirBase, 0))
        unsafe outs[0].recordLimit = Link.recordLimit(parts.limits.ringBytes, parts.theirs.offer.messageBytes)
        unsafe oro_reader_init(
            &ins[0].reader, parts.theirs.segment.ring, UInt64(parts.theirs.offer.ringBytes), parts.theirs.offer.key,
            oro_control_own_cursor(ownBase, 0))
        let pid = parts.watchesProcess ? oro_peer_pidfd(parts.socket.number, parts.peer.processID) : -1
        takesDescriptors = parts.takesDescriptors
        peerTakesDescriptors = parts.theirs.offer.features.contains(.descriptors)
        isIntroducible = parts.theirs.offer.features.contains(.introducible)
        pidfd = pid >= 0 ? pid : nil
        pidfdOwner = pid >= 0 ? Descriptor(pid) : nil
        budget = parts.budget
        charge = parts.charge
        own = parts.own
        theirs = parts.theirs
        outbox = Link.number(parts.outbox, or: parts.socket.number)
        socket = parts.socket
        outboxOwner = parts.outbox
        arenaBox = Arena(self, own: limits, peer: offer, parts.budget, parts.peer)
    }

    private static func number(_ descriptor: borrowing Descriptor?, or other: Int32) -> Int32 {
        switch descriptor {
        case .some(let descriptor): descriptor.number
        case .none: other
        }
    }

    deinit {
        end(.closed)
        for index in 0..<Ring.most {
            unsafe ins[index].assembly.free(account)
            unsafe (owners + index).deinitialize(count: 1)
        }
        unsafe outs.deinitialize(count: Ring.most)
        unsafe outs.deallocate()
        unsafe ins.deallocate()
        unsafe owners.deallocate()
        unsafe receiving.deallocate()
        unsafe sleeper.deallocate()
        unsafe UnsafeMutableRawPointer(waker).deallocate()
    }

    /// A record may take a quarter of its ring: the reader gives room back in eighths, so it always comes to fit. And a
    /// message of one record is no longer than any other may be.
    static func recordLimit(_ ringBytes: Int, _ messageBytes: Int) -> Int {
        min(ringBytes / 4 - Int(ORO_RECORD_HEADER_BYTES), messageBytes)
    }

    var ownBase: UnsafeMutableRawPointer { unsafe own.base }
    var theirBase: UnsafeMutableRawPointer { unsafe theirs.segment.base }
}

// MARK: - Ending

extension Link {
    /// True once the link is over; nothing more comes or goes. In a forked child it is: the link is the parent's.
    @inlinable package var isOver: Bool { over.load(ordering: .relaxed) || isForeign }

    /// This process was forked from the one that made the link. Whatever is locked may then be locked for ever.
    @inlinable package var isForeign: Bool { generation != oro_generation() }

    /// Why it is over.
    package var ending: LinkError? { isForeign ? .forked : reason.withLock { $0 } }

    /// Ends the link, for the first reason given. The peer sees the socket close; own threads that sleep on it wake.
    /// Blocks come back, and blocks of the peer's are given back no more.
    package func end(_ why: LinkError) {
        if isForeign { return }
        halt(why)
        arena.close(ending ?? why)
        releaseRing.withLock { $0 }?.close()
    }

    /// The same, where the rest has to wait: whoever serves the link hears of it and ends it.
    package func halt(_ why: LinkError) {
        if isForeign { return }
        reason.withLock { reason in
            guard reason == nil else { return }
            reason = why
            over.store(true, ordering: .sequentiallyConsistent)
            oro_socket_shutdown(socket.number)
            if outbox != socket.number { oro_socket_shutdown(outbox) }
        }
    }

    /// What this side lends.
    package var arena: Arena {
        // Set in the initializer and never again.
        arenaBox!
    }

    /// Somebody waits for a block of this side's.
    package var wantsBlocks: Bool {
        // As above. Asked after each result.
        unsafe Unmanaged.passUnretained(arenaBox!)._withUnsafeGuaranteedRef { $0.isWanted }
    }
}

// MARK: - Attention

extension Link {
    /// Wakes the peer when it sleeps and nobody has woken it from this sleep. After a commit.
    @inlinable
    package func wake() {
        // Constants of the link; the socket lives as long as it.
        if unsafe oro_wake_wanted(waker, false) { unsafe oro_send_wake(outbox, attention) }
    }

    /// The same after room was given back, for a peer that waits for room.
    @inlinable
    func wakeForRoom() {
        // As above.
        if unsafe oro_wake_wanted(waker, true) { unsafe oro_send_wake(outbox, attention) }
    }

    /// Says this side sleeps. The caller then looks once more (``hasSomething(orRoomFor:in:)``), and disarms or waits
    /// for the socket. False: this side has to stay awake, because the kernel could not do it now, or because it has to
    /// read the socket first.
    package func arm(room: Bool = false) -> Bool {
        guard readsSocketInTime() else { return false }
        // The sleeper is the receiver's, as is this call.
        if unsafe oro_sleep_is_fenceless(sleeper) {
            unsafe oro_sleep_want_fence(sleeper)
            isBarrierDue = true
        }
        if isBarrierDue {
            guard oro_membarrier() else { return false }
            isBarrierDue = false
        }
        unsafe receiving.pointee.streak = 0
        unsafe receiving.pointee.isSocketRead = false
        unsafe oro_sleep_arm(sleeper, room)
        return true
    }

    package func disarm() { unsafe oro_sleep_disarm(sleeper) }

    /// Lets wakers leave out their fence, after a long run without a sleep.
    @inlinable
    func noteStreak(_ count: Int) {
        unsafe receiving.pointee.streak &+= UInt32(truncatingIfNeeded: count)
        if unsafe receiving.pointee.streak >= 4096 {
            unsafe receiving.pointee.streak = 0
            // As in `arm`.
            if canGoFenceless, unsafe !oro_sleep_is_fenceless(sleeper) { unsafe oro_sleep_go_fenceless(sleeper) }
        }
    }

    /// True when a look would find a message, a packet, room in the ring (of the caller's) named, or the end. With
    /// `reading` false messages do not count: this side waits for room before it reads on.
    package func hasSomething(orRoomIn ring: Int? = nil, reading: Bool = true) -> Bool {
        if isOver || socketHasNews { return true }
        if let ring, roomCame(in: ring) { return true }
        if !reading { return false }
        var view = unsafe oro_view()
        for index in 0..<(unsafe receiving.pointee.inCount) {
            // The reader belongs to the receiver.
            if unsafe oro_reader_peek(&ins[index].reader, &view) != Int32(ORO_READ_EMPTY) { return true }
        }
        return false
    }

    /// The peer last ran on the processor we run on now: polling would keep it from running.
    @inlinable
    package var sharesProcessor: Bool {
        let cpu = oro_cpu()
        // The peer's control page is mapped as long as the link. UNTRUSTED: the answer only shortens our spinning.
        return unsafe cpu != 0 && oro_attention_cpu(peerAttention) == cpu
    }

    /// Tells the peer where we run.
    @inlinable
    package func reportProcessor() {
        let cpu = oro_cpu()
        if unsafe cpu != receiving.pointee.cpuSaid {
            unsafe receiving.pointee.cpuSaid = cpu
            unsafe oro_attention_set_cpu(attention, cpu)
        }
    }
}
