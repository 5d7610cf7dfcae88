// SPDX-License-Identifier: Apache-2.0

import BigInt
import OroFrame
import Testing

@Suite struct SeqTests {
    @Test(
        "texts that are a seq",
        arguments: [
            ("0", "0"), ("5", "5"), ("R12", "12"), ("r12", "12"), ("12n", "12"), ("R12n", "12"),
            (" 12\n", "12"),
            ("\t R7 ", "7"), ("007", "7"), ("-0", "0"), ("-1", "-1"), ("R-1", "-1"), ("-1n", "-1"),
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551616", "18446744073709551616"),
            ("-18446744073709551616", "-18446744073709551616"),
            ("9223372036854775808", "9223372036854775808"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
        ])
    func accepted(text: String, decimal: String) throws {
        let seq = try Seq(text)
        #expect(seq.description == decimal)
        #expect(seq.rText == "R" + decimal)
        #expect(seq == Seq(try #require(BigInt(decimal))))
        #expect(try Seq(seq.rText) == seq)
        #expect((seq.small == nil) == (UInt64(decimal) == nil))
    }

    @Test(
        "texts that are none",
        arguments: [
            ("", SeqError.noDigits), ("   ", .noDigits), ("R", .noDigits), ("n", .noDigits), ("-", .noDigits),
            ("R-n", .noDigits), ("abc", .notADigit(offset: 0)), ("RR1", .notADigit(offset: 1)),
            ("1R", .notADigit(offset: 1)), ("1 2", .notADigit(offset: 1)), ("+1", .notADigit(offset: 0)),
            ("--1", .notADigit(offset: 1)), ("1.5", .notADigit(offset: 1)), ("0x10", .notADigit(offset: 1)),
            ("12nn", .notADigit(offset: 2)), ("R 1", .notADigit(offset: 1)), ("١", .notADigit(offset: 0)),
        ])
    func refused(text: String, error: SeqError) {
        #expect(throws: error) { try Seq(text) }
    }

    @Test("4096 digits are accepted, 4097 are not")
    func digitLimit() throws {
        let longest = String(repeating: "9", count: 4096)
        #expect(try Seq(longest).description == longest)
        #expect(try Seq("-" + longest).description == "-" + longest)
        #expect(throws: SeqError.tooManyDigits(count: 4097, limit: 4096)) { try Seq(longest + "0") }
    }

    @Test("seqs are ordered as integers, small and wide together")
    func order() {
        let two64 = BigInt(1) << 64
        let ascending = [Seq(-two64), .unsolicited, 0, 1, Seq(UInt64.max), Seq(two64), Seq(two64 * two64)]
        for (left, lower) in ascending.enumerated() {
            for (right, upper) in ascending.enumerated() {
                #expect((lower < upper) == (left < right))
                #expect((lower == upper) == (left == right))
            }
        }
    }

    @Test("one number has one form, whichever way it was made")
    func oneForm() throws {
        #expect(Set([Seq(5 as UInt64), Seq(BigInt(5)), 5, try Seq("R5")]).count == 1)
        #expect(Set([Seq.unsolicited, -1, try Seq("-1"), Seq(BigInt(-1))]).count == 1)
        #expect(Seq.unsolicited.description == "-1")
        #expect(Seq.unsolicited.low64 == UInt64.max)
    }

    @Test("a wide seq at the limit of digits travels in a frame, one digit more is refused")
    func wideSeqInFrame() throws {
        let longest = try Seq("-" + String(repeating: "9", count: 4096))
        #expect(try Frame.decoded(Frame(.post, seq: longest).encoded()).0.seq == longest)
        let tooLong = Seq(longest.number * 10)
        #expect(throws: FrameError.overLimit(.seqDigits, value: 4097, limit: 4096)) {
            try Frame(.post, seq: tooLong).encoded()
        }
    }
}
