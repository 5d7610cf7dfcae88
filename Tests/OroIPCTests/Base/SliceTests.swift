// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroPorts
import Testing

@testable import OroIPC
@testable import OroLink

/// What goes on in slices at a host, in this process and slice by slice.
@Suite("Work in slices")
struct SliceTests {
    private let slices = HostSlices()
    private let broker: PortBroker

    init() {
        broker = PortBroker(PortOptions(), longestMessage: 1 << 20, slices: slices)
        broker.setHub(BroadcastHub(broker))
    }

    @Test("different clients' work is done in turn, and one client's in order")
    func turns() {
        var done: [String] = []
        for (client, name) in [(1, "a"), (1, "b"), (2, "c"), (3, "d")] as [(UInt64, String)] {
            slices.add(Steps(3) { done.append("\(name)\($0)") }, for: client)
        }
        while !slices.isEmpty { slices.step(.shortest) }
        #expect(done == ["a0", "c0", "d0", "a1", "c1", "d1", "a2", "c2", "d2", "b0", "b1", "b2"])
    }

    @Test("work that is added by work is done, and none is left when all is finished at once")
    func nested() {
        var done = 0
        slices.add(
            Steps(1) { _ in
                slices.add(Steps(2) { _ in done += 1 }, for: 1)
                slices.add(Steps(2) { _ in done += 1 }, for: 2)
                // As the end of a host that is asked for by what it does.
                slices.finish()
            }, for: 1)
        slices.finish()
        #expect(done == 4)
        #expect(slices.isEmpty)
    }

    @Test("a client with much work waiting is full, until some of it is done, and no other is")
    func full() {
        for _ in 0..<127 { slices.add(Steps(1) { _ in }, for: 1) }
        slices.add(Steps(1) { _ in }, for: 2)
        #expect(!slices.isFull(of: 1))
        slices.add(Steps(1) { _ in }, for: 1)
        #expect(slices.isFull(of: 1) && !slices.isFull(of: 2) && !slices.isFull(of: 3))
        slices.step(.shortest)
        #expect(!slices.isFull(of: 1))
        slices.finish()
    }

    @Test("members are walked with pauses, whoever comes or goes meanwhile")
    func members() {
        var members = OrderedMembers<Number>()
        let orders = (0..<1000).map { members.append(Number($0)) }
        var walk = members.walk
        var seen: [Int] = []
        for _ in 0..<100 { if let next = members.next(&walk) { seen.append(next.value) } }
        // Those that were seen, and most of those to come: the entries are compacted on the way.
        for index in 0..<900 where index % 10 != 9 { members.remove(orders[index]) }
        members.remove(orders[0])
        _ = members.append(Number(5000))
        while let next = members.next(&walk) { seen.append(next.value) }
        #expect(seen == Array(0..<100) + (100..<900).filter { $0 % 10 == 9 } + Array(900..<1000))
        #expect(members.count == 1000 - 810 + 1)
    }

