// SPDX-License-Identifier: Apache-2.0

/// The tag of one encoded value and the fields behind it, read once into private memory and checked against the
/// bytes that are there. The only place that reads tags.
@usableFromInline
struct ValueToken: Sendable {
    @usableFromInline let kind: ValueKind
    /// Tag, length and count; for numbers and `bool` the whole value.
    @usableFromInline let headerBytes: Int
    /// What follows the header: text, bytes, magnitude, elements.
    @usableFromInline let contentBytes: Int
    /// The integer, the double's bits, 0 or 1 for `bool`; the number of elements or members; 1 for a negative bigint.
    @usableFromInline let bits: UInt64

    @inlinable
    init(_ kind: ValueKind, headerBytes: Int, contentBytes: Int = 0, bits: UInt64 = 0) {
        self.kind = kind
        self.headerBytes = headerBytes
        self.contentBytes = contentBytes
        self.bits = bits
    }

    /// How far the next sibling is: O(1), whatever stands inside.
    @inlinable var totalBytes: Int { headerBytes + contentBytes }
}

extension ValueToken {
    /// Reads the token at `start` of `bytes`; the whole value, content included, lies inside `bytes` then.
    /// `origin` is the position of `bytes` in the outermost value, for errors.
    @inlinable
    static func read(_ bytes: RawSpan, at start: Int, origin: Int) throws(FrameError) -> ValueToken {
        let tag: UInt8 = try bytes.valueField(at: start, origin: origin)
        if tag <= ValueTag.lastPositive {
            return ValueToken(.int, headerBytes: 1, bits: UInt64(tag))
        }
        if tag <= ValueTag.lastShortString {
            let length = Int(tag - ValueTag.shortString)
            try bytes.require(length, at: start + 1, origin: origin)
            return ValueToken(.string, headerBytes: 1, contentBytes: length)
        }
        return try readLong(tag, bytes, at: start, origin: origin)
    }

    /// The tags that are not a small natural number or a short string.
    @usableFromInline
    static func readLong(
        _ tag: UInt8, _ bytes: RawSpan, at start: Int, origin: Int
    ) throws(FrameError) -> ValueToken {
        if tag <= ValueTag.lastNegative {
            let value = Int64(tag) - Int64(ValueTag.lastNegative) - 1
            return ValueToken(.int, headerBytes: 1, bits: UInt64(bitPattern: value))
        }
        switch tag {
        case ValueTag.null: return ValueToken(.null, headerBytes: 1)
        case ValueTag.false: return ValueToken(.bool, headerBytes: 1, bits: 0)
        case ValueTag.true: return ValueToken(.bool, headerBytes: 1, bits: 1)
        case ValueTag.double: return try readDouble(bytes, at: start, origin: origin)
        default: break
        }
        let group = tag & ~3
        if group == ValueTag.int { return try readInt(tag, bytes, at: start, origin: origin) }
        guard group > ValueTag.int, tag & 3 != 3, group <= ValueTag.object else {
            throw .unknownTag(tag, offset: origin + start)
        }
        let width = 1 << Int(tag & 3)
        let length = try readLength(width, bytes, at: start + 1, origin: origin)
        let shortest = ValueTag.lengthWidth(length) == width
        let isShortString = group == ValueTag.string && length <= ValueTag.longestShortString
        guard shortest, !isShortString else { throw .notCanonical(offset: origin + start) }
        switch group {
        case ValueTag.array:
            return try readContainer(.array, width, length, bytes, at: start, origin: origin)
        case ValueTag.object:
            return try readContainer(.object, width, length, bytes, at: start, origin: origin)
        default: break
        }
        try bytes.require(length, at: start + 1 + width, origin: origin)
        let (kind, bits): (ValueKind, UInt64) =
            switch group {
            case ValueTag.string: (.string, 0)
            case ValueTag.bytes: (.bytes, 0)
            case ValueTag.negativeBigInt: (.bigint, 1)
            default: (.bigint, 0)
            }
        return ValueToken(kind, headerBytes: 1 + width, contentBytes: length, bits: bits)
    }

    private static func readDouble(
        _ bytes: RawSpan, at start: Int, origin: Int
    ) throws(FrameError) -> ValueToken {
        let bits: UInt64 = try bytes.valueField(at: start + 1, origin: origin)
        guard !Double(bitPattern: bits).isNaN || bits == Double.nan.bitPattern else {
            throw .notCanonical(offset: origin + start)
        }
        return ValueToken(.double, headerBytes: 9, bits: bits)
    }

    private static func readInt(
        _ tag: UInt8, _ bytes: RawSpan, at start: Int, origin: Int
    ) throws(FrameError) -> ValueToken {
        let width = 1 << Int(tag & 3)
        let value: Int64
        switch width {
        case 1: value = Int64(try bytes.valueField(at: start + 1, origin: origin) as Int8)
        case 2: value = Int64(try bytes.valueField(at: start + 1, origin: origin) as Int16)
        case 4: value = Int64(try bytes.valueField(at: start + 1, origin: origin) as Int32)
        default: value = try bytes.valueField(at: start + 1, origin: origin)
        }
        guard ValueTag.integerWidth(value) == width else { throw .notCanonical(offset: origin + start) }
        return ValueToken(.int, headerBytes: 1 + width, bits: UInt64(bitPattern: value))
    }

    private static func readLength(
        _ width: Int, _ bytes: RawSpan, at start: Int, origin: Int
    ) throws(FrameError) -> Int {
        switch width {
        case 1: Int(try bytes.valueField(at: start, origin: origin) as UInt8)
        case 2: Int(try bytes.valueField(at: start, origin: origin) as UInt16)
        default: Int(try bytes.valueField(at: start, origin: origin) as UInt32)
        }
    }

    private static func readContainer(
        _ kind: ValueKind, _ width: Int, _ length: Int, _ bytes: RawSpan, at start: Int, origin: Int
    ) throws(FrameError) -> ValueToken {
        let count = try readLength(width, bytes, at: start + 1 + width, origin: origin)
        let headerBytes = 1 + 2 * width
        try bytes.require(length, at: start + headerBytes, origin: origin)
        // An element takes at least one byte, a member two: a larger count is a lie, found before it allocates.
        let shortest = kind == .object ? 2 * count : count
        guard shortest <= length else {
            throw .truncated(
                .value, offset: origin + start + headerBytes, needed: shortest, remaining: length)
        }
        return ValueToken(kind, headerBytes: headerBytes, contentBytes: length, bits: UInt64(count))
    }
}

extension RawSpan {
    /// The little-endian integer at `offset`, if all its bytes are inside.
    @inlinable
    func valueField<T: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int, origin: Int
    ) throws(FrameError) -> T {
        try require(MemoryLayout<T>.size, at: offset, origin: origin)
        // Inside the span: checked on the line above; any bit pattern is an integer.
        return unsafe T(littleEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// Throws unless `count` bytes follow at `offset`. Neither is negative, and both are far below overflow.
    @inlinable
    func require(_ count: Int, at offset: Int, origin: Int) throws(FrameError) {
        guard offset <= byteCount, count <= byteCount - offset else {
            throw .truncated(
                .value, offset: origin + offset, needed: count, remaining: Swift.max(0, byteCount - offset))
        }
    }
}
