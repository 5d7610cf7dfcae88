// SPDX-License-Identifier: Apache-2.0

/// The first byte of every encoded value; `docs/wire-format.md` has the whole table.
///
/// Tags in groups of four have the width of their length field in the low two bits: 0 means 1 byte, 1 means 2,
/// 2 means 4. The shortest width that fits is the only one accepted.
@usableFromInline
enum ValueTag {
    /// 0x00...0x7F: the integers 0...127.
    @inlinable static var lastPositive: UInt8 { 0x7F }
    /// 0x80...0x9F: strings of 0...31 bytes, which follow.
    @inlinable static var shortString: UInt8 { 0x80 }
    @inlinable static var lastShortString: UInt8 { 0x9F }
    @inlinable static var longestShortString: Int { 31 }
    /// 0xA0...0xBF: the integers -32...-1.
    @inlinable static var firstNegative: UInt8 { 0xA0 }
    @inlinable static var lastNegative: UInt8 { 0xBF }

    @inlinable static var null: UInt8 { 0xC0 }
    @inlinable static var `false`: UInt8 { 0xC1 }
    @inlinable static var `true`: UInt8 { 0xC2 }
    @inlinable static var double: UInt8 { 0xC3 }

    /// Two's complement in 1, 2, 4 or 8 bytes: here the low two bits are the width's logarithm, all four used.
    @inlinable static var int: UInt8 { 0xC4 }

    /// Length, then that many bytes of magnitude.
    @inlinable static var positiveBigInt: UInt8 { 0xC8 }
    @inlinable static var negativeBigInt: UInt8 { 0xCC }
    /// Length, then that many bytes.
    @inlinable static var string: UInt8 { 0xD0 }
    @inlinable static var bytes: UInt8 { 0xD4 }
    /// Length of the content in bytes, number of elements or members in the same width, then the content.
    @inlinable static var array: UInt8 { 0xD8 }
    @inlinable static var object: UInt8 { 0xDC }

    /// Bytes of the shortest length field that holds `length`: 1, 2 or 4.
    @inlinable
    static func lengthWidth(_ length: Int) -> Int {
        length <= 0xFF ? 1 : length <= 0xFFFF ? 2 : 4
    }

    /// Bytes of the tag and the length field (two for containers: length and count) before `length` bytes of content.
    @inlinable
    static func headerBytes(_ length: Int, lengthFields: Int = 1) -> Int {
        1 + lengthFields * lengthWidth(length)
    }

    /// The same for a string of `count` bytes, whose length the tag alone may say.
    @inlinable
    static func stringHeaderBytes(_ count: Int) -> Int {
        count <= longestShortString ? 1 : headerBytes(count)
    }

    /// Bytes of the shortest two's complement form of `value` after an ``int`` tag, 0 when the tag says it all.
    @inlinable
    static func integerWidth(_ value: Int64) -> Int {
        if (-32...127).contains(value) { return 0 }
        if Int64(Int8(truncatingIfNeeded: value)) == value { return 1 }
        if Int64(Int16(truncatingIfNeeded: value)) == value { return 2 }
        return Int64(Int32(truncatingIfNeeded: value)) == value ? 4 : 8
    }
}
