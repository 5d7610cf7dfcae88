// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import OroIPC

/// What the host has shown a hostile client: its segment, its memories, and where it gives blocks back.
struct Shown {
    struct Memory {
        let base: UnsafeMutableRawPointer
        let bytes: Int
        let serial: UInt32
    }
    /// Blocks the host may lend, as the client's hello said.
    var loans = 0
    private(set) var segment: UnsafeMutableRawPointer?
    private(set) var ringBytes = 0
    private(set) var key: UInt64 = 0
    var position: UInt64 = 0
    private(set) var memories: [UInt16: Memory] = [:]
    private(set) var hasReturns = false
    /// Descriptors that came along with messages.
    private(set) var descriptors = 0
    /// What a memfd of the host's let us do.
    private(set) var wrong: String?

    private static func number<T: FixedWidthInteger>(_ bytes: [UInt8], _ offset: Int, as: T.Type = T.self) -> T {
        (0..<T.bitWidth / 8).reduce(0) { $0 | T(truncatingIfNeeded: bytes[offset + $1]) << (8 * $1) }
    }

    mutating func welcome(_ packet: [UInt8], _ fd: Int32) {
        key = Shown.number(packet, 16)
        ringBytes = Int(Shown.number(packet, 24, as: UInt32.self))
        check(fd, 4096 + ringBytes, "the segment")
        segment = oro_raw_map_reading(fd, UInt64(4096 + ringBytes))
        if segment == nil { wrong = "the segment cannot be read" }
    }

    mutating func packet(_ packet: [UInt8], _ fds: ArraySlice<Int32>) {
        let slot: UInt16 = Shown.number(packet, 4)
        switch packet[3] {
        case UInt8(ascii: "M"):
            let bytes = Int(Shown.number(packet, 16, as: UInt64.self))
            guard let fd = fds.first, let base = oro_raw_map_reading(fd, UInt64(bytes)) else {
                wrong = "a memory that cannot be read"
                return
            }
            check(fd, bytes, "a memory")
            memories[slot] = Memory(base: base, bytes: bytes, serial: Shown.number(packet, 8))
        case UInt8(ascii: "F"):
            if let memory = memories.removeValue(forKey: slot) {
                oro_raw_unmap(memory.base, UInt64(memory.bytes))
            } else {
                wrong = "the host forgot what it had not passed"
            }
        case UInt8(ascii: "B"):
            if let fd = fds.first { check(fd, Int(Shown.number(packet, 4, as: UInt32.self)) * 8, "the returns") }
            hasReturns = true
        case UInt8(ascii: "D"): descriptors += fds.count
        default: break
        }
    }

    /// Nobody who is passed a memfd can cut it short, make holes in it, or write to it.
    private mutating func check(_ fd: Int32, _ bytes: Int, _ what: String) {
        let count = UInt64(bytes)
        let tries: [(String, Int32, Int32)] = [
            ("cut", oro_raw_truncate(fd, 0), EPERM), ("grown", oro_raw_truncate(fd, count + 4096), EPERM),
            ("punched", oro_raw_punch(fd, 4096), EPERM), ("mapped for writing", oro_raw_map_writable(fd, count), EPERM),
            ("made writable", oro_raw_protect_writable(fd, count), EACCES),
            ("sealed again", oro_raw_seal(fd, 0x0008), EPERM),
        ]
        for (how, got, wanted) in tries where got != -wanted {
            wrong = "\(what) of the host's could be \(how), or failed otherwise: \(got)"
        }
    }

    mutating func forget() {
        if let segment { oro_raw_unmap(segment, UInt64(4096 + ringBytes)) }
        for memory in memories.values { oro_raw_unmap(memory.base, UInt64(memory.bytes)) }
        let kept = wrong
        self = Shown()
        wrong = kept
    }
}

/// Memory of the hostile client's, as it was announced.
private struct Lendable {
    let base: UnsafeMutableRawPointer
    let bytes: Int
    let slot: Int
    let serial: UInt32
}

/// A client that lies about memory: what it passes, what it lends, what it gives back.
extension Hostile {
    static let blockKinds = [
        "memory right", "memory twice", "memory slot", "memory unsealed", "memory size", "memory holes", "memory file",
        "memory flag", "memory absurd", "memory descriptors", "forget unknown", "forget right", "returns twice",
        "returns slots", "returns unsealed", "lent random", "lent outside", "lent length", "lent often",
        "lent too many", "lent changing", "give right", "give forged", "give twice", "give generation", "give guessed",
        "give words",
    ]

