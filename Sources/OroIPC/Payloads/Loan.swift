// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame
import OroLink

/// A block of shared memory to be filled in place and then sent without a copy.
///
/// ```swift
/// var loan = try await client.loan(1 << 20)
/// render(into: loan.mutableBytes)
/// let result = await client.write("frame", nil, loan.bytes())
/// ```
///
/// A loan that is not sent goes back by itself. It belongs to the link it came from: sent to another peer its bytes are
/// copied. The peer can read the block while it is filled, and what an earlier message left in it.
// Sendable: it has one owner.
@safe public struct Loan: ~Copyable, @unchecked Sendable {
    private let block: OwnBlock

    init(_ block: OwnBlock) { self.block = block }

    /// How many bytes were asked for.
    public var count: Int { block.count }

    /// The block, to be written to. It starts at a multiple of 128 bytes, and is not cleared.
    public var mutableBytes: MutableRawSpan {
        @_lifetime(&self)
        mutating get {
            // The block is this value's alone, and lives as long as it.
            let span = unsafe MutableRawSpan(_unsafeStart: block.base, byteCount: block.count)
            return unsafe _overrideLifetime(span, mutating: &self)
        }
    }

    /// Calls `body` with the block, to be written to; the buffer is valid until it returns.
    public mutating func withUnsafeMutableBytes<R, E: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        // As above.
        try unsafe body(UnsafeMutableRawBufferPointer(start: block.base, count: block.count))
    }

    /// Reads a file straight into the block, from `position` on, until it is full or the file ends; answers how many
    /// bytes that were. `descriptor` stays the caller's. Throws `system` when the file cannot be read.
    public mutating func fill(from descriptor: Int32, at position: UInt64 = 0) throws(LinkError) -> Int {
        // As above.
        let got = unsafe oro_read_at(descriptor, block.base, block.count, position)
        guard got >= 0 else { throw .system(call: "pread", errno: Int32(-got)) }
        return got
    }

    /// The block, filled: to be sent once or often, and read here. Nobody writes to it any more. With `count` only that
    /// many bytes of its start.
    public consuming func bytes(_ count: Int? = nil) -> Bytes {
        precondition((0...block.count).contains(count ?? 0), "the block has not so many bytes")
        return unsafe Bytes(block, UnsafeRawPointer(block.base), count ?? block.count, in: .block)
    }
}

extension Bytes {
    /// Bytes in a memfd of their own that nobody can change once they are written, this process included: for receivers
    /// that check them and then rely on them. Any number of peers can be sent them without a copy.
    ///
    /// `fill` writes them, at least one. Throws `system` when the system has no memory.
    public static func sealed(
        _ count: Int, hugePages: Bool = false, _ fill: (inout MutableRawSpan) -> Void
    ) throws(LinkError) -> Bytes {
        let memory = try OwnMemory.create(
            bytes: OwnMemory.room(max(1, count), huge: hugePages), huge: hugePages, sealable: true)
        // The memory has that many bytes, and lives as long as `memory`.
        var span = unsafe MutableRawSpan(_unsafeStart: memory.base, byteCount: count)
        fill(&span)
        try memory.seal()
        return unsafe Bytes(memory, UnsafeRawPointer(memory.base), count, in: .memory)
    }

    /// A copy in a memfd of its own, which any number of peers can be sent.
    static func shared(_ bytes: Bytes) throws(LinkError) -> Bytes {
        let memory = try OwnMemory.create(bytes: OwnMemory.room(max(1, bytes.count), huge: false))
        unsafe bytes.withUnsafeBytes { source in
            // The memory has that many bytes, and is nobody else's yet.
            if let start = source.baseAddress { unsafe memory.base.copyMemory(from: start, byteCount: source.count) }
        }
        return unsafe Bytes(memory, UnsafeRawPointer(memory.base), bytes.count, in: .memory)
    }

    /// A copy in a memory of `pool`, which any number of peers can be sent; in one of its own, sealed, where the pool
    /// has none.
    static func shared(_ bytes: Bytes, in pool: MemoryPool, for topic: String) throws(LinkError) -> Bytes {
        guard let lease = pool.take(bytes.count, for: topic) else {
            return try sealed(bytes.count) { span in
                unsafe span.withUnsafeMutableBytes { target in
                    // Both have that many bytes.
                    unsafe bytes.withUnsafeBytes { unsafe target.copyMemory(from: $0) }
                }
            }
        }
        unsafe bytes.withUnsafeBytes { source in
            // The memory has that many bytes, and nobody else has the lease.
            if let start = source.baseAddress {
                unsafe lease.memory.base.copyMemory(from: start, byteCount: source.count)
            }
        }
        return unsafe Bytes(lease, UnsafeRawPointer(lease.memory.base), bytes.count, in: .leased)
    }

    /// The contents of an existing memfd, which is passed on without a copy. `descriptor` stays the caller's.
    ///
    /// The memfd is sealed for good: its size, and writing by anybody; where somebody has it mapped for writing, new
    /// mappings for writing only, and ``isImmutable`` is false. Throws `badOptions` for what is not a memfd, is empty,
    /// has holes, or cannot be sealed.
    public init(memfd descriptor: Int32) throws(LinkError) {
        let memory = try OwnMemory.adopt(descriptor)
        unsafe self.init(memory, UnsafeRawPointer(memory.base), memory.bytes, in: .memory)
    }
}

/// What a call does with a payload when no block is free because the peer has not given any back.
public enum WhenFull: Sendable, Hashable {
    /// Copies it through the ring, in parts. A payload too long for that fails with `QuotaExceededError`.
    case copy
    /// Waits for a block, until the call's deadline.
    case wait
    /// Fails at once with `QuotaExceededError`.
    case busy
}
