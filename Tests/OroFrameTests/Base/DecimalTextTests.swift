// SPDX-License-Identifier: Apache-2.0

import BigInt
import OroFrame
import Synchronization
import Testing

@Suite struct DecimalTextTests {
    @Test("big integers and their digits are what the package BigInt says, at every length")
    func agreesWithPackage() {
        var random = SeededGenerator(seed: 60)
        let lengths = Array(1...40) + [59, 60, 61, 120, 288, 289, 600, 1024, 4096]
        for bytes in lengths {
            for fill in 0..<4 {
                var words = (0..<(bytes + 7) / 8).map { _ in
                    fill == 0 ? UInt.max : fill == 1 ? 0 : UInt(truncatingIfNeeded: random.next())
                }
                words[words.count - 1] |= 1 << 62
                let magnitude = BigUInt(words: words) >> (words.count * 64 - bytes * 8)
                for sign in [BigInt.Sign.plus, .minus] {
                    let number = BigInt(sign: sign, magnitude: magnitude)
                    let text = number.decimalText
                    #expect(text == String(number))
                    #expect(BigInt(decimal: text) == number)
                }
            }
        }
    }

    @Test("powers of ten and their neighbours keep their zeros and nines")
    func powersOfTen() {
        for digits in [17, 18, 19, 35, 36, 37, 287, 288, 289, 900, 5000] {
            let text = "1" + String(repeating: "0", count: digits)
            let number = BigInt(decimal: text)
            #expect(number?.decimalText == text)
            #expect(number.map { ($0 - 1).decimalText } == String(repeating: "9", count: digits))
            #expect(number.map { (-$0).decimalText } == "-" + text)
        }
    }

    @Test(
        "what is no integer has no number", arguments: ["", "-", "+", " 1", "1 ", "1e3", "--1", "0x1", "1\u{301}", "٣"])
    func refused(_ text: String) {
        #expect(BigInt(decimal: text) == nil)
    }

    @Test("signs and leading zeros", arguments: [("+5", 5), ("-5", -5), ("007", 7), ("-0", 0), ("0", 0)])
    func signs(_ text: String, _ number: Int) {
        #expect(BigInt(decimal: text) == BigInt(number))
    }

    /// A base that counts how often a digit is split from what is carried.
    private enum CountingBase: PositionalBase {
        static let splits = Atomic<Int>(0)
        static var base: UInt64 { DecimalBase.base }
        static func split(_ sum: UInt128) -> (carry: UInt128, digit: UInt64) {
            splits.add(1, ordering: .relaxed)
            return DecimalBase.split(sum)
        }
    }

    @Test("four times the digits take less than ten times the work, and not sixteen times")
    func lessThanQuadratic() {
        func work(_ digits: Int) -> Int {
            let before = CountingBase.splits.load(ordering: .relaxed)
            let binary = PositionalNumber<BinaryBase>(digits: Array(repeating: 0x0ABC_DEF0_1234_567, count: digits))
            _ = PositionalNumber<CountingBase>(binary)
            return CountingBase.splits.load(ordering: .relaxed) - before
        }
        let counts = [1 << 9, 1 << 11, 1 << 13].map(work)
        #expect(counts[1] < 10 * counts[0] && counts[2] < 10 * counts[1], "\(counts)")
    }
}
