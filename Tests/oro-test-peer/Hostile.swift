// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import OroIPC

/// A client that speaks the handshake and then does whatever it likes with its segment, its socket and its frames.
///
/// Knows the layout by number, not by the engine's code: what it sends is what somebody else's program could send.
final class Hostile {
    private let path: String
    var dice: Dice
    var socket: Int32 = -1
    var segment: UnsafeMutableRawPointer?
    private var hostSegment: Int32 = -1
    var key: UInt64 = 0
    var position: UInt64 = 0
    let ring = 1 << 16
    let head = 4096
    /// The newest sleep of the host's that it was woken from.
    private var wokenFrom: UInt64 = 0
    /// What the host has shown on this connection.
    var shown = Shown()
    var counts: [String: Int] = [:]
    var dropped = 0
    /// What it says it can do, and takes.
    var features: UInt64 = 1
    var offer = Offer()
    /// Rings it has opened beside the first.
    var further = 0

    struct Offer {
        var message: UInt64 = 1 << 26
        var rings: UInt64 = 8
        var memories: UInt64 = 256
        var payload: UInt64 = 1 << 40
    }
    /// The one kind that is tried, for looking into it.
    var only: String?

    init(path: String, seed: UInt64) {
        self.path = path
        dice = Dice(seed: seed)
    }

    func u(_ limit: Int) -> Int { Int(dice.next() % UInt64(limit)) }