    // MARK: What it says

    private func memoryPacket(_ slot: Int, _ serial: UInt32, _ bytes: UInt64, flags: UInt16 = 0) -> [UInt8] {
        self.bytes([
            (0x4d4f_524f, 4), (UInt64(slot), 2), (UInt64(flags), 2), (UInt64(serial), 4), (0, 4), (bytes, 8),
        ])
    }

    /// Makes a memory and announces it, as it has to be.
    private func pass(_ bytes: Int, slot: Int = 0, immutable: Bool = false, extra: Int = 0) throws -> Lendable {
        let fd = oro_raw_memfd(UInt64(bytes), true, 0)
        defer { close(fd) }
        guard fd >= 0, var base = oro_raw_map(fd, UInt64(bytes)) else { throw Unexpected("no memory") }
        oro_fill(base, bytes, dice.next())
        if immutable {
            oro_raw_unmap(base, UInt64(bytes))
            guard oro_raw_seal(fd, oro_raw_immutable_seals()) == 0, let again = oro_raw_map_private(fd, UInt64(bytes))
            else { throw Unexpected("not sealed") }
            base = again
        } else {
            guard oro_raw_seal(fd, oro_raw_segment_seals()) == 0 else { throw Unexpected("not sealed") }
            // What the host is about to map stays as it is, whatever its maker tries, through the mapping it has too.
            try expectEqual(oro_raw_remove(base, 4096), -EPERM, "a hole through a mapping")
        }
        try expectEqual(oro_raw_truncate(fd, 0), -EPERM, "cut after sealing")
        try expectEqual(oro_raw_truncate(fd, UInt64(2 * bytes)), -EPERM, "grown after sealing")
        try expectEqual(oro_raw_punch(fd, 4096), -EPERM, "punched after sealing")
        try expectEqual(oro_raw_map_writable(fd, UInt64(bytes)), -EPERM, "mapped for writing after sealing")
        let serial = UInt32(truncatingIfNeeded: dice.next())
        let more = (0..<extra).map { _ in oro_raw_eventfd() }
        say(memoryPacket(slot, serial, UInt64(bytes), flags: immutable ? 1 : 0), [fd] + more)
        for fd in more { close(fd) }
        notice()
        return Lendable(base: base, bytes: bytes, slot: slot, serial: serial)
    }

    private func reference(_ slot: UInt64, _ serial: UInt64, _ loan: UInt64, _ offset: UInt64, _ count: UInt64)
        -> [UInt8]
    {
        bytes([(slot, 4), (serial, 4), (loan, 8), (offset, 8), (count, 8)])
    }

    func request(
        _ name: String, ticket: UInt64, kind: UInt8 = 1, value: [UInt8] = [], reference: [UInt8] = []
    ) throws {
        let body = bytes([(UInt64(name.utf8.count), 2)]) + Array(name.utf8) + value + reference
        let flags: UInt8 = reference.isEmpty ? 0x02 : 0x22
        try roomFor(body.count + 64)
        record(
            frame(
                kind: kind, flags: flags, ticket: ticket, value: value.count, payload: reference.count, body: body))
        wake()
    }

    /// Waits until the host has read enough. `reading`: what it says meanwhile counts for nothing.
    func roomFor(_ count: Int, reading: Bool = false) throws {
        guard let theirs = shown.segment else { throw Unexpected("no segment") }
        let end = oro_clock_ns() + 10_000_000_000
        while position &+ UInt64(count + 64) &- theirs.load(fromByteOffset: 256, as: UInt64.self) > UInt64(ring) {
            notice()
            // Nobody reads any more.
            if !drainHere() { return }
            if reading, (try? nextAnswer()) != nil { continue }
            usleep(50)
            if oro_clock_ns() > end { throw Unexpected("the host does not read") }
        }
    }

