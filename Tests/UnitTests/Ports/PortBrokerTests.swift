// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import OroPorts
import Testing

@testable import OroIPC

@Suite("The broker of ports")
struct PortBrokerTests {
    private let slices = HostSlices()
    private let broker: PortBroker
    private let host: Owner

    init() {
        var options = PortOptions()
        options.allowsMeetings = true
        options.portsPerLink = 8
        options.messagesBeforeDirect = 4
        broker = PortBroker(options, longestMessage: 1 << 16, slices: slices)
        host = Owner(0, broker)
        broker.setLocal(host)
        broker.setHub(BroadcastHub(broker))
    }

    private func client(_ id: UInt64) -> Owner { Owner(id, broker) }

    /// Two clients with one channel between them, whose ends both call 1.
    private func pair() throws -> (Owner, Owner) {
        let (one, other) = (client(1), client(2))
        for each in [one, other] { try each.say(.open(1, name: "m", .pairing)) }
        return (one, other)
    }

    @Test("messages come to the other end in order, and how many were taken comes back")
    func posting() throws {
        let (one, other) = try pair()
        for data in 0..<3 { try one.post(1, Int64(data)) }
        try other.post(1, 10)
        #expect(other.hear() == ["1 #0 = 0", "1 #1 = 1", "1 #2 = 2"] && one.hear() == ["1 #0 = 10"])
        try other.say(.consumed(1, count: SequenceNumber(own: 2)))
        #expect(one.hear() == ["taken 1 2"])
        // Counts that cannot be, or that say nothing new.
        try other.say(.consumed(1, count: SequenceNumber(own: 4)))
        try other.say(.consumed(1, count: SequenceNumber(own: 1)))
        #expect(one.hear().isEmpty)
    }

    @Test("what is said before anybody else says the name waits for whoever comes, and goes to one alone")
    func meeting() throws {
        let (one, other, third) = (client(1), client(2), client(3))
        try one.say(.open(1, name: "m", .pairing))
        try one.post(1, 7)
        try other.say(.open(1, name: "m", .pairing))
        #expect(other.hear() == ["1 #0 = 7"])
        try third.say(.open(1, name: "m", .pairing))
        #expect(third.hear().isEmpty && broker.ends == 4)
        try third.say(.close(1))
        #expect(broker.ends == 2, "nobody waits any more, on either side")
    }

    @Test("a port that is opened at the host comes to it where it accepts the name, else it is closed")
    func opening() throws {
        let one = client(1)
        host.names = ["chat"]
        try one.say(.open(1, name: "chat", .host))
        try one.post(1, 5)
        #expect(host.hear() == ["opened 2 chat by 1", "2 #0 = 5"])
        try one.say(.open(3, name: "other", .host))
        #expect(one.hear() == ["closed 3 NotFoundError: nobody accepts ports named 'other'"])
    }

    @Test("an owner without room is passed nothing, and then what waits, in order")
    func room() throws {
        let (one, other) = try pair()
        other.isFull = true
        for data in 0..<100 { try one.post(1, Int64(data)) }
        #expect(other.hear().isEmpty)
        other.isFull = false
        broker.pumpWaiting(of: other)
        slices.finish()
        #expect(other.hear() == (0..<100).map { "1 #\($0) = \($0)" })
    }

    @Test("whoever gets a port gets what its owner before had not taken, also what was passed on to that")
    func transfer() throws {
        let (one, other) = try pair()
        let third = client(3)
        for each in [other, third] { try each.say(.open(each === other ? 3 : 1, name: "way", .pairing)) }
        for data in 0..<4 { try one.post(1, Int64(data)) }
        #expect(other.hear().count == 4)
        // It has taken one of the four, and gives the port away.
        try other.post(3, 50, transferring: [.init(number: 1, consumed: SequenceNumber(own: 1), id: 99)])
        #expect(one.hear() == ["taken 1 1"])
        #expect(third.hear() == ["1 #0 = 50 with 2 at 1", "2 #1 = 1", "2 #2 = 2", "2 #3 = 3"])
        // It is that one's alone now.
        #expect(throws: LinkError.self) { try other.post(1, 0) }
        try third.post(2, 60)
        try one.post(1, 4)
        #expect(one.hear() == ["1 #0 = 60"] && third.hear() == ["2 #4 = 4"])
    }

