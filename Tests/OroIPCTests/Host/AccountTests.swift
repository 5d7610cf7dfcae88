// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroBase
import OroConformance
import OroLink
import Testing

@testable import OroIPC

/// What a host and a client keep of what the other has sent: one account of bytes each.
@Suite("Accounts of links")
struct AccountTests {
    private let megabyte = 1 << 20

    private func text(_ count: Int) -> Value { .string(String(repeating: "x", count: count)) }

    /// Requests that are held, with their replies.
    private final class Held: Sendable {
        private let all = Locked<[(Message, Reply)]>([])
        var count: Int { all.withLock { $0.count } }
        func add(_ message: Message, _ reply: Reply) { all.withLock { $0.append((message, reply)) } }
        func answer() { for (_, reply) in all.withLock({ $0 }) { try? reply.send(nil) } }
        func letGo() { all.withLock { $0 = [] } }
    }

    private func makeHost(perLink: Int, all: Int = 1 << 30) throws -> (host: OroIPC.Host, held: Held) {
        var options = HostOptions()
        options.receivedBytesPerLink = perLink
        options.receivedBytes = all
        let host = try OroIPC.Host.embedded(options: options)
        let held = Held()
        host.router.map("held", reply: { message, reply in held.add(message, reply) })
        host.router.map("count") { _ in Result(data: .int(Int64(held.count))) }
        Fixture.install(on: host)
        return (host, held)
    }

    @Test(
        "requests beyond the account of their client get a QuotaExceededError, and others go on",
        .timeLimit(.minutes(1)))
    func requests() async throws {
        let (host, held) = try makeHost(perLink: 8 * megabyte)
        defer { host.stop() }
        let (greedy, other) = (try await host.connect(), try await host.connect())
        let calls = (0..<12).map { _ in Task { await greedy.request("held", text(megabyte)) } }
        try await until("each is held or refused") {
            host.statistics.refusedFrames + held.count == 12
        }
        let kept = held.count
        #expect(kept == 7, "8 MiB less what an exact megabyte needs besides")
        #expect(host.statistics.receivedBytes >= 6 * megabyte && host.statistics.receivedBytes < 9 * megabyte)
        #expect(host.clients.map(\.receivedBytes).max() ?? 0 >= 7 * megabyte)
        // Small ones still fit, of this client and of others.
        #expect(greedy.sendSync("echo", 3).data == 3)
        #expect(other.sendSync("echo", text(3 * megabyte)).isOK)
        held.answer()
        var errors: [IPCError] = []
        for call in calls { if let error = await call.value.err { errors.append(error) } }
        #expect(errors.count == 5 && errors.allSatisfy { $0.name == "QuotaExceededError" }, "\(errors)")
        #expect(errors.first?.message.contains("HostOptions.receivedBytesPerLink") == true, "\(errors)")
        // What is let go of makes room.
        held.letGo()
        try await until("there is room again") { greedy.sendSync("echo", text(6 * megabyte)).isOK }
        #expect(greedy.ending == nil && other.ending == nil)
        #expect(host.statistics.violations == 0)
    }

    @Test("a message in many records is dropped as it comes, where there is no room for it", .timeLimit(.minutes(1)))
    func assembled() throws {
        let (host, _) = try makeHost(perLink: 2 * megabyte)
        defer { host.stop() }
        let client = try host.connect()
        for _ in 0..<5 {
            let result = client.sendSync("echo", text(3 * megabyte))
            #expect(result.err?.name == "QuotaExceededError", "\(result)")
            #expect(client.sendSync("echo", 1).isOK)
        }
        #expect(client.ending == nil && host.statistics.violations == 0)
        #expect(host.statistics.receivedBytes < megabyte)
    }

    @Test("no client can take the room of all; what others use up is nobody's fault", .timeLimit(.minutes(1)))
    func shares() async throws {
        let (host, held) = try makeHost(perLink: 64 * megabyte, all: 16 * megabyte)
        defer { host.stop() }
        let greedy = try (0..<3).map { _ in try host.connect() }
        var calls: [Task<Result, Never>] = []
        for client in greedy {
            for _ in 0..<20 { calls.append(Task { await client.request("held", text(megabyte)) }) }
        }
        try await until("each is held or refused") {
            host.statistics.refusedFrames + held.count == 60
        }
        #expect(host.statistics.receivedBytes <= 9 * megabyte, "half of it is left")
        let other = try await host.connect()
        #expect(other.sendSync("echo", text(megabyte)).isOK)
        let refused = other.sendSync("echo", text(8 * megabyte)).err
        #expect(refused?.name == "QuotaExceededError")
        #expect(refused?.message.contains("HostOptions.receivedBytes)") == true, "\(String(describing: refused))")
        #expect(host.statistics.violations == 0)
        held.answer()
        held.letGo()
        for call in calls { _ = await call.value }
        try await until("all of it is given back") { host.statistics.receivedBytes < megabyte }
    }

