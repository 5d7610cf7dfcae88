// SPDX-License-Identifier: Apache-2.0

import CBench
import CSupport
import OroIPC
import OroLink
import OroTool

/// Benches of payloads of 1 MiB that go one way, several of them on their way at once.
enum LoanCase: String, CaseIterable, BenchKind {
    case touch = "loan-1MiB-touch8"
    case full = "loan-1MiB-full"
    case copy = "copy-1MiB"

    var name: String { rawValue }
    var idle: IdlePolicy { .spin }
    var isOneWay: Bool { false }
    var payload: Int? { 1 << 20 }

    var summary: String {
        switch self {
        case .touch: "1 MiB written into a loan and posted, the host reads 8 bytes"
        case .full: "the same, the host reads all of it"
        case .copy: "1 MiB of private memory posted, the host reads all; baseline memcpy"
        }
    }

    var goal: Double {
        switch self {
        case .touch: 1
        case .full: 0.95
        case .copy: .infinity
        }
    }

    func run(_ settings: BenchSettings, _ progress: (Double) -> Void) throws -> BenchResult {
        let bytes = 1 << 20
        let blocks = settings.quick ? 2 : 60
        let driver = try BenchDriver(idle: idle, payload: bytes)
        let bench = PayloadBlocks(driver, settings, bytes: bytes, count: settings.quick ? 4 : 64)
        var result = BenchResult(self)
        let deadline = oro_now() + PayloadBlocks.longest
        for block in -2..<blocks {
            let line = driver.lineRoundTrip()
            let pair = try bench.posts(self)
            if block >= 0 { result.add(pair, line: line) }
            if block >= 2, oro_now() > deadline { break }
            progress(Double(block + 3) / Double(blocks + 2))
        }
        result.finish()
        return result
    }
}

/// Round trips with a payload of any size: `rtt-payload-64`, `rtt-payload-4K`, `rtt-payload-1M-park`, ….
struct PayloadCase: BenchKind {
    let bytes: Int
    /// Both sides sleep in between.
    let parks: Bool

    /// The name of all of them together.
    static let family = "rtt-payload"

    /// Shorter payloads are sent as arrays, in their frame.
    private static let shortestLoan = 8192 + 1

    static let sizes = [6, 8, 10, 11, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30].map { 1 << $0 }

    /// Every size with both policies.
    static func all(_ settings: BenchSettings) -> [PayloadCase] {
        let sizes = sizes.filter { !settings.quick || $0 <= 64 << 10 }
        return sizes.map { PayloadCase(bytes: $0, parks: false) } + sizes.map { PayloadCase(bytes: $0, parks: true) }
    }

    init(bytes: Int, parks: Bool) {
        self.bytes = bytes
        self.parks = parks
    }

    /// Any power of two from 64 bytes to 64 GiB.
    init?(_ name: String) {
        var rest = name[...]
        guard rest.hasPrefix(PayloadCase.family + "-") else { return nil }
        rest.removeFirst(PayloadCase.family.count + 1)
        parks = rest.hasSuffix("-park")
        if parks { rest.removeLast(5) }
        var shift = 0
        if let unit = "KMG".firstIndex(of: rest.last ?? " ") {
            shift = 10 * ("KMG".distance(from: "KMG".startIndex, to: unit) + 1)
            rest.removeLast()
        }
        guard let number = Int(rest), 1...(1 << 30) ~= number, 64...(64 << 30) ~= number << shift,
            number.nonzeroBitCount == 1
        else { return nil }
        bytes = number << shift
    }

    var name: String {
        let size =
            bytes < 1 << 10
            ? "\(bytes)" : bytes < 1 << 20 ? "\(bytes >> 10)K" : bytes < 1 << 30 ? "\(bytes >> 20)M" : "\(bytes >> 30)G"
        return "\(PayloadCase.family)-\(size)" + (parks ? "-park" : "")
    }

    var summary: String { "sendSync with a payload that is written here and read there" }
    var idle: IdlePolicy { parks ? .park : .spin }
    var isOneWay: Bool { false }
    var goal: Double { .infinity }
    var payload: Int? { bytes }

    /// Why there is no use in trying; `nil` when there is.
    var obstacle: String? {
        let free = bench_free_memory()
        return UInt64(bytes) > free / 4
            ? "\(name) is left out: a quarter of the free memory is \(Units.bytes(free / 4))" : nil
    }

    func run(_ settings: BenchSettings, _ progress: (Double) -> Void) throws -> BenchResult {
        let blocks = settings.quick ? 2 : bytes >= 1 << 28 ? 5 : 10
        // As many as make 150 MB, within bounds.
        let count = settings.quick ? 4 : max(1, min(parks ? 100 : 2000, 150_000_000 / bytes))
        let driver = try BenchDriver(idle: idle, payload: bytes)
        let bench = PayloadBlocks(driver, settings, bytes: bytes, count: count)
        var result = BenchResult(self)
        let deadline = oro_now() + PayloadBlocks.longest
        for block in -2..<blocks {
            let line = driver.lineRoundTrip()
            let pair = try bench.roundTrips(
                parks: parks, fromArray: settings.fromArrays || bytes < PayloadCase.shortestLoan)
            if block >= 0 { result.add(pair, line: line) }
            if block >= 2, oro_now() > deadline { break }
            progress(Double(block + 3) / Double(blocks + 2))
        }
        result.finish()
        return result
    }
}

