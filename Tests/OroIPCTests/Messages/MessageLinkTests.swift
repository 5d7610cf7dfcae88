// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import OroBase
import OroConformance
import OroIPC
import OroLink
import TestGenerators
import Testing

// Messages through a link, and what a host reads of them: the behaviour's sections 7 and 18.1. Of the latter are left
// out: the original host's own reading of queries (keys stay encoded, parts without `=` are dropped, the last of
// several counts), as one rule for both sides holds here, and `isHTTP` and `cancel`, which belong to its web view.
@Suite("Messages through a link", .serialized)
struct MessageLinkTests {
    /// A host that keeps the last message, and a client of it.
    final class Exchange {
        let host: Host
        let client: Client
        private let received = Received()

        private final class Received: Sendable {
            let message = Locked<Message?>(nil)
        }

        init() throws {
            host = try Host.embedded()
            client = try host.connect()
            host.router.map("t") { [received] message in
                received.message.withLock { $0 = message }
                return Result()
            }
        }

        deinit { host.stop() }

        /// What the host gets of a message.
        func send(_ message: Message) throws -> Message {
            received.message.withLock { $0 = nil }
            let result = client.sendSync(message)
            if let error = result.err { throw error }
            return try #require(received.message.withLock { $0 })
        }
    }

    @Test("2 000 generated messages with values of every kind arrive as they were sent")
    func roundTrips() throws {
        let exchange = try Exchange()
        var generator = SeededGenerator(seed: 0x3E55)
        for _ in 0..<2000 {
            let names = generator.pick([["a", "b", "value", "index", ""], ["a", "a", "b"], ["é", "e\u{301}"]])
            let pairs = (0..<Int.random(in: 0..<5, using: &generator)).map { _ in
                (generator.pick(names), generator.value(depth: 2))
            }
            let bytes = generator.bytes()
            let message = try Message.from("t", pairs: pairs, bytes: Bytes(bytes))
            let received = try exchange.send(message)
            #expect(received.keys.map { Array($0.utf8) } == pairs.map { Array($0.0.utf8) })
            #expect(received.rawParams == message.rawParams)
            #expect(received.values == message.values)
            #expect(received.bytes == (bytes.isEmpty ? nil : Bytes(bytes)))
            // Exactly: each value is found under its name, the first of several.
            for (name, value) in pairs.reversed()
            where pairs.first(where: { Array($0.0.utf8) == Array(name.utf8) })?.1 == value {
                #expect(received[name] == value)
            }
            // And again: what was received is sent on.
            #expect(try exchange.send(received).values == message.values)
        }
    }

    @Test("a bare value is the parameter value, an object's members are the parameters")
    func whole() throws {
        let exchange = try Exchange()
        let kept = Locked<[Message]>([])
        exchange.host.router.map("keep") { message in
            kept.withLock { $0.append(message) }
            return Result()
        }
        let values: [Value?] = [nil, .null, 5, "5", [1, 2], .bytes([1]), [:], ["a": 1], ["value": ["x": 1]]]
        for value in values { #expect(exchange.client.sendSync("keep", value).isOK) }
        let messages = kept.withLock { $0 }
        #expect(messages.map(\.wholeValue) == values)
        #expect(messages.map(\.isValueless) == values.map { $0 == nil })
        #expect(messages.map { $0["value"] } == [nil, .null, 5, "5", [1, 2], .bytes([1]), nil, nil, ["x": 1]])
        #expect(messages.map(\.value) == [nil, .null, 5, 5, [1, 2], .bytes([1]), nil, nil, ["x": 1]])
        #expect(
            messages.map(\.keys) == [[], ["value"], ["value"], ["value"], ["value"], ["value"], [], ["a"], ["value"]])
        #expect(messages.map(\.summary["name"]) == values.map { _ in "keep" })
    }

    @Test("a received message that its own route keeps does not keep the host", arguments: [nil, 0, 100_000])
    func kept(byteCount: Int?) async throws {
        final class Witness: Sendable {
            let message = Locked<Message?>(nil)
        }
        weak var witness: Witness?
        do {
            let object = Witness()
            witness = object
            let host = try Host.embedded()
            let client = try await host.connect()
            host.router.map("keep") { message in
                object.message.withLock { $0 = message }
                return Result()
            }
            let bytes = byteCount.map { Bytes([UInt8](repeating: 7, count: $0)) }
            #expect(client.sendSync("keep", ["a": 1], bytes: bytes).isOK)
            #expect(object.message.withLock { $0 != nil })
            client.close()
            host.stop()
        }
        try await until("the route goes with its host") { witness == nil }
    }

    @Test("a received message is the URI its client would have written")
    func href() throws {
        let exchange = try Exchange()
        let received = try exchange.send(
            Message.from("t", ["path": "/tmp/a b", "index": 4, "seq": "R99999999999999999999"]))
        #expect(received.href == "ipc://t?path=%2Ftmp%2Fa+b&index=0&seq=R99999999999999999999")
        #expect(try received.seq == Seq("99999999999999999999"))
        #expect(received.index == 0, "a client cannot speak for another window")
        #expect(received["index"] == 4 && received["seq"] == nil)
        #expect(try exchange.send(Message.from("T")).name == "t", "the name is spelled as the host does")
    }

    @Test("reading falls back where nothing is, and decodes exactly once")
    func reading() throws {
        let exchange = try Exchange()
        let received = try exchange.send(Message("ipc://t?a=%2541&b=x%26y%3Dz&c=&d"))
        #expect(received.text("a") == "%41" && received.get("a") == "%41")
        #expect(received.text("b") == "x&y=z")
        #expect(received.has("c") && received.has("d") && !received.has("e"))
        #expect(received.text("c", default: "f") == "" && received.text("e", default: "f") == "f")
        #expect(received.get("e", default: 5) == 5)
        #expect(try received.string("b") == "x&y=z")
        #expect(throws: IPCError(message: "Expecting 'e' in parameters")) { try received.string("e") }
    }

