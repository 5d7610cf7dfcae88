// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroLink
import OroPorts
import Testing

@testable import OroIPC

/// One side of a channel whose messages go over a link of two clients, and through the broker where they have to.
@Suite("A direct channel")
struct DirectChannelTests {
    private static let token: UInt64 = 9

    private final class Side {
        let route = RecordingRoute()
        let link = RecordingTransport()
        let node: PortNode
        let port: IPCMessagePort

        init() throws {
            route.links[5] = link
            node = PortNode(route: route)
            port = try node.openPort("n", .pairing)
            _ = route.takeCommands()
        }

        /// The broker takes a step of the direct channel.
        func broker(_ step: DirectChannelFrame.Step) {
            node.take(.direct(DirectChannelFrame(token, step, number: 1, link: 5)))
        }

        /// A message of the other owner's through the broker.
        func brokered(_ seq: UInt64) {
            node.take(
                .message(
                    Parcel(number: 1, seq: SequenceNumber(own: seq), content: content(Int64(seq)))))
        }

        /// The same over the link.
        func direct(_ seq: UInt64, token: UInt64 = token, over other: RecordingTransport? = nil) throws(LinkError) {
            let message = Parcel<Never>(
                number: token, seq: SequenceNumber(own: seq), content: content(Int64(seq)))
            try node.take(message, over: other ?? link)
        }

        /// The other owner has taken so many.
        func taken(_ count: UInt64) throws(LinkError) {
            try node.take(.consumed(token, count: SequenceNumber(own: count)), over: link)
        }

        func commands() -> [String] { route.takeCommands().map(text) }

        /// All that has come, in the order in which it is taken.
        func takeAll() -> [UInt64] {
            var all: [UInt64] = []
            while case .message(let message)? = port.poll() { all.append(UInt64(number(message.content) ?? -1)) }
            return all
        }
    }

    /// One whose messages go over the link.
    private static func open() throws -> Side {
        let side = try Side()
        side.broker(.prepare)
        #expect(side.commands() == ["ready 9 0"])
        side.broker(.go)
        return side
    }

    /// Every order in which so many over one path and so many over the other may come; true: of the first.
    private static func interleavings(_ first: Int, _ second: Int) -> [[Bool]] {
        if first == 0 { return [[Bool](repeating: false, count: second)] }
        if second == 0 { return [[Bool](repeating: true, count: first)] }
        return interleavings(first - 1, second).map { [true] + $0 }
            + interleavings(first, second - 1).map { [false] + $0 }
    }

    @Test("messages go over the link from the moment both owners are ready, numbered on")
    func going() throws {
        let side = try Side()
        try side.port.postMessage(.int(0))
        side.broker(.prepare)
        try side.port.postMessage(.int(1))
        #expect(side.commands() == ["message 1 #0 = 0", "ready 9 0", "message 1 #1 = 1"])
        side.broker(.go)
        try side.port.postMessage(.int(2))
        #expect(side.commands().isEmpty)
        #expect(side.link.sent.map(\.seq.value) == [2] && side.link.sent.map(\.number) == [9])
    }

    @Test("a direct channel that is prepared for a port or a link that is not there is refused")
    func refused() throws {
        let side = try Side()
        side.node.take(.direct(DirectChannelFrame(7, .prepare, number: 3, link: 5)))
        side.node.take(.direct(DirectChannelFrame(8, .prepare, number: 1, link: 6)))
        side.broker(.prepare)
        side.node.take(.direct(DirectChannelFrame(10, .prepare, number: 1, link: 5)))
        #expect(side.commands() == ["refused 7 0", "refused 8 0", "ready 9 0", "refused 10 0"])
    }

    @Test("what was posted before comes first, however the two take turns")
    func mixed() throws {
        for order in DirectChannelTests.interleavings(4, 4) {
            for takesAtOnce in [false, true] {
                let side = try DirectChannelTests.open()
                var (brokered, direct) = (UInt64(0), UInt64(4))
                var taken: [UInt64] = []
                for isBrokered in order {
                    if isBrokered {
                        side.brokered(brokered)
                        brokered += 1
                    } else {
                        try side.direct(direct)
                        direct += 1
                    }
                    if takesAtOnce { taken += side.takeAll() }
                }
                taken += side.takeAll()
                #expect(taken == Array(0..<8), "\(order)")
            }
        }
    }

    @Test("what is posted again through the broker comes once, whichever way was faster")
    func again() throws {
        // Over the link 2, 3 and 4; through the broker 0 and 1, then again from 2 on, and 5.
        for order in DirectChannelTests.interleavings(3, 6) {
            let side = try DirectChannelTests.open()
            var (direct, brokered) = (UInt64(2), UInt64(0))
            var taken: [UInt64] = []
            for (index, isDirect) in order.enumerated() {
                if isDirect {
                    try side.direct(direct)
                    direct += 1
                } else {
                    side.brokered(brokered)
                    brokered += 1
                }
                if index % 2 == 0 { taken += side.takeAll() }
            }
            taken += side.takeAll()
            #expect(taken == Array(0..<6), "\(order)")
        }
    }

