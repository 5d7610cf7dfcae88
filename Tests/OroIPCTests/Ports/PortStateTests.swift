// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroPorts
import TestGenerators
import Testing

@testable import OroIPC
@testable import OroLink

/// The state machines behind frames of ports, driven in this process with every number a peer could say: what comes of
/// it is a violation or nothing.
@Suite("Ports and numbers that cannot be")
struct PortStateTests {
    static let extremes: [UInt64] = [
        0, 1, 2, 3, 1023, 1024, (1 << 28) - 1, 1 << 28, 1 << 31, 1 << 32, (1 << 62) - 1, 1 << 62, (1 << 63) - 1,
        1 << 63,
        .max - 1, .max,
    ]

    @Test("a sequence number is below its bound, and takes any count of messages more", arguments: extremes)
    func bound(_ number: UInt64) {
        let sequence = SequenceNumber(number)
        #expect((sequence != nil) == (number < SequenceNumber.bound))
        if let sequence { #expect(!sequence.value.addingReportingOverflow(1 << 63 - 1).overflow) }
    }

    @Test(
        "credit is at most what any receiver can mean",
        arguments: [0, 1, 1 << 20, 1 << 20 + 1, 1 << 31, .max] as [UInt32])
    func credit(_ count: UInt32) {
        #expect((Credit(count) != nil) == (count <= 1 << 20))
        let sender = StreamSender()
        if let credit = Credit(count) {
            #expect(sender.grant(credit))
            // All there may be, once.
            #expect(sender.grant(credit) == (2 * credit.count <= Credit.most))
        }
    }

    @Test("a host that gives a port with counts that cannot be is refused")
    func counts() throws {
        let rows: [([UInt64], Bool)] = [
            ([2, 0, 0, 0, 7], true), ([2, 5, 9, 9, 7], true), ([2, 0, 5, 6, 7], false), ([2, 0, .max, .max, 7], false),
            ([2, 1 << 62, 0, 0, 7], false), ([2, 0, 1 << 62, 0, 7], false), ([3, 0, 0, 0, 7], false),
            ([0, 0, 0, 0, 7], false), ([2, (1 << 62) - 1, (1 << 62) - 1, (1 << 62) - 1, 7], true),
        ]
        for (row, isRight) in rows {
            let owner = Owner()
            let port = try owner.open()
            var isTaken = true
            do throws(LinkError) {
                try owner.hear(Said.carry(port, [row]))
                try owner.hear(Said.message(port, seq: 0, hasPorts: true))
                // And that one is spoken to: low bits of a count, and a message in turn.
                try owner.hear(Said.message(2, seq: row[1], consumed: 0))
                try owner.hear(Said.message(2, seq: row[1], consumed: .max))
                try owner.hear(Said.consumed(2, count: (1 << 62) - 1))
            } catch {
                isTaken = false
            }
            #expect(isTaken == isRight, "\(row)")
        }
    }

    @Test("a host that gives a number twice is refused")
    func twice() throws {
        let owner = Owner()
        let port = try owner.open()
        try owner.hear(Said.carry(port, [[4, 0, 0, 0, 1]]))
        try owner.hear(Said.message(port, seq: 0, hasPorts: true))
        try owner.hear(Said.carry(port, [[4, 0, 0, 0, 1]]))
        #expect(throws: LinkError.self) { try owner.hear(Said.message(port, seq: 1, hasPorts: true)) }
    }

    @Test("all frames of ports in any order, with any numbers, from a host", arguments: 1...20 as ClosedRange<UInt64>)
    func host(_ seed: UInt64) throws {
        var dice = Dice(seed)
        var violations = 0
        var owner = Owner()
        var ports = [try owner.open(), try owner.open()]
        for _ in 0..<2000 {
            do throws(LinkError) {
                try owner.hear(dice.frame(ports, columns: DeliveredPort.columns))
            } catch {
                violations += 1
                owner.node.end(IPCError(error))
                owner = Owner()
                ports = [try owner.open(), try owner.open()]
            }
            if dice.one(in: 20) { for port in owner.ports { _ = port.poll() } }
        }
        #expect(violations > 0)
    }

    @Test(
        "all orders in any order, with any numbers, from clients; and all of it goes",
        arguments: 1...20 as ClosedRange<UInt64>)
    func clients(_ seed: UInt64) throws {
        var dice = Dice(seed)
        var options = PortOptions()
        options.allowsMeetings = true
        options.portsPerLink = 200
        options.messagesBeforeDirect = 1
        let slices = HostSlices()
        let broker = PortBroker(options, longestMessage: 1 << 20, slices: slices)
        broker.setHub(BroadcastHub(broker))
        var members = (1...3).map { Member(UInt64($0), broker) }
        var violations = 0
        for round in 0..<4000 {
            let index = dice.below(members.count)
            do throws(LinkError) {
                try members[index].say(
                    dice.frame(
                        members[index].known, columns: PostedPort.columns,
                        next: { members[index].posted[$0] ?? 0 }))
            } catch {
                violations += 1
                members[index].leave()
                members[index] = Member(UInt64(round + 10), broker)
            }
            // A slice here and there: what goes on over turns does so between all of these.
            if dice.one(in: 2) { slices.step(.shortest) }
        }
        #expect(violations > 0)
        for member in members { member.leave() }
        slices.finish()
        #expect(broker.ends == 0)
        #expect(broker.channels.isEmpty)
        #expect(broker.remains.isEmpty)
        #expect(members.allSatisfy { $0.broadcasts.bytes == 0 })
    }
}

/// Frames of ports, as raw as a peer can send them.
enum Said {
    static func frame(
        _ operation: UInt8, _ number: UInt64, seq: UInt64 = 0, count: UInt64 = 0, route: UInt16 = 0,
        name: String? = nil,
        value: Value? = nil
    ) -> Frame {
        // One of those that there are: 1...10.
        var frame = Frame(FrameKind(byte: 16 + operation)!, port: number, count: UInt32(truncatingIfNeeded: count))
        frame.seq = Seq(seq)
        frame.route = route
        if let name { frame.name = name }
        frame.value = value
        return frame
    }

