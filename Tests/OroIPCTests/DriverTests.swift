// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroConformance
import OroIPC
import Testing

/// The drivers of `oro-test-peer`, with counts that a test run has time for.
@Suite("Under attack", .serialized)
struct DriverTests {
    private func run(_ arguments: [String]) async throws -> [String] {
        let peer = try Peer(arguments)
        let lines = await Task.detached { peer.rest() }.value
        for line in lines { print("  \(line)") }
        #expect(peer.finish() == 0, "\(arguments): \(lines.suffix(3))")
        return lines
    }

    @Test(
        "a hostile client harms nobody and leaves nothing behind", .timeLimit(.minutes(10)),
        arguments: WakeBackend.allCases)
    func hostileClient(_ backend: WakeBackend) async throws {
        _ = try await run(["attack", "--count", "2000", "--backend", backend.rawValue])
    }

    @Test(
        "600 links on which a client takes wrong steps among right ones harm nobody, and leave nothing behind",
        .timeLimit(.minutes(10)), arguments: WakeBackend.allCases)
    func hostileSequences(_ backend: WakeBackend) async throws {
        _ = try await run(["attack", "--sequences", "--count", "600", "--backend", backend.rawValue])
    }

    @Test(
        "a hostile host neither crashes its clients nor keeps them, and their other links go on",
        .timeLimit(.minutes(10)), arguments: WakeBackend.allCases)
    func hostileHost(_ backend: WakeBackend) async throws {
        _ = try await run(["attackclients", "--count", "2000", "--backend", backend.rawValue])
    }

    @Test(
        "beside every attack a good client gets right answers, and the host keeps its memory and descriptors",
        .timeLimit(.minutes(10)), arguments: WakeBackend.allCases)
    func fairness(_ backend: WakeBackend) async throws {
        _ = try await run([
            "fairness", "--count", "200", "--gap", "500", "--attackers", "1", "--backend", backend.rawValue,
        ])
    }

    @Test(
        "every limit a client may choose goes with every kind of request, result, event, port and stream",
        .timeLimit(.minutes(10)), arguments: WakeBackend.allCases)
    func limits(_ backend: WakeBackend) async throws {
        _ = try await run(["limits", "--backend", backend.rawValue])
    }

    @Test("the same against a host that takes the shortest messages there are", .timeLimit(.minutes(10)))
    func limitsOfHost() async throws {
        _ = try await run(["limits", "--host-message-bytes", "16384"])
    }

    @Test(
        "hosts that are killed, or replaced, under load: no request runs twice, and none is lost without an error",
        .timeLimit(.minutes(5)), arguments: WakeBackend.allCases, [[], ["--drain"]])
    func restarts(_ backend: WakeBackend, _ drain: [String]) async throws {
        _ = try await run(["restarts", "--count", "60", "--backend", backend.rawValue] + drain)
    }

    @Test(
        "clients that are killed while they connect again leave nothing", .timeLimit(.minutes(5)),
        arguments: WakeBackend.allCases)
    func clientKills(_ backend: WakeBackend) async throws {
        _ = try await run(["clientkills", "--count", "60", "--backend", backend.rawValue])
    }

    @Test(
        "whoever survives a kill at any instruction hears of it and goes on", .timeLimit(.minutes(10)),
        arguments: WakeBackend.allCases,
        [
            "client-sends-first", "client-sends", "client-sends-big", "host-accepts", "host-replies",
            "host-replies-big",
            "client-sends-loan", "client-keeps-result",
            "host-replies-loan", "host-receives-loan",
        ])
    func kills(_ backend: WakeBackend, _ deed: String) async throws {
        _ = try await run(["kills", "--count", "25", "--only", deed, "--backend", backend.rawValue])
    }

    @Test(
        "who holds blocks, or reads in them, is not harmed by a death, and nothing is left",
        .timeLimit(.minutes(10)), arguments: WakeBackend.allCases)
    func blockKills(_ backend: WakeBackend) async throws {
        _ = try await run(["blockkills", "--rounds", "5", "--backend", backend.rawValue])
    }

    @Test(
        "ports that wander between processes lose nothing, and keep the order", .timeLimit(.minutes(10)),
        arguments: WakeBackend.allCases)
    func portTraffic(_ backend: WakeBackend) async throws {
        _ = try await run([
            "ports", "--transfers", "1000", "--messages", "40000", "--backend", backend.rawValue,
        ])
    }

    @Test(
        "whoever is killed while a port moves, the others hear of it", .timeLimit(.minutes(10)),
        arguments: WakeBackend.allCases)
    func portKills(_ backend: WakeBackend) async throws {
        _ = try await run(["portkills", "--count", "15", "--backend", backend.rawValue])
    }

    @Test(
        "a forked child's calls fail, and its parent goes on", .timeLimit(.minutes(10)), arguments: WakeBackend.allCases
    )
    func forks(_ backend: WakeBackend) async throws {
        _ = try await run(["forks", "--count", "20", "--backend", backend.rawValue])
    }

    @Test("no wake-up is lost", .timeLimit(.minutes(2)), arguments: WakeBackend.allCases, [IdlePolicy.park, .adaptive])
    func wakeups(_ backend: WakeBackend, _ idle: IdlePolicy) async throws {
        _ = try await run(["wakeups", "--count", "20000", "--backend", backend.rawValue, "--idle", idle.rawValue])
    }

    @Test("no wake-up of a task is lost", .timeLimit(.minutes(2)), arguments: WakeBackend.allCases)
    func wakeupsOfTasks(_ backend: WakeBackend) async throws {
        _ = try await run(["wakeups", "--count", "10000", "--backend", backend.rawValue, "--async"])
    }

    @Test("a host with a hundred idle links does not wake", .timeLimit(.minutes(1)), arguments: WakeBackend.allCases)
    func idle(_ backend: WakeBackend) async throws {
        _ = try await run(["idle", "--links", "100", "--seconds", "1", "--backend", backend.rawValue])
    }

    @Test(
        "a host and a client that wait for each other on their executors do not wake", .timeLimit(.minutes(1)),
        arguments: WakeBackend.allCases, [IdlePolicy.park, .adaptive])
    func idleWaits(_ backend: WakeBackend, _ idle: IdlePolicy) async throws {
        _ = try await run(["idlewaits", "--seconds", "1", "--backend", backend.rawValue, "--idle", idle.rawValue])
    }

    @Test(
        "payloads of all sizes and ways come whole for 20 seconds, and memory does not grow", .timeLimit(.minutes(10)),
        arguments: WakeBackend.allCases)
    func soak(_ backend: WakeBackend) async throws {
        _ = try await run(["soak", "--seconds", "20", "--backend", backend.rawValue])
    }

    @Test("where io_uring is refused, epoll serves", .timeLimit(.minutes(2)))
    func fallback() async throws {
        let folder = try TemporaryFolder()
        let host = try Peer(["serve", "--name", "refused", "--folder", folder.path, "--refuse-io-uring"])
        try #expect(host.line(starting: "ready") == "ready epoll")
        _ = try await run(["conform", "--name", "refused", "--folder", folder.path, "--refuse-io-uring", "--basics"])
        #expect(host.finish() == 0)
    }
}