    @Test("a received message can be changed without changing what others hold")
    func changing() throws {
        let exchange = try Exchange()
        let received = try exchange.send(Message.from("t", ["a": 1, "b": 2], bytes: [1, 2]))
        var changed = received
        changed.set("a", "new")
        changed.delete("b")
        changed.bytes = [3]
        #expect(received["a"] == 1 && received["b"] == 2 && received.bytes == [1, 2])
        #expect(changed["a"] == "new" && changed["b"] == nil && changed.bytes == [3])
        #expect(changed.name == "t" && changed.seq == received.seq && changed.index == 0)
        #expect(changed.href == "ipc://t?a=new&index=0&seq=\(try #require(received.seq).rText)")
        #expect(try exchange.send(changed)["a"] == "new")
    }

    @Test("what cannot be sent is the result's error")
    func refused() throws {
        let exchange = try Exchange()
        for (message, part) in [
            (try Message("ipc://a%20b"), "a command is"), (try Message("ipc://t?seq=abc"), "'abc' is not a seq"),
            (try Message("ipc://"), "a command is"),
        ] {
            let error = exchange.client.sendSync(message).err
            #expect(error?.name == "TypeError" && error?.message.contains(part) == true)
        }
    }

    @Test("every way of sending takes a message")
    func verbs() async throws {
        let host = try Host.embedded()
        defer { host.stop() }
        Fixture.install(on: host)
        let client = try await host.connect()
        let message = try Message.from("echo", ["a": [1, 2]], bytes: [5])
        for result in [
            client.sendSync(message), await client.send(message), await client.request(message),
            await client.write(message),
            await client.request(message, options: .deadline),
        ] {
            #expect(result.data == ["a": [1, 2]] && result.bytes == [5] && result.source == "echo")
        }
        let own = await client.request(try Message.from("seq", ["seq": 77]))
        #expect(own.data == "77")
    }

    @Test("every way of sending without a result, in chunks, or with a body takes a message")
    func otherVerbs() async throws {
        let host = try Host.embedded()
        defer { host.stop() }
        let client = try await host.connect()
        let (messages, arrive) = AsyncStream<Message>.makeStream()
        host.router.map("t") { message in
            arrive.yield(message)
            return Result(data: "one", bytes: message.bytes)
        }
        host.router.map(
            "body",
            async: { message in
                var bytes: [UInt8] = []
                for try await chunk in message.body! { bytes += [UInt8](chunk.bytes ?? []) }
                return Result(data: message["a"], bytes: Bytes(bytes))
            })
        var arrived = messages.makeAsyncIterator()
        // Names that occur twice travel in another form, and so does a number that is given.
        for pairs in [[], [("a", 1)], [("a", 1), ("a", 2)], [("seq", "R88888888888888888888"), ("a", 3)]]
            as [[(String, Value)]]
        {
            let message = try Message.from("t", pairs: pairs, bytes: [5])
            try client.post(message)
            try client.batch { batch throws(LinkError) in
                for _ in 0..<3 {
                    do throws(IPCError) { try batch.post(message) } catch { throw .unencodable("\(error)") }
                }
            }
            for try await chunk in client.stream(message) { #expect(chunk.value == "one" && chunk.bytes == [5]) }
            for _ in 0..<5 {
                let got = try #require(await arrived.next())
                #expect(got.entries.map(\.value) == pairs.filter { $0.0 != "seq" }.map(\.1) && got.bytes == [5])
                if let seq = message.seq { #expect(got.seq == seq) }
            }
        }
        let chunks = AsyncStream<Bytes> { stream in
            stream.yield([1, 2])
            stream.yield([3])
            stream.finish()
        }
        let answer = await client.request(try Message.from("body", ["a": 1]), body: chunks)
        #expect(answer.data == 1 && answer.bytes == [1, 2, 3])
        // What cannot be sent.
        let (own, wrong) = (try Message.from("body", bytes: [1]), try Message("ipc://t?seq=abc"))
        #expect(await client.request(own, body: chunks).err?.kind == .type)
        #expect(throws: IPCError.self) { try client.post(wrong) }
        await #expect(throws: IPCError.self) { for try await _ in client.stream(wrong) {} }
        client.close()
        #expect(throws: IPCError.self) { try client.post(own) }
    }

    @Test(
        "making and sending a message builds no URI: it allocates the same, however long its texts are",
        .disabled(if: oro_is_sanitized()))
    func noText() throws {
        let exchange = try Exchange()
        // Both fit one record. The text of the longer one's URI would have to grow several times more.
        let texts = [40, 2000].map { String(repeating: "ü", count: $0) }
        _ = try exchange.send(Message.from("t", ["text": .string(texts[0])]))
        // The fewest of many: all threads are counted, and what others do meanwhile.
        let counts = try texts.map { text in
            try (0..<50).map { _ -> UInt64 in
                let before = oro_allocations()
                let message = try Message.from("t", ["text": .string(text)])
                let result = exchange.client.sendSync(message)
                let after = oro_allocations()
                #expect(result.isOK)
                return after - before
            }.min()
        }
        #expect(counts[0] == counts[1])
        let hrefs = try texts.map { text in
            try (0..<50).map { _ -> UInt64 in
                let message = try Message.from("t", ["text": .string(text)])
                let before = oro_allocations()
                let count = message.href.utf8.count
                let after = oro_allocations()
                #expect(count > text.utf8.count)
                return after - before
            }.min() ?? 0
        }
        #expect(hrefs[0] < hrefs[1], "the text does allocate when it is built")
    }
}