    static func carry(_ number: UInt64, _ rows: [[UInt64]]) -> Frame {
        frame(4, number, value: .array(rows.map { .array($0.map { .int(Int64(bitPattern: $0)) }) }))
    }

    static func message(_ number: UInt64, seq: UInt64, consumed: UInt64 = 0, hasPorts: Bool = false) -> Frame {
        frame(5, number, seq: seq, count: consumed, route: hasPorts ? PortParts.transfersBit : 0, value: .int(7))
    }

    static func consumed(_ number: UInt64, count: UInt64) -> Frame { frame(6, number, seq: count) }
}

/// A client's ports, whose host is the test.
private final class Owner {
    private final class Route: PortRoute {
        func send(_ command: PortCommand) throws(LinkError) {}
        func watch(_ isWanted: Bool) {}
        func read(until came: () -> Bool) {}
        func receiveEvents() {}
        func directChannel(_ frame: DirectChannelFrame, _ port: LocalPort, _ node: PortNode) -> (
            any DirectChannelProtocol
        )? { nil }
        var takesDescriptors: Bool { true }
        func hasRoom(forDescriptors count: Int) -> Bool { true }
        var isSpinning: Bool { false }
    }

    private let route = Route()
    let node: PortNode
    private var reader = PortReader<DeliveredPort>()
    private(set) var ports: [IPCMessagePort] = []

    init() { node = PortNode(route: route) }

    /// A port that the host knows, by its number.
    func open() throws -> UInt64 {
        let port = try node.openPort("name", .host)
        ports.append(port)
        return port.endpoint.number
    }

    func hear(_ frame: Frame) throws(LinkError) {
        guard let storage = try? FrameStorage(frame, nil), let read = try reader.read(storage) else { return }
        if let event = try read.event() { node.take(event) }
    }
}

/// A client as its host knows it, which hears nothing.
private final class Member: PortOwner {
    let state = PortOwnerState()
    private unowned let broker: PortBroker
    private var reader = PortReader<PostedPort>()
    private let id: UInt64
    /// Ports it was given, or has made; and how many messages were posted there.
    private(set) var known: [UInt64] = []
    private(set) var posted: [UInt64: UInt64] = [:]

