// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC

extension Behaviour {
    static let payloads: [Behaviour] = [
        Behaviour("payloads of every size go both ways unchanged") { subject in
            let client = try subject.client()
            let ring = subject.options.link.ringBytes
            let sizes = [
                0, 1, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 79, 80, 81, 111, 112, 113, 4095, 4096, 4097,
                ring / 4 - 49,
                ring / 4 - 48, ring / 4 - 47, ring / 4 - 33, ring / 4 - 32, ring / 4 - 1, ring / 4, ring / 4 + 1,
                ring / 2, ring,
                ring + 1, 1 << 20,
            ]
            for (index, size) in sizes.enumerated() {
                let bytes = pattern(size, seed: UInt64(index))
                try expect(same(client.sendSync("echo", bytes: Bytes(bytes)).bytes, bytes), "sync \(size)")
                try expect(same((await client.write("echo", nil, Bytes(bytes))).bytes, bytes), "async \(size)")
                try expect(
                    same(client.sendSync("echo", .int(Int64(index)), bytes: Bytes(bytes)).bytes, bytes),
                    "with value \(size)")
                let made = client.sendSync("make", ["count": .int(Int64(size)), "seed": .int(Int64(index))])
                try expect(same(made.bytes, bytes), "made \(size)")
            }
            try await onThread {
                for (index, size) in sizes.enumerated() {
                    let bytes = pattern(size, seed: UInt64(index))
                    try expect(same(client.sendSync("echo", bytes: Bytes(bytes)).bytes, bytes), "thread \(size)")
                    try expect(same(client.sendSync("echo", bytes: Bytes(bytes)).bytes, bytes), "thread again \(size)")
                }
            }
        },
        Behaviour("64 MiB go both ways unchanged") { subject in
            let client = try subject.client()
            let bytes = pattern(64 << 20, seed: 64)
            let payload = Bytes(bytes)
            try expect(same(client.sendSync("echo", bytes: payload).bytes, bytes), "sync")
            try expect(same((await client.write("echo.async", nil, payload)).bytes, bytes), "async")
        },
        Behaviour("a message over the limit is a RangeError, and the link lives on", clients: 2) { subject in
            let client = try subject.client()
            let value = Value.bytes([UInt8](repeating: 1, count: (64 << 20) + (64 << 10)))
            for result in [client.sendSync("echo", value), await client.send("echo", value)] {
                try expectEqual(result.err?.name, "RangeError")
            }
            var options = subject.options
            options.link.loanBytes = 1 << 20
            let small = try subject.client(options)
            let bytes = Bytes([UInt8](repeating: 1, count: (64 << 20) + (64 << 10)))
            for result in [small.sendSync("take", bytes: bytes), await small.write("take", nil, bytes)] {
                try expectEqual(result.err?.name, "RangeError")
            }
            do {
                _ = try await small.loan((1 << 20) + 1)
                throw Unexpected("a block longer than all blocks may be")
            } catch LinkError.tooLarge(let bytes, let limit, _) {
                try expectEqual(bytes, (1 << 20) + 1)
                try expectEqual(limit, 1 << 20)
            }
            let made = client.sendSync("make.value", ["count": .int((64 << 20) + (64 << 10))])
            try expectEqual(made.err?.name, "RangeError")
            try expectEqual(small.sendSync("ping").data, "pong")
            try expectEqual(client.sendSync("ping").data, "pong")
        },
        Behaviour("posts that flood the host while it echoes to others do not lock up") { subject in
            let client = try subject.client()
            let bytes = pattern(60 << 10, seed: 3)
            async let flood: Void = onThread {
                for _ in 0..<300 { try client.post("take", bytes: Bytes(bytes)) }
            }
            async let flood2: Void = onThread {
                for _ in 0..<300 { try client.post("take", bytes: Bytes(bytes)) }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<8 {
                    group.addTask {
                        for _ in 0..<20 {
                            let result =
                                task < 4
                                ? await client.write("echo", nil, Bytes(bytes))
                                : try await onThread { client.sendSync("echo", bytes: Bytes(bytes)) }
                            try expect(
                                same(result.bytes, bytes),
                                "\(difference(result.bytes, bytes)) \(result.err.debugDescription)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await flood
            try await flood2
            try expectEqual(client.sendSync("ping").data, "pong")
        },
        Behaviour("a ring that fills up while nothing is read empties again, whatever stood in it") { subject in
            let client = try subject.client()
            // One level of filling each: the request behind it fits, does not fit, or its abort does not.
            for fill in stride(from: 496, through: 516, by: 2) {
                try await onThread {
                    try client.post("hold", ["ms": 40])
                    for _ in 0..<fill { try client.post("take", bytes: [1]) }
                    let result = client.sendSync("echo", 1, options: CallOptions(timeout: .milliseconds(10)))
                    try expect(result.err?.name == "TimeoutError" || result.data == 1, "\(fill): \(result)")
                    try expectEqual(client.sendSync("echo", 2).data, 2, "\(fill)")
                    try expectEqual(client.sendSync("ping").data, "pong", "\(fill)")
                }
            }
        },
        Behaviour("posts of one thread, and of one task, arrive in order") { subject in
            let client = try subject.client()
            // The host may have heard this behaviour's notes before.
            let run = UInt64.random(in: 0 ... .max)
            let thread: @Sendable () throws -> Void = {
                for n in 0..<3000 {
                    let bytes = n % 10 == 0 ? Bytes(pattern(20_000, seed: 1)) : nil
                    try client.post("note", ["who": "thread \(run)", "n": .int(Int64(n))], bytes: bytes)
                }
            }
            async let first: Void = onThread(thread)
            for n in 0..<3000 {
                let bytes = n % 10 == 0 ? Bytes(pattern(20_000, seed: 1)) : nil
                try client.post("note", ["who": "task \(run)", "n": .int(Int64(n))], bytes: bytes)
                if n % 100 == 0 { await Task.yield() }
            }
            try await first
            for who in ["thread \(run)", "task \(run)"] {
                try await until("all of \(who)'s have come") {
                    client.sendSync("notes", ["who": .string(who)]).data?["count"] == 3000
                }
                try expectEqual(client.sendSync("notes", ["who": .string(who)]).data?["inOrder"], true, who)
            }
        },
    ]
}
