// SPDX-License-Identifier: Apache-2.0

import OroFrame
import Testing

@Suite struct DecoderTotalityTests {
    @Test("every truncation of a value is refused")
    func truncatedValues() throws {
        var random = SeededGenerator(seed: 2)
        for _ in 0..<2_000 {
            let bytes = try random.value(depth: 3).encoded()
            for count in 0..<min(bytes.count, 300) {
                #expect(throws: FrameError.self) { try Value(encoded: Array(bytes.prefix(count))) }
            }
        }
    }

    @Test("every truncation of a frame is refused")
    func truncatedFrames() throws {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<1_000 {
            let (frame, payload) = random.frame()
            let bytes = try frame.encoded(payload: payload)
            for count in 0..<min(bytes.count, 300) {
                #expect(throws: FrameError.self) { _ = try Frame.decoded(Array(bytes.prefix(count))) }
            }
        }
    }

    @Test("200 000 mutated values decode to what encodes to the same bytes, or are refused")
    func mutatedValues() throws {
        var random = SeededGenerator(seed: 4)
        var decodedCount = 0
        for _ in 0..<20_000 {
            let original = try random.value(depth: 3).encoded()
            for _ in 0..<10 {
                let bytes = random.mutation(of: original)
                guard let value = try? Value(encoded: bytes) else { continue }
                decodedCount += 1
                guard try value.encoded() == bytes else {
                    Issue.record("not canonical: \(bytes)")
                    return
                }
            }
        }
        #expect(decodedCount > 1_000)
    }

    @Test("a value is refused by a look at all of it where it is refused by the decoder")
    func checkedValues() throws {
        var random = SeededGenerator(seed: 40)
        var (good, bad) = (0, 0)
        for _ in 0..<5_000 {
            let original = try random.value(depth: 3).encoded()
            for _ in 0..<10 {
                let bytes = random.mutation(of: original)
                let isGood = (try? Value(encoded: bytes)) != nil
                let passes: Bool
                do throws(FrameError) {
                    try unsafe ValueView(bytes.span.bytes).check()
                    passes = true
                } catch {
                    passes = false
                }
                guard isGood == passes else {
                    Issue.record("decoded: \(isGood), passed: \(passes): \(bytes)")
                    return
                }
                if isGood { good += 1 } else { bad += 1 }
            }
        }
        #expect(good > 1_000 && bad > 1_000)
    }

    @Test("50 000 mutated frames decode to what encodes to the same bytes, or are refused")
    func mutatedFrames() throws {
        var random = SeededGenerator(seed: 5)
        var decodedCount = 0
        for _ in 0..<5_000 {
            let (frame, payload) = random.frame()
            let original = try frame.encoded(payload: payload)
            for _ in 0..<10 {
                let bytes = random.mutation(of: original)
                guard let (decoded, payload) = try? Frame.decoded(bytes) else { continue }
                decodedCount += 1
                guard try decoded.encoded(payload: payload) == bytes else {
                    Issue.record("not canonical: \(bytes)")
                    return
                }
            }
        }
        #expect(decodedCount > 1_000)
    }

    @Test("100 000 strings of random bytes are values in canonical form, or refused")
    func randomBytes() throws {
        var random = SeededGenerator(seed: 6)
        for _ in 0..<100_000 {
            var bytes = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            // Half of them start as containers do, or they would end at the first byte.
            if Bool.random(using: &random), bytes.count > 3 {
                bytes.replaceSubrange(
                    0..<2, with: [Bool.random(using: &random) ? 0xD8 : 0xDC, UInt8(bytes.count - 3)])
            }
            if let value = try? Value(encoded: bytes) { #expect(try value.encoded() == bytes) }
        }
    }

    @Test("a depth bomb is refused at the limit, in arrays and in objects")
    func depthBombs() {
        var array: [UInt8] = [0xC0]
        var object: [UInt8] = [0xC0]
        for _ in 0..<2_000 {
            array = container(0xD8, array)
            object = container(0xDC, [0x80] + object)
        }
        #expect(throws: FrameError.overLimit(.depth, value: 65, limit: 64)) { try Value(encoded: array) }
        #expect(throws: FrameError.overLimit(.depth, value: 65, limit: 64)) { try Value(encoded: object) }
    }

    @Test("a huge declared count is refused before it allocates")
    func hugeCounts() {
        for tag: UInt8 in [0xDA, 0xDE] {
            let content = [UInt8](repeating: 0xC0, count: 70_000)
            let bytes = [tag] + UInt32(content.count).bytes + UInt32.max.bytes + content
            let needed = Int(UInt32.max) * (tag == 0xDE ? 2 : 1)
            #expect(throws: FrameError.truncated(.value, offset: 9, needed: needed, remaining: 70_000)) {
                try Value(encoded: bytes)
            }
        }
        let many =
            [0xDA] + UInt32(2_000_000).bytes + UInt32(2_000_000).bytes
            + [UInt8](repeating: 0, count: 2_000_000)
        #expect(throws: FrameError.overLimit(.items, value: 2_000_000, limit: 1 << 20)) {
            try Value(encoded: many)
        }
    }

    @Test("all 256 first bytes, with all 256 second bytes and zeros behind, never trap")
    func allTags() {
        for tag in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                for zeros in 0..<10 {
                    let bytes = [tag, second] + [UInt8](repeating: 0, count: zeros)
                    if let value = try? Value(encoded: bytes), (try? value.encoded()) != bytes {
                        Issue.record("not canonical: \(bytes)")
                    }
                }
            }
        }
    }

    private func container(_ group: UInt8, _ content: [UInt8]) -> [UInt8] {
        switch content.count {
        case ...0xFF: [group, UInt8(content.count), 1] + content
        case ...0xFFFF: [group | 1] + UInt16(content.count).bytes + UInt16(1).bytes + content
        default: [group | 2] + UInt32(content.count).bytes + UInt32(1).bytes + content
        }
    }
}

extension FixedWidthInteger {
    /// Little-endian.
    fileprivate var bytes: [UInt8] {
        stride(from: 0, to: bitWidth, by: 8).map { UInt8(truncatingIfNeeded: self >> $0) }
    }
}

extension SeededGenerator {
    /// The bytes with one to three of them changed, inserted, removed or repeated.
    mutating func mutation(of original: [UInt8]) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...3, using: &self) where !bytes.isEmpty {
            let index = Int.random(in: 0..<bytes.count, using: &self)
            switch Int.random(in: 0..<8, using: &self) {
            case 0: bytes[index] = UInt8.random(in: 0...255, using: &self)
            case 1, 2: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &self)
            case 3: bytes[index] &+= 1
            case 4: bytes[index] = UInt8.random(in: 0xC0...0xDF, using: &self)
            case 5: bytes.insert(UInt8.random(in: 0...255, using: &self), at: index)
            case 6: bytes.remove(at: index)
            default:
                let end = Int.random(in: index...min(index + 8, bytes.count), using: &self)
                bytes.insert(contentsOf: bytes[index..<end], at: index)
            }
        }
        return bytes
    }
}