/// Blocks of payloads and of their baseline, in turn.
struct PayloadBlocks {
    private let driver: BenchDriver
    private let settings: BenchSettings
    private let bytes: Int
    private let count: Int

    /// After so many ns a bench ends with the blocks it has: where others use the processors, both processes wait for
    /// theirs.
    static let longest: UInt64 = 6_000_000_000

    /// Between two messages that both sides are to sleep before, in ns.
    private static let gap: UInt64 = 200_000

    init(_ driver: BenchDriver, _ settings: BenchSettings, bytes: Int, count: Int) {
        self.driver = driver
        self.settings = settings
        self.bytes = bytes
        self.count = count
    }

    /// The time of a run of messages, until the last is read, by their number.
    func posts(_ bench: LoanCase) throws -> BenchBlocks.Pair {
        let source = [UInt8](repeating: 7, count: bytes)
        var ticks = [UInt64](repeating: 0, count: count)
        driver.give(bench == .touch ? BENCH_RAW_TOUCH : BENCH_RAW_READ, count)
        unsafe source.withUnsafeBytes { source in
            // There is room for that many times.
            unsafe bench_payload_ask(
                driver.shared, UInt64(count), bench == .copy ? source.baseAddress : nil, &ticks)
        }
        driver.awaitDone()

        driver.startHost()
        let (wall, processor) = (oro_now(), driver.processorTime)
        let start = oro_ticks()
        try post(bench, source)
        let mine = oro_ticks() - start
        let spent = (oro_now() - wall, driver.processorTime - processor)
        driver.stopHost()
        return ([ticks.reduce(0, +) / UInt64(count)], [mine / UInt64(count)], spent.0, spent.1)
    }

    private func post(_ bench: LoanCase, _ source: [UInt8]) throws {
        let client = driver.client
        let before = driver.counted
        let limit = settings.depth ?? Int.max
        let route = bench == .touch ? "touch" : "read"
        for index in 0..<count {
            if index >= limit { try awaitCount(before + UInt64(index - limit + 1)) }
            if bench == .copy {
                try client.post(route, bytes: Bytes(source))
                continue
            }
            var loan = try client.loan(bytes)
            write(&loan, UInt64(index))
            try client.post(route, bytes: loan.bytes())
        }
        try awaitCount(before + UInt64(count))
    }

    private func write(_ loan: inout Loan, _ value: UInt64) {
        unsafe loan.withUnsafeMutableBytes { buffer in
            // The loan has that many bytes.
            unsafe bench_write(buffer.baseAddress!, UInt64(buffer.count), value)
        }
    }

    private func awaitCount(_ count: UInt64) throws {
        let deadline = oro_now() + 10_000_000_000
        while driver.counted < count {
            oro_spin_pause()
            if oro_now() > deadline {
                throw ToolError(.failed, "\(count - driver.counted) payloads did not arrive within 10 s")
            }
        }
    }

    /// Times of single round trips, in ticks.
    func roundTrips(parks: Bool, fromArray: Bool) throws -> BenchBlocks.Pair {
        let gap = parks ? PayloadBlocks.gap : 0
        var raw = [UInt64](repeating: 0, count: count)
        driver.give(parks ? BENCH_FUTEX_READ : BENCH_RAW_READ, count)
        if parks {
            unsafe bench_payload_futex_ask(driver.shared, UInt64(count), gap, &raw)
        } else {
            unsafe bench_payload_ask(driver.shared, UInt64(count), nil, &raw)
        }
        driver.awaitDone()

        driver.startHost()
        var mine = [UInt64](repeating: 0, count: count)
        var array = [UInt8](repeating: 0, count: fromArray ? bytes : 0)
        if bytes < 1 << 20 {
            for _ in 0..<3 { _ = try roundTrip(0, fromArray, &array) }
        }
        let (wall, processor) = (oro_now(), driver.processorTime)
        var before = oro_ticks()
        for index in 0..<count {
            if gap > 0 {
                bench_gap(gap)
                before = oro_ticks()
            }
            let result = try roundTrip(UInt64(index), fromArray, &array)
            let now = oro_ticks()
            mine[index] = now &- before
            before = now
            if let error = result.err { throw error }
        }
        let spent = (oro_now() - wall, driver.processorTime - processor)
        driver.stopHost()
        return (raw, mine, spent.0, spent.1)
    }

    private func roundTrip(_ value: UInt64, _ fromArray: Bool, _ array: inout [UInt8]) throws -> OroIPC.Result {
        if fromArray {
            unsafe array.withUnsafeMutableBytes { buffer in
                // The array has that many bytes.
                unsafe bench_write(buffer.baseAddress!, UInt64(buffer.count), value)
            }
            return driver.client.sendSync("answer", bytes: Bytes(array))
        }
        var loan = try driver.client.loan(bytes)
        write(&loan, value)
        return driver.client.sendSync("answer", bytes: loan.bytes())
    }
}
