// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC
import Synchronization

/// The commands of the host that streams are tried on. Handlers with a `tag` tell by it what became of them.
// Sendable: `runs` belongs to whoever has `lock`, which ThreadSanitizer can see, as it cannot a `Mutex`.
final class StreamFixture: @unchecked Sendable {
    struct Run: Sendable {
        /// Chunks sent, or read of a body.
        var count: Int64 = 0
        var isOver = false
        /// Name of the error it ended with.
        var error: String?
    }

    private let lock = NSLock()
    private var runs: [String: Run] = [:]
    private let alive = Atomic<Int>(0)

    private func note(_ message: Message, _ change: (inout Run) -> Void) {
        guard let tag = message["tag"]?.string else { return }
        lock.withLock { change(&runs[tag, default: Run()]) }
    }

    /// Runs a handler and keeps what became of it.
    private func watched<R>(_ message: Message, _ body: () async throws -> R) async throws -> R {
        alive.add(1, ordering: .relaxed)
        defer { alive.subtract(1, ordering: .relaxed) }
        note(message) { _ in }
        do {
            let result = try await body()
            note(message) { $0.isOver = true }
            return result
        } catch {
            note(message) {
                $0.isOver = true
                $0.error = (error as? IPCError)?.name ?? "\(type(of: error))"
            }
            throw error
        }
    }

    func install(on router: Router) {
        router.map("stream.run") { [self] message in
            let run = lock.withLock { runs[message["tag"]?.string ?? ""] }
            guard let run else { return Result() }
            return Result(data: [
                "count": .int(run.count), "over": .bool(run.isOver), "error": run.error.map { .string($0) } ?? .null,
            ])
        }
        router.map("stream.alive") { [self] _ in Result(data: .int(Int64(alive.load(ordering: .relaxed)))) }
        // `count` chunks of `size` bytes, then an error if there is one to be thrown; without `count` they never end.
        router.map(
            "stream.count",
            stream: { [self] message, stream in
                try await watched(message) {
                    let size = message.amount("size")
                    for index in 0..<Int64(message.amount("count", most: .max, otherwise: .max)) {
                        let bytes = size == 0 ? nil : Bytes(pattern(size, seed: UInt64(index)))
                        try await stream.send(StreamChunk(value: .int(index), bytes: bytes))
                        note(message) { $0.count += 1 }
                    }
                    if let text = message["error"]?.string {
                        throw IPCError(name: "RangeError", message: text, code: "E_FAR", extra: ["path": "/x"])
                    }
                }
            })
        // The chunks it is told to send: the sizes of their bytes, with and without name and value.
        router.map(
            "stream.shapes",
            stream: { message, stream in
                for (index, size) in (message["sizes"]?.array ?? []).enumerated() {
                    let bytes = Bytes(pattern(Int(size.int ?? 0), seed: UInt64(index)))
                    try await stream.send(bytes)
                    try await stream.send(event: "named \(index)", message["value"], bytes: bytes)
                    try await stream.send(event: "", nil)
                    try await stream.send(StreamChunk(value: .null))
                }
            })
        // One chunk, then nothing for `ms`.
        router.map(
            "stream.pause",
            stream: { [self] message, stream in
                try await watched(message) {
                    if message["first"]?.bool == true { try await stream.send(event: "first") }
                    try await Task.sleep(for: .milliseconds(message.amount("ms")))
                    try await stream.send(event: "last")
                }
            })
        // What cannot be sent, and something that can.
        router.map(
            "stream.toolarge",
            stream: { _, stream in
                for chunk in [
                    StreamChunk(name: String(repeating: "n", count: 256)),
                    StreamChunk(value: .bytes([UInt8](repeating: 1, count: 65 << 20))),
                ] {
                    do throws(IPCError) {
                        try await stream.send(chunk)
                    } catch {
                        try await stream.send(event: error.name)
                    }
                }
            })
        router.map(
            "stream.echo",
            stream: { message, stream in
                guard let body = message.body else { throw Unexpected("no body", line: 0) }
                for try await chunk in body { try await stream.send(chunk) }
            })
        // Reads a body, or `take` chunks of it, and says what it saw.
        router.map(
            "body.read",
            async: { [self] message in
                try await watched(message) {
                    var count: Int64 = 0
                    var bytes: Int64 = 0
                    var inOrder = true
                    let most = message["take"]?.int ?? .max
                    guard let body = message.body else { return Result(data: "no body") }
                    if most > 0 {
                        for try await chunk in body {
                            let size = chunk.bytes?.count ?? -1
                            if !same(chunk.bytes, pattern(size, seed: UInt64(count))) { inOrder = false }
                            count += 1
                            bytes += Int64(size)
                            note(message) { $0.count = count }
                            if count == most { break }
                        }
                    }
                    if let pause = message["pause"]?.int { try await Task.sleep(for: .milliseconds(pause)) }
                    return Result(data: ["count": .int(count), "bytes": .int(bytes), "inOrder": .bool(inOrder)])
                }
            })
        // Reads until the body fails, and answers the error as data.
        router.map(
            "body.catch",
            async: { message in
                var count: Int64 = 0
                do {
                    for try await _ in message.body! { count += 1 }
                    return Result(data: "no error")
                } catch let error as IPCError {
                    return Result(data: [
                        "count": .int(count), "name": .string(error.name), "message": .string(error.message),
                    ])
                }
            })
        router.map("body.none") { message in Result(data: .bool(message.body == nil)) }
    }
}

/// A body that counts how far it was read.
public final class CountedBody: AsyncSequence, Sendable {
    public typealias Element = Bytes

    private let read = Atomic<Int>(0)
    private let over = Atomic<Bool>(false)
    private let count: Int
    private let size: @Sendable (Int) -> Int
    private let ending: Ending

    public enum Ending: Sendable { case end, failure(any Error), never }

    public init(_ count: Int, size: @escaping @Sendable (Int) -> Int = { _ in 10 }, ending: Ending = .end) {
        self.count = count
        self.size = size
        self.ending = ending
    }

    /// Elements read so far.
    public var isAt: Int { read.load(ordering: .relaxed) }

    /// Whoever read it reads it no more.
    var isOver: Bool { over.load(ordering: .acquiring) }

    public func makeAsyncIterator() -> Iterator { Iterator(body: self, reader: Reader(self)) }

    /// Goes with the iterator.
    final class Reader {
        private let body: CountedBody
        init(_ body: CountedBody) { self.body = body }
        deinit { body.over.store(true, ordering: .releasing) }
    }

    public struct Iterator: AsyncIteratorProtocol {
        let body: CountedBody
        let reader: Reader
        var index = 0

        public mutating func next() async throws -> Bytes? {
            if index == body.count {
                switch body.ending {
                case .end: return nil
                case .failure(let error): throw error
                case .never:
                    try await Task.sleep(for: .seconds(3600))
                }
            }
            defer { index += 1 }
            body.read.add(1, ordering: .relaxed)
            return Bytes(pattern(body.size(index), seed: UInt64(index)))
        }
    }
}