    /// Reads the socket and stays when the host has hung up. False when it has.
    @discardableResult
    func drainHere() -> Bool {
        var answer = [UInt8](repeating: 0, count: 256)
        var fds = [Int32](repeating: -1, count: 8)
        var count: Int32 = 0
        while true {
            let got = oro_raw_receive(socket, &answer, 256, &fds, 8, &count, 0)
            if got > 0 { shown.packet(answer, fds.prefix(Int(count))) }
            for fd in fds.prefix(Int(count)) { close(fd) }
            if got == 0 || got == -Int(ECONNRESET) { return false }
            if got < 0 { return true }
        }
    }

    struct Answer {
        /// No event, and no push, whose seq needs a text.
        let isAsked: Bool
        let flags: UInt8
        let failed: Bool
        let value: [UInt8]
        let payload: [UInt8]

        func number(_ offset: Int, _ count: Int) -> UInt64 {
            (0..<count).reduce(0) { $0 | UInt64(payload[offset + $1]) << UInt64(8 * $1) }
        }
    }

    /// The next frame in the host's ring.
    func nextAnswer() throws -> Answer? {
        guard let theirs = shown.segment, let segment else { throw Unexpected("no segment") }
        let ring = theirs + 4096, mask = shown.ringBytes - 1
        let offset = Int(shown.position) & mask
        guard ring.load(fromByteOffset: offset, as: UInt64.self) == shown.key &+ shown.position else { return nil }
        let length = ring.load(fromByteOffset: offset + 8, as: UInt32.self)
        let stride = ring.load(fromByteOffset: offset + 12, as: UInt32.self)
        guard length >> 28 == 0, length >= 32 else { throw Unexpected("an answer in parts, or none: \(length)") }
        let frame = (0..<Int(length)).map { ring.load(fromByteOffset: (offset + 16 + $0) & mask, as: UInt8.self) }
        shown.position += UInt64(stride)
        segment.storeBytes(of: shown.position, toByteOffset: 256, as: UInt64.self)
        wake()
        let payload = (0..<4).reduce(0) { $0 | Int(frame[28 + $1]) << (8 * $1) }
        return Answer(
            isAsked: frame[0] == 2 && frame[1] & 1 == 0, flags: frame[1], failed: frame[4] != 0,
            value: Array(frame[32..<frame.count - payload]),
            payload: Array(frame.suffix(payload)))
    }

    private func answer() throws -> Answer {
        let end = oro_clock_ns() + 10_000_000_000
        while oro_clock_ns() < end {
            if let answer = try nextAnswer() {
                if answer.isAsked { return answer }
                continue
            }
            if !drainHere() { throw Unexpected("the host hung up on what was right") }
            usleep(20)
        }
        throw Unexpected("no answer in 10 s")
    }

    /// A request without bytes, and its answer.
    func ask(_ name: String) throws -> Bool {
        try request(name, ticket: 77)
        return try !answer().failed
    }

    /// Lends a part, and wants the right digest of it.
    private func lendRightly(_ memory: Lendable, loan: UInt64) throws {
        let count = 1 + u(2000), offset = u(memory.bytes - count + 1)
        try request(
            "digest", ticket: loan,
            reference: reference(UInt64(memory.slot), UInt64(memory.serial), loan, UInt64(offset), UInt64(count)))
        let got = try answer()
        let wanted = "\(digest(UnsafeRawBufferPointer(start: memory.base + offset, count: count)))"
        try expect(
            !got.failed && String(decoding: got.value, as: UTF8.self).contains(wanted),
            "lent \(count) at \(offset): \(String(decoding: got.value, as: UTF8.self)) for \(wanted)")
    }

    /// The host has to hang up by itself.
    ///
    /// `looking`: it is asked for blocks, until it has read the packet that says where they come back.
    func mustHangUp(looking: Bool = false) throws {
        let end = oro_clock_ns() + 10_000_000_000
        var turns = 0
        while drainHere() {
            turns += 1
            if looking, turns % 100 == 1 { try makeItLook() }
            if oro_clock_ns() > end { throw Unexpected("the host goes on") }
            // It may have answered what came before; room for that is ours to give.
            if (try? nextAnswer()) != nil { continue }
            notice()
            usleep(20)
        }
        dropped += 1
        try again()
    }

    // MARK: Giving back

