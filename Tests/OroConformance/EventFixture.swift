// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC

/// The commands of the host that events, late answers and the end of a host are tried on.
// Sendable: the state belongs to whoever has `lock`, which ThreadSanitizer can see, as it cannot a `Mutex`.
final class EventFixture: @unchecked Sendable {
    private let lock = NSLock()
    private var refused: String?
    private var cancelled: String?
    private var waits: [Reply] = []

    func install(on host: OroIPC.Host) {
        installEvents(on: host)
        installReplies(on: host.router)
        host.router.map("test.shutdown") { [weak host] message in
            let deadline = Duration.milliseconds(message.amount("ms"))
            let reason = message["reason"]?.string ?? ""
            if let host { Task { await host.shutdown(within: deadline, reason: reason) } }
            return Result()
        }
        host.router.map("test.disconnect") { message in
            message.client?.disconnect(message["reason"]?.string ?? "")
            return Result()
        }
    }

    private func installEvents(on host: OroIPC.Host) {
        /// `count` times `send`, with what a message says: numbers from `first`, `size` bytes.
        @Sendable func each(
            _ message: Message, _ send: (Value, Bytes?, Headers) throws -> Void
        ) throws -> Result {
            let (first, size) = (Int64(message.amount("first")), message.amount("size"))
            for number in first..<first + Int64(message.amount("count", otherwise: 1)) {
                let bytes = size == 0 ? nil : Bytes(pattern(size, seed: UInt64(number)))
                try send(["n": .int(number)], bytes, Headers([("x-n", "\(number)")]))
            }
            return Result()
        }
        host.router.map("event.emit") { message in
            let name = try message.string("name")
            return try each(message) { try message.client?.emit(name, $0, bytes: $1, headers: $2) }
        }
        host.router.map("event.push") { message in
            try each(message) { try message.client?.push($0, bytes: $1, headers: $2) }
        }
        host.router.map("event.toAll") { [weak host] message in
            let name = try message.string("name")
            return try each(message) { try host?.emit(name, $0, bytes: $1, headers: $2) }
        }
        // For whoever cannot say parameters: some events and pushes, small and large.
        host.router.map("event.burst") { [weak host] message in
            for number in 0..<20 {
                let bytes = Bytes(pattern(1 << (number % 16), seed: UInt64(number)))
                try message.client?.emit("burst", .int(Int64(number)), bytes: bytes)
                try message.client?.push(.int(Int64(number)), bytes: bytes)
            }
            try host?.emit("burst.all")
            return Result()
        }
        // Answers, and sends them afterwards, `gap` milliseconds apart.
        host.router.map("event.soon") { message in
            let name = try message.string("name")
            let gap = Int64(message.amount("gap", otherwise: 1))
            Task {
                for number in 0..<Int64(message.amount("count", otherwise: 1)) {
                    try await Task.sleep(for: .milliseconds(gap))
                    try message.client?.emit(name, ["n": .int(number)])
                }
            }
            return Result()
        }
    }

    private func installReplies(on router: Router) {
        router.map("reply.now", reply: { message, reply in try reply.send(message["tag"]) })
        router.map(
            "reply.later",
            reply: { message, reply in
                let size = message.amount("size")
                let bytes = size == 0 ? nil : Bytes(pattern(size, seed: 9))
                Task { try reply.send(message["tag"], bytes: bytes) }
            })
        router.map(
            "reply.twice",
            reply: { [self] _, reply in
                try reply.send("first")
                do throws(IPCError) {
                    try reply.send("second")
                } catch {
                    lock.withLock { refused = error.name }
                }
            })
        router.map("reply.refused") { [self] _ in Result(data: lock.withLock { refused.map { .string($0) } }) }
        router.map("reply.drop", reply: { _, _ in })
        router.map("reply.throw", reply: { _, _ in throw IPCError(message: "thrown") })
        router.map(
            "reply.never",
            reply: { [self] message, reply in
                lock.withLock { waits.append(reply) }
                reply.onCancel { [self] in
                    let all = lock.withLock { waits }
                    // Too late, as the handler is told.
                    for reply in all where reply.isCancelled {
                        do throws(IPCError) {
                            try reply.send(nil)
                        } catch {
                            lock.withLock { cancelled = error.name }
                        }
                    }
                    lock.withLock { waits.removeAll { $0.isCancelled } }
                }
            })
        router.map("reply.waits") { [self] _ in Result(data: .bool(lock.withLock { !waits.isEmpty })) }
        router.map("reply.cancelled") { [self] _ in
            Result(
                data: lock.withLock {
                    defer { cancelled = nil }
                    return cancelled.map { .string($0) }
                })
        }
    }
}
