// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance

/// A host that means harm: it answers clients of ours with every kind of answer that is wrong in some way, and with
/// right ones in between.
///
/// What it does to a client depends on nothing but the seed, the number of the client, and what that says.
final class HostileHost {
    private var wire = RandomWire(dice: Dice(seed: 1))
    private let link: Hostile
    private(set) var frames = 0

    // What it knows of the client that is there.
    private var tickets: [UInt64] = []
    private var streams: [UInt64] = []
    private var ports: [UInt64] = []
    private var given: UInt64 = 0
    private var sent: [UInt64: UInt64] = [:]
    private var memory: (serial: UInt32, bytes: Int)?
    private var tokens: UInt64 = 0

    init() { link = Hostile(path: "", seed: 1) }

    // MARK: Handshakes

    /// One client, from its first packet to its end.
    func serve(_ socket: Int32, number: Int, seed: Int) {
        wire.dice = Dice(seed: UInt64(seed) << 32 | UInt64(number))
        for _ in 0..<3 { _ = wire.dice.next() }
        link.dice = wire.dice
        (tickets, streams, ports, sent, memory) = ([], [], [], [:], nil)
        (given, tokens) = (0, 0)
        defer { link.closeAll() }
        guard link.accept(socket, welcome: welcome(), isSealed: !wire.isLikely(1, in: 60)) else { return }
        let style = wire.below(6)
        let end = oro_clock_ns() + 400_000_000
        var quiet = 0
        while oro_clock_ns() < end {
            guard link.drainHere() else { return }
            var came = false
            link.takeFrames { frame in
                came = true
                frames += 1
                hear(frame, style)
            }
            if came { quiet = 0 } else { quiet += 1 }
            // By itself, now and then.
            if quiet == 3 || wire.isLikely(1, in: 40) { act(style) }
            link.wake()
            if !came { usleep(50) }
            if wire.isLikely(1, in: 3000) { return }
        }
    }

    /// What goes into the welcome besides the segment; mostly what has to.
    private func welcome() -> Hostile.Welcome {
        var welcome = Hostile.Welcome()
        guard wire.isLikely(1, in: 12) else { return welcome }
        switch wire.below(8) {
        case 0: welcome.refusal = UInt16(truncatingIfNeeded: wire.below(8))
        case 1: welcome.cut = wire.below(64)
        case 2: welcome.version = UInt64(wire.below(9))
        case 3: welcome.rings = UInt64(wire.below(20))
        case 4: welcome.message = wire.number()
        case 5: welcome.loans = UInt64(UInt32(truncatingIfNeeded: wire.number()))
        case 6: welcome.descriptors = wire.below(5)
        default: welcome.isSilent = true
        }
        return welcome
    }

    // MARK: Answers

    /// A frame of the client's. `style` 0: answers rightly; 5: hardly ever.
    private func hear(_ frame: [UInt8], _ style: Int) {
        guard frame.count >= 32 else { return }
        let ticket = (0..<8).reduce(UInt64(0)) { $0 | UInt64(frame[8 + $1]) << UInt64(8 * $1) }
        let seq = (0..<8).reduce(UInt64(0)) { $0 | UInt64(frame[16 + $1]) << UInt64(8 * $1) }
        switch frame[0] {
        case Wire.Kind.request:
            tickets.append(ticket)
            if frame[1] & Wire.Flag.takesStream != 0 { streams.append(ticket) }
        case Wire.Kind.port...: if !ports.contains(ticket), ticket % 2 == 1 { ports.append(ticket) }
        default: break
        }
        if frame[0] == Wire.Kind.request {
            if wire.below(6) < style { act(style) }
            if wire.below(8) < style { return }
            answer(ticket, seq)
        } else if wire.below(6) < style {
            act(style)
        }
    }

    private func answer(_ ticket: UInt64, _ seq: UInt64) {
        put(
            Wire.frame(
                Wire.Kind.result, ticket: ticket, seq: seq, value: wire.value(2),
                headers: wire.isLikely(1, in: 4) ? wire.headers() : [],
                payload: wire.isLikely(1, in: 4) ? wire.bytes(wire.count()) : []))
    }