    /// Says where it gives back.
    private func openReturns(
        slots: Int? = nil, bytes: Int? = nil, seals: Int32 = oro_raw_segment_seals()
    ) throws -> UnsafeMutableRawPointer {
        let slots = slots ?? shown.loans
        let bytes = bytes ?? slots * 8
        let fd = oro_raw_memfd(UInt64(bytes), true, 0)
        guard fd >= 0, let base = oro_raw_map(fd, UInt64(bytes)) else { throw Unexpected("no memory") }
        if seals != 0 { _ = oro_raw_seal(fd, seals) }
        say(self.bytes([(0x424f_524f, 4), (UInt64(slots), 4)]), [fd])
        close(fd)
        notice()
        return base
    }

    private func give(_ ring: UnsafeMutableRawPointer, _ number: Int, _ loan: UInt64) {
        let lap = UInt64(truncatingIfNeeded: number / shown.loans + 1) << 56
        ring.storeBytes(of: lap | loan & (1 << 56 - 1), toByteOffset: number % shown.loans * 8, as: UInt64.self)
        wake()
    }

    /// Wants a result in a block, looks at it in the host's memory, and answers its loan.
    private func wantLoan() throws -> UInt64 {
        let count = 200 + u(5000), seed = u(100)
        let value: [UInt8] =
            [0xDC, 0, 2, 0x85] + Array("count".utf8) + [0xC5, UInt8(count & 255), UInt8(count >> 8), 0x84]
            + Array("seed".utf8) + [UInt8(seed)]
        var object = value
        object[1] = UInt8(value.count - 3)
        try request("make.loan", ticket: 5, value: object)
        let got = try answer()
        try expect(!got.failed && got.flags & 0x20 != 0 && got.payload.count == 32, "no loan: \(got)")
        drainHere()
        guard let memory = shown.memories[UInt16(got.number(0, 4))], UInt64(memory.serial) == got.number(4, 4) else {
            throw Unexpected("a loan in a memory that was not passed")
        }
        let offset = Int(got.number(16, 8))
        try expectEqual(Int(got.number(24, 8)), count)
        try expect(
            pattern(count, seed: UInt64(seed)).elementsEqual(
                UnsafeRawBufferPointer(start: memory.base + offset, count: count)),
            "the block is not what was asked for")
        return got.number(8, 8)
    }

    /// The host looks at what came back when it wants a block.
    private func makeItLook() throws {
        try request("make.loan", ticket: 9, value: [0xDC, 7, 1, 0x85] + Array("count".utf8) + [1])
    }

    // MARK: The kinds

    /// One lie, or one truth, about memory. Throws when the host takes it as it must not.
    func blocks(_ kind: String) throws {
        try again(loans: kind.hasPrefix("give") ? 512 : 1 << 14)
        if kind.hasPrefix("give") { return try giving(kind) }
        if kind.hasPrefix("lent") { return try lending(kind) }
        if kind.hasPrefix("returns") || kind.hasPrefix("forget") { return try announcing(kind) }
        let size = (1 + u(8)) * 4096
        var said = UInt64(size)
        var slot = 0
        var flags: UInt16 = 0
        let fd: Int32
        switch kind {
        case "memory right":
            for slot in 0...u(3) {
                let memory = try pass(size, slot: slot * 8 + u(8), immutable: u(2) == 0)
                defer { oro_raw_unmap(memory.base, UInt64(memory.bytes)) }
                for loan in 0..<4 { try lendRightly(memory, loan: UInt64(loan)) }
            }
            drainHere()
            return try expect(shown.hasReturns, "the host has not said where it gives back")
        case "memory descriptors":
            // One belongs to it: none, and more, are violations.
            let extra = u(6)
            if extra > 0 && extra < 4 {
                let memory = try pass(size, extra: extra)
                oro_raw_unmap(memory.base, UInt64(size))
                return try mustHangUp()
            }
            let event = oro_raw_eventfd()
            say(memoryPacket(0, 1, said), extra == 0 ? [] : [Int32](repeating: event, count: 5 + u(200)))
            close(event)
            return try mustHangUp()
        case "memory twice":
            let memory = try pass(size)
            oro_raw_unmap(memory.base, UInt64(size))
            fd = oro_raw_memfd(UInt64(size), true, oro_raw_segment_seals())
        case "memory slot":
            slot = 256 + u(65_536 - 256)
            fd = oro_raw_memfd(UInt64(size), true, oro_raw_segment_seals())
        case "memory unsealed":
            // Each seal is needed.
            let all = oro_raw_segment_seals()
            let seals = [0, all & ~0x0002, all & ~0x0004, all & ~0x0010, all & ~0x0001][u(5)]
            fd = oro_raw_memfd(UInt64(size), true, seals)
        case "memory size":
            said = UInt64(size + (u(2) == 0 ? 4096 : -1))
            fd = oro_raw_memfd(UInt64(size), true, oro_raw_segment_seals())
        case "memory holes": fd = oro_raw_memfd(UInt64(size), false, oro_raw_segment_seals())
        case "memory file":
            fd = u(2) == 0 ? oro_raw_file() : oro_raw_eventfd()
            _ = oro_raw_truncate(fd, UInt64(size))
        case "memory flag":
            flags = u(2) == 0 ? 1 : UInt16(2 + u(65_534))
            fd = oro_raw_memfd(UInt64(size), true, oro_raw_segment_seals())
        default:
            said = [0, 1 << 62, UInt64.max, 1 << 63, dice.next() | 1 << 50, 1 << 45][u(6)]
            fd = oro_raw_memfd(UInt64(size), true, oro_raw_segment_seals())
        }
        guard fd >= 0 else { throw Unexpected("no descriptor: \(fd)") }
        say(memoryPacket(slot, 7, said, flags: flags), [fd])
        close(fd)
        try mustHangUp()
    }

