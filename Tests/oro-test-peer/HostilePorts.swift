// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import OroIPC

/// A client that lies about ports and broadcasts: which it has, what it has taken, what it carries, what it says.
extension Hostile {
    static let portKinds = [
        "port right", "port forged", "port number", "port seq", "port consumed", "port carry foreign",
        "port carry itself", "port carry twice", "port carry count", "port circle", "port operations", "port parts",
        "port opens", "port messages", "port lies", "port names", "port vanish", "port bounds", "port crowd",
        "port nest",
        "broadcast flood", "broadcast lies", "broadcast crowd", "broadcast routes",
    ]

    enum Operation: UInt64 {
        case open = 1, channel, part, carry, message, consumed, close, way, descriptors, returned
    }

    // MARK: What it says

    func port(
        _ operation: UInt64, _ number: UInt64, count: UInt64 = 0, seq: UInt64 = 0, flags: UInt8 = 0, route: UInt16 = 0,
        name: String? = nil, value: [UInt8] = [], payload: [UInt8] = []
    ) throws {
        var body = value + payload
        if let name { body = bytes([(UInt64(name.utf8.count), 2)]) + Array(name.utf8) + body }
        try roomFor(body.count + 64, reading: true)
        record(
            bytes([
                (16 + operation, 1), (UInt64(flags) | (name == nil ? 0 : 2), 1), (UInt64(route), 2),
                (count & 0xFFFF_FFFF, 4), (number, 8), (seq, 8), (UInt64(value.count), 4),
                (UInt64(payload.count), 4),
            ]) + body)
    }

    func open(_ number: UInt64, _ name: String, mode: [UInt8] = [0]) throws {
        try port(Operation.open.rawValue, number, name: name, value: mode)
    }

    func channel(_ first: UInt64, _ second: UInt64) throws {
        try port(Operation.channel.rawValue, first, seq: second)
    }

    /// A message that says a small number, or whatever `value` is.
    func post(
        _ number: UInt64, seq: UInt64, value: [UInt8] = [5], parts: UInt16 = 0, carries: Bool = false,
        consumed: UInt64 = 0
    ) throws {
        try port(
            Operation.message.rawValue, number, count: consumed, seq: seq, route: parts | (carries ? 0x8000 : 0),
            value: value)
    }

    /// Rows of three: number, how many were taken, id.
    func carry(_ number: UInt64, _ rows: [[UInt64]]) throws {
        try port(Operation.carry.rawValue, number, value: array(rows.map { array($0.map(int)) }))
    }

    // MARK: Values

    // The one encoding that a reader takes, as docs/wire-format.md draws it.

    func int(_ number: UInt64) -> [UInt8] {
        let value = Int64(bitPattern: number)
        if (0...127).contains(value) { return [UInt8(value)] }
        if (-32..<0).contains(value) { return [UInt8(truncatingIfNeeded: value - 0x40)] }
        for (width, count) in [1, 2, 4].enumerated() {
            let shift = Int64(64 - 8 * count)
            if (value << shift) >> shift == value { return [0xC4 + UInt8(width)] + bytes([(number, count)]) }
        }
        return [0xC7] + bytes([(number, 8)])
    }

    private func container(_ tag: UInt8, _ parts: [[UInt8]], _ count: Int) -> [UInt8] {
        let body = parts.flatMap { $0 }
        let width = max(body.count, count) < 1 << 8 ? 0 : max(body.count, count) < 1 << 16 ? 1 : 2
        return [tag + UInt8(width)] + bytes([(UInt64(body.count), 1 << width), (UInt64(count), 1 << width)]) + body
    }

    func array(_ elements: [[UInt8]]) -> [UInt8] { container(0xD8, elements, elements.count) }

    private func object(_ members: [(String, [UInt8])]) -> [UInt8] {
        container(0xDC, members.flatMap { [text($0.0), $0.1] }, members.count)
    }

    private func text(_ text: String) -> [UInt8] {
        let count = text.utf8.count
        return (count < 32 ? [0x80 + UInt8(count)] : [0xD0, UInt8(count)]) + Array(text.utf8)
    }

