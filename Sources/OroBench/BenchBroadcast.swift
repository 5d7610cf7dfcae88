// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CBench
import CSupport
import Dispatch
import OroIPC
import OroTool
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// One payload of 1 MiB for so many subscribers: `broadcast-1MiB-1`, `-4`, `-16`, `-64`.
///
/// A host posts it, and measures until the last of them, all in another process, has looked at it. The baseline is a
/// copy of 1 MiB in private memory.
struct BroadcastCase: BenchKind {
    let subscribers: Int

    /// The name of all of them together.
    static let family = "broadcast-1MiB"
    static let all = [1, 4, 16, 64].map { BroadcastCase(subscribers: $0) }
    private static let bytes = 1 << 20

    var name: String { "\(BroadcastCase.family)-\(subscribers)" }
    var summary: String {
        "1 MiB posted, \(subscribers == 1 ? "a subscriber" : "\(subscribers) subscribers") look at it; baseline memcpy"
    }
    var idle: IdlePolicy { .adaptive }
    var isOneWay: Bool { false }
    var goal: Double { .infinity }
    var payload: Int? { BroadcastCase.bytes }

    func run(_ settings: BenchSettings, _ progress: (Double) -> Void) throws -> BenchResult {
        let blocks = settings.quick ? 2 : 40
        let count = settings.quick ? 2 : 20
        let bench = try BroadcastBlocks(subscribers: subscribers, bytes: BroadcastCase.bytes)
        var result = BenchResult(self)
        for block in -2..<blocks {
            let pair = try bench.block(count)
            if block >= 0 { result.add(pair, line: 0) }
            progress(Double(block + 3) / Double(blocks + 2))
        }
        result.finish()
        return result
    }
}

extension BroadcastCase {
    /// What each subscriber after the first has cost.
    struct Further {
        /// By the name of the bench.
        var nanoseconds: [String: Double] = [:]
        var text = ""
    }

    /// `nil` where a bench of one subscriber, or all others, are missing.
    static func further(_ results: [BenchResult]) -> Further? {
        let broadcasts = results.filter { $0.bench is BroadcastCase }
        guard let one = broadcasts.first(where: { $0.bench.name == all[0].name }) else { return nil }
        var further = Further()
        var lines: [String] = []
        for result in broadcasts {
            guard let bench = result.bench as? BroadcastCase, bench.subscribers > 1 else { continue }
            // Of a few messages the times may be the other way round.
            let difference = max(0, result.times.p50 - one.times.p50)
            let cost = (difference / Double(bench.subscribers - 1)).rounded()
            further.nanoseconds[bench.name] = cost
            lines.append(
                "  \(bench.subscribers) subscribers: \(Units.fixed(cost / 1000, 1)) us for each after the first, "
                    + "\(Units.fixed(cost / result.times.rawP50 * 100, 0)) % of a copy (\(Units.fixed(result.times.rawP50 / 1000, 1)) us)"
            )
        }
        if lines.isEmpty { return nil }
        further.text = lines.joined(separator: "\n")
        return further
    }
}

/// The host of the bench, and the process of its subscribers.
private final class BroadcastBlocks {
    private let host: Host
    private let channel: IPCBroadcastChannel
    private let process: OwnProcess
    private let source: [UInt8]
    private var copy: [UInt8]
    /// All subscribers have looked at a message. Slept on: who polled would take the processor of one of the two
    /// processes.
    private let heard = DispatchSemaphore(value: 0)

    init(subscribers: Int, bytes: Int) throws {
        let name = "bench-\(getpid())"
        host = try Host(name: name)
        host.router.map("heard") { [heard] _ in
            heard.signal()
            return OroIPC.Result()
        }
        try host.start()
        channel = try IPCBroadcastChannel("bench", in: host)
        source = [UInt8](repeating: 7, count: bytes)
        copy = [UInt8](repeating: 0, count: bytes)
        process = try OwnProcess(["bench-subscribers", name, "\(subscribers)"])
    }

    deinit {
        process.stop()
        host.stop()
    }

    /// Copies and broadcasts in turn, in ticks.
    func block(_ count: Int) throws -> BenchBlocks.Pair {
        var (raw, mine): ([UInt64], [UInt64]) = ([], [])
        let bytes = source.count
        let (wall, processor) = (oro_now(), bench_cpu_time() + bench_process_cpu_time(process.processID))
        for _ in 0..<count {
            let start = oro_ticks()
            unsafe copy.withUnsafeMutableBytes { target in
                // Both arrays have that many bytes.
                unsafe source.withUnsafeBytes { unsafe target.copyMemory(from: $0) }
            }
            raw.append(oro_ticks() - start)
            let began = oro_ticks()
            try channel.postMessage(.bytes(Bytes(source)))
            guard heard.wait(timeout: .now() + 10) == .success else {
                throw ToolError(.failed, "a broadcast did not reach everybody within 10 s")
            }
            mine.append(oro_ticks() - began)
        }
        if copy[bytes - 1] != 7 { throw ToolError(.failed, "the copy is none") }
        let spent = bench_cpu_time() + bench_process_cpu_time(process.processID) - processor
        return (raw, mine, oro_now() - wall, spent)
    }
}

/// The subscribers of a broadcast bench, each a client of its own; started by `oro-ipc bench` only.
package struct BenchSubscribersCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(commandName: "bench-subscribers", shouldDisplay: false)

    @Argument var host: String
    @Argument var count: Int

    package init() {}

    package func run() async throws {
        let (host, count) = (host, count)
        try await PlainThread.run {
            let first = try Client.connect(host)
            let looked = Looked()
            var channels: [IPCBroadcastChannel] = []
            for index in 0..<count {
                let client = try index == 0 ? first : Client.connect(host)
                let channel = try IPCBroadcastChannel("bench", over: client)
                channel.onmessage = { event in
                    // What the bench posts has far more than 8 bytes.
                    unsafe event.data.bytes?.withUnsafeBytes { bytes in
                        _ = unsafe bench_read_some(bytes.baseAddress!)
                    }
                    let number = looked.count.add(1, ordering: .acquiringAndReleasing).newValue
                    if number % count == 0 { try? first.post("heard") }
                }
                // Behind the subscription, on the same way.
                if let error = client.sendSync("ping").err { throw error }
                channels.append(channel)
            }
            StandardStream.output.line("ready")
            // Until the bench is over, or its process gone.
            while readLine() != nil {}
            for channel in channels { channel.close() }
        }
    }

    private final class Looked: Sendable {
        let count = Atomic<Int>(0)
    }
}
