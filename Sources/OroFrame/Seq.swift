public import BigInt

/// The number of a request, by which its result is matched: an exact integer of any size and either sign.
///
/// Numbers from 0 to 2^64 - 1 are held in place; copying and comparing them neither allocates nor counts
/// references. All others are boxed.
public struct Seq: Sendable {
    @usableFromInline
    enum Storage: Sendable {
        case small(UInt64)
        /// Only what `small` cannot hold, so that one number has one form.
        indirect case wide(BigInt)
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
            storage = .wide(number)
        }
    }

    /// The seq of results nobody asked for: -1.
    public static let unsolicited = Seq(BigInt(-1))

    /// The number when it is between 0 and 2^64 - 1. Part of the path that must not allocate.
    @inlinable
    public var small: UInt64? {
        if case .small(let number) = storage { number } else { nil }
    }

    /// The number, whatever its size. Allocates.
    public var number: BigInt {
        switch storage {
        case .small(let number): BigInt(number)
        case .wide(let number): number
        }
    }

    /// The number modulo 2^64, as the frame header carries it.
    @inlinable
    package var low64: UInt64 {
        switch storage {
        case .small(let number): number
        case .wide(let number): Seq.low64(number)
        }
    }

    /// Not inlined: the callers' fast path stays small.
    @usableFromInline
    static func low64(_ number: BigInt) -> UInt64 {
        UInt64(truncatingIfNeeded: number)
    }

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
        case (.small, .wide(let right)): right.sign == .plus
        case (.wide(let left), .small): left.sign == .minus
        case (.wide(let left), .wide(let right)): left < right
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
        case .wide(let number): String(number)
        }
    }
}
