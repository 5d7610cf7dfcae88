// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import OroIPC

/// A hostile host and its clients, which are ours: the clients must neither crash nor hang, keep nothing, and their
/// other link, with a good host, must go on as if nothing were.
func hostileHostTrial(_ arguments: Arguments) async throws {
    let folder = try TemporaryFolder()
    let good = try Peer(["serve", "--name", "good", "--folder", folder.path])
    try good.line(starting: "ready")
    let (seed, first) = ("\(arguments.number("seed", 1))", "\(arguments.number("first", 0))")
    let bad = try Peer(["badhost", "--name", "bad", "--folder", folder.path, "--seed", seed, "--first", first])
    try bad.line(starting: "ready")
    let client = try Peer([
        "exposed", "--folder", folder.path, "--count", "\(arguments.number("count", 5000))", "--seed", seed, "--first",
        first,
        "--backend", arguments.text("backend") ?? "io_uring", "--deeds", arguments.text("deeds") ?? "",
    ])
    let lines = await Task.detached { client.rest() }.value
    for line in lines { print(line) }
    let status = client.finish()
    guard status == 0 else { throw Unexpected("the client of a hostile host ended with \(status)") }
    bad.closeInput()
    print(await Task.detached { bad.rest().last ?? "" }.value)
    guard bad.finish() == 0, good.finish() == 0 else { throw Unexpected("a host failed") }
}

/// The client: connects to the hostile host again and again, and does all that clients do, each with a limit of time.
func exposed(_ arguments: Arguments) async throws {
    var options = arguments.clientOptions
    let bystander = try await Client.connect("good", options: options)
    options.handshakeMilliseconds = 100
    options.allowsDescriptors = true
    let exposed = Exposed(
        options: options, deeds: (arguments.text("deeds") ?? "").split(separator: ",").compactMap { Int($0) })
    let (seed, first, count) = (
        arguments.number("seed", 1), arguments.number("first", 0), arguments.number("count", 5000)
    )
    let progress = Atomics()
    let watchdog = Thread {
        var (last, stuck) = (-1, 0)
        while true {
            usleep(250_000)
            let now = progress.value.load(ordering: .relaxed)
            if now < 0 { return }
            stuck = now == last ? stuck + 1 : 0
            last = now
            if stuck >= 80 {
                print("HANG: no progress for 20 s with client \(first + now) of seed \(seed)")
                exit(2)
            }
        }
    }
    watchdog.start()
    // The other link, asked all the while.
    let times = Times()
    let asking = Task.detached {
        try await onThread {
            var number: Int64 = 0
            while progress.value.load(ordering: .relaxed) >= 0 {
                number += 1
                let start = oro_clock_ns()
                let result = bystander.sendSync("echo", .int(number), options: CallOptions(timeout: .seconds(10)))
                times.add(oro_clock_ns() - start)
                guard result.data == .int(number) else { throw Unexpected("the good host: \(result)") }
                usleep(1000)
            }
        }
    }
    var before: (fds: Int32, memfds: Int32, rss: Int)?
    for number in 0..<count {
        progress.value.store(number, ordering: .relaxed)
        await exposed.meet(number: first + number, seed: seed)
        // By then what is there once is there.
        if number == min(300, count / 4) {
            await exposed.rest()
            before = (oro_count_fds(0), oro_count_memfds(0), oro_rss_kb(0))
        }
    }
    progress.value.store(-1, ordering: .relaxed)
    try await asking.value
    await exposed.rest()
    guard let before else { throw Usage("--count is too small") }
    let end = oro_clock_ns() + 10_000_000_000
    while oro_count_fds(0) > before.fds || oro_count_memfds(0) > before.memfds, oro_clock_ns() < end { usleep(10_000) }
    let after = (fds: oro_count_fds(0), memfds: oro_count_memfds(0), rss: oro_rss_kb(0))
    print(
        "links \(count): \(exposed.connected) made, \(exposed.right) right results, \(exposed.wrong) errors; other link: \(times.latencies)"
    )
    print(
        "descriptors \(before.fds) -> \(after.fds), mappings of memfds \(before.memfds) -> \(after.memfds), "
            + "RSS \(before.rss) -> \(after.rss) kB, at most \(oro_peak_rss_kb(0)) kB")
    try expect(after.fds <= before.fds, "descriptors \(before.fds) -> \(after.fds)")
    try expect(after.memfds <= before.memfds, "mappings \(before.memfds) -> \(after.memfds)")
    try expect(after.rss < before.rss + 32_768, "memory grew")
    try expect(oro_peak_rss_kb(0) < before.rss + 512 * 1024, "memory grew to \(oro_peak_rss_kb(0)) kB")
    bystander.close()
}

