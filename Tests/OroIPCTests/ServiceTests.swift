// SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import Logging
import MetricsTestKit
import OroBase
import OroConformance
import OroIPCMetrics
import OroIPCService
import ServiceLifecycle
import Testing

@testable import OroIPC

@Suite("A host among services")
struct ServiceTests {
    private func group(_ host: OroIPC.Host, within deadline: Duration = .seconds(30)) -> ServiceGroup {
        let service = HostService(host, shutdownWithin: deadline, reason: "maintenance")
        return ServiceGroup(services: [service], logger: LogLines().logger)
    }

    private func host() throws -> OroIPC.Host {
        let host = try OroIPC.Host.unnamed()
        Fixture.install(on: host)
        return host
    }

    @Test("it shuts down in order with its group", .timeLimit(.minutes(1)))
    func graceful() async throws {
        let host = try host()
        let group = group(host)
        async let running: Void = group.run()
        let client = try await onThread { try host.connect() }
        let before = client.sendSync("counts").data?["started"]?.int ?? 0
        async let pending = client.request("sleep", ["ms": 200, "tag": "finished"])
        try await until("it is at work") { client.sendSync("counts").data?["started"]?.int == before + 1 }
        await group.triggerGracefulShutdown()
        #expect(await pending.data == "finished")
        try await running
        _ = client.sendSync("ping")
        #expect(client.ending == .goodbye("maintenance"))
    }

    @Test("work that is not done by the deadline does not keep the group", .timeLimit(.minutes(1)))
    func deadline() async throws {
        let host = try host()
        let group = group(host, within: .milliseconds(20))
        async let running: Void = group.run()
        let client = try await onThread { try host.connect() }
        let before = client.sendSync("counts").data?["started"]?.int ?? 0
        async let pending = client.request("sleep", ["ms": 600_000])
        try await until("it is at work") { client.sendSync("counts").data?["started"]?.int == before + 1 }
        await group.triggerGracefulShutdown()
        #expect(await pending.err?.name == "NetworkError")
        try await running
    }

    @Test("a cancelled group stops it at once", .timeLimit(.minutes(1)))
    func cancelled() async throws {
        let host = try host()
        let group = group(host)
        let running = Task { try await group.run() }
        let client = try await onThread { try host.connect() }
        #expect(client.sendSync("ping").isOK)
        running.cancel()
        _ = await running.result
        #expect(!client.sendSync("ping").isOK)
    }

    @Test("cancelling whoever waits for the end of a host cuts it short", .timeLimit(.minutes(1)))
    func cutShort() async throws {
        let host = try OroIPC.Host.embedded()
        Fixture.install(on: host)
        let client = try await host.connect()
        async let pending = client.request("reply.never", ["tag": 1])
        try await until("it is at work") { client.sendSync("reply.waits").data == true }
        let ending = Task { await host.shutdown(within: .seconds(600), reason: "end") }
        try await until("it refuses") { client.sendSync("ping").err?.name == "NetworkError" }
        ending.cancel()
        await ending.value
        #expect(await pending.err?.message.contains("end") == true)
        #expect(client.ending == .goodbye("end"))
    }

    @Test("a host that never served shuts down at once; one that has shut down does so again", .timeLimit(.minutes(1)))
    func idle() async throws {
        let host = try OroIPC.Host.unnamed()
        await host.shutdown()
        await host.shutdown()
        let other = try OroIPC.Host.embedded()
        async let first: Void = other.shutdown()
        async let second: Void = other.shutdown()
        _ = await (first, second)
        try await onThread { other.shutdownSync() }
        #expect(throws: LinkError.self) { try other.connect() }
    }

    @Test("a shutdown frees the name at once, and refuses who comes", .timeLimit(.minutes(1)))
    func name() async throws {
        let folder = try TemporaryFolder()
        var options = HostOptions()
        options.folder = folder.path
        let host = try OroIPC.Host(name: "service", options: options)
        Fixture.install(on: host)
        try host.start()
        var clientOptions = ClientOptions()
        clientOptions.folder = folder.path
        let client = try await Client.connect("service", options: clientOptions)
        async let pending = client.request("reply.never", ["tag": 1])
        try await until("it is at work") { client.sendSync("reply.waits").data == true }
        async let ending: Void = host.shutdown(within: .seconds(600))
        try await until("it refuses") { client.sendSync("ping").err?.name == "NetworkError" }
        // It still waits for its handler, and another may have the name.
        let next = try OroIPC.Host(name: "service", options: options)
        try next.start()
        let other = try await Client.connect("service", options: clientOptions)
        #expect(other.sendSync("ping").data == "pong")
        #expect(throws: LinkError.refused(.busy)) { try host.connect() }
        client.close()
        _ = await (pending, ending)
        next.stop()
    }

    @Test("calls are counted and timed by route and outcome")
    func metrics() throws {
        let factory = TestMetrics()
        let host = try OroIPC.Host.embedded()
        defer { host.stop() }
        host.router.use(CallMetrics(factory: factory))
        host.router.map("Fails") { _ in throw IPCError(message: "m") }
        let client = try host.connect()
        for _ in 0..<3 { #expect(client.sendSync("PING").isOK) }
        #expect(!client.sendSync("fails").isOK)
        #expect(!client.sendSync("nothing").isOK)
        let good = try factory.expectCounter("oro_ipc_calls", [("route", "ping"), ("outcome", "ok")])
        #expect(good.values == [1, 1, 1])
        let bad = try factory.expectCounter("oro_ipc_calls", [("route", "Fails"), ("outcome", "error")])
        #expect(bad.values == [1])
        let time = try factory.expectTimer("oro_ipc_call_duration", [("route", "ping"), ("outcome", "ok")])
        #expect(time.values.count == 3)
    }
}
