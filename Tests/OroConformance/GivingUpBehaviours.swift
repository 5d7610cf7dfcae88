// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC

extension Behaviour {
    static let givingUp: [Behaviour] = [
        Behaviour("a deadline that passes gives TimeoutError; the handler is cancelled") { subject in
            let client = try subject.client()
            // A busy machine may give up before a handler has begun: then more time is given.
            for ms in [40, 400, 4000] {
                let before = try counts(client)
                let options = CallOptions(timeout: .milliseconds(ms))
                let sync = try await onThread { client.sendSync("sleep", ["ms": 60_000], options: options) }
                try expectEqual(sync.err?.name, "TimeoutError")
                try expectEqual(sync.err?.code, "TIMEOUT_ERR")
                try expectEqual(sync.err?.message, "ipc.sendSync timed out: 'sleep' gave no answer within \(ms) ms")
                let asked = await client.request("sleep", ["ms": 60_000], options: options)
                try expectEqual(asked.err?.name, "TimeoutError")
                try expectEqual(asked.err?.message, "ipc.request timed out: 'sleep' gave no answer within \(ms) ms")
                try expectEqual(asked.source, "sleep")
                try await until("all handlers that began saw their cancellation") {
                    let now = try counts(client)
                    return now.cancelled - before.cancelled == now.started - before.started
                }
                if try counts(client).started == before.started + 2 { return }
            }
            throw Unexpected("no handler began in 4 s")
        },
        Behaviour("an abort never comes before its request, whichever thread it is from") { subject in
            let client = try subject.client()
            let before = try counts(client)
            for _ in 0..<10 {
                let controller = AbortController()
                let asked = try await onThread {
                    // This thread has a ring of its own, and the host reads nothing for a while.
                    try expectEqual(client.sendSync("ping").data, "pong")
                    try client.post("hold", ["ms": 30])
                    let task = Task {
                        await client.request("sleep", ["ms": 60_000], options: CallOptions(signal: controller.signal))
                    }
                    while client.statistics.pending == 0 { sched_yield() }
                    controller.abort()
                    return task
                }
                try expectEqual(await asked.value.err?.name, "AbortError")
            }
            try await until("all handlers saw their cancellation") {
                try counts(client).cancelled == before.cancelled + 10
            }
        },
        Behaviour("a deadline that does not pass changes nothing") { subject in
            let client = try subject.client()
            for _ in 0..<20 {
                try expectEqual(client.sendSync("ping", options: .deadline).data, "pong")
                try expectEqual((await client.request("ping", options: .deadline)).data, "pong")
            }
        },
        Behaviour("a late reply is counted and dropped, and not taken for another's") { subject in
            let client = try subject.client()
            /// A busy machine may give up before the handler has begun: then nothing is late, and more time is given.
            func isLate(_ call: (Int64, CallOptions) async throws -> Result) async throws {
                let late = client.statistics.lateResults
                for ms in [240, 960, 3840] as [Int64] {
                    // The handler does not see its cancellation: it answers too late.
                    let result = try await call(ms, CallOptions(timeout: .milliseconds(ms / 8)))
                    try expectEqual(result.err?.name, "TimeoutError")
                    try expectEqual((await client.request("echo", 1)).data, 1)
                    try expectEqual(client.sendSync("echo", 2).data, 2)
                    if client.statistics.lateResults == late + 1 { return }
                    try expectEqual(client.statistics.lateResults, late)
                }
                throw Unexpected("no late result was counted")
            }
            try await isLate { ms, options in await client.request("hold", ["ms": .int(ms)], options: options) }
            try await isLate { ms, options in
                try await onThread { client.sendSync("hold", ["ms": .int(ms)], options: options) }
            }
        },
        Behaviour("a signal aborts before, while pending, and not after") { subject in
            let client = try subject.client()
            let early = AbortController()
            early.abort("too early")
            for result in [
                client.sendSync("ping", options: CallOptions(signal: early.signal)),
                await client.request("ping", options: CallOptions(signal: early.signal)),
            ] {
                try expectEqual(result.err, .abort("too early"))
            }
            let before = try counts(client)
            let meanwhile = AbortController()
            async let asked = client.request("sleep", ["ms": 60_000], options: CallOptions(signal: meanwhile.signal))
            async let blocked = onThread {
                client.sendSync("sleep", ["ms": 60_000], options: CallOptions(signal: meanwhile.signal))
            }
            try await until("both are at work") { try counts(client).started == before.started + 2 }
            meanwhile.abort("enough")
            try expectEqual((await asked).err, .abort("enough"))
            try expectEqual((try await blocked).err, .abort("enough"))
            try await until("both handlers saw it") { try counts(client).cancelled == before.cancelled + 2 }
            let after = AbortController()
            let done = await client.request("ping", options: CallOptions(signal: after.signal))
            after.abort()
            try expectEqual(done.data, "pong")
            try expectEqual(client.sendSync("ping").data, "pong")
        },
        Behaviour("cancelling the task aborts its request and the handler") { subject in
            let client = try subject.client()
            let before = try counts(client)
            let task = Task { await client.request("sleep", ["ms": 60_000]) }
            try await until("it is at work") { try counts(client).started == before.started + 1 }
            task.cancel()
            try expectEqual((await task.value).err?.name, "AbortError")
            try await until("the handler saw it") { try counts(client).cancelled == before.cancelled + 1 }
            let never = Task {
                while !Task.isCancelled { await Task.yield() }
                return await client.request("ping")
            }
            never.cancel()
            try expectEqual((await never.value).err?.name, "AbortError")
        },
        Behaviour("a thousand requests are cancelled at once, and the client goes on") { subject in
            let client = try subject.client()
            let tasks = (0..<1000).map { _ in Task { await client.request("sleep", ["ms": 60_000]) } }
            for task in tasks { task.cancel() }
            for task in tasks { try expectEqual((await task.value).err?.name, "AbortError") }
            try expectEqual((await client.request("ping")).data, "pong")
            try await until("nothing is left") { client.statistics.pending == 0 }
        },
    ]

    static func counts(_ client: Client) throws -> (started: Int64, cancelled: Int64) {
        let data = client.sendSync("counts").data
        guard let started = data?["started"]?.int, let cancelled = data?["cancelled"]?.int else {
            throw Unexpected("no counts")
        }
        return (started, cancelled)
    }
}