    /// What is no structured value, or a strange one.
    private func lie() -> [UInt8] {
        switch u(8) {
        // Bytes of any kind.
        case 0: return random(1 + u(60))
        // A form that there is not, and forms without their parts.
        case 1: return array([[UInt8(u(20))]] + (u(2) == 0 ? [] : [[UInt8(u(128))]]))
        // The object itself, and objects that have not begun.
        case 2: return array([[0], array([[2], [UInt8(u(4))]])])
        // Deeper than a value may be, and just as deep as it may.
        case 3:
            var value = array([[0]])
            for _ in 0..<(55 + u(20)) { value = array([[0], value]) }
            return value
        // Lengths and counts that are not those of what follows.
        case 4: return [0xD9] + bytes([(dice.next() >> 48, 2), (dice.next() >> 48, 2)]) + random(u(40))
        // Shared on every level: 2^20 things when each is said.
        case 5:
            var value = array([[0]])
            for level in 0..<20 { value = array([[0], value, array([[2], [UInt8(20 - level)]])]) }
            return value
        // Buffers, ports and descriptors that did not come; views beyond their buffers.
        case 6: return array([[UInt8(8 + u(4))]] + (0..<4).map { _ in [UInt8(u(128))] })
        default: return array((0..<u(2000)).map { _ in [UInt8(u(128))] })
        }
    }

    // MARK: The kinds

