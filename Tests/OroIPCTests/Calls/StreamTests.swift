// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import OroFrame
import Testing

@testable import OroIPC

/// What two honest sides cannot show: a peer that dies, and one that breaks the rules of streams.
@Suite("Streams")
struct StreamTests {
    /// A client that writes frames of its own making.
    private func send(_ client: Client, _ frame: Frame) throws {
        let core = client.core
        try core.link.withRing(shared: true) { (ring) throws(LinkError) in
            try core.write(frame, nil, to: ring)
        }
    }

    private func frame(_ kind: FrameKind, ticket: UInt64, count: UInt32 = 0) -> Frame {
        var frame = Frame(kind)
        frame.ticket = ticket
        frame.deadline = count
        return frame
    }

    private func pair() throws -> (host: OroIPC.Host, client: Client) {
        let host = try OroIPC.Host.embedded()
        Fixture.install(on: host)
        return (host, try host.connect())
    }

    private func endOf(_ client: Client) async throws -> LinkError? {
        try await until("the link is over") { !client.sendSync("ping").isOK }
        return client.ending
    }

    @Test("a host that is killed ends its streams with NetworkError", .timeLimit(.minutes(1)))
    func killed() async throws {
        let folder = try TemporaryFolder()
        let host = try Peer(["serve", "--name", "victim", "--folder", folder.path])
        try host.line(starting: "ready")
        var options = ClientOptions()
        options.folder = folder.path
        let client = try await Client.connect("victim", options: options)
        var next: Int64 = 0
        do {
            for try await chunk in client.stream("stream.count") {
                #expect(chunk.value == .int(next))
                next += 1
                if next == 1000 { host.kill() }
            }
            Issue.record("the stream ended")
        } catch {
            #expect(error.name == "NetworkError")
        }
        #expect(next >= 1000)
        #expect(client.statistics.pending == 0)
    }

    @Test("a client that sends chunks nobody asked for is ended", .timeLimit(.minutes(1)))
    func chunkWithoutRequest() async throws {
        let (host, client) = try pair()
        defer { host.stop() }
        try send(client, frame(.chunk, ticket: 77))
        #expect(try await endOf(client) == .peerGone)
        try await until("the violation is counted") { host.statistics.violations == 1 }
    }

    @Test("a client that sends more of a body than it has credit for is ended", .timeLimit(.minutes(1)))
    func chunksWithoutCredit() async throws {
        let (host, client) = try pair()
        defer { host.stop() }
        let body = CountedBody(1, ending: .never)
        let task = Task { await client.request("body.read", ["take": 1, "pause": 60_000], body: body) }
        try await until("one is read") { body.isAt > 0 }
        let ticket = try #require(client.core.pending.withLock { $0.tickets.first })
        // What the one that was read makes up for is not given back before half a window is.
        for _ in 0..<StreamReceiver.bodyWindow { try send(client, frame(.chunk, ticket: ticket)) }
        #expect(try await endOf(client) == .peerGone)
        try await until("the violation is counted") { host.statistics.violations == 1 }
        #expect(await task.value.err?.name == "NetworkError")
    }

    @Test("a client that gives more credit than can be meant is ended", .timeLimit(.minutes(1)))
    func credit() async throws {
        let (host, client) = try pair()
        defer { host.stop() }
        let stream = client.stream("stream.pause", ["ms": 60_000])
        let ticket = try #require(client.core.pending.withLock { $0.tickets.first })
        // Of a request that is over, or never was, it means nothing.
        for count in [0, 1, UInt32.max] { try send(client, frame(.credit, ticket: 5, count: count)) }
        try send(client, frame(.credit, ticket: ticket, count: UInt32(Credit.most - StreamReceiver.usualWindow)))
        #expect(client.sendSync("ping").isOK)
        try send(client, frame(.credit, ticket: ticket, count: 1))
        #expect(try await endOf(client) == .peerGone)
        try await until("the violation is counted") { host.statistics.violations == 1 }
        withExtendedLifetime(stream) {}
    }

    @Test(
        "a client ends the link to a host that breaks the rules of streams", .timeLimit(.minutes(1)),
        arguments: ["chunk", "end", "credit", "chunks", "flood"])
    func hostileHost(_ deed: String) async throws {
        let (host, client) = try pair()
        defer { host.stop() }
        let body = CountedBody(1, ending: .never)
        let asked = Task { await client.request("body.read", ["take": 1, "pause": 60_000], body: body) }
        try await until("it is at work") { body.isAt > 0 }
        let plain = try #require(client.core.pending.withLock { $0.tickets.first })
        let stream = client.stream("stream.pause", ["ms": 60_000])
        let streaming = try #require(client.core.pending.withLock { $0.tickets.first { $0 != plain } })
        let frames =
            switch deed {
            case "chunk": [frame(.chunk, ticket: plain)]
            case "end": [frame(.end, ticket: plain)]
            case "credit": [frame(.credit, ticket: plain, count: .max)]
            case "chunks": [frame(.chunk, ticket: 3)]
            default: Array(repeating: frame(.chunk, ticket: streaming), count: StreamReceiver.usualWindow + 1)
            }
        host.core.submit(to: try #require(host.clients.first).id) { (link) throws(LinkError) in
            for frame in frames { _ = try link.send(frame, nil) }
        }
        try await until("the link is over") { client.ending != nil }
        guard case .violation = client.ending else {
            Issue.record("\(String(describing: client.ending))")
            return
        }
        #expect(await asked.value.err?.name == "NetworkError")
        withExtendedLifetime(stream) {}
    }
}
