// SPDX-License-Identifier: Apache-2.0

import CSupport

/// A message that comes in several records, as far as it has come. Belongs to the receiver.
///
/// Memory grows with what has come, at most to twice that: a total that is only claimed costs nothing, unless memory
/// for all of it is kept from another message, and is charged at once. Where the link's account has no room the rest of
/// the message is dropped as it comes, and only its first bytes are handed over, so that whoever sent it can be told.
@safe package struct Assembly {
    private var memory: UnsafeMutableRawPointer?
    private var room = 0
    /// Bytes that have come, dropped ones included.
    private var count = 0
    private var total = 0
    private var isUnderWay = false
    /// The first bytes of a message that was refused; kept for the next such.
    private var head: UnsafeMutableRawPointer?
    private var headCount = 0
    private var isRefused = false

    /// So much of a refused message is kept: all that says who is to be told of it.
    static let mostHead = 4352

    /// UNTRUSTED: the first record of a message.
    mutating func begin(
        _ bytes: UnsafeRawBufferPointer, _ limit: Int, _ account: ByteAccount
    ) throws(LinkError) {
        guard !isUnderWay else { throw .violation("a message begins inside another") }
        guard bytes.count >= 8 else { throw .violation("a first record without its total") }
        // UNTRUSTED: copied once and checked.
        let total = unsafe UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard total <= UInt64(limit) else {
            throw .violation("a message of \(total) bytes, over the limit of \(limit)")
        }
        self.total = Int(total)
        (count, room, isRefused, isUnderWay) = (0, 0, false, true)
        reuse(account)
        unsafe try go(on: UnsafeRawBufferPointer(rebasing: bytes[8...]), account)
    }

    /// UNTRUSTED: a further record.
    mutating func go(on bytes: UnsafeRawBufferPointer, _ account: ByteAccount) throws(LinkError) {
        guard isUnderWay else { throw .violation("a message continues that never began") }
        guard bytes.count <= total - count else { throw .violation("a message longer than its total") }
        let needed = count + bytes.count
        let isNew = unsafe memory == nil
        if !isRefused, isNew || needed > room { grow(needed, account) }
        if isRefused {
            unsafe keepHead(bytes)
        } else if let source = bytes.baseAddress, let memory = unsafe memory {
            // There is room for `needed` bytes.
            unsafe (memory + count).copyMemory(from: source, byteCount: bytes.count)
        }
        count = needed
    }

    /// All of it has come.
    mutating func finish(_ ring: Int) throws(LinkError) -> Incoming {
        guard count == total else { throw .violation("a message shorter than its total") }
        isUnderWay = false
        if isRefused, let head = unsafe head {
            return unsafe Incoming(ring: ring, bytes: UnsafeRawPointer(head), count: headCount, place: .refused)
        }
        guard let whole = unsafe memory.take() else { throw .violation("a message of nothing") }
        // The room is the total by now: whoever takes the memory takes over its charge.
        return unsafe Incoming(ring: ring, bytes: UnsafeRawPointer(whole), count: total, place: .owned)
    }

    /// Begins with all the memory there has to be, where such is kept from another message and the account pays for it.
    private mutating func reuse(_ account: ByteAccount) {
        guard let kept = unsafe oro_memory_reuse(total + 64) else { return }
        guard account.tryCharge(total) else { return unsafe oro_memory_free(kept) }
        unsafe memory = kept
        room = total
    }

    private mutating func grow(_ needed: Int, _ account: ByteAccount) {
        let wanted = min(total, max(2 * needed, 4096))
        guard account.charge(wanted - room) else { return refuse(account) }
        // A peer decides how much: where the system has none, that is an answer, and not the end of this process.
        let grown: UnsafeMutableRawPointer?
        if let old = unsafe memory {
            unsafe grown = oro_memory_grow(old, count, wanted + 64)
        } else {
            unsafe grown = oro_memory_allocate(wanted + 64)
        }
        guard let grown = unsafe grown else {
            account.release(wanted - room)
            return refuse(account)
        }
        unsafe memory = grown
        room = wanted
    }

    /// The account has no room: only the head is kept from now on.
    private mutating func refuse(_ account: ByteAccount) {
        isRefused = true
        headCount = 0
        if let old = unsafe memory.take() {
            let came = count
            count = 0
            unsafe keepHead(UnsafeRawBufferPointer(start: old, count: came))
            count = came
            unsafe oro_memory_free(old)
            account.release(room)
        }
        room = 0
    }

    /// Takes over what of `bytes`, which stand at ``count`` of the message, belongs to its head.
    private mutating func keepHead(_ bytes: UnsafeRawBufferPointer) {
        let taken = min(bytes.count, Assembly.mostHead - headCount)
        guard taken > 0, headCount == count, let source = bytes.baseAddress else { return }
        let head = unsafe self.head ?? .allocate(byteCount: Assembly.mostHead, alignment: 64)
        unsafe self.head = head
        // There is room for `mostHead` bytes.
        unsafe (head + headCount).copyMemory(from: source, byteCount: taken)
        headCount += taken
    }

    /// The link is over.
    mutating func free(_ account: ByteAccount) {
        if let memory = unsafe memory.take() {
            unsafe oro_memory_free(memory)
            account.release(room)
        }
        unsafe head.take()?.deallocate()
    }
}
