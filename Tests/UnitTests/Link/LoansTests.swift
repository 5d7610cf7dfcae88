// SPDX-License-Identifier: Apache-2.0

import CSupport
import Testing

@testable import OroLink

@Suite("Loans")
struct LoansTests {
    @Test("a loan whose frame was not committed cannot be given back, and is there when the frame is not sent")
    func guessed() {
        var loans = Loans()
        let number = loans.take(7)
        let early = loans.finish(number, by: .peer)
        #expect(early == nil, "a guessed return")
        let back = loans.finish(number, by: .sender)
        #expect(back == 7)
        let count = loans.count
        #expect(count == 0)
    }

    @Test("a loan that was lent comes back once, from the peer alone")
    func lent() {
        var loans = Loans()
        let number = loans.take(3)
        loans.lend(number)
        let mine = loans.finish(number, by: .sender)
        #expect(mine == nil, "its frame is on its way")
        let first = loans.finish(number, by: .peer)
        let second = loans.finish(number, by: .peer)
        #expect(first == 3 && second == nil)
        let late = loans.finish(number, by: .sender)
        #expect(late == nil)
        let again = loans.take(4)
        #expect(again != number, "the place is used again, the number is not")
        let stale = loans.finish(number, by: .peer)
        #expect(stale == nil)
    }

    @Test("no number of a peer's is a trap, and none but those that are lent ends a loan")
    func anyNumber() {
        var loans = Loans()
        var lent: [UInt64] = []
        for block in 0..<100 {
            let number = loans.take(Int32(block))
            if block % 3 == 0 {
                loans.lend(number)
                lent.append(number)
            }
        }
        var state: UInt64 = 88_172_645_463_325_252
        var numbers: [UInt64] = [0, .max, 1 << 55, 1 << 32, 99 << 32, 100 << 32, 1 << 63, UInt64(UInt32.max)]
        for _ in 0..<10_000 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            numbers += [state, state >> 24, state >> 25, state % 128 << 32 | state >> 62]
        }
        for number in numbers where !lent.contains(number) {
            let block = loans.finish(number, by: .peer)
            #expect(block == nil, "\(number)")
        }
        for (index, number) in lent.enumerated() {
            let block = loans.finish(number, by: .peer)
            #expect(block == Int32(3 * index))
        }
        let left = loans.count
        #expect(left == 100 - lent.count)
    }
}
