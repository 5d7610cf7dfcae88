import CSupport
import OroIPC

/// What blocks of a bench and of its baseline came to.
struct BenchResult {
    let bench: BenchCase
    private var mine: [UInt64] = []
    private var raw: [UInt64] = []
    private var ratios: [Double] = []
    private var wall: UInt64 = 0
    private var processor: UInt64 = 0
    private(set) var spread = Percentiles(samples: [])
    private(set) var rawSpread = Percentiles(samples: [])

    init(_ bench: BenchCase) { self.bench = bench }

    /// One block of each, in ticks; wall time in ns, processor time of both processes in us.
    mutating func add(raw: [UInt64], mine: [UInt64], wall: UInt64, processor: UInt64) {
        self.raw += raw
        self.mine += mine
        let (rawSum, mineSum) = (Double(raw.reduce(0, +)), Double(mine.reduce(0, +)))
        ratios.append(bench.isOneWay ? rawSum / mineSum : mineSum / rawSum)
        self.wall += wall
        self.processor += processor
    }

    mutating func finish() {
        spread = Percentiles(samples: mine)
        rawSpread = Percentiles(samples: raw)
        ratios.sort()
    }

    /// The median over blocks: time over the baseline's time, or rate over the baseline's rate.
    var ratio: Double { ratios[ratios.count / 2] }

    /// Processor time of both processes over wall time, in per cent of one processor.
    var processorPercent: Double { wall == 0 ? 0 : Double(processor) * 1000 / Double(wall) * 100 }

    /// Nanoseconds, or messages a second.
    private func figure(_ ticks: UInt64) -> Double {
        let nanoseconds = Double(ticks) * 1000 / Double(oro_ticks_per_us())
        return bench.isOneWay ? 1e9 / max(nanoseconds / 1000, 1e-3) : nanoseconds
    }

    private func rounded(_ value: Double) -> Value { .double((value * 100).rounded() / 100) }

    func value(backend: String) -> Value {
        [
            "name": .string(bench.rawValue), "unit": bench.isOneWay ? "messages/s" : "ns",
            "p50": .double(figure(spread.p50).rounded()), "p99": .double(figure(spread.p99).rounded()),
            "p999": .double(figure(spread.p999).rounded()), "max": .double(figure(spread.max).rounded()),
            "raw_p50": .double(figure(rawSpread.p50).rounded()), "ratio": rounded(ratio),
            "ratio_p10": rounded(ratios[ratios.count / 10]), "ratio_p90": rounded(ratios[ratios.count * 9 / 10]),
            "goal": bench.goal.isFinite ? .double(bench.goal) : .null,
            "policy": .string(bench.idle.rawValue), "backend": .string(backend),
            "cpu_percent": .double(processorPercent.rounded()),
        ]
    }

    static let head =
        "name                    p50        p99      p99.9        max        raw   ratio   (p10   p90)   goal  policy     cpu"

    var row: String {
        func pad(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count)) + text
        }
        func short(_ value: Double) -> String {
            bench.isOneWay
                ? "\((value / 1e4).rounded() / 100) M/s"
                : value < 10_000 ? "\(Int(value)) ns" : "\((value / 100).rounded() / 10) us"
        }
        func two(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
        let name = bench.rawValue + String(repeating: " ", count: max(0, 20 - bench.rawValue.count))
        let times = [spread.p50, spread.p99, spread.p999, spread.max, rawSpread.p50].map { pad(short(figure($0)), 11) }
        let goal = bench.goal.isFinite ? (bench.isOneWay ? ">= " : "<= ") + two(bench.goal) : "8 us"
        return name + times.joined()
            + pad(two(ratio), 8) + "  (" + pad(two(ratios[ratios.count / 10]), 4) + "  "
            + pad(two(ratios[ratios.count * 9 / 10]), 4) + ")" + pad(goal, 8) + "  "
            + bench.idle.rawValue + String(repeating: " ", count: 8 - bench.idle.rawValue.count)
            + pad("\(Int(processorPercent)) %", 6)
    }
}
