// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroIPC
import OroTool

/// What blocks of a bench and of its baseline came to.
struct BenchResult {
    let bench: any BenchKind
    private var mine: [UInt64] = []
    private var raw: [UInt64] = []
    private var ratios: [Double] = []
    /// For each block: ticks of a bare round trip of 64 bytes, of one message of the baseline, of one of ours.
    private var blocks: [(line: UInt64, raw: Double, mine: Double)] = []
    private var line: UInt64 = 0
    private var wall: UInt64 = 0
    private var processor: UInt64 = 0
    private(set) var spread = Percentiles(samples: [])
    private(set) var rawSpread = Percentiles(samples: [])

    init(_ bench: any BenchKind) { self.bench = bench }

    /// One block of each, in ticks, and a bare round trip of 64 bytes before it.
    mutating func add(_ pair: BenchBlocks.Pair, line: UInt64) {
        raw += pair.raw
        mine += pair.mine
        let (rawSum, mineSum) = (Double(pair.raw.reduce(0, +)), Double(pair.mine.reduce(0, +)))
        ratios.append(bench.isOneWay ? rawSum / mineSum : mineSum / rawSum)
        blocks.append((line, rawSum / Double(pair.raw.count), mineSum / Double(pair.mine.count)))
        wall += pair.wall
        processor += pair.processor
    }

    mutating func finish() {
        line = Percentiles(samples: blocks.map(\.line)).p50
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

    /// Nanoseconds of half and of 99 % of ours and of the baseline's.
    var times: (p50: Double, p99: Double, rawP50: Double, rawP99: Double) {
        (figure(spread.p50), figure(spread.p99), figure(rawSpread.p50), figure(rawSpread.p99))
    }

    /// A bare round trip of 64 bytes: the median over blocks.
    var lineNanoseconds: UInt64 { line * 1000 / oro_ticks_per_us() }

    private func nanoseconds(_ ticks: Double) -> Value {
        .double((ticks * 1000 / Double(oro_ticks_per_us())).rounded())
    }

    /// `withBlocks`: the times of each block as well, as `[64 bytes there and back, baseline, ours]`.
    func value(backend: String, withBlocks: Bool = false) -> Value {
        var value: Value = [
            "name": .string(bench.name), "unit": bench.isOneWay ? "messages/s" : "ns",
            "p50": .double(figure(spread.p50).rounded()), "p99": .double(figure(spread.p99).rounded()),
            "p999": .double(figure(spread.p999).rounded()), "max": .double(figure(spread.max).rounded()),
            "raw_p50": .double(figure(rawSpread.p50).rounded()), "raw_p99": .double(figure(rawSpread.p99).rounded()),
            "line_ns": nanoseconds(Double(line)), "ratio": rounded(ratio),
            "ratio_p10": rounded(ratios[ratios.count / 10]), "ratio_p90": rounded(ratios[ratios.count * 9 / 10]),
            "goal": bench.goal.isFinite ? .double(bench.goal) : .null,
            "policy": .string(bench.idle.rawValue), "backend": .string(backend),
            "cpu_percent": .double(processorPercent.rounded()),
        ]
        if let payload = bench.payload {
            value.set("bytes", .int(Int64(payload)))
            value.set("samples", .int(Int64(spread.count)))
            if bench.isOneWay { value.set("gigabytes_per_s", rounded(figure(spread.p50) * Double(payload) / 1e9)) }
        }
        if withBlocks {
            let list = blocks.map { block in
                Value.array([nanoseconds(Double(block.line)), nanoseconds(block.raw), nanoseconds(block.mine)])
            }
            value.set("blocks", .array(list))
        }
        return value
    }

    static let head =
        "name                      p50        p99      p99.9        max        raw   ratio   (p10   p90)   goal  policy     cpu   line"

    var row: String {
        func pad(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count)) + text
        }
        func short(_ value: Double) -> String {
            if bench.isOneWay, let payload = bench.payload {
                return "\((value * Double(payload) / 1e7).rounded() / 100) GB/s"
            }
            return bench.isOneWay
                ? "\((value / 1e4).rounded() / 100) M/s"
                : value < 10_000
                    ? "\(Int(value)) ns"
                    : value < 1e7 ? "\((value / 100).rounded() / 10) us" : "\((value / 1e5).rounded() / 10) ms"
        }
        func two(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
        let name = bench.name + String(repeating: " ", count: max(0, 22 - bench.name.count))
        let times = [spread.p50, spread.p99, spread.p999, spread.max, rawSpread.p50].map { pad(short(figure($0)), 11) }
        return name + times.joined()
            + pad(two(ratio), 8) + "  (" + pad(two(ratios[ratios.count / 10]), 4) + "  "
            + pad(two(ratios[ratios.count * 9 / 10]), 4) + ")" + pad(bench.goalText, 8) + "  "
            + bench.idle.rawValue + String(repeating: " ", count: 8 - bench.idle.rawValue.count)
            + pad("\(Int(processorPercent)) %", 6) + pad("\(lineNanoseconds)", 7)
    }
}
