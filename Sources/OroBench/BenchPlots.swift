// SPDX-License-Identifier: Apache-2.0

import OroIPC
import OroTool

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What `oro-ipc bench --plot` writes.
enum BenchPlots {
    /// Makes the folder, or finds out that it cannot be made, before anything is measured.
    static func prepare(_ folder: String) throws {
        // C strings for the calls.
        guard unsafe mkdir(folder, 0o777) == 0 || errno == EEXIST, unsafe access(folder, W_OK | X_OK) == 0 else {
            throw ToolError(.usage, "'\(String(showing: folder))' cannot be written to: \(FileFailure(errno).text)")
        }
    }

    static func write(_ results: [BenchResult], json: String, to folder: String) throws {
        let payloads = results.filter { $0.bench is PayloadCase }
            .sorted { ($0.bench.payload ?? 0) < ($1.bench.payload ?? 0) }
        try write(json + "\n", to: "\(folder)/bench.json")
        let broadcasts = results.filter { $0.bench is BroadcastCase }
        if !broadcasts.isEmpty { try write(subscribers(broadcasts).svg(), to: "\(folder)/broadcast.svg") }
        guard !payloads.isEmpty else { return }
        try write(latency(payloads).svg(), to: "\(folder)/payload-latency.svg")
        try write(throughput(payloads).svg(), to: "\(folder)/payload-throughput.svg")
    }

    private static func write(_ text: String, to path: String) throws {
        var text = text
        try text.withUTF8 { bytes in try unsafe WholeFile.write(UnsafeRawBufferPointer(bytes), to: path) }
    }

    private static var size: SVGPlot.Axis {
        SVGPlot.Axis(
            title: "payload", scale: .logarithmic(base: 4), label: { Units.binary(UInt64($0.rounded())) })
    }

    /// The distance of the processors during the run, for the reader of a plot.
    private static func subtitle(_ results: [BenchResult]) -> String {
        let lines = results.map(\.lineNanoseconds).sorted()
        let (least, most) = (lines.first ?? 0, lines.last ?? 0)
        return "Written by one process, read whole by the other, answered. Bare 64-byte round trip: "
            + "\(least) to \(most) ns."
    }

    private static func latency(_ results: [BenchResult]) -> SVGPlot {
        var series: [SVGPlot.Series] = []
        for (parks, policy, color) in [(false, "polling", 0), (true, "asleep", 2)] {
            let some = results.filter { ($0.bench.idle == .park) == parks }
            func line(_ name: String, _ color: Int, _ isDashed: Bool, _ time: (BenchResult) -> Double) {
                if some.isEmpty { return }
                let points = some.map { (x: Double($0.bench.payload ?? 0), y: time($0)) }
                series.append(.init(name: "\(name), \(policy)", points: points, color: color, isDashed: isDashed))
            }
            line("OroIPC p50", color, false, \.times.p50)
            line("OroIPC p99", color, true, \.times.p99)
            line("bare p50", color + 1, false, \.times.rawP50)
            line("bare p99", color + 1, true, \.times.rawP99)
        }
        return SVGPlot(
            title: "Time of a round trip by payload", subtitle: subtitle(results), x: size,
            y: .init(title: "time", scale: .logarithmic(base: 10), label: { Units.power($0) }), series: series)
    }

    /// Beside a copy for each subscriber, which is what it would cost to write the payload once for every one.
    private static func subscribers(_ results: [BenchResult]) -> SVGPlot {
        func points(_ time: (BenchResult, Double) -> Double) -> [(x: Double, y: Double)] {
            results.compactMap { result in
                guard let count = (result.bench as? BroadcastCase)?.subscribers else { return nil }
                return (x: Double(count), y: time(result, Double(count)))
            }
        }
        return SVGPlot(
            title: "1 MiB posted, until all subscribers have looked at it",
            subtitle: "One host, all subscribers in another process, each with a link of its own.",
            x: .init(title: "subscribers", scale: .logarithmic(base: 4), label: { "\(Int($0.rounded()))" }),
            y: .init(title: "time", scale: .logarithmic(base: 10), label: { Units.power($0) }),
            series: [
                .init(name: "OroIPC p50", points: points { result, _ in result.times.p50 }, color: 0),
                .init(name: "OroIPC p99", points: points { result, _ in result.times.p99 }, color: 0, isDashed: true),
                .init(name: "a copy for each", points: points { $0.times.rawP50 * $1 }, color: 1),
                .init(name: "one copy", points: points { result, _ in result.times.rawP50 }, color: 7, isDashed: true),
            ])
    }

    private static func throughput(_ results: [BenchResult]) -> SVGPlot {
        var series: [SVGPlot.Series] = []
        for (parks, policy, color) in [(false, "polling", 0), (true, "asleep", 2)] {
            let some = results.filter { ($0.bench.idle == .park) == parks }
            if some.isEmpty { continue }
            func points(_ time: (BenchResult) -> Double) -> [(x: Double, y: Double)] {
                some.map { (x: Double($0.bench.payload ?? 0), y: Double($0.bench.payload ?? 0) / max(1, time($0))) }
            }
            series.append(.init(name: "OroIPC, \(policy)", points: points(\.times.p50), color: color))
            series.append(.init(name: "bare, \(policy)", points: points(\.times.rawP50), color: color + 1))
        }
        return SVGPlot(
            title: "Throughput of round trips, one at a time, by payload", subtitle: subtitle(results), x: size,
            y: .init(
                title: "GB/s (payload over p50)", scale: .linear,
                label: { value in
                    Units.fixed(value, value == value.rounded() ? 0 : 1)
                }), series: series)
    }
}
