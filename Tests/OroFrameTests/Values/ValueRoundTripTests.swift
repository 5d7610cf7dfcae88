// SPDX-License-Identifier: Apache-2.0

import BigInt
import OroFrame
import Testing

@Suite struct ValueRoundTripTests {
    @Test("20 000 generated values of every kind come back, and their bytes with them")
    func generatedValues() throws {
        var random = SeededGenerator(seed: 1)
        var kinds: Set<ValueKind> = []
        for _ in 0..<20_000 {
            let value = random.value()
            kinds.insert(value.kind)
            let bytes = try value.encoded()
            #expect(try value.encodedCount() == bytes.count)
            let decoded = try Value(encoded: bytes)
            // `==` overlooks the order of members and the sign of zero; the bytes do not.
            guard decoded == value, try decoded.encoded() == bytes else {
                Issue.record("\(value) came back as \(decoded)")
                return
            }
        }
        #expect(kinds == Set(ValueKind.allCases))
    }

    @Test("every integer width and its neighbours come back")
    func integerBoundaries() throws {
        for bit in 0..<64 {
            for offset in Int64(-34)...34 {
                let value = (Int64(1) << bit) &+ offset
                #expect(try Value(encoded: Value.int(value).encoded()) == .int(value))
            }
        }
    }

    @Test("small values take one byte, short strings one more than their text")
    func compactForms() throws {
        for value: Value in [nil, true, false, 0, 127, -1, -32, ""] {
            #expect(try value.encodedCount() == 1)
        }
        #expect(try Value.string("12345678").encodedCount() == 9)
        #expect(try Value.int(1000).encodedCount() == 3)
    }

    @Test("a bigint at the limit comes back, one byte more is refused by writer and reader")
    func bigintLimit() throws {
        let limits = FrameLimits()
        let largest = Value.bigint((BigInt(1) << (limits.maxBigIntBytes * 8)) - 1)
        #expect(try Value(encoded: largest.encoded()) == largest)
        let tooLarge = Value.bigint(BigInt(1) << (limits.maxBigIntBytes * 8))
        let error = FrameError.overLimit(
            .bigIntBytes, value: limits.maxBigIntBytes + 1, limit: limits.maxBigIntBytes)
        #expect(throws: error) { try tooLarge.encoded() }
        var wider = limits
        wider.maxBigIntBytes += 1
        let bytes = try tooLarge.encoded(limits: wider)
        #expect(throws: error) { try Value(encoded: bytes) }
    }

    @Test("nesting at the limit comes back, one level more is refused by writer and reader")
    func depthLimit() throws {
        func nested(_ depth: Int) -> Value {
            (0..<depth).reduce(Value.null) { inner, level in level % 2 == 0 ? [inner] : ["k": inner] }
        }
        #expect(try Value(encoded: nested(64).encoded()) == nested(64))
        let error = FrameError.overLimit(.depth, value: 65, limit: 64)
        #expect(throws: error) { try nested(65).encoded() }
        var deeper = FrameLimits()
        deeper.maxDepth = 65
        let bytes = try nested(65).encoded(limits: deeper)
        #expect(throws: error) { try Value(encoded: bytes) }
    }

    @Test("items are counted over all levels")
    func itemLimit() throws {
        var limits = FrameLimits()
        limits.maxItems = 5
        let fits: Value = [1, [2, 3], 4]
        let tooMany: Value = [1, [2, 3], ["a": 4]]
        #expect(try Value(encoded: fits.encoded(limits: limits), limits: limits) == fits)
        let error = FrameError.overLimit(.items, value: 6, limit: 5)
        #expect(throws: error) { try tooMany.encoded(limits: limits) }
        let bytes = try tooMany.encoded()
        #expect(throws: error) { try Value(encoded: bytes, limits: limits) }
    }

    @Test("a value longer than a frame is refused before it is written")
    func frameLimit() {
        var limits = FrameLimits()
        limits.maxFrameBytes = 100
        #expect(throws: FrameError.overLimit(.frameBytes, value: 101, limit: 100)) {
            try Value.bytes([UInt8](repeating: 0, count: 101)).encoded(limits: limits)
        }
    }
}
