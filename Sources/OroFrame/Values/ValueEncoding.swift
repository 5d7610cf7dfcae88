// SPDX-License-Identifier: Apache-2.0

import BigInt

extension Value {
    /// Length of the encoded form. O(n). Throws ``FrameError/overLimit(_:value:limit:)`` for a value that a reader
    /// with these limits would refuse, so that it is refused here.
    package func encodedCount(limits: FrameLimits = .default) throws(FrameError) -> Int {
        var size = ValueSize(budget: ValueBudget(limits))
        return try size.count(self)
    }

    /// The same for a part of a larger value; answers how many items there are with this part.
    func encodedCount(budget: ValueBudget) throws(FrameError) -> (bytes: Int, items: Int) {
        var size = ValueSize(budget: budget)
        return (try size.count(self), size.budget.items)
    }

    /// Fills `destination`, whose length is this value's `encodedCount(limits:)`. Does not allocate.
    package func encode(into destination: UnsafeMutableRawBufferPointer) {
        // The caller vouches for the buffer during the call; the span checks every store.
        var span = unsafe MutableRawSpan(_unsafeBytes: destination)
        var front = span.byteCount
        span.prepend(self, &front)
        precondition(front == 0, "the buffer is longer than the encoded value")
    }

    /// The encoded form in memory of its own. Throws a ``FrameError`` when the value is over `limits`.
    public func encoded(limits: FrameLimits = .default) throws(FrameError) -> [UInt8] {
        let count = try encodedCount(limits: limits)
        // The buffer has `count` bytes, and all of them are written.
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            unsafe encode(
                into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count])
            )
            initialized = count
        }
    }
}

/// Adds up the encoded length of a value, within limits.
private struct ValueSize {
    var budget: ValueBudget

    mutating func count(_ value: Value) throws(FrameError) -> Int {
        switch value {
        case .null, .bool: 1
        case .int(let value): 1 + ValueTag.integerWidth(value)
        case .double: 9
        case .bigint(let value): try long(try bigint(value))
        case .string(let text): try string(text)
        case .bytes(let bytes): try long(bytes.count)
        case .array(let elements): try array(elements)
        case .object(let members): try object(members)
        }
    }

    private func string(_ text: String) throws(FrameError) -> Int {
        let count = text.utf8.count
        try check(content: count)
        return ValueTag.stringHeaderBytes(count) + count
    }

    /// Tag, length field and content.
    private func long(_ content: Int, lengthFields: Int = 1) throws(FrameError) -> Int {
        try check(content: content)
        return ValueTag.headerBytes(content, lengthFields: lengthFields) + content
    }

    private func check(content: Int) throws(FrameError) {
        let limit = budget.limits.frameBytes
        guard content <= limit else { throw .overLimit(.frameBytes, value: content, limit: limit) }
    }

    private func bigint(_ value: BigInt) throws(FrameError) -> Int {
        let count = value.magnitude.magnitudeBytes
        try budget.check(bigIntBytes: count)
        return count
    }

    private mutating func array(_ elements: [Value]) throws(FrameError) -> Int {
        try budget.enter(elements.count)
        var sum = 0
        for element in elements { sum += try count(element) }
        budget.leave()
        return try long(sum, lengthFields: 2)
    }

    private mutating func object(_ members: NamedValues<Value>) throws(FrameError) -> Int {
        try budget.enter(members.count)
        var sum = 0
        for (key, value) in members {
            sum += try string(key)
            sum += try count(value)
        }
        budget.leave()
        return try long(sum, lengthFields: 2)
    }
}

extension BigUInt {
    /// Bytes of the magnitude without leading zeros.
    var magnitudeBytes: Int { (bitWidth + 7) / 8 }
}

