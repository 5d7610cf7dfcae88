import ArgumentParser
import OroIPC
import OroLink

/// `oro-ipc bench`: figures as ratios to bare shared memory, measured in turn with it.
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure round trips and throughput beside bare shared memory.",
        discussion: """
            Blocks of each bench alternate with blocks of a bare C baseline between the same two pinned processes. The
            ratio is the median over the blocks: of times for round trips (less is better), of rates for one-way traffic
            (more is better). Percentiles are those of single round trips, or of blocks.

              oro-ipc bench                             all of them, about two minutes
              oro-ipc bench lane-rtt-64 rtt-64-spin     two of them
              oro-ipc bench --json > figures.json

            \(BenchCase.allCases.map { "  " + $0.rawValue + String(repeating: " ", count: 22 - $0.rawValue.count) + $0.summary }.joined(separator: "\n"))
            """)

    @Argument(help: "Names of benches; all of them without.")
    var names: [String] = []

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        for name in names where BenchCase(rawValue: name) == nil {
            let known = BenchCase.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("there is no bench '\(name)'; there are \(known)")
        }
    }

    func run() async throws {
        let cases = names.isEmpty ? BenchCase.allCases : names.compactMap(BenchCase.init(rawValue:))
        let json = json
        let backend = (WakeBackend.forced ?? (try? Poller())?.backend ?? .epoll).rawValue
        try await PlainThread.run {
            var values: [Value] = []
            if !json { print(BenchResult.head) }
            for bench in cases {
                let isTerminal = StandardStream.error.isTerminal
                let result = try bench.run { share in
                    if isTerminal { StandardStream.error.write("\r\(bench.rawValue) \(Int(share * 100)) %\u{1B}[K") }
                }
                if isTerminal { StandardStream.error.write("\r\u{1B}[K") }
                if json { values.append(result.value(backend: backend)) } else { print(result.row) }
            }
            if json { print((["results": .array(values)] as Value).json()) }
        }
    }
}

/// The other process of a bench; started by `oro-ipc bench` only.
struct BenchPeerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "bench-peer", shouldDisplay: false)

    @Argument var idle: String
    @Argument var cpu: Int32

    func run() async throws {
        let idle = IdlePolicy(rawValue: idle) ?? .adaptive
        let cpu = cpu
        try await PlainThread.run { try BenchPeer(shared: 3, host: 4, lane: 5, idle: idle, cpu: cpu).run() }
    }
}