    @Test(
        "what a dead client left with handlers still counts for the host, until it is let go of",
        .timeLimit(.minutes(1)))
    func dead() async throws {
        let (host, held) = try makeHost(perLink: 64 * megabyte, all: 32 * megabyte)
        defer { host.stop() }
        let client = try await host.connect()
        let call = Task { await client.request("held", text(4 * megabyte)) }
        try await until("it is held") { held.count == 1 }
        client.close()
        _ = await call.value
        try await until("it is gone") { host.statistics.links == 0 }
        #expect(host.statistics.receivedBytes >= 4 * megabyte)
        held.letGo()
        try await until("it is let go of") { host.statistics.receivedBytes == 0 }
    }

    @Test(
        "what gives back or says what a client listens to is taken, however full its account", .timeLimit(.minutes(1)))
    func control() throws {
        let (host, _) = try makeHost(perLink: megabyte)
        defer { host.stop() }
        let client = try host.connect()
        let kept = Locked<[Message]>([])
        host.router.map("keep") { message in
            kept.withLock { $0.append(message) }
            return Result()
        }
        // Long ones first, then the shortest there are: in the end there is no room for a single frame.
        for count in [60_000, 1] {
            while client.sendSync("keep", text(count)).isOK {}
        }
        #expect(client.sendSync("keep").err?.name == "QuotaExceededError")
        // Each of the two is a frame: together many more bytes than the account has.
        for _ in 0..<5000 { client.events.unlisten(client.events.listen("tick") { _ in }) }
        #expect(client.sendSync("keep").err?.name == "QuotaExceededError")
        #expect(host.statistics.violations == 0 && client.ending == nil)
        kept.withLock { $0 = [] }
        #expect(client.sendSync("keep").isOK)
    }

    @Test("bytes of a body beyond the account end their request", .timeLimit(.minutes(1)))
    func bodies() async throws {
        let (host, held) = try makeHost(perLink: 2 * megabyte)
        defer { host.stop() }
        let bodies = Locked<[Message]>([])
        host.router.map(
            "read.never",
            async: { message in
                bodies.withLock { $0.append(message) }
                // Takes one piece, so that there is credit, and no more.
                if let body = message.body { for try await _ in body { break } }
                try await Task.sleep(for: .seconds(600))
                return Result()
            })
        let client = try await host.connect()
        let body = AsyncStream<Bytes> { pieces in
            for _ in 0..<64 { pieces.yield(Bytes([UInt8](repeating: 1, count: 8000))) }
        }
        // Most of the account is taken by something else.
        let call = Task { await client.request("held", text(2 * megabyte - 120_000)) }
        try await until("it is held") { held.count == 1 }
        let result = await client.request("read.never", body: body)
        #expect(result.err?.name == "QuotaExceededError", "\(result)")
        #expect(client.sendSync("echo", 1).isOK)
        held.answer()
        _ = await call.value
    }

