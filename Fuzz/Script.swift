// SPDX-License-Identifier: Apache-2.0

/// The bytes of an input, read as steps of a game: what a peer says, one after the other.
struct Script {
    private let input: [UInt8]
    private var next = 0

    init(_ input: [UInt8]) { self.input = input }

    var isAtEnd: Bool { next >= input.count }

    /// The next byte; 0 at the end.
    mutating func byte() -> UInt8 {
        guard next < input.count else { return 0 }
        defer { next += 1 }
        return input[next]
    }

    mutating func below(_ count: Int) -> Int { Int(byte()) % count }

    /// The bytes that are left, at most so many.
    mutating func bytes(_ most: Int) -> [UInt8] {
        let end = min(input.count, next + most)
        defer { next = end }
        return Array(input[min(next, end)..<end])
    }

    /// A number as hostile peers choose them: mostly near one that means something, else at an edge, else any.
    mutating func number(near wanted: UInt64) -> UInt64 {
        let how = byte()
        switch how {
        case 0..<128: return wanted
        case 128..<176: return wanted &+ UInt64(how) &- 152
        case 176..<192: return UInt64(how - 176)
        case 192..<208: return UInt64.max - UInt64(how - 192)
        case 208..<224: return 1 << UInt64((how - 208) * 4)
        case 224..<232: return (1 << 62) &- 4 &+ UInt64(how - 224)
        case 232..<240: return (1 << 63) &- 4 &+ UInt64(how - 232)
        default:
            var number: UInt64 = 0
            for _ in 0..<8 { number = number << 8 | UInt64(byte()) }
            return number
        }
    }
}
