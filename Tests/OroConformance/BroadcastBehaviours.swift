// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroIPC
import OroLink

// Broadcast channels (section 17 of the module's description, in its sane form). Left out: names as URLs and the token,
// which are JavaScript's. The routes `broadcast_channel.*` (18.13) are in BroadcastRequestBehaviours.swift.

extension Behaviour {
    static let broadcasts: [Behaviour] = [
        Behaviour("a broadcast comes to all others, in order, and never to its sender", clients: 3) { subject in
            let channels = try await subscribe(3, subject, "news")
            for number in 0..<100 { try channels[0].postMessage(.int(Int64(number))) }
            try channels[0].postMessage("end")
            for channel in channels[1...] {
                try expectEqual(try await numbers(channel, until: "end"), Array(0..<100))
            }
            try channels[1].postMessage("to the first")
            var first = channels[0].messages.makeAsyncIterator()
            try expectEqual(await first.next()?.data.string, "to the first", "nothing of its own before")
        },
        Behaviour("two channels of one client are two subscribers", clients: 1) { subject in
            let client = try subject.client()
            let channels = try (0..<2).map { _ in try IPCBroadcastChannel("twice", over: client) }
            try channels[0].postMessage("hello")
            var other = channels[1].messages.makeAsyncIterator()
            try expectEqual(await other.next()?.data.string, "hello")
        },
        Behaviour("a broadcast is heard by its name and origin, and one for * by every origin", clients: 1) { subject in
            let client = try subject.client()
            let sender = try IPCBroadcastChannel("a", origin: "oro://one", over: client)
            let same = try IPCBroadcastChannel("a", origin: "oro://one", over: client)
            let other = try IPCBroadcastChannel("a", origin: "oro://two", over: client)
            let elsewhere = try IPCBroadcastChannel("b", origin: "oro://one", over: client)
            try sender.postMessage("one")
            try sender.postMessage("two", origin: "oro://two")
            try sender.postMessage("all", origin: "*")
            try IPCBroadcastChannel("b", origin: "oro://one", over: client).postMessage("b")
            var events = (
                same.messages.makeAsyncIterator(), other.messages.makeAsyncIterator(),
                elsewhere.messages.makeAsyncIterator()
            )
            try expectEqual(await events.0.next()?.data.string, "one")
            try expectEqual(await events.0.next()?.data.string, "all")
            try expectEqual(await events.1.next()?.data.string, "two")
            try expectEqual(await events.1.next()?.data.string, "all")
            try expectEqual(await events.2.next()?.data.string, "b")
        },
        Behaviour("nothing comes to a channel that is closed", clients: 3) { subject in
            let channels = try await subscribe(2, subject, "closing")
            let heard = Locked(0)
            channels[1].onmessage = { _ in heard.withLock { $0 += 1 } }
            try channels[0].postMessage(1)
            try await until("the first") { heard.withLock { $0 } == 1 }
            channels[1].close()
            try expect(channels[1].closed)
            try channels[0].postMessage(2)
            try channels[1].postMessage(3)
            let third = try await subscribe(subject, "closing")
            try channels[0].postMessage("third")
            _ = try await numbers(third, until: "third")
            try expectEqual(heard.withLock { $0 }, 1)
        },
        Behaviour("a subscriber that does not take its messages stops nobody, and hears what it missed", clients: 3) {
            subject in
            let (sender, quick, slow) = (
                try await subscribe(subject, "flood"), try await subscribe(subject, "flood"),
                try await subscribe(subject, "flood")
            )
            let count: Int64 = 2000
            let posting = Task {
                for number in 0..<count { try await sender.post(.int(number)) }
                try await sender.post("end")
            }
            var (heard, missed): (Int64, Int64) = (0, 0)
            for await event in quick.messages {
                if event.type == "missed" { missed += event.data.int ?? 0 } else { heard += 1 }
                if heard + missed == count + 1 { break }
            }
            try await posting.value
            var (got, told, last): (Int64, Int64, Int64) = (0, 0, -1)
            for await event in slow.messages {
                if event.type == "missed" {
                    told += event.data.int ?? 0
                } else if let number = event.data.int {
                    try expect(number > last, "\(number) after \(last)")
                    last = number
                    got += 1
                } else {
                    got += 1
                }
                if got + told == count + 1 { break }
            }
            try expect(got >= 256, "\(got) waited for it")
            try expect(told > 0, "nothing was missed")
        },
        Behaviour("who wants the latest gets the last that was posted", clients: 2) { subject in
            let sender = try await subscribe(subject, "latest")
            let channel = try await subscribe(subject, "latest", keeping: .latest)
            for number in 0..<Int64(500) { try await sender.post(.int(number)) }
            var (last, heard): (Int64, Int) = (-1, 0)
            for await event in channel.messages {
                let number = event.data.int ?? -1
                try expect(number > last, "\(number) after \(last)")
                last = number
                heard += 1
                if last == 499 { break }
            }
            try expect(heard <= 500)
        },
        Behaviour("who posts private bytes is told that they were taken, and can post on", clients: 2) { subject in
            let (sender, hearer) = (try await subscribe(subject, "bytes"), try await subscribe(subject, "bytes"))
            // In frames: 100 of these are more than may wait to be taken.
            let parts = (0..<8).map { pattern(8000, seed: UInt64($0)) }
            let value = StructuredValue.array(parts.map { .bytes(Bytes($0)) })
            var messages = hearer.messages.makeAsyncIterator()
            for _ in 0..<200 {
                try await sender.post(value)
                guard let event = await messages.next() else { throw Unexpected("the channel was closed") }
                try expect(same(event.data[7]?.bytes, parts[7]))
            }
        },
        Behaviour("a large payload comes to all whole, in memory of the host's", clients: 4) { subject in
            let channels = try await subscribe(4, subject, "large")
            let wanted = pattern(1 << 20, seed: 8)
            try channels[0].postMessage(["frame": .bytes(Bytes(wanted))])
            for channel in channels[1...] {
                var messages = channel.messages.makeAsyncIterator()
                guard let bytes = await messages.next()?.data["frame"]?.bytes else { throw Unexpected("no bytes") }
                try expect(same(bytes, wanted), difference(bytes, wanted))
                try expect(bytes.isBorrowed && !bytes.isImmutable)
            }
        },
        Behaviour("a large payload that is kept stays as it is, whatever is posted after it", clients: 3) { subject in
            let channels = try await subscribe(3, subject, "kept")
            var (one, other) = (channels[1].messages.makeAsyncIterator(), channels[2].messages.makeAsyncIterator())
            // One keeps every second payload, the other all of them.
            var kept: [(UInt64, Bytes)] = []
            for number in 0..<UInt64(24) {
                try await channels[0].post(.bytes(Bytes(pattern(100_000, seed: number))))
                guard let mine = await one.next()?.data.bytes, let theirs = await other.next()?.data.bytes else {
                    throw Unexpected("no bytes")
                }
                if number % 2 == 0 { kept.append((number, mine)) }
                kept.append((number, theirs))
            }
            for (number, bytes) in kept {
                try expect(same(bytes, pattern(100_000, seed: number)), "payload \(number) has changed")
            }
        },
        Behaviour("a large payload is lent to its subscribers, however many came before it", clients: 2) { subject in
            let channels = try await subscribe(2, subject, "many")
            var messages = channels[1].messages.makeAsyncIterator()
            // More than a link has places for memories.
            for number in 0..<600 {
                try await channels[0].post(.bytes(Bytes([UInt8](repeating: UInt8(number & 0xFF), count: 16 << 10))))
                guard let bytes = await messages.next()?.data.bytes else { throw Unexpected("no bytes") }
                try expect(bytes.isBorrowed, "message \(number) was copied")
                try expectEqual(bytes.count, 16 << 10)
            }
        },
    ]
}

/// A channel of a new client, which the host knows when this returns: the request takes the same way.
private func subscribe(
    _ subject: Subject, _ name: String, keeping: BroadcastKeeping = .all
) async throws -> IPCBroadcastChannel {
    let client = try subject.client()
    let channel = try IPCBroadcastChannel(name, over: client, keeping: keeping)
    try expectEqual(await client.request("ping").data, "pong")
    return channel
}

private func subscribe(_ count: Int, _ subject: Subject, _ name: String) async throws -> [IPCBroadcastChannel] {
    var channels: [IPCBroadcastChannel] = []
    for _ in 0..<count { channels.append(try await subscribe(subject, name)) }
    return channels
}

/// The numbers that come before this text.
private func numbers(
    _ channel: IPCBroadcastChannel, until text: String
) async throws -> [Int64] {
    var numbers: [Int64] = []
    for await event in channel.messages {
        if event.data.string == text { return numbers }
        if let number = event.data.int { numbers.append(number) }
    }
    throw Unexpected("the channel was closed")
}
