// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import OroIPC
import Synchronization

/// Ping-pong with gaps around the edge of sleep; a lost wake-up shows as no progress for two seconds.
func wakeups(_ arguments: Arguments) async throws {
    let count = arguments.number("count", 100_000)
    let backend = arguments.text("backend") ?? "io_uring"
    let idle = arguments.text("idle") ?? "park"
    let folder = try TemporaryFolder()
    let host = try Peer(["serve", "--name", "sleepy", "--folder", folder.path, "--backend", backend, "--idle", idle])
    try host.line(starting: "ready")
    var options = arguments.clientOptions
    options.folder = folder.path
    options.idle = IdlePolicy(rawValue: idle) ?? .park
    options.backend = WakeBackend(rawValue: backend)
    let client = try await Client.connect("sleepy", options: options)
    let progress = Atomics()
    let watchdog = Thread {
        var last = -1, stuck = 0
        while true {
            usleep(100_000)
            let now = progress.value.load(ordering: .relaxed)
            if now < 0 { return }
            stuck = now == last ? stuck + 1 : 0
            last = now
            if stuck >= 20 {
                print("LOST WAKE-UP: no progress at round trip \(now) of \(count) (\(backend), \(idle))")
                exit(2)
            }
        }
    }
    watchdog.start()
    let asynchronous = arguments.has("async")
    let before = (oro_voluntary_switches(0, nil), oro_voluntary_switches(host.pid, nil), oro_clock_ns())
    var worst: UInt64 = 0
    var dice = Dice(seed: UInt64(arguments.number("seed", 7)))
    func pause() {
        let gap = dice.next() % 20_000
        let end = oro_clock_ns() + gap
        while oro_clock_ns() < end {}
    }
    if asynchronous {
        for index in 0..<count {
            pause()
            let start = oro_clock_ns()
            let result = await client.request("echo")
            worst = max(worst, oro_clock_ns() - start)
            try expect(result.isOK, "\(result)")
            progress.value.store(index, ordering: .relaxed)
        }
    } else {
        let seed = dice.next()
        worst = try await onThread {
            var dice = Dice(seed: seed)
            var worst: UInt64 = 0
            for index in 0..<count {
                let end = oro_clock_ns() + dice.next() % 20_000
                while oro_clock_ns() < end {}
                let start = oro_clock_ns()
                let result = client.sendSync("echo")
                worst = max(worst, oro_clock_ns() - start)
                if !result.isOK { throw Unexpected("\(result)") }
                progress.value.store(index, ordering: .relaxed)
            }
            return worst
        }
    }
    progress.value.store(-1, ordering: .relaxed)
    let seconds = Double(oro_clock_ns() - before.2) / 1e9
    let mine = oro_voluntary_switches(0, nil) - before.0, theirs = oro_voluntary_switches(host.pid, nil) - before.1
    print(
        "\(backend) \(idle)\(asynchronous ? " async" : ""): \(count) round trips in \(Int(seconds)) s (\(Int(Double(count) / seconds))/s); "
            + "sleeps: client \(mine), host \(theirs), together \(mine + theirs); slowest \(worst / 1000) us; none lost"
    )
    client.close()
    _ = host.finish()
}

final class Atomics: Sendable { let value = Atomic<Int>(0) }

