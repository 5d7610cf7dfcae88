// SPDX-License-Identifier: Apache-2.0

import BigInt

/// Encoded values, one behind another, in memory that grows: where ``ValueEncoder`` writes.
///
/// A container's header stands before its content and is as short as the content allows, which is known only at its
/// end. So the room of the shortest header is kept free, and content of more than 255 bytes moves up when its container
/// is closed.
@safe final class ValueTape {
    private var base: UnsafeMutableRawPointer
    private var room: Int
    private let limit: Int
    /// How many bytes are written.
    private(set) var count = 0

    /// Room of a container's header whose content has at most 255 bytes.
    private static let shortestHeader = 3

    init(limits: FrameLimits, room: Int = 256) {
        limit = limits.frameBytes
        self.room = room
        unsafe base = .allocate(byteCount: room, alignment: 16)
    }

    deinit { unsafe base.deallocate() }

    /// What is written. The span ends with the next change.
    var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            // `count` bytes at `base` are initialized, as long as this object lives and does not grow.
            let span = unsafe RawSpan(_unsafeStart: base, byteCount: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// A copy of what is written.
    func copy() -> [UInt8] {
        // As in `bytes`; the array copies.
        unsafe [UInt8](UnsafeRawBufferPointer(start: base, count: count))
    }

    // MARK: Values

    func appendNull() throws(FrameError) { try add(1) { $0.prepend(ValueTag.null, &$1) } }

    func append(_ value: Bool) throws(FrameError) {
        try add(1) { $0.prepend(value ? ValueTag.true : ValueTag.false, &$1) }
    }

    func append(_ value: Int64) throws(FrameError) {
        try add(1 + ValueTag.integerWidth(value)) { $0.prepend(int: value, &$1) }
    }

    func append(_ value: Double) throws(FrameError) { try add(9) { $0.prepend(double: value, &$1) } }

    func append(_ text: String) throws(FrameError) {
        let count = text.utf8.count
        try add(ValueTag.stringHeaderBytes(count) + count) { $0.prepend(string: text, &$1) }
    }

    func append(_ bytes: RawSpan) throws(FrameError) {
        let count = bytes.byteCount
        try add(ValueTag.headerBytes(count) + count) { $0.prepend(bytes: bytes, &$1) }
    }

    func append(_ value: BigInt, budget: ValueBudget) throws(FrameError) {
        let count = value.magnitude.magnitudeBytes
        try budget.check(bigIntBytes: count)
        try add(ValueTag.headerBytes(count) + count) { $0.prepend(bigint: value, &$1) }
    }

    /// A whole tree, whose length has been found within its budget.
    func append(_ value: Value, count: Int) throws(FrameError) {
        try add(count) { $0.prepend(value, &$1) }
    }

    /// Bytes that belong to what was opened last.
    func append(raw bytes: UnsafeRawBufferPointer) throws(FrameError) {
        try makeRoom(bytes.count)
        guard let source = bytes.baseAddress else { return }
        // Room was made, and nobody else has this memory.
        unsafe (base + count).copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }

    // MARK: Containers

    /// Starts a container; answers what ``close(_:_:count:)`` wants.
    func open() throws(FrameError) -> Int {
        let start = count
        try makeRoom(ValueTape.shortestHeader)
        count += ValueTape.shortestHeader
        return start
    }

    /// Where the content of the container that was started at `start` begins.
    func content(of start: Int) -> Int { start + ValueTape.shortestHeader }

    /// Ends the container that was started at `start`: everything behind that is its content, `items` elements or
    /// members; or the bytes of a value that has no such count.
    func close(_ start: Int, _ group: UInt8, count items: Int?) throws(FrameError) {
        let first = content(of: start)
        let length = count - first
        let header = ValueTag.headerBytes(length, lengthFields: items == nil ? 1 : 2)
        let more = header - ValueTape.shortestHeader
        if more != 0 {
            if more > 0 { try makeRoom(more) }
            // Both ranges lie inside the memory: there is room for `more` behind `count`.
            unsafe (base + first + more).copyMemory(from: base + first, byteCount: length)
            count += more
        }
        // The header's bytes start at `start` and end where the content begins now.
        var span = unsafe MutableRawSpan(_unsafeStart: base + start, byteCount: header)
        var front = header
        span.prepend(group, length, count: items, &front)
    }

    /// Forgets everything from `mark` on.
    func truncate(to mark: Int) { count = min(count, mark) }

    /// Forgets a part.
    func remove(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "the range is not inside the tape")
        // As checked.
        unsafe (base + range.lowerBound).copyMemory(from: base + range.upperBound, byteCount: count - range.upperBound)
        count -= range.count
    }

    /// Puts values that were written elsewhere in the place of the placeholder of one byte at each `offset`. Offsets
    /// rise.
    func replacePlaceholders(_ parts: [(offset: Int, tape: ValueTape)]) throws(FrameError) {
        var more = 0
        for part in parts { more += part.tape.count - 1 }
        try makeRoom(more)
        // From the last part to the first, so that every byte moves once, and never onto one that has to move yet.
        var source = count
        var target = count + more
        count = target
        for part in parts.reversed() {
            let tail = source - (part.offset + 1)
            target -= tail
            // Inside the memory, which was made large enough above; `target` is never before `source`.
            unsafe (base + target).copyMemory(from: base + part.offset + 1, byteCount: tail)
            target -= part.tape.count
            // As above; the other tape has its own memory.
            unsafe (base + target).copyMemory(from: part.tape.base, byteCount: part.tape.count)
            source = part.offset
        }
    }

    // MARK: Memory

    /// `length` bytes more, written by `write` from their end to their start.
    @inline(__always)
    private func add(
        _ length: Int, _ write: (inout MutableRawSpan, inout Int) -> Void
    ) throws(FrameError) {
        try makeRoom(length)
        // Room for `length` bytes was made.
        var span = unsafe MutableRawSpan(_unsafeStart: base + count, byteCount: length)
        var front = length
        write(&span, &front)
        count += length
    }

    @inline(__always)
    private func makeRoom(_ length: Int) throws(FrameError) {
        if length > room - count { try grow(length) }
    }

    /// At least doubles the memory, within the limit on a frame.
    private func grow(_ length: Int) throws(FrameError) {
        let needed = count + length
        guard needed <= limit else { throw .overLimit(.frameBytes, value: needed, limit: limit) }
        let larger = max(needed, 2 * room)
        let grown = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        // Both have room for what is written.
        unsafe grown.copyMemory(from: base, byteCount: count)
        unsafe base.deallocate()
        unsafe base = grown
        room = larger
    }
}
