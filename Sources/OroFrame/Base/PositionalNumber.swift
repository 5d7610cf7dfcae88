// SPDX-License-Identifier: Apache-2.0

/// A base in which the digits of a ``PositionalNumber`` are written. No more than 2^60, so that a column of a product
/// fits 128 bits.
package protocol PositionalBase {
    static var base: UInt64 { get }
    /// The digit that stays, and what is carried into the next column.
    static func split(_ sum: UInt128) -> (carry: UInt128, digit: UInt64)
}

/// Base 2^60: numbers as processors have them.
package enum BinaryBase: PositionalBase {
    package static var base: UInt64 { 1 << 60 }

    @inline(__always)
    package static func split(_ sum: UInt128) -> (carry: UInt128, digit: UInt64) {
        (sum >> 60, UInt64(truncatingIfNeeded: sum) & (1 << 60 - 1))
    }
}

/// Base 10^18: numbers as people have them.
package enum DecimalBase: PositionalBase {
    package static var base: UInt64 { 1_000_000_000_000_000_000 }

    @inline(__always)
    package static func split(_ sum: UInt128) -> (carry: UInt128, digit: UInt64) {
        let carry = sum / UInt128(base)
        return (carry, UInt64(truncatingIfNeeded: sum &- carry &* UInt128(base)))
    }
}

/// A natural number as digits of a base, the lowest first, without zeros at its high end. It is what a number goes
/// through on its way from one base to another.
///
/// Converting n digits takes O(n^1.59): halves are converted, and one is multiplied by a power of the old base
/// (Karatsuba). There is no division of long numbers, in either direction.
package struct PositionalNumber<Base: PositionalBase> {
    package private(set) var digits: [UInt64]

    /// Each digit is below the base.
    package init(digits: [UInt64]) {
        self.digits = digits
        trim()
    }

    /// The same number in another base.
    package init<Other: PositionalBase>(_ other: PositionalNumber<Other>) {
        let runs = stride(from: 0, to: other.digits.count, by: Self.runLength)
        var parts = runs.map { start in
            Self.convert(run: other.digits[start..<min(start + Self.runLength, other.digits.count)], of: Other.base)
        }
        // What a part's upper neighbour counts.
        var weight = PositionalNumber(digits: [1])
        if parts.count > 1 { for _ in 0..<Self.runLength { weight.multiply(by: Other.base, adding: 0) } }
        while parts.count > 1 {
            var joined: [PositionalNumber] = []
            joined.reserveCapacity((parts.count + 1) / 2)
            for index in stride(from: 0, to: parts.count, by: 2) {
                guard index + 1 < parts.count else {
                    joined.append(parts[index])
                    break
                }
                var product = Self.product(parts[index + 1].digits[...], weight.digits[...])
                Self.add(parts[index].digits[...], to: &product, at: 0)
                joined.append(PositionalNumber(digits: product))
            }
            parts = joined
            if parts.count > 1 {
                weight = PositionalNumber(digits: Self.product(weight.digits[...], weight.digits[...]))
            }
        }
        self = parts.first ?? PositionalNumber(digits: [])
    }

    /// Digits that are converted one after the other: in so few the square does not matter.
    private static var runLength: Int { 16 }

    private static func convert(run: ArraySlice<UInt64>, of base: UInt64) -> PositionalNumber {
        var number = PositionalNumber(digits: [])
        number.digits.reserveCapacity(run.count + 2)
        for digit in run.reversed() { number.multiply(by: base, adding: digit) }
        return number
    }

    /// `factor` is a base, `more` a digit of it. O(n).
    private mutating func multiply(by factor: UInt64, adding more: UInt64) {
        var carry = UInt128(more)
        for index in digits.indices {
            let (next, digit) = Base.split(UInt128(digits[index]) &* UInt128(factor) &+ carry)
            digits[index] = digit
            carry = next
        }
        while carry > 0 {
            let (next, digit) = Base.split(carry)
            digits.append(digit)
            carry = next
        }
    }

    private mutating func trim() {
        while digits.last == 0 { digits.removeLast() }
    }
}

extension PositionalNumber {
    /// Up to so many digits are multiplied each with each. Their products of one column, below 2^120 each, fit 128 bits
    /// together.
    private static var fewDigits: Int { 48 }

    /// As many digits as both have together.
    private static func product(_ left: ArraySlice<UInt64>, _ right: ArraySlice<UInt64>) -> [UInt64] {
        let (long, short) = left.count >= right.count ? (left, right) : (right, left)
        if short.count <= fewDigits { return productOfFew(long, short) }
        let half = (long.count + 1) / 2
        let (low, high) = (long.prefix(half), long.dropFirst(half))
        var result: [UInt64]
        if short.count <= half {
            result = product(low, short)
            result.append(contentsOf: repeatElement(0, count: long.count + short.count - result.count))
            add(product(high, short)[...], to: &result, at: half)
            return result
        }
        let (otherLow, otherHigh) = (short.prefix(half), short.dropFirst(half))
        let lows = product(low, otherLow)
        let highs = product(high, otherHigh)
        var middle = product(sum(low, high)[...], sum(otherLow, otherHigh)[...])
        subtract(lows, from: &middle)
        subtract(highs, from: &middle)
        result = lows
        result.append(contentsOf: highs)
        add(middle[...], to: &result, at: half)
        return result
    }

    /// Column by column, with one carry for each.
    private static func productOfFew(_ long: ArraySlice<UInt64>, _ short: ArraySlice<UInt64>) -> [UInt64] {
        let count = long.count + short.count
        let (left, right) = (long.span, short.span)
        var result: [UInt64] = []
        result.reserveCapacity(count)
        var carry: UInt128 = 0
        for column in 0..<count {
            var sum = carry
            var index = max(0, column - left.count + 1)
            let end = min(column + 1, right.count)
            while index < end {
                // `index` is below the count of one, and `column - index` below that of the other, by the two lines
                // above.
                let (a, b) = unsafe (left[unchecked: column &- index], right[unchecked: index])
                sum &+= UInt128(a) &* UInt128(b)
                index &+= 1
            }
            let (next, digit) = Base.split(sum)
            result.append(digit)
            carry = next
        }
        return result
    }

    private static func sum(_ left: ArraySlice<UInt64>, _ right: ArraySlice<UInt64>) -> [UInt64] {
        var result = Array(left.count >= right.count ? left : right)
        result.append(0)
        add(left.count >= right.count ? right : left, to: &result, at: 0)
        return result
    }

    /// The sum fits the digits that are there: whoever calls has made room. Zeros at the high end of `more` may stand
    /// beyond them.
    private static func add(_ more: ArraySlice<UInt64>, to number: inout [UInt64], at start: Int) {
        var carry: UInt64 = 0
        var index = start
        for digit in more {
            if index == number.count { break }
            let sum = number[index] &+ digit &+ carry
            carry = sum >= Base.base ? 1 : 0
            number[index] = carry == 1 ? sum &- Base.base : sum
            index += 1
        }
        while carry == 1 && index < number.count {
            let sum = number[index] &+ 1
            carry = sum == Base.base ? 1 : 0
            number[index] = carry == 1 ? 0 : sum
            index += 1
        }
    }

    /// `less` is not more than `number`.
    private static func subtract(_ less: [UInt64], from number: inout [UInt64]) {
        var borrow: UInt64 = 0
        for index in number.indices {
            if index >= less.count && borrow == 0 { break }
            let taken = (index < less.count ? less[index] : 0) &+ borrow
            borrow = number[index] < taken ? 1 : 0
            number[index] = number[index] &- taken &+ (borrow == 1 ? Base.base : 0)
        }
    }
}
