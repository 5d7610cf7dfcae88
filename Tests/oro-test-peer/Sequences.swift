// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance

/// Sequences of a hostile client: each is a link of its own, on which chance takes step after step. Most steps are
/// right and build on those before (ports that are open, streams that go on, loans that are out), so that the wrong
/// ones come late.
///
/// A sequence depends on nothing but its seed and its number.
final class SequenceClient {
    private let assailant: Assailant
    private var wire: RandomWire
    private var link: Hostile { assailant.main }
    private(set) var steps: [String: Int] = [:]

    // What goes on, on this link.
    private var tickets: [UInt64] = []
    private var lastTicket: UInt64 = 0
    private var ports: [UInt64: UInt64] = [:]
    private var lastPort: UInt64 = 0
    private var taken: UInt64 = 0
    private var memories: [(slot: Int, serial: UInt32)] = []
    private var loans: UInt64 = 0
    private var returns: UnsafeMutableRawPointer?
    private var given = 0
    /// Loans of the host's, as its frames named them.
    private var held: [UInt64] = []
    private var routes: UInt16 = 0

    init(folder: String, name: String) {
        assailant = Assailant(folder: folder, name: name, seed: 1)
        assailant.patience = 30_000_000
        wire = RandomWire(dice: Dice(seed: 1))
    }

    deinit { forget() }

    private func forget() {
        if let returns { oro_raw_unmap(returns, UInt64(link.shown.loans * 8)) }
        returns = nil
        (tickets, ports, memories, held) = ([], [:], [], [])
        (lastTicket, lastPort, taken, loans, given, routes) = (0, 0, 0, 0, 0, 0)
    }

    /// One sequence.
    func run(_ number: Int, seed: Int) throws {
        wire.dice = Dice(seed: UInt64(seed) << 32 | UInt64(number))
        for _ in 0..<3 { _ = wire.dice.next() }
        forget()
        link.dice = wire.dice
        // Apart and with their types: in one expression the compiler takes seconds over them.
        let messages: [UInt64] = [1 << 26, 1 << 26, 1 << 26, 1 << 14, 20_000, 1 << 16]
        let payloads: [UInt64] = [1 << 40, 1 << 40, 4096]
        link.offer = .init(
            message: wire.pick(messages), rings: wire.pick([8, 8, 1, 2, 16]), memories: wire.pick([256, 256, 4]),
            payload: wire.pick(payloads))
        link.features = wire.pick([1, 1, 3, 7, 0])
        assailant.reads = !wire.isLikely(1, in: 8)
        assailant.connect(link, loans: wire.pick([512, 512, 16_384]))
        do {
            for _ in 0..<1 + wire.below(30) { try step() }
            try end()
        } catch is Assailant.Gone {
            // The host has had enough of it.
        }
        if let wrong = link.shown.wrong { throw Unexpected(wrong) }
        link.closeAll()
    }

    private static let kinds: [(String, @Sendable (SequenceClient) throws -> Void)] = [
        ("request", { try $0.request() }), ("request", { try $0.request() }), ("request", { try $0.request() }),
        ("stream", { try $0.stream() }), ("goes on", { try $0.goOn() }), ("goes on", { try $0.goOn() }),
        ("port", { try $0.openPort() }), ("port says", { try $0.say() }), ("port says", { try $0.say() }),
        ("port order", { try $0.order() }), ("port order", { try $0.order() }), ("memory", { try $0.memory() }),
        ("lends", { try $0.lend() }), ("lends", { try $0.lend() }), ("returns", { try $0.giveBack() }),
        ("wants loans", { try $0.wantLoan() }), ("names", { try $0.names() }), ("ring", { try $0.ring() }),
        ("listens", { try $0.listen() }), ("parts", { try $0.parts() }), ("any frame", { $0.put($0.wire.anyFrame()) }),
        ("packet", { $0.packet() }), ("words", { $0.words() }), ("reads", { try $0.read() }),
        ("reads", { try $0.read() }),
        ("waits", { try $0.wait() }),
    ]

    private func step() throws {
        let (name, action) = SequenceClient.kinds[wire.below(SequenceClient.kinds.count)]
        steps[name, default: 0] += 1
        try action(self)
        if wire.isLikely(1, in: 3) { link.wake() }
    }

