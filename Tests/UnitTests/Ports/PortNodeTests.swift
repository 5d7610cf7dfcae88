// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import OroPorts
import Testing

@testable import OroIPC

@Suite("The ports of one owner")
struct PortNodeTests {
    private let route = RecordingRoute()
    private let node: PortNode

    init() { node = PortNode(route: route) }

    /// A port that the broker knows, and its commands so far.
    private func open() throws -> IPCMessagePort {
        let port = try node.openPort("n", .host)
        _ = route.takeCommands()
        return port
    }

    private func deliver(
        _ port: IPCMessagePort, seq: UInt64, _ data: Int64, consumed: UInt64 = 0, transferred: [DeliveredPort] = []
    ) {
        node.take(
            .message(
                Parcel(
                    number: port.endpoint.number, seq: SequenceNumber(own: seq),
                    consumed: SendWindow.low(consumed), content: content(data), transferred: transferred)))
    }

    private func next(_ port: IPCMessagePort) -> Int64? {
        if case .message(let message)? = port.poll() { number(message.content) } else { nil }
    }

    private func commands() -> [String] { route.takeCommands().map(text) }

    @Test("messages are numbered in the order they were posted")
    func numbers() throws {
        let (one, other) = (try open(), try open())
        for data in 0..<3 {
            try one.postMessage(.int(Int64(data)))
            try other.postMessage(.int(Int64(10 + data)))
        }
        #expect(
            commands() == [
                "message 1 #0 = 0", "message 3 #0 = 10", "message 1 #1 = 1", "message 3 #1 = 11", "message 1 #2 = 2",
                "message 3 #2 = 12",
            ])
    }

    @Test("no more is posted than the window, until the other end has taken some")
    func window() throws {
        let port = try open()
        for data in 0..<Int64(PortLimits.window) { try port.postMessage(.int(data)) }
        #expect(throws: IPCError.self) { try port.postMessage(.int(-1)) }
        #expect(route.takeCommands().count == Int(PortLimits.window))
        // Counts that cannot be say nothing.
        node.take(.consumed(1, count: SequenceNumber(own: PortLimits.window + 1)))
        node.take(.consumed(1, count: .zero))
        #expect(throws: IPCError.self) { try port.postMessage(.int(-1)) }
        node.take(.consumed(1, count: SequenceNumber(own: 2)))
        try port.postMessage(.int(-2))
        try port.postMessage(.int(-3))
        #expect(throws: IPCError.self) { try port.postMessage(.int(-1)) }
        // One that goes back says nothing either.
        node.take(.consumed(1, count: SequenceNumber(own: 1)))
        #expect(throws: IPCError.self) { try port.postMessage(.int(-1)) }
        #expect(commands() == ["message 1 #1024 = -2", "message 1 #1025 = -3"])
    }

    @Test("what comes along with a message counts as taken, by its low bits")
    func lowBits() throws {
        let port = try open()
        for data in 0..<Int64(PortLimits.window) { try port.postMessage(.int(data)) }
        deliver(port, seq: 0, 1, consumed: 5)
        for data in 0..<5 { try port.postMessage(.int(Int64(data))) }
        #expect(throws: IPCError.self) { try port.postMessage(.int(-1)) }
        // Far more than were sent: a count that went back.
        deliver(port, seq: 1, 1, consumed: 4)
        #expect(throws: IPCError.self) { try port.postMessage(.int(-1)) }
    }

    @Test("large messages fill a window before it is full by number, but one may always be posted")
    func bytes() throws {
        let port = try open()
        let large = StructuredValue.bytes(Bytes([UInt8](repeating: 1, count: PortLimits.windowBytes)))
        try port.postMessage(large)
        #expect(throws: IPCError.self) { try port.postMessage(.int(1)) }
        node.take(.consumed(1, count: SequenceNumber(own: 1)))
        try port.postMessage(.int(1))
        try port.postMessage(large)
        #expect(throws: IPCError.self) { try port.postMessage(.int(1)) }
    }

    @Test("messages are taken once, in order; one that comes again or too early is not taken")
    func order() throws {
        let port = try open()
        #expect(next(port) == nil)
        deliver(port, seq: 0, 10)
        deliver(port, seq: 0, 11)
        deliver(port, seq: 2, 12)
        deliver(port, seq: 1, 13)
        #expect(next(port) == 10 && next(port) == 13 && next(port) == nil)
        deliver(port, seq: 2, 14)
        #expect(next(port) == 14 && next(port) == nil)
    }

    @Test("the other end is told how many were taken now and then, and with each message posted")
    func notifying() throws {
        let port = try open()
        for data in 0..<300 { deliver(port, seq: UInt64(data), Int64(data)) }
        for data in 0..<127 { #expect(next(port) == Int64(data)) }
        #expect(commands().isEmpty)
        #expect(next(port) == 127)
        #expect(commands() == ["consumed 1 128"])
        for _ in 0..<100 { _ = next(port) }
        try port.postMessage(.int(0))
        guard case .message(let posting)? = route.takeCommands().first else {
            Issue.record("nothing was posted")
            return
        }
        #expect(posting.consumed == 228)
        // Said with the message: counted from there.
        for _ in 0..<72 { _ = next(port) }
        #expect(commands().isEmpty)
    }

    @Test("what was posted before the other end closed is taken first, and then the end, once")
    func closing() throws {
        let port = try open()
        deliver(port, seq: 0, 1)
        node.take(.closed(1, reason: "why"))
        #expect(!port.closed)
        try port.postMessage(.int(9))
        #expect(next(port) == 1 && port.closed)
        guard case .closed(let reason)? = port.poll() else {
            Issue.record("no end")
            return
        }
        #expect(reason == "why" && port.poll() == nil)
        _ = route.takeCommands()
        try port.postMessage(.int(2))
        #expect(commands().isEmpty && node.count == 0)
    }

    @Test("a port that goes away is closed, and one that goes along with a message leaves with its cut")
    func leaving() throws {
        let port = try open()
        var other: IPCMessagePort? = try open()
        for seq in 0..<3 { deliver(try #require(other), seq: UInt64(seq), 5) }
        _ = next(try #require(other))
        try port.postMessage(.array([.port(try #require(other))]), transfer: [try #require(other)])
        #expect(commands() == ["message 1 #0 = ? with 3 at 1"])
        #expect(other?.closed == true && node.count == 1)
        #expect(throws: IPCError.self) { try port.postMessage(.int(1), transfer: [try #require(other)]) }
        other = nil
        #expect(commands().isEmpty, "it was given away, not closed")
        var third: IPCMessagePort? = try open()
        #expect(third?.closed == false)
        third = nil
        #expect(commands() == ["close 5"])
    }

    @Test("a port that comes begins where its earlier owner stopped")
    func coming() throws {
        let port = try open()
        let transferred = DeliveredPort(
            number: 8, received: SequenceNumber(own: 40), sent: SequenceNumber(own: 1030),
            acknowledged: SequenceNumber(own: 1000), id: 77)
        deliver(port, seq: 0, 1, transferred: [transferred])
        guard case .message(let message)? = port.poll(), let new = message.ports.first else {
            Issue.record("no port came")
            return
        }
        #expect(new.id == "77")
        deliver(new, seq: 39, 1)
        deliver(new, seq: 40, 2)
        #expect(next(new) == 2 && next(new) == nil)
        _ = route.takeCommands()
        // 30 of its messages are still to be taken.
        for data in 0..<Int64(PortLimits.window - 30) { try new.postMessage(.int(data)) }
        #expect(throws: IPCError.self) { try new.postMessage(.int(-1)) }
        #expect(route.takeCommands().map(text).first == "message 8 #1030 = 0")
    }

    @Test("a port inside this process that is sent away takes along what is on its way in it")
    func exporting() throws {
        let port = try open()
        let channel = IPCMessageChannel()
        try channel.port1.postMessage(.int(1))
        try channel.port1.postMessage(.int(2))
        try channel.port2.postMessage(.int(3))
        try port.postMessage(.array([.port(channel.port2)]), transfer: [channel.port2])
        // The end that goes is numbered first.
        #expect(
            commands() == [
                "channel 3 5", "message 3 #0 = 3", "message 5 #0 = 1", "message 5 #1 = 2",
                "message 1 #0 = ? with 3 at 0",
            ])
        #expect(next(channel.port1) == nil, "it comes through the broker now")
    }

    @Test("when the link ends every port is closed, after what has come; nothing is posted any more")
    func end() throws {
        let (port, other) = (try open(), try open())
        deliver(port, seq: 0, 1)
        node.end(.network("gone"))
        node.end(.abort())
        #expect(next(port) == 1)
        guard case .closed(let reason)? = port.poll() else {
            Issue.record("no end")
            return
        }
        #expect(reason == "gone" && other.closed)
        #expect(throws: IPCError.self) { try node.openPort("n", .host) }
    }
}
