// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroBase
import OroConformance
import OroFrame
import OroLink
import Testing

@testable import OroIPC

// Events: rows of sections 11.11, 18.5 and 18.6 of the module's description, and what two honest sides cannot show.
// What goes between processes is in the conformance suite.
//
// Left out:
// - 11.11 "returns a promise of undefined", "after ready": there is nothing to wait for, a client is connected.
//   "passed by reference": a Value is a value. `options.detail`: Swift's `emit` has no options to override it with.
// - 18.5: storing bytes under an id with a ttl, the route `queuedResponse` and its NotFoundError, workers: a push
//   carries its bytes. "A failed fetch becomes an `error` event": there is nothing to fetch.
// - 18.6: special cases of windows.
@Suite("Events")
final class EventTests {
    /// Kept for as long as a test runs.
    private let hosts = Locked<[OroIPC.Host]>([])

    private final class Heard: Sendable {
        private let events = Locked<[Event]>([])
        func add(_ event: Event) { events.withLock { $0.append(event) } }
        var all: [Event] { events.withLock { $0 } }
    }

    private func pair(_ change: (inout HostOptions) -> Void = { _ in }) throws -> (OroIPC.Host, Client) {
        var options = HostOptions()
        change(&options)
        let host = try OroIPC.Host.embedded(options: options)
        Fixture.install(on: host)
        hosts.withLock { $0.append(host) }
        return (host, try host.connect())
    }

    // MARK: 11.11

    @Test(
        "emit makes a detail of a value",
        arguments: [
            ("%7B%22a%22%3A1%7D", ["a": 1]), ("hello%20x", "hello x"), ("%", "%"), ("%4", "%4"), ("%zz", "%zz"),
            ("%ff", "%ff"), ("null", .null), ("0", 0), ("true", true), ("[1,2]", [1, 2]), ("a+b", "a+b"),
            ("%2541", "%41"), ("\u{FC}%C3%BC", "\u{FC}\u{FC}"), ("\"text\"", "text"), (" 1 ", 1), ("01", "01"),
            (["a": 1], ["a": 1]), (5, 5), (false, false), (nil, .null),
        ] as [(Value?, Value)])
    func detail(_ value: Value?, _ wanted: Value) async throws {
        let (_, client) = try pair()
        let stream = client.events.stream("e")
        #expect(client.emit("e", value))
        var events = stream.makeAsyncIterator()
        #expect(await events.next()?.detail == wanted)
    }

    @Test("emit of an empty text dispatches nothing, and is logged")
    func emptyText() throws {
        let log = LogLines()
        let host = try pair().0
        var options = ClientOptions()
        options.logger = log.logger
        let client = try host.connect(options: options)
        let heard = Heard()
        client.events.listen("*") { heard.add($0) }
        #expect(!client.emit("e", ""))
        #expect(heard.all.isEmpty)
        #expect(log.all.contains { $0.contains("emit('e')") })
    }

    @Test("emit goes to the target that is named, and says whether anybody listens")
    func target() async throws {
        let (_, client) = try pair()
        let target = EventTarget()
        let stream = target.stream("e")
        #expect(!client.emit("e", 1))
        #expect(client.emit("e", 2, target: target))
        var events = stream.makeAsyncIterator()
        #expect(await events.next()?.detail == 2)
    }

    @Test("resolve dispatches an event that is named by index and seq", arguments: ["R5", "7", "-1", "x"])
    func resolve(_ seq: String) async throws {
        let (_, client) = try pair()
        let stream = client.events.stream("resolve-0-\(seq)")
        #expect(client.resolve(seq, ["data": "as%20given"]))
        #expect(client.resolve(seq, nil))
        var events = stream.makeAsyncIterator()
        #expect(await events.next()?.detail == ["data": "as%20given"])
        #expect(await events.next()?.detail == .null)
        #expect(!client.resolve("\(seq)0", 1))
    }