    private func send(_ frame: [UInt8]) throws { try assailant.send(wire.mayLie(frame)) }

    /// Without asking for room: what does not fit overwrites what the host may be reading.
    private func put(_ frame: [UInt8]) { if frame.count < 16_000 { link.record(frame) } }

    private func ticket() -> UInt64 {
        lastTicket += 1
        tickets.append(lastTicket)
        return lastTicket
    }

    private func known(_ all: [UInt64]) -> UInt64 {
        all.isEmpty || wire.isLikely(1, in: 8) ? wire.number() : wire.pick(all)
    }

    // MARK: Requests

    private static let commands = [
        "ping", "echo", "echo.async", "seq", "fail", "headers", "headers.back", "sleep", "note", "take", "make",
        "digest",
        "make.loan", "echo.loan", "keep", "release", "blocks", "body.read", "body.none", "stream.echo", "stream.count",
        "stream.shapes", "stream.pause", "event.emit", "event.push", "event.burst", "reply.later", "reply.never",
        "reply.drop",
        "reply.throw", "platform.primordials", "platform.event", "diagnostics.query", "diagnostics.stream.sse",
        "diagnostics.stream.chunks", "broadcast_channel.subscribe", "broadcast_channel.unsubscribe",
        "broadcast_channel.postMessage", "nobody",
    ]

    private func parameters() -> [UInt8] {
        func small(_ limit: Int) -> [UInt8] { Wire.int(wire.below(limit)) }
        switch wire.below(5) {
        case 0: return []
        case 1: return wire.value()
        default:
            return Wire.object([
                ("ms", small(3)), ("count", small(300)), ("size", small(5000)), ("seed", small(9)),
                ("interval", small(3)),
                ("name", Wire.text("n\(wire.below(4))")), ("data", wire.value(2)), ("value", wire.value(1)),
                ("chunks", small(9)), ("chunkSize", small(2000)), ("sizes", Wire.array([small(100), small(3000)])),
                ("n", small(9)), ("who", Wire.text("hostile")), ("gap", small(2)),
                ("tag", Wire.text("t\(wire.below(3))")),
            ])
        }
    }

    private func request() throws {
        let kind = wire.isLikely(1, in: 5) ? Wire.Kind.post : Wire.Kind.request
        var name: [UInt8]? = Array(wire.pick(SequenceClient.commands).utf8)
        var route: UInt16 = 0
        if routes > 0, wire.isLikely(1, in: 3) { (name, route) = (nil, UInt16(1 + wire.below(Int(routes)))) }
        try send(
            Wire.frame(
                kind, route: route, deadline: wire.isLikely(1, in: 8) ? UInt32(truncatingIfNeeded: wire.number()) : 0,
                ticket: kind == Wire.Kind.post ? 0 : ticket(), seq: wire.number(),
                name: name, value: parameters(), headers: wire.isLikely(1, in: 6) ? wire.headers() : [],
                payload: wire.isLikely(1, in: 3) ? wire.bytes(wire.count()) : []))
    }

    private func stream() throws {
        let name = wire.pick([
            "stream.count", "stream.echo", "body.read", "diagnostics.stream.sse", "stream.shapes", "echo",
        ])
        let flags = wire.pick([Wire.Flag.takesStream, Wire.Flag.hasBody, Wire.Flag.takesStream | Wire.Flag.hasBody])
        let ticket = ticket()
        try send(Wire.request(name, flags: flags, ticket: ticket, seq: ticket, value: parameters()))
        if wire.isLikely(3, in: 4) { try credit(ticket) }
    }

    private func credit(_ ticket: UInt64) throws {
        let count = wire.isLikely(1, in: 8) ? UInt32(truncatingIfNeeded: wire.number()) : UInt32(wire.below(40))
        try send(Wire.frame(Wire.Kind.credit, deadline: count, ticket: ticket))
    }

    private func goOn() throws {
        let ticket = known(tickets)
        switch wire.below(5) {
        case 0: try send(Wire.frame(Wire.Kind.abort, ticket: ticket, seq: ticket, value: wire.value(1)))
        case 1: try credit(ticket)
        case 2: try send(Wire.frame(Wire.Kind.end, ticket: ticket))
        default:
            for _ in 0..<1 + wire.below(4) {
                try send(Wire.frame(Wire.Kind.chunk, ticket: ticket, payload: wire.bytes(wire.count())))
            }
        }
    }

