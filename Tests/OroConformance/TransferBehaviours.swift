// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC
import OroLink

extension Fixture {
    /// Routes that take ports with requests, and answer with some.
    static func installTransfers(on router: Router) {
        let kept = Locked<[IPCMessagePort]>([])
        // Takes a port, and speaks first.
        router.map("ports.join") { message in
            guard let port = message.ports.first else { throw IPCError(message: "no port") }
            try port.postMessage("welcome")
            port.onmessage = { event in try? port.postMessage(["heard": event.data]) }
            return Result(data: .int(Int64(message.ports.count)))
        }
        // Gives back what came, in reverse, from a task.
        router.map(
            "ports.reverse",
            async: { message in
                try Result(answering: message, data: message["tag"], ports: message.ports.reversed())
            })
        // A new channel, to which something was posted before.
        router.map("ports.make") { message in
            let channel = IPCMessageChannel()
            channel.port1.onmessage = { event in try? channel.port1.postMessage(event.data) }
            for number in 0..<10 { try channel.port1.postMessage(.int(Int64(number))) }
            return try Result(answering: message, data: "made", ports: [channel.port2])
        }
        // The same, answered later from elsewhere.
        router.map(
            "ports.later",
            reply: { message, reply in
                Task {
                    let channel = IPCMessageChannel()
                    channel.port1.onmessage = { event in try? channel.port1.postMessage(event.data) }
                    try reply.send(try Result(answering: message, data: "later", ports: [channel.port2]))
                }
            })
        // Takes the ports, and never answers.
        router.map(
            "ports.hold",
            async: { message in
                let ports = message.ports
                try await Task.sleep(for: .seconds(600))
                kept.withLock { $0 += ports }
                return Result()
            })
        router.map("ports.ignore") { _ in Result() }
        // Says that ports come with the result, and sends none.
        router.map("ports.promise") { message in
            var result = Result(data: "promised")
            result.headers = message.headers
            return result
        }
    }
}