/// One message with a payload of `bytes`, written whole and read whole, there and back.
func big(_ arguments: Arguments) async throws {
    let count = arguments.number("bytes", (4 << 30) + 1)
    let folder = try TemporaryFolder()
    let host = try Peer(["serve", "--name", "big", "--folder", folder.path])
    try host.line(starting: "ready")
    var options = arguments.clientOptions
    options.folder = folder.path
    let client = try await Client.connect("big", options: options)
    let start = oro_clock_ns()
    var loan = try await client.loan(count)
    let loaned = oro_clock_ns()
    let sum = loan.withUnsafeMutableBytes { buffer in
        memset(buffer.baseAddress!, 0x5A, buffer.count)
        for offset in stride(from: 0, to: count - 8, by: 4096) {
            buffer.storeBytes(of: UInt64(offset), toByteOffset: offset, as: UInt64.self)
        }
        buffer[count - 1] = 0xA5
        return pageSum(UnsafeRawBufferPointer(buffer))
    }
    let written = oro_clock_ns()
    let bytes = loan.bytes()
    let result = await client.write("page.sum", nil, bytes)
    let first = oro_clock_ns()
    try expectEqual(result.data?["sum"], .string("\(sum)"), "\(result)")
    try expectEqual(result.data?["count"], .int(Int64(count)))
    // Passed once: the second time it is only named.
    let again = await client.write("page.sum", nil, bytes)
    let second = oro_clock_ns()
    try expectEqual(again.data?["sum"], .string("\(sum)"))
    try expectEqual(client.statistics.copiedBytes, 0)
    func ms(_ from: UInt64, _ to: UInt64) -> UInt64 { (to - from) / 1_000_000 }
    print(
        "\(count) bytes in one message: memory made in \(ms(start, loaned)) ms, written in \(ms(loaned, written)) ms, "
            + "sent, mapped and summed in \(ms(written, first)) ms, once more in \(ms(first, second)) ms; 0 bytes copied"
    )
    client.close()
    _ = host.finish()
}

/// What idle links cost their host.
func idleLinks(_ arguments: Arguments) async throws {
    let links = arguments.number("links", 1000)
    let seconds = arguments.number("seconds", 10)
    let backend = arguments.text("backend") ?? "io_uring"
    let folder = try TemporaryFolder()
    let host = try Peer(["serve", "--name", "idle", "--folder", folder.path, "--backend", backend])
    try host.line(starting: "ready")
    var options = ClientOptions()
    options.folder = folder.path
    let first = try await Client.connect("idle", options: options)
    try expectEqual(first.sendSync("ping").data, "pong")
    let before = (rss: oro_rss_kb(host.pid), pss: oro_pss_kb(host.pid), fds: oro_count_fds(host.pid))
    let crowd = try Peer(["crowd", "--name", "idle", "--folder", folder.path, "--links", "\(links)"])
    try crowd.line(starting: "connected")
    let after = (rss: oro_rss_kb(host.pid), pss: oro_pss_kb(host.pid), fds: oro_count_fds(host.pid))
    // Until the host sleeps.
    try await until("the host is at rest", seconds: 30) {
        let ticks = oro_voluntary_switches(host.pid, nil)
        usleep(100_000)
        return oro_voluntary_switches(host.pid, nil) == ticks
    }
    let start = (
        oro_cpu_ticks(host.pid), oro_voluntary_switches(host.pid, "oro-reactor"), oro_voluntary_switches(host.pid, nil)
    )
    sleep(UInt32(seconds))
    let end = (
        oro_cpu_ticks(host.pid), oro_voluntary_switches(host.pid, "oro-reactor"), oro_voluntary_switches(host.pid, nil)
    )
    print("\(backend): \(links) idle links for \(seconds) s")
    print(
        "  host CPU time: \((end.0 - start.0) * 10) ms; switches of its reactor: \(end.1 - start.1), of all its threads: \(end.2 - start.2)"
    )
    print(
        "  a link: RSS \(Double(after.rss - before.rss) / Double(links)) kB, PSS \(Double(after.pss - before.pss) / Double(links)) kB, "
            + "descriptors \(Double(after.fds - before.fds) / Double(links))")
    crowd.say("ask")
    print("  " + (try crowd.line(starting: "asked")))
    try expectEqual(end.1 - start.1, 0, "the reactor woke")
    crowd.finish()
    _ = host.finish()
}

/// Many clients of one host, which then ask once each when told.
func crowd(_ arguments: Arguments) throws {
    let clients = try (0..<arguments.number("links", 1000)).map { _ in
        try Client.connect(arguments.name(), options: arguments.clientOptions)
    }
    for client in clients { guard client.sendSync("ping").isOK else { throw Usage("no pong") } }
    print("connected \(clients.count)")
    while let line = readLine() {
        if line == "ask" {
            let start = oro_clock_ns()
            let right = clients.enumerated().count { client in
                client.element.sendSync("echo", .int(Int64(client.offset))).data == .int(Int64(client.offset))
            }
            print("asked \(clients.count) at once: \(right) right, in \((oro_clock_ns() - start) / 1_000_000) ms")
        }
    }
}