    private func listen() throws {
        try send(Wire.frame(Wire.Kind.credit, deadline: UInt32(wire.below(2))))
        if wire.isLikely(1, in: 2) { try send(Wire.request("event.burst", ticket: ticket())) }
    }

    private func names() throws {
        routes += 1
        try send(Wire.frame(Wire.Kind.name, route: routes, name: Array(wire.pick(SequenceClient.commands).utf8)))
    }

    private func parts() throws {
        let total = wire.pick([100, 5000, 40_000, 200_000])
        let frame = Wire.request(
            "digest", ticket: ticket(), payload: [UInt8](repeating: 7, count: total))
        let said = wire.isLikely(1, in: 4) ? Int(truncatingIfNeeded: wire.number() >> 1) : frame.count
        let cut = wire.isLikely(1, in: 3) ? wire.below(frame.count) : frame.count
        try assailant.sendParts(Array(frame.prefix(cut)), of: said, over: link)
    }

    // MARK: Ports

    private func openPort() throws {
        lastPort += 2
        let number = lastPort - 1
        if wire.isLikely(1, in: 4) {
            lastPort += 2
            ports[number] = 0
            ports[lastPort - 1] = 0
            return try send(Wire.port(2, number, seq: lastPort - 1))
        }
        let name = wire.pick(["echo", "count", "close", "silent", "nobody", "m1", "m2", "news"])
        let mode =
            switch wire.below(4) {
            case 0: [UInt8(1)]
            case 1: Wire.array([[2], Wire.text(wire.pick(["o", "p"])), [UInt8(wire.below(2))]])
            case 2: wire.value(1)
            default: [UInt8(0)]
            }
        ports[number] = 0
        try send(Wire.port(1, number, name: name, value: mode))
    }

    private func port() -> UInt64 { known(ports.keys.sorted()) }

    private func say() throws {
        let number = port()
        for _ in 0..<1 + wire.below(4) {
            let seq = wire.isLikely(1, in: 20) ? wire.number() : ports[number] ?? 0
            ports[number] = seq &+ 1
            var route: UInt16 = 0
            if wire.isLikely(1, in: 6) {
                let buffers = wire.below(3)
                for index in 0..<buffers {
                    try send(Wire.port(3, number, count: UInt32(index), payload: wire.bytes(wire.count())))
                }
                route |= UInt16(buffers)
            }
            if wire.isLikely(1, in: 6) {
                let other = port()
                let row = Wire.array(
                    [other, wire.isLikely(1, in: 4) ? wire.number() : 0, 9].map { Wire.int(Int(Int64(bitPattern: $0))) }
                )
                try send(Wire.port(4, number, value: Wire.array([row])))
                if wire.isLikely(3, in: 4) { ports[other] = nil }
                route |= 0x8000
            }
            let value =
                wire.isLikely(1, in: 3)
                ? Wire.array([[0], Wire.text(wire.pick(["o", "*"])), wire.structured()]) : wire.structured()
            try send(
                Wire.port(
                    5, number, count: wire.isLikely(1, in: 10) ? UInt32(truncatingIfNeeded: wire.number()) : 0,
                    seq: seq,
                    route: route, value: value, payload: wire.isLikely(1, in: 5) ? wire.bytes(wire.count()) : []))
        }
    }

    private func order() throws {
        let number = port()
        switch wire.below(8) {
        case 0: try send(Wire.port(7, number)); ports[number] = nil
        case 1: try send(Wire.port(6, number, seq: wire.isLikely(1, in: 2) ? 1 : wire.number()))
        case 2: try send(Wire.port(8, wire.number(), count: UInt32(wire.below(24)), seq: wire.number()))
        case 3: try send(Wire.port(8, number | 1 << 63, count: UInt32(16 + wire.below(6)), seq: wire.number()))
        case 4: try send(Wire.port(9, number, count: UInt32(wire.below(18)), seq: wire.number()))
        case 5: try send(Wire.port(10, 0, seq: wire.number()))
        case 6:
            try send(
                Wire.port(
                    UInt8(wire.below(16)), number, count: UInt32(truncatingIfNeeded: wire.number()), seq: wire.number()
                ))
        default:
            taken += UInt64(wire.below(3))
            try send(Wire.port(6, number, seq: taken))
        }
    }