    func bytes(_ parts: [(UInt64, Int)]) -> [UInt8] {
        parts.flatMap { number, count in (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) } }
    }

    func closeAll() {
        for fd in [socket, hostSegment] where fd >= 0 { close(fd) }
        (socket, hostSegment) = (-1, -1)
        if let segment { oro_raw_unmap(segment, UInt64(head + ring)) }
        segment = nil
        position = 0
        wokenFrom = 0
        shown.forget()
    }

    func hello(
        ringBytes: UInt64? = nil, rings: UInt64 = 8, message: UInt64 = 1 << 26, oldest: UInt64 = 2, newest: UInt64 = 2,
        loans: UInt64 = 1 << 14, memories: UInt64 = 256, payload: UInt64 = 1 << 40
    )
        -> [UInt8]
    {
        bytes([
            (0x494f_524f, 4), (oldest, 2), (newest, 2), (features, 8), (key, 8), (ringBytes ?? UInt64(ring), 4),
            (rings, 4),
            (message, 8), (loans, 4), (memories, 4), (payload, 8),
        ])
    }

    /// A proper connection. False: the host would not have us.
    func connect(loans: Int = 1 << 14) -> Bool {
        closeAll()
        socket = oro_raw_connect(path)
        guard socket >= 0 else { return false }
        key = dice.next()
        let memory = oro_raw_memfd(UInt64(head + ring), true, 0)
        segment = oro_raw_map(memory, UInt64(head + ring))
        _ = oro_raw_seal(memory, oro_raw_segment_seals())
        further = 0
        let packet = hello(
            rings: offer.rings, message: offer.message, loans: UInt64(loans), memories: offer.memories,
            payload: offer.payload)
        _ = oro_raw_send(socket, packet, packet.count, [memory], 1)
        close(memory)
        shown.loans = loans
        return welcomed()
    }

    private func welcomed() -> Bool {
        var answer = [UInt8](repeating: 0, count: 256)
        var fds = [Int32](repeating: -1, count: 8)
        var count: Int32 = 0
        let got = oro_raw_receive(socket, &answer, 256, &fds, 8, &count, 10_000)
        defer { for fd in fds.prefix(Int(count)) { close(fd) } }
        guard got == 64 && answer[3] == UInt8(ascii: "W") && count == 1 else { return false }
        shown.welcome(answer, fds[0])
        return true
    }

    /// Reads the socket; where the host has hung up, connects again.
    func drain() {
        if drainHere() { return }
        dropped += 1
        if !connect() { usleep(1000) }
    }

    func say(_ packet: [UInt8], _ fds: [Int32] = []) {
        _ = packet.withUnsafeBytes { oro_raw_send(socket, $0.baseAddress, packet.count, fds, Int32(fds.count)) }
    }

    /// Tells the host to look: a count of packets that it has not read, and a wake packet where it sleeps.
    func notice() {
        segment?.storeBytes(of: UInt32(truncatingIfNeeded: dice.next()), toByteOffset: 76, as: UInt32.self)
        wake()
    }

    /// A wake packet, where the host sleeps and was not woken from this sleep.
    func wake() {
        guard let theirs = shown.segment, let segment else { return }
        // After what was written; pairs with the host's.
        oro_raw_fence()
        let word = theirs.load(fromByteOffset: 64, as: UInt64.self)
        guard word & 1 != 0, word >> 3 > wokenFrom else { return }
        wokenFrom = word >> 3
        segment.storeBytes(
            of: segment.load(fromByteOffset: 80, as: UInt32.self) &+ 1, toByteOffset: 80, as: UInt32.self)
        say(Hostile.wakePacket)
    }

    static let wakePacket = Array("OROY".utf8)

    /// Writes a record whose commit word the host accepts.
    func record(_ payload: [UInt8], length: UInt32? = nil, stride: UInt32? = nil) {
        guard let segment else { return }
        let base = segment + head
        let offset = Int(position & UInt64(ring - 1))
        let whole = (payload.count + 16 + 15) & ~15
        for (index, byte) in payload.enumerated() {
            base.storeBytes(of: byte, toByteOffset: (offset + 16 + index) & (ring - 1), as: UInt8.self)
        }
        base.storeBytes(of: length ?? UInt32(payload.count), toByteOffset: offset + 8, as: UInt32.self)
        base.storeBytes(of: stride ?? UInt32(whole), toByteOffset: offset + 12, as: UInt32.self)
        base.storeBytes(of: key &+ position, toByteOffset: offset, as: UInt64.self)
        position += UInt64(stride ?? UInt32(whole))
        position &= ~15
    }

    func frame(
        kind: UInt8, flags: UInt8 = 0, route: UInt16 = 0, deadline: UInt64 = 0, ticket: UInt64 = 1, value: Int = 0,
        payload: Int = 0, body: [UInt8] = []
    )
        -> [UInt8]
    {
        bytes([
            (UInt64(kind), 1), (UInt64(flags), 1), (UInt64(route), 2), (deadline, 4), (ticket, 8), (dice.next(), 8),
            (UInt64(value), 4),
            (UInt64(payload), 4),
        ]) + body
    }

    /// A request with the command's name in it.
    private func ask(_ command: String, flags: UInt8, ticket: UInt64) {
        let name = Array(command.utf8)
        record(frame(kind: 1, flags: flags | 2, ticket: ticket, body: bytes([(UInt64(name.count), 2)]) + name))
    }

    func random(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: dice.next()) } }

    private static let kinds =
        [
            "words", "ring header", "size word", "cursor", "attention", "notices", "frames", "bad route", "abort",
            "result", "chunks", "ends", "credits", "stream", "body", "many bodies",
            "events", "listening", "late replies",
            "garbage packet",
            "empty packet", "hello twice", "ring out of turn", "many descriptors", "file", "unsealed", "short", "holes",
            "more descriptors", "wake flood", "wake counts", "packets", "half a hang-up",
            "truncated hello", "vanish", "versions", "bounds", "assembly",
        ] + blockKinds + portKinds + descriptorKinds + wayKinds + memoryKinds

    /// One mutation.
    func step() throws {
        let kind = only ?? Hostile.kinds[u(Hostile.kinds.count)]
        counts[kind, default: 0] += 1
        let tries: [([String], (String) throws -> Void)] = [
            (Hostile.blockKinds, blocks), (Hostile.portKinds, ports), (Hostile.descriptorKinds, descriptors),
            (Hostile.wayKinds, ways), (Hostile.memoryKinds, memory),
        ]
        if let (_, attempt) = tries.first(where: { $0.0.contains(kind) }) {
            do { try attempt(kind) } catch { throw Unexpected("\(kind): \(error)") }
            if let wrong = shown.wrong { throw Unexpected("\(kind): \(wrong)") }
            return
        }
        switch kind {
        case "words":
            for _ in 0..<16 {
                segment?.storeBytes(of: dice.next(), toByteOffset: u((head + ring) / 8) * 8, as: UInt64.self)
            }
        case "ring header":
            let offset = head + Int(position & UInt64(ring - 1))
            segment?.storeBytes(of: dice.next(), toByteOffset: offset + 8, as: UInt64.self)
            segment?.storeBytes(of: key &+ position, toByteOffset: offset, as: UInt64.self)
        case "size word":
            record(
                random(u(64)), length: UInt32(truncatingIfNeeded: dice.next()) >> UInt32(u(31)),
                stride: UInt32(u(8) * 16))
        case "cursor":
            let value = [0, 16, UInt64.max, UInt64(ring), UInt64(ring) * 2, dice.next()][u(6)]
            segment?.storeBytes(of: value, toByteOffset: 256 + 64 * u(16), as: UInt64.self)
            record(frame(kind: 10, flags: 2, route: 1, body: Array("x".utf8)))
        case "attention":
            segment?.storeBytes(of: UInt32(truncatingIfNeeded: dice.next()), toByteOffset: 64, as: UInt32.self)
        case "notices":
            for _ in 0..<64 { notice() }
        case "frames":
            record(
                frame(
                    kind: UInt8(u(28)), flags: UInt8(u(40)), route: UInt16(u(4)), value: u(40), payload: u(40),
                    body: random(u(60))))
        case "bad route":
            record(frame(kind: 1, route: UInt16(truncatingIfNeeded: dice.next())))
        case "abort":
            for _ in 0..<8 { record(frame(kind: 5, ticket: dice.next())) }
        case "result":
            record(frame(kind: 2, ticket: dice.next()))
        case "chunks":
            for _ in 0..<1 + u(4) {
                record(frame(kind: 6, ticket: [1, 2, dice.next()][u(3)], payload: u(40), body: random(u(40))))
            }
        case "ends":
            for _ in 0..<8 { record(frame(kind: 7, flags: UInt8(u(2) * 4), ticket: [1, 2, dice.next()][u(3)])) }
        case "credits":
            for _ in 0..<8 {
                let count: UInt64 = [0, 1, 16, 1 << 19, 1 << 20, (1 << 20) + 1, 1 << 31, dice.next() >> 32][u(8)]
                record(frame(kind: 12, deadline: count, ticket: [1, 2, 3, dice.next()][u(4)] as UInt64))
            }
        case "stream":
            // Asked for, given credit, and not read; perhaps given up.
            ask("stream.count", flags: 0x40, ticket: 1 + dice.next() % 4)
            for ticket in 1...4 { record(frame(kind: 12, deadline: dice.next() % 3000, ticket: UInt64(ticket))) }
            if u(2) == 0 { record(frame(kind: 5, ticket: 1 + dice.next() % 4)) }
        case "body":
            let ticket = 1 + dice.next() % 4
            ask("body.read", flags: 0x80, ticket: ticket)
            for _ in 0..<u(20) { record(frame(kind: 6, ticket: ticket)) }
            if u(2) == 0 { record(frame(kind: 7, ticket: ticket)) }
        case "many bodies":
            for _ in 0..<50 { ask(["body.read", "stream.echo", "body.none"][u(3)], flags: 0xC0, ticket: dice.next()) }
        case "events":
            // What only a host sends: events, pushes, results for requests that nobody made.
            let name = bytes([(1, 2)]) + Array("e".utf8)
            record(frame(kind: 3, flags: 2, ticket: 0, body: name))
            for ticket in [0, 1, dice.next()] {
                record(frame(kind: 2, ticket: ticket, value: u(3), body: random(u(3))))
            }
        case "listening":
            // Says that it listens, or does not, or both; asks for events, and does not read them.
            for _ in 0..<1 + u(8) { record(frame(kind: 12, deadline: UInt64(u(2)), ticket: 0)) }
            for _ in 0..<1 + u(40) { ask("event.burst", flags: 0, ticket: 1 + dice.next() % 1000) }
            if u(4) == 0 { record(frame(kind: 12, deadline: dice.next() >> 32, ticket: 0)) }
            // What the host has lent it meanwhile would be in the way of lies about blocks.
            if u(2) == 0 { notice() }
            try again()
        case "late replies":
            // Asks for what is answered later or never, and gives up, or does not.
            for _ in 0..<20 {
                let ticket = 1 + dice.next() % 1000
                ask(["reply.later", "reply.never", "reply.drop", "reply.now"][u(4)], flags: 0, ticket: ticket)
                if u(2) == 0 { record(frame(kind: 5, ticket: ticket)) }
            }
        case "garbage packet": say(random(1 + u(300)))
        case "empty packet": say([])
        case "hello twice":
            let memory = oro_raw_memfd(UInt64(head + ring), true, oro_raw_segment_seals())
            say(hello(), [memory])
            close(memory)
        case "ring out of turn":
            let size = 1 << (10 + u(12))
            let memory = oro_raw_memfd(UInt64(size), true, oro_raw_segment_seals())
            say(
                bytes([(0x474f_524f, 4), (dice.next() % 20, 2), (0, 2), (dice.next(), 8), (UInt64(size), 4), (0, 4)]),
                [memory])
            close(memory)
            notice()
        case "many descriptors":
            let event = oro_raw_eventfd()
            say(hello(), [Int32](repeating: event, count: 3 + u(247)))
            close(event)
        case "assembly":
            record(
                bytes([(UInt64(1) << UInt64(10 + u(54)), 8)]) + random(u(50)),
                length: UInt32(8 + u(50)) | UInt32(1 + u(3)) << 28, stride: 128)
        case "wake flood":
            // More than the host has slept, told or not.
            let told = u(2) == 0
            for number in 1...1 + u(400) {
                say(Hostile.wakePacket)
                if told { segment?.storeBytes(of: UInt32(number), toByteOffset: 80, as: UInt32.self) }
            }
        case "wake counts":
            // Packets that never come, or fewer than have.
            for _ in 0..<1 + u(64) {
                segment?.storeBytes(of: dice.next(), toByteOffset: 76, as: UInt64.self)
                wake()
            }
        case "packets":
            // All kinds, in one go, without their descriptors.
            for _ in 0..<1 + u(300) {
                let letter = Array("IWRGMFBPODUY".utf8)[u(12)]
                say(Array("ORO".utf8) + [letter] + random(u(61)))
            }
        case "half a hang-up":
            shutdown(socket, Int32(u(3)))
        case "vanish":
            closeAll()
            _ = connect()
            closeAll()
            let brief = oro_raw_connect(path)
            if brief >= 0 { close(brief) }
            _ = connect()
        default: handshake(kind)
        }
        notice()
        drain()
    }

    /// A new connection whose handshake is wrong in one way; the host must hang up by itself.
    private func handshake(_ kind: String) {
        let socket = oro_raw_connect(path)
        guard socket >= 0 else { return }
        defer { close(socket) }
        var size = UInt64(head + ring)
        var seals = oro_raw_segment_seals()
        var allocate = true
        var packet = hello()
        var first: Int32 = -1
        var more: [Int32] = []
        switch kind {
        case "file": first = oro_raw_file()
        case "unsealed": seals = u(2) == 0 ? 0 : 0x0002 | 0x0004
        case "short": size = UInt64(u(head + ring))
        case "holes": allocate = false
        case "more descriptors":
            more = (0..<1 + u(3)).map { _ in u(2) == 0 ? oro_raw_eventfd() : oro_raw_epoll(Int32(1 + u(6))) }
        case "truncated hello": packet = Array(packet.prefix(u(packet.count)))
        case "versions": packet = hello(oldest: UInt64(3 + u(5)), newest: UInt64(u(9)))
        default:
            packet = hello(
                ringBytes: dice.next() >> UInt64(32 + u(32)), rings: UInt64(u(20)),
                message: dice.next() >> UInt64(u(64)))
        }
        if first < 0 { first = oro_raw_memfd(size, allocate, seals) }
        _ = packet.withUnsafeBytes {
            oro_raw_send(socket, $0.baseAddress, packet.count, [first] + more, Int32(1 + more.count))
        }
        for fd in [first] + more { close(fd) }
        var answer = [UInt8](repeating: 0, count: 256)
        var fds = [Int32](repeating: -1, count: 8)
        var count: Int32 = 0
        // A refusal, a welcome where the mistake was none, or a hang-up.
        if !packet.isEmpty { _ = oro_raw_receive(socket, &answer, 256, &fds, 8, &count, 10_000) }
        for fd in fds.prefix(Int(count)) { close(fd) }
    }

    /// Hangs up, and comes again.
    func again(loans: Int = 1 << 14) throws {
        for _ in 0..<1000 {
            if connect(loans: loans) { return }
            usleep(1000)
        }
        throw Unexpected("the host has no place for a client")
    }

    static func run(_ arguments: Arguments) throws {
        let folder = arguments.text("folder") ?? "/tmp/oro-ipc-\(getuid())"
        if arguments.has("sequences") { return try SequenceClient.run(arguments) }
        let hostile = try Hostile(path: "\(folder)/\(arguments.name()).sock", seed: UInt64(arguments.number("seed", 1)))
        guard hostile.connect() else { throw Usage("the host does not answer") }
        let count = arguments.number("count", 5000)
        hostile.only = arguments.text("only")
        for _ in 0..<count { try hostile.step() }
        // What a host keeps of those that are gone it lets go.
        guard hostile.connect() else { throw Usage("the host does not answer any more") }
        _ = try hostile.ask("release")
        hostile.closeAll()
        print("mutations \(count) reconnections \(hostile.dropped)")
        if arguments.has("table") {
            for (kind, number) in hostile.counts.sorted(by: { $0.key < $1.key }) { print("  \(kind): \(number)") }
        }
    }
}

