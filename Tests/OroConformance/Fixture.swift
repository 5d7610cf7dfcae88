// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroIPC
import OroLink
import Synchronization

/// The commands of the host that the behaviours are tried on.
public final class Fixture: Sendable {
    private let started = Atomic<Int>(0)
    private let cancelled = Atomic<Int>(0)
    private let notes = Locked<[String: (next: Int64, inOrder: Bool)]>([:])
    private let received = Atomic<Int>(0)
    private let kept = Locked<[Bytes]>([])
    private let streams = StreamFixture()
    private let events = EventFixture()

    public init() {}

    public static func install(on host: OroIPC.Host) { Fixture().install(on: host) }

    public func install(on host: OroIPC.Host) {
        let router = host.router
        streams.install(on: router)
        HandlerFixture(router: router).install()
        events.install(on: host)
        Fixture.installPorts(on: host)
        router.map("echo") { message in Result(data: message.wholeValue, bytes: message.bytes) }
        router.map("echo.async", async: { message in Result(data: message.wholeValue, bytes: message.bytes) })
        router.map("seq") { message in Result(data: .string("\(message.seq ?? 0)")) }
        router.map("Name.Of.This") { message in Result(data: .string(message.name)) }
        router.map("fail") { message in
            throw IPCError(
                name: message["name"]?.string ?? "Error", message: message["message"]?.string ?? "",
                code: message["code"], extra: ["path": message["path"] ?? .null])
        }
        router.map("headers") { message in
            var result = Result(data: message["data"], bytes: message.bytes)
            result.headers = try Headers.from(message["headers"])
            result.source = message["source"]?.string
            if let error = message["fail"]?.string { result.err = IPCError(message: error) }
            return result
        }
        router.map("headers.back") { message in
            var result = Result(data: message.wholeValue, bytes: message.bytes)
            result.headers = message.headers
            return result
        }
        router.map("throw.other") { _ in throw Unexpected("other", line: 0) }
        router.map(
            "sleep",
            async: { [self] message in
                started.add(1, ordering: .relaxed)
                do {
                    try await Task.sleep(for: .milliseconds(message.amount("ms")))
                } catch {
                    cancelled.add(1, ordering: .relaxed)
                    throw error
                }
                return Result(data: message["tag"])
            })
        router.map("hold") { message in
            usleep(UInt32(message.amount("ms", most: 60_000)) * 1000)
            return Result(data: "held")
        }
        router.map("counts") { [self] _ in
            Result(data: [
                "started": .int(Int64(started.load(ordering: .relaxed))),
                "cancelled": .int(Int64(cancelled.load(ordering: .relaxed))),
                "received": .int(Int64(received.load(ordering: .relaxed))),
            ])
        }
        router.map("note") { [self] message in
            let who = message["who"]?.string ?? ""
            let number = message["n"]?.int ?? -1
            notes.withLock { notes in
                var entry = notes[who] ?? (0, true)
                if entry.next != number { entry.inOrder = false }
                entry.next = number + 1
                notes[who] = entry
            }
            return Result()
        }
        router.map("notes") { [self] message in
            let entry = notes.withLock { $0[message["who"]?.string ?? ""] ?? (0, true) }
            return Result(data: ["count": .int(entry.next), "inOrder": .bool(entry.inOrder)])
        }
        router.map("take") { [self] message in
            received.add(message.bytes?.count ?? 0, ordering: .relaxed)
            return Result()
        }
        router.map("make") { message in
            Result(bytes: Bytes(pattern(message.amount("count"), seed: UInt64(message.amount("seed", most: .max)))))
        }
        router.map("page.sum") { message in
            let bytes = message.bytes ?? []
            let sum = bytes.withUnsafeBytes { pageSum($0) }
            return Result(data: ["sum": .string("\(sum)"), "count": .int(Int64(bytes.count))])
        }
        router.map("make.value") { message in
            Result(data: .bytes([UInt8](repeating: 1, count: message.amount("count"))))
        }
        router.map("digest") { message in
            let bytes = message.bytes ?? []
            return Result(data: [
                "digest": .string("\(digest([UInt8](bytes)))"), "borrowed": .bool(bytes.isBorrowed),
                "immutable": .bool(bytes.isImmutable),
            ])
        }
        router.map(
            "make.loan",
            async: { message in
                let count = message.amount("count")
                var loan = try await message.loan(count)
                let bytes = pattern(count, seed: UInt64(message.amount("seed", most: .max)))
                loan.withUnsafeMutableBytes { $0.copyBytes(from: bytes) }
                return Result(bytes: loan.bytes())
            })
        router.map(
            "echo.loan",
            async: { message in
                let bytes = message.bytes ?? []
                var loan = try await message.loan(bytes.count)
                bytes.withUnsafeBytes { source in loan.withUnsafeMutableBytes { $0.copyMemory(from: source) } }
                return Result(data: message.wholeValue, bytes: loan.bytes())
            })
        router.map("keep") { [self] message in
            kept.withLock { $0.append(message.bytes ?? []) }
            return Result(data: .bool(message.bytes?.isBorrowed ?? false))
        }
        router.map("release") { [self] _ in
            let all = kept.withLock { kept in
                defer { kept = [] }
                return kept
            }
            return Result(data: .int(Int64(all.count)))
        }
        router.map("blocks") { [weak host] message in
            // A block is wanted, so what came back is looked at.
            _ = try message.loan(1)
            guard let statistics = host?.statistics else { return Result() }
            return Result(data: [
                "bytesOnLoan": .int(Int64(statistics.bytesOnLoan)), "loans": .int(Int64(statistics.loans)),
                "memory": .int(Int64(statistics.blockMemory)), "copied": .int(Int64(statistics.copiedBytes)),
            ])
        }
        router.map("test.map") { [unowned router] message in
            let reply = message["reply"] ?? .null
            router.map(message["name"]?.string ?? "") { _ in Result(data: reply) }
            return Result()
        }
        router.map("test.unmap") { [unowned router] message in
            router.unmap(message["name"]?.string ?? "")
            return Result()
        }
        router.map("test.stop") { [weak host] _ in
            if let host { Thread.detachNewThread { host.stop() } }
            return Result()
        }
        router.map("test.process") { [weak host] _ in
            guard let host else { return Result() }
            let statistics = host.statistics
            return Result(data: [
                "pid": .int(Int64(getpid())), "fds": .int(Int64(oro_count_fds(0))),
                "maps": .int(Int64(oro_count_maps(0))), "memfds": .int(Int64(oro_count_memfds(0))),
                "rss": .int(Int64(oro_rss_kb(0))),
                "links": .int(Int64(statistics.links)), "accepted": .int(Int64(statistics.accepted)),
                "refused": .int(Int64(statistics.refused)), "violations": .int(Int64(statistics.violations)),
                "requests": .int(Int64(statistics.requests)), "backend": .string(host.backend.rawValue),
            ])
        }
    }
}

extension Message {
    /// A number that a route is asked for, whatever the client says: a hostile one asks, too.
    func amount(_ key: String, most: Int = 128 << 20, otherwise: Int = 0) -> Int {
        guard let number = self[key]?.int else { return otherwise }
        return min(max(Int(clamping: number), 0), most)
    }
}