    // MARK: Memory

    private func memory() throws {
        let slot = wire.isLikely(1, in: 6) ? wire.below(70_000) : memories.count
        let serial = UInt32(truncatingIfNeeded: wire.dice.next())
        if !memories.isEmpty, wire.isLikely(1, in: 3) {
            let index = wire.below(memories.count)
            link.announce(wire.mayLie(Wire.number(0x464f_524f, 4) + Wire.number(UInt64(memories[index].slot), 4)))
            if wire.isLikely(3, in: 4) { memories.remove(at: index) }
            return
        }
        let size = 4096 * (1 + wire.below(4))
        let seals = wire.isLikely(1, in: 12) ? 0 : wire.pick([oro_raw_segment_seals(), oro_raw_immutable_seals()])
        let memory = oro_raw_memfd(UInt64(size), !wire.isLikely(1, in: 20), seals)
        guard memory >= 0 else { return }
        let flag: UInt64 = seals == oro_raw_immutable_seals() ? 1 : 0
        link.announce(
            wire.mayLie(
                Wire.number(0x4d4f_524f, 4) + Wire.number(UInt64(slot), 2) + Wire.number(flag, 2)
                    + Wire.number(UInt64(serial), 4) + Wire.number(0, 4) + Wire.number(UInt64(size), 8)), [memory])
        close(memory)
        memories.append((slot, serial))
    }

    private func lend() throws {
        if memories.isEmpty { try memory() }
        guard !memories.isEmpty else { return }
        let memory = wire.pick(memories)
        loans += 1
        let (offset, count) =
            wire.isLikely(1, in: 8)
            ? (wire.number(), wire.number()) : (UInt64(wire.below(2000)), UInt64(1 + wire.below(2000)))
        let reference =
            Wire.number(UInt64(memory.slot), 4) + Wire.number(UInt64(memory.serial), 4) + Wire.number(loans, 8)
            + Wire.number(offset, 8) + Wire.number(count, 8)
        try send(
            Wire.request(
                wire.pick(["digest", "echo", "echo.loan", "keep", "take", "echo.async", "body.read", "nobody"]),
                flags: Wire.Flag.lent | wire.pick([0, 0, 0, Wire.Flag.takesStream]), ticket: ticket(),
                payload: reference))
    }

    private func wantLoan() throws {
        for _ in 0..<1 + wire.below(3) {
            try send(
                Wire.request(
                    "make.loan", ticket: ticket(), value: Wire.object([("count", Wire.int(1 + wire.below(5000)))])))
        }
    }

    private func giveBack() throws {
        let slots = link.shown.loans
        if returns == nil {
            let memory = oro_raw_memfd(UInt64(slots * 8), true, 0)
            returns = oro_raw_map(memory, UInt64(slots * 8))
            _ = oro_raw_seal(memory, oro_raw_segment_seals())
            let said = wire.isLikely(1, in: 12) ? wire.number() : UInt64(slots)
            link.announce(Wire.number(0x424f_524f, 4) + Wire.number(said, 4), [memory])
            close(memory)
        }
        let count = wire.below(4)
        for _ in 0..<count {
            var loan = held.isEmpty ? wire.number() : held.removeFirst()
            if wire.isLikely(1, in: 10) { loan = wire.pick([loan &+ 1, loan ^ 1 << 32, wire.number()]) }
            if wire.isLikely(1, in: 10) { held.insert(loan, at: 0) }
            let lap = UInt64(truncatingIfNeeded: given / slots + 1) << 56
            returns?.storeBytes(of: lap | loan & (1 << 56 - 1), toByteOffset: given % slots * 8, as: UInt64.self)
            given += 1
        }
    }

    // MARK: Below frames

    private func ring() throws {
        let size = wire.isLikely(1, in: 6) ? 1 << wire.below(24) : 4096 << wire.below(3)
        let memory = oro_raw_memfd(UInt64(size), true, oro_raw_segment_seals())
        guard memory >= 0 else { return }
        let number = wire.isLikely(1, in: 5) ? wire.number() : UInt64(1 + link.further)
        link.further += 1
        link.announce(
            wire.mayLie(
                Wire.number(0x474f_524f, 4) + Wire.number(number, 4) + Wire.number(wire.dice.next(), 8)
                    + Wire.number(UInt64(size), 8)), [memory])
        close(memory)
    }

