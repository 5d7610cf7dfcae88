// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroIPC
import Synchronization

extension Behaviour {
    /// What became of the handler with this tag; `nil` before it began.
    private static func run(_ client: Client, _ tag: String) throws -> StreamFixture.Run? {
        let result = client.sendSync("stream.run", ["tag": .string(tag)])
        try expect(result.isOK, "\(result)")
        guard let data = result.data else { return nil }
        return StreamFixture.Run(
            count: data["count"]?.int ?? -1, isOver: data["over"]?.bool ?? false, error: data["error"]?.string)
    }

    private static func tag() -> String { "\(UInt64.random(in: 0 ... .max))" }

    /// Reads to the end: the chunks, and the error if there was one.
    private static func collect(_ stream: ResultStream) async -> (chunks: [StreamChunk], error: IPCError?) {
        var chunks: [StreamChunk] = []
        do {
            for try await chunk in stream { chunks.append(chunk) }
            return (chunks, nil)
        } catch {
            return (chunks, error)
        }
    }

    static let streams: [Behaviour] = [
        Behaviour("a hundred thousand chunks arrive in order") { subject in
            let client = try subject.client()
            var next: Int64 = 0
            for try await chunk in client.stream("stream.count", ["count": 100_000], window: 256) {
                if chunk.value != .int(next) { throw Unexpected("\(chunk) in place of \(next)") }
                next += 1
            }
            try expectEqual(next, 100_000)
        },
        Behaviour("chunks of every size arrive with name, value and bytes as they were sent") { subject in
            let client = try subject.client()
            let sizes = [0, 1, 63, 64, 65, 4096, 16_320, 16_384, 65_536, 1 << 20]
            let value: Value = ["text": "ümläut\nof two lines", "list": [1, nil, true]]
            let parameters: Value = ["sizes": .array(sizes.map { .int(Int64($0)) }), "value": value]
            for window in [1, 2, 16, 1024] {
                let (chunks, error) = await collect(client.stream("stream.shapes", parameters, window: window))
                try expectEqual(error, nil)
                try expectEqual(chunks.count, 4 * sizes.count, "window \(window)")
                for (index, size) in sizes.enumerated() {
                    let bytes = pattern(size, seed: UInt64(index))
                    let plain = chunks[4 * index]
                    try expect(plain.name == nil && plain.value == nil && plain.bytes != nil, "\(size)")
                    try expect(same(plain.bytes, bytes), "plain \(size)")
                    let named = chunks[4 * index + 1]
                    try expectEqual(named.name, "named \(index)")
                    try expectEqual(named.value, value)
                    try expect(same(named.bytes, bytes), "named \(size)")
                    try expectEqual(chunks[4 * index + 2], StreamChunk(name: ""))
                    try expectEqual(chunks[4 * index + 3], StreamChunk(value: .null))
                }
            }
        },
        Behaviour("a chunk that does not fit is a RangeError of its send, and the stream goes on") { subject in
            let client = try subject.client()
            let (chunks, error) = await collect(client.stream("stream.toolarge"))
            try expectEqual(error, nil)
            try expectEqual(chunks.map(\.name), ["RangeError", "RangeError"])
        },
        Behaviour("a handler is never further ahead of its reader than the window") { subject in
            let client = try subject.client()
            for window in [1, 2, 16, 100] {
                let tag = tag()
                var read: Int64 = 0
                for try await chunk in client.stream("stream.count", ["tag": .string(tag)], window: window) {
                    try expectEqual(chunk.value, .int(read))
                    read += 1
                    // As far as it can get, and no further, however long it is given.
                    if read % 25 == 0 {
                        try await until("window \(window): it goes on") {
                            let count = try run(client, tag)?.count ?? 0
                            try expect(count <= read + Int64(window), "window \(window): \(count) at \(read)")
                            return count >= read + Int64(window) - Int64(max(1, window / 2)) + 1
                        }
                    }
                    let count = try run(client, tag)?.count ?? 0
                    try expect(count <= read + Int64(window), "window \(window): \(count) sent, \(read) read")
                    if read == 100 { break }
                }
                try await until("it was cancelled") { try run(client, tag)?.isOver == true }
            }
        },
        Behaviour("leaving the loop, dropping the stream or cancelling the task cancels the handler") { subject in
            let client = try subject.client()
            let tags = (0..<4).map { _ in tag() }
            for try await _ in client.stream("stream.count", ["tag": .string(tags[0])]) { break }
            _ = client.stream("stream.count", ["tag": .string(tags[1])])
            let reading = Atomics()
            let task = Task {
                for try await _ in client.stream("stream.count", ["tag": .string(tags[2]), "count": 5000]) {
                    reading.value.add(1, ordering: .relaxed)
                    if reading.value.load(ordering: .relaxed) == 5 { try? await Task.sleep(for: .seconds(3600)) }
                }
            }
            try await until("it reads") { reading.value.load(ordering: .relaxed) == 5 }
            task.cancel()
            // One that waits for a chunk that does not come.
            let waiting = Task {
                for try await _ in client.stream("stream.pause", ["tag": .string(tags[3]), "ms": 3_600_000]) {}
            }
            try await until("it has begun") { try run(client, tags[3]) != nil }
            waiting.cancel()
            for (task, text) in [(task, "reading"), (waiting, "waiting")] {
                do {
                    try await task.value
                    throw Unexpected("\(text) ended without an error")
                } catch let error as IPCError {
                    try expectEqual(error.name, "AbortError", text)
                }
            }
            // The second may have been given up before its handler began: then there is none.
            for tag in [tags[0], tags[2], tags[3]] {
                try await until("the handler is over") { try run(client, tag)?.isOver == true }
                let name = try run(client, tag)?.error
                try expect(name == "AbortError" || name == "CancellationError", "\(name ?? "no error")")
            }
            try await until("no handler is left") { client.sendSync("stream.alive").data == 0 }
            try await until("nothing is pending") { client.statistics.pending == 0 }
        },
        Behaviour("a signal ends a stream before, while it waits, and while it flows") { subject in
            let client = try subject.client()
            let early = AbortController()
            early.abort("too early")
            let none = await collect(client.stream("stream.count", options: CallOptions(signal: early.signal)))
            try expect(none.chunks.isEmpty && none.error == .abort("too early"), "\(none)")
            for command in ["stream.count", "stream.pause"] {
                let tag = tag()
                let abort = AbortController()
                let parameters: Value = ["tag": .string(tag), "ms": 3_600_000]
                let stream = client.stream(command, parameters, options: CallOptions(signal: abort.signal))
                async let all = collect(stream)
                try await until("it has begun") { try run(client, tag) != nil }
                abort.abort("enough")
                try expectEqual((await all).error, .abort("enough"))
                try await until("the handler is over") { try run(client, tag)?.isOver == true }
            }
            let after = AbortController()
            let done = await collect(
                client.stream("stream.count", ["count": 3], options: CallOptions(signal: after.signal)))
            after.abort()
            try expect(done.chunks.count == 3 && done.error == nil)
        },
        Behaviour("a deadline is for the first chunk or the end, not for what follows") { subject in
            let client = try subject.client()
            let tag = tag()
            let options = CallOptions(timeout: .milliseconds(60))
            let late = await collect(
                client.stream("stream.pause", ["tag": .string(tag), "ms": 3_600_000], options: options))
            try expect(late.chunks.isEmpty)
            try expectEqual(late.error?.name, "TimeoutError")
            try expectEqual(late.error?.message, "ipc.stream timed out: 'stream.pause' gave no chunk within 60 ms")
            try await until("the handler is over") { try run(client, tag)?.isOver == true }
            let early = await collect(
                client.stream(
                    "stream.pause", ["first": true, "ms": 700], options: CallOptions(timeout: .milliseconds(600))))
            // A machine that takes longer than the deadline for the first chunk shows the other outcome.
            try expect(
                early.error?.name == "TimeoutError" && early.chunks.isEmpty
                    || early.error == nil && early.chunks.map(\.name) == ["first", "last"], "\(early)")
        },
        Behaviour("what a handler throws follows its chunks, with all its members") { subject in
            let client = try subject.client()
            for count in [0, 1, 40] as [Int64] {
                let stream = client.stream("stream.count", ["count": .int(count), "error": "too far"])
                let (chunks, error) = await collect(stream)
                try expectEqual(chunks.map(\.value), (0..<count).map { .int($0) })
                try expectEqual(
                    error, IPCError(name: "RangeError", message: "too far", code: "E_FAR", extra: ["path": "/x"]))
            }
            try expectEqual((await collect(client.stream("stream.shapes", window: 0))).error?.name, "RangeError")
            try expectEqual((await collect(client.stream("a b"))).error?.name, "TypeError")
            try await until("nothing is pending") { client.statistics.pending == 0 }
        },
        Behaviour("a route without chunks gives its result as one; its error, and no route, are thrown") { subject in
            let client = try subject.client()
            for command in ["echo", "echo.async"] {
                let (chunks, error) = await collect(client.stream(command, ["a": 1], bytes: [1, 2, 3]))
                try expectEqual(error, nil)
                try expectEqual(chunks, [StreamChunk(value: ["a": 1], bytes: [1, 2, 3])])
                try expectEqual((await collect(client.stream(command))).chunks, [StreamChunk()])
            }
            let failed = await collect(client.stream("fail", ["name": "RangeError", "message": "m"]))
            try expect(failed.chunks.isEmpty && failed.error?.name == "RangeError", "\(failed)")
            try expectEqual((await collect(client.stream("no.such"))).error?.name, "NotFoundError")
            try expectEqual(client.statistics.pending, 0)
        },
        Behaviour("a route of chunks asked for a plain result says that it must be a stream") { subject in
            let client = try subject.client()
            for result in [client.sendSync("STREAM.count"), await client.request("stream.count")] {
                try expectEqual(
                    result.err,
                    IPCError(name: "TypeError", message: "IPC method 'stream.count' must be invoked as a stream"))
            }
            try client.post("stream.count")
            try expectEqual(client.sendSync("stream.alive").data, 0)
        },
        Behaviour("of two readers of one stream each chunk goes to one, and the link lives on") { subject in
            let client = try subject.client()
            let stream = client.stream("stream.count", ["count": 2000])
            let results = await withTaskGroup(of: (chunks: [StreamChunk], error: IPCError?).self) { group in
                for _ in 0..<2 { group.addTask { await collect(stream) } }
                var all: [(chunks: [StreamChunk], error: IPCError?)] = []
                for await one in group { all.append(one) }
                return all
            }
            let numbers = results.flatMap(\.chunks).compactMap { $0.value?.int }.sorted()
            try expectEqual(numbers, Array(0..<2000))
            for error in results.compactMap(\.error) { try expectEqual(error.name, "InvalidStateError") }
            try expectEqual(client.sendSync("ping").data, "pong")
        },
        Behaviour("late chunks of a stream that was given up are counted and dropped") { subject in
            let client = try subject.client()
            let before = client.statistics.lateResults
            // How many are on their way at that moment is chance; that there never are any is not.
            for _ in 0..<500 where client.statistics.lateResults == before {
                for try await _ in client.stream("stream.count", ["size": 1000], window: 1024) { break }
                try await until("its end has come") { client.statistics.pending == 0 }
            }
            try expect(client.statistics.lateResults > before)
            try expectEqual(client.sendSync("ping").data, "pong")
        },
        Behaviour("thirty-two streams that never end starve neither each other nor requests") { subject in
            let client = try subject.client()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<32 {
                    group.addTask {
                        var read: Int64 = 0
                        let size = Value.int(Int64([0, 100, 20_000, 60_000][index % 4]))
                        for try await chunk in client.stream("stream.count", ["size": size]) {
                            try expectEqual(chunk.value, .int(read))
                            read += 1
                            if read == 300 { break }
                        }
                        try expectEqual(read, 300)
                    }
                }
                group.addTask {
                    for index in 0..<300 {
                        let tag = Value.int(Int64(index))
                        try expectEqual((await client.request("echo", tag)).data, tag)
                    }
                }
                group.addTask {
                    try await onThread {
                        for _ in 0..<300 { try expectEqual(client.sendSync("ping").data, "pong") }
                    }
                }
                try await group.waitForAll()
            }
            try await until("no handler is left") { client.sendSync("stream.alive").data == 0 }
        },
        Behaviour("ten thousand streams that are given up leave nothing behind") { subject in
            let client = try subject.client()
            func give(_ count: Int) async throws {
                for index in 0..<count {
                    let stream = client.stream("stream.count", ["size": 300], window: 1 + index % 32)
                    if index % 3 == 0 { continue }
                    for try await _ in stream { break }
                }
                try await until("nothing is pending") { client.statistics.pending == 0 }
                try await until("no handler is left") { client.sendSync("stream.alive").data == 0 }
            }
            func memory() -> (Int64, Int64) {
                (client.sendSync("test.process").data?["rss"]?.int ?? 0, Int64(oro_rss_kb(0)))
            }
            try await give(2000)
            let before = memory()
            try await give(10_000)
            let after = memory()
            // A sanitizer keeps what is freed.
            if oro_is_sanitized() { return }
            // 1 kB each would be 10 MB.
            try expect(after.0 < before.0 + 8000 && after.1 < before.1 + 8000, "\(before) -> \(after) kB")
        },
    ]

    static let bodies: [Behaviour] = [
        Behaviour("a body of any length arrives in order, as it was") { subject in
            let client = try subject.client()
            for count in [0, 1, 15, 16, 17, 10_000] {
                let body = CountedBody(count, size: { $0 % 100 })
                let result = await client.request("body.read", body: body)
                let bytes = (0..<count).reduce(0) { $0 + $1 % 100 }
                try expectEqual(
                    result.data, ["count": .int(Int64(count)), "bytes": .int(Int64(bytes)), "inOrder": true],
                    "\(result)")
            }
            let sizes = [0, 1, 1 << 20, 64, 16_384, 3 << 20, 0, 65_536]
            let result = await client.request("body.read", ["a": 1], body: CountedBody(8, size: { sizes[$0] }))
            try expectEqual(result.data?["bytes"], .int(Int64(sizes.reduce(0, +))), "\(result)")
            try expectEqual(result.data?["inOrder"], true)
        },
        Behaviour("a body is never further ahead of its handler than sixteen chunks") { subject in
            let client = try subject.client()
            let tag = tag()
            let body = CountedBody(5000)
            async let result = client.request("body.read", ["tag": .string(tag)], body: body)
            while try run(client, tag)?.isOver != true {
                // The handler goes on meanwhile: it has read no more at first than afterwards.
                let sent = Int64(body.isAt)
                let read = try run(client, tag)?.count ?? 0
                try expect(sent <= read + 17, "\(sent) sent, \(read) read")
                await Task.yield()
            }
            try expectEqual((await result).data?["count"], 5000)
        },
        Behaviour("a body stops where its handler stops reading, and is not begun for one that does not") { subject in
            let client = try subject.client()
            let some = CountedBody(5, ending: .never)
            let tag = tag()
            let parameters: Value = ["tag": .string(tag), "take": 3, "pause": 300]
            async let first = client.request("body.read", parameters, body: some)
            try expectEqual((await first).data?["count"], 3)
            try await until("nobody reads it") { some.isOver }
            let ignored = CountedBody(1000)
            try expectEqual((await client.request("body.read", ["take": 0], body: ignored)).data?["count"], 0)
            try expectEqual((await client.request("body.none", body: ignored)).data, true)
            try expectEqual((await client.request("ping", body: ignored)).data, "pong")
            try expectEqual((await client.request("no.such", body: ignored)).err?.name, "NotFoundError")
            try expectEqual(ignored.isAt, 0)
            let endless = CountedBody(.max)
            try expectEqual((await client.request("body.read", ["take": 100], body: endless)).data?["count"], 100)
            try expect(endless.isAt <= 100 + 16, "\(endless.isAt)")
            try expectEqual((await client.request("body.read")).data, "no body")
            try expectEqual(client.statistics.pending, 0)
        },
        Behaviour("what a body throws is thrown to its handler, and is the result if that lets it pass") { subject in
            // A chunk longer than a message needs a block then, and there is none so long.
            var options = subject.options
            options.link.loanBytes = 1 << 20
            let client = try subject.client(options)
            let error = IPCError(name: "DataError", message: "the disk is gone", code: "E_DISK")
            for count in [0, 1, 100] {
                let body = CountedBody(count, ending: .failure(error))
                try expectEqual((await client.request("body.read", body: body)).err, error)
                let caught = await client.request("body.catch", body: CountedBody(count, ending: .failure(error)))
                try expectEqual(
                    caught.data,
                    ["count": .int(Int64(count)), "name": "DataError", "message": "the disk is gone"], "\(caught)")
            }
            let large = CountedBody(1, size: { _ in 65 << 20 })
            try expectEqual((await client.request("body.read", body: large)).err?.name, "RangeError")
            try expectEqual(client.sendSync("ping").data, "pong")
        },
        Behaviour("giving a request up stops its body on both sides") { subject in
            let client = try subject.client()
            let tags = (0..<3).map { _ in tag() }
            let bodies = tags.map { _ in CountedBody(20, ending: .never) }
            let abort = AbortController()
            let options = [
                nil, CallOptions(signal: abort.signal), CallOptions(timeout: .milliseconds(400)),
            ]
            let tasks = (0..<3).map { index in
                Task {
                    await client.request(
                        "body.read", ["tag": .string(tags[index])], body: bodies[index], options: options[index])
                }
            }
            try await until("two are read") { try tags[..<2].allSatisfy { try run(client, $0)?.count == 20 } }
            tasks[0].cancel()
            abort.abort("enough")
            try expectEqual((await tasks[0].value).err?.name, "AbortError")
            try expectEqual((await tasks[1].value).err, .abort("enough"))
            try expectEqual((await tasks[2].value).err?.name, "TimeoutError")
            for tag in tags[..<2] {
                try await until("the handler is over") { try run(client, tag)?.isOver == true }
                try expectEqual(try run(client, tag)?.error, "AbortError")
            }
            try await until("nobody reads the bodies") { bodies.allSatisfy(\.isOver) }
            try await until("no handler is left") { client.sendSync("stream.alive").data == 0 }
        },
        Behaviour("chunks go both ways at once") { subject in
            let client = try subject.client()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for size in [0, 10, 5000, 100_000] {
                    group.addTask {
                        let body = CountedBody(400, size: { _ in size })
                        var next: UInt64 = 0
                        for try await chunk in client.stream("stream.echo", body: body) {
                            try expect(chunk.bytes != nil && same(chunk.bytes, pattern(size, seed: next)), "\(size)")
                            next += 1
                        }
                        try expectEqual(next, 400)
                    }
                }
                try await group.waitForAll()
            }
            let cut = CountedBody(10, ending: .never)
            for try await _ in client.stream("stream.echo", body: cut) { break }
            try await until("nobody reads the body") { cut.isOver }
            try await until("nothing is pending") { client.statistics.pending == 0 }
        },
    ]

    static let streamEndings: [Behaviour] = [
        Behaviour("closing the client ends its streams and their handlers", clients: 2) { subject in
            let client = try subject.client()
            let other = try subject.client()
            let tags = (0..<3).map { _ in tag() }
            let body = CountedBody(3, ending: .never)
            let flowing = client.stream("stream.count", ["tag": .string(tags[0])])
            async let waiting = collect(client.stream("stream.pause", ["tag": .string(tags[1]), "ms": 3_600_000]))
            async let sending = client.request("body.read", ["tag": .string(tags[2])], body: body)
            for tag in tags { try await until("it has begun") { try run(other, tag) != nil } }
            client.close()
            try expectEqual((await collect(flowing)).error?.name, "NetworkError")
            try expectEqual((await waiting).error?.name, "NetworkError")
            try expectEqual((await sending).err?.name, "NetworkError")
            try expectEqual((await collect(client.stream("stream.count"))).error?.name, "NetworkError")
            try expectEqual((await client.request("body.read", body: body)).err?.name, "NetworkError")
            for tag in tags {
                try await until("the handler is over") { try run(other, tag)?.isOver == true }
                let name = try run(other, tag)?.error
                try expect(name == "AbortError" || name == "CancellationError", "\(name ?? "no error")")
            }
        },
        Behaviour("stopping the host ends streams with NetworkError, behind what had come", endsHost: true) { subject in
            let client = try subject.clientOfOneLink()
            let stream = client.stream("stream.pause", ["first": true, "ms": 3_600_000])
            async let sending = client.request("body.read", body: CountedBody(3, ending: .never))
            var names: [String?] = []
            do {
                for try await chunk in stream {
                    names.append(chunk.name)
                    try expect(client.sendSync("test.stop").isOK || client.ending != nil)
                }
                throw Unexpected("the stream ended")
            } catch let error as IPCError {
                try expectEqual(error.name, "NetworkError")
            }
            try expectEqual(names, ["first"])
            try expectEqual((await sending).err?.name, "NetworkError")
        },
    ]
}

private final class Atomics: Sendable { let value = Atomic<Int>(0) }
