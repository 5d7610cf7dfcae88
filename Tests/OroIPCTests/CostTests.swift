// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroIPC
import Testing

/// What a peer sends costs no more than its bytes explain. Counted, not timed: times are in `oro-test-peer worst`.
@Suite struct CostTests {
    private func host(_ options: HostOptions = HostOptions()) throws -> (Host, Client) {
        let host = try Host.embedded(options: options)
        return (host, try host.connect())
    }

    /// One text to Swift's `String`, two to bytes.
    private static let (composed, decomposed) = ("\u{E9}", "e\u{301}")

    @Test(
        "a built-in route refuses parameters longer than its host reads, and names the setting",
        arguments: [
            "platform.event", "broadcast_channel.subscribe", "broadcast_channel.unsubscribe",
        ])
    func boundedParameters(_ route: String) throws {
        var options = HostOptions()
        options.builtInParameterBytes = 2000
        let (host, client) = try host(options)
        defer { host.stop() }
        let text = String(repeating: "x", count: 2000)
        let parameters: Value = ["value": .string(text), "name": "n", "id": .string(text), "data": .string(text)]
        let error = client.sendSync(route, parameters).err
        #expect(error?.kind == .range && error?.message.contains("HostOptions.builtInParameterBytes") == true)
        #expect(error?.message.contains(" 2000 ") == true)
        // It hurts nobody: the link goes on, and what fits is read.
        #expect(client.sendSync("platform.event", ["value": "load"]).isOK)
    }

    @Test(
        "the id of a subscription is a text or an integer of 64 bits; a longer one is refused without being written out"
    )
    func longID() throws {
        let (host, client) = try host()
        defer { host.stop() }
        let long = Value.bigint(1 << 65)
        #expect(
            client.sendSync("broadcast_channel.unsubscribe", ["id": long]).err?.message
                == "Invalid 'id' given in parameters")
        let id = client.sendSync("broadcast_channel.subscribe", ["name": "n"]).data?["id"]
        let number = id?.string.flatMap { UInt64($0) }
        let given = try #require(number)
        #expect(client.sendSync("broadcast_channel.unsubscribe", ["id": .bigint(.init(given))]).isOK)
    }

    @Test("a subscription keeps no long token, and a post says none")
    func longToken() throws {
        let (host, client) = try host()
        defer { host.stop() }
        for token: Value in [.string(String(repeating: "x", count: 300)), .array(Array(repeating: 0, count: 300))] {
            for route in ["broadcast_channel.subscribe", "broadcast_channel.postMessage"] {
                let error = client.sendSync(route, ["name": "n", "token": token, "data": 1]).err
                #expect(error?.message == "Invalid 'token' given in parameters")
            }
        }
        #expect(client.sendSync("broadcast_channel.subscribe", ["name": "n", "token": ["a": 1]]).isOK)
    }

    @Test("names, texts and errors that differ in bytes differ, in parameters and in errors")
    func bytesDecide() throws {
        let (one, two) = (CostTests.composed, CostTests.decomposed)
        let pairs: [(String, Value)] = [(one, 1), (two, 2)]
        let message = try Message.from("a", pairs: pairs)
        #expect(message.params.count == 2 && message[one] == 1 && message[two] == 2)
        #expect(IPCError(message: one) != IPCError(message: two))
        #expect(IPCError(name: "NotFoundError\u{301}", message: "").kind == nil)
        let error = maybeMakeError(["message": "m", "x": 1, "y": 2])
        #expect(error == maybeMakeError(["y": 2, "x": 1, "message": "m"]))
        #expect(error?.hashValue == maybeMakeError(["y": 2, "x": 1, "message": "m"])?.hashValue)
    }

    @Test("a name that repeats in what is merged replaces the first of its name, and goes on repeating")
    func merged() throws {
        let base = try Message.from("a", pairs: [("a", 1), ("b", 2), ("a", 3), ("c", 4)])
        let message = try Message.from(base, pairs: [("b", 5), ("a", 6), ("d", 7), ("a", 8), ("d", 9)])
        #expect(message.entries.map(\.key) == ["a", "b", "c", "d", "a", "d"])
        #expect(message.entries.map(\.value) == [6, 5, 4, 7, 8, 9])
    }

    /// An array of two of an array of two of …: each level refers to the one below twice.
    private static func shared(levels: Int, _ leaf: StructuredValue = .int(1)) -> StructuredValue {
        var builder = StructuredBuilder()
        var level = builder.add(leaf)
        for _ in 0..<levels { level = builder.add(node: .array([level, level])) }
        return builder.finish(level)
    }

    @Test("what is shared is written out where that is not much more than there is, and not in the power of its levels")
    func sharing() throws {
        #expect(CostTests.shared(levels: 2).value == [[1, 1], [1, 1]])
        #expect(CostTests.shared(levels: 6).value != nil)
        for levels in [10, 20, 60] { #expect(CostTests.shared(levels: levels).value == nil) }
        // Bytes that many show are written out only a few times.
        let bytes = StructuredValue.bytes(Bytes([UInt8](repeating: 1, count: 100_000)))
        #expect(CostTests.shared(levels: 1, bytes).value != nil)
        #expect(CostTests.shared(levels: 4, bytes).value == nil)
    }

    @Test("values of one header are joined in order, however many there are")
    func joined() throws {
        var headers = Headers()
        for index in 0..<1000 { try headers.append("A", "\(index)") }
        #expect(headers.entries.count == 1)
        #expect(headers.entries[0].value == (0..<1000).map { "\($0)" }.joined(separator: ", "))
        try headers.append("b", "c")
        try headers.set("a", "1")
        #expect(headers.entries.map(\.name) == ["a", "b"] && headers["a"] == "1")
    }

    @Test("bytes in the same memory are listed once, in the order they were met")
    func transfers() {
        let bytes = Bytes([1, 2, 3])
        let found = findMessageTransfers([bytes, bytes], [.bytes([4]), [.bytes([5, 6])]])
        #expect(found.map(\.count) == [3, 3, 1, 2])
        var listed: [IPCTransfer] = [.bytes(bytes)]
        _ = findIPCMessageTransfers(&listed, .array([.bytes(bytes), .bytes(bytes), .bytes(Bytes([7]))]))
        #expect(listed.map { $0.bytes?.count } == [3, 1])
    }
}
