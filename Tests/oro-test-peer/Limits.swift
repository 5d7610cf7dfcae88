// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import OroIPC
import OroLink

/// Every limit that a client may choose, the least and the largest of each, crossed with every kind of request, result,
/// event, port and stream. Whatever does not fit is a typed error of that one thing: nobody waits for ever, no link
/// ends, no good client is accused.
func limits(_ arguments: Arguments) async throws {
    let folder = try TemporaryFolder()
    let host = try Peer([
        "serve", "--name", "limits", "--folder", folder.path, "--backend", arguments.text("backend") ?? "io_uring",
        "--message-bytes", "\(arguments.number("host-message-bytes", (64 << 20) + (64 << 10)))",
    ])
    try host.line(starting: "ready")
    func connect(_ change: @Sendable (inout ClientOptions) -> Void = { _ in }) throws -> Client {
        var options = arguments.clientOptions
        options.folder = folder.path
        options.allowsDescriptors = true
        change(&options)
        return try Client.connect("limits", options: options)
    }
    let bystander = try connect()
    var tried = 0, refused = 0
    for (name, change) in Limits.choices where arguments.text("only").map({ $0 == name }) ?? true {
        let client = try connect(change)
        for kind in Limits.kinds where arguments.text("kind").map({ kind.name.contains($0) }) ?? true {
            do {
                let outcome = try await within(20) { try await kind.attempt(client, bystander) }
                if outcome != nil { refused += 1 }
                if arguments.has("table") { print("\(name) | \(kind.name) | \(outcome ?? "as it should be")") }
                try expect(client.ending == nil, "its link is over: \(client.ending.map { "\($0)" } ?? "")")
                try expectEqual(client.sendSync("echo", 7).data, 7, "the client's next request")
                try expectEqual(bystander.sendSync("echo", 8).data, 8, "another client's request")
            } catch {
                throw Unexpected("\(name), \(kind.name): \(error)")
            }
            tried += 1
        }
        client.close()
    }
    let violations = bystander.sendSync("test.process").data?["violations"]?.int ?? -1
    print(
        "limits \(Limits.choices.count), kinds \(Limits.kinds.count): \(tried) tried, \(refused) did not fit and said so"
    )
    try expectEqual(violations, 0, "good clients were accused")
    guard host.finish() == 0 else { throw Unexpected("the host failed") }
}

/// What `body` comes to, which must be soon.
private func within<R: Sendable>(_ seconds: Double, _ body: @escaping @Sendable () async throws -> R) async throws -> R
{
    try await withThrowingTaskGroup(of: R?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: .seconds(seconds))
            return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next(), let result = first else {
            throw Unexpected("nothing for \(seconds) s")
        }
        return result
    }
}

private enum Limits {
    static let choices: [(String, @Sendable (inout ClientOptions) -> Void)] = {
        let single: [(String, @Sendable (inout ClientOptions) -> Void)] = [
            ("least ring", { $0.link.ringBytes = 4096 }), ("largest ring", { $0.link.ringBytes = 64 << 20 }),
            ("least rings", { $0.link.rings = 2 }), ("largest rings", { $0.link.rings = 16 }),
            ("least message", { $0.link.messageBytes = 1 << 14 }),
            ("largest message", { $0.link.messageBytes = (1 << 32) - 1 }),
            ("least loans", { $0.link.loans = 512 }), ("largest loans", { $0.link.loans = 1 << 20 }),
            ("least memories", { $0.link.memories = 4 }), ("largest memories", { $0.link.memories = 4096 }),
            ("least payload", { $0.link.payloadBytes = 4096 }),
            ("largest payload", { $0.link.payloadBytes = 1 << 46 }),
            (
                "no features",
                {
                    $0.allowsDescriptors = false
                    $0.allowsDirectLinks = false
                }
            ),
        ]
        func all(_ prefix: String, _ name: String) -> (String, @Sendable (inout ClientOptions) -> Void) {
            let changes = single.filter { $0.0.hasPrefix(prefix) }.map(\.1)
            return (name, { options in for change in changes { change(&options) } })
        }
        return single + [all("least", "all least"), all("largest", "all largest")]
    }()

    struct Kind: Sendable {
        let name: String
        /// The error, where it did not fit; throws when it came to something else.
        let attempt: @Sendable (Client, Client) async throws -> String?
    }

    /// Errors that say that something does not fit.
    private static let typed: Set<String> = ["RangeError", "QuotaExceededError", "DataCloneError"]

