// SPDX-License-Identifier: Apache-2.0

import Testing

import OroTool

@Suite("Percentiles and units")
struct PercentilesTests {
    @Test("percentiles are the nearest ranks, in any order of the samples")
    func ranks() {
        let times = Percentiles(samples: (1...1000).reversed())
        #expect((times.p50, times.p99, times.p999, times.max) == (500, 990, 999, 1000))
        let one = Percentiles(samples: [7])
        #expect((one.p50, one.p99, one.p999, one.max) == (7, 7, 7, 7))
        let none = Percentiles(samples: [])
        #expect((none.count, none.p50, none.max) == (0, 0, 0))
        #expect(Percentiles(samples: [1, 2]).p50 == 1)
    }

    @Test("units show about three digits")
    func units() {
        #expect(Units.time(999) == "999 ns")
        #expect(Units.time(1000) == "1.00 us")
        #expect(Units.time(12_345_678) == "12.3 ms")
        #expect(Units.time(3_000_000_000) == "3.00 s")
        #expect(Units.bytes(1) == "1 bytes")
        #expect(Units.bytes(1_500_000) == "1.50 MB")
        #expect(Units.count(1_234_567) == "1 234 567")
        #expect(Units.count(12) == "12")
        #expect(Units.fixed(0.05, 3) == "0.050")
    }

    @Test("what could steer a terminal is shown, not sent")
    func showing() {
        #expect(String(showing: "plain é 日本") == "plain é 日本")
        #expect(String(showing: "a\nb\u{1B}[31m") == "a\\nb\\x1B[31m")
        #expect(String(showing: [0x61, 0xFF, 0xC3, 0x28, 0xE2, 0x82]) == "a\\xFF\\xC3(\\xE2\\x82")
        #expect(String(showing: "\u{202E}evil\u{9B}") == "\\u{202E}evil\\u{9B}")
    }
}