// Ports that go along with requests and results.
extension Behaviour {
    static let transfers: [Behaviour] = [
        Behaviour("a port goes along with a request, behind what was posted to it before") { subject in
            let client = try subject.client()
            let channel = IPCMessageChannel()
            for number in 0..<100 { try channel.port1.postMessage(.int(Int64(number))) }
            let result = await client.request("ports.join", ["room": "7"], transfer: [channel.port2])
            try expectEqual(result.data, 1, "\(result)")
            try expect(channel.port2.closed, "given away")
            var events = channel.port1.messages.makeAsyncIterator()
            try expectEqual(await events.next()?.data.string, "welcome")
            for number in 0..<100 { try expectEqual(await events.next()?.data["heard"]?.int, Int64(number)) }
            try channel.port1.postMessage("more")
            try expectEqual(await events.next()?.data["heard"]?.string, "more")
        },
        Behaviour("a result has ports, with what was posted to them before") { subject in
            let client = try subject.client()
            for command in ["ports.make", "ports.later", "ports.make"] {
                let result = await client.request(command, transfer: [])
                try expect(result.isOK, "\(command): \(String(describing: result.err))")
                guard let port = result.ports.first else { throw Unexpected("\(command): no port") }
                if command == "ports.make" { try expectEqual(try await port.numbers(10), Array(0..<10)) }
                try port.postMessage("echo")
                try expectEqual(await port.next()?.data.string, "echo")
            }
        },
        Behaviour("ports go to a handler and come back, in the order it gives them") { subject in
            let client = try subject.client()
            let channels = (0..<5).map { _ in IPCMessageChannel() }
            let result = await client.request("ports.reverse", ["tag": 9], transfer: channels.map(\.port2))
            try expectEqual(result.data, 9, "\(String(describing: result.err))")
            try expectEqual(result.ports.count, 5)
            for (channel, port) in zip(channels, result.ports.reversed()) {
                try channel.port1.postMessage("hello")
                try expectEqual(await port.next()?.data.string, "hello")
            }
        },
        Behaviour("many calls with ports at once each get their own") { subject in
            let client = try subject.client()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        let channel = IPCMessageChannel()
                        let result = await client.request(
                            "ports.reverse", ["tag": .int(Int64(number))], transfer: [channel.port2])
                        try expectEqual(result.data, .int(Int64(number)))
                        try channel.port1.postMessage(.int(Int64(number)))
                        try expectEqual(await result.ports.first?.next()?.data.int, Int64(number))
                    }
                }
                try await group.waitForAll()
            }
        },
        Behaviour("a port in a request that nobody takes is closed, and its other end told") { subject in
            let client = try subject.client()
            for command in ["ports.ignore", "ports.none"] {
                let channel = IPCMessageChannel()
                let result = await client.request(command, transfer: [channel.port2])
                try expectEqual(result.isOK, command == "ports.ignore")
                try expect(await channel.port1.next() == nil, command)
            }
            // Timed out, and aborted.
            let late = IPCMessageChannel()
            let timeout = await client.request(
                "ports.hold", transfer: [late.port2], options: CallOptions(timeout: .milliseconds(20)))
            try expectEqual(timeout.err?.name, "TimeoutError")
            try expect(await late.port1.next() == nil)
            let cancelled = IPCMessageChannel()
            let task = Task { await client.request("ports.hold", transfer: [cancelled.port2]) }
            try await until("the request is on its way") { cancelled.port2.closed }
            task.cancel()
            try expectEqual(await task.value.err?.name, "AbortError")
            try expect(await cancelled.port1.next() == nil)
        },
        Behaviour("a result whose ports do not come is waited for no longer than its call") { subject in
            let client = try subject.client()
            let timeout = await client.request(
                "ports.promise", transfer: [], options: CallOptions(timeout: .milliseconds(20)))
            try expectEqual(timeout.err?.name, "TimeoutError")
            let abort = AbortController()
            let aborted = Task {
                await client.request("ports.promise", transfer: [], options: .init(signal: abort.signal))
            }
            try expectEqual(client.sendSync("ping").isOK, true)
            abort.abort("enough")
            try expectEqual(await aborted.value.err?.name, "AbortError")
            let cancelled = Task { await client.request("ports.promise", transfer: []) }
            cancelled.cancel()
            try expectEqual(await cancelled.value.err?.name, "AbortError")
        },
        Behaviour("a thread sends ports with a request, and gets those of the result") { subject in
            let client = try subject.client()
            let channels = (0..<5).map { _ in IPCMessageChannel() }
            for channel in channels { try channel.port1.postMessage("before") }
            let result = try await onThread {
                client.sendSync("ports.reverse", ["tag": 9], transfer: channels.map(\.port2))
            }
            try expectEqual(result.data, 9, "\(String(describing: result.err))")
            try expectEqual(result.ports.count, 5)
            for (channel, port) in zip(channels, result.ports.reversed()) {
                try expectEqual(await port.next()?.data.string, "before")
                try port.postMessage("after")
                try expectEqual(await channel.port1.next()?.data.string, "after")
            }
            let late = try await onThread {
                client.sendSync("ports.promise", transfer: [], options: CallOptions(timeout: .milliseconds(20)))
            }
            try expectEqual(late.err?.name, "TimeoutError")
        },
        Behaviour("a port in a request is closed when its client ends", clients: 2) { subject in
            let (client, other) = (try subject.client(), try subject.client())
            let name = "end of a request \(UInt64.random(in: 0 ... .max))"
            let (mine, theirs) = (try client.meet(name), try other.meet(name))
            try await PortPair(one: mine, other: theirs).greet()
            let task = Task { await client.request("ports.hold", transfer: [mine]) }
            try await until("the request is on its way") { mine.closed }
            client.close()
            try expect(await task.value.err != nil)
            // Closed when the handler, which hears of it, has let it go.
            try expect(await theirs.next() == nil)
        },
        Behaviour("a handler is told when its caller takes no ports, and then gives none away") { subject in
            let client = try subject.client()
            let result = await client.request("ports.make")
            try expectEqual(result.err?.name, "NotSupportedError")
        },
        Behaviour("a port that cannot be given away keeps a request from being sent") { subject in
            let client = try subject.client()
            let (channel, closed) = (IPCMessageChannel(), IPCMessageChannel())
            closed.port1.close()
            let before = await client.request("counts").data
            for list in [[closed.port1], [channel.port1, channel.port1]] {
                let result = await client.request("ports.ignore", transfer: list)
                try expectEqual(result.err?.name, "DataCloneError")
            }
            try expectEqual(await client.request("a b", transfer: [channel.port1]).err?.name, "TypeError")
            try expect(!channel.port1.closed, "still here")
            try expectEqual(await client.request("counts").data, before)
        },
    ]
}
