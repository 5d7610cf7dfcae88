// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC

extension Behaviour {
    static let crowds: [Behaviour] = [
        Behaviour("eight threads on one client each get their own results") { subject in
            let client = try subject.client()
            try await onThreads(8) { thread in
                for index in 0..<300 {
                    let bytes = pattern(thread * 8 + index, seed: UInt64(thread * 1000 + index))
                    try expect(same(client.sendSync("echo", bytes: Bytes(bytes)).bytes, bytes), "\(thread) \(index)")
                }
            }
        },
        Behaviour("more threads than there are rings each get their own results") { subject in
            let client = try subject.client()
            try await onThreads(24) { thread in
                for index in 0..<60 {
                    let tag = Value.int(Int64(thread * 1000 + index))
                    try expectEqual(client.sendSync("echo", tag).data, tag)
                    try expectEqual(client.sendSync("echo.async", tag).data, tag)
                }
            }
        },
        Behaviour("threads that come and go leave their rings to others") { subject in
            let client = try subject.client()
            for round in 0..<6 {
                try await onThreads(6) { thread in
                    let tag = Value.int(Int64(round * 100 + thread))
                    for _ in 0..<10 { try expectEqual(client.sendSync("echo", tag).data, tag) }
                }
            }
        },
        Behaviour("a thousand tasks at once each get their own results") { subject in
            let client = try subject.client()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<1000 {
                    group.addTask {
                        let tag = Value.int(Int64(index))
                        let command = index % 3 == 0 ? "echo.async" : "echo"
                        try expectEqual((await client.request(command, tag)).data, tag)
                        let bytes = pattern(index % 200, seed: UInt64(index))
                        try expect(same((await client.write(command, nil, Bytes(bytes))).bytes, bytes))
                    }
                }
                try await group.waitForAll()
            }
        },
        Behaviour("threads and tasks mixed on one client each get their own results") { subject in
            let client = try subject.client()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<200 {
                    group.addTask {
                        for round in 0..<3 {
                            let tag = Value.int(Int64(index * 10 + round))
                            try expectEqual((await client.request("echo.async", tag)).data, tag)
                        }
                    }
                }
                for thread in 0..<6 {
                    group.addTask {
                        try await onThread {
                            for index in 0..<200 {
                                let tag = Value.int(Int64(100_000 + thread * 1000 + index))
                                try expectEqual(client.sendSync(index % 2 == 0 ? "echo" : "echo.async", tag).data, tag)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        },
        Behaviour("results come in the order the work is done, not in that of the requests") { subject in
            let client = try subject.client()
            async let slow = client.request("sleep", ["ms": 200, "tag": "slow"])
            try await until("it is in flight") { client.statistics.pending == 1 }
            try expectEqual(client.sendSync("ping").data, "pong")
            try expectEqual((await client.request("ping")).data, "pong")
            try expectEqual(client.statistics.pending, 1)
            try expectEqual((await slow).data, "slow")
        },
        Behaviour("every idle policy of the client works", clients: 3) { subject in
            for policy in IdlePolicy.allCases {
                var options = subject.options
                options.idle = policy
                let client = try subject.connect(options)
                for index in 0..<50 {
                    let tag = Value.int(Int64(index))
                    try expectEqual(client.sendSync("echo", tag).data, tag, policy.rawValue)
                    try expectEqual((await client.request("echo.async", tag)).data, tag, policy.rawValue)
                }
                try await onThread {
                    for _ in 0..<50 { try expectEqual(client.sendSync("ping").data, "pong", policy.rawValue) }
                }
                client.close()
            }
        },
        Behaviour("the smallest rings work", clients: 1) { subject in
            var options = subject.options
            options.link.ringBytes = 4096
            options.link.rings = 2
            let client = try subject.connect(options)
            try await onThreads(4) { thread in
                for size in [0, 1, 900, 975, 976, 1000, 4096, 100_000] {
                    let bytes = pattern(size, seed: UInt64(thread))
                    try expect(same(client.sendSync("echo", bytes: Bytes(bytes)).bytes, bytes), "\(size)")
                }
            }
        },
    ]

    static let endings: [Behaviour] = [
        Behaviour("closing the client gives NetworkError to everything pending") { subject in
            let client = try subject.client()
            let before = try counts(client)
            async let asked = client.request("sleep", ["ms": 60_000])
            async let blocked = onThread { client.sendSync("sleep", ["ms": 60_000]) }
            async let plain = onThread { client.sendSync("hold", ["ms": 0]) }
            _ = try await plain
            try await until("both are at work") { try counts(client).started == before.started + 2 }
            client.close()
            try expectEqual((await asked).err?.name, "NetworkError")
            try expectEqual((try await blocked).err?.name, "NetworkError")
            try expectEqual(client.sendSync("ping").err?.name, "NetworkError")
            try expectEqual((await client.request("ping")).err?.name, "NetworkError")
            try expectEqual(client.ending, .closed)
            do {
                try client.post("take")
                throw Unexpected("posted on a closed link")
            } catch is LinkError {}
            client.close()
        },
        Behaviour("stopping the host gives NetworkError to everything pending", endsHost: true) { subject in
            let client = try subject.clientOfOneLink()
            let before = try counts(client)
            async let asked = withThrowingTaskGroup(of: Result.self) { group in
                for _ in 0..<100 { group.addTask { await client.request("sleep", ["ms": 60_000]) } }
                var results: [Result] = []
                for try await result in group { results.append(result) }
                return results
            }
            async let blocked = onThread { client.sendSync("sleep", ["ms": 60_000]) }
            try await until("all are at work") { try counts(client).started == before.started + 101 }
            try expect(client.sendSync("test.stop").isOK || client.ending != nil)
            for result in try await asked { try expectEqual(result.err?.name, "NetworkError") }
            try expectEqual((try await blocked).err?.name, "NetworkError")
            try expectEqual(client.sendSync("ping").err?.name, "NetworkError")
            try expectEqual((await client.request("ping")).err?.name, "NetworkError")
            try expectEqual(client.ending, .peerGone)
        },
    ]
}