    @Test("a broadcast to a crowd goes on over slices; another client's goes between; order is kept")
    func broadcast() throws {
        let (sender, crowd, other) = (Subscriber(1, broker), Subscriber(2, broker), Subscriber(3, broker))
        for _ in 0..<500 { try crowd.subscribe("crowd") }
        let (from, mine) = (try sender.subscribe("crowd"), try other.subscribe("own"))
        let listening = try other.subscribe("own")
        try sender.post(from, 1)
        try sender.post(from, 2)
        // One that comes later hears nothing of it.
        let late = try crowd.subscribe("crowd")
        try other.post(mine, 9)
        var steps = 0
        var atOther = 0
        while !slices.isEmpty {
            slices.step(.shortest)
            steps += 1
            #expect(crowd.heard.count <= steps * 4 + 4)
            if atOther == 0, !other.heard.isEmpty { atOther = steps }
        }
        #expect(atOther > 0 && atOther <= 3, "the other waited for \(atOther) slices")
        #expect(steps >= 1000 / 8)
        #expect(other.heard.map(\.number) == [listening])
        #expect(crowd.heard.count == 1000)
        #expect(!crowd.heard.contains { $0.number == late })
        var last: [UInt64: UInt64] = [:]
        for message in crowd.heard {
            #expect(message.seq == last[message.number, default: 0])
            last[message.number, default: 0] += 1
        }
        #expect(
            crowd.heard.prefix(500).allSatisfy { $0.data == 1 } && crowd.heard.suffix(500).allSatisfy { $0.data == 2 })
    }

    @Test("what a sender has posted before it closes is delivered; a subscriber that closes meanwhile gets nothing")
    func closing() throws {
        let (sender, crowd) = (Subscriber(1, broker), Subscriber(2, broker))
        let numbers = try (0..<100).map { _ in try crowd.subscribe("crowd") }
        let from = try sender.subscribe("crowd")
        try sender.post(from, 1)
        try broker.take(.close(from), from: sender)
        slices.step(.shortest)
        for number in numbers[50...] { try broker.take(.close(number), from: crowd) }
        slices.finish()
        #expect(crowd.heard.map(\.number) == Array(numbers[..<50]))
    }

    /// `slow` takes what comes, and what comes of that, until there is no more.
    private func takeAll(_ slow: Subscriber) throws {
        for _ in 0..<1000 {
            broker.pumpWaiting(of: slow)
            slices.finish()
            let heard = slow.heard.filter { !slow.taken.contains($0.number) }
            if heard.isEmpty { break }
            for message in heard { try slow.take(message) }
        }
    }

    @Test("what waits for all subscriptions of one client is bounded, and missed messages are told")
    func account() throws {
        let (sender, slow) = (Subscriber(1, broker), Subscriber(2, broker))
        slow.broadcasts.most = 100_000
        let numbers = try (0..<200).map { _ in try slow.subscribe("crowd") }
        let from = try sender.subscribe("crowd")
        // Nobody has room for these bytes.
        slow.isFull = true
        try sender.post(from, 1, bytes: 900)
        slices.finish()
        #expect(slow.broadcasts.bytes >= 100_000 && slow.broadcasts.bytes < 102_000)
        // It takes what came, and the others hear how many they missed.
        slow.isFull = false
        try takeAll(slow)
        let missed = slow.heard.filter { $0.data == nil }.count
        #expect(missed > 0 && slow.heard.count == 200)
        #expect(Set(slow.heard.map(\.number)) == Set(numbers))
        #expect(slow.broadcasts.bytes == 0)
    }

    @Test("the places of messages that wait for subscriptions are their client's, and are given back")
    func places() throws {
        let account = ByteAccount(limit: 100_000, total: nil, ByteAccount.Settings(own: "own", total: "total"))
        let (sender, slow) = (Subscriber(1, broker), Subscriber(2, broker))
        slow.broadcasts.paying = account
        let number = try slow.subscribe("crowd")
        for _ in 0..<999 { try slow.subscribe("crowd") }
        let from = try sender.subscribe("crowd")
        slow.isFull = true
        try sender.post(from, 1)
        slices.finish()
        #expect(account.bytes > 80_000 && account.bytes <= 100_000)
        let waiting = slow.broadcasts.bytes
        // Others may use up what is left of the account: what had places once has some again.
        #expect(account.charge(account.limit - account.bytes))
        slow.isFull = false
        try takeAll(slow)
        #expect(slow.heard.count == 1000 && slow.heard.contains { $0.number == number })
        #expect(waiting > 0 && slow.broadcasts.bytes == 0)
        #expect(account.bytes < 40_000)
        account.release(20_000)
        broker.beginRemoval(of: slow)
        slices.add(PortRemoval(broker, slow), for: 2)
        slices.finish()
        #expect(slow.broadcasts.bytes == 0)
    }

    @Test("a client that is gone goes in slices, with all it had")
    func removal() throws {
        let (gone, stays) = (Subscriber(1, broker), Subscriber(2, broker))
        gone.isFull = true
        for number in 0..<UInt64(300) {
            try broker.take(.channel(4 * number + 1, 4 * number + 3), from: gone)
            try broker.take(
                .message(.init(number: 4 * number + 1, seq: .zero, consumed: 0, content: .unreadable)), from: gone)
        }
        for _ in 0..<300 { try gone.subscribe("crowd", from: 2001) }
        let from = try stays.subscribe("crowd")
        try stays.post(from, 1)
        broker.beginRemoval(of: gone)
        slices.add(PortRemoval(broker, gone), for: 1)
        var steps = 0
        while !slices.isEmpty {
            let before = broker.ends
            slices.step(.shortest)
            #expect(before - broker.ends <= 64)
            steps += 1
        }
        #expect(steps >= 900)
        #expect(broker.ends == 2, "the other's subscription")
        #expect(gone.state.count == 0 && gone.broadcasts.bytes == 0)
    }

    @Test("ends that wait for room are forgotten when they are closed")
    func waiting() throws {
        let slow = Subscriber(1, broker)
        slow.isFull = true
        for number in 0..<UInt64(1000) {
            try broker.take(.channel(4 * number + 1, 4 * number + 3), from: slow)
            try broker.take(
                .message(.init(number: 4 * number + 1, seq: .zero, consumed: 0, content: .unreadable)), from: slow)
            if number % 100 != 0 { try broker.take(.close(4 * number + 3), from: slow) }
        }
        slow.isFull = false
        broker.pumpWaiting(of: slow)
        slices.finish()
        let expected: [UInt64] = (0..<10).map { (index: UInt64) in 400 * index + 3 }
        #expect(slow.heard.map(\.number) == expected)
        #expect(!slow.state.hasWaiting)
    }
}

