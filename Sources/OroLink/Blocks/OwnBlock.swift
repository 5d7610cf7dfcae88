// SPDX-License-Identifier: Apache-2.0

/// Bytes lent to the peer, as a frame says it.
package struct Lent: Sendable {
    package let slot: UInt32
    package let serial: UInt32
    package let loan: UInt64
    package let offset: Int
    package let count: Int

    package init(slot: UInt32, serial: UInt32, loan: UInt64, offset: Int, count: Int) {
        self.slot = slot
        self.serial = serial
        self.loan = loan
        self.offset = offset
        self.count = count
    }
}

/// A block of an arena, as long as somebody in this process has it. The peer may have it too, and longer.
// Sendable: constant; the bytes are written by one owner, before it is shared.
@safe package final class OwnBlock: @unchecked Sendable {
    package let arena: Arena
    private let memory: OwnMemory
    let id: Int32
    let offset: Int
    /// How many bytes were asked for.
    package let count: Int

    init(_ arena: Arena, _ found: ArenaState.Ready, count: Int) {
        self.arena = arena
        memory = found.memory
        id = found.id
        offset = found.offset
        self.count = count
    }

    deinit { arena.drop(id) }

    /// Where it starts.
    package var base: UnsafeMutableRawPointer { unsafe memory.base + offset }
}
