// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import OroIPC
import OroLink
import OroTool

/// `oro-ipc bench`: figures as ratios to bare shared memory, measured in turn with it.
package struct Bench: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Measure round trips and throughput beside bare shared memory.",
        discussion: """
            Blocks of each bench alternate with blocks of a bare C baseline between the same two pinned processes. The
            ratio is the median over the blocks: of times for round trips (less is better), of rates for one-way traffic
            (more is better). Percentiles are those of single round trips, or of blocks.

              oro-ipc bench                             all but the families, about two minutes
              oro-ipc bench lane-rtt-64 rtt-64-spin     two of them
              oro-ipc bench --json > figures.json
              oro-ipc bench --plot plots                payloads of 64 bytes to 1 GiB, and broadcasts: three plots, bench.json

            \(Bench.usual.map { Bench.line($0.name, $0.summary) }.joined(separator: "\n"))
            \(Bench.line(BroadcastCase.family, "1 MiB posted to 1, 4, 16 and 64 subscribers; -1, -4, -16 or -64: one of them"))
            \(Bench.line(PayloadCase.family, PayloadCase.sizes.count.description + " sizes, polling and asleep (-park):"))
            \(Bench.line("rtt-payload-1M", "one of them; K, M and G are powers of 1024"))
            \(Bench.line("rtt-payload-1M-park", PayloadCase(bytes: 64, parks: true).summary))
            """)

    private static let usual: [any BenchKind] = BenchCase.allCases + LoanCase.allCases + TalkCase.allCases
    private static let families = [PayloadCase.family, BroadcastCase.family]

    private static func line(_ name: String, _ summary: String) -> String {
        "  " + name + String(repeating: " ", count: 22 - name.count) + summary
    }

    @Argument(help: "Names of benches.")
    var names: [String] = []

    @Flag(help: "Print one JSON object.")
    var json = false

    @Option(help: "Write plots of the families of benches, and bench.json, to this folder.")
    var plot: String?

    @Option(help: .hidden)
    var depth: Int?

    @Flag(help: .hidden)
    var arrays = false

    @Flag(help: .hidden)
    var blocks = false

    @Flag(help: .hidden)
    var quick = false

    private var settings: BenchSettings { BenchSettings(depth: depth, fromArrays: arrays, quick: quick) }

    private func cases() -> [any BenchKind] {
        let names = !names.isEmpty ? names : plot != nil ? Bench.families : Bench.usual.map(\.name)
        return names.flatMap { name -> [any BenchKind] in
            if name == PayloadCase.family { return PayloadCase.all(settings) }
            if let one = PayloadCase(name) { return [one] }
            let broadcasts = BroadcastCase.all.filter { name == BroadcastCase.family || name == $0.name }
            if !broadcasts.isEmpty { return broadcasts }
            return Bench.usual.filter { $0.name == name }
        }
    }

    package init() {}

    package func validate() throws {
        let known = Bench.usual.map(\.name) + Bench.families + BroadcastCase.all.map(\.name)
        for name in names where !known.contains(name) && PayloadCase(name) == nil {
            throw ValidationError(
                "there is no bench '\(name)'; there are \(known.joined(separator: ", ")), rtt-payload-1M, …")
        }
        if let depth, depth < 1 { throw ValidationError("the depth is at least 1") }
    }

    package func run() async throws {
        let (cases, settings, json, plot, blocks) = (cases(), settings, json, plot, blocks)
        let backend = (WakeBackend.forced ?? (try? Poller())?.backend ?? .epoll).rawValue
        if let plot { try BenchPlots.prepare(plot) }
        try await PlainThread.run {
            var results: [BenchResult] = []
            if !json { StandardStream.output.line(BenchResult.head) }
            for bench in cases {
                if let obstacle = (bench as? PayloadCase)?.obstacle {
                    StandardStream.error.line(obstacle)
                    continue
                }
                let isTerminal = StandardStream.error.isTerminal
                let result = try bench.run(settings) { share in
                    if isTerminal { StandardStream.error.write("\r\(bench.name) \(Int(share * 100)) %\u{1B}[K") }
                }
                if isTerminal { StandardStream.error.write("\r\u{1B}[K") }
                results.append(result)
                if !json { StandardStream.output.line(result.row) }
            }
            let further = BroadcastCase.further(results)
            if !json, let line = further?.text { StandardStream.output.line(line) }
            let values = results.map { result in
                var value = result.value(backend: backend, withBlocks: blocks)
                if let cost = further?.nanoseconds[result.bench.name] { value.set("further_ns", .double(cost)) }
                return value
            }
            let text = (["results": .array(values)] as Value).json()
            if json { print(text) }
            if let plot { try BenchPlots.write(results, json: text, to: plot) }
        }
    }
}

/// The other process of a bench; started by `oro-ipc bench` only.
package struct BenchPeerCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(commandName: "bench-peer", shouldDisplay: false)

    @Argument var idle: String
    @Argument var cpu: Int32

    package init() {}

    package func run() async throws {
        let idle = IdlePolicy(rawValue: idle) ?? .adaptive
        let cpu = cpu
        try await PlainThread.run { try BenchPeer(shared: 3, host: 4, lane: 5, idle: idle, cpu: cpu).run() }
    }
}