/// A call whose cost ``hotpath(_:)`` counts. What it sends is made once, by the program: what counts is the engine's.
private enum HotCall: String, CaseIterable {
    case bytes = "64 bytes, there and back"
    case numbers = "two integers in, one out"
    case timeout = "two integers in, one out, with a timeout"

    private static let payload = Bytes([UInt8](repeating: 7, count: 64))
    private static let pair: Value = ["a": 2, "b": 3]
    private static let options = CallOptions(timeout: .seconds(10))

    @inline(__always)
    func isRight(_ client: Client) -> Bool {
        switch self {
        case .bytes: client.sendSync("echo", bytes: HotCall.payload).bytes?.count == 64
        case .numbers: client.sendSync("sum", HotCall.pair).data?.int == 5
        case .timeout: client.sendSync("sum", HotCall.pair, options: HotCall.options).data?.int == 5
        }
    }
}

/// Counts allocations and system calls of a host and a client that are awake. In a release build only.
func hotpath(_ arguments: Arguments) async throws {
    for call in HotCall.allCases { try await hotpath(arguments, call) }
}

private func hotpath(_ arguments: Arguments, _ call: HotCall) async throws {
    let count = arguments.number("count", 100_000)
    let windows = 100
    let backend = arguments.text("backend") ?? "io_uring"
    let folder = try TemporaryFolder()
    let host = try Peer([
        "hothost", "--name", "hot", "--folder", folder.path, "--backend", backend, "--idle", "spin", "--count",
        "\(count)",
    ])
    try host.line(starting: "ready")
    var options = ClientOptions()
    options.folder = folder.path
    options.idle = .spin
    let client = try await Client.connect("hot", options: options)
    let (allocations, calls, data, elapsed) = try await onThread { () -> (UInt64, UInt64, Value?, Duration) in
        _ = oro_pin(1)
        for _ in 0..<20_000 {
            guard call.isRight(client) else { throw Unexpected("a wrong answer") }
        }
        let begin = ContinuousClock.now
        guard client.sendSync("count.start").isOK else { throw Unexpected("no count") }
        for _ in 0..<1000 { _ = call.isRight(client) }
        // In windows: a moment in which the other side's processor is taken away, so that it is not awake, shows in one
        // of them. A call or an allocation that belonged to the path would show in all.
        var best = (allocations: UInt64.max, calls: UInt64.max)
        var clean = 0
        for _ in 0..<windows {
            let status = oro_syscall_count_start()
            guard status == 0 else { throw Unexpected("system calls cannot be counted here: \(status)") }
            let before = oro_allocations()
            for _ in 0..<count / windows { if !call.isRight(client) { break } }
            let allocations = oro_allocations() - before
            let calls = oro_syscall_count_stop()
            if allocations + calls == 0 { clean += 1 }
            if allocations + calls < best.allocations &+ best.calls || best.calls == .max {
                best = (allocations, calls)
            }
        }
        let (allocations, calls) = best
        print("  \(clean) of \(windows) windows of \(count / windows) round trips without any")
        // On this thread: another would open a ring of its own.
        let data = client.sendSync("count.stop").data
        return (allocations, calls, data, ContinuousClock.now - begin)
    }
    let hostAllocations = data?["allocations"]?.int ?? -1, hostCalls = data?["calls"]?.int ?? -1
    print("\(backend): \(count) round trips, \(call.rawValue)")
    print("  client at best: \(allocations) allocations, \(calls) system calls")
    print(
        "  host:   \(hostAllocations) allocations, \(hostCalls) system calls, \(data?["yields"]?.int ?? -1) yields to a client that did not run"
    )
    client.close()
    _ = host.finish()
    // epoll has to be asked every 200 us; on io_uring the reading of a socket that a stalled client's spell brought is
    // all.
    let allowed = backend == "epoll" ? Int(elapsed / .microseconds(200)) + 10 : 10
    // The host's two counting requests are not of the plain kind: up to 32 allocations are theirs.
    if allocations > 0 || calls > 0 || hostCalls < 0 || hostCalls > Int64(allowed) || hostAllocations < 0
        || hostAllocations > 32
    {
        throw Unexpected("the hot path allocates or calls the system")
    }
}