private final class Number {
    let value: Int
    init(_ value: Int) { self.value = value }
}

/// Work of so many steps.
final class Steps: SlicedWork {
    private var done = 0
    private let count: Int
    private let body: (Int) -> Void

    init(_ count: Int, _ body: @escaping (Int) -> Void) {
        self.count = count
        self.body = body
    }

    func goOn(_ slice: Slice) -> Bool {
        body(done)
        done += 1
        return done < count
    }
}

/// A client that subscribes, as its host knows it.
private final class Subscriber: PortOwner {
    let state = PortOwnerState()
    private unowned let broker: PortBroker
    private let id: UInt64
    private var next: UInt64 = 0
    private var posted: [UInt64: UInt64] = [:]
    var isFull = false
    private(set) var heard: [(number: UInt64, seq: UInt64, data: Int64?)] = []
    private(set) var taken: Set<UInt64> = []

    init(_ id: UInt64, _ broker: PortBroker) {
        self.id = id
        self.broker = broker
    }

    var sliceOwner: UInt64 { id }
    var hasRoom: Bool { !isFull && !state.isGone }

    func deliver(_ delivery: Parcel<DeliveredPort>) {
        let value = try? delivery.content.decode(ports: [])
        heard.append(
            (
                delivery.number, delivery.seq.value,
                value.flatMap { BroadcastForm($0) }.flatMap { form in
                    if case .message(_, let data) = form { data[0]?.int } else { nil }
                }
            ))
    }

    @discardableResult
    func subscribe(_ name: String, from first: UInt64 = 1) throws(LinkError) -> UInt64 {
        next = max(next + 2, first)
        if next & 1 == 0 { next += 1 }
        try broker.take(.open(next, name: name, .broadcast(origin: "o", .all)), from: self)
        return next
    }

    func post(_ number: UInt64, _ data: Int64, bytes: Int = 0) throws {
        let text = StructuredValue.string(String(repeating: "x", count: bytes))
        let said = BroadcastForm.message(origin: "*", data: .array([.int(data), text])).value
        let seq = posted[number, default: 0]
        posted[number] = seq + 1
        try broker.take(
            .message(
                .init(
                    number: number, seq: SequenceNumber(own: seq),
                    content: try PortContent(said, transfer: []))), from: self)
    }

    func take(_ message: (number: UInt64, seq: UInt64, data: Int64?)) throws(LinkError) {
        taken.insert(message.number)
        try broker.take(.consumed(message.number, count: SequenceNumber(own: message.seq + 1)), from: self)
    }
}
