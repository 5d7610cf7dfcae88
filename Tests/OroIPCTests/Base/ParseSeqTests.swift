// SPDX-License-Identifier: Apache-2.0

import BigInt
import OroIPC
import Testing

// The table of the behaviour's section 4, both columns. Left out: `undefined`, which is the absence of a value in
// Swift, and options that are not what they should be (`{bigint: 1}`): the two columns are two functions.
@Suite("parseSeq")
struct ParseSeqTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let input: Value
        let number: Double
        /// `nil`: refused.
        let exact: String?
        var testDescription: String { input.json() }

        init(_ input: Value, _ number: Double, _ exact: String?) {
            self.input = input
            self.number = number
            self.exact = exact
        }
    }

    static let rows: [Row] = [
        Row("R12", 12, "12"), Row("r12", 12, "12"), Row("12", 12, "12"), Row(12, 12, "12"), Row(.bigint(12), 12, "12"),
        Row("R12n", 12, "12"), Row("r7n", 7, "7"),
        Row("", .nan, "0"), Row("R", .nan, "0"), Row("n", .nan, "0"), Row("Rn", .nan, "0"),
        Row("abc", .nan, nil), Row("RR12", .nan, nil),
        Row("-1", -1, "-1"), Row("R-1", -1, "-1"), Row("+5", 5, "5"),
        Row("0x10", 16, "16"), Row("R0x10", 16, "16"), Row("0b11", 0, "3"), Row("0o17", 0, "15"),
        Row("0777", 777, "777"),
        Row("-0x10", -16, nil), Row("0x", .nan, nil),
        Row("1e3", 1, nil), Row(1e21, 1, nil), Row(1e20, 1e20, "100000000000000000000"), Row(1e-7, 1, nil),
        Row(0.25, 0, nil),
        Row(12.9, 12, nil), Row("12.9", 12, nil), Row("12abc", 12, nil), Row("1_000", 1, nil),
        Row(" 12 ", 12, "12"), Row("R12\n", 12, "12"), Row("\u{FEFF}\u{A0}12\u{2028}", 12, "12"),
        Row("\u{85}12", .nan, nil),
        Row("R12nn", 12, nil), Row("r12N", 12, nil),
        Row("9007199254740993", 9_007_199_254_740_992, "9007199254740993"),
        Row("R18446744073709551615", 18_446_744_073_709_551_616, "18446744073709551615"),
        Row("18446744073709551616", 18_446_744_073_709_551_616, "18446744073709551616"),
        Row("-18446744073709551616", -18_446_744_073_709_551_616, "-18446744073709551616"),
        Row(.null, .nan, nil), Row(true, .nan, nil), Row([:], .nan, nil), Row(.double(.nan), .nan, nil),
        Row("Infinity", .nan, nil), Row(.double(.infinity), .nan, nil), Row([7], 7, "7"), Row([7, nil], 7, nil),
        Row([], .nan, "0"),
        Row("1\u{301}", 1, nil),
    ]

    @Test("a seq is read as leniently as JavaScript does, or exactly", arguments: rows)
    func table(row: Row) throws {
        let number = parseSeq(row.input)
        #expect(number == row.number || (number.isNaN && row.number.isNaN))
        if let exact = row.exact {
            #expect(try parseSeq(bigint: row.input) == Seq(BigInt(exact)!))
        } else {
            #expect(throws: SeqError.self) { try parseSeq(bigint: row.input) }
        }
        if case .string(let text) = row.input {
            let same = parseSeq(text)
            #expect(same == number || (same.isNaN && number.isNaN))
            #expect((try? parseSeq(bigint: text)) == (try? parseSeq(bigint: row.input)))
        }
    }

    @Test("an exact seq has a bounded number of digits, and any up to there")
    func bounded() throws {
        let digits = String(repeating: "9", count: 4096)
        #expect(try parseSeq(bigint: "R" + digits).description == digits)
        #expect(throws: SeqError.tooManyDigits(count: 4097, limit: 4096)) { try parseSeq(bigint: digits + "0") }
        #expect(throws: SeqError.notADigit(offset: 1)) { try parseSeq(bigint: "1_0") }
    }
}
