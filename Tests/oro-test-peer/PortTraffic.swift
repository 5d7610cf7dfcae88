// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import OroIPC
import Synchronization

// Both ends of many channels wander between processes while both talk. What an end has said and heard travels with it,
// so each number is checked wherever it comes out.

/// The driver: a host, and workers with roads between each and the next.
func portTraffic(_ arguments: Arguments) async throws {
    let workers = arguments.number("processes", 4)
    let channels = arguments.number("channels", 8)
    let transfers = arguments.number("transfers", 10_000)
    let messages = arguments.number("messages", 1_000_000)
    let folder = try TemporaryFolder()
    var options = arguments.hostOptions
    options.folder = folder.path
    options.ports.allowsMeetings = true
    options.ports.messagesBeforeDirect = 1
    options.ports.allowsDirectLinks = !arguments.has("brokered")
    let host = try Host(name: "traffic", options: options)
    try host.start()
    let began = oro_clock_ns()
    let peers = try (0..<workers).map { index in
        try Peer([
            "portworker", "--name", "traffic", "--folder", folder.path, "--index", "\(index)", "--of", "\(workers)",
            "--channels", "\(index == 0 ? channels : 0)", "--hops", "\(max(1, transfers / (2 * channels)))",
            "--burst", "\(2 * max(1, messages / max(1, transfers)))", "--seed", "\(arguments.number("seed", 5))",
            "--backend", arguments.text("backend") ?? "io_uring",
        ])
    }
    let lines = Lines()
    let readers = peers.map { peer in Task { try await onThread { while let line = peer.line() { lines.add(line) } } } }
    // Workers end when all ends have.
    while lines.count(of: "end ") < 2 * channels {
        if lines.count(of: "failed") > 0 || peers.contains(where: \.hasEnded) { break }
        try await Task.sleep(for: .milliseconds(20))
    }
    for peer in peers { peer.closeInput() }
    for reader in readers { try await reader.value }
    let all = lines.all
    let seconds = Double(oro_clock_ns() - began) / 1e9
    for peer in peers where peer.finish() != 0 { throw Unexpected("a worker failed: \(all.suffix(5))") }
    var ends: [String: [Int]] = [:]
    for line in all where line.hasPrefix("end ") {
        let words = line.split(separator: " ").map(String.init)
        ends["\(words[1]) \(words[2])"] = words[3...].compactMap { Int($0) }
    }
    try expectEqual(ends.count, 2 * channels, "\(all.filter { !$0.hasPrefix("end ") }.suffix(5)) ends")
    let direct = all.filter { $0.hasPrefix("direct ") }.reduce(0) { $0 + (Int($1.dropFirst(7)) ?? 0) }
    if !arguments.has("brokered") { try expect(direct > 0, "no message went directly") }
    var (said, hops, bytes) = (0, 0, 0)
    for channel in 0..<channels {
        guard let one = ends["\(channel) 0"], let other = ends["\(channel) 1"] else { throw Unexpected("\(ends)") }
        try expectEqual(one[0], other[1], "said at one end, heard at the other of channel \(channel)")
        try expectEqual(other[0], one[1], "said at the other end, heard at one of channel \(channel)")
        said += one[0] + other[0]
        hops += one[2] + other[2]
        bytes += one[3] + other[3]
    }
    try await until("all ports are gone") { host.statistics.ports == 0 }
    let violations = host.statistics.violations
    try expectEqual(violations, 0, "violations")
    host.stop()
    print(
        "\(workers) processes, \(channels) channels: \(said) messages, \(direct) of them directly, \(hops) transfers, \(bytes) bytes beside them, "
            + "every number in order, in \(Int(seconds)) s")
}

/// What workers print.
private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    func count(of prefix: String) -> Int { lines.withLock { $0.count { $0.hasPrefix(prefix) } } }
    var all: [String] { lines.withLock { $0 } }
}

/// An end on its journey: what it has said and heard.
private struct Traveller {
    let port: IPCMessagePort
    let channel: Int64
    let side: Int64
    var said: Int64 = 0
    var heard: Int64 = 0
    var hops: Int64 = 0
    var bytes: Int64 = 0
    /// The other end has said its last number, and this one has heard it.
    var hasHeardAll = false

    init(_ port: IPCMessagePort, channel: Int64, side: Int64) {
        self.port = port
        self.channel = channel
        self.side = side
    }

    init?(_ event: IPCMessageEvent) {
        guard let port = event.data["port"]?.port, let channel = event.data["channel"]?.int,
            let side = event.data["side"]?.int, let said = event.data["said"]?.int,
            let heard = event.data["heard"]?.int, let hops = event.data["hops"]?.int,
            let bytes = event.data["bytes"]?.int, let hasHeardAll = event.data["hasHeardAll"]?.bool
        else { return nil }
        self.init(port, channel: channel, side: side)
        (self.said, self.heard, self.hops, self.bytes) = (said, heard, hops, bytes)
        self.hasHeardAll = hasHeardAll
    }

    var value: StructuredValue {
        [
            "port": .port(port), "channel": .int(channel), "side": .int(side), "said": .int(said), "heard": .int(heard),
            "hops": .int(hops), "bytes": .int(bytes), "hasHeardAll": .bool(hasHeardAll),
        ]
    }

