// SPDX-License-Identifier: Apache-2.0

import BigInt
import OroFrame

// `parseSeq`, which reads numbers as lenient as JavaScript does. Nothing here relies on it: `Seq` reads strictly.

/// Reads a seq as `oro:ipc` does: one `R` or `r` in front and one `n` behind are dropped, and the digits the rest
/// starts with count. NaN when it starts with none.
///
/// ```swift
/// parseSeq("R12")                     // 12
/// parseSeq("12abc")                   // 12
/// parseSeq("9007199254740993")        // 9007199254740992, the double next to it
/// try parseSeq(bigint: "9007199254740993")   // exact
/// ```
///
/// A number after `0x` is hexadecimal. O(n).
public func parseSeq(_ seq: some StringProtocol) -> Double { integerPrefix(of: withoutMarks(String(seq))) }

/// The same of any value, by the text it has in JavaScript.
public func parseSeq(_ seq: Value) -> Double { parseSeq(seq.scriptText) }

/// Reads a seq exactly, whatever its size: as above, but the rest must be a whole number, decimal with a sign or in
/// `0x`, `0o` or `0b`, or nothing, which is 0. Throws when it is not, or has more digits than
/// ``FrameLimits/maxSeqDigits``. O(n²), so bounded.
public func parseSeq(bigint seq: some StringProtocol) throws(SeqError) -> Seq {
    let text = trimmed(withoutMarks(String(seq)))
    if text.isEmpty { return Seq(0 as UInt64) }
    if text.first == UInt8(ascii: "0"), text.count > 1 {
        switch text[1] | 0x20 {
        case UInt8(ascii: "x"): return try exactly(text.dropFirst(2), radix: 16)
        case UInt8(ascii: "o"): return try exactly(text.dropFirst(2), radix: 8)
        case UInt8(ascii: "b"): return try exactly(text.dropFirst(2), radix: 2)
        default: break
        }
    }
    let isNegative = text.first == UInt8(ascii: "-")
    let hasSign = isNegative || text.first == UInt8(ascii: "+")
    return try exactly(text.dropFirst(hasSign ? 1 : 0), radix: 10, isNegative: isNegative)
}

/// The same of any value, by the text it has in JavaScript.
public func parseSeq(bigint seq: Value) throws(SeqError) -> Seq { try parseSeq(bigint: seq.scriptText) }

/// Without one mark of a seq in front, and one of a bigint behind.
private func withoutMarks(_ text: String) -> String {
    var utf8 = text.utf8[...]
    if let first = utf8.first, first | 0x20 == UInt8(ascii: "r") { utf8 = utf8.dropFirst() }
    if utf8.last == UInt8(ascii: "n") { utf8 = utf8.dropLast() }
    return String(Substring(utf8))
}

private func exactly(
    _ digits: ArraySlice<UInt8>, radix: Int, isNegative: Bool = false
) throws(SeqError) -> Seq {
    let limit = FrameLimits.default.maxSeqDigits
    if digits.isEmpty { throw .noDigits }
    if digits.count > limit { throw .tooManyDigits(count: digits.count, limit: limit) }
    for (index, byte) in zip(digits.indices, digits) where digit(byte) >= radix { throw .notADigit(offset: index) }
    // Only digits, so it is an integer.
    let text = String(decoding: digits, as: UTF8.self)
    if radix == 10 { return try Seq((isNegative ? "-" : "") + text) }
    guard let magnitude = BigUInt(text, radix: radix) else { throw .noDigits }
    return Seq(BigInt(sign: isNegative ? .minus : .plus, magnitude: magnitude))
}

/// The integer a text starts with, after white space and a sign, decimal or after `0x` hexadecimal; NaN when there is
/// none.
func integerPrefix(of text: String) -> Double {
    var rest = trimmed(text)[...]
    let isNegative = rest.first == UInt8(ascii: "-")
    if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
    var radix = 10
    if rest.count > 1, rest.first == UInt8(ascii: "0"), rest[rest.startIndex + 1] | 0x20 == UInt8(ascii: "x") {
        radix = 16
        rest = rest.dropFirst(2)
    }
    let digits = String(decoding: rest.prefix { digit($0) < radix }, as: UTF8.self)
    guard !digits.isEmpty, let magnitude = Double(radix == 16 ? "0x" + digits : digits) else { return .nan }
    return isNegative ? -magnitude : magnitude
}

/// What a digit stands for, up to 15 for `f`; 255 for what is none.
private func digit(_ byte: UInt8) -> Int {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte - UInt8(ascii: "a")) + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte - UInt8(ascii: "A")) + 10
    default: 255
    }
}

/// The bytes of a text without JavaScript's white space around it.
private func trimmed(_ text: String) -> [UInt8] {
    let isSpace: (UnicodeScalar) -> Bool = { scalar in
        scalar == "\u{FEFF}" || (scalar != "\u{85}" && scalar.properties.isWhitespace)
    }
    let scalars = text.unicodeScalars
    guard let first = scalars.firstIndex(where: { !isSpace($0) }), let last = scalars.lastIndex(where: { !isSpace($0) })
    else { return [] }
    return Array(text.utf8[first..<scalars.index(after: last)])
}

extension Value {
    /// The text JavaScript makes of this value.
    var scriptText: String {
        switch self {
        case .double(let number) where number.isFinite: Value.scriptText(number)
        case .array(let elements): elements.map { $0.isNull ? "" : $0.scriptText }.joined(separator: ",")
        case .object: "[object Object]"
        default: parameterText
        }
    }

    /// The same shortest digits as Swift's, with an exponent only from 10^21 on and below 10^-6.
    private static func scriptText(_ number: Double) -> String {
        if number == 0 { return "0" }
        let parts = abs(number).description.split(separator: "e")
        let halves = parts[0].split(separator: ".")
        let fraction = halves.count > 1 && halves[1] != "0" ? String(halves[1]) : ""
        var digits = String(halves[0]) + fraction
        // Where the point stands, counted from the first digit.
        var point = halves[0].count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        let leading = digits.prefix { $0 == "0" }.count
        digits.removeFirst(leading)
        point -= leading
        while digits.last == "0" { digits.removeLast() }
        let sign = number < 0 ? "-" : ""
        let count = digits.count
        switch point {
        case 1...21 where point >= count: return sign + digits + String(repeating: "0", count: point - count)
        case 1...21: return sign + digits.prefix(point) + "." + digits.dropFirst(point)
        case -5...0: return sign + "0." + String(repeating: "0", count: -point) + digits
        default:
            let exponent = point - 1
            let mantissa = count == 1 ? digits : digits.prefix(1) + "." + digits.dropFirst()
            return sign + mantissa + "e" + (exponent < 0 ? "-" : "+") + String(abs(exponent))
        }
    }
}
