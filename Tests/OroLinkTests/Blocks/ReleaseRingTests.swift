// SPDX-License-Identifier: Apache-2.0

import CSupport
import Testing

@Suite("Release ring")
struct ReleaseRingTests {
    @Test("come once each, in order, over more laps than a lap's number has bits")
    func laps() {
        let slots: UInt64 = 512
        let ring = UnsafeMutableRawPointer.allocate(byteCount: Int(slots) * 8, alignment: 64)
        ring.initializeMemory(as: UInt8.self, repeating: 0, count: Int(slots) * 8)
        defer { ring.deallocate() }
        var given: UInt64 = 0, taken: UInt64 = 0, early = 0, wrong = 0
        var state: UInt64 = 88_172_645_463_325_252
        // Zero and all ones are loans like others.
        func loan(_ number: UInt64) -> UInt64 {
            [0, loanMask, number, number &* 0x9E37_79B9_7F4A_7C15][Int(number % 4)]
                & loanMask
        }
        var found: UInt64 = 0
        while taken < slots * 700 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            // From none to all of the places.
            for _ in 0..<min(state % (slots + 1), slots - (given - taken)) {
                oro_return_give(ring, slots, given, loan(given))
                given += 1
            }
            for _ in 0..<(state >> 32) % (slots + 1) {
                let isThere = oro_return_take(ring, slots, taken, &found)
                if isThere != (taken < given) { early += 1 }
                if !isThere { break }
                if found != loan(taken) { wrong += 1 }
                taken += 1
            }
        }
        #expect(early == 0 && wrong == 0)
    }
}

/// Swift does not see the macro.
private let loanMask: UInt64 = (1 << UInt64(ORO_RETURN_LAP_SHIFT)) - 1
