// SPDX-License-Identifier: Apache-2.0

/// Where a payload lies that is not in its frame: the payload of a frame with ``FrameFlags/lent``.
///
/// 32 bytes, little-endian: `u32` slot, `u32` serial, `u64` loan, `u64` offset, `u64` count. What the numbers stand for
/// is known to whoever maps the memory; this module carries them.
@usableFromInline
package struct BlockReference: Hashable, Sendable {
    /// Length on the wire.
    @inlinable package static var byteCount: Int { 32 }

    /// Place in the link's table of the sender's memories.
    package var slot: UInt32
    /// Which memory stands in that place: numbers of memories never repeat.
    package var serial: UInt32
    /// What the receiver gives back when it is done.
    package var loan: UInt64
    /// First byte, counted from the start of the memory.
    package var offset: UInt64
    /// How many bytes.
    package var count: UInt64

    package init(slot: UInt32, serial: UInt32, loan: UInt64, offset: UInt64, count: UInt64) {
        self.slot = slot
        self.serial = serial
        self.loan = loan
        self.offset = offset
        self.count = count
    }

    /// Reads the payload of a frame; `nil` when it has not the length of a reference.
    package init?(_ payload: UnsafeRawBufferPointer) {
        guard payload.count == BlockReference.byteCount else { return nil }
        // 32 bytes are there.
        slot = unsafe UInt32(littleEndian: payload.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
        serial = unsafe UInt32(littleEndian: payload.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        loan = unsafe UInt64(littleEndian: payload.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        offset = unsafe UInt64(littleEndian: payload.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
        count = unsafe UInt64(littleEndian: payload.loadUnaligned(fromByteOffset: 24, as: UInt64.self))
    }

    /// Writes the 32 bytes at `destination`, which needs no alignment.
    package func write(to destination: UnsafeMutableRawPointer) {
        // The caller vouches for 32 writable bytes.
        unsafe destination.storeBytes(of: slot.littleEndian, toByteOffset: 0, as: UInt32.self)
        unsafe destination.storeBytes(of: serial.littleEndian, toByteOffset: 4, as: UInt32.self)
        unsafe destination.storeBytes(of: loan.littleEndian, toByteOffset: 8, as: UInt64.self)
        unsafe destination.storeBytes(of: offset.littleEndian, toByteOffset: 16, as: UInt64.self)
        unsafe destination.storeBytes(of: count.littleEndian, toByteOffset: 24, as: UInt64.self)
    }
}
