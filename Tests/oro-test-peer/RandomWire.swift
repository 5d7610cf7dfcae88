// SPDX-License-Identifier: Apache-2.0

import OroConformance

/// Frames and values made by chance: mostly as they have to be, so that they get far, and now and then wrong in one
/// place.
struct RandomWire {
    var dice: Dice
    /// One in so many frames has a byte changed.
    var lies = 12

    mutating func below(_ limit: Int) -> Int { Int(dice.next() % UInt64(max(1, limit))) }
    mutating func isLikely(_ one: Int, in many: Int) -> Bool { below(many) < one }
    mutating func pick<T>(_ all: [T]) -> T { all[below(all.count)] }
    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: dice.next()) } }

    /// Numbers around which things go wrong.
    mutating func number() -> UInt64 {
        switch below(8) {
        case 0: return pick([0, 1, 2, 3, 15, 16, 17, 255, 256, 1023, 1024, 1025])
        case 1:
            return pick([0x10_0000, 0x10_0001, 0x1000_0000, 0x8000_0000, 0x1_0000_0000, 1 << 53, 1 << 63] as [UInt64])
        case 2: return pick([.max, .max - 1, UInt64(Int64.max), UInt64(UInt32.max), 0x0FFF_FFFF] as [UInt64])
        case 3: return dice.next() >> UInt64(below(64))
        default: return UInt64(below(12))
        }
    }

    /// A length that is mostly small.
    mutating func count() -> Int {
        switch below(16) {
        case 0: below(40_000)
        case 1, 2: below(2000)
        default: below(80)
        }
    }

    mutating func name() -> [UInt8] {
        switch below(10) {
        case 0: [UInt8](repeating: 0x61, count: 255)
        case 1: bytes(1 + below(20))
        case 2: Array("\u{0315}\u{0300}e".utf8)
        default: [0x61 + UInt8(below(6))]
        }
    }

    mutating func value(_ depth: Int = 4) -> [UInt8] {
        switch below(depth > 0 ? 13 : 9) {
        case 0: return [pick([0xC0, 0xC1, 0xC2])]
        case 1: return Wire.int(Int(Int64(bitPattern: number())))
        case 2: return Wire.text(name())
        case 3: return Wire.bytes(bytes(count() / 4))
        case 4: return [0xC3] + Wire.number((dice.next() >> 2) | 1, 8)
        case 5: return Wire.sized(pick([0xC8, 0xCC]), bytes(8 + below(200)) + [1])
        case 6, 7, 8: return Wire.int(below(200) - 20)
        case 9, 10: return Wire.array((0..<below(6)).map { _ in value(depth - 1) })
        default:
            return Wire.object(
                (0..<below(5)).map { ("\(pick(["a", "ms", "count", "size", "value", "name"]))\($0)", value(depth - 1)) }
            )
        }
    }

    /// What a port's message says, or nearly.
    mutating func structured(_ depth: Int = 3) -> [UInt8] {
        switch below(depth > 0 ? 12 : 4) {
        case 0, 1: return Wire.int(below(100))
        case 2: return Wire.text(name())
        case 3: return value(1)
        case 4, 5: return Wire.array([[0]] + (0..<below(5)).map { _ in structured(depth - 1) })
        case 6: return Wire.object([("a", structured(depth - 1))])
        case 7: return Wire.array([[2], Wire.int(below(3))])
        case 8: return Wire.array([[8], Wire.bytes(bytes(below(64)))])
        case 9: return Wire.array([[8], Wire.int(below(2)), Wire.int(below(100))])
        case 10: return Wire.array([[UInt8(10 + below(2))], Wire.int(below(3))])
        default: return Wire.array([[UInt8(below(15))]] + (0..<below(5)).map { _ in structured(depth - 1) })
        }
    }

    mutating func headers() -> [UInt8] {
        let count = below(6)
        var all = Wire.number(UInt64(count), 2)
        for _ in 0..<count {
            let (name, value) = (
                isLikely(1, in: 4) ? Array("oro-ports".utf8) : name(), bytes(below(30)).map { $0 & 0x7F }
            )
            all += Wire.number(UInt64(name.count), 2) + name + Wire.number(UInt64(value.count), 4) + value
        }
        return all
    }

    /// The frame, or one like it: a byte changed, an end cut off, something behind it.
    mutating func mayLie(_ frame: [UInt8]) -> [UInt8] {
        guard !frame.isEmpty, isLikely(1, in: lies) else { return frame }
        var frame = frame
        switch below(6) {
        case 0: frame.removeLast(1 + below(frame.count))
        case 1: frame += bytes(1 + below(16))
        case 2: frame[below(min(32, frame.count))] = UInt8(truncatingIfNeeded: dice.next())
        default: frame[below(frame.count)] ^= 1 << UInt8(below(8))
        }
        return frame
    }

    /// A frame of a kind that has nothing to do with what goes on.
    mutating func anyFrame() -> [UInt8] {
        let parts = (value: isLikely(1, in: 2) ? value() : [], headers: isLikely(1, in: 4) ? headers() : [])
        return mayLie(
            Wire.frame(
                UInt8(below(28)), flags: isLikely(1, in: 3) ? UInt8(truncatingIfNeeded: dice.next()) : 0,
                route: UInt16(truncatingIfNeeded: number()), deadline: UInt32(truncatingIfNeeded: number()),
                ticket: number(), seq: number(), seqText: isLikely(1, in: 8) ? "-\(number())" : nil,
                name: isLikely(1, in: 3) ? name() : nil, value: parts.value, headers: parts.headers,
                payload: isLikely(1, in: 3) ? bytes(count()) : []))
    }
}
