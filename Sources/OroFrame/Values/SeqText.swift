// SPDX-License-Identifier: Apache-2.0

/// Why a text is not a ``Seq``.
public enum SeqError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nothing but white space, or no digit after the sign.
    case noDigits
    /// Something else than a digit; `offset` counts UTF-8 bytes from the text's start.
    case notADigit(offset: Int)
    /// More digits than ``FrameLimits/maxSeqDigits``.
    case tooManyDigits(count: Int, limit: Int)

    public var description: String {
        switch self {
        case .noDigits: "a seq needs at least one decimal digit"
        case .notADigit(let offset): "a seq has only decimal digits; look at offset \(offset)"
        case .tooManyDigits(let count, let limit): "a seq of \(count) digits; at most \(limit) are accepted"
        }
    }
}

extension Seq {
    /// Reads a seq as users write it: white space around it, one `R` or `r` in front, one `-`, decimal digits, one
    /// `n` behind. O(n).
    public init(_ text: some StringProtocol, limits: FrameLimits = .default) throws(SeqError) {
        let utf8 = Array(text.utf8)
        var range = utf8.startIndex..<utf8.endIndex
        while let first = range.first, Seq.isSpace(utf8[first]) { range.removeFirst() }
        while let last = range.last, Seq.isSpace(utf8[last]) { range.removeLast() }
        if let first = range.first, utf8[first] | 0x20 == UInt8(ascii: "r") { range.removeFirst() }
        if let last = range.last, utf8[last] == UInt8(ascii: "n") { range.removeLast() }
        var negative = false
        if let first = range.first, utf8[first] == UInt8(ascii: "-") {
            negative = true
            range.removeFirst()
        }
        self = try Seq.parse(digits: utf8[range], negative: negative, limits: limits)
    }

    /// A seq from its digits alone.
    static func parse(
        digits: ArraySlice<UInt8>, negative: Bool, limits: FrameLimits
    ) throws(SeqError) -> Seq {
        guard !digits.isEmpty else { throw .noDigits }
        guard digits.count <= limits.maxSeqDigits else {
            throw .tooManyDigits(count: digits.count, limit: limits.maxSeqDigits)
        }
        var small: UInt64? = 0
        for (offset, byte) in zip(digits.indices, digits) {
            guard let digit = Seq.digit(byte) else { throw .notADigit(offset: offset) }
            small = small.flatMap { Seq.appending(digit, to: $0) }
        }
        if let small, !negative || small == 0 { return Seq(small) }
        // Only digits, of which one is not 0.
        let shortest = digits.drop { $0 == UInt8(ascii: "0") }
        return Seq(wide: (negative ? "-" : "") + String(decoding: shortest, as: UTF8.self))
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        let digit = byte &- UInt8(ascii: "0")
        return digit < 10 ? digit : nil
    }

    private static func appending(_ digit: UInt8, to number: UInt64) -> UInt64? {
        let (tenfold, overflow) = number.multipliedReportingOverflow(by: 10)
        let (sum, carry) = tenfold.addingReportingOverflow(UInt64(digit))
        return overflow || carry ? nil : sum
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0D).contains(byte)
    }
}