    private func known(_ all: [UInt64]) -> UInt64 {
        all.isEmpty || wire.isLikely(1, in: 6) ? wire.number() : wire.pick(all)
    }

    /// Whole, where there is room; in parts where it is long.
    private func put(_ frame: [UInt8]) {
        let frame = wire.mayLie(frame)
        guard let theirs = link.shown.segment else { return }
        let free = UInt64(link.ring) &- (link.position &- theirs.load(fromByteOffset: 256, as: UInt64.self))
        guard frame.count + 64 < min(Int(clamping: free), 16_000) || wire.isLikely(1, in: 200) else { return }
        link.record(Array(frame.prefix(16_000)))
    }

    /// Something that a host may say, or may not.
    private func act(_ style: Int) {
        switch wire.below(16) {
        case 0, 1: result()
        case 2, 3: stream()
        case 4: event()
        case 5, 6, 7: port()
        case 8, 9: lent()
        case 10: way()
        case 11: put(wire.anyFrame())
        case 12: packet()
        case 13: words()
        case 14: parts()
        default: if wire.isLikely(1, in: 10) { put(Wire.frame(Wire.Kind.goodbye, value: wire.value(1))) }
        }
    }

    private func result() {
        let status: UInt32 = wire.isLikely(1, in: 4) ? 1 : 0
        let isWide = wire.isLikely(1, in: 6)
        put(
            Wire.frame(
                Wire.Kind.result, flags: status == 1 ? 4 : 0, deadline: wire.isLikely(1, in: 10) ? 2 : status,
                ticket: wire.isLikely(1, in: 6) ? 0 : known(tickets), seq: isWide ? .max : wire.number(),
                seqText: isWide ? "-1" : nil,
                value: status == 1
                    ? Wire.object([
                        ("type", Wire.text("TypeError")), ("message", wire.value(1)), ("code", wire.value(1)),
                        ("cause", wire.value()),
                    ])
                    : wire.value(),
                headers: wire.isLikely(1, in: 3) ? wire.headers() : [],
                payload: wire.isLikely(1, in: 3) ? wire.bytes(wire.count()) : []))
    }

    private func stream() {
        let ticket = known(streams)
        switch wire.below(5) {
        case 0:
            put(
                Wire.frame(
                    Wire.Kind.end, flags: wire.pick([0, 4]), ticket: ticket,
                    value: wire.isLikely(1, in: 2) ? wire.value(2) : []))
        case 1:
            put(
                Wire.frame(
                    Wire.Kind.credit, deadline: UInt32(truncatingIfNeeded: wire.number()), ticket: known(tickets)))
        default:
            for _ in 0..<1 + wire.below(20) {
                put(
                    Wire.frame(
                        Wire.Kind.chunk, ticket: ticket, name: wire.isLikely(1, in: 3) ? wire.name() : nil,
                        value: wire.isLikely(1, in: 2) ? wire.value(2) : [], payload: wire.bytes(wire.count())))
            }
        }
    }

    private func event() {
        for _ in 0..<1 + wire.below(8) {
            put(
                Wire.frame(
                    Wire.Kind.event, ticket: wire.isLikely(1, in: 10) ? wire.number() : 0,
                    name: wire.isLikely(1, in: 3) ? Array("broadcastchannelmessage".utf8) : wire.name(),
                    value: wire.value(), headers: wire.isLikely(1, in: 3) ? wire.headers() : [],
                    payload: wire.bytes(wire.below(60))))
        }
    }

