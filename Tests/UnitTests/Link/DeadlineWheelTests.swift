// SPDX-License-Identifier: Apache-2.0

import OroLink
import Testing

@Suite("The deadline wheel")
struct DeadlineWheelTests {
    @Test("expires each thing once, not before its time and at the first look after it")
    func expires() {
        var wheel = DeadlineWheel(now: 100)
        let deadlines: [UInt64] = [101, 101, 150, 4195, 4196, 4197, 9000, 50, 100_000]
        for (index, deadline) in deadlines.enumerated() { wheel.set(UInt32(index), at: deadline) }
        var expired: [UInt32: UInt64] = [:]
        var now: UInt64 = 100
        while wheel.count > 0 {
            let next = wheel.next!
            #expect(next > now)
            now = next
            for index in wheel.advance(to: now) {
                #expect(expired[index] == nil)
                expired[index] = now
            }
        }
        for (index, deadline) in deadlines.enumerated() { #expect(expired[UInt32(index)] == max(deadline, 101)) }
    }

    @Test("a cleared deadline never expires, and its number can be used again")
    func clears() {
        var wheel = DeadlineWheel(now: 0)
        for index in 0..<100 as Range<UInt32> { wheel.set(index, at: 10) }
        for index in 0..<100 as Range<UInt32> where index % 2 == 0 { wheel.clear(index) }
        wheel.clear(7_000)
        wheel.set(0, at: 20)
        #expect(Set(wheel.advance(to: 15)) == Set((0..<100).filter { $0 % 2 == 1 }))
        #expect(wheel.next == 20)
        #expect(wheel.advance(to: 1_000_000) == [0])
        #expect(wheel.next == nil)
    }
}
