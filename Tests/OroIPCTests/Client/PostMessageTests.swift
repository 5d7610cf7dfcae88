// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroConformance
import OroIPC
import Testing

// `postMessage` of section 10.2 of the module's description. What an answer looks like, and the seq -1, is in
// ResolveTests.
//
// Left out: targets 1 to 3, `top`, and the relay of workers (10.3), which are a browser's: there is one target, the
// host. "its return value returned": it has none. A transfer list: Swift hands nothing over; bytes are shared. Without
// a target the error is a `NetworkError`, as of every call, that says what to do.
@Suite("postMessage", .timeLimit(.minutes(1)))
struct PostMessageTests {
    /// What the host got of messages.
    private func exchange() throws -> (OroIPC.Host, Client, AsyncStream<Message>) {
        let host = try OroIPC.Host.embedded()
        let (messages, arrive) = AsyncStream<Message>.makeStream()
        host.router.map("t") { message in
            arrive.yield(message)
            return Result(data: message["a"], bytes: message.bytes)
        }
        return (host, try host.connect(), messages)
    }

    @Test(
        "a message goes to the host, as text or as a value, with the bytes that are given or its own",
        arguments: [
            ("ipc://t", nil, nil, nil), ("ipc://t?a=5", nil, nil, nil),
            ("ipc://t?a=x+y&b=%41#f", nil, [1, 2], [1, 2]),
            ("ipc://t?a=1", [9], nil, [9]), ("ipc://t?a=1", [9], [1, 2], [1, 2]), ("ipc://t?a=1", [9], [], nil),
        ] as [(String, [UInt8]?, [UInt8]?, [UInt8]?)])
    func arrives(_ uri: String, _ own: [UInt8]?, _ given: [UInt8]?, _ wanted: [UInt8]?) async throws {
        let (host, client, messages) = try exchange()
        defer { host.stop() }
        var message = try Message(uri)
        message.bytes = own.map { Bytes($0) }
        try client.postMessage(message, given.map { Bytes($0) })
        if own == nil { try client.postMessage(uri, given.map { Bytes($0) }) }
        var arrived = messages.makeAsyncIterator()
        for _ in 0..<(own == nil ? 2 : 1) {
            let got = try #require(await arrived.next())
            #expect(got.name == "t" && got.params == message.params && got.bytes == wanted.map { Bytes($0) })
        }
    }

    @Test("bytes inside a value are a part of it, and both lists of them are found")
    func transfers() async throws {
        let (host, client, messages) = try exchange()
        defer { host.stop() }
        let message = try Message.from("t", ["a": .bytes([1, 2, 3]), "b": [.bytes([4])]], bytes: [5])
        #expect(findMessageTransfers([], message) == [[5], [1, 2, 3], [4]])
        try client.postMessage(message)
        var arrived = messages.makeAsyncIterator()
        let got = try #require(await arrived.next())
        #expect(got["a"] == .bytes([1, 2, 3]) && got["b"] == [.bytes([4])] && got.bytes == [5])
        #expect(message.bytes == [5], "nothing is detached")
    }

    @Test(
        "with a seq the answer is an event named by the text of it",
        arguments: ["R5", "5", "R00123", "99999999999999999999"])
    func answer(_ seq: String) async throws {
        let (host, client, _) = try exchange()
        defer { host.stop() }
        var events = client.events.stream("resolve-0-\(seq)").makeAsyncIterator()
        try client.postMessage("ipc://t?a=7&seq=\(seq)", [1, 2])
        let event = try #require(await events.next())
        #expect(event["data"] == "7" && event["source"] == "t" && event.bytes == [1, 2])
        #expect(UInt64(event["id"]?.string ?? "") != nil)
    }

    @Test("a number as seq is one; the answer's bytes may be large")
    func numbers() async throws {
        let (host, client, _) = try exchange()
        defer { host.stop() }
        var events = client.events.stream("resolve-0-12").makeAsyncIterator()
        let bytes = Bytes(pattern(500_000, seed: 3))
        try client.postMessage(Message.from("t", ["a": 1, "seq": 12], bytes: bytes))
        #expect(await events.next()?.bytes == bytes)
    }

    @Test("without a seq there is no answer, and none is waited for")
    func unanswered() async throws {
        let (host, client, messages) = try exchange()
        defer { host.stop() }
        var events = client.events.stream("*").makeAsyncIterator()
        try client.postMessage("ipc://t?a=1")
        try client.postMessage("ipc://no.such")
        var arrived = messages.makeAsyncIterator()
        _ = await arrived.next()
        #expect(client.statistics.pending == 0)
        #expect(client.emit("last"))
        #expect(await events.next()?.name == "last")
    }

    @Test(
        "what cannot be posted is thrown",
        arguments: [
            ("http://t", "TypeError"), ("t", "TypeError"), ("ipc://a%20b", "TypeError"),
            ("ipc://a%20b?seq=1", "TypeError"),
            ("ipc://", "TypeError"), ("ipc://t?seq=x", "TypeError"),
        ])
    func refused(_ uri: String, _ name: String) async throws {
        let (host, client, _) = try exchange()
        defer { host.stop() }
        do throws(IPCError) {
            try client.postMessage(uri)
            Issue.record("'\(uri)' was posted")
        } catch {
            #expect(error.name == name)
        }
    }

    @Test("a link that is over is a NetworkError, thrown before and told as the answer afterwards")
    func over() async throws {
        let held = try HeldRequests()
        var events = held.client.events.stream("resolve-0-R1").makeAsyncIterator()
        try held.client.postMessage("ipc://held?seq=R1")
        _ = try await held.arrival()
        held.client.close()
        let answer = try #require(await events.next())
        #expect(Result.from(answer.detail).err?.kind == .network, "\(answer.detail ?? .null)")
        for uri in ["ipc://held", "ipc://held?seq=R2"] {
            do throws(IPCError) {
                try held.client.postMessage(uri)
                Issue.record("posted on a link that is over")
            } catch {
                #expect(error.kind == .network)
            }
        }
    }
}