    private func port() {
        let number = known(ports)
        switch wire.below(10) {
        case 0:
            put(
                Wire.port(
                    7, number, value: wire.isLikely(1, in: 2) ? Wire.text("QuotaExceededError: none") : wire.value(1)))
        case 1: put(Wire.port(6, number, seq: wire.isLikely(1, in: 2) ? 1 : wire.number()))
        case 2: put(Wire.port(10, wire.isLikely(1, in: 2) ? 0 : number, seq: wire.number()))
        case 3: put(Wire.port(9, number, count: UInt32(wire.below(20)), seq: wire.number()))
        case 4:
            put(
                Wire.port(
                    UInt8(wire.below(16)), number, count: UInt32(truncatingIfNeeded: wire.number()),
                    seq: wire.number(), value: wire.value(2)))
        default:
            var route: UInt16 = 0
            if wire.isLikely(1, in: 5) {
                for index in 0..<wire.below(3) {
                    put(Wire.port(3, number, count: UInt32(index), payload: wire.bytes(wire.count())))
                    route += 1
                }
            }
            if wire.isLikely(1, in: 3) {
                // Rows as they have to be, with numbers that cannot.
                let rows = (0..<1 + wire.below(3)).map { _ -> [UInt8] in
                    given += 2
                    let numbers = (0..<(wire.isLikely(1, in: 12) ? wire.below(7) : 4)).map { _ in
                        wire.isLikely(1, in: 3) ? wire.number() : UInt64(wire.below(3))
                    }
                    return Wire.array(
                        ([wire.isLikely(1, in: 6) ? wire.number() : given] + numbers).map {
                            Wire.int(Int(Int64(bitPattern: $0)))
                        })
                }
                put(Wire.port(4, number, value: Wire.array(rows)))
                ports.append(given)
                route |= 0x8000
            }
            let seq = wire.isLikely(1, in: 6) ? wire.number() : sent[number] ?? 0
            sent[number] = seq &+ 1
            let value =
                wire.isLikely(1, in: 3) ? Wire.array([[0], Wire.text("*"), wire.structured()]) : wire.structured()
            put(
                Wire.port(
                    5, number, count: wire.isLikely(1, in: 5) ? UInt32(truncatingIfNeeded: wire.number()) : 0, seq: seq,
                    route: route,
                    value: value, payload: wire.isLikely(1, in: 4) ? wire.bytes(wire.count()) : []))
        }
    }

    private func way() {
        tokens += 1
        let token = wire.isLikely(1, in: 2) ? tokens : wire.number()
        switch wire.below(4) {
        case 0:
            let introduction =
                Wire.number(0x504f_524f, 4) + Wire.number(0, 4) + Wire.number(token, 8) + Wire.number(wire.number(), 4)
                + Wire.number(0, 8)
            link.announce(wire.mayLie(introduction))
            offer(token)
        default:
            put(
                Wire.port(
                    8, token, count: UInt32(wire.isLikely(1, in: 4) ? wire.below(40) : 1 + wire.below(5)),
                    seq: known(ports),
                    value: Wire.int(Int(token & 0xFFFF))))
        }
    }

