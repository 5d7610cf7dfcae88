// SPDX-License-Identifier: Apache-2.0

import CBench
import CSupport
import OroIPC
import OroTool

/// Calls as programs make them: every byte that comes is read on both sides, and every answer is checked.
struct BenchCalls: Sendable {
    private let client: Client
    private let bytes = Bytes((0..<64).map { UInt8($0) })

    init(_ client: Client) { self.client = client }

    /// What a file is, by its path.
    struct Query: Codable, Sendable { var path: String }

    /// Five members.
    struct File: Codable, Sendable {
        var size: Int
        var mode: Int
        var owner: String
        var isFolder: Bool
        var modified: Double
    }

    private static let stat = Route<Query, File>("bench.stat.typed")

    /// The routes that these calls are for.
    static func map(_ router: Router) {
        router.map("bench.bytes") { message in
            guard let bytes = message.bytes, isRight(bytes) else { throw IPCError(.operation, "other bytes") }
            return OroIPC.Result(bytes: bytes)
        }
        router.map("bench.sum", sum)
        router.map("bench.sum.async", async: { message in try sum(message) })
        router.map("bench.stat") { message in
            guard try message.string("path") == path else { throw IPCError(.operation, "another path") }
            return OroIPC.Result(data: [
                "size": 4096, "mode": 0o644, "owner": "nobody", "isFolder": false, "modified": 1_700_000_000.5,
            ])
        }
        router.map(stat) { query in
            guard query.path == path else { throw IPCError(.operation, "another path") }
            return File(size: 4096, mode: 0o644, owner: "nobody", isFolder: false, modified: 1_700_000_000.5)
        }
    }

    private static let path = "/usr/share/doc/oro-ipc/README.md"

    private static func sum(_ message: Message) throws(IPCError) -> OroIPC.Result {
        guard let a = message["a"]?.int, let b = message["b"]?.int else {
            throw IPCError(.operation, "no two numbers")
        }
        return OroIPC.Result(data: .int(a + b))
    }

    /// Every byte is read.
    private static func isRight(_ bytes: Bytes) -> Bool {
        var sum = 0
        let span = bytes.span
        // Inside the span, and any bits are a number.
        for offset in 0..<span.byteCount { sum += Int(unsafe span.unsafeLoad(fromByteOffset: offset, as: UInt8.self)) }
        return sum == 64 * 63 / 2
    }

    /// Times of single calls, in ticks.
    func times(_ bench: BenchCase, _ ticks: inout [UInt64]) throws {
        var before = oro_ticks()
        for index in -10..<ticks.count {
            let isRight = try call(bench, index)
            let now = oro_ticks()
            guard isRight else { throw ToolError(.failed, "a wrong answer in \(bench.name)") }
            if index >= 0 { ticks[index] = now &- before }
            before = now
        }
    }

    @inline(__always)
    private func call(_ bench: BenchCase, _ index: Int) throws -> Bool {
        let number = Int64(index)
        switch bench {
        case .callBytes:
            guard let bytes = client.sendSync("bench.bytes", bytes: bytes).bytes else { return false }
            return BenchCalls.isRight(bytes)
        case .callParameters:
            return client.sendSync("bench.sum", ["a": .int(number), "b": 7]).data?.int == number + 7
        case .callTimeout:
            let options = CallOptions(timeout: .seconds(1))
            return client.sendSync("bench.sum", ["a": .int(number), "b": 7], options: options).data?.int == number + 7
        case .callHeaders:
            let options = CallOptions(headers: try Headers([("x-request", "abcdef")]))
            return client.sendSync("bench.sum", ["a": .int(number), "b": 7], options: options).data?.int == number + 7
        case .callAsyncHandler:
            return client.sendSync("bench.sum.async", ["a": .int(number), "b": 7]).data?.int == number + 7
        case .callTyped:
            let file = try client.callSync(BenchCalls.stat, Query(path: BenchCalls.path))
            return file.size == 4096 && file.mode == 0o644 && file.owner == "nobody" && !file.isFolder
                && file.modified == 1_700_000_000.5
        default:
            guard let data = client.sendSync("bench.stat", ["path": .string(BenchCalls.path)]).data else {
                return false
            }
            return data["size"]?.int == 4096 && data["mode"]?.int == 0o644 && data["owner"]?.string == "nobody"
                && data["isFolder"]?.bool == false && data["modified"]?.double == 1_700_000_000.5
        }
    }

    /// The same from a task, where a call suspends.
    func timesAwaited(_ count: Int) async throws -> [UInt64] {
        var ticks = [UInt64](repeating: 0, count: count)
        bench_pin_threads(bench_cpu(0))
        var before = oro_ticks()
        for index in -10..<count {
            let number = Int64(index)
            let result = await client.request("bench.sum", ["a": .int(number), "b": 7])
            let now = oro_ticks()
            guard result.data?.int == number + 7 else { throw ToolError(.failed, "a wrong answer in await-params") }
            if index >= 0 { ticks[index] = now &- before }
            before = now
        }
        return ticks
    }
}
