// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroIPC
import OroLink
import Synchronization

// What the web platform expects of message ports and channels (section 16.8 of the module's description), on every way
// between two ends. Left out of 16: the bridge to a platform's own ports (16.7) and the names rx and tx, which are
// JavaScript's.

/// A behaviour tried on each way between the two ends of a conversation.
private func onEveryWay(
    _ name: String, _ body: @escaping @Sendable (PortPair) async throws -> Void
) -> [Behaviour] {
    PortPair.Way.allCases.map { way in
        Behaviour("\(name), \(way.rawValue)", clients: 2) { subject in
            let (pair, clients) = try await PortPair.make(way, subject)
            try await body(pair)
            _ = clients
        }
    }
}

extension Behaviour {
    static let ports: [Behaviour] =
        onEveryWay("messages of a port come in order, both ways at once") { pair in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (from, to) in [(pair.one, pair.other), (pair.other, pair.one)] {
                    group.addTask {
                        for number in 0..<3000 { try await from.post(.int(Int64(number))) }
                    }
                    group.addTask {
                        let numbers = try await to.numbers(3000)
                        try expectEqual(numbers, Array(0..<3000), "in order")
                    }
                }
                try await group.waitForAll()
            }
        }
        + onEveryWay("what came before a port is started waits for that") { pair in
            for number in 0..<3 { try pair.one.postMessage(.int(Int64(number))) }
            let seen = Locked<[Int64]>([])
            pair.other.addEventListener("message") { event in seen.withLock { $0.append(event.data.int ?? -1) } }
            try expect(!pair.other.started, "not started by a listener")
            // A round in the other direction: what was posted has come.
            try pair.other.postMessage("there")
            try expectEqual(await pair.one.next()?.data.string, "there")
            try expectEqual(seen.withLock { $0 }, [], "before it is started")
            pair.other.start()
            try await until("three messages") { seen.withLock { $0.count } == 3 }
            try expectEqual(seen.withLock { $0 }, [0, 1, 2])
        }
        + onEveryWay("setting onmessage starts a port, and replaces the handler before") { pair in
            let seen = Locked<[String]>([])
            pair.other.onmessage = { event in seen.withLock { $0.append("first \(event.data.int ?? -1)") } }
            try expect(pair.other.started)
            try pair.one.postMessage(1)
            try await until("the first") { seen.withLock { $0.count } == 1 }
            pair.other.onmessage = { event in seen.withLock { $0.append("second \(event.data.int ?? -1)") } }
            try pair.one.postMessage(2)
            try await until("the second") { seen.withLock { $0.count } == 2 }
            pair.other.onmessage = nil
            try expect(pair.other.onmessage == nil)
            try expectEqual(seen.withLock { $0 }, ["first 1", "second 2"])
        }
        + onEveryWay("every structured value comes as it was") { pair in
            for value in structuredSamples() {
                try pair.one.postMessage(value)
                guard let event = await pair.other.next() else { throw Unexpected("nothing came for \(value)") }
                try expectEqual(event.type, "message", "\(value): \(event.error.map { "\($0)" } ?? "")")
                try expectEqual(text(event.data), text(value))
                for (got, wanted) in zip(allBytes(event.data), allBytes(value)) {
                    try expect(same(got, [UInt8](wanted)), "\(value): \(difference(got, [UInt8](wanted)))")
                }
            }
        }
        + onEveryWay("closing tells the other end, after the last message, and nothing comes any more") { pair in
            let order = Locked<[String]>([])
            pair.other.onclose = { _ in order.withLock { $0.append("close") } }
            for number in 0..<5 { try pair.one.postMessage(.int(Int64(number))) }
            pair.one.close()
            try expect(pair.one.closed)
            pair.other.onmessage = { event in order.withLock { $0.append("\(event.data.int ?? -1)") } }
            try await until("the close") { order.withLock { $0.last } == "close" }
            try expectEqual(order.withLock { $0 }, ["0", "1", "2", "3", "4", "close"])
            try expect(pair.other.closed)
            // To nobody, and without a word.
            try pair.other.postMessage("lost")
            try pair.one.postMessage("lost")
            pair.one.close()
            try expect(pair.one.addEventListener("message") { _ in } == nil)
            try expect(!pair.one.dispatchEvent(IPCMessageEvent(type: "message")))
        }
        + onEveryWay("a port that nobody refers to is closed") { pair in
            let (one, second) = (pair.one, IPCMessageChannel())
            try one.postMessage(.port(second.port2), transfer: [second.port2])
            do {
                let event = await pair.other.next()
                try expect(event?.data.port != nil)
            }
            try expect(await second.port1.next() == nil)
        }
        + onEveryWay("a port that is sent along speaks at its new place, and is silent at the old") { pair in
            let channel = IPCMessageChannel()
            let (mine, theirs) = (channel.port1, channel.port2)
            let heard = Locked(0)
            theirs.onmessage = { _ in heard.withLock { $0 += 1 } }
            try pair.one.postMessage(["port": .port(theirs), "n": 1], transfer: [theirs])
            try expect(theirs.closed)
            try theirs.postMessage("lost")
            theirs.start()
            try expect(theirs.addEventListener("message") { _ in } == nil)
            try expect(!theirs.dispatchEvent(IPCMessageEvent(type: "message")))
            guard let event = await pair.other.next(), let twin = event.ports.first else {
                throw Unexpected("no port came")
            }
            try expect(event.data["port"]?.port === twin, "the port in the value is that of the list")
            try expectEqual(twin.id, theirs.id)
            try expect(IPCMessagePort.ports[twin.id] === twin)
            try mine.postMessage("to the twin")
            try expectEqual(await twin.next()?.data.string, "to the twin")
            try twin.postMessage("back")
            try expectEqual(await mine.next()?.data.string, "back")
            try expectEqual(heard.withLock { $0 }, 0)
        }
        + onEveryWay("a port loses nothing of what is on its way while it moves, nor its order") { pair in
            let channel = IPCMessageChannel()
            var port = channel.port2
            for round in 0..<50 {
                for number in 0..<7 { try channel.port1.postMessage(.int(Int64(round * 7 + number))) }
                // Some are taken before it moves, some not.
                for number in 0..<(round % 4) {
                    let event = await port.next()
                    try expectEqual(event?.data.int, Int64(round * 7 + number), "before move \(round)")
                }
                let (from, to) = round % 2 == 0 ? (pair.one, pair.other) : (pair.other, pair.one)
                try from.postMessage(.port(port), transfer: [port])
                guard let moved = await to.next()?.ports.first else { throw Unexpected("no port in round \(round)") }
                port = moved
                let rest = try await port.numbers(7 - round % 4)
                try expectEqual(rest, (round % 4..<7).map { Int64(round * 7 + $0) }, "after move \(round)")
            }
        }
        + onEveryWay("a port that has heard something in its process goes on from there") { pair in
            let channel = IPCMessageChannel()
            for number in 0..<5 {
                try channel.port1.postMessage(.int(Int64(number)))
                try channel.port2.postMessage(.int(Int64(number)))
            }
            try expectEqual(try await channel.port2.numbers(3), [0, 1, 2])
            try expectEqual(try await channel.port1.numbers(4), [0, 1, 2, 3])
            try pair.one.postMessage(nil, transfer: [channel.port2])
            guard let moved = await pair.other.next()?.ports.first else { throw Unexpected("no port") }
            try moved.postMessage(5)
            try channel.port1.postMessage(5)
            try expectEqual(try await moved.numbers(3), [3, 4, 5])
            try expectEqual(try await channel.port1.numbers(2), [4, 5])
        }
        + onEveryWay("both ends may move at once") { pair in
            for round in 0..<20 {
                let channel = IPCMessageChannel()
                for number in 0..<10 {
                    try channel.port1.postMessage(.int(Int64(number)))
                    try channel.port2.postMessage(.int(Int64(100 + number)))
                }
                try pair.one.postMessage(.port(channel.port1), transfer: [channel.port1])
                try pair.other.postMessage(.port(channel.port2), transfer: [channel.port2])
                guard let one = await pair.other.next()?.ports.first, let two = await pair.one.next()?.ports.first
                else {
                    throw Unexpected("no ports in round \(round)")
                }
                for number in 10..<20 { try one.postMessage(.int(Int64(number))) }
                try expectEqual(try await two.numbers(20), Array(0..<20), "round \(round)")
                try expectEqual(try await one.numbers(10), Array(100..<110), "round \(round)")
            }
        }
        + onEveryWay("ports travel inside messages of ports that travel") { pair in
            // Each has the end of the next in its inbox when it leaves.
            let chain = (0..<5).map { _ in IPCMessageChannel() }
            try chain[4].port1.postMessage("found")
            for index in (1..<5).reversed() {
                try chain[index - 1].port1.postMessage(.port(chain[index].port2), transfer: [chain[index].port2])
            }
            try pair.one.postMessage(.port(chain[0].port2), transfer: [chain[0].port2])
            var port = pair.other
            for step in 0..<5 {
                guard let inner = await port.next()?.ports.first else { throw Unexpected("no port at step \(step)") }
                port = inner
            }
            try expectEqual(await port.next()?.data.string, "found")
            try port.postMessage("thanks")
            try expectEqual(await chain[4].port1.next()?.data.string, "thanks")
        }
        + onEveryWay("what cannot be transferred is refused, and nothing is posted") { pair in
            let channel = IPCMessageChannel()
            func refused(_ value: StructuredValue, _ transfer: [IPCMessagePort], _ what: String) throws {
                do {
                    try pair.one.postMessage(value, transfer: transfer)
                } catch {
                    return try expectEqual(error.name, "DataCloneError", what)
                }
                throw Unexpected("\(what) was not refused")
            }
            try refused(.port(channel.port1), [], "a port that is not in the list")
            try refused(.port(pair.one), [pair.one], "a port through itself")
            try refused(nil, [channel.port1, channel.port1], "a port twice")
            channel.port2.close()
            try refused(nil, [channel.port2], "a closed port")
            try pair.one.postMessage("the first")
            try expectEqual(await pair.other.next()?.data.string, "the first")
        }
        + onEveryWay("posting without room says so, and waiting for it goes on when messages are taken") { pair in
            var posted = 0
            do {
                while true {
                    try pair.one.postMessage(.int(Int64(posted)))
                    posted += 1
                    if posted > 100_000 { throw Unexpected("there is always room") }
                }
            } catch {
                try expectEqual((error as? IPCError)?.name, "QuotaExceededError")
            }
            // What was taken is said now and then: a greeting may still count.
            try expect((1023...1024).contains(posted), "\(posted) messages without waiting")
            let waiting = Task { [one = pair.one, posted] in try await one.post(.int(Int64(posted))) }
            let numbers = try await pair.other.numbers(posted + 1)
            try expectEqual(numbers, (0...posted).map { Int64($0) })
            try await waiting.value
        }
        + onEveryWay("a task that waits at a port can be cancelled, and loses nothing") { pair in
            let waiting = Task { [other = pair.other] in await other.next() }
            waiting.cancel()
            try expect(await waiting.value == nil)
            try pair.one.postMessage("later")
            try expectEqual(await pair.other.next()?.data.string, "later")
        }
        + onEveryWay("a thread takes messages, and waits no longer than it is told") { pair in
            let other = pair.other
            let nothing = try await onThread { other.receive(waitingAtMost: .milliseconds(20)) == nil }
            try expect(nothing)
            let answer = Task { try await onThread { other.receive()?.data.string } }
            try pair.one.postMessage("hello")
            try expectEqual(try await answer.value, "hello")
        }
        + [
            Behaviour("a thread that waits hears of the end, whenever it comes") { _ in
                // Both threads are at the same channel, one nearly waiting while the other closes.
                let channels = (0..<20_000).map { _ in IPCMessageChannel() }
                let reached = Atomic(-1)
                try await onThreads(2) { index in
                    defer { reached.store(.max, ordering: .relaxed) }
                    for (number, channel) in channels.enumerated() {
                        if index == 0 {
                            while reached.load(ordering: .relaxed) < number {}
                            channel.port1.close()
                        } else {
                            reached.store(number, ordering: .relaxed)
                            // A little later each time.
                            for _ in 0..<number % 500 { _ = reached.load(ordering: .relaxed) }
                            try expectEqual(channel.port2.receive(waitingAtMost: .seconds(20))?.type, "close")
                        }
                    }
                }
            },
            Behaviour("a message that its receiver does not take comes as a messageerror, in its place", clients: 2) {
                subject in
                var options = subject.options
                options.link.messageBytes = 1 << 14
                let clients = [try subject.client(), try subject.client(options)]
                let name = "errors \(UInt64.random(in: 0 ... .max))"
                let (one, other) = (try clients[0].meet(name), try clients[1].meet(name))
                try await PortPair(one: one, other: other).greet()
                let seen = Locked<[String]>([])
                other.onmessageerror = { event in
                    seen.withLock { $0.append("\(event.type) \(event.error?.name ?? "without a reason")") }
                }
                other.onmessage = { event in seen.withLock { $0.append(event.data.string ?? "?") } }
                try one.postMessage("before")
                try one.postMessage(.string(String(repeating: "x", count: 40_000)))
                try one.postMessage("behind")
                try await until("three events") { seen.withLock { $0.count } == 3 }
                try expectEqual(seen.withLock { $0 }, ["before", "messageerror DataCloneError", "behind"])
            },
            Behaviour("listeners hear each event once, in their order, and those for once only the first") { _ in
                let channel = IPCMessageChannel()
                let seen = Locked<[String]>([])
                let port = channel.port2
                port.addEventListener("message") { event in seen.withLock { $0.append("a\(event.data.int ?? -1)") } }
                port.addEventListener("message", once: true) { event in
                    seen.withLock { $0.append("once \(event.data.int ?? -1)") }
                }
                let token = port.addEventListener("message") { _ in seen.withLock { $0.append("removed") } }
                try expect(token.map { port.removeEventListener($0) } == true)
                try expect(token.map { port.removeEventListener($0) } == false, "there no more")
                port.addEventListener("mine") { event in seen.withLock { $0.append("mine \(event.data.int ?? -1)") } }
                try expect(port.dispatchEvent(IPCMessageEvent(type: "mine", data: 7)))
                try expectEqual(seen.withLock { $0 }, ["mine 7"], "told before dispatchEvent returns")
                for number in Int64(0)..<2 { try channel.port1.postMessage(.int(number)) }
                port.start()
                try await until("all of them") { seen.withLock { $0.count } == 4 }
                try expectEqual(seen.withLock { $0 }, ["mine 7", "a0", "once 0", "a1"])
                port.close()
                try expect(port.addEventListener("message") { _ in } == nil)
                try expect(!port.dispatchEvent(IPCMessageEvent(type: "mine")))
            },
            Behaviour("a name nobody takes ports for closes the port, and says why") { subject in
                let client = try subject.client()
                let port = try client.openPort("nobody")
                let why = Locked<String?>(nil)
                port.onclose = { event in why.withLock { $0 = event.error?.message ?? "none" } }
                try await until("the close") { why.withLock { $0 != nil } }
                try expect(why.withLock { $0 ?? "" }.contains("nobody accepts"), why.withLock { $0 ?? "" })
            },
            Behaviour("a port keeps the link of a client that nobody refers to") { subject in
                let port = try subject.client().openPort("echo")
                try port.postMessage("still here")
                try expectEqual(await port.next()?.data.string, "still here")
            },
            Behaviour("a port goes from client to client, and each speaks at its turn", clients: 4) { subject in
                let clients = try (0..<4).map { _ in try subject.client() }
                let roads = try (0..<3).map { index in
                    let name = "road \(index) \(UInt64.random(in: 0 ... .max))"
                    return (try clients[index].meet(name), try clients[index + 1].meet(name))
                }
                let channel = IPCMessageChannel()
                var port = channel.port2
                var next: Int64 = 0
                for (from, to) in roads {
                    for _ in 0..<20 {
                        try channel.port1.postMessage(.int(next))
                        next += 1
                    }
                    try from.postMessage(.port(port), transfer: [port])
                    // And further ones, wherever it is by now.
                    for _ in 0..<20 {
                        try channel.port1.postMessage(.int(next))
                        next += 1
                    }
                    guard let moved = await to.next()?.ports.first else { throw Unexpected("it did not come") }
                    port = moved
                }
                try expectEqual(try await port.numbers(Int(next)), Array(0..<next))
                try port.postMessage("arrived")
                try expectEqual(await channel.port1.next()?.data.string, "arrived")
                // A port of a channel that was made here keeps no link.
                withExtendedLifetime(clients) {}
            },
            Behaviour("the end of a client closes the other ends of its ports", clients: 2) { subject in
                let clients = [try subject.client(), try subject.client()]
                let name = "end \(UInt64.random(in: 0 ... .max))"
                let (one, other) = (try clients[0].meet(name), try clients[1].meet(name))
                try await PortPair(one: one, other: other).greet()
                let channel = IPCMessageChannel()
                // On its way, in a message that nobody will take.
                try one.postMessage(.port(channel.port2), transfer: [channel.port2])
                try one.postMessage("last")
                clients[1].close()
                try expect(await channel.port1.next() == nil)
                try expect(await one.next() == nil)
            },
            Behaviour("a buffer in a loan, or sealed, comes without a copy") { subject in
                let client = try subject.client()
                let echo = try client.openPort("echo")
                let wanted = pattern(300_000, seed: 3)
                let before = client.statistics.copiedBytes
                var loan = try await client.loan(wanted.count)
                loan.withUnsafeMutableBytes { $0.copyBytes(from: wanted) }
                try echo.postMessage(["pixels": .bytes(loan.bytes())])
                guard let bytes = await echo.next()?.data["pixels"]?.bytes else { throw Unexpected("no bytes") }
                try expect(same(bytes, wanted), difference(bytes, wanted))
                try expect(bytes.isBorrowed)
                try expectEqual(client.statistics.copiedBytes - before, 0, "bytes copied here")
            },
            Behaviour("several buffers come beside one message, each whole") { subject in
                let client = try subject.client()
                let echo = try client.openPort("echo")
                let parts = (0..<6).map { pattern(2000 + 9000 * $0, seed: UInt64($0)) }
                try echo.postMessage(.array(parts.map { .bytes(Bytes($0)) }))
                guard let event = await echo.next(), let elements = event.data.elements else {
                    throw Unexpected("no array")
                }
                try expectEqual(elements.count, parts.count)
                for (element, wanted) in zip(elements, parts) {
                    try expect(same(element.bytes, wanted), difference(element.bytes, wanted))
                }
            },
        ]
}

