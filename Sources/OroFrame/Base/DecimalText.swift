// SPDX-License-Identifier: Apache-2.0

public import BigInt

/// Integers of any size as decimal digits, and back, in O(n^1.59). The package BigInt does it in O(n²), on Characters:
/// a peer's number of 16 KiB took it 90 ms.
package enum DecimalText {
    /// The number of these digits; `nil` when one of them is none, or there is none.
    package static func number(_ digits: Span<UInt8>, isNegative: Bool = false) -> BigInt? {
        if digits.isEmpty { return nil }
        var decimals: [UInt64] = []
        decimals.reserveCapacity((digits.count + width - 1) / width)
        var end = digits.count
        while end > 0 {
            let start = max(0, end - width)
            var group: UInt64 = 0
            for index in start..<end {
                let digit = digits[index] &- UInt8(ascii: "0")
                guard digit < 10 else { return nil }
                group = group * 10 + UInt64(digit)
            }
            decimals.append(group)
            end = start
        }
        let binary = PositionalNumber<BinaryBase>(PositionalNumber<DecimalBase>(digits: decimals))
        return BigInt(sign: isNegative ? .minus : .plus, magnitude: BigUInt(words: words(binary.digits)))
    }

    /// The number of a text of digits, with `-` or `+` in front or nothing; `nil` when it is none.
    package static func number(_ text: String) -> BigInt? {
        let span = text.utf8.span
        guard !span.isEmpty else { return nil }
        let hasSign = span[0] == UInt8(ascii: "-") || span[0] == UInt8(ascii: "+")
        return number(span.extracting((hasSign ? 1 : 0)..<span.count), isNegative: span[0] == UInt8(ascii: "-"))
    }

    /// The digits of a number, with `-` in front of a negative one.
    package static func text(_ number: BigInt) -> String {
        if let small = Int64(exactly: number) { return String(small) }
        let decimal = PositionalNumber<DecimalBase>(PositionalNumber<BinaryBase>(digits: limbs(number.magnitude)))
        let digits = decimal.digits
        var text: [UInt8] = []
        text.reserveCapacity(digits.count * width + 1)
        if number.sign == .minus { text.append(UInt8(ascii: "-")) }
        for (index, group) in digits.reversed().enumerated() {
            let first = text.count
            var rest = group
            // All groups but the first have all their zeros.
            while index > 0 ? text.count - first < width : rest > 0 {
                text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
                rest /= 10
            }
            text[first...].reverse()
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Digits of ``DecimalBase``.
    private static let width = 18

    /// The words of 64 bits that digits of 60 bits are.
    private static func words(_ digits: [UInt64]) -> [UInt] {
        var words: [UInt] = []
        words.reserveCapacity(digits.count + 1)
        var pending: UInt128 = 0
        var bits: UInt128 = 0
        for digit in digits {
            pending |= UInt128(digit) << bits
            bits += 60
            if bits >= 64 {
                words.append(UInt(truncatingIfNeeded: pending))
                pending >>= 64
                bits -= 64
            }
        }
        if pending > 0 { words.append(UInt(truncatingIfNeeded: pending)) }
        return words
    }

    private static func limbs(_ number: BigUInt) -> [UInt64] {
        let words = number.words
        var digits: [UInt64] = []
        digits.reserveCapacity(words.count * 16 / 15 + 2)
        var pending: UInt128 = 0
        var bits: UInt128 = 0
        for word in words {
            pending |= UInt128(UInt64(word)) << bits
            bits += 64
            while bits >= 60 {
                digits.append(UInt64(truncatingIfNeeded: pending) & (1 << 60 - 1))
                pending >>= 60
                bits -= 60
            }
        }
        if pending > 0 { digits.append(UInt64(truncatingIfNeeded: pending)) }
        return digits
    }
}

extension BigInt {
    /// The integer that a text of decimal digits is, with `-` or `+` in front or nothing; `nil` when it is none. Takes
    /// O(n^1.59), where `BigInt(text)` takes O(n²): use this for a text that a peer has sent.
    public init?(decimal text: String) {
        guard let number = DecimalText.number(text) else { return nil }
        self = number
    }

    /// The decimal digits, with `-` in front of a negative number. Takes O(n^1.59), where `String(number)` takes O(n²):
    /// use this for a number that a peer has sent.
    public var decimalText: String { DecimalText.text(self) }
}