    /// The name of the error, which is a typed one.
    private static func refusal(_ error: IPCError?) throws -> String? {
        guard let error else { return nil }
        try expect(typed.contains(error.name), "\(error)".prefix(200).description)
        return error.name
    }

    private static func request(
        _ name: String, _ command: String, _ value: Value? = nil, bytes: Int? = nil, options: CallOptions? = nil,
        error: String? = nil
    ) -> Kind {
        Kind(name: name) { client, _ in
            let sent = bytes.map { Bytes(pattern($0, seed: 1)) }
            let result = await client.send(command, value, bytes: sent, options: options)
            if let error {
                guard let found = result.err else { throw Unexpected("no error") }
                return found.name == error ? nil : try refusal(found)
            }
            if result.err == nil, command.hasPrefix("echo") {
                if let bytes { try expect(same(result.bytes, pattern(bytes, seed: 1)), "other bytes") }
                try expectEqual(result.data, value, "another value")
            }
            return try refusal(result.err)
        }
    }

    private static let sizes = [0, 64, 1000, 4096, 8192, 8193, 16_000, 16_384, 20_000, 70_000, 300_000, 5 << 20]

    private static func text(_ count: Int) -> String { String(repeating: "x", count: count) }

    private static let requests: [Kind] =
        sizes.flatMap { size in
            [
                request("a value of \(size)", "echo", .string(text(size))),
                request("a value of \(size), later", "echo.async", .string(text(size))),
                request("bytes of \(size)", "echo", bytes: size),
                request("both of \(size)", "echo.async", .string(text(size)), bytes: size),
                request("a loan of \(size)", "echo.loan", .string(text(size)), bytes: max(1, size)),
                request("made bytes of \(size)", "make", ["count": .int(Int64(size))]),
                request("an error of \(size)", "fail", ["message": .string(text(size))], error: "Error"),
                request("an error's member of \(size)", "fail", ["path": .string(text(size))], error: "Error"),
                request(
                    "an error's name of \(size)", "fail", ["name": .string(text(max(1, size)))],
                    error: text(max(1, size))),
                request(
                    "a source of \(size)", "headers",
                    ["source": .string(text(min(size, 20_000))), "headers": .object([:])]),
                request(
                    "a header of \(size)", "headers", ["headers": ["x": .string(text(size))]]),
                request(
                    "a failure with a header of \(size)", "headers",
                    ["headers": ["x": .string(text(size))], "fail": "as asked"], error: "Error"),
            ]
        }

    /// Numbers with 4 096 digits, on each way to an answer.
    private static let seqs: [Kind] = {
        guard let seq = try? Seq(String(repeating: "9", count: 4096)) else { return [] }
        let wide = CallOptions(timeout: .seconds(15), seq: seq)
        return [
            request("the longest seq", "ping", options: wide),
            request("the longest seq, later", "echo.async", 1, options: wide),
            request("the longest seq, nobody", text(255), options: wide, error: "NotFoundError"),
            request("the longest seq, an error", "fail", ["message": "x"], options: wide, error: "Error"),
            request(
                "the longest seq, a long error", "fail", ["message": .string(text(50_000))], options: wide,
                error: "Error"),
            request("the longest seq, a long value", "echo", .string(text(15_000)), options: wide),
            request("the longest seq, a reply", "reply.now", ["tag": .string(text(15_000))], options: wide),
            request("the longest seq, a lost reply", "reply.drop", options: wide, error: "InternalError"),
        ]
    }()

    private static let streams: [Kind] =
        [0, 100, 8192, 16_384, 20_000, 300_000].map { size in
            Kind(name: "chunks of \(size)") { client, _ in
                var count = 0
                do {
                    for try await chunk in client.stream("stream.count", ["count": 5, "size": .int(Int64(size))]) {
                        if size > 0 { try expect(same(chunk.bytes, pattern(size, seed: UInt64(count))), "other bytes") }
                        count += 1
                    }
                } catch let error as IPCError {
                    return try refusal(error)
                }
                try expectEqual(count, 5)
                return nil
            }
        }
        + [100, 20_000, 300_000].map { size in
            Kind(name: "a stream's error of \(size)") { client, _ in
                do {
                    for try await _ in client.stream("stream.count", ["count": 1, "error": .string(text(size))]) {}
                    throw Unexpected("it did not fail")
                } catch let error as IPCError {
                    try expectEqual(error.name, "RangeError")
                    return error.message == text(size) ? nil : error.name
                }
            }
        }
        + [100, 8192, 20_000, 300_000].map { size in
            Kind(name: "a body in pieces of \(size)") { client, _ in
                let body = AsyncStream<Bytes> { pieces in
                    for seed in 0..<3 { pieces.yield(Bytes(pattern(size, seed: UInt64(seed)))) }
                    pieces.finish()
                }
                return try refusal(await client.request("body.read", body: body).err)
            }
        }