func hothost(_ arguments: Arguments) throws {
    let host = try Host(name: arguments.name(), options: arguments.hostOptions)
    Fixture.install(on: host)
    let mark = Atomics()
    // A route without a decoded value, so that it is the host's path alone that is counted.
    host.router.map("echo") { message in Result(bytes: message.bytes) }
    host.router.map("sum") { message in
        Result(data: .int((message["a"]?.int ?? 0) + (message["b"]?.int ?? 0)))
    }
    host.router.map("count.start") { _ in
        _ = oro_pin(0)
        let status = oro_syscall_count_start()
        mark.value.store(Int(oro_allocations()), ordering: .relaxed)
        return status == 0 ? Result() : Result(err: IPCError(message: "\(status)"))
    }
    host.router.map("count.stop") { _ in
        let allocations = Int(oro_allocations()) - mark.value.load(ordering: .relaxed)
        return Result(data: [
            "allocations": .int(Int64(allocations)), "calls": .int(Int64(oro_syscall_count_stop())),
            "yields": .int(Int64(oro_yield_count())),
        ])
    }
    try host.start()
    print("ready")
    while readLine() != nil {}
    host.stop()
}

/// What streams at full speed do to the round trips of others: on the same link, and on another.
func streamPings(_ arguments: Arguments) async throws {
    let count = arguments.number("count", 20_000)
    let folder = try TemporaryFolder()
    let host = try Peer([
        "serve", "--name", "fair", "--folder", folder.path, "--backend", arguments.text("backend") ?? "io_uring",
    ])
    try host.line(starting: "ready")
    var options = arguments.clientOptions
    options.folder = folder.path
    let client = try await Client.connect("fair", options: options)
    let other = try await Client.connect("fair", options: options)
    @Sendable func pings(_ client: Client) throws -> [UInt64] {
        try (0..<count).map { _ in
            let start = oro_clock_ns()
            guard client.sendSync("echo").isOK else { throw Unexpected("no echo") }
            return oro_clock_ns() - start
        }.sorted()
    }
    func report(_ text: String, _ times: [UInt64]) {
        func at(_ part: Double) -> String { "\(Double(times[Int(Double(times.count - 1) * part)]) / 1000) us" }
        print("  \(text): p50 \(at(0.5)), p99 \(at(0.99)), p99.9 \(at(0.999)), max \(at(1))")
    }
    print("\(count) round trips each, \(arguments.number("streams", 4)) streams")
    report("no stream", try await onThread { try pings(client) })
    for size in [100, 1000, 65_536] {
        let read = Atomics()
        let tasks = (0..<arguments.number("streams", 4)).map { _ in
            Task {
                for try await _ in client.stream("stream.count", ["size": .int(Int64(size))]) {
                    read.value.add(1, ordering: .relaxed)
                }
            }
        }
        try await until("they flow") { read.value.load(ordering: .relaxed) > 1000 }
        for (text, pinged) in [("the same link", client), ("another link", other)] {
            let (before, start) = (read.value.load(ordering: .relaxed), oro_clock_ns())
            let times = try await onThread { try pings(pinged) }
            let chunks = Double(read.value.load(ordering: .relaxed) - before) * 1e9 / Double(oro_clock_ns() - start)
            report("chunks of \(size) bytes, \(Int(chunks)) a second, \(text)", times)
        }
        for task in tasks { task.cancel() }
        for task in tasks { _ = await task.result }
    }
    client.close()
    _ = host.finish()
}
