// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroBase
import OroConformance
import OroFrame
import OroPorts
import Testing

@testable import OroIPC
@testable import OroLink

/// Two clients whose ports have a link of their own: what happens to the conversation when the link fails, or the other
/// side of it lies. What ports promise on such a link is among the behaviours of `OroConformance`.
@Suite("Direct links")
struct DirectLinkTests {
    /// Two clients of one host, and a port between them.
    private struct Couple {
        let host: Host
        let clients: [Client]
        let ports: [IPCMessagePort]

        init(_ hostOptions: HostOptions = HostOptions(), _ clientOptions: ClientOptions = ClientOptions()) throws {
            var options = hostOptions
            options.ports.allowsMeetings = true
            host = try Host.embedded(options: options)
            let clients = [try host.connect(), try host.connect(options: clientOptions)]
            self.clients = clients
            ports = try clients.map { try $0.meet("here") }
        }

        func talk(_ rounds: Int, until isEnough: () -> Bool = { false }) throws {
            for round in 0..<rounds {
                for (from, to) in [(ports[0], ports[1]), (ports[1], ports[0])] {
                    try from.postMessage(.int(Int64(round)))
                    try #require(to.receive(waitingAtMost: .seconds(30))?.data.int == Int64(round))
                }
                if isEnough() { return }
            }
        }

        func goDirect() throws {
            try talk(10_000) { isDirect }
            try #require(isDirect)
        }

        var isDirect: Bool { clients.allSatisfy { $0.statistics.directMessages > 0 } }

        /// The link as this client has it.
        func link(_ index: Int) throws -> DirectLink {
            try #require(clients[index].core.directs.known.withLock { $0.values.first })
        }

        func stop() {
            for client in clients { client.close() }
            host.stop()
        }
    }

    @Test("a link that fails with messages on their way loses none, and the conversation goes on through the host")
    func failure() throws {
        let couple = try Couple()
        defer { couple.stop() }
        try couple.goDirect()
        for number in 0..<100 { try couple.ports[0].postMessage(.int(Int64(number))) }
        try couple.link(0).link.end(.closed)
        for number in 100..<200 { try couple.ports[0].postMessage(.int(Int64(number))) }
        for number in 0..<200 {
            #expect(couple.ports[1].receive(waitingAtMost: .seconds(30))?.data.int == Int64(number))
        }
        try couple.talk(20)
        #expect(couple.host.statistics.violations == 0)
    }