    private func announcing(_ kind: String) throws {
        switch kind {
        case "forget unknown":
            say(bytes([(0x464f_524f, 4), (dice.next(), 2), (0, 2)]))
            try mustHangUp()
        case "forget right":
            let memory = try pass(8192)
            defer { oro_raw_unmap(memory.base, 8192) }
            try lendRightly(memory, loan: 3)
            say(bytes([(0x464f_524f, 4), (0, 2), (0, 2)]))
            notice()
            let other = try pass(4096)
            defer { oro_raw_unmap(other.base, 4096) }
            try lendRightly(other, loan: 4)
            // The place is the same, the memory is not.
            try request("digest", ticket: 1, reference: reference(0, UInt64(memory.serial), 5, 0, 100))
            try mustHangUp()
        case "returns twice":
            let (first, second) = (try openReturns(), try openReturns())
            oro_raw_unmap(first, UInt64(shown.loans * 8))
            oro_raw_unmap(second, UInt64(shown.loans * 8))
            try mustHangUp()
        case "returns slots":
            let slots = [0, 1, 512, shown.loans / 2, shown.loans * 2, 1 << 31][u(6)]
            let right = shown.loans * 8
            oro_raw_unmap(try openReturns(slots: slots, bytes: right), UInt64(right))
            try mustHangUp()
        default:
            let bytes = u(2) == 0 ? shown.loans * 8 : 4096
            let seals: Int32 = bytes == 4096 ? oro_raw_segment_seals() : u(2) == 0 ? 0 : 0x0002 | 0x0004
            oro_raw_unmap(try openReturns(bytes: bytes, seals: seals), UInt64(bytes))
            try mustHangUp()
        }
    }