    @Test("a port that is given away on its way, again and again, loses nothing")
    func hops() throws {
        let one = client(1)
        let owners = (2...5).map { client($0) }
        try one.say(.open(1, name: "m", .pairing))
        try owners[0].say(.open(1, name: "m", .pairing))
        for (index, (from, to)) in zip(owners, owners.dropFirst()).enumerated() {
            try from.say(.open(11, name: "way\(index)", .pairing))
            try to.say(.open(1, name: "way\(index)", .pairing))
        }
        var (number, taken, posted) = (UInt64(1), UInt64(0), UInt64(0))
        for (index, from) in owners.dropLast().enumerated() {
            for _ in 0..<3 {
                try one.post(1, Int64(posted))
                posted += 1
            }
            _ = from.hear()
            taken += 1
            try from.post(
                11, 0, transferring: [.init(number: number, consumed: SequenceNumber(own: taken), id: 1)])
            number = try #require(owners[index + 1].lastGiven)
        }
        let last = owners[3]
        #expect(last.hear() == ["1 #0 = 0 with \(number) at 3"] + (3..<9).map { "\(number) #\($0) = \($0)" })
    }

    @Test("a port cannot go along with its own message; one in its own queue is as if it had been lost")
    func circles() throws {
        let (one, _) = try pair()
        #expect(throws: LinkError.self) {
            try one.post(1, 0, transferring: [.init(number: 1, consumed: .zero, id: 1)])
        }
        // Both ends of one channel in one owner's hands: one end goes through the other, to itself.
        let other = client(3)
        try other.say(.channel(1, 3))
        try other.post(1, 5, transferring: [.init(number: 3, consumed: .zero, id: 1)])
        slices.finish()
        #expect(other.hear() == ["closed 1 "])
        try other.say(.close(1))
        #expect(broker.ends == 2, "the two of the pair")
    }

    @Test("what no owner of ours would say is a violation, and moves nothing")
    func violations() throws {
        let (one, other) = try pair()
        try one.say(.channel(5, 7))
        let wrong: [PortCommand] = [
            .consumed(3, count: .zero), .close(2), .channel(9, 9), .channel(8, 11), .channel(1, 13),
            .open(2, name: "m", .pairing), .open(7, name: "m", .pairing),
            .message(Parcel(number: 9, seq: .zero, content: content(1))),
            .message(Parcel(number: 1, seq: SequenceNumber(own: 1), content: content(1))),
        ]
        for command in wrong { #expect(throws: LinkError.self, "\(command)") { try one.say(command) } }
        let lists: [[PostedPort]] = [
            [.init(number: 5, consumed: .zero, id: 1), .init(number: 5, consumed: .zero, id: 1)],
            [.init(number: 5, consumed: SequenceNumber(own: 1), id: 1)],
            [.init(number: 5, consumed: .zero, id: 1), .init(number: 2, consumed: .zero, id: 1)],
        ]
        for (seq, list) in lists.enumerated() {
            #expect(throws: LinkError.self) { try one.post(1, 0, seq: UInt64(seq), transferring: list) }
        }
        #expect(other.hear().isEmpty)
        try one.say(.close(5))
    }

    @Test("more than twice the window is a violation; an owner within it is never taken for one")
    func window() throws {
        let (one, other) = try pair()
        other.isFull = true
        for data in 0..<2 * Int64(PortLimits.window) { try one.post(1, data) }
        #expect(throws: LinkError.self) { try one.post(1, 0) }
    }

    @Test("who has more ports than it may loses the new one, and is told; far more are a violation")
    func quota() throws {
        let one = client(1)
        for index in 0..<UInt64(4) { try one.say(.channel(4 * index + 1, 4 * index + 3)) }
        #expect(one.hear().isEmpty && broker.ends == 8)
        try one.say(.channel(101, 103))
        #expect(
            one.hear() == [
                "closed 101 QuotaExceededError: more than 8 ports", "closed 103 QuotaExceededError: more than 8 ports",
            ])
        for number in [101, 103] as [UInt64] { try one.say(.close(number)) }
        #expect(broker.ends == 8)
        #expect(throws: LinkError.self) {
            for index in 100..<UInt64(110) { try one.say(.channel(4 * index + 1, 4 * index + 3)) }
        }
    }

    @Test("the other end hears of the end behind what was posted before it")
    func closing() throws {
        let (one, other) = try pair()
        other.isFull = true
        try one.post(1, 1)
        try one.say(.close(1))
        #expect(other.hear().isEmpty)
        other.isFull = false
        broker.pumpWaiting(of: other)
        slices.finish()
        #expect(other.hear() == ["1 #0 = 1", "closed 1 "])
        try other.say(.close(1))
        #expect(broker.ends == 0)
    }

    @Test("with a client that is gone goes all it had, and the others hear of it", arguments: [0, 1, 2])
    func removal(_ who: Int) throws {
        let (one, other) = try pair()
        let third = client(3)
        try other.say(.open(3, name: "way", .pairing))
        try third.say(.open(1, name: "way", .pairing))
        // A port on its way, in the hands of one who has not taken it.
        try other.post(3, 50, transferring: [.init(number: 1, consumed: .zero, id: 99)])
        let all = [one, other, third]
        all[who].leave(slices)
        slices.finish()
        #expect(all[who].state.count == 0)
        for (index, each) in all.enumerated() where index != who { each.leave(slices) }
        slices.finish()
        #expect(broker.ends == 0 && broker.remains.isEmpty)
    }

    @Test("two clients that talk get a direct channel, which both have to be ready for")
    func direct() throws {
        let (one, other) = try pair()
        for each in [one, other] { each.canMeet = true }
        for data in 0..<4 {
            try one.post(1, Int64(data))
            try other.post(1, Int64(data))
        }
        #expect(one.introductions == [1] && other.introductions == [1])
        for each in [one, other] { try broker.receive(offerFor: 1, isRefusal: false, from: each) { _ in true } }
        #expect(throws: LinkError.self) { try broker.receive(offerFor: 1, isRefusal: false, from: one) { _ in true } }
        for each in [one, other] { _ = each.hear() }
        try one.post(1, 4)
        #expect(one.hear() == ["prepare 1"] && other.hear() == ["1 #4 = 4", "prepare 1"])
        try one.say(.direct(DirectChannelFrame(1, .ready)))
        #expect(one.hear().isEmpty && other.hear().isEmpty)
        try other.say(.direct(DirectChannelFrame(1, .ready)))
        #expect(one.hear() == ["go 1"] && other.hear() == ["go 1"])
        #expect(throws: LinkError.self) { try one.say(.direct(DirectChannelFrame(1, .ready))) }
    }
}

