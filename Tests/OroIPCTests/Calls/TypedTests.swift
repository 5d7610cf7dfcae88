// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroBase
import OroIPC
import OroIPCFoundation
import Testing

@Suite("Typed calls")
struct TypedTests {
    struct StatRequest: Codable, Sendable {
        struct Options: Codable, Sendable { var follow: Bool }
        var path: String
        var options: [Options]?
    }

    struct Stat: Codable, Sendable, Equatable {
        var size: Int64
        var digest: Data
        var modified: Date?
    }

    static let stat = Route<StatRequest, Stat>("fs.stat")

    private func pair(_ map: (Router) -> Void) throws -> (Host, Client) {
        let host = try Host(name: "typed-\(UUID().uuidString)")
        map(host.router)
        try host.start()
        return (host, try Client(descriptor: try host.makePeer()))
    }

    @Test("a typed request meets a typed handler, asleep or blocking, in a task or not")
    func routes() async throws {
        let (host, client) = try pair { router in
            router.map(TypedTests.stat) { request in
                Stat(size: Int64(request.path.count), digest: Data([1, 2]), modified: nil)
            }
            router.map(
                Route<StatRequest, Stat>("later"),
                async: { request in
                    Stat(size: 1, digest: Data(), modified: Date(timeIntervalSinceReferenceDate: 5))
                })
        }
        defer { host.stop() }
        let expected = Stat(size: 3, digest: Data([1, 2]), modified: nil)
        #expect(try await client.call(TypedTests.stat, StatRequest(path: "abc")) == expected)
        #expect(try client.callSync(TypedTests.stat, StatRequest(path: "abc")) == expected)
        #expect(try await client.request("fs.stat", StatRequest(path: "abc"), as: Stat.self) == expected)
        #expect(try client.sendSync("FS.stat", ["path": "abc"], as: Stat.self, options: .deadline) == expected)
        #expect(
            try await client.call(Route<StatRequest, Stat>("later"), StatRequest(path: "")).modified?
                .timeIntervalSinceReferenceDate == 5)
        // An untyped call sees an object, an untyped handler would, too.
        let untyped = client.sendSync("fs.stat", ["path": "abcd"])
        #expect(untyped.data == ["size": 4, "digest": .bytes([1, 2])])
        #expect(try untyped.decode(Stat.self).size == 4)
    }

    @Test("a route may take nothing, answer nothing, or both")
    func nothing() async throws {
        let (host, client) = try pair { router in
            router.map(Route<Void, Int>("one")) { 1 }
            router.map(Route<Int, Void>("sink")) { number in
                if number < 0 { throw IPCError(name: "RangeError", message: "no") }
            }
            router.map(Route<Void, Void>("none")) {}
            router.map(Route<Void, Int>("one.later"), async: { 1 })
            router.map(Route<Int, Void>("sink.later"), async: { _ in })
            router.map(Route<Void, Void>("none.later"), async: {})
        }
        defer { host.stop() }
        for suffix in ["", ".later"] {
            #expect(try await client.call(Route<Void, Int>("one" + suffix)) == 1)
            #expect(try client.callSync(Route<Void, Int>("one" + suffix)) == 1)
            try await client.call(Route<Int, Void>("sink" + suffix), 5)
            try client.callSync(Route<Int, Void>("sink" + suffix), 5)
            try await client.call(Route<Void, Void>("none" + suffix))
            try client.callSync(Route<Void, Void>("none" + suffix))
        }
        let error = await #expect(throws: IPCError.self) { try await client.call(Route<Int, Void>("sink"), -1) }
        #expect(error?.name == "RangeError")
    }

    @Test("bytes travel beside a value, or alone, and are not encoded")
    func bytes() async throws {
        let write = Route<WithBytes<StatRequest>, WithBytes<Int>>("write")
        let echo = Route<Bytes, Bytes>("echo")
        let (host, client) = try pair { router in
            router.map(write) { request in WithBytes(request.bytes?.count ?? -1, request.bytes) }
            router.map(echo) { $0 }
        }
        defer { host.stop() }
        let payload = Bytes([UInt8](repeating: 7, count: 100_000))
        // The second time the host knows the command's name, and a lent payload may go a shorter way.
        for _ in 0..<2 {
            let answer = try await client.call(write, WithBytes(StatRequest(path: "a"), payload))
            #expect(answer == WithBytes(100_000, payload))
            #expect(answer.bytes?.isBorrowed == true)
        }
        #expect(try client.callSync(write, WithBytes(StatRequest(path: "a"), nil)) == WithBytes(-1, nil))
        #expect(try await client.call(echo, Bytes(utf8: "note")) == Bytes(utf8: "note"))
        #expect(client.sendSync("echo", bytes: Bytes(utf8: "x")).bytes == Bytes(utf8: "x"))
        #expect(try await client.write("write", ["path": "a"], Bytes(utf8: "abc"), as: Int.self) == 3)
        // In a value, bytes are bytes.
        #expect(try Value(encoding: ["a": Bytes(utf8: "hi")]) == ["a": .bytes([0x68, 0x69])])
        #expect(try Value.bytes([1]).decode(Bytes.self) == [1])
        let json = try JSONEncoder().encode([Bytes([1, 255])])
        #expect(String(decoding: json, as: UTF8.self) == "[[1,255]]")
        #expect(try JSONDecoder().decode([Bytes].self, from: json) == [[1, 255]])
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let value: Value?
        let message: String
        let path: Value?
        var testDescription: String { "\(value ?? .null)" }
    }

    @Test(
        "a request of another type never reaches the handler; the caller is told where",
        arguments: [
            Row(value: ["path": 5], message: "path: expected String, found int", path: "path"),
            Row(value: nil, message: "found null", path: nil),
            Row(value: [:], message: "path: it is missing", path: "path"),
            Row(
                value: ["path": "", "options": [["follow": true], ["follow": "no"]]],
                message: "options[1].follow: expected Bool, found string", path: "options[1].follow"),
        ])
    func mismatch(_ row: Row) async throws {
        let (host, client) = try pair { router in
            router.map(TypedTests.stat) { _ in throw IPCError(message: "reached") }
        }
        defer { host.stop() }
        let error = try #require(client.sendSync("fs.stat", row.value).err)
        #expect(error.name == "TypeError")
        #expect(
            error.message.hasPrefix("the request of 'fs.stat': ") && error.message.hasSuffix(row.message), "\(error)")
        #expect(error.extra["path"] == row.path)
    }

    @Test("a result of another type is a TypeError, one over a limit an EncodingError; neither ends the link")
    func wrongResults() async throws {
        let (host, client) = try pair { router in
            router.map("fs.stat") { _ in Result(data: ["size": "large"]) }
            router.map(Route<Void, [Int]>("many")) { Array(repeating: 0, count: 1 << 20 + 1) }
        }
        defer { host.stop() }
        var error = await #expect(throws: IPCError.self) {
            try await client.call(TypedTests.stat, StatRequest(path: ""))
        }
        #expect(error?.name == "TypeError")
        #expect(error?.message == "the result of 'fs.stat': size: expected Int64, found string")
        error = await #expect(throws: IPCError.self) { try await client.call(Route<Void, [Int]>("many")) }
        #expect(error?.name == "EncodingError" && error?.extra["path"] == "[1048576]")
        error = await #expect(throws: IPCError.self) {
            try await client.call(Route<[Int], Void>("fs.stat"), Array(repeating: 0, count: 1 << 20 + 1))
        }
        #expect(
            error?.name == "EncodingError" && error?.message.hasPrefix("the request of 'fs.stat': [1048576]") == true)
        error = await #expect(throws: IPCError.self) { try await client.call(Route<Void, Void>("absent")) }
        #expect(error?.name == "NotFoundError")
        #expect(client.ending == nil)
    }

    struct Line: Codable, Sendable, Equatable {
        var number: Int
    }

    @Test("a stream has typed elements, and ends with the error of one that is not of the type")
    func streams() async throws {
        let lines = StreamRoute<Int, Line>("lines")
        let pages = StreamRoute<Void, WithBytes<Line>>("pages")
        let (host, client) = try pair { router in
            router.map(lines) { count, stream in
                for number in 1...count { try await stream.send(Line(number: number)) }
            }
            router.map(pages) { stream in try await stream.send(WithBytes(Line(number: 1), Bytes(utf8: "page"))) }
            router.map(
                "wrong",
                stream: { _, stream in
                    try await stream.send(event: "x", ["number": 1])
                    try await stream.send(event: "x", ["number": "two"])
                })
        }
        defer { host.stop() }
        var seen: [Int] = []
        for try await line in try client.stream(lines, 100) { seen.append(line.number) }
        #expect(seen == Array(1...100))
        for try await page in client.stream(pages) { #expect(page == WithBytes(Line(number: 1), Bytes(utf8: "page"))) }
        seen = []
        let error = await #expect(throws: IPCError.self) {
            for try await line in client.stream(StreamRoute<Void, Line>("wrong")) { seen.append(line.number) }
        }
        #expect(seen == [1])
        #expect(error?.message == "an element of 'wrong': number: expected Int, found string")
    }

    @Test("a result's data may be encoded and decoded with any type, on its own")
    func results() throws {
        let result = try Result(encoding: Stat(size: 5, digest: Data([1]), modified: nil))
        #expect(result.isOK)
        #expect(try result.decode(Stat.self).size == 5)
        #expect(result.data == ["size": 5, "digest": .bytes([1])])
        #expect(try Result(data: 5).decode(Int.self) == 5)
        #expect(try Result().decode(Int?.self) == nil)
        #expect(throws: IPCError.timeout("late")) { try Result(err: .timeout("late")).decode(Int.self) }
    }
}