/// A container's length stands before its content, and the width of that length depends on the content: so values
/// are written from their last byte to their first, in one pass, with `front` the first byte already written.
extension MutableRawSpan {
    mutating func prepend(_ value: Value, _ front: inout Int) {
        switch value {
        case .null: prepend(ValueTag.null, &front)
        case .bool(let value): prepend(value ? ValueTag.true : ValueTag.false, &front)
        case .int(let value): prepend(int: value, &front)
        case .double(let value): prepend(double: value, &front)
        case .bigint(let value): prepend(bigint: value, &front)
        case .string(let text): prepend(string: text, &front)
        case .bytes(let bytes):
            // Bytes have no padding that could leak.
            unsafe prepend(bytes: bytes.span.bytes, &front)
        case .array(let elements):
            let end = front
            for element in elements.reversed() { prepend(element, &front) }
            prepend(ValueTag.array, end - front, count: elements.count, &front)
        case .object(let members):
            let end = front
            for (key, value) in members.reversed() {
                prepend(value, &front)
                prepend(string: key, &front)
            }
            prepend(ValueTag.object, end - front, count: members.count, &front)
        }
    }

    mutating func prepend(int value: Int64, _ front: inout Int) {
        switch ValueTag.integerWidth(value) {
        case 0: prepend(UInt8(truncatingIfNeeded: value < 0 ? value + 0xC0 : value), &front)
        case 1:
            prepend(Int8(truncatingIfNeeded: value), &front)
            prepend(ValueTag.int, &front)
        case 2:
            prepend(Int16(truncatingIfNeeded: value), &front)
            prepend(ValueTag.int | 1, &front)
        case 4:
            prepend(Int32(truncatingIfNeeded: value), &front)
            prepend(ValueTag.int | 2, &front)
        default:
            prepend(value, &front)
            prepend(ValueTag.int | 3, &front)
        }
    }

    mutating func prepend(bigint value: BigInt, _ front: inout Int) {
        let magnitude = value.magnitude
        let count = magnitude.magnitudeBytes
        let words = magnitude.words
        for index in (0..<count).reversed() {
            prepend(UInt8(truncatingIfNeeded: words[index / 8] >> UInt(index % 8 * 8)), &front)
        }
        let tag = value.sign == .minus ? ValueTag.negativeBigInt : ValueTag.positiveBigInt
        prepend(tag, count, &front)
    }

    mutating func prepend(string text: String, _ front: inout Int) {
        let utf8 = text.utf8
        // Bytes have no padding that could leak.
        unsafe prepend(utf8.span.bytes, &front)
        if utf8.count <= ValueTag.longestShortString {
            prepend(ValueTag.shortString + UInt8(utf8.count), &front)
        } else {
            prepend(ValueTag.string, utf8.count, &front)
        }
    }

    mutating func prepend(double value: Double, _ front: inout Int) {
        prepend((value.isNaN ? .nan : value).bitPattern, &front)
        prepend(ValueTag.double, &front)
    }

    mutating func prepend(bytes: RawSpan, _ front: inout Int) {
        prepend(bytes, &front)
        prepend(ValueTag.bytes, bytes.byteCount, &front)
    }

    /// The tag of a group with its length and, for containers, count.
    mutating func prepend(_ group: UInt8, _ length: Int, count: Int? = nil, _ front: inout Int) {
        switch ValueTag.lengthWidth(length) {
        case 1:
            if let count { prepend(UInt8(count), &front) }
            prepend(UInt8(length), &front)
            prepend(group, &front)
        case 2:
            if let count { prepend(UInt16(count), &front) }
            prepend(UInt16(length), &front)
            prepend(group | 1, &front)
        default:
            if let count { prepend(UInt32(count), &front) }
            prepend(UInt32(length), &front)
            prepend(group | 2, &front)
        }
    }

    mutating func prepend<T: FixedWidthInteger & BitwiseCopyable>(_ number: T, _ front: inout Int) {
        front -= MemoryLayout<T>.size
        storeBytes(of: number.littleEndian, toByteOffset: front, as: T.self)
    }

    private mutating func prepend(_ bytes: RawSpan, _ front: inout Int) {
        let count = bytes.byteCount
        front -= count
        precondition(front >= 0 && front <= byteCount - count, "the buffer is shorter than the encoded value")
        let first = front
        // Both buffers are valid in the closure; `count` bytes from `first` on are inside, as checked.
        unsafe withUnsafeMutableBytes { destination in
            // As above.
            unsafe bytes.withUnsafeBytes { source in
                // As above; a value's own bytes do not overlap the destination.
                unsafe UnsafeMutableRawBufferPointer(rebasing: destination[first..<first + count])
                    .copyMemory(from: source)
            }
        }
    }
}
