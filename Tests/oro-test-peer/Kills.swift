// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import OroIPC
import Synchronization

/// What a victim is doing when it is killed.
enum Deed: String, CaseIterable {
    case clientConnects = "client-connects"
    case clientSendsFirst = "client-sends-first"
    case clientSends = "client-sends"
    case clientSendsBig = "client-sends-big"
    case clientSendsLoan = "client-sends-loan"
    case clientKeepsResult = "client-keeps-result"
    case hostAccepts = "host-accepts"
    case hostReplies = "host-replies"
    case hostRepliesBig = "host-replies-big"
    case hostRepliesLoan = "host-replies-loan"
    case hostReceivesLoan = "host-receives-loan"

    var isClient: Bool { rawValue.hasPrefix("client") }
}

/// The process that is killed: marks the deed, for the tracer to count and to stop in.
func victim(_ arguments: Arguments) throws {
    guard let deed = arguments.text("deed").flatMap({ Deed(rawValue: $0) }) else { throw Usage("--deed") }
    if deed.isClient {
        let name = try arguments.name(), options = arguments.clientOptions
        let thread = Thread {
            // What the language does once in a process is not what is tried here.
            for _ in 0..<2 {
                guard let warm = try? Client.connect(name, options: options) else { exit(3) }
                _ = warm.sendSync("echo", ["first": 1], bytes: [1, 2, 3])
                warm.close()
            }
            if deed == .clientConnects { oro_mark() }
            guard let client = try? Client.connect(name, options: options) else { exit(3) }
            if deed == .clientConnects { oro_mark() }
            if deed == .clientSendsFirst { oro_mark() }
            _ = client.sendSync("echo", ["first": 1], bytes: [1, 2, 3])
            if deed == .clientSendsFirst { oro_mark() }
            if deed == .clientSendsLoan || deed == .clientKeepsResult {
                for _ in 0..<3 { borrowAndLend(client, deed) }
                oro_mark()
                borrowAndLend(client, deed)
                oro_mark()
                exit(0)
            }
            let bytes = Bytes([UInt8](repeating: 1, count: deed == .clientSendsBig ? 40_000 : 64))
            for _ in 0..<3 { _ = client.sendSync("echo", bytes: bytes) }
            oro_mark()
            _ = client.sendSync("echo", bytes: bytes)
            oro_mark()
            exit(0)
        }
        thread.start()
        while true { sleep(1000) }
    }
    var options = arguments.hostOptions
    let connections = Atomics()
    if deed == .hostAccepts {
        options.policy = { _ in
            // The first is the client that survives, the others have their handshakes cut short.
            if connections.value.add(1, ordering: .relaxed).newValue > 1 { oro_mark() }
            return nil
        }
    }
    let host = try Host(name: arguments.name(), options: options)
    Fixture.install(on: host)
    let size = deed == .hostRepliesBig ? 40_000 : 64
    host.router.map("marked") { message in
        oro_mark()
        if deed == .hostReceivesLoan { return Result(data: .bool(message.bytes?.isBorrowed ?? false)) }
        if deed == .hostRepliesLoan {
            var loan = try message.loan(40_000)
            loan.withUnsafeMutableBytes { _ = memset($0.baseAddress!, 1, $0.count) }
            return Result(bytes: loan.bytes())
        }
        return Result(bytes: Bytes([UInt8](repeating: 1, count: size)))
    }
    try host.start()
    while true { sleep(1000) }
}

/// Takes, lends, receives and gives back blocks.
private func borrowAndLend(_ client: Client, _ deed: Deed) {
    if deed == .clientSendsLoan {
        guard var loan = try? client.loan(40_000) else { exit(4) }
        loan.withUnsafeMutableBytes { _ = memset($0.baseAddress!, 1, $0.count) }
        _ = client.sendSync("digest", bytes: loan.bytes())
        return
    }
    var results = (0..<2).map { _ in client.sendSync("make.loan", ["count": 40_000, "seed": 1]) }
    guard results.allSatisfy({ $0.bytes?.isBorrowed == true }) else { exit(4) }
    // Given back one after the other.
    while !results.isEmpty { results.removeFirst() }
}

/// How many were killed, and what became of the survivors.
struct Toll {
    var kills = 0
    var calls = 0
    /// Killed at the second mark, because the point chosen lay behind it.
    var passed = 0
    var latencies: [UInt64] = []
    var slow = 0

    mutating func note(_ nanoseconds: UInt64) {
        latencies.append(nanoseconds)
        if nanoseconds > 100_000_000 { slow += 1 }
    }
}

/// What the survivors of one kill were told, and when.
final class News: Sendable {
    private let state = Mutex<(ends: [(name: String, at: UInt64)], failure: String?)>(([], nil))