    private static let large = 20_000

    /// Says up to `count` numbers; every hundredth with bytes. Stops where there is no room.
    mutating func say(_ count: Int) throws {
        for _ in 0..<count {
            var value: StructuredValue = .int(said)
            if said % 100 == 99 {
                value = ["n": .int(said), "bytes": .bytes(Bytes(pattern(Traveller.large, seed: UInt64(said))))]
            }
            do {
                try port.postMessage(value)
            } catch {
                if error.name == "QuotaExceededError" { return }
                throw error
            }
            said += 1
        }
    }

    /// Checks a number.
    mutating func hear(_ event: IPCMessageEvent) throws {
        if event.type != "message" { throw Unexpected("\(event.type): \(event.error.map { "\($0)" } ?? "")") }
        if let total = event.data["total"]?.int {
            try expectEqual(heard, total, "channel \(channel) side \(side): messages heard at its end")
            hasHeardAll = true
            return
        }
        let number = event.data.int ?? event.data["n"]?.int ?? -1
        try expectEqual(number, heard, "channel \(channel) side \(side) after \(hops) hops")
        if let got = event.data["bytes"]?.bytes {
            let wanted = pattern(Traveller.large, seed: UInt64(number))
            try expect(same(got, wanted), "channel \(channel) number \(number): \(difference(got, wanted))")
            bytes += Int64(got.count)
        }
        heard += 1
    }
}

/// One of the processes.
func portWorker(_ arguments: Arguments) async throws {
    let worker = await PortWorker(
        client: try Client.connect(arguments.name(), options: arguments.clientOptions),
        hops: Int64(arguments.number("hops", 10)),
        burst: arguments.number("burst", 100))
    let (index, count) = (arguments.number("index", 0), arguments.number("of", 1))
    let roads = try [
        worker.client.meet("road \(index)"), worker.client.meet("road \((index + 1) % count)"),
    ]
    let seed = UInt64(arguments.number("seed", 5)) &* 1000
    for (number, road) in roads.enumerated() {
        Task.detached {
            var visit: UInt64 = 0
            for await event in road.messages {
                guard let traveller = Traveller(event) else { worker.fail("a road carries \(event.data)") }
                visit += 1
                let dice = Dice(seed: seed + visit * 64 + UInt64(index * 2 + number))
                Task.detached { await worker.host(traveller, roads, dice) }
            }
        }
    }
    for channel in 0..<arguments.number("channels", 0) {
        let pair = IPCMessageChannel()
        for (side, port) in [pair.port1, pair.port2].enumerated() {
            let traveller = Traveller(port, channel: Int64(channel), side: Int64(side))
            Task.detached { await worker.host(traveller, roads, Dice(seed: seed + UInt64(channel * 2 + side))) }
        }
    }
    try await onThread { while readLine() != nil {} }
    print("direct \(worker.client.statistics.directMessages)")
    worker.client.close()
}

private final class PortWorker: Sendable {
    let client: Client
    private let hops: Int64
    private let burst: Int

    init(client: Client, hops: Int64, burst: Int) {
        self.client = client
        self.hops = hops
        self.burst = burst
    }

    func fail(_ text: String) -> Never {
        print("failed: \(text)")
        exit(1)
    }

    /// A visit: it says something, hears something, and goes on; after its last hop it stays to the end.
    func host(_ visitor: Traveller, _ roads: [IPCMessagePort], _ dice: Dice) async {
        var (visitor, dice) = (visitor, dice)
        do {
            if visitor.hops == hops { return try await stay(visitor) }
            // Some stay for long enough that the two ends get a link of their own.
            let isLong = dice.next() % 4 == 0
            for _ in 0..<(isLong ? 200 : 2) {
                try visitor.say(Int(dice.next() % UInt64(isLong ? max(2, burst / 20) : burst)))
                if isLong { try await Task.sleep(for: .microseconds(300)) }
                // What is there, or a part of it.
                for _ in 0..<(dice.next() % UInt64(isLong ? max(2, burst / 10) : 2 * burst)) {
                    guard let event = visitor.port.receive(waitingAtMost: .zero) else { break }
                    try visitor.hear(event)
                }
                if dice.next() % 4 == 0 { await Task.yield() }
            }
            visitor.hops += 1
            let road = roads[Int(dice.next() % 2)]
            try await road.post(visitor.value, transfer: [visitor.port])
            // The handle it leaves behind says and hears nothing.
            try visitor.port.postMessage("nothing")
            guard visitor.port.receive(waitingAtMost: .zero) == nil else { throw Unexpected("it hears what it left") }
        } catch {
            fail("\(error)")
        }
    }

    private func stay(_ visitor: Traveller) async throws {
        var visitor = visitor
        try await visitor.port.post(["total": .int(visitor.said)])
        // The other end may still be on its way, and end later.
        while !visitor.hasHeardAll {
            var next = visitor.port.messages.makeAsyncIterator()
            guard let event = await next.next() else {
                fail("channel \(visitor.channel) side \(visitor.side) was closed")
            }
            try visitor.hear(event)
        }
        print(
            "end \(visitor.channel) \(visitor.side) \(visitor.said) \(visitor.heard) \(visitor.hops) \(visitor.bytes)")
        visitor.port.close()
    }
}
