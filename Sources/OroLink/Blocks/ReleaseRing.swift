// SPDX-License-Identifier: Apache-2.0

import CSupport
import Synchronization

/// Where this side says which of the peer's blocks it gives back. Any thread.
// Sendable: all that changes is in `state` or atomic.
@safe final class ReleaseRing: @unchecked Sendable {
    private let state: Locked<State>
    let slots: Int
    /// Loans this side has.
    private let borrowed = Atomic<Int>(0)

    private let generation = oro_generation()

    private struct State {
        /// Until the link is over.
        var memory: OwnMemory?

        var next: UInt64 = 0
        /// As long as it lives. Closed before it goes, under the same lock.
        unowned(unsafe) var link: (any BlockLink)?
    }

    init(_ memory: OwnMemory, for link: any BlockLink, slots: Int) {
        self.slots = slots
        state = Locked(State(memory: memory, link: link))
    }

    /// One more loan of the peer's. False: it has lent more than was agreed.
    func borrow() -> Bool { borrowed.add(1, ordering: .relaxed).newValue <= slots }

    /// Gives a loan back, and wakes the peer when it waits for blocks. In a forked child it stays the parent's.
    func give(_ loan: UInt64) {
        if generation != oro_generation() { return }
        state.withLock { state in
            guard let link = unsafe state.link, let memory = state.memory else { return }
            // The memory has `slots` slots.
            unsafe oro_return_give(memory.base, UInt64(slots), state.next, loan)
            state.next += 1
            borrowed.subtract(1, ordering: .relaxed)
            link.wakeForRoom()
        }
    }

    /// The link is over: nobody reads this any more.
    func close() { state.withLock { state in state = State() } }
}

/// Bytes of the peer's, as long as somebody here reads them; then they are given back.
// Sendable: constant.
@usableFromInline
@safe package final class BorrowedBlock: @unchecked Sendable {
    private let memory: PeerMemory
    private let releaseRing: ReleaseRing
    private let loan: UInt64
    package let base: UnsafeRawPointer
    package let count: Int

    init(_ memory: PeerMemory, _ releaseRing: ReleaseRing, loan: UInt64, offset: Int, count: Int) {
        self.memory = memory
        self.releaseRing = releaseRing
        self.loan = loan
        unsafe base = memory.base + offset
        self.count = count
    }

    deinit { releaseRing.give(loan) }

    /// Nobody can change the bytes, not even the peer.
    package var isImmutable: Bool { memory.isImmutable }

    /// The bytes as this process's own; `nil` where their memory cannot be mapped again. Throws where the system does
    /// not map it.
    package func mapPrivately() throws(LinkError) -> PrivateBlock? {
        let offset = unsafe base - memory.base
        guard let mapping = try memory.mapPrivately(offset, count: count) else { return nil }
        return PrivateBlock(self, mapping)
    }
}

/// Bytes of the peer's mapped a second time, so that this process can write to them: pages that it writes to become its
/// own, the others stay the peer's, which can still change them.
// Sendable: constant; whoever writes through `base` has to see to it that nobody else uses it meanwhile.
@safe package final class PrivateBlock: @unchecked Sendable {
    private let block: BorrowedBlock
    private let mapping: Mapping

    init(_ block: BorrowedBlock, _ mapping: consuming Mapping) {
        self.block = block
        self.mapping = mapping
    }

    package var base: UnsafeMutableRawPointer { unsafe mapping.ring }
    package var count: Int { block.count }
    package var isImmutable: Bool { false }
}