    func ended(_ result: Result) {
        let now = oro_clock_ns()
        state.withLock { $0.ends.append((result.err?.name ?? "none", now)) }
    }
    func failed(_ text: String) { state.withLock { $0.failure = text } }
    var ends: [(name: String, at: UInt64)] { state.withLock { $0.ends } }
    var failure: String? { state.withLock { $0.failure } }
}

/// Kills clients and hosts at counted instructions of what they do. Everything here is the survivor.
final class Reaper: @unchecked Sendable {
    private let folder: TemporaryFolder
    private let backend: String
    private var dice: Dice
    private(set) var tolls: [Deed: Toll] = [:]
    private let host: Host
    private let good: Client
    private var lengths: [Deed: Int] = [:]

    init(backend: String, seed: UInt64) throws {
        folder = try TemporaryFolder()
        self.backend = backend
        dice = Dice(seed: seed)
        var options = HostOptions()
        options.folder = folder.path
        options.backend = WakeBackend(rawValue: backend)
        host = try Host(name: "survivor", options: options)
        Fixture.install(on: host)
        try host.start()
        good = try host.connect(options: Reaper.clientOptions(folder, backend))
        // It has slept once: what it sleeps on is there before anything is counted.
        _ = good.sendSync("sleep", ["ms": 20])
    }

    private var clientOptions: ClientOptions { Reaper.clientOptions(folder, backend) }

    private static func clientOptions(_ folder: TemporaryFolder, _ backend: String) -> ClientOptions {
        var options = ClientOptions()
        options.folder = folder.path
        options.backend = WakeBackend(rawValue: backend)
        return options
    }

    private func spawn(_ deed: Deed) throws -> Peer {
        try Peer(
            [
                "victim", "--deed", deed.rawValue, "--folder", folder.path, "--backend", backend, "--name",
                deed.isClient ? "survivor" : "mortal",
            ], traced: true)
    }

    /// One kill; the first of each deed counts its length instead of choosing a point.
    func kill(_ deed: Deed) throws {
        let length = lengths[deed]
        let point = (skip: length.map { Int(dice.next() % UInt64($0 + 1)) } ?? -1, steps: Int(dice.next() % 1500))
        let trace = deed.isClient ? try killClient(deed, point) : try killHost(deed, point)
        if length == nil { lengths[deed] = Int(trace.syscalls) }
        tolls[deed, default: Toll()].passed += Int(trace.status)
        tolls[deed, default: Toll()].kills += 1
        tolls[deed, default: Toll()].calls = lengths[deed]!
    }

    private func traceAndKill(_ peer: Peer, _ point: (skip: Int, steps: Int)) throws -> (oro_trace, UInt64) {
        let thread = oro_trace_until_mark(peer.pid)
        guard thread > 0 else { throw Unexpected("the victim did not come to its mark: \(thread)") }
        var trace = oro_trace()
        var killedAt: UInt64 = 0
        let status = oro_trace_step_and_kill(peer.pid, thread, point.skip, point.steps, &trace, &killedAt)
        guard status == 0 else { throw Unexpected("tracing failed: \(status)") }
        peer.wasReaped()
        return (trace, killedAt)
    }

    private func wait(_ what: String, _ condition: () -> Bool) throws {
        let end = oro_clock_ns() + 10_000_000_000
        while !condition() {
            if oro_clock_ns() > end { throw Unexpected("never: \(what)") }
            usleep(100)
        }
    }

    private func killClient(_ deed: Deed, _ point: (skip: Int, steps: Int)) throws -> oro_trace {
        let peer = try spawn(deed)
        let (trace, killedAt) = try traceAndKill(peer, point)
        // The host lets go of all that was the dead client's.
        try wait("the dead client's link ends") { baseline.fds == 0 || oro_count_memfds(0) <= baseline.memfds }
        tolls[deed, default: Toll()].note(oro_clock_ns() - killedAt)
        try expectEqual(good.sendSync("echo", 5).data, 5, "the good client")
        return trace
    }

    private(set) var baseline: (fds: Int32, memfds: Int32, maps: Int32, rss: Int) = (0, 0, 0, 0)
    /// Waits until what the kills before have left is gone, and remembers what there is then.
    func settle() {
        var quiet = 0
        var last: (Int32, Int32) = (0, 0)
        while quiet < 30 {
            usleep(10_000)
            let now = (oro_count_fds(0), oro_count_memfds(0))
            quiet = now == last ? quiet + 1 : 0
            last = now
        }
        baseline = (oro_count_fds(0), oro_count_memfds(0), oro_count_maps(0), oro_rss_kb(0))
    }

    private func connect(_ name: String) throws -> Client {
        let end = oro_clock_ns() + 20_000_000_000
        while true {
            do {
                return try Client.connect(name, options: clientOptions)
            } catch {
                // The victim may not be listening yet.
                if oro_clock_ns() > end { throw error }
                usleep(500)
            }
        }
    }