/// Starts a host, a hostile client and watches a good one: the whole trial, with figures.
func hostileTrial(_ arguments: Arguments) async throws {
    let folder = try TemporaryFolder()
    let backend = arguments.text("backend") ?? "io_uring"
    let host = try Peer([
        "serve", "--name", "attacked", "--folder", folder.path, "--backend", backend, "--loans", "512",
        "--received-per-link", "4194304", "--received", "67108864",
    ])
    try host.line(starting: "ready")
    var options = ClientOptions()
    options.folder = folder.path
    let client = try await Client.connect("attacked", options: options)
    let good = try GoodPorts(client)
    // Once, so that what the host needs once is there before it is measured.
    try Peer(["hostile", "--name", "attacked", "--folder", folder.path, "--count", "500", "--seed", "99"]).line(
        starting: "mutations")
    _ = client.sendSync("sleep", ["ms": 1])
    func measure(_ wanted: Int32? = nil) async throws -> (fds: Int32, memfds: Int32, rss: Int) {
        try await until("only the good client is left") { client.sendSync("test.process").data?["links"] == 1 }
        // A client that vanished with its hello half said may be remembered until its handshake's deadline.
        let limit = oro_clock_ns() + 7_000_000_000
        while let wanted, oro_count_fds(host.pid) > wanted, oro_clock_ns() < limit { usleep(10_000) }
        // What the last have left goes step by step: a figure counts when it has stood for a while.
        var figures = (fds: oro_count_fds(host.pid), memfds: oro_count_memfds(host.pid))
        var since = oro_clock_ns()
        while oro_clock_ns() < min(since + 300_000_000, limit) {
            usleep(10_000)
            let now = (fds: oro_count_fds(host.pid), memfds: oro_count_memfds(host.pid))
            if now == figures { continue }
            (figures, since) = (now, oro_clock_ns())
        }
        return (figures.fds, figures.memfds, oro_rss_kb(host.pid))
    }
    let before = try await measure()
    let count = arguments.number("count", 100_000)
    let attacker = try Peer(
        [
            "hostile", "--name", "attacked", "--folder", folder.path, "--count", "\(count)", "--seed",
            "\(arguments.number("seed", 1))", "--table",
        ] + (arguments.text("only").map { ["--only", $0] } ?? [])
            + (arguments.has("sequences") ? ["--sequences", "--first", "\(arguments.number("first", 0))"] : []))
    let done = Task.detached { attacker.rest() }
    var asked = 0
    var times: [UInt64] = []
    while !attacker.hasEnded {
        let start = oro_clock_ns()
        let tag = Value.int(Int64(asked))
        let result = asked % 2 == 0 ? client.sendSync("echo", tag) : await client.request("echo.async", tag)
        try expectEqual(result.data, tag, "the good client: \(result)")
        try await good.talk(Int64(asked))
        times.append(oro_clock_ns() - start)
        asked += 1
    }
    for line in await done.value { print(line) }
    guard attacker.finish() == 0 else { throw Unexpected("the attacker failed") }
    let most = before.fds + Int32(FairnessRow.runtimeDescriptors)
    let after = try await measure(most)
    if after.fds > most {
        for fd in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(host.pid)/fd")) ?? [] {
            print(
                "  left: \(fd)",
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(host.pid)/fd/\(fd)")) ?? "")
        }
    }
    let peak = oro_peak_rss_kb(host.pid)
    print("backend \(backend): good requests \(asked), all right: \(Latencies(times))")
    print(
        "descriptors \(before.fds) -> \(after.fds), segment mappings \(before.memfds) -> \(after.memfds), RSS \(before.rss) -> \(after.rss) kB, at most \(peak) kB"
    )
    let seen = client.sendSync("test.process").data
    print(
        "violations \(seen?["violations"]?.int ?? -1), refused \(seen?["refused"]?.int ?? -1), accepted \(seen?["accepted"]?.int ?? -1)"
    )
    try expect(after.fds <= most, "descriptors \(before.fds) -> \(after.fds)")
    try expect(after.memfds <= before.memfds, "mappings \(before.memfds) -> \(after.memfds)")
    // Of the memory of messages 4 MiB of each of eight sizes stay.
    try expect(after.rss < before.rss + 16_384 + 32_768, "memory grew")
    try expect(peak < before.rss + arguments.number("memory", 512) * 1024, "memory grew to \(peak) kB")
    guard host.finish() == 0 else { throw Unexpected("the host failed") }
}

/// The good client's conversations, which go on beside the attack.
private struct GoodPorts {
    private let echo: IPCMessagePort
    private let (speaker, hearer): (IPCBroadcastChannel, IPCBroadcastChannel)

    init(_ client: Client) throws {
        echo = try client.openPort("echo")
        (speaker, hearer) = (
            try IPCBroadcastChannel("good", over: client), try IPCBroadcastChannel("good", over: client)
        )
    }

    /// Says something, and hears it again.
    func talk(_ number: Int64) async throws {
        try await echo.post(.int(number))
        var answers = echo.messages.makeAsyncIterator()
        try expectEqual(await answers.next()?.data.int, number, "the good client's port")
        try await speaker.post(.int(number))
        var heard = hearer.messages.makeAsyncIterator()
        try expectEqual(await heard.next()?.data.int, number, "the good client's broadcast")
    }
}
