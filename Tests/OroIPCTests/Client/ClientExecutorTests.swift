// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import Synchronization
import Testing

@testable import OroIPC

/// Tasks on the thread that receives for a client.
@Suite("The executor of a client")
struct ClientExecutorTests {
    struct Case: Sendable, CustomStringConvertible, CaseIterable {
        let backend: WakeBackend
        let idle: IdlePolicy
        var description: String { "\(idle.rawValue) on \(backend.rawValue)" }
        static var allCases: [Case] {
            WakeBackend.allCases.flatMap { backend in IdlePolicy.allCases.map { Case(backend: backend, idle: $0) } }
        }
        var options: ClientOptions {
            var options = ClientOptions()
            options.backend = backend
            options.idle = idle
            return options
        }
    }

    static func thread() -> UInt { UInt(pthread_self()) }

    private func host() throws -> Host {
        let host = try Host.embedded()
        Fixture.install(on: host)
        return host
    }

    @Test("results resume their tasks on it", .timeLimit(.minutes(1)), arguments: Case.allCases)
    func oneThread(_ setup: Case) async throws {
        let host = try host()
        defer { host.stop() }
        let client = try await host.connect(options: setup.options)
        let seen = try await withTaskExecutorPreference(client.executor) {
            var seen: Set<UInt> = [ClientExecutorTests.thread()]
            for index in 0..<30 {
                // Some are there at once, some after the thread has slept.
                let ms: Int64 = index % 10 == 0 ? 20 : 0
                try expectEqual((await client.request("sleep", ["ms": .int(ms), "tag": .int(ms)])).data, .int(ms))
                seen.insert(ClientExecutorTests.thread())
            }
            return seen
        }
        #expect(seen.count == 1)
        #expect(!seen.contains(ClientExecutorTests.thread()))
    }

    @Test("many tasks on it wait at once, and are cancelled", .timeLimit(.minutes(1)), arguments: Case.allCases)
    func manyTasks(_ setup: Case) async throws {
        let host = try host()
        defer { host.stop() }
        let client = try await host.connect(options: setup.options)
        try await withTaskExecutorPreference(client.executor) {
            let waiting = (0..<100).map { _ in Task { await client.request("sleep", ["ms": 60_000]) } }
            let sum = await withTaskGroup(of: Int64.self) { group in
                for index in 0..<500 {
                    group.addTask { await client.request("echo", .int(Int64(index))).data?.int ?? 0 }
                }
                return await group.reduce(0, +)
            }
            try expectEqual(sum, 500 * 499 / 2)
            for task in waiting { task.cancel() }
            for task in waiting { try expectEqual((await task.value).err?.name, "AbortError") }
            let late = await client.request("sleep", ["ms": 60_000], options: .init(timeout: .milliseconds(20)))
            try expectEqual(late.err?.name, "TimeoutError")
        }
        try await until("nothing is left") { client.statistics.pending == 0 }
    }

    @Test("a host that stops ends what waits on it", .timeLimit(.minutes(1)), arguments: Case.allCases)
    func hostStops(_ setup: Case) async throws {
        let host = try host()
        let client = try await host.connect(options: setup.options)
        let executor = try client.executor
        let tasks = (0..<50).map { _ in
            Task(executorPreference: executor) { await client.request("sleep", ["ms": 60_000]).err?.name }
        }
        try await until("they wait") { client.sendSync("counts").data?["started"]?.int == 50 }
        host.stop()
        for task in tasks { #expect(await task.value == "NetworkError") }
        #expect(
            await Task(executorPreference: executor) { await client.request("ping").err?.name }.value == "NetworkError")
    }

    @Test("a call beyond the limit of pending requests fails, and frees its place", .timeLimit(.minutes(1)))
    func tooMany() async throws {
        let host = try host()
        defer { host.stop() }
        var options = ClientOptions()
        options.pendingRequests = 10
        let client = try await host.connect(options: options)
        let before = client.sendSync("counts").data?["cancelled"]?.int ?? 0
        let tasks = (0..<10).map { _ in Task { await client.request("sleep", ["ms": 60_000]) } }
        try await until("all wait") { client.statistics.pending == 10 }
        for _ in 0..<5 { #expect(await client.request("sleep", ["ms": 60_000]).err?.name == "QuotaExceededError") }
        #expect(client.statistics.pending == 10)
        for task in tasks { task.cancel() }
        for task in tasks { #expect(await task.value.err?.name == "AbortError") }
        #expect(await client.request("ping").data == "pong")
        try await until("all handlers were told") {
            let counts = client.sendSync("counts").data
            return (counts?["cancelled"]?.int ?? 0) - before == counts?["started"]?.int
        }
    }
}
