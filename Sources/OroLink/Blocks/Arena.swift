// SPDX-License-Identifier: Apache-2.0

import CSupport
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The blocks this side lends to the peer of one link: their memory, and who has them.
///
/// Any thread takes blocks, lends them and gives them up. The state is private, so a peer that lies or dies costs no
/// memory: with the link everything comes back. What the peer has given back is read when a block is wanted next.
///
/// Blocks up to ``largestShared`` lie beside each other in memories that grow as they are needed; a longer one has a
/// memory of its own, which is kept for the next of about its length. Each memory is passed over the socket once.
// Sendable: everything is in `state` or atomic, but for constants.
@usableFromInline
@safe package final class Arena: @unchecked Sendable {
    private let state: Locked<ArenaState>
    /// How many wait for a block, and whom to tell that one may be free.
    private let waiting = Atomic<Int>(0)
    private let waiters = Locked(Waiters())
    private let freed = Atomic<Int>(0)
    /// Payload bytes that were copied into blocks.
    package let copied = Atomic<Int>(0)
    private let generation = oro_generation()
    /// The peer's processor is far away: a line it has read costs much to write again.
    private let isFar = Atomic<Bool>(false)

    private struct Waiters {
        var last: UInt64 = 0
        var resume: [UInt64: @Sendable () -> Void] = [:]
        var server: (@Sendable () -> Void)?
    }

    /// Longest block that shares a memory with others.
    package static let largestShared = 4 << 20
    package static let firstMemory = 256 << 10
    static let largestSharing = 32 << 20

    static var alignment: Int { Int(ORO_BLOCK_ALIGNMENT) }

    /// What memory for this peer counts for, and whose it is.
    private let budget: ResourceBudget?
    private let identity: PeerIdentity

    init(_ link: any BlockLink, own: LinkLimits, peer: Offer, _ budget: ResourceBudget?, _ identity: PeerIdentity) {
        self.budget = budget
        self.identity = identity
        state = Locked(ArenaState(link, own, peer))
    }

    /// Runs `body` with the state; tells those who wait when a block came free.
    private func withArenaState<R>(
        _ body: (inout sending ArenaState) throws(LinkError) -> sending R
    ) throws(LinkError) -> R {
        var isFreed = false
        defer { if isFreed { noteFree() } }
        return try state.withLock { (state) throws(LinkError) in
            defer {
                isFreed = state.isFreed
                state.isFreed = false
                if state.locality.isFar != isFar.load(ordering: .relaxed) {
                    isFar.store(state.locality.isFar, ordering: .relaxed)
                }
            }
            return try body(&state)
        }
    }

    // MARK: Blocks

    /// A block of `count` bytes, at least one. Throws `noBlocks` when as many bytes are out as may be, or the peer
    /// maps as many memories as it does at once.
    ///
    /// Also `busy` when the socket has no room, `system` when there is no memory or descriptor, and `overBudget` or
    /// `overQuota` when the peer's share of this process's mappings, or the account that pays for memories, is used up:
    /// waiting does not help there.
    package func take(_ count: Int) throws(LinkError) -> OwnBlock {
        if generation != oro_generation() { throw .forked }
        guard count >= 0 else { throw .badOptions("a block has no \(count) bytes") }
        let plan = try withArenaState { (state) throws(LinkError) in try state.plan(max(1, count)) }
        switch plan {
        case .ready(let found): return OwnBlock(self, found, count: count)
        case .needs(let bytes, let isWhole):
            // Not under the lock: a gigabyte takes the kernel a while.
            let memory: OwnMemory
            do throws(LinkError) {
                memory = try make(bytes)
            } catch {
                state.withLock { $0.withdraw(max(1, count)) }
                throw error
            }
            let found = try state.withLock { (state) throws(LinkError) in
                try state.add(memory, count: max(1, count), isWhole: isWhole)
            }
            return OwnBlock(self, found, count: count)
        }
    }

    /// A new memory, which the account pays for.
    private func make(_ bytes: Int) throws(LinkError) -> OwnMemory {
        let (huge, account) = state.withLock { ($0.own.hugePages, $0.account) }
        let room = OwnMemory.room(bytes, huge: huge)
        let held = try budget?.charge(identity, mappings: 1)
        guard let account else { return try OwnMemory.create(bytes: room, huge: huge, held: held) }
        var charge = ByteCharge(room, to: account)
        while charge == nil, state.withLock({ $0.makeWay() }) { charge = ByteCharge(room, to: account) }
        guard let charge else { throw account.refusal }
        let memory = try OwnMemory.create(bytes: room, huge: huge, held: held)
        memory.charge = charge
        return memory
    }

    /// What pays for the memories of this arena, from now on.
    package func setAccount(_ account: ByteAccount) { state.withLock { $0.account = account } }

    /// Copies a payload into a block of this arena that has room for it.
    package func copy(_ source: UnsafeRawBufferPointer, to block: OwnBlock) {
        guard let start = source.baseAddress else { return }
        copied.add(source.count, ordering: .relaxed)
        if isFar.load(ordering: .relaxed) {
            // The block has room, says the caller, and starts at a unit.
            unsafe oro_copy_streaming(block.base, start, source.count)
        } else {
            // As above.
            unsafe block.base.copyMemory(from: start, byteCount: source.count)
        }
    }

    /// Lends a part of a block to the peer: what to write into the frame. It is followed by ``commit(_:)`` or
    /// ``takeBack(_:)``.
    package func lend(_ block: OwnBlock, offset: Int, count: Int) throws(LinkError) -> Lent {
        try withArenaState { (state) throws(LinkError) in try state.lend(block.id, block.offset + offset, count) }
    }

    /// The same for a memory that belongs to no link.
    package func lend(_ memory: OwnMemory, offset: Int, count: Int) throws(LinkError) -> Lent {
        try withArenaState { (state) throws(LinkError) in try state.lend(memory, offset, count) }
    }

    /// The same for a payload in a memory of a pool, which the peer keeps mapped for the next.
    package func lend(_ lease: MemoryLease, offset: Int, count: Int) throws(LinkError) -> Lent {
        try withArenaState { (state) throws(LinkError) in try state.lend(lease, offset, count) }
    }

    /// The frame that names the loan is about to be seen by the peer: called when its last record has been filled, just
    /// before that is committed. Until then the peer has nothing to give back.
    package func commit(_ lent: Lent) { state.withLock { $0.commit(lent.loan) } }

    /// What was lent has not been sent after all.
    package func takeBack(_ lent: Lent) {
        if generation != oro_generation() { return }
        try? withArenaState { (state) throws(LinkError) in state.takeBack(lent.loan) }
    }

    func drop(_ id: Int32) {
        // In a forked child it stays the parent's.
        if generation != oro_generation() { return }
        try? withArenaState { (state) throws(LinkError) in state.drop(id) }
    }

    // MARK: The release ring

    /// UNTRUSTED: where the peer will say what it gives back.
    func openReturns(_ descriptor: borrowing Descriptor, slots: Int) throws(LinkError) {
        try state.withLock { (state) throws(LinkError) in
            guard state.releaseRing == nil, slots == state.peer.loans else {
                throw .violation("a second release ring, or one of another size than was agreed")
            }
            let bytes = slots * 8
            // The least number of slots fills a page.
            try Segment.verify(descriptor, bytes: bytes, isImmutable: false)
            try Segment.lookForHoles(descriptor, from: 0, count: bytes)
            state.releaseRing = try Mapping(descriptor, bytes: bytes, for: .reading)
        }
    }

    /// The peer has given something back that has not been looked at.
    package var hasReleases: Bool { state.withLock { $0.hasReleases } }

    /// Blocks were lent, and it is not known yet where the peer gives them back: the socket has to be read.
    package var expectsReleaseRing: Bool { state.withLock { $0.releaseRing == nil && $0.loansOut > 0 } }

    // MARK: Waiting

    /// Somebody waits for a block.
    package var isWanted: Bool { waiting.load(ordering: .sequentiallyConsistent) > 0 }

    /// Changes whenever a block may have become free.
    package var changes: Int { freed.load(ordering: .sequentiallyConsistent) }

    /// Calls `resume` once, soon after ``changes`` is not `seen` any more or the link is over; at once when that is so
    /// already. The token takes it back. Whoever serves the link is told to look for released blocks, unless the
    /// caller does that itself.
    package func whenChanged(
        from seen: Int, isServed: Bool = false, _ resume: @escaping @Sendable () -> Void
    ) -> UInt64 {
        let (token, server) = waiters.withLock { waiters in
            waiters.last += 1
            waiters.resume[waiters.last] = resume
            waiting.store(waiters.resume.count, ordering: .sequentiallyConsistent)
            return (waiters.last, waiters.server)
        }
        // SYNC: sequentially consistent, as in `noteFree`: either it sees that somebody waits, or this sees the change.
        if changes != seen {
            tell()
        } else if !isServed {
            server?()
        }
        return token
    }

    package func cancelWait(_ token: UInt64) {
        waiters.withLock { waiters in
            waiters.resume[token] = nil
            waiting.store(waiters.resume.count, ordering: .sequentiallyConsistent)
        }
    }

    /// Whom to tell that somebody waits: whoever serves the link, and then calls ``serve()`` while ``isWanted``.
    package func setServer(_ server: (@Sendable () -> Void)?) { waiters.withLock { $0.server = server } }

    /// For whoever serves the link: looks for released blocks on behalf of those who wait.
    package func serve() throws(LinkError) -> Bool {
        guard hasReleases else { return false }
        try withArenaState { (state) throws(LinkError) in try state.collect() }
        return true
    }

    private func noteFree() {
        freed.add(1, ordering: .sequentiallyConsistent)
        if isWanted { tell() }
    }

    private func tell() {
        let all = waiters.withLock { waiters in
            defer { waiters.resume = [:] }
            waiting.store(0, ordering: .sequentiallyConsistent)
            return waiters.resume.values
        }
        for resume in all { resume() }
    }

    /// The link is over: nothing is lent or taken any more, and all memory goes that nobody here has.
    func close(_ why: LinkError) {
        state.withLock { $0.close(why) }
        noteFree()
    }

    // MARK: Figures

    package struct Figures: Sendable {
        /// Bytes of blocks that somebody has, here or there.
        package var bytesOut = 0
        /// Loans the peer has not given back.
        package var loansOut = 0
        /// Bytes of all memories of this arena.
        package var memoryBytes = 0
    }
    package var figures: Figures { state.withLock { $0.figures } }
}
