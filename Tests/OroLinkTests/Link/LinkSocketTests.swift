// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import Testing

@testable import OroLink

/// Wake packets and control packets of one link. `client` sleeps, `host` wakes.
@Suite("The socket of a link")
struct LinkSocketTests {
    private let wake = Array("OROY".utf8)

    private func post(_ link: Link) throws {
        #expect(
            try link.withRing(shared: true) { (ring) throws(LinkError) in try link.write(ring, count: 8) { _ in } }
                == .sent)
    }

    private func readAll(_ link: Link) throws -> Int {
        if link.socketHasNews { try link.readSocket() }
        return try link.drain(limit: 1000) { _ in }
    }

    @Test(
        "each sleep is ended by a packet, also with the smallest send buffer there is", arguments: WakeBackend.allCases)
    func eachSleep(_ backend: WakeBackend) throws {
        let pair = try LinkPair(sendBuffer: 1)
        let poller = try Poller(backend)
        try poller.add(pair.client.socket.number, key: 1)
        var sleeps = 0, looks = 0
        while sleeps < 300 {
            guard pair.client.arm(), !pair.client.hasSomething() else {
                pair.client.disarm()
                looks += try readAll(pair.client) + 1
                continue
            }
            try post(pair.host)
            var isTold = false
            poller.wait(10_000_000_000) { event in
                isTold = true
                pair.client.noteSocketEvent(hasHungUp: event.hasHungUp)
            }
            #expect(isTold, "sleep \(sleeps)")
            if !isTold { return }
            pair.client.disarm()
            #expect(try readAll(pair.client) == 1)
            sleeps += 1
        }
        // They are read in groups.
        #expect(looks < sleeps, "\(looks) looks for \(sleeps) sleeps")
    }

    @Test("a packet wakes once for each sleep, whoever wakes")
    func once() throws {
        let pair = try LinkPair()
        for _ in 0..<3 {
            #expect(pair.client.arm())
            for _ in 0..<10 { try post(pair.host) }
            pair.client.disarm()
        }
        try pair.client.readSocket()
        #expect(try readAll(pair.client) == 30)
    }

    @Test("more wake packets than sleeps are a violation")
    func flood() throws {
        let pair = try LinkPair()
        #expect(pair.client.arm())
        pair.client.disarm()
        _ = oro_raw_send(pair.host.socket.number, wake, 4, nil, 0)
        try pair.client.readSocket()
        _ = oro_raw_send(pair.host.socket.number, wake, 4, nil, 0)
        #expect(throws: LinkError.violation("more wake packets than this side has slept")) {
            try pair.client.readSocket()
        }
    }

    @Test("a wake packet with a descriptor, and one that is longer, are none")
    func forged() throws {
        for (bytes, fds) in [(wake, [oro_raw_eventfd()]), (wake + [0], [])] {
            let pair = try LinkPair()
            #expect(pair.client.arm())
            pair.client.disarm()
            _ = oro_raw_send(pair.host.socket.number, bytes, bytes.count, fds, Int32(fds.count))
            for fd in fds { close(fd) }
            #expect(throws: LinkError.self) { try pair.client.readSocket() }
        }
    }

    @Test("so many packets are read in a turn, and the others in the next")
    func turns() throws {
        let pair = try LinkPair()
        for _ in 0..<100 {
            #expect(pair.client.arm())
            pair.client.disarm()
            _ = oro_raw_send(pair.host.socket.number, wake, 4, nil, 0)
        }
        pair.client.noteSocketEvent(hasHungUp: true)
        var turns = 0
        while pair.client.socketHasNews {
            turns += 1
            try pair.client.readSocket()
        }
        #expect(turns == 100 / Link.packetsAtOnce + 1)
    }

    @Test("counts that lie do not keep awake, and not from sleeping", arguments: [UInt32(1), 1000, .max])
    func lies(_ count: UInt32) throws {
        let pair = try LinkPair()
        // The counts of control packets and of wake packets.
        let attention = UnsafeMutableRawPointer(pair.host.attention)
        for offset in [12, 16] {
            attention.storeBytes(of: count, toByteOffset: offset, as: UInt32.self)
            var looks = 0
            while !pair.client.arm() || pair.client.hasSomething() {
                pair.client.disarm()
                #expect(try readAll(pair.client) == 0)
                looks += 1
                if looks > 3 { break }
            }
            #expect(looks <= 2)
            pair.client.disarm()
        }
    }

    @Test("the end is told after what came before it")
    func end() throws {
        let pair = try LinkPair()
        try post(pair.host)
        pair.host.end(.closed)
        pair.client.noteSocketEvent(hasHungUp: true)
        #expect(throws: LinkError.peerGone) { try pair.client.readSocket() }
        #expect(try readAll(pair.client) == 1)
        #expect(!pair.client.socketHasNews)
    }

    @Test("a drain ends by the clock, and the next goes on with another ring")
    func clock() throws {
        let pair = try LinkPair()
        // A second ring, for the threads that share.
        try pair.host.withRing(shared: false) { _ in }
        for _ in 0..<100 {
            try pair.host.withRing(shared: false) { (ring) throws(LinkError) in
                _ = try pair.host.write(ring, count: 8) { _ in }
            }
            try post(pair.host)
        }
        try pair.client.readSocket()
        var rings: [[Int]] = []
        for _ in 0..<4 {
            var seen: [Int] = []
            _ = try pair.client.drain(limit: 64, until: 0) { seen.append($0.ring) }
            rings.append(seen)
        }
        #expect(rings.map(\.count) == [Turn.records, Turn.records, Turn.records, Turn.records])
        #expect(rings.map { Set($0) } == [[0], [1], [0], [1]])
        #expect(try pair.client.drain(limit: 1000) { _ in } == 200 - 4 * Turn.records)
    }
}