    /// Speaks for the other client that was introduced: an offer with a segment and a socket of this host's, or with
    /// neither.
    private func offer(_ id: UInt64) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0 else { return }
        let memory = oro_raw_memfd(UInt64(link.head + link.ring), true, oro_raw_segment_seals())
        let offer =
            Wire.number(0x4f4f_524f, 4) + Wire.number(0, 4) + Wire.number(1, 8) + Wire.number(wire.number(), 8)
            + Wire.number(UInt64(link.ring), 4) + Wire.number(1, 4) + Wire.number(1 << 20, 8) + Wire.number(512, 4)
            + Wire.number(16, 4) + Wire.number(1 << 30, 8) + Wire.number(id, 8)
        switch wire.below(3) {
        case 0: link.announce(Wire.number(0x4f4f_524f, 4) + [UInt8](repeating: 0, count: 52) + Wire.number(id, 8))
        case 1: link.announce(wire.mayLie(offer), [memory, wire.isLikely(1, in: 4) ? memory : ends[0]])
        default: break
        }
        for fd in ends + [memory] { close(fd) }
    }

    private func lent() {
        if memory == nil || wire.isLikely(1, in: 5) {
            let bytes = 4096 * (1 + wire.below(4))
            let seals = wire.isLikely(1, in: 12) ? 0 : oro_raw_segment_seals()
            let fd = oro_raw_memfd(UInt64(bytes), !wire.isLikely(1, in: 20), seals)
            guard fd >= 0 else { return }
            let slot = memory == nil ? 0 : wire.number()
            let serial = UInt32(truncatingIfNeeded: wire.dice.next())
            link.announce(
                wire.mayLie(
                    Wire.number(0x4d4f_524f, 4) + Wire.number(slot, 4) + Wire.number(UInt64(serial), 4)
                        + Wire.number(0, 4)
                        + Wire.number(UInt64(bytes), 8)), [fd])
            close(fd)
            if memory == nil { memory = (serial, bytes) }
        }
        guard let memory else { return }
        let (offset, count) =
            wire.isLikely(1, in: 6)
            ? (wire.number(), wire.number()) : (UInt64(wire.below(2000)), UInt64(1 + wire.below(2000)))
        let reference =
            Wire.number(wire.isLikely(1, in: 10) ? wire.number() : 0, 4) + Wire.number(UInt64(memory.serial), 4)
            + Wire.number(wire.number(), 8) + Wire.number(offset, 8) + Wire.number(count, 8)
        let choices: [(UInt8, UInt64)] = [
            (Wire.Kind.result, known(tickets)), (Wire.Kind.chunk, known(streams)), (Wire.Kind.event, 0),
        ]
        let (kind, ticket) = wire.pick(choices)
        put(
            Wire.frame(
                kind, flags: Wire.Flag.lent, ticket: ticket, seq: wire.number(),
                name: kind == Wire.Kind.event ? wire.name() : nil,
                payload: reference))
        if wire.isLikely(1, in: 6) {
            // Gives back what it was lent, or was not.
            let fd = oro_raw_memfd(UInt64(link.shown.loans * 8), true, 0)
            if let base = oro_raw_map(fd, UInt64(link.shown.loans * 8)) {
                for slot in 0..<8 {
                    base.storeBytes(
                        of: UInt64(1) << 56 | UInt64(slot) << 32 | wire.number() & 3, toByteOffset: slot * 8,
                        as: UInt64.self)
                }
                oro_raw_unmap(base, UInt64(link.shown.loans * 8))
            }
            _ = oro_raw_seal(fd, oro_raw_segment_seals())
            link.announce(Wire.number(0x424f_524f, 4) + Wire.number(UInt64(link.shown.loans), 4), [fd])
            close(fd)
        }
    }

    private func packet() {
        guard wire.isLikely(1, in: 3) else { return link.announce(Wire.number(0x554f_524f, 4)) }
        let files = (0..<wire.below(4)).map { _ in wire.isLikely(1, in: 2) ? oro_raw_eventfd() : oro_raw_file() }
        let kinds: [UInt64] = [
            0x474f_524f, 0x4d4f_524f, 0x464f_524f, 0x424f_524f, 0x504f_524f, 0x4f4f_524f, 0x444f_524f, 0x594f_524f,
        ]
        link.announce(
            wire.isLikely(1, in: 3)
                ? wire.bytes(wire.below(90)) : Wire.number(wire.pick(kinds), 4) + wire.bytes(wire.below(61)), files)
        for file in files { close(file) }
    }

    private func words() {
        guard let segment = link.segment else { return }
        switch wire.below(6) {
        case 0: segment.storeBytes(of: wire.dice.next(), toByteOffset: 64, as: UInt64.self)
        case 1:
            segment.storeBytes(
                of: UInt32(truncatingIfNeeded: wire.number()), toByteOffset: 72 + 4 * wire.below(3), as: UInt32.self)
        case 2: segment.storeBytes(of: wire.number(), toByteOffset: 256 + 64 * wire.below(8), as: UInt64.self)
        case 3:
            link.record(
                wire.bytes(wire.below(64)), length: UInt32(truncatingIfNeeded: wire.number()),
                stride: UInt32(wire.below(8) * 16))
        default: break
        }
    }

    private func parts() {
        let total = wire.isLikely(1, in: 3) ? wire.number() : UInt64(100 + wire.below(100_000))
        let piece = Wire.number(total, 8) + wire.bytes(wire.below(2000))
        for part in [1, 2, 2, 3] as [UInt32] where wire.isLikely(3, in: 4) {
            link.record(piece, length: UInt32(piece.count) | part << 28)
        }
    }

    // MARK: Running

    /// Serves clients one after the other until its input ends.
    static func run(_ arguments: Arguments) throws {
        let path = "\(arguments.text("folder") ?? "/tmp/oro-ipc-\(getuid())")/\(try arguments.name()).sock"
        let listener = oro_raw_listen(path)
        guard listener >= 0 else { throw Usage("no socket at \(path): \(listener)") }
        let (seed, first) = (arguments.number("seed", 1), arguments.number("first", 0))
        print("ready")
        let host = HostileHost()
        var number = first
        while true {
            let socket = oro_raw_accept(listener, 100)
            if socket >= 0 {
                host.serve(socket, number: number, seed: seed)
                number += 1
            }
            var input = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
            if poll(&input, 1, 0) > 0 { break }
        }
        print("clients \(number - first), frames \(host.frames)")
    }
}