    /// One lie about ports, or some truth. Throws when the host takes it as it must not.
    func ports(_ kind: String) throws {
        try again()
        switch kind {
        case "port right":
            // A conversation, with a port that travels in it: the host goes on.
            try open(1, "echo")
            try channel(3, 5)
            try carry(1, [[5, 0, 9]])
            try post(1, seq: 0, value: array([[10], [0]]), carries: true)
            try post(3, seq: 0)
            try port(Operation.close.rawValue, 3)
        case "port forged":
            try open(1, "echo")
            let foreign: UInt64 = [0, 2, 3, 4, 6, dice.next(), .max][u(7)]
            switch u(3) {
            case 0:
                try post(foreign, seq: 0)
                // In the stead of somebody at the other side of a direct way: it says nothing, for the way may be over.
                if foreign >> 63 != 0 { return }
            case 1: try port(Operation.consumed.rawValue, foreign, seq: 1)
            default: try port(Operation.close.rawValue, foreign)
            }
            return try mustHangUp()
        case "port number":
            try open(5, "echo")
            switch u(3) {
            case 0: try open([0, 2, 4, 5, 3, 1][u(6)], "echo")
            case 1: try channel([0, 2, 5, 3][u(4)], 7)
            default: try channel(7, [0, 2, 5, 7, 8][u(5)])
            }
            return try mustHangUp()
        case "port seq":
            try open(1, "echo")
            for seq in 0..<UInt64(u(5)) { try post(1, seq: seq) }
            try post(1, seq: [7, 100, dice.next() | 8, .max][u(4)])
            return try mustHangUp()
        case "port consumed":
            // More than came, less than before: says nothing.
            try open(1, "echo")
            for _ in 0..<8 {
                try port(Operation.consumed.rawValue, 1, seq: [0, 1, 2, dice.next() >> 2, 1 << 62 - 1][u(5)])
            }
            try post(1, seq: 0, consumed: dice.next())
        case "port carry foreign":
            try open(1, "echo")
            try carry(1, [[[0, 2, 3, dice.next()][u(4)], 0, 1]])
            try post(1, seq: 0, carries: true)
            return try mustHangUp()
        case "port carry itself":
            try open(1, "echo")
            try carry(1, [[1, 0, 1]])
            try post(1, seq: 0, carries: true)
            return try mustHangUp()
        case "port carry twice":
            try open(1, "echo")
            try channel(3, 5)
            try carry(1, [[3, 0, 1], [3, 0, 1]])
            try post(1, seq: 0, carries: true)
            return try mustHangUp()
        case "port carry count":
            try open(1, "echo")
            try channel(3, 5)
            try carry(1, [[3, 1 + dice.next() >> 1, 1]])
            try post(1, seq: 0, carries: true)
            return try mustHangUp()
        case "port circle":
            // Each of some channels travels through the next, and the last through the first.
            let count = UInt64(1 + u(6))
            for index in 0..<count { try channel(4 * index + 1, 4 * index + 3) }
            for index in 0..<count {
                let next = (index + 1) % count
                if next == index {
                    // Its other end, through itself.
                    try carry(4 * index + 1, [[4 * index + 3, 0, 1]])
                    try post(4 * index + 1, seq: 0, carries: true)
                } else if index + 1 < count {
                    try carry(4 * next + 1, [[4 * index + 3, 0, 1]])
                    try post(4 * next + 1, seq: 0, carries: true)
                } else {
                    try carry(1, [[4 * index + 3, 0, 1]])
                    try post(1, seq: 0, carries: true)
                }
            }
        case "port operations":
            try open(1, "echo")
            for _ in 0..<4 {
                try port(
                    UInt64(u(16)), UInt64(u(5)), count: dice.next(), seq: UInt64(u(3)), flags: UInt8(u(32)),
                    route: UInt16(u(3)), value: u(2) == 0 ? [] : random(u(9)), payload: random(u(9)))
            }
            // A hang-up, or not, but never an end.
            return try settle()
        case "port parts":
            try open(1, "echo")
            switch u(5) {
            case 0: try port(Operation.part.rawValue, 1, count: 1 + dice.next() % 70, payload: [1])
            case 1: try port(Operation.part.rawValue, 1, count: 0)
            case 2: try post(1, seq: 0, parts: 1 + UInt16(u(70)))
            case 3:
                for index in 0...UInt64(64) { try port(Operation.part.rawValue, 1, count: index, payload: [1]) }
            default:
                try port(Operation.part.rawValue, 1, count: 0, payload: [1])
                try post(3, seq: 0, parts: 1)
            }
            return try mustHangUp()
        case "port opens":
            // Beyond what one client may have: at first the ports are closed, in the end it is hung up on.
            let flood = u(16) == 0
            let count: UInt64 = flood ? 40_000 : 200
            for index in 0..<count {
                try channel(4 * index + 1, 4 * index + 3)
                if index & 255 == 0 { readWhatCame() }
                if flood, index & 1023 == 0, !drainHere() { break }
            }
            if flood { return try mustHangUp() }
        case "port messages":
            // To an end that nobody takes from.
            try channel(1, 3)
            let count: UInt64 = u(8) == 0 ? 3000 : 300
            for seq in 0..<count {
                try post(1, seq: seq)
                readWhatCame()
                if seq & 255 == 0, !drainHere() { break }
            }
            if count > 2048 { return try mustHangUp() }
        case "port lies":
            try open(1, "echo")
            for seq in 0..<UInt64(1 + u(8)) { try post(1, seq: seq, value: lie()) }
            return try settle()
        case "port names":
            // Names that others use, or might.
            for index in 0..<UInt64(20) {
                let name = ["echo", "nobody", "pair \(u(9))", "good", String(repeating: "x", count: 1 + u(255))][u(5)]
                try open(2 * index + 1, name, mode: [UInt8(u(2))])
            }
        case "port bounds":
            // Counts that nobody can have come to, wherever a frame has one.
            let count: UInt64 = [1 << 62, 1 << 63, .max - 1, .max, dice.next() | 1 << 62][u(5)]
            try open(1, "echo")
            try channel(3, 5)
            switch u(5) {
            case 0: try post(1, seq: count)
            case 1: try port(Operation.consumed.rawValue, 1, seq: count)
            case 2:
                try carry(1, [[5, count, 9]])
                try post(1, seq: 0, carries: true)
            case 3: try port(Operation.way.rawValue, 1, count: 18, seq: count)
            default: try port(Operation.returned.rawValue, 0, seq: count)
            }
            return try mustHangUp()
        case "port crowd":
            // Many channels with messages that nobody takes, ends of them on their way in rows, and it is gone.
            let count = UInt64(100 + u(400))
            for index in 0..<count {
                try channel(4 * index + 1, 4 * index + 3)
                try post(4 * index + 1, seq: 0)
            }
            let (from, rows) = (4 * count + 1, (1..<min(count, 200)).map { [4 * UInt64($0) + 3, UInt64(0), 1] })
            try channel(from, from + 2)
            try carry(from, rows)
            try post(from, seq: 0, carries: true)
            notice()
            if u(2) == 0 { usleep(useconds_t(u(3000))) }
            closeAll()
            return try again()
        case "port nest":
            // Each channel's end in the next one's queue: then all go, by one close.
            let count = UInt64(2 + u(300))
            for index in 0..<count {
                try channel(4 * index + 1, 4 * index + 3)
                guard index > 0 else { continue }
                try carry(4 * index + 1, [[4 * index - 1, 0, 1]])
                try post(4 * index + 1, seq: 0, carries: true)
            }
            try port(Operation.close.rawValue, 4 * count - 3)
            if u(2) == 0 { try port(Operation.close.rawValue, 4 * count - 1) }
            return try settle()
        case "port vanish":
            // Has both ends of many channels, does not read, and is gone: nothing of what is said about that must reach
            // the link.
            for index in 0..<UInt64(50) { try channel(4 * index + 1, 4 * index + 3) }
            for _ in 0..<400 { try request("event.burst", ticket: 1 + dice.next() % 1000) }
            notice()
            usleep(500)
            closeAll()
            return try again()
        case "broadcast flood":
            // Some that subscribe and take nothing, and one that posts and posts.
            let mode = { (keeping: Int) in self.array([[2], self.text("flood"), [UInt8(keeping)]]) }
            for index in 0..<UInt64(4) { try open(2 * index + 1, "flood", mode: mode(u(2))) }
            for seq in 0..<UInt64(600) {
                try post(1, seq: seq, value: array([[0], text("flood"), u(20) == 0 ? lie() : [9]]))
                readWhatCame()
                if seq & 63 == 0, !drainHere() { break }
            }
            return try settle()
        case "broadcast crowd":
            // Subscribes very often, posts to all of them, takes nothing; and perhaps it is gone while that goes on.
            let mode = array([[2], text("o"), [UInt8(u(2))]])
            let count = UInt64(200 + u(300))
            for index in 0..<count { try open(2 * index + 1, "crowd", mode: mode) }
            for seq in 0..<UInt64(20) { try post(1, seq: seq, value: array([[0], text("*"), [9]])) }
            notice()
            if u(2) == 0 { return try settle() }
            closeAll()
            return try again()
        case "broadcast lies":
            let keeping = UInt8(u(4))
            let mode =
                [
                    array([[2], text("o"), [keeping]]), array([[2], text("o")]), array([[2], [5], [0]]), array([[3]]),
                    array([[2], text("o"), int(dice.next() | 1 << 40)]), [2], random(6),
                ][u(7)]
            try open(1, "lies", mode: mode)
            for seq in 0..<UInt64(4) { try post(1, seq: seq, value: u(2) == 0 ? lie() : array([[0], lie(), lie()])) }
            return try settle()
        default:
            // By routes: names that are none, subscriptions of others, and far too many.
            for _ in 0..<20 {
                let verb = ["subscribe", "unsubscribe", "postMessage", "queuedResponseMessage"][u(4)]
                let value =
                    [
                        object([("name", text("x")), ("data", [5])]), object([("name", text("x")), ("origin", [5])]),
                        object([]), array([]), [0xC0], object([("id", text("\(dice.next())"))]),
                        object([("name", text("good")), ("origin", text("none")), ("data", array([[1]]))]), lie(),
                    ][u(8)]
                try request(
                    "broadcast_channel.\(verb)", ticket: 1 + dice.next() % 1000,
                    value: value)
            }
            return try settle()
        }
        // What was right was answered: the host goes on with this client.
        _ = try ask("release")
    }

    /// Makes room in the host's ring.
    func readWhatCame() {
        while let answer = try? nextAnswer() { _ = answer }
    }

    /// The host has taken it, or hung up; both are right.
    func settle() throws {
        for _ in 0..<20 {
            notice()
            readWhatCame()
            if !drainHere() { break }
            usleep(20)
        }
        try again()
    }
}