/// What must cross: every kind of thing, false ones first.
private func structuredSamples() -> [StructuredValue] {
    var builder = StructuredBuilder()
    let one = builder.add(1)
    let shared = builder.add(node: .object(["x": one]))
    let cycle = builder.add(node: .array([]))
    let map = builder.add(node: .map([.init(key: shared, value: cycle)]))
    builder[cycle] = .array([shared, nil, shared, cycle, map])
    let cyclic = builder.finish(cycle)

    var views = StructuredBuilder()
    let buffer = views.add(buffer: Bytes(pattern(4096, seed: 9)))
    let all = StructuredGraph.ViewKind.allCases.map { kind in
        views.add(node: .view(kind, buffer: buffer, offset: 8 * kind.rawValue, length: 16))
    }
    let list = views.add(node: .array(all + [buffer]))
    let sharing = views.finish(list)

    return [
        .undefined, nil, false, 0, .double(-0.0), .double(.nan), .double(.infinity), "", .bigint(0), [], [:],
        true, 1, -1, .int(.max), 1.5, "text \u{1F600}", .bigint(-(1 << 200)), .date(0), .date(.nan), .date(1.5e12),
        .regexp("a+\\/", flags: "gi"), .error(IPCError(name: "RangeError", message: "too far")),
        .map([("k", 1), (nil, .undefined), ([1], "v")]), .set([1, "1", nil]), .bytes([]), .buffer([1, 2, 3]),
        .bytes(Bytes(pattern(100_000, seed: 4))),
        .view(.float64, of: Bytes(pattern(64, seed: 5)), offset: 16, length: 2),
        .view(.dataView, of: Bytes(pattern(64, seed: 6)), offset: 3, length: 7), cyclic, sharing,
        ["deep": [["list": [1, [2, [3, .undefined]]]], .map([("m", .set([.date(5)]))])]],
    ]
}

/// Without where buffers lie, which the way decides.
private func text(_ value: StructuredValue) -> String {
    value.description
        .replacingOccurrences(of: #"ArrayBuffer\(buffer \d+, \d+ bytes\)"#, with: "buffer", options: .regularExpression)
        .replacingOccurrences(of: #"ArrayBuffer\([0-9a-f ]*\)"#, with: "buffer", options: .regularExpression)
}

private func allBytes(_ value: StructuredValue) -> [Bytes] {
    if let bytes = value.bytes { return [bytes] }
    return (value.elements ?? []).compactMap(\.bytes)
}
