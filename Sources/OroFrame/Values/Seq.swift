// SPDX-License-Identifier: Apache-2.0

public import BigInt

/// The number of a request, by which its result is matched: an exact integer of any size and either sign.
///
/// Numbers from 0 to 2^64 - 1 are held in place; copying and comparing them neither allocates nor counts
/// references. All others are boxed.
public struct Seq: Sendable {
    @usableFromInline
    enum Storage: Sendable {
        case small(UInt64)
        /// Only what `small` cannot hold, as its decimal digits without leading zeros, with `-` in front of a negative
        /// one: so that one number has one form, and what is only compared and sent back is never converted.
        indirect case wide(String)
    }

    @usableFromInline
    let storage: Storage

    /// A seq of the engine's own kind.
    @inlinable
    public init(_ number: UInt64) {
        storage = .small(number)
    }

    /// Any integer, exactly.
    public init(_ number: BigInt) {
        if let small = UInt64(exactly: number) {
            storage = .small(small)
        } else {
            storage = .wide(number.decimalText)
        }
    }

    /// The seq of results nobody asked for: -1.
    public static let unsolicited = Seq(BigInt(-1))

    /// The number when it is between 0 and 2^64 - 1. Part of the path that must not allocate.
    @inlinable
    public var small: UInt64? {
        if case .small(let number) = storage { number } else { nil }
    }

    /// The number, whatever its size. Allocates; takes O(n^1.59) for n digits beyond 64 bits.
    public var number: BigInt {
        switch storage {
        case .small(let number): BigInt(number)
        case .wide(let digits): BigInt(decimal: digits) ?? 0
        }
    }

    /// The number modulo 2^64, as the frame header carries it.
    @inlinable
    package var low64: UInt64 {
        switch storage {
        case .small(let number): number
        case .wide(let digits): Seq.low64(digits)
        }
    }

    /// Not inlined: the callers' fast path stays small.
    @usableFromInline
    static func low64(_ digits: String) -> UInt64 {
        var number: UInt64 = 0
        for byte in digits.utf8 where byte != UInt8(ascii: "-") {
            number = number &* 10 &+ UInt64(byte &- UInt8(ascii: "0"))
        }
        return isNegative(digits) ? 0 &- number : number
    }

    private static func isNegative(_ digits: String) -> Bool { digits.utf8.first == UInt8(ascii: "-") }

    /// Whether one number of digits is below another.
    private static func isLess(_ left: String, _ right: String) -> Bool {
        let isBelowZero = isNegative(left)
        if isBelowZero != isNegative(right) { return isBelowZero }
        let (small, large) = isBelowZero ? (right.utf8, left.utf8) : (left.utf8, right.utf8)
        return small.count == large.count ? small.lexicographicallyPrecedes(large) : small.count < large.count
    }

    /// A number of digits in their only form that 64 bits without sign do not hold.
    init(wide digits: String) { storage = .wide(digits) }

    /// As users see the engine's own: `R12`.
    public var rText: String { "R" + description }
}

extension Seq: Hashable, Comparable {
    @inlinable
    public static func == (left: Seq, right: Seq) -> Bool {
        switch (left.storage, right.storage) {
        case (.small(let left), .small(let right)): left == right
        case (.wide(let left), .wide(let right)): left == right
        default: false
        }
    }

    public static func < (left: Seq, right: Seq) -> Bool {
        switch (left.storage, right.storage) {
        case (.small(let left), .small(let right)): left < right
        case (.small, .wide(let right)): !isNegative(right)
        case (.wide(let left), .small): isNegative(left)
        case (.wide(let left), .wide(let right)): isLess(left, right)
        }
    }

    @inlinable
    public func hash(into hasher: inout Hasher) {
        switch storage {
        case .small(let number): hasher.combine(number)
        case .wide(let number): hasher.combine(number)
        }
    }
}

extension Seq: ExpressibleByIntegerLiteral, CustomStringConvertible {
    /// A seq written in source; negative numbers too.
    public init(integerLiteral value: Int64) {
        self = value >= 0 ? Seq(UInt64(value)) : Seq(BigInt(value))
    }

    /// The decimal digits, with `-` in front when negative.
    public var description: String {
        switch storage {
        case .small(let number): String(number)
        case .wide(let digits): digits
        }
    }
}