    private func lending(_ kind: String) throws {
        let memory = try pass(64 << 10)
        defer { oro_raw_unmap(memory.base, UInt64(memory.bytes)) }
        let (slot, serial, bytes) = (UInt64(memory.slot), UInt64(memory.serial), UInt64(memory.bytes))
        switch kind {
        case "lent random":
            let wrong = reference(
                u(2) == 0 ? slot : dice.next() >> UInt64(32 + u(32)), u(2) == 0 ? serial &+ 1 : dice.next(),
                dice.next(),
                dice.next() >> UInt64(u(64)), dice.next() >> UInt64(u(64)))
            try request(["digest", "echo", "keep", "nobody"][u(4)], ticket: 1, kind: [1, 4][u(2)], reference: wrong)
            try mustHangUp()
        case "lent outside":
            let (offset, count): (UInt64, UInt64) =
                [
                    (bytes, 1), (0, bytes + 1), (bytes - 1, 2), (UInt64.max, 1), (1, UInt64.max),
                    (UInt64.max - 9, 10), (1 << 63, 1 << 63), (UInt64(Int.max), 1), (1, UInt64(Int.max)),
                    (0, 0), (bytes + 1, 0), (bytes - 16, UInt64.max - bytes + 17),
                ][u(12)]
            try request("digest", ticket: 1, reference: reference(slot, serial, 1, offset, count))
            try mustHangUp()
        case "lent length":
            try request("digest", ticket: 1, reference: random([0, 31, 33, 64, 8][1 + u(4)]))
            try mustHangUp()
        case "lent often":
            let many = 1 + u(400)
            for index in 0..<many {
                let loan = u(2) == 0 ? 5 : UInt64(index)
                try request("take", ticket: 2, kind: 4, reference: reference(slot, serial, loan, 0, bytes))
            }
            for _ in 0..<3 { try lendRightly(memory, loan: 5) }
        case "lent too many":
            // The host keeps them, and agreed to 512.
            for index in 0..<512 {
                try request("keep", ticket: 2, kind: 4, reference: reference(slot, serial, UInt64(index), 0, 10))
            }
            try expect(try ask("ping"), "512 were agreed")
            try request("keep", ticket: 2, kind: 4, reference: reference(slot, serial, 600, 0, 10))
            try mustHangUp()
            try expect(try ask("release"), "not released")
        default:
            // Whatever the host makes of bytes that change, it answers.
            for round in 0..<4 {
                try request(
                    ["digest", "echo", "echo.loan", "echo.async"][u(4)], ticket: UInt64(round),
                    reference: reference(slot, serial, UInt64(round), 0, 2000))
            }
            for _ in 0..<2000 {
                memory.base.storeBytes(of: dice.next(), toByteOffset: u(2000 / 8) * 8, as: UInt64.self)
            }
            for _ in 0..<4 { _ = try answer() }
            try lendRightly(memory, loan: 9)
        }
    }

    private func giving(_ kind: String) throws {
        let ring = try openReturns()
        defer { oro_raw_unmap(ring, 512 * 8) }
        switch kind {
        case "give right":
            // Now and then for more than two laps.
            var held: [UInt64] = [], given = 0
            for _ in 0..<(u(20) == 0 ? 1100 : 20) {
                held.append(try wantLoan())
                while held.count > u(8) {
                    give(ring, given, held.remove(at: u(held.count)))
                    given += 1
                }
            }
        case "give forged":
            _ = try wantLoan()
            // Index and generation of none that is out.
            // (The host is asked for more meanwhile, so not one of the next either.)
            give(ring, 0, [5000 << 32, 1 << 55, dice.next() | 1 << 40, 1][u(4)])
            try mustHangUp(looking: true)
        case "give twice":
            let loan = try wantLoan()
            give(ring, 0, loan)
            give(ring, 1, loan)
            try mustHangUp(looking: true)
        case "give guessed":
            // Numbers that are about to be lent, while threads of the host look at what came back.
            let first = try wantLoan() >> 32
            for ticket in 0..<20 {
                try request(
                    "make.loan", ticket: 500 + UInt64(ticket),
                    value: [0xDC, 7, 1, 0x85] + Array("count".utf8) + [100])
            }
            for index in 0..<3 { give(ring, index, (first + UInt64(1 + u(20))) << 32) }
            give(ring, 3, first << 32 | 7)
            try mustHangUp(looking: true)
        case "give generation":
            let loan = try wantLoan()
            give(ring, 0, loan)
            // Not before the host has read the packet that says where to look.
            var next = try wantLoan()
            for _ in 0..<200 where next >> 32 != loan >> 32 {
                usleep(1000)
                next = try wantLoan()
            }
            try expectEqual(next >> 32, loan >> 32, "the place is used again")
            try expect(next != loan, "under another number")
            give(ring, 1, u(2) == 0 ? loan : next &+ UInt64(1 + u(1 << 31)))
            try mustHangUp(looking: true)
        default:
            // One at least: then the host has read the packet that says where to look.
            for _ in 0...u(3) { _ = try wantLoan() }
            for slot in 0..<512 { ring.storeBytes(of: dice.next(), toByteOffset: slot * 8, as: UInt64.self) }
            // Half of the time a word that passes for written.
            if u(2) == 0 {
                give(ring, 0, dice.next() | 1 << 50)
                try mustHangUp(looking: true)
            } else {
                try makeItLook()
                drain()
            }
        }
    }
}
