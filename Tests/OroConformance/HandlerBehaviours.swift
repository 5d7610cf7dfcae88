// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC

/// Asynchronous handlers: on the host's thread and elsewhere, cancelled, with deadlines.
extension Behaviour {
    /// Both places where a handler may run.
    private static let places = ["", ".elsewhere"]

    private static func handlerCounts(_ client: Client) throws -> (waiting: Int64, cancelled: Int64) {
        guard let data = client.sendSync("handler.counts").data?.array, let waiting = data[0].int,
            let cancelled = data[1].int
        else { throw Unexpected("no counts", line: #line) }
        return (waiting, cancelled)
    }

    static let handlers: [Behaviour] = [
        Behaviour("a handler on the host's thread starts and goes on there") { subject in
            let client = try subject.client()
            let host = client.sendSync("thread").data
            for waits in [false, true] {
                for _ in 0..<20 {
                    let result = await client.request("handler.thread", ["waits": .bool(waits)])
                    try expectEqual(result.data, [host ?? .null, host ?? .null])
                }
            }
            let elsewhere = await client.request("handler.thread.elsewhere", ["waits": true])
            try expect(elsewhere.data?.array?.contains(host ?? .null) == false, "\(elsewhere)")
        },
        Behaviour("handlers that answer at once, wait first, or fail, answer each request with its own") { subject in
            let client = try subject.client()
            for place in places {
                for index in 0..<300 {
                    let bytes = Bytes(pattern(index, seed: UInt64(index)))
                    let echoed = client.sendSync("handler.echo" + place, .int(Int64(index)), bytes: bytes)
                    try expectEqual(echoed.data, .int(Int64(index)))
                    try expect(same(echoed.bytes, pattern(index, seed: UInt64(index))), "bytes of \(index)")
                }
                for waits in [false, true] {
                    let failed = await client.request("handler.fail" + place, ["waits": .bool(waits)])
                    try expectEqual(failed.err?.name, "RangeError")
                    try expectEqual(failed.err?.message, "as asked")
                }
            }
        },
        Behaviour("a handler that waits on the host's thread holds nobody up") { subject in
            let client = try subject.client()
            let before = try handlerCounts(client)
            let waiting = (0..<200).map { _ in Task { await client.request("handler.wait") } }
            try await until("all wait") { try handlerCounts(client).waiting == before.waiting + 200 }
            for _ in 0..<20 { try expectEqual((await client.request("ping")).data, "pong") }
            for index in 0..<20 {
                try expectEqual((await client.request("handler.echo", .int(Int64(index)))).data, .int(Int64(index)))
            }
            for task in waiting { task.cancel() }
            for task in waiting { try expectEqual((await task.value).err?.name, "AbortError") }
            try await until("all were told") { try handlerCounts(client).cancelled == before.cancelled + 200 }
        },
        Behaviour("cancelled, timed out and aborted requests cancel their handlers, and nobody else's") { subject in
            let client = try subject.client()
            for place in places {
                let before = try handlerCounts(client)
                let task = Task { await client.request("handler.wait" + place) }
                try await until("it waits") { try handlerCounts(client).waiting == before.waiting + 1 }
                task.cancel()
                try expectEqual((await task.value).err?.name, "AbortError")
                try await until("it was told") { try handlerCounts(client).cancelled == before.cancelled + 1 }
                let late = await client.request("handler.wait" + place, options: .init(timeout: .milliseconds(30)))
                try expectEqual(late.err?.name, "TimeoutError")
                let abort = AbortController()
                async let aborted = client.request("handler.wait" + place, options: .init(signal: abort.signal))
                try await until("it waits") { try handlerCounts(client).waiting == before.waiting + 3 }
                abort.abort("enough")
                try expectEqual((await aborted).err, .abort("enough"))
                try await until("all were told") { try handlerCounts(client).cancelled == before.cancelled + 3 }
                for _ in 0..<10 {
                    try expectEqual((await client.request("handler.isCancelled" + place)).data, false)
                }
            }
        },
        Behaviour("a request raced against a clock is cancelled when the clock wins") { subject in
            let client = try subject.client()
            let before = try handlerCounts(client)
            let winner = await withTaskGroup(of: String.self) { group in
                group.addTask { (await client.request("handler.wait")).err?.name ?? "none" }
                group.addTask {
                    try? await Task.sleep(for: .milliseconds(20))
                    return "clock"
                }
                let first = await group.next() ?? "nobody"
                group.cancelAll()
                let second = await group.next() ?? "nobody"
                return first + ", then " + second
            }
            try expectEqual(winner, "clock, then AbortError")
            try await until("it was told") { try handlerCounts(client).cancelled == before.cancelled + 1 }
        },
        Behaviour("a handler may have child tasks") { subject in
            let client = try subject.client()
            for place in places {
                for _ in 0..<20 {
                    try expectEqual((await client.request("handler.children" + place, ["count": 100])).data, 4951)
                }
            }
        },
        Behaviour("a handler sees how much time is left") { subject in
            let client = try subject.client()
            try expectEqual(client.sendSync("deadline").data ?? .null, .null)
            try expectEqual((await client.request("deadline")).data ?? .null, .null)
            let options = CallOptions(timeout: .seconds(20))
            for result in [
                client.sendSync("deadline", options: options), await client.request("deadline", options: options),
            ] {
                let left = result.data?.int ?? -1
                // The host's clock of the link starts when it has shaken hands, later than the client's.
                try expect(left > 0 && left <= 25_000, "\(left) ms are left")
            }
            for place in places {
                let none = await client.request("handler.deadline" + place)
                try expectEqual(none.data, [.null, .null, true])
                let some = await client.request("handler.deadline" + place, options: options)
                guard let times = some.data?.array, let before = times[0].int, let after = times[1].int else {
                    throw Unexpected("no times: \(some)", line: #line)
                }
                try expect(before <= 25_000 && after <= before && after > 0, "\(before), \(after)")
            }
        },
        Behaviour("posts reach handlers on the host's thread, and get no answer") { subject in
            let client = try subject.client()
            let before = try handlerCounts(client)
            for _ in 0..<100 { try client.post("handler.note") }
            try await until("all came") { try handlerCounts(client).waiting == before.waiting + 100 }
            try expectEqual(client.statistics.lateResults, 0)
        },
    ]
}
