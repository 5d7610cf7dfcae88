// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroIPC
import OroLink

/// Makes the host send `count` events named `name`, numbered from `first`, each with `size` bytes.
private func ask(_ client: Client, _ route: String = "event.emit", _ parameters: Value) throws {
    let result = client.sendSync(route, parameters)
    try expect(result.isOK, "\(route): \(result)")
}

/// What a listener has heard, in its order.
private final class Heard: Sendable {
    private let events = Locked<[Event]>([])
    func add(_ event: Event) { events.withLock { $0.append(event) } }
    var all: [Event] { events.withLock { $0 } }
    var numbers: [Int64] { all.map { $0["n"]?.int ?? -1 } }
}

extension Behaviour {
    static let events: [Behaviour] = [
        Behaviour("a client that only listens hears events while no request is pending") { subject in
            let client = try subject.client()
            let heard = Heard()
            client.events.listen("tick") { heard.add($0) }
            try ask(client, "event.soon", ["name": "tick", "count": 5, "gap": 20])
            try await until("all are heard") { heard.all.count == 5 }
            try expectEqual(heard.numbers, [0, 1, 2, 3, 4])
            try expectEqual(client.statistics.pending, 0)
        },
        Behaviour("events keep their order, and come before the result of the handler that sent them") { subject in
            let client = try subject.client()
            let stream = client.events.stream("n", buffer: 20_000)
            try await onThread {
                for index in 0..<20 {
                    try ask(client, "event.emit", ["name": "n", "count": 500, "first": .int(Int64(index * 500))])
                }
            }
            var next: Int64 = 0
            for await event in stream {
                try expectEqual(event["n"], .int(next))
                next += 1
                if next == 10_000 { break }
            }
            try expectEqual(stream.dropped, 0)
        },
        Behaviour("an event brings its value, bytes and headers, small and large") { subject in
            let client = try subject.client()
            for size in [0, 1, 100, 8192, 8193, 100_000, 3_000_000] {
                for route in ["event.emit", "event.toAll", "event.push"] {
                    let name = route == "event.push" ? "data" : "e"
                    let stream = client.events.stream(name)
                    try ask(client, route, ["name": "e", "count": 1, "first": 7, "size": .int(Int64(size))])
                    var events = stream.makeAsyncIterator()
                    guard let event = await events.next() else { throw Unexpected("no event") }
                    try expectEqual(event.name, name)
                    try expectEqual(event.detail, ["n": 7])
                    try expect(
                        same(event.bytes, pattern(size, seed: 7)),
                        "\(route) \(difference(event.bytes, pattern(size, seed: 7)))")
                    try expectEqual(event.headers["X-N"], "7")
                }
            }
        },
        Behaviour("an event for all reaches each client once, in one order", clients: 3) { subject in
            let clients = try (0..<3).map { _ in try subject.client() }
            let streams = clients.map { $0.events.stream("all") }
            try await onThreads(3) { index in
                for round in 0..<20 {
                    try ask(
                        clients[index], "event.toAll",
                        ["name": "all", "count": 5, "first": .int(Int64(index * 1000 + round * 5)), "size": 10])
                }
            }
            var orders: [[Int64]] = []
            for stream in streams {
                var numbers: [Int64] = []
                for await event in stream {
                    numbers.append(event["n"]?.int ?? -1)
                    if numbers.count == 300 { break }
                }
                orders.append(numbers)
            }
            try expectEqual(Set(orders[0]).count, 300)
            try expectEqual(orders[1], orders[0])
            try expectEqual(orders[2], orders[0])
        },
        Behaviour("an event for one client reaches no other", clients: 2) { subject in
            let (one, other) = (try subject.client(), try subject.client())
            let (heard, overheard) = (Heard(), Heard())
            one.events.listen("*") { heard.add($0) }
            other.events.listen("*") { overheard.add($0) }
            try ask(one, "event.emit", ["name": "mine", "count": 3])
            try ask(other, "event.emit", ["name": "yours", "count": 1])
            try await until("both have heard") { heard.all.count == 3 && overheard.all.count == 1 }
            try expectEqual(overheard.all.map(\.name), ["yours"])
        },
        Behaviour("events for whom nobody listens keep nobody from work", clients: 2) { subject in
            let (deaf, client) = (try subject.client(), try subject.client())
            try ask(client, "event.toAll", ["name": "noise", "count": 5000, "size": 500])
            try await onThread {
                for index in Int64(0)..<50 { try expectEqual(deaf.sendSync("echo", .int(index)).data, .int(index)) }
            }
            try deaf.post("note", ["who": "deaf", "n": 0])
            try await until("the post is read") {
                client.sendSync("notes", ["who": "deaf"]).data?["count"] == 1
            }
        },
        Behaviour("a flood of events comes whole to who listens, and holds up nobody else", clients: 2) { subject in
            let (listener, client) = (try subject.client(), try subject.client())
            let stream = listener.events.stream("flood", buffer: 2000)
            try expect(listener.sendSync("ping").isOK)
            try ask(client, "event.toAll", ["name": "flood", "count": 2000, "size": 2000])
            for index in Int64(0)..<20 { try expectEqual(client.sendSync("echo", .int(index)).data, .int(index)) }
            try expectEqual(listener.sendSync("ping").data, "pong")
            var next: Int64 = 0
            for await event in stream {
                try expectEqual(event["n"], .int(next))
                try expect(same(event.bytes, pattern(2000, seed: UInt64(next))))
                next += 1
                if next == 2000 { break }
            }
        },
        Behaviour("whoever listens once hears one event, and whoever stops hears none") { subject in
            let client = try subject.client()
            let (once, always, stopped) = (Heard(), Heard(), Heard())
            client.events.listen("e", once: true) { once.add($0) }
            client.events.listen("e") { always.add($0) }
            let token = client.events.listen("e") { stopped.add($0) }
            try expect(client.events.unlisten(token))
            try expect(!client.events.unlisten(token))
            try ask(client, "event.emit", ["name": "e", "count": 4])
            try await until("all are heard") { always.all.count == 4 }
            try expectEqual(once.numbers, [0])
            try expectEqual(stopped.numbers, [])
        },
        Behaviour("a listener may call its client") { subject in
            let client = try subject.client()
            let heard = Heard()
            client.events.listen("e") { event in
                if client.sendSync("echo", event.detail).data == event.detail { heard.add(event) }
            }
            try ask(client, "event.emit", ["name": "e", "count": 50])
            try await until("all are heard") { heard.all.count == 50 }
            try expectEqual(heard.numbers, Array(0..<50))
        },
        Behaviour("events and results do not stand in each other's way", clients: 1) { subject in
            let client = try subject.client()
            let heard = Heard()
            client.events.listen("e") { heard.add($0) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for thread in 0..<3 {
                    group.addTask {
                        try await onThread {
                            for index in 0..<100 {
                                try ask(client, "event.emit", ["name": "e", "count": 3])
                                let tag = Value.int(Int64(thread * 1000 + index))
                                try expectEqual(client.sendSync("echo.async", tag).data, tag)
                            }
                        }
                    }
                }
                for task in 0..<10 {
                    group.addTask {
                        for index in 0..<20 {
                            let tag = Value.int(Int64(task * 1000 + index))
                            try expectEqual((await client.request("echo", tag)).data, tag)
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await until("all are heard") { heard.all.count == 900 }
        },
        Behaviour("a stream of events ends with its link, behind those that had come") { subject in
            let client = try subject.client()
            let stream = client.events.stream("e")
            try ask(client, "event.emit", ["name": "e", "count": 3])
            client.close()
            var numbers: [Int64] = []
            for await event in stream { numbers.append(event["n"]?.int ?? -1) }
            try expectEqual(numbers, [0, 1, 2])
        },
    ]

    static let replies: [Behaviour] = [
        Behaviour("a handler may answer later, from anywhere") { subject in
            let client = try subject.client()
            try expectEqual((await client.request("reply.now", ["tag": 1])).data, 1)
            try expectEqual((await client.request("reply.later", ["tag": 2])).data, 2)
            try expectEqual(client.sendSync("reply.later", ["tag": 3]).data, 3)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<200 {
                    group.addTask {
                        let tag = Value.int(Int64(index))
                        try expectEqual((await client.request("reply.later", ["tag": tag])).data, tag)
                    }
                }
                try await group.waitForAll()
            }
            let bytes = pattern(200_000, seed: 9)
            let result = await client.request("reply.later", ["tag": 4, "size": 200_000])
            try expect(same(result.bytes, bytes), difference(result.bytes, bytes))
        },
        Behaviour("a second answer is told so, and not sent") { subject in
            let client = try subject.client()
            try expectEqual((await client.request("reply.twice")).data, "first")
            try await until("the second was refused") {
                client.sendSync("reply.refused").data == "InvalidStateError"
            }
        },
        Behaviour("a reply that is dropped is an InternalError, and one that throws is its error") { subject in
            let client = try subject.client()
            try expectEqual((await client.request("reply.drop")).err?.name, "InternalError")
            try expectEqual((await client.request("reply.throw")).err?.message, "thrown")
        },
        Behaviour("whoever is to answer later hears that nobody waits any more") { subject in
            let client = try subject.client()
            let options = CallOptions(timeout: .milliseconds(30))
            let result = await client.request("reply.never", ["tag": "t"], options: options)
            try expectEqual(result.err?.name, "TimeoutError")
            try await until("the handler has heard") { client.sendSync("reply.cancelled").data == "AbortError" }
            try expect(client.sendSync("ping").isOK)
        },
        Behaviour("a client that goes is heard of by whoever is to answer it", clients: 2) { subject in
            let (gone, client) = (try subject.client(), try subject.client())
            async let result = gone.request("reply.never", ["tag": "g"])
            try await until("it is at work") { client.sendSync("reply.waits").data == true }
            gone.close()
            try expectEqual((await result).err?.name, "NetworkError")
            try await until("the handler has heard") { client.sendSync("reply.cancelled").data == "AbortError" }
        },
    ]

    static let shutdowns: [Behaviour] = [
        Behaviour("a host that shuts down finishes what runs and tells its clients", clients: 2, endsHost: true) {
            subject in
            let (client, idle) = (try subject.clientOfOneLink(), try subject.clientOfOneLink())
            let stream = idle.events.stream("e")
            let before = try counts(client)
            async let slow = client.request("sleep", ["ms": 300, "tag": "done"])
            try await until("it is at work") { try counts(client).started == before.started + 1 }
            try client.post("test.shutdown", ["ms": 20_000, "reason": "upgrade"])
            // It has nothing to do for this one: told at once.
            for await _ in stream {}
            try expectEqual(idle.ending, .goodbye("upgrade"))
            try expectEqual((await slow).data, "done")
            try await until("the other is told") { !client.sendSync("ping").isOK && client.ending != nil }
            try expectEqual(client.ending, .goodbye("upgrade"))
            let late = await client.request("ping")
            try expectEqual(late.err?.name, "NetworkError")
            try expect(late.err?.message.contains("upgrade") == true, "\(late)")
        },
        Behaviour("what is not done by the deadline of a shutdown fails with its reason", endsHost: true) { subject in
            let client = try subject.clientOfOneLink()
            let before = try counts(client)
            async let asked = client.request("sleep", ["ms": 60_000])
            async let blocked = onThread { client.sendSync("sleep", ["ms": 60_000]) }
            async let later = client.request("reply.never", ["tag": "x"])
            try await until("all are at work") {
                try counts(client).started == before.started + 2 && client.sendSync("reply.waits").data == true
            }
            try client.post("test.shutdown", ["ms": 50, "reason": "now"])
            for result in [await asked, try await blocked, await later] {
                try expectEqual(result.err?.name, "NetworkError")
                try expect(result.err?.message.contains("now") == true, "\(result)")
            }
            try expectEqual(client.ending, .goodbye("now"))
        },
        Behaviour("a client that is sent away is told why", clients: 2) { subject in
            let (unwanted, client) = (try subject.client(), try subject.client())
            async let pending = unwanted.request("sleep", ["ms": 60_000])
            try await until("it is at work") { unwanted.statistics.pending == 1 }
            try unwanted.post("test.disconnect", ["reason": "go away"])
            try expectEqual((await pending).err?.name, "NetworkError")
            try expectEqual(unwanted.ending, .goodbye("go away"))
            try expectEqual(client.sendSync("ping").data, "pong")
        },
    ]
}