/// An owner of ports that writes down what it is told.
private final class Owner: PortOwner {
    let state = PortOwnerState()
    private unowned let broker: PortBroker
    private let id: UInt64
    private var heard: [String] = []
    private var posted: [UInt64: UInt64] = [:]
    private(set) var introductions: [UInt64] = []
    /// What it calls the last port that came to it.
    private(set) var lastGiven: UInt64?
    var names: Set<String> = []
    var isFull = false
    var canMeet = false

    init(_ id: UInt64, _ broker: PortBroker) {
        self.id = id
        self.broker = broker
    }

    func hear() -> [String] {
        defer { heard = [] }
        return heard
    }

    func say(_ command: PortCommand) throws(LinkError) { try broker.take(command, from: self) }

    func post(
        _ port: UInt64, _ data: Int64, seq: UInt64? = nil, transferring ports: [PostedPort] = []
    ) throws(LinkError) {
        let seq = seq ?? posted[port, default: 0]
        try say(
            .message(
                Parcel(
                    number: port, seq: SequenceNumber(own: seq), content: content(data), transferred: ports))
        )
        posted[port] = seq + 1
    }

    func leave(_ slices: HostSlices) {
        broker.beginRemoval(of: self)
        slices.add(PortRemoval(broker, self), for: id)
    }

    var sliceOwner: UInt64 { id }
    var hasRoom: Bool { !isFull && !state.isGone }
    var client: PortClient { PortClient(id: id, identity: nil) }
    var canBeIntroduced: Bool { canMeet }
    func accepts(_ name: String) -> Bool { names.contains(name) }
    func opened(_ number: UInt64, name: String, by owner: any PortOwner) {
        heard.append("opened \(number) \(name) by \(owner.client.id)")
    }
    func deliver(_ delivery: Parcel<DeliveredPort>) {
        lastGiven = delivery.transferred.last?.number ?? lastGiven
        for port in delivery.transferred { posted[port.number] = port.sent.value }
        heard.append(
            "\(delivery.number) #\(delivery.seq.value) = \(number(delivery.content).map { "\($0)" } ?? "?")"
                + delivery.transferred.map { " with \($0.number) at \($0.received.value)" }.joined())
    }
    func notifyConsumed(_ number: UInt64, _ count: UInt64) { heard.append("taken \(number) \(count)") }
    func notifyClosed(_ number: UInt64, reason: String?) { heard.append("closed \(number) \(reason ?? "")") }
    func notify(_ frame: DirectChannelFrame) { heard.append("\(frame.step) \(frame.token)") }
    func introduce(to other: any PortOwner, as id: UInt64) -> Bool {
        guard let other = other as? Owner else { return false }
        introductions.append(id)
        other.introductions.append(id)
        return true
    }
}
