// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroConformance
import OroIPC
import Synchronization
import Testing

// Replies by seq: `resolve` of sections 11.11, all of 11.12 and 18.4 of the module's description, one test or argument
// each.
//
// Left out:
// - 11.12 "two in-flight `send`s with the same caller-given seq: the first reply completes both": a second request with
//   a seq in flight is refused (below). "HTTP 404 with body", the inserted `/` before `?`: there is no HTTP here, the
//   error is the same.
// - 18.4 "seq '' is replaced by '-1'": a `Seq` is a number. "percent-decoded text": values travel as such. The state
//   argument is the result's `status`. What a result without data gives follows Q 34, not the table.
@Suite("Replies by seq", .timeLimit(.minutes(1)))
struct ResolveTests {
    // MARK: 18.4

    struct Row: Sendable, CustomTestStringConvertible {
        let made: Result
        var message: String?
        var data: Value?

        init(_ made: Result, error message: String) { (self.made, self.message) = (made, message) }
        init(data: Value?) { (made, self.data) = (Result(data: data), data) }

        var testDescription: String { message ?? data?.json() ?? "no data" }
    }

    static let rows: [Row] = [
        Row(Result(err: IPCError(message: "m")), error: "m"),
        Row(Result(err: IPCError(.notFound, "Not found", extra: ["url": "ipc://x"])), error: "Not found"),
        Row(data: 5), Row(data: "text"), Row(data: true), Row(data: [1, 2]), Row(data: ["a": 1]),
        Row(data: 0), Row(data: false), Row(data: ""), Row(data: .null), Row(data: nil),
        // Looks like an envelope, and is data.
        Row(data: ["data": 1, "source": "s", "id": 7]), Row(data: ["err": "text"]),
    ]

    enum Way: CaseIterable { case handler, reply, bySeq, task, here, resolve, postMessage }

    @Test("what answers a send is its result, whichever way it comes", arguments: rows, Way.allCases)
    func answers(_ row: Row, _ way: Way) async throws {
        let held = try HeldRequests()
        let (host, client) = (held.host, held.client)
        let command =
            switch way {
            case .handler: "handler"
            case .task, .here: "\(way)"
            default: "held"
            }
        host.router.map("handler") { _ in row.made }
        if way == .postMessage {
            var events = client.events.stream("resolve-0-R77").makeAsyncIterator()
            try client.postMessage("ipc://held?seq=R77")
            try await held.arrival().reply?.send(row.made)
            let event = try #require(await events.next())
            return check(Result.from(event.detail, source: command), row, command)
        }
        async let result = client.send(command)
        switch way {
        case .handler, .postMessage: break
        case .reply: try await held.arrival().reply?.send(row.made)
        case .bySeq, .task, .here:
            let arrival = try await held.arrival()
            try arrival.client.reply(to: arrival.seq, row.made)
        case .resolve:
            let seq = try await held.arrival().seq
            let envelope: Value = row.made.err.map { ["err": $0.json] } ?? ["data": row.data ?? .null]
            #expect(client.resolve(seq, envelope))
        }
        check(await result, row, command)
    }

    private func check(_ result: Result, _ row: Row, _ command: String) {
        #expect(result.err?.message == row.message && result.err?.name == row.made.err?.name)
        #expect(result.err?.extra["url"] == row.made.err?.extra["url"])
        #expect((result.data ?? .null) == (row.data ?? .null))
        #expect(result.source == command)
        #expect(result.status == (row.message == nil ? OK : ERROR))
    }

    @Test("a reply by seq brings bytes, small and large, and headers", arguments: [3, 300_000])
    func bytes(_ count: Int) async throws {
        let held = try HeldRequests()
        let bytes = Bytes((0..<count).map { UInt8(truncatingIfNeeded: $0) })
        let options = CallOptions(seq: try Seq("123456789012345678901234567890"))
        async let result = held.client.request("task", options: options)
        let arrival = try await held.arrival()
        var answer = Result(data: 1, bytes: bytes)
        answer.headers = try Headers.from(["x-a": "1"] as Value)
        try arrival.client.reply(to: arrival.seq, answer)
        let got = await result
        #expect(got.bytes == bytes && got.data == 1 && got.headers?["x-a"] == "1")
    }