extension Hostile {
    /// What a host says first.
    struct Welcome {
        var refusal: UInt16?
        /// Only so many bytes of it.
        var cut = 64
        var version: UInt64 = 2
        var rings: UInt64 = 8
        var message: UInt64 = 1 << 26
        var loans: UInt64 = 512
        /// How often the segment goes along.
        var descriptors = 1
        /// Nothing at all.
        var isSilent = false
    }

    /// The host's half of a handshake. False: the client is gone, or was not let in.
    func accept(_ accepted: Int32, welcome: Welcome, isSealed: Bool) -> Bool {
        closeAll()
        socket = accepted
        var hello = [UInt8](repeating: 0, count: 256)
        var fds = [Int32](repeating: -1, count: 8)
        var count: Int32 = 0
        let got = oro_raw_receive(socket, &hello, 256, &fds, 8, &count, 2000)
        defer { for fd in fds.prefix(Int(count)) { close(fd) } }
        guard got == 56, count >= 1 else { return false }
        shown.welcome(hello, fds[0])
        shown.loans = Int(hello[40]) | Int(hello[41]) << 8 | Int(hello[42]) << 16
        if let refusal = welcome.refusal {
            say(bytes([(0x524f_524f, 4), (UInt64(refusal), 2)]))
            return false
        }
        if welcome.isSilent {
            usleep(150_000)
            return false
        }
        key = dice.next()
        let memory = oro_raw_memfd(UInt64(head + ring), true, 0)
        defer { close(memory) }
        segment = oro_raw_map(memory, UInt64(head + ring))
        if isSealed { _ = oro_raw_seal(memory, oro_raw_segment_seals()) }
        let packet = bytes([
            (0x574f_524f, 4), (welcome.version, 2), (0, 2), (7, 8), (key, 8), (UInt64(ring), 4), (welcome.rings, 4),
            (welcome.message, 8),
            (welcome.loans, 4), (256, 4), (1 << 40, 8), (dice.next(), 8),
        ])
        say(Array(packet.prefix(welcome.cut)), Array(repeating: memory, count: welcome.descriptors))
        return true
    }

    /// Takes every frame that is there, of ring 0; of a long message each record counts as one.
    func takeFrames(_ body: ([UInt8]) -> Void) {
        guard let theirs = shown.segment, let segment else { return }
        let (ring, mask) = (theirs + 4096, shown.ringBytes - 1)
        let before = shown.position
        while true {
            let offset = Int(shown.position) & mask
            guard ring.load(fromByteOffset: offset, as: UInt64.self) == shown.key &+ shown.position else { break }
            let length = Int(ring.load(fromByteOffset: offset + 8, as: UInt32.self) & 0xFFF_FFFF)
            body((0..<min(length, 256)).map { ring.load(fromByteOffset: (offset + 16 + $0) & mask, as: UInt8.self) })
            shown.position += UInt64(ring.load(fromByteOffset: offset + 12, as: UInt32.self))
        }
        if shown.position != before { segment.storeBytes(of: shown.position, toByteOffset: 256, as: UInt64.self) }
    }
}