final class Times: @unchecked Sendable {
    // Guarded by `lock`.
    private var all: [UInt64] = []
    private let lock = NSLock()

    func add(_ time: UInt64) { lock.withLock { all.append(time) } }
    var latencies: Latencies { lock.withLock { Latencies(all) } }
}

/// What a client does with a host it should not trust.
private final class Exposed {
    private let options: ClientOptions
    private(set) var connected = 0
    private(set) var right = 0
    private(set) var wrong = 0
    private var kept: [Bytes] = []

    /// The deeds that are tried, for looking into them; none: all.
    private let deeds: [Int]

    init(options: ClientOptions, deeds: [Int]) { (self.options, self.deeds) = (options, deeds) }

    private static let limit = CallOptions(timeout: .milliseconds(20))

    private func count(_ result: Result) {
        if result.isOK { right += 1 } else { wrong += 1 }
        if let bytes = result.bytes, kept.count < 16 { kept.append(bytes) }
        // What comes is looked at as a program would.
        _ = result.data?.json().count
        _ = result.err?.description
        _ = result.bytes?.copy()
    }

    func meet(number: Int, seed: Int) async {
        var dice = Dice(seed: UInt64(seed) << 32 | UInt64(number) | 1 << 63)
        for _ in 0..<3 { _ = dice.next() }
        func below(_ limit: Int) -> Int { Int(dice.next() % UInt64(limit)) }
        var options = options
        options.idle = [IdlePolicy.adaptive, .park, .adaptive][below(3)]
        guard let client = try? await Client.connect("bad", options: options) else { return }
        connected += 1
        let heard = client.events.listen("*") { event in _ = event.detail?.json().count }
        var ports: [IPCMessagePort] = []
        var channels: [IPCBroadcastChannel] = []
        for _ in 0..<1 + below(6) {
            let value: Value = ["n": .int(Int64(number)), "text": "hello"]
            let deed = below(10)
            switch deeds.isEmpty ? deed : deeds[deed % deeds.count] {
            case 0:
                let options = Exposed.limit
                if let result = try? await onThread({ client.sendSync("echo", value, options: options) }) {
                    count(result)
                }
            case 1: count(await client.request("echo", value, options: Exposed.limit))
            case 2:
                count(
                    await client.write(
                        "echo", nil, Bytes([UInt8](repeating: 7, count: below(3) * 20_000)), options: Exposed.limit))
            case 3: for _ in 0..<20 { try? client.post("note", value) }
            case 4:
                let stream = client.stream("stream", value, options: Exposed.limit, window: 1 + below(20))
                let reading = Task {
                    var seen = 0
                    for try await chunk in stream {
                        _ = chunk.value?.json().count
                        seen += 1
                        if seen > 30 { break }
                    }
                }
                let stop = Task {
                    try? await Task.sleep(for: .milliseconds(30))
                    reading.cancel()
                }
                _ = await reading.result
                stop.cancel()
            case 5:
                if let port = try? client.openPort("room") {
                    ports.append(port)
                    try? port.postMessage(["a": .array([1, 2, 3])])
                    _ = try? await onThread { port.receive(waitingAtMost: .milliseconds(5)).map { _ = $0.ports } }
                }
            case 6:
                if let port = try? client.meet("table") {
                    port.onmessage = { event in _ = (event.data, event.ports) }
                    ports.append(port)
                    let channel = IPCMessageChannel()
                    try? port.postMessage(["port": .port(channel.port2)], transfer: [channel.port2])
                    ports.append(channel.port1)
                }
            case 7:
                if let channel = try? IPCBroadcastChannel("news", over: client) {
                    channel.onmessage = { event in _ = event.data }
                    channels.append(channel)
                    try? channel.postMessage("hello")
                }
            case 8:
                if let port = ports.last {
                    count(await client.request("take", value, transfer: [port], options: Exposed.limit))
                }
            default:
                if var loan = try? await client.loan(5000, waitingAtMost: .milliseconds(5)) {
                    loan.withUnsafeMutableBytes { _ = memset($0.baseAddress!, 1, $0.count) }
                    count(await client.write("echo", value, loan.bytes(), options: Exposed.limit))
                }
            }
            for port in ports.prefix(1) { try? port.postMessage(.int(Int64(number))) }
        }
        client.events.unlisten(heard)
        for port in ports { port.close() }
        for channel in channels { channel.close() }
        if kept.count >= 16 { kept = [] }
        client.close()
    }

    /// Lets go of everything.
    func rest() async {
        kept = []
        try? await Task.sleep(for: .milliseconds(50))
    }
}