    private func packet() {
        let kinds: [UInt64] = [
            0x494f_524f, 0x574f_524f, 0x524f_524f, 0x474f_524f, 0x4d4f_524f, 0x464f_524f, 0x424f_524f, 0x504f_524f,
            0x4f4f_524f, 0x554f_524f, 0x444f_524f, 0x594f_524f,
        ]
        let packet =
            wire.isLikely(1, in: 3)
            ? wire.bytes(wire.below(80)) : Wire.number(wire.pick(kinds), 4) + wire.bytes(wire.below(61))
        let files = (0..<(wire.isLikely(1, in: 2) ? 0 : wire.below(6))).map { _ in
            wire.isLikely(1, in: 2) ? oro_raw_eventfd() : oro_raw_file()
        }
        link.announce(packet, files)
        for file in files { close(file) }
    }

    private func words() {
        guard let segment = link.segment else { return }
        switch wire.below(5) {
        case 0: segment.storeBytes(of: wire.dice.next(), toByteOffset: 64, as: UInt64.self)
        case 1:
            segment.storeBytes(
                of: UInt32(truncatingIfNeeded: wire.number()), toByteOffset: 72 + 4 * wire.below(4), as: UInt32.self)
        case 2: segment.storeBytes(of: wire.number(), toByteOffset: 256 + 64 * wire.below(16), as: UInt64.self)
        case 3:
            segment.storeBytes(
                of: wire.dice.next(), toByteOffset: wire.below((link.head + link.ring) / 8) * 8, as: UInt64.self)
        default:
            link.record(
                wire.bytes(wire.below(64)), length: UInt32(truncatingIfNeeded: wire.number()),
                stride: UInt32(wire.below(8) * 16))
        }
    }

    /// Takes what the host has said, and keeps what it lends.
    private func read() throws {
        link.wake()
        guard link.drainHere() else { throw Assailant.Gone() }
        if !assailant.reads { return }
        assailant.each(link) { frame in
            guard frame.count >= 64, frame[1] & Wire.Flag.lent != 0, frame[0] == Wire.Kind.result else { return }
            let at = frame.count - 24
            held.append((0..<8).reduce(UInt64(0)) { $0 | UInt64(frame[at + $1]) << UInt64(8 * $1) })
        }
    }

    private func wait() throws {
        link.wake()
        usleep(UInt32(wire.below(300)))
        try read()
    }

    private func end() throws {
        link.wake()
        switch wire.below(5) {
        case 0: try send(Wire.frame(Wire.Kind.goodbye, value: wire.isLikely(1, in: 2) ? Wire.text("bye") : []))
        case 1: shutdown(link.socket, Int32(SHUT_WR))
        case 2:
            // All of it is read, and answered or not.
            let end = oro_clock_ns() + 2_000_000
            while oro_clock_ns() < end {
                try read()
                usleep(100)
            }
        default: break
        }
    }

    /// What a host keeps of those that are gone it lets go.
    private func release() throws {
        forget()
        (link.offer, link.features, assailant.reads) = (.init(), 1, true)
        assailant.connect(link)
        guard try link.ask("release") else { throw Unexpected("the host does not let go") }
        link.closeAll()
    }

    static func run(_ arguments: Arguments) throws {
        let client = SequenceClient(
            folder: arguments.text("folder") ?? "/tmp/oro-ipc-\(getuid())", name: try arguments.name())
        let (count, seed, first) = (
            arguments.number("count", 5000), arguments.number("seed", 1), arguments.number("first", 0)
        )
        for number in first..<first + count {
            do { try client.run(number, seed: seed) } catch {
                throw Unexpected("sequence \(number) of seed \(seed): \(error)")
            }
        }
        try client.release()
        print("sequences \(count), steps \(client.steps.values.reduce(0, +))")
        if arguments.has("table") {
            for (kind, number) in client.steps.sorted(by: { $0.key < $1.key }) { print("  \(kind): \(number)") }
        }
    }
}