    @Test("a port whose messages do not fit is closed with a QuotaExceededError, at both ends", .timeLimit(.minutes(1)))
    func ports() async throws {
        var options = HostOptions()
        options.receivedBytesPerLink = 2 * megabyte
        options.ports.allowsMeetings = true
        options.ports.allowsDirectLinks = false
        let host = try OroIPC.Host.embedded(options: options)
        defer { host.stop() }
        Fixture.install(on: host)
        let (one, other) = (try await host.connect(), try await host.connect())
        let (speaker, silent) = (try one.meet("here"), try other.meet("here"))
        let reason = Locked<String?>(nil)
        speaker.onclose = { event in reason.withLock { $0 = event.error?.message ?? "none" } }
        for _ in 0..<3 { try? speaker.postMessage(.string(String(repeating: "x", count: megabyte))) }
        try await until("it is closed") { reason.withLock { $0 } != nil }
        #expect(
            reason.withLock { $0 }?.contains("receivedBytesPerLink") == true,
            "\(String(describing: reason.withLock { $0 }))")
        #expect(one.sendSync("echo", 1).isOK && other.sendSync("echo", 1).isOK)
        silent.close()
    }

    @Test("subscribers that take nothing do not use up the account of whoever posts", .timeLimit(.minutes(1)))
    func broadcasts() async throws {
        let (host, _) = try makeHost(perLink: 8 * megabyte)
        defer { host.stop() }
        let (one, other) = (try await host.connect(), try await host.connect())
        let speaker = try IPCBroadcastChannel("slow", over: one)
        let slow = try IPCBroadcastChannel("slow", over: other)
        // A subscription that is in place has its channel.
        _ = other.sendSync("echo", 1)
        for _ in 0..<40 { try await speaker.post(.string(String(repeating: "x", count: megabyte))) }
        #expect(one.sendSync("echo", text(2 * megabyte)).isOK, "its account is free for something else")
        #expect(host.statistics.refusedFrames == 0 && host.statistics.violations == 0)
        speaker.close()
        slow.close()
    }

    @Test("ports count for the account of who makes them", .timeLimit(.minutes(1)))
    func portsThemselves() async throws {
        let (host, _) = try makeHost(perLink: megabyte)
        defer { host.stop() }
        let client = try await host.connect()
        var ports: [IPCMessagePort] = []
        let closed = Locked(0)
        for _ in 0..<2000 {
            let port = try client.openPort("echo")
            port.onclose = { event in
                if event.error?.message.contains("receivedBytesPerLink") == true { closed.withLock { $0 += 1 } }
            }
            ports.append(port)
        }
        try await until("some are closed") { closed.withLock { $0 } > 0 }
        for port in ports { port.close() }
        try await until("there is room again") {
            let port = try client.openPort("echo")
            defer { port.close() }
            try port.postMessage("here")
            return port.receive(waitingAtMost: .seconds(5))?.data.string == "here"
        }
    }

    @Test("a client bounds what its host sends it", .timeLimit(.minutes(1)))
    func client() async throws {
        let (host, _) = try makeHost(perLink: 64 * megabyte)
        defer { host.stop() }
        var options = ClientOptions()
        options.receivedBytes = 4 * megabyte
        let client = try await host.connect(options: options)
        for result in [
            client.sendSync("make.value", ["count": .int(Int64(5 * megabyte))]),
            await client.request("make.value", ["count": .int(Int64(5 * megabyte))]),
        ] {
            #expect(result.err?.name == "QuotaExceededError", "\(result)")
            #expect(result.err?.message.contains("ClientOptions.receivedBytes") == true, "\(result)")
        }
        #expect(client.sendSync("echo", 5).data == 5)
        #expect(client.sendSync("make.value", ["count": .int(Int64(2 * megabyte))]).isOK)
        #expect(client.statistics.receivedBytes > 0 && client.statistics.receivedBytes < megabyte)
        #expect(client.ending == nil)
    }

    @Test(
        "clients that give no blocks back leave room for others, and get what fits through the ring",
        .timeLimit(.minutes(1)))
    func blocks() async throws {
        var options = HostOptions()
        options.blockBytes = 64 * megabyte
        let host = try OroIPC.Host.embedded(options: options)
        defer { host.stop() }
        Fixture.install(on: host)
        var kept: [Result] = []
        for _ in 0..<3 {
            let client = try await host.connect()
            for _ in 0..<8 { kept.append(client.sendSync("make", ["count": .int(Int64(6 * megabyte))])) }
        }
        #expect(kept.allSatisfy { $0.bytes?.count == 6 * megabyte }, "\(kept.compactMap(\.err))")
        #expect(kept.contains { $0.bytes?.isBorrowed == true } && kept.contains { $0.bytes?.isBorrowed == false })
        #expect(host.statistics.blockMemory <= 40 * megabyte)
        let other = try await host.connect()
        #expect(other.sendSync("make", ["count": .int(Int64(6 * megabyte))]).bytes?.isBorrowed == true)
        kept = []
        try await until("what was given back is used again") {
            other.sendSync("make", ["count": .int(Int64(9 * megabyte))]).bytes?.isBorrowed == true
        }
    }

    @Test("accounts that cannot be are refused")
    func badOptions() {
        var options = HostOptions()
        options.receivedBytesPerLink = 1000
        #expect(throws: LinkError.self) { try OroIPC.Host.embedded(options: options) }
        options = HostOptions()
        options.receivedBytes = 1000
        #expect(throws: LinkError.self) { try OroIPC.Host.embedded(options: options) }
    }
}