    init(_ id: UInt64, _ broker: PortBroker) {
        self.id = id
        self.broker = broker
    }

    var sliceOwner: UInt64 { id }
    var hasRoom: Bool { !state.isGone }
    var canBeIntroduced: Bool { !state.isGone }
    func introduce(to other: any PortOwner, as id: UInt64) -> Bool {
        // As if both had offered at once.
        for each in [self, other] { try? broker.receive(offerFor: id, isRefusal: false, from: each) { _ in true } }
        return true
    }
    func deliver(_ delivery: Parcel<DeliveredPort>) {
        for port in delivery.transferred {
            known.append(port.number)
            posted[port.number] = port.sent.value
        }
    }
    func notifyClosed(_ number: UInt64, reason: String?) { forget([number]) }
    private func forget(_ numbers: [UInt64]) { known.removeAll { numbers.contains($0) } }

    func say(_ frame: Frame) throws(LinkError) {
        guard let storage = try? FrameStorage(frame, nil), let read = try reader.read(storage) else { return }
        if case .open(let number, _, _) = read { known.append(number) }
        if case .channel(let first, let second) = read { known += [first, second] }
        if known.count > 64 { known.removeFirst(known.count - 64) }
        guard let command = read.command() else { return }
        try broker.take(command, from: self)
        switch command {
        case .message(let posting):
            posted[posting.number, default: 0] += 1
            forget(posting.transferred.map(\.number))
        case .close(let number): forget([number])
        default: break
        }
    }

    func leave() {
        broker.beginRemoval(of: self)
        broker.slices.add(PortRemoval(broker, self), for: id)
    }
}

/// What to say next: mostly what could be right, with a number that cannot be now and then.
private struct Dice {
    private var generator: SeededGenerator
    private var nextNumber: UInt64 = 1

    init(_ seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func below(_ count: Int) -> Int { Int.random(in: 0..<count, using: &generator) }
    mutating func one(in count: Int) -> Bool { below(count) == 0 }

    private mutating func number(_ usual: UInt64) -> UInt64 {
        one(in: 40) ? PortStateTests.extremes[below(PortStateTests.extremes.count)] : usual
    }

    /// Messages are counted from 0 at each port: one of the first few is often right.
    private mutating func count() -> UInt64 { number(UInt64(below(3))) }

    mutating func frame(_ ports: [UInt64], columns: Int, next: (UInt64) -> UInt64 = { _ in 0 }) -> Frame {
        let isHost = columns == DeliveredPort.columns
        let port = number(ports.isEmpty ? 1 : ports[below(ports.count)])
        switch below(12) {
        case 0 where !isHost, 1 where !isHost:
            nextNumber += 2
            let modes: [Value] = [0, 1, 1, [2, "o", 0], [2, "o", 1], [2, "*", 0]]
            return Said.frame(1, number(nextNumber), name: "n\(below(4))", value: modes[below(modes.count)])
        case 2 where !isHost:
            nextNumber += 4
            return Said.frame(2, number(nextNumber - 2), seq: number(nextNumber))
        case 3:
            let rows = (0...below(3)).map { _ in
                (0..<columns).map { column in
                    column == 0 ? number(ports.isEmpty ? 2 : ports[below(ports.count)]) : count()
                }
            }
            return Said.carry(port, rows)
        case 4, 5, 6:
            return Said.frame(
                5, port, seq: isHost ? count() : number(next(port)), count: count(),
                route: one(in: 3) ? PortParts.transfersBit : 0,
                value: one(in: 2) ? 7 : [0, "o", 5])
        case 7: return Said.consumed(port, count: count())
        case 8: return Said.frame(7, port)
        case 9:
            let steps: [UInt64] = isHost ? [1, 2, 3, 4, 5] : [16, 17, 18, 19, 20, 21]
            return Said.frame(
                8, number(UInt64(below(20))), seq: count(), count: steps[below(steps.count)], value: isHost ? 5 : nil)
        case 10: return Said.frame(10, 0, seq: count())
        default: return Said.frame(5, number(UInt64(below(20))) | 1 << 63, seq: count(), value: 7)
        }
    }
}
