// SPDX-License-Identifier: Apache-2.0

public import BigInt
public import OroFrame

/// SplitMix64 (Steele, Lea, Flood 2014): the same seed gives the same test everywhere.
public struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension SeededGenerator {
    /// A value of any kind, nested up to `depth` levels.
    public mutating func value(depth: Int = 4) -> Value {
        switch Int.random(in: 0..<(depth > 0 ? 12 : 8), using: &self) {
        case 0: .null
        case 1: .bool(Bool.random(using: &self))
        case 2, 3: .int(integer())
        case 4: .double(double())
        case 5: .string(string())
        case 6: .bytes(bytes())
        case 7: .bigint(bigint())
        case 8, 9: .array((0..<length()).map { _ in value(depth: depth - 1) })
        default: .object(object(depth: depth - 1))
        }
    }

    /// An integer of every width, often at a boundary.
    public mutating func integer() -> Int64 {
        let any = Int64(truncatingIfNeeded: next()) >> Int64.random(in: 0..<64, using: &self)
        let edge =
            (Int64(1) << Int64.random(in: 0..<63, using: &self)) &+ Int64.random(in: -2...2, using: &self)
        return [any, edge, ~edge].randomElement(using: &self) ?? 0
    }

    public mutating func double() -> Double {
        [Double(bitPattern: next()), 0, -0.0, .nan, .infinity, -.infinity, 1.5, .leastNonzeroMagnitude, 1e21]
            .randomElement(using: &self) ?? 0
    }

    public mutating func string() -> String {
        let scalars: [UnicodeScalar] = [
            "a", "Z", " ", "\"", "\\", "\u{0}", "\u{1F}", "é", "€", "\u{FFFD}", "😀", "\u{10FFFF}",
        ]
        return (0..<length()).reduce(into: "") { text, _ in
            text.unicodeScalars.append(scalars.randomElement(using: &self) ?? "a")
        }
    }

    public mutating func bytes() -> [UInt8] {
        (0..<length()).map { _ in UInt8.random(in: 0...255, using: &self) }
    }

    public mutating func bigint() -> BigInt {
        let words = (0..<UInt64.random(in: 0..<5, using: &self)).map { _ in UInt(next()) }
        let magnitude = BigUInt(words: words) >> Int.random(in: 0..<64, using: &self)
        return BigInt(sign: Bool.random(using: &self) ? .minus : .plus, magnitude: magnitude)
    }

    private mutating func object(depth: Int) -> Value.Members {
        (0..<length()).reduce(into: [:]) { members, _ in members[string()] = value(depth: depth) }
    }

    /// Mostly short, sometimes past each width of a length field.
    private mutating func length() -> Int {
        switch Int.random(in: 0..<200, using: &self) {
        case 0: Int.random(in: 250..<262, using: &self)
        case 1...5: Int.random(in: 28..<36, using: &self)
        default: Int.random(in: 0..<5, using: &self)
        }
    }
}