    @Test("the detail of an event is anything Decodable")
    func decodes() async throws {
        struct Line: Codable, Equatable { var text: String, number: Int }
        let (host, client) = try pair()
        #expect(client.sendSync("ping").isOK)
        let stream = client.events.stream("line")
        try host.emit("line", ["text": "hello", "number": 3], bytes: [1, 2])
        client.events.dispatch(Event("line", ["text": "here", "number": 4]))
        var events = stream.makeAsyncIterator()
        var lines: [Line] = []
        for _ in 0..<2 { lines.append(try #require(await events.next()).decode(Line.self)) }
        #expect(Set(lines.map(\.text)) == ["hello", "here"])
        client.events.dispatch(Event("line", ["text": 5]))
        let wrong = try #require(await events.next())
        #expect(throws: IPCError.self) { try wrong.decode(Line.self) }
    }

    // MARK: Listening

    @Test("tokens are random and different, and listeners of one name are called in their order")
    func tokens() async throws {
        let target = EventTarget()
        let order = Locked<[Int]>([])
        let tokens = (0..<20).map { index in target.listen("e") { _ in order.withLock { $0.append(index) } } }
        #expect(Set(tokens).count == 20)
        #expect(target.dispatch(Event("e")))
        try await until("all are called") { order.withLock { $0.count } == 20 }
        #expect(order.withLock { $0 } == Array(0..<20))
        #expect(!target.isListened("f"))
        #expect(!target.dispatch(Event("f")))
    }

    @Test("whoever begins to listen does not hear what came before")
    func later() async throws {
        let target = EventTarget()
        let (gate, heard) = (DispatchSemaphore(value: 0), Heard())
        let held = Locked(false)
        target.listen("e") { event in
            if event.detail == 0 {
                held.withLock { $0 = true }
                gate.wait()
            }
        }
        target.dispatch(Event("e", 0))
        try await until("the first listener is at it") { held.withLock { $0 } }
        target.dispatch(Event("e", 1))
        target.listen("e") { heard.add($0) }
        target.dispatch(Event("e", 2))
        gate.signal()
        try await until("it has heard") { heard.all.count == 1 }
        #expect(heard.all.map(\.detail) == [2])
    }

    @Test("a full buffer drops the oldest or the newest, as was said, and counts", arguments: [false, true])
    func buffers(_ oldest: Bool) async {
        let target = EventTarget()
        let stream = target.stream("e", buffer: 3, policy: oldest ? .dropOldest : .dropNewest)
        for index in 0..<10 { target.dispatch(Event("e", .int(Int64(index)))) }
        #expect(stream.dropped == 7)
        var events = stream.makeAsyncIterator()
        for wanted in oldest ? 7..<10 : 0..<3 { #expect(await events.next()?.detail == .int(Int64(wanted))) }
    }

    @Test("events beyond what may wait for slow listeners are dropped, the oldest first")
    func slowListener() async throws {
        let target = EventTarget()
        let (gate, heard) = (DispatchSemaphore(value: 0), Heard())
        target.listen("e") { event in
            if event.detail == 0 { gate.wait() }
            heard.add(event)
        }
        target.dispatch(Event("e", 0))
        let count = Int64(EventTarget.mostWaiting) + 100
        for index in 1...count { target.dispatch(Event("e", .int(index))) }
        // Whether the first waits or is being heard, one way or the other.
        #expect((100...101).contains(target.dropped))
        gate.signal()
        try await until("the last is heard") { heard.all.last?.detail == .int(count) }
        #expect(heard.all.count + target.dropped == Int(count) + 1)
    }

    @Test("a stream that is left is dispatched to no more; one that nobody read neither")
    func left() async {
        let target = EventTarget()
        do {
            let stream = target.stream("e")
            #expect(target.dispatch(Event("e", 1)))
            for await event in stream where event.detail == 1 { break }
        }
        do { _ = target.stream("f") }
        #expect(!target.isListened("e"))
        #expect(!target.isListened("f"))
    }

    @Test("a cancelled task leaves its stream", .timeLimit(.minutes(1)))
    func cancelled() async throws {
        let (_, client) = try pair()
        let target = client.events
        let task = Task { for await _ in target.stream("e") {} }
        try await until("it listens") { target.isListened("e") }
        task.cancel()
        await task.value
        #expect(!target.isListened("e"))
    }

    @Test("a client that nobody listens on says so to its host, and is not watched")
    func listening() async throws {
        let (host, client) = try pair()
        func listens() -> Bool {
            let word = DispatchSemaphore(value: 0)
            let told = Locked(false)
            host.core.reactor.submit {
                let listens = host.core.links.values.first?.listens ?? false
                told.withLock { $0 = listens }
                word.signal()
            }
            word.wait()
            return told.withLock { $0 }
        }
        #expect(client.sendSync("ping").isOK)
        #expect(!listens())
        let tokens = [client.events.listen("a") { _ in }, client.events.listen("b") { _ in }]
        #expect(client.core.needsWatch)
        try await until("the host knows") { listens() }
        client.events.unlisten(tokens[0])
        #expect(client.core.needsWatch)
        client.events.unlisten(tokens[1])
        #expect(!client.core.needsWatch)
        try await until("the host knows") { !listens() }
    }

    // MARK: The host's side

    @Test("what cannot be sent is said so, and nothing is sent")
    func refused() throws {
        let (host, client) = try pair()
        #expect(client.sendSync("ping").isOK)
        let connected = try #require(host.clients.first)
        func name(_ body: () throws -> Void) -> String? {
            do { try body() } catch { return (error as? IPCError)?.name ?? "?" }
            return nil
        }
        let deep = (0..<100).reduce(Value.null) { value, _ in [value] }
        #expect(name { try connected.emit("") } == "TypeError")
        #expect(name { try host.emit("") } == "TypeError")
        #expect(name { try connected.emit(String(repeating: "n", count: 256)) } == "RangeError")
        #expect(name { try connected.emit("e", deep) } == "RangeError")
        #expect(name { try connected.push(deep) } == "RangeError")
        let long = Value.bytes([UInt8](repeating: 1, count: 70 << 20))
        #expect(name { try connected.emit("e", long) } == "RangeError")
        client.close()
    }

    @Test("a client that has gone cannot be told anything", .timeLimit(.minutes(1)))
    func gone() async throws {
        let gone = Locked<[UInt64]>([]), come = Locked<[UInt64]>([])
        let (host, client) = try pair {
            $0.onConnect = { client in come.withLock { $0.append(client.id) } }
            $0.onDisconnect = { client in gone.withLock { $0.append(client.id) } }
        }
        #expect(client.sendSync("ping").isOK)
        let connected = try #require(host.clients.first)
        #expect(host.client(connected.id) === connected)
        #expect(connected.isConnected)
        #expect(come.withLock { $0 } == [connected.id])
        client.close()
        try await until("it is gone") { gone.withLock { $0 } == [connected.id] }
        #expect(!connected.isConnected)
        #expect(host.clients.isEmpty)
        #expect(host.client(connected.id) == nil)
        #expect(throws: IPCError.self) { try connected.emit("e") }
        #expect(throws: IPCError.self) { try connected.push(1) }
        try host.emit("e")
    }

    @Test("a client that says it listens and does not read is let go at the limit; others are not hurt")
    func stuck() async throws {
        let (host, client) = try pair { $0.waitingBytesPerLink = 200_000 }
        let stuck = try await host.connect()
        // It says that it listens, and nobody there ever reads.
        var frame = Frame(.credit)
        frame.deadline = 1
        stuck.core.sendBriefly(frame)
        let stream = client.events.stream("e", buffer: 5000)
        #expect(client.sendSync("ping").isOK)
        for index in Int64(0)..<1000 {
            #expect(client.sendSync("event.toAll", ["name": "e", "first": .int(index), "size": 1000]).isOK)
        }
        var count = 0
        for await event in stream {
            #expect(event["n"] == .int(Int64(count)))
            count += 1
            if count == 1000 { break }
        }
        #expect(client.sendSync("test.process").data?["links"] == 1)
        #expect(client.sendSync("test.process").data?["violations"] == 1)
        #expect(!stuck.sendSync("ping").isOK)
    }

    @Test("events that wait for a host's thread that does not run are bounded")
    func unserved() async throws {
        var options = HostOptions()
        options.waitingBytesPerLink = 10_000
        let host = try OroIPC.Host.unnamed(options: options)
        let end = try host.makePeer()
        async let connecting = onThread { try Client(descriptor: end) }
        while host.clients.isEmpty {
            _ = host.turn()
            // The client needs a thread, and there may be no other.
            await Task.yield()
        }
        let client = try await connecting
        let connected = try #require(host.clients.first)
        let error = try await onThread { () -> IPCError? in
            for _ in 0..<1000 {
                do throws(IPCError) { try connected.emit("e", "0123456789") } catch { return error }
            }
            return nil
        }
        #expect(error?.name == "QuotaExceededError")
        client.close()
        host.stop()
    }

    // MARK: Untrusted

    /// Sends a frame as a client that does what it likes, and waits for the end of its link.
    private func endOfClient(sending frame: Frame) async throws -> Int? {
        let (host, good) = try pair()
        let client = try await host.connect()
        try client.core.link.withRing(shared: true) { (ring) throws(LinkError) in
            try client.core.write(frame, nil, to: ring)
        }
        try await until("the link is over") { !client.sendSync("ping").isOK }
        #expect(good.sendSync("ping").isOK)
        return good.sendSync("test.process").data?["violations"]?.int.map { Int($0) }
    }

    @Test(
        "a client that sends what only a host sends breaks the protocol",
        arguments: [
            Frame(.event, name: "e", value: 1), Frame(.event), Frame(.result, seq: Seq(-1), value: 1),
            Frame(.result, ticket: 5, seq: Seq(5)), Frame(.result, ticket: .max),
            Frame(.credit, deadline: 2), Frame(.credit, deadline: .max),
        ])
    func hostileClient(_ frame: Frame) async throws { #expect(try await endOfClient(sending: frame) == 1) }

    /// Sends a frame as a host that does what it likes.
    private func send(_ frame: Frame, to client: Client, of host: OroIPC.Host) async throws {
        #expect(client.sendSync("ping").isOK)
        let id = try #require(host.clients.first?.id)
        host.core.submit(to: id) { (host) throws(LinkError) in _ = try host.send(frame, nil) }
    }

    @Test(
        "a result with a forged seq or ticket is late, and no event",
        arguments: [
            Frame(.result, value: 1), Frame(.result, seq: Seq(7), value: 1), Frame(.result, seq: Seq(-2), value: 1),
            Frame(.result, ticket: 3, seq: Seq(-1), value: 1),
            Frame(.result, ticket: 1 << 40 | 20, seq: Seq(-1), value: 1),
            Frame(.result, ticket: .max, seq: Seq(-1), value: 1), Frame(.result, ticket: .max - 1, value: 1),
        ])
    func forged(_ frame: Frame) async throws {
        let (host, client) = try pair()
        let stream = client.events.stream("*")
        try await send(frame, to: client, of: host)
        let number = try #require(host.clients.first)
        try number.push("real")
        var events = stream.makeAsyncIterator()
        let event = await events.next()
        #expect(event?.name == "data")
        #expect(event?.detail == "real")
        #expect(client.sendSync("echo", 5).data == 5)
        if frame.ticket != .max { #expect(client.statistics.lateResults == 1) }
    }

    @Test("an event without a name breaks the protocol", .timeLimit(.minutes(1)))
    func nameless() async throws {
        let (host, client) = try pair()
        let stream = client.events.stream("*")
        try await send(Frame(.event, value: 1), to: client, of: host)
        for await _ in stream {}
        guard case .violation? = client.ending else {
            Issue.record("\(String(describing: client.ending))")
            return
        }
    }

    @Test("a push from a handler carries the seq -1 on the wire, and an event its name")
    func wire() throws {
        let push = try EncodedEvent.push(true, nil, nil, limit: 1 << 20)
        var bytes = [UInt8](repeating: 0, count: push.encoded.count)
        bytes.withUnsafeMutableBytes { push.encoded.copy(to: $0.baseAddress!, nil) }
        #expect(bytes == (try Frame(.result, seq: Seq(-1), value: true).encoded()))
        let event = try EncodedEvent.event("e", 1, [1, 2], Headers([("a", "b")]), limit: 1 << 20)
        bytes = [UInt8](repeating: 0, count: event.encoded.count)
        bytes.withUnsafeMutableBytes { event.encoded.copy(to: $0.baseAddress!, nil) }
        let frame = Frame(.event, name: "e", value: 1, headers: [("a", "b")], payloadBytes: 2)
        #expect(bytes == (try frame.encoded(payload: [1, 2])))
    }
}