    private static let events: [Kind] = [100, 8192, 15_000, 20_000, 300_000].map { size in
        Kind(name: "an event of \(size)") { client, _ in
            let heard = Locked<[Int64]>([])
            let token = client.events.listen("limits") { event in
                heard.withLock { $0.append(event.detail?["n"]?.int ?? -1) }
            }
            defer { client.events.unlisten(token) }
            let result = await client.request(
                "event.emit", ["name": "limits", "first": 1, "size": .int(Int64(size))])
            if let error = result.err { return try refusal(error) }
            // The events of a link come in their order: when the small one is there the other has come, or never will.
            _ = await client.request("event.emit", ["name": "limits", "first": 2])
            try await until("the event behind it") { heard.withLock { $0.last } == 2 }
            return heard.withLock { $0.count } == 2 ? nil : "RangeError"
        }
    }

    private static let ports: [Kind] =
        sizes.flatMap { size in
            [
                Kind(name: "a port's message of \(size)") { client, _ in
                    try await talk(client, .string(text(size)))
                },
                Kind(name: "a port's buffers of \(size)") { client, _ in
                    let one = Bytes(pattern(max(1, size), seed: 3))
                    return try await talk(client, ["a": .bytes(one), "b": .bytes(Bytes([1, 2, 3])), "c": .bytes(one)])
                },
            ]
        }
        + [1, 64, 256].map { count in
            Kind(name: "\(count) ports in a message") { client, _ in
                let channels = (0..<count).map { _ in IPCMessageChannel() }
                defer { for channel in channels { channel.port1.close() } }
                let port = try client.openPort("echo")
                defer { port.close() }
                let own = channels.map(\.port2)
                do throws(IPCError) {
                    try port.postMessage(.array(own.map { .port($0) }), transfer: own)
                } catch {
                    return try refusal(error)
                }
                guard let back = await port.next() else { throw Unexpected("the conversation ended") }
                if back.type == "messageerror" { return back.error?.name }
                try expectEqual(back.ports.count, count)
                for port in back.ports { port.close() }
                return nil
            }
        }
        + [10, 15_000, 20_000, 300_000].map { size in
            Kind(name: "a broadcast of \(size)") { client, other in
                let name = "limits \(UInt64.random(in: 0 ... .max))"
                let hearer = try IPCBroadcastChannel(name, over: client)
                let speaker = try IPCBroadcastChannel(name, over: other)
                defer {
                    hearer.close()
                    speaker.close()
                }
                let heard = Locked<[String]>([])
                hearer.onmessage = { event in heard.withLock { $0.append(event.data.string ?? "") } }
                hearer.onmessageerror = { _ in heard.withLock { $0.append("unreadable") } }
                // Until both are there.
                try await until("it hears") {
                    try speaker.postMessage("hello")
                    return heard.withLock { $0.contains("hello") }
                }
                do throws(IPCError) {
                    try await speaker.post(.string(text(size)))
                } catch {
                    return try refusal(error)
                }
                try await until("it hears of that") { heard.withLock { $0.last } != "hello" }
                return heard.withLock { $0.last } == text(size) ? nil : "DataCloneError"
            }
        }

    /// Says `value` to somebody who says it again.
    private static func talk(_ client: Client, _ value: StructuredValue) async throws -> String? {
        let port = try client.openPort("echo")
        defer { port.close() }
        var failure: String?
        do throws(IPCError) {
            try await port.post(value)
            guard let event = await port.next() else { throw IPCError(message: "the conversation ended") }
            if event.type == "messageerror" { failure = event.error?.name ?? "messageerror" }
        } catch {
            failure = try refusal(error)
        }
        // The conversation goes on behind what did not fit.
        try await port.post("behind")
        try expectEqual(await port.next()?.data.string, "behind")
        return failure
    }

    static let kinds = requests + seqs + streams + events + ports
}

extension IPCMessagePort {
    /// The next message or error; `nil` at the end.
    fileprivate func next() async -> IPCMessageEvent? {
        var iterator = messages.makeAsyncIterator()
        return await iterator.next()
    }
}