    @Test(
        "who speaks nonsense on a link loses it, and nothing else",
        arguments: [
            [UInt8](repeating: 0xff, count: 64), [1, 2, 3],
            // A request; a port that is opened; ports that go along; a step of a direct channel.
            [1] + [UInt8](repeating: 0, count: 31), [17] + [UInt8](repeating: 0, count: 31),
            [20] + [UInt8](repeating: 0, count: 31),
            [24, 0, 0, 0, 3] + [UInt8](repeating: 0, count: 27),
        ])
    func nonsense(_ bytes: [UInt8]) throws {
        let couple = try Couple()
        defer { couple.stop() }
        try couple.goDirect()
        let direct = try couple.link(0)
        try direct.link.withRing(shared: true) { (ring) throws(LinkError) in
            _ = unsafe try direct.link.write(ring, count: bytes.count) { place in
                unsafe bytes.withUnsafeBytes { unsafe place.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
            }
        }
        // The taker reads it before what comes behind it.
        try couple.talk(50)
        #expect(couple.clients[1].core.directs.count.load(ordering: .relaxed) == 0)
        #expect(couple.host.statistics.violations == 0)
        #expect(couple.host.statistics.links == 2)
    }

    @Test("a message for a direct channel that was not laid over this link reaches nobody")
    func forged() throws {
        let couple = try Couple()
        defer { couple.stop() }
        try couple.goDirect()
        let content = try PortContent("forged", transfer: [])
        for token: UInt64 in [0, 7, .max, 1 << 63 | 1] {
            try couple.link(0).send(Parcel(number: token, seq: .zero, content: content))
        }
        try couple.talk(20)
        #expect(try couple.link(1).isOver == false)
    }

    /// What a client may say on a link with another that the engine never does.
    enum Lie: String, CaseIterable {
        case farAhead, beyondCounting, greatest, consumedAll, outOfTurn, twice, backwards, consumedBack, consumedBeyond,
            foreignBlock, blockTwice, descriptors,
            introduction

        /// The other hangs up; else it takes no notice.
        var endsLink: Bool {
            switch self {
            case .farAhead, .beyondCounting, .greatest, .consumedAll, .outOfTurn, .foreignBlock, .blockTwice,
                .descriptors, .introduction:
                true
            case .twice, .backwards, .consumedBack, .consumedBeyond: false
            }
        }
    }

    @Test("what a client says on a link that cannot be ends that link, or says nothing", arguments: Lie.allCases)
    func lies(_ lie: Lie) throws {
        let couple = try Couple()
        defer { couple.stop() }
        try couple.goDirect()
        let direct = try couple.link(0)
        let port = couple.ports[0].endpoint
        let token = try #require(port.channel?.token)
        let content = try PortContent("a lie", transfer: [])
        func say(_ seq: UInt64, consumed: UInt32 = 0) throws {
            try direct.send(
                Parcel(number: token, seq: SequenceNumber(own: seq), consumed: consumed, content: content))
        }
        func raw(_ bytes: [UInt8]) throws {
            try direct.link.withRing(shared: true) { (ring) throws(LinkError) in
                _ = unsafe try direct.link.write(ring, count: bytes.count) { place in
                    unsafe bytes.withUnsafeBytes { unsafe place.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
                }
            }
        }
        /// A message whose payload lies elsewhere.
        func lent(slot: UInt32, loan: UInt64) -> [UInt8] {
            func little<T: FixedWidthInteger>(_ number: T) -> [UInt8] {
                withUnsafeBytes(of: number.littleEndian) { [UInt8]($0) }
            }
            return [21, 32] + little(UInt16(0)) + little(UInt32(0)) + little(token) + little(port.window.sent)
                + little(UInt32(1)) + little(UInt32(32)) + [5] + little(slot) + little(UInt32(0)) + little(loan)
                + little(UInt64(0)) + little(UInt64(100))
        }
        switch lie {
        case .farAhead: try say(1 << 40)
        case .beyondCounting: try say(1 << 62)
        case .greatest: try say(.max)
        case .consumedAll: _ = direct.sendConsumed(token, .max)
        case .outOfTurn: for seq in [port.window.sent + 5, port.window.sent + 4] { try say(seq) }
        case .twice: try say(port.window.sent - 1)
        case .backwards: for seq in 0..<3 { try say(UInt64(seq)) }
        case .consumedBack: for count in [5, 3, 1] { _ = direct.sendConsumed(token, UInt64(count)) }
        case .consumedBeyond: for count in [1 << 20, UInt64(1) << 62 - 1] { _ = direct.sendConsumed(token, count) }
        case .foreignBlock: try raw(lent(slot: 7, loan: 1))
        case .blockTwice:
            // One that was never passed, said twice.
            for _ in 0..<2 { try raw(lent(slot: 0, loan: 1)) }
        case .descriptors:
            #expect(try direct.link.pass([PassedDescriptor(Descriptor(oro_raw_file()))]) == 0)
        case .introduction: Introduction.refuse(1, over: direct.link)
        }
        try couple.talk(50)
        #expect((couple.clients[1].core.directs.count.load(ordering: .relaxed) == 0) == lie.endsLink)
        #expect(couple.host.statistics.violations == 0)
        #expect(couple.host.statistics.links == 2)
    }

    @Test(
        "an impossible step of a direct channel ends the owner's link with the host, or changes nothing",
        arguments: [
            (DirectChannelFrame.Step.ready, true), (.resumeForPeer, true), (.throughForPeer, true), (.prepare, true),
            (.over, true),
            (.refused, false), (.resume, false),
        ])
    func stepsOutOfOrder(_ step: DirectChannelFrame.Step, isViolation: Bool) async throws {
        let couple = try Couple()
        defer { couple.stop() }
        try couple.goDirect()
        let node = couple.clients[0].core.ports
        let token = try #require(couple.ports[0].endpoint.channel?.token)
        try node.withLock { try node.send(.direct(DirectChannelFrame(token, step, number: 0))) }
        if isViolation {
            try await until("its link is over") { couple.host.statistics.violations == 1 }
            // The other goes on without it.
            while let event = couple.ports[1].receive(waitingAtMost: .seconds(30)), event.type != "close" {}
            #expect(couple.ports[1].closed)
            #expect(couple.clients[1].sendSync("ping").isOK)
        } else {
            try couple.talk(50)
            #expect(couple.clients[0].sendSync("ping").isOK)
            #expect(couple.host.statistics.violations == 0)
        }
    }

    @Test("either side can say no, and everything goes through the host", arguments: [true, false])
    func refused(byHost: Bool) throws {
        var (hostOptions, clientOptions) = (HostOptions(), ClientOptions())
        if byHost { hostOptions.ports.allowsDirectLinks = false } else { clientOptions.allowsDirectLinks = false }
        let couple = try Couple(hostOptions, clientOptions)
        defer { couple.stop() }
        try couple.talk(100)
        #expect(couple.clients.allSatisfy { $0.statistics.directLinks == 0 && $0.statistics.directMessages == 0 })
    }

    @Test("large buffers go over the link in blocks, whole, and come back")
    func blocks() throws {
        let couple = try Couple()
        defer { couple.stop() }
        try couple.goDirect()
        let bytes = [UInt8]((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
        for _ in 0..<5 {
            try couple.ports[0].postMessage(.bytes(Bytes(bytes)))
            let event = try #require(couple.ports[1].receive(waitingAtMost: .seconds(30)))
            #expect(event.data.bytes.map { [UInt8]($0) } == bytes)
            // The sender hears that it was taken.
            try couple.talk(1)
        }
        // All were given back.
        let arena = try couple.link(0).link.arena
        _ = try arena.serve()
        #expect(arena.figures.loansOut == 0)
    }

    @Test("an owner that is stopped, and had the port before, does not keep its new owner from the end")
    func stoppedOwner() throws {
        var options = HostOptions()
        options.ports.allowsMeetings = true
        options.ports.drainMilliseconds = 100
        let host = try Host.embedded(options: options)
        defer { host.stop() }
        let (dying, stopped) = (
            try Peer(["porttalker", "--role", "first"], fds: [try host.makePeer()]),
            try Peer(["porttalker", "--role", "second"], fds: [try host.makePeer()])
        )
        for peer in [dying, stopped] { try peer.line(starting: "talked") }
        // It does not say what it had sent directly, and was not taken.
        stop(dying)
        let client = try host.connect()
        let meeting = try client.meet("next")
        stopped.say("hand on")
        let port = try #require(meeting.receive(waitingAtMost: .seconds(30))?.data.port)
        try stopped.line(starting: "done")
        stop(stopped)
        dying.kill()
        var last: IPCMessageEvent?
        while let event = port.receive(waitingAtMost: .seconds(30)) {
            last = event
            if event.type == "close" { break }
        }
        #expect(last?.type == "close")
        // It is no enemy for its silence, nor for what it says too late.
        stopped.kill(SIGCONT)
        stopped.say("go on")
        try stopped.line(starting: "done")
        #expect(host.statistics.violations == 0)
        #expect(stopped.finish() == 0)
    }

    /// Returns when no thread of it runs any more.
    private func stop(_ peer: Peer) {
        peer.kill(SIGSTOP)
        while true {
            let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(peer.pid)/task")) ?? []
            let states = tasks.map { task in
                let stat = (try? String(contentsOfFile: "/proc/\(peer.pid)/task/\(task)/stat", encoding: .utf8)) ?? ""
                return stat.split(separator: ")").last?.split(separator: " ").first
            }
            if states.allSatisfy({ $0 == "T" }) { return }
        }
    }

    @Test(
        "commands of a direct channel for a host that does not read are sent when there is room, though nobody posts"
    )
    func fullQueue() async throws {
        let gate = DispatchSemaphore(value: 0)
        var clientOptions = ClientOptions()
        clientOptions.link.ringBytes = 4096
        clientOptions.waitingBytes = 4096
        let couple = try Couple(HostOptions(), clientOptions)
        defer { couple.stop() }
        couple.host.router.map("hold") { _ in
            gate.wait()
            return Result()
        }
        try couple.goDirect()
        let (port, core) = (couple.ports[1].endpoint, couple.clients[1].core)
        let token = try #require(port.channel?.token)
        for number in 0..<20 { try couple.ports[1].postMessage(.int(Int64(number))) }
        try couple.clients[1].post("hold")
        // Until nothing more goes to the host. It says nothing that the host does not know.
        #expect(throws: IPCError.self) {
            while true { try port.withLock { node in try node.send(.consumed(port.number, count: .zero)) } }
        }
        core.ports.take(.direct(DirectChannelFrame(token, .stop)))
        #expect(port.channel != nil)
        gate.signal()
        for number in 0..<20 {
            #expect(couple.ports[0].receive(waitingAtMost: .seconds(30))?.data.int == Int64(number))
        }
        let other = couple.clients[0].core.ports
        try await until("the direct channel is over") {
            #expect(couple.ports[0].receive(waitingAtMost: .milliseconds(1)) == nil)
            return other.withLock { other.channels.isEmpty }
        }
    }

    @Test("a client that is closed leaves what it has said, and then the end")
    func closing() throws {
        let couple = try Couple()
        defer { couple.stop() }
        try couple.goDirect()
        for number in 0..<50 { try couple.ports[0].postMessage(.int(Int64(number))) }
        couple.clients[0].close()
        for number in 0..<50 {
            #expect(couple.ports[1].receive(waitingAtMost: .seconds(30))?.data.int == Int64(number))
        }
        #expect(couple.ports[1].receive(waitingAtMost: .seconds(30))?.type == "close")
    }
}