    private func killHost(_ deed: Deed, _ point: (skip: Int, steps: Int)) throws -> oro_trace {
        let peer = try spawn(deed)
        let news = News()
        let clients = DispatchGroup()
        clients.enter()
        let survivor = Thread { [self] in
            defer { clients.leave() }
            do {
                let client = try connect("mortal")
                for _ in 0..<3 {
                    clients.enter()
                    Task {
                        news.ended(await client.request("sleep", ["ms": 60_000]))
                        clients.leave()
                    }
                }
                clients.enter()
                Thread.detachNewThread {
                    news.ended(client.sendSync("sleep", ["ms": 60_000]))
                    clients.leave()
                }
                while client.statistics.pending < 4 && client.ending == nil { usleep(100) }
                if deed == .hostAccepts {
                    let more = (0..<2).map { _ in try? Client.connect("mortal", options: clientOptions) }
                    while client.ending == nil { usleep(100) }
                    _ = more
                    news.ended(Result(err: .network("")))
                } else {
                    var kept: [Bytes] = []
                    while true {
                        var bytes: Bytes?
                        if deed == .hostReceivesLoan, var loan = try? client.loan(40_000) {
                            loan.withUnsafeMutableBytes { _ = memset($0.baseAddress!, 1, $0.count) }
                            bytes = loan.bytes()
                        }
                        let result = client.sendSync("marked", bytes: bytes)
                        if let bytes = result.bytes { kept.append(bytes) }
                        if kept.count > 2 { kept.removeFirst() }
                        if result.err == nil { continue }
                        if !kept.allSatisfy({ same($0, [UInt8](repeating: 1, count: $0.count)) }) {
                            news.failed("bytes changed with their sender's end")
                        }
                        return news.ended(result)
                    }
                }
            } catch { news.failed("\(error)") }
        }
        survivor.start()
        let (trace, killedAt) = try traceAndKill(peer, point)
        guard clients.wait(timeout: .now() + 10) == .success else {
            throw Unexpected(
                "\(deed): something pending heard nothing for 10 s after the kill at \(trace.syscalls)+\(trace.instructions)"
            )
        }
        if let failure = news.failure { throw Unexpected(failure) }
        for (name, at) in news.ends {
            try expectEqual(name, "NetworkError", "\(deed) at \(trace.syscalls)+\(trace.instructions)")
            tolls[deed, default: Toll()].note(at > killedAt ? at - killedAt : 0)
        }
        try expect(folder.entries.allSatisfy { ["mortal.sock", "survivor.sock"].contains($0) }, "\(folder.entries)")
        return trace
    }

    func finish() throws {
        try wait("descriptors, mappings \(baseline) are back; there are \(oro_count_fds(0)), \(oro_count_memfds(0))") {
            oro_count_memfds(0) <= baseline.memfds && oro_count_fds(0) <= baseline.fds
        }
        try wait("all blocks are back") {
            good.sendSync("ping").data == "pong" && host.statistics.bytesOnLoan == 0 && host.statistics.loans == 0
        }
        host.stop()
    }
}

func kills(_ arguments: Arguments) async throws {
    let count = arguments.number("count", 200)
    let backend = arguments.text("backend") ?? "io_uring"
    let deeds = arguments.text("only").flatMap { Deed(rawValue: $0) }.map { [$0] } ?? Deed.allCases
    try await onThread {
        let reaper = try Reaper(backend: backend, seed: UInt64(arguments.number("seed", 11)))
        for deed in deeds { try reaper.kill(deed) }
        reaper.settle()
        // What is lent for good (a thread's stack, a pool) is lent by now.
        let before = reaper.baseline
        for index in 0..<max(0, count - deeds.count) { try reaper.kill(deeds[index % deeds.count]) }
        try reaper.finish()
        print(
            "\(backend): operation, kills (of them at its end), entries and exits of system calls in it, survivors told, p50 us, max us, over 100 ms"
        )
        var total = 0
        for deed in deeds {
            guard let toll = reaper.tolls[deed] else { continue }
            let sorted = toll.latencies.sorted()
            total += toll.kills
            print(
                "  \(deed.rawValue): \(toll.kills) (\(toll.passed)), \(toll.calls), \(sorted.count), \((sorted.isEmpty ? 0 : sorted[sorted.count / 2]) / 1000), "
                    + "\((sorted.last ?? 0) / 1000), \(toll.slow)")
        }
        print(
            "kills \(total): descriptors \(before.fds) -> \(oro_count_fds(0)), segment mappings \(before.memfds) -> \(oro_count_memfds(0)), "
                + "mappings \(before.maps) -> \(oro_count_maps(0)), RSS \(before.rss) -> \(oro_rss_kb(0)) kB")
    }
}