    @Test(
        "when the direct channel ends, what is not known to be taken is posted again, and nothing else",
        arguments: 0...4)
    func stopping(_ acknowledged: UInt64) throws {
        let side = try DirectChannelTests.open()
        for data in 0..<4 { try side.port.postMessage(.int(Int64(data))) }
        if acknowledged > 0 { try side.taken(acknowledged) }
        side.broker(.stop)
        var expected = ["resume 9 \(acknowledged)"]
        for seq in acknowledged..<4 { expected.append("message 1 #\(seq) = \(seq)") }
        expected += ["consumed 1 0", "through 9 0"]
        #expect(side.commands() == expected)
        side.broker(.stop)
        #expect(side.commands().isEmpty, "once")
        try side.port.postMessage(.int(4))
        #expect(side.commands() == ["message 1 #4 = 4"])
    }

    @Test("where the broker's link has no room for all of it, the rest follows when there is some", arguments: 0...7)
    func crowded(_ room: Int) throws {
        let side = try DirectChannelTests.open()
        for data in 0..<4 { try side.port.postMessage(.int(Int64(data))) }
        side.route.room = room
        side.broker(.stop)
        side.node.roomCame()
        side.route.room = nil
        side.node.roomCame()
        side.node.roomCame()
        // A count may be said twice.
        var commands = side.commands()
        if room == 6, commands.count == 8 { #expect(commands.remove(at: 6) == "consumed 1 0") }
        #expect(
            commands == [
                "resume 9 0", "message 1 #0 = 0", "message 1 #1 = 1", "message 1 #2 = 2", "message 1 #3 = 3",
                "consumed 1 0", "through 9 0",
            ])
    }

    @Test("a message that the link does not take goes through the broker, behind those before it")
    func broken() throws {
        let side = try DirectChannelTests.open()
        try side.port.postMessage(.int(0))
        side.link.isBroken = true
        try side.port.postMessage(.int(1))
        #expect(
            side.commands() == ["resume 9 0", "message 1 #0 = 0", "consumed 1 0", "through 9 0", "message 1 #1 = 1"])
    }

    @Test("a port that moves on has all its messages at the broker first")
    func moving() throws {
        let side = try DirectChannelTests.open()
        let other = try side.node.openPort("other", .host)
        try side.port.postMessage(.int(0))
        _ = side.commands()
        try other.postMessage(.array([.port(side.port)]), transfer: [side.port])
        #expect(
            side.commands() == [
                "resume 9 0", "message 1 #0 = 0", "consumed 1 0", "through 9 0", "message 3 #0 = ? with 1 at 0",
            ])
        #expect(side.port.closed)
    }

    @Test("the other owner hears over the direct channel how many were taken, the broker how many of its own")
    func notifying() throws {
        let side = try DirectChannelTests.open()
        for seq in 0..<UInt64(3) { side.brokered(seq) }
        for seq in 3..<UInt64(3 + 130) { try side.direct(seq) }
        #expect(side.takeAll().count == 133)
        #expect(side.link.consumed == [128])
        #expect(side.commands() == ["consumed 1 3"])
    }

    @Test(
        "what had come of an owner that is gone, and was not taken, is posted in its stead", arguments: [false, true])
    func draining(_ isFull: Bool) throws {
        let side = try DirectChannelTests.open()
        for seq in 0..<UInt64(2) { side.brokered(seq) }
        // The last one came before those through the broker.
        for seq in 2..<UInt64(4) { try side.direct(seq) }
        try side.direct(5)
        _ = side.port.poll()
        _ = side.commands()
        if isFull {
            side.route.room = 0
            side.broker(.drain)
            side.route.room = nil
            side.node.roomCame()
        } else {
            side.broker(.drain)
        }
        let peer = DirectChannelTests.token | DirectChannelFrame.peerBit
        #expect(
            side.commands() == [
                "resumeForPeer 9 1", "message \(peer) #2 = 2", "message \(peer) #3 = 3", "message \(peer) #5 = 5",
                "throughForPeer 9 0",
            ])
    }

    @Test("what comes of nobody, or over another link, is no message; too many, or out of turn, are a violation")
    func hostile() throws {
        let side = try DirectChannelTests.open()
        try side.direct(0, token: 8)
        try side.direct(0, over: RecordingTransport())
        #expect(side.takeAll().isEmpty)
        #expect(throws: LinkError.self) { try side.direct(PortLimits.window) }
        try side.direct(5)
        #expect(throws: LinkError.self) { try side.direct(5) }
        #expect(throws: LinkError.self) { try side.direct(4) }
        #expect(throws: LinkError.self) { try side.node.take(.close(1, reason: nil), over: side.link) }
        // Counts that cannot be say nothing.
        try side.port.postMessage(.int(0))
        try side.taken(2)
        side.broker(.stop)
        #expect(side.commands().prefix(2) == ["resume 9 0", "message 1 #0 = 0"])
    }

    @Test("a direct channel that is over takes nothing with it")
    func over() throws {
        let side = try DirectChannelTests.open()
        side.broker(.over)
        try side.direct(0)
        side.brokered(0)
        #expect(side.takeAll() == [0])
        try side.port.postMessage(.int(7))
        #expect(side.commands() == ["message 1 #0 = 7"] && side.link.sent.isEmpty)
    }
}
