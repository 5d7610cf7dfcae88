// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC
import OroLink

// Broadcasts for clients that speak only requests (sections 17 and 18.13 of the module's description, with fixes 31 and
// 32 of section 20: there is a route `broadcast_channel.postMessage`, unsubscribing works, nobody hears himself).

extension Behaviour {
    static let broadcastRequests: [Behaviour] = [
        Behaviour("who subscribes with a request hears what others post, in order", clients: 2) { subject in
            let (sender, hearer) = (try subject.client(), try subject.client())
            let heard = Heard(hearer)
            let subscription = await hearer.request(
                "broadcast_channel.subscribe", ["name": "news", "origin": "oro://one"])
            try expectEqual(subscription.data?["name"], "news")
            try expectEqual(subscription.data?["origin"], "oro://one")
            let id = subscription.data?["id"]?.string ?? ""
            try expect(UInt64(id) != nil, "an id: \(id)")
            for number in 0..<100 {
                let answer = await sender.request(
                    "broadcast_channel.postMessage",
                    ["name": "news", "origin": "oro://one", "token": "t", "data": .string("{\"n\": \(number)}")])
                try expect(answer.err == nil, "\(String(describing: answer.err))")
                try expectEqual(answer.data?["data"], ["n": .int(Int64(number))])
            }
            try await until("a hundred") { heard.count == 100 }
            try expectEqual(heard.numbers, Array(0..<100))
            let first = heard.first
            try expectEqual(first?["source"], "broadcast_channel.subscribe")
            try expectEqual(first?["err"], .null)
            let data = first?["data"]
            try expectEqual(data?["subscription"], subscription.data)
            try expectEqual(data?["name"], "news")
            try expectEqual(data?["origin"], "oro://one")
            try expectEqual(data?["id"], data?["message"]?["id"])
            try expectEqual(data?["message"]?["token"], "t")
            try expectEqual(data?["message"]?["name"], "news")
            try expectEqual(data?["message"]?["origin"], "oro://one")
        },
        Behaviour("requests and channels of broadcasts hear each other", clients: 2) { subject in
            let (one, other) = (try subject.client(), try subject.client())
            let heard = Heard(one)
            let channel = try IPCBroadcastChannel("both", over: other)
            try expectEqual(await other.request("ping").data, "pong")
            try expect(await one.request("broadcast_channel.subscribe", ["name": "both"]).isOK)
            let posted = await one.request(
                "broadcast_channel.postMessage",
                ["name": "both", "data": ["n": 1, "b": ["__type__": "Buffer", "data": "aGk="]]])
            try expect(posted.isOK, "\(String(describing: posted.err))")
            var messages = channel.messages.makeAsyncIterator()
            guard let event = await messages.next() else { throw Unexpected("the channel was closed") }
            try expectEqual(event.data["n"]?.int, 1)
            try expectEqual(event.data["b"]?.bytes, Bytes(Array("hi".utf8)), "a buffer comes as one")
            try channel.postMessage(["n": 2, "at": .date(0), "b": .bytes([0x68, 0x69]), "u": .undefined])
            try await until("the answer") { heard.count == 1 }
            try expectEqual(
                heard.first?["data"]?["message"]?["data"],
                ["n": 2, "at": "1970-01-01T00:00:00.000Z", "b": ["__type__": "Buffer", "data": "aGk="]])
            // What has no form in JSON is not kept back: the subscriber is told.
            var builder = StructuredBuilder()
            let cycle = builder.add(node: .array([]))
            builder[cycle] = .array([cycle])
            try channel.postMessage(builder.finish(cycle))
            try await until("the cycle") { heard.count == 2 }
            try expectEqual(heard.last?["err"]?["name"] ?? heard.last?["err"]?["type"], "DataCloneError")
        },
        Behaviour("nobody who speaks requests hears himself, and a token says who that is", clients: 1) { subject in
            let client = try subject.client()
            let heard = Heard(client)
            for token in ["", "a", "b"] {
                try expect(
                    await client.request(
                        "broadcast_channel.subscribe",
                        ["name": "self", "token": token.isEmpty ? .null : .string(token)]
                    ).isOK)
            }
            func post(_ number: Int64, _ token: Value) async -> Result {
                await client.request(
                    "broadcast_channel.postMessage", ["name": "self", "token": token, "data": ["n": .int(number)]])
            }
            // Without a token: nobody of this client's.
            try expectEqual(await post(1, .null).err?.name, "NotFoundError")
            // With one: the other, and the subscription without a token.
            try expect(await post(2, "a").isOK)
            try await until("both") { heard.count == 2 }
            try expectEqual(heard.numbers, [2, 2])
        },
        Behaviour("a broadcast by request finds its name and origin, and * all of them", clients: 2) { subject in
            let (sender, hearer) = (try subject.client(), try subject.client())
            let heard = Heard(hearer)
            for origin in ["oro://one", "oro://two"] {
                try expect(
                    await hearer.request("broadcast_channel.subscribe", ["name": "o", "origin": .string(origin)]).isOK)
            }
            func post(_ number: Int64, _ name: String, _ origin: String) async -> IPCError? {
                let result = await sender.request(
                    "broadcast_channel.postMessage",
                    ["name": .string(name), "origin": .string(origin), "data": ["n": .int(number)]])
                return result.err
            }
            try expect(await post(1, "o", "oro://one") == nil)
            try expect(await post(2, "o", "*") == nil)
            let nobody = await post(3, "o", "oro://three")
            try expectEqual(nobody?.name, "NotFoundError")
            try expectEqual(nobody?.message, "No subscribers")
            try expectEqual(await post(4, "p", "*")?.name, "NotFoundError")
            try await until("three") { heard.count == 3 }
            try expectEqual(heard.numbers, [1, 2, 2])
        },
        Behaviour("who unsubscribes hears nothing more, and cannot unsubscribe another", clients: 2) { subject in
            let (sender, hearer) = (try subject.client(), try subject.client())
            let heard = Heard(hearer)
            let subscription = await hearer.request("broadcast_channel.subscribe", ["name": "un"])
            let id = subscription.data?["id"] ?? .null
            let foreign = await sender.request("broadcast_channel.unsubscribe", ["id": id])
            try expectEqual(foreign.err?.name, "NotFoundError")
            try expectEqual(foreign.err?.message, "No subscription found")
            func post() async -> Result {
                // The name the reference host has for it.
                await sender.request("broadcast_channel.queuedResponseMessage", ["name": "un", "data": ["n": 1]])
            }
            try expect(await post().isOK)
            try expectEqual(
                await hearer.request("broadcast_channel.unsubscribe", ["id": id]).data, subscription.data)
            try expectEqual(await post().err?.name, "NotFoundError")
            try expectEqual(
                await hearer.request("broadcast_channel.unsubscribe", ["id": id]).err?.name, "NotFoundError")
            // The event takes the way of answers: what was to come has come.
            try expectEqual(heard.count, 1)
        },
        Behaviour("the end of a client is the end of its subscriptions", clients: 2) { subject in
            let (sender, hearer) = (try subject.client(), try subject.client())
            try expect(await hearer.request("broadcast_channel.subscribe", ["name": "end"]).isOK)
            hearer.close()
            var last: IPCError?
            for _ in 0..<1000 where last == nil {
                last = await sender.request("broadcast_channel.postMessage", ["name": "end", "data": 1]).err
            }
            try expectEqual(last?.name, "NotFoundError")
        },
        Behaviour("broadcast routes say what is missing or wrong") { subject in
            let client = try subject.client()
            let long = Value.string(String(repeating: "x", count: 256))
            let cases: [(String, Value, String)] = [
                ("subscribe", [:], "Expecting 'name' in parameters"),
                ("subscribe", ["name": long], "Invalid 'name' given in parameters"),
                ("subscribe", ["name": "n", "origin": long], "Invalid 'origin' given in parameters"),
                ("unsubscribe", [:], "Expecting 'id' in parameters"),
                ("unsubscribe", ["id": "1"], "No subscription found"),
                ("postMessage", ["data": 1], "Expecting 'name' in parameters"),
                ("postMessage", ["name": "n"], "Expecting 'data' in parameters"),
                ("postMessage", ["name": "n", "data": 1], "No subscribers"),
            ]
            for (verb, value, message) in cases {
                let result = await client.request("broadcast_channel.\(verb)", value)
                try expectEqual(result.err?.message, message, "\(verb) \(value)")
            }
        },
    ]
}

/// The broadcasts that a client has heard as events.
private final class Heard: Sendable {
    private let events = Locked<[Event]>([])

    init(_ client: Client) {
        client.events.listen("broadcastchannelmessage") { [weak self] event in
            self?.events.withLock { $0.append(event) }
        }
    }

    var count: Int { events.withLock { $0.count } }
    var first: Value? { events.withLock { $0.first }?.detail }
    var last: Value? { events.withLock { $0.last }?.detail }
    var numbers: [Int64] {
        events.withLock { $0 }.map { $0.detail?["data"]?["message"]?["data"]?["n"]?.int ?? -1 }
    }
}