    @Test("a reply with the seq -1 is a push, from the host and in the answer to a message")
    func push() async throws {
        let held = try HeldRequests()
        var pushes = held.client.events.stream(Event.data).makeAsyncIterator()
        try held.client.postMessage("ipc://held?seq=-1")
        let arrival = try await held.arrival()
        try arrival.reply?.send(["n": 1], bytes: [7])
        let answered = try #require(await pushes.next())
        #expect(answered.detail == ["n": 1] && answered.bytes == [7])
        try arrival.client.reply(to: -1, Result(data: ["n": 2], bytes: [8]))
        let pushed = try #require(await pushes.next())
        #expect(pushed.detail == ["n": 2] && pushed.bytes == [8])
        #expect(throws: IPCError(message: "no push")) {
            try arrival.client.reply(to: .unsolicited, Result(err: IPCError(message: "no push")))
        }
        #expect(!held.client.resolve("-1", 1), "no call has it")
    }

    // MARK: 11.11

    @Test(
        "resolve reads a value as Result.from does",
        arguments: [
            (["data": 1], nil, 1), (["data": 1, "source": "s"], nil, 1), (["err": "text"], "text", nil),
            (["err": ["message": "m", "type": "AbortError"]], "m", nil), (["err": .null, "data": 2], nil, 2),
            (["a": 1], nil, ["a": 1]), ("text", nil, "text"), (0, nil, 0), (.null, nil, .null), (nil, nil, nil),
        ] as [(Value?, String?, Value?)])
    func values(_ value: Value?, _ error: String?, _ data: Value?) async throws {
        let held = try HeldRequests()
        async let result = held.client.send("held")
        #expect(held.client.resolve(try await held.arrival().seq, value))
        let got = await result
        #expect(got.err?.message == error && got.data == data)
        #expect(got.source == (value?["source"]?.string ?? "held"))
    }

    @Test("resolve finds a call by its number, however that is written", arguments: ["R7", "7", "r7", "7n", "R007"])
    func spelled(_ seq: String) async throws {
        let held = try HeldRequests()
        var events = held.client.events.stream("resolve-0-\(seq)").makeAsyncIterator()
        async let result = held.client.send("held", options: CallOptions(seq: 7))
        _ = try await held.arrival()
        #expect(held.client.resolve(seq, "answer"))
        #expect(await result.data == "answer")
        #expect(await events.next()?.detail == "answer", "and the event is named by the text")
    }

    @Test("only a send is resolved", arguments: ["request", "write", "sendSync", "stream"])
    func others(_ verb: String) async throws {
        let held = try HeldRequests()
        let (client, options) = (held.client, CallOptions(seq: 9))
        let result = Task {
            switch verb {
            case "request": await client.request("held", options: options)
            case "write": await client.write("held", nil, [1], options: options)
            case "stream":
                try await client.stream("held", options: options).first { _ in true }?.value.map { Result(data: $0) }
            default:
                try await onThread { client.sendSync("held", options: options) }
            }
        }
        let arrival = try await held.arrival()
        #expect(!client.resolve("R9", "not this"))
        try arrival.reply?.send("this")
        #expect(try await result.value?.data == "this")
    }

    @Test("a call is resolved at whatever moment the answer comes", arguments: [IdlePolicy.adaptive, .spin, .park])
    func race(_ idle: IdlePolicy) async throws {
        var options = ClientOptions()
        options.idle = idle
        let held = try HeldRequests(options)
        let resolver = Task { [client = held.client, arrivals = held.arrivals] in
            var count = 0
            for await arrival in arrivals {
                client.resolve(arrival.seq, .string(arrival.seq.rText))
                count += 1
            }
            return count
        }
        for number in 1...500 {
            #expect(await held.client.send("held").data == .string("R\(number)"))
        }
        resolver.cancel()
        #expect(await resolver.value == 500)
        #expect(held.client.statistics.pending == 0)
    }

    // MARK: 11.12

    @Test("a reply to a request that was given up is dropped, and resolve finds nobody")
    func afterTheEnd() async throws {
        let held = try HeldRequests()
        let controller = AbortController()
        async let result = held.client.send("held", options: CallOptions(signal: controller.signal, seq: 5))
        let arrival = try await held.arrival()
        controller.abort("enough")
        #expect(await result.err?.kind == .abort)
        #expect(!held.client.resolve("R5", 1))
        try await until("the handler has heard") { arrival.reply?.isCancelled == true }
        try arrival.client.reply(to: 5, Result(data: 1))
        try await until("it was counted") { held.host.statistics.unmatchedReplies == 1 }
        #expect(held.client.sendSync("ping").isOK && held.client.statistics.lateResults == 0)
    }

    @Test("a second reply is dropped: the host's own behind resolve, and each of two by seq")
    func twice() async throws {
        let held = try HeldRequests()
        async let first = held.client.send("held")
        let arrival = try await held.arrival()
        #expect(held.client.resolve(arrival.seq, "here") && !held.client.resolve(arrival.seq, "again"))
        #expect(await first.data == "here")
        try arrival.reply?.send("there")
        try await until("the late one was counted") {
            held.client.sendSync("ping").isOK && held.client.statistics.lateResults == 1
        }

        async let second = held.client.send("held")
        let other = try await held.arrival()
        try other.client.reply(to: other.seq, Result(data: "by seq"))
        try other.client.reply(to: other.seq, Result(data: "again"))
        #expect(await second.data == "by seq")
        try await until("the second was counted") { held.host.statistics.unmatchedReplies == 1 }
        #expect(throws: IPCError.self) { try other.reply?.send("again") }
        #expect(held.client.sendSync("ping").isOK)
        #expect(held.client.statistics.lateResults == 1)
    }

    @Test("a handler that was answered for goes on, and what it answers is dropped", arguments: ["task", "here"])
    func goesOn(_ name: String) async throws {
        let held = try HeldRequests()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let isCancelled = Mutex<Bool?>(nil)
        held.host.router.map(
            name, on: name == "here" ? .reactor : .global,
            async: { message in
                try message.client?.reply(to: message.seq ?? 0, Result(data: "early"))
                for await _ in gate { break }
                isCancelled.withLock { $0 = Task.isCancelled }
                return Result(data: "late")
            })
        // By seq from inside a handler that has not waited yet: it is at work by the time the reply is looked at.
        #expect(await held.client.send(name).data == "early")
        open.yield()
        try await until("the handler has gone on") { isCancelled.withLock { $0 } != nil }
        #expect(isCancelled.withLock { $0 } == false)
        #expect(held.client.sendSync("ping").isOK)
        #expect(held.client.statistics.lateResults == 0)
    }

    @Test("a second request with a seq in flight is refused; the first has its answer")
    func inFlight() async throws {
        let held = try HeldRequests()
        let options = CallOptions(seq: 12)
        async let first = held.client.send("held", options: options)
        let arrival = try await held.arrival()
        #expect(await held.client.send("held", options: options).err?.kind == .invalidAccess)
        #expect(throws: IPCError.self) { try held.client.postMessage("ipc://held?seq=12") }
        try arrival.reply?.send(1)
        #expect(await first.data == 1)
        async let again = held.client.send("held", options: options)
        try await held.arrival().reply?.send(2)
        #expect(await again.data == 2)
    }

    @Test("a seq nobody waits for is no error anywhere", arguments: ["R1", "99999999999999999999999", "-5", "x", ""])
    func unknown(_ seq: String) async throws {
        let held = try HeldRequests()
        #expect(!held.client.resolve(seq, 1))
        async let waits = held.client.send("held", options: CallOptions(seq: 3))
        let arrival = try await held.arrival()
        #expect(!held.client.resolve(seq, 1))
        if let number = try? Seq(seq) {
            try arrival.client.reply(to: number, Result(data: 1))
            try await until("it was counted") { held.host.statistics.unmatchedReplies == 1 }
        }
        try arrival.reply?.send("mine")
        #expect(await waits.data == "mine")
    }

    @Test("an answer in chunks is not answered by seq")
    func chunks() async throws {
        let held = try HeldRequests()
        let stream = held.client.stream("chunks", options: CallOptions(seq: 4))
        let arrival = try await held.arrival()
        try arrival.client.reply(to: 4, Result(data: 1))
        try await until("it was counted") { held.host.statistics.unmatchedReplies == 1 }
        withExtendedLifetime(stream) {}
    }

    @Test("a client that has gone is not replied to")
    func gone() async throws {
        let held = try HeldRequests()
        async let result = held.client.send("held", options: CallOptions(seq: 8))
        let arrival = try await held.arrival()
        held.client.close()
        #expect(await result.err?.kind == .network)
        #expect(!held.client.resolve("R8", 1))
        try await until("the host has noticed") { !arrival.client.isConnected }
        #expect(throws: IPCError.self) { try arrival.client.reply(to: 8, Result()) }
    }

    @Test("an unknown command is the same NotFoundError on every way")
    func notFound() async throws {
        let held = try HeldRequests()
        let (client, options) = (held.client, CallOptions(seq: 6))
        var events = client.events.stream("resolve-0-6").makeAsyncIterator()
        try client.postMessage("ipc://no.such?seq=6")
        let posted = try #require(await events.next())
        for result in [
            client.sendSync("no.such", options: options), await client.send("no.such", options: options),
            await client.request("no.such", options: options),
            await client.write("no.such", nil, [1], options: options),
            Result.from(posted.detail, source: "no.such"),
        ] {
            let error = try #require(result.err)
            #expect(error.name == "NotFoundError" && error.message == "Not found" && error.code == "NOT_FOUND_ERR")
            #expect(error.extra["url"] == "ipc://no.such?index=0&seq=R6")
            #expect(result.data == nil && result.source == "no.such" && "\(error)".contains("NotFoundError: Not found"))
        }
    }
}
