// SPDX-License-Identifier: Apache-2.0

import CBench
import CSupport
import OroIPC
import OroLink
import OroTool

/// One figure of `oro-ipc bench`: what is measured, beside which baseline.
protocol BenchKind: Sendable {
    var name: String { get }
    /// What one block measures, in words.
    var summary: String { get }
    var idle: IdlePolicy { get }
    /// A rate, where more is better, in place of a time.
    var isOneWay: Bool { get }
    /// The goal of the design as a ratio; infinite: there is none.
    var goal: Double { get }
    var goalText: String { get }
    /// Bytes of the payload, where that is what it is about.
    var payload: Int? { get }
    /// Runs it; `progress` is called with the share that is done.
    func run(_ settings: BenchSettings, _ progress: (Double) -> Void) throws -> BenchResult
}

extension BenchKind {
    var goalText: String {
        goal.isFinite ? (isOneWay ? ">= " : "<= ") + "\((goal * 100).rounded() / 100)" : ""
    }
}

/// How benches are run.
struct BenchSettings: Sendable {
    /// Most payloads on their way at once; `nil`: as many as the engine allows.
    var depth: Int?
    /// Payloads of the round trips are arrays, whatever their size.
    var fromArrays = false
    /// Few messages, to see that it works.
    var quick = false
}

/// Benches of small messages.
enum BenchCase: String, CaseIterable, BenchKind {
    case laneRoundTrip = "lane-rtt-64"
    case roundTripSpin = "rtt-64-spin"
    case callBytes = "call-bytes"
    case callParameters = "call-params"
    case callObject = "call-object"
    case callTyped = "call-typed"
    case callTimeout = "call-timeout"
    case callHeaders = "call-headers"
    case callAsyncHandler = "call-async-handler"
    case awaitParameters = "await-params"
    case roundTripAsync = "rtt-64-async"
    case roundTripExecutor = "rtt-64-executor"
    case roundTripHandler = "rtt-64-handler"
    case roundTripPort = "port-rtt-64"
    case roundTripPark = "rtt-64-park"
    case roundTripAdaptive = "rtt-64-adaptive"
    case roundTripSameCore = "rtt-64-samecore"
    case laneOneWay = "lane-oneway-64"
    case oneWay = "oneway-64"
    case oneWayTwoProducers = "oneway-64-2producers"

    var idle: IdlePolicy {
        switch self {
        case .roundTripPark: .park
        case .roundTripAdaptive: .adaptive
        default: .spin
        }
    }

    var name: String { rawValue }

    var payload: Int? { nil }

    var goalText: String {
        self == .roundTripSameCore
            ? "8 us" : (isOneWay ? ">= " : "<= ") + "\((goal * 100).rounded() / 100)"
    }

    var isOneWay: Bool { [.laneOneWay, .oneWay, .oneWayTwoProducers].contains(self) }

    var summary: String {
        switch self {
        case .laneRoundTrip: "bare 64 bytes there and back, both sides polling"
        case .roundTripSpin: "sendSync: Message, route by name, handler, Result; both sides polling"
        case .callBytes: "sendSync, 64 bytes that are read on both sides"
        case .callParameters: "sendSync, two integers in, one out"
        case .callObject: "sendSync, a path in, an object of five members out, all read"
        case .callTyped: "the same by a typed route (Codable)"
        case .callTimeout: "two integers in, one out, with a timeout"
        case .callHeaders: "two integers in, one out, with a header"
        case .callAsyncHandler: "two integers in, one out, by an asynchronous handler that does not suspend"
        case .awaitParameters: "await request(), two integers in, one out"
        case .roundTripAsync: "await write(): the same from a task"
        case .roundTripExecutor: "the same on the client's executor"
        case .roundTripHandler: "the same, and the handler is asynchronous, on the host's thread"
        case .roundTripPort: "two clients: postMessage of 64 bytes, received and posted back; both polling"
        case .roundTripPark: "sendSync, both sides asleep in between; baseline two futexes"
        case .roundTripAdaptive: "sendSync every 500 us, adaptive policy; baseline two futexes"
        case .roundTripSameCore: "sendSync, polling policy, both processes on one processor; baseline two futexes"
        case .laneOneWay: "bare 64 bytes, in groups of 32"
        case .oneWay: "batch of posts: Message, route by name, handler"
        case .oneWayTwoProducers: "the same from two threads; baseline one thread"
        }
    }

    /// The goal of the design: at most (round trips) or at least (one way) this ratio.
    var goal: Double {
        switch self {
        case .laneRoundTrip: 1.15
        case .roundTripSpin: 1.35
        case .callBytes: 1.35
        case .callParameters, .callTimeout, .callHeaders: 1.6
        case .callObject, .callTyped: 2.2
        case .callAsyncHandler: 2.4
        case .awaitParameters: 2.5
        case .roundTripAsync, .roundTripExecutor, .roundTripHandler: 3
        // As a call: 1.35 times a bare round trip, and a port should be alike.
        case .roundTripPort: 1.35 * 1.3
        case .roundTripPark: 1
        case .roundTripAdaptive: 0.55
        // An absolute goal, 8 us; the ratio has none.
        case .roundTripSameCore: .infinity
        case .laneOneWay: 2
        case .oneWay: 1
        case .oneWayTwoProducers: 0.95
        }
    }

    private var blocks: Int {
        switch self {
        case .roundTripPark, .roundTripSameCore: 20
        case .roundTripAdaptive: 10
        default: 40
        }
    }

    private var count: Int {
        switch self {
        case .roundTripPark: 400
        case .roundTripAdaptive: 200
        case .roundTripSameCore: 1000
        case .laneOneWay, .oneWay, .oneWayTwoProducers: 200_000
        default: 10_000
        }
    }

    func run(_ settings: BenchSettings, _ progress: (Double) -> Void) throws -> BenchResult {
        let driver = try BenchDriver(idle: idle, sameProcessor: self == .roundTripSameCore)
        var result = BenchResult(self)
        let blocks = settings.quick ? 2 : blocks
        let bench = BenchBlocks(driver, count: !settings.quick ? count : isOneWay ? 2000 : 20)
        // The first blocks of each warm caches, tables and the policies' estimates.
        for block in -2..<blocks {
            // Two that spin on one processor would only wait for each other.
            let line = self == .roundTripSameCore ? 0 : driver.lineRoundTrip()
            let pair = try isOneWay ? bench.oneWay(self) : bench.roundTrips(self)
            if block >= 0 { result.add(pair, line: line) }
            progress(Double(block + 3) / Double(blocks + 2))
        }
        result.finish()
        return result
    }
}

/// Blocks of a bench and of its baseline, in turn.
struct BenchBlocks {
    typealias Pair = (raw: [UInt64], mine: [UInt64], wall: UInt64, processor: UInt64)

    let driver: BenchDriver
    let count: Int
    private let bytes = Bytes([UInt8](repeating: 1, count: 64))

    init(_ driver: BenchDriver, count: Int) {
        self.driver = driver
        self.count = count
    }

    /// Times of single round trips, in ticks.
    func roundTrips(_ bench: BenchCase) throws -> Pair {
        var raw = [UInt64](repeating: 0, count: count)
        let sleeps = [.roundTripPark, .roundTripAdaptive, .roundTripSameCore].contains(bench)
        // Long enough that both sides sleep before the next, in the bench and in its baseline.
        let gap: UInt64 = bench == .roundTripAdaptive ? 500_000 : bench == .roundTripPark ? 200_000 : 0
        driver.give(sleeps ? BENCH_FUTEX_ROUND_TRIP : BENCH_RAW_ROUND_TRIP, count)
        if sleeps {
            unsafe bench_futex_ask(driver.shared, UInt64(count), gap, &raw)
        } else {
            unsafe bench_raw_ask(driver.shared, UInt64(count), &raw)
        }
        driver.awaitDone()

        var mine = [UInt64](repeating: 0, count: count)
        switch bench {
        case .laneRoundTrip: driver.give(BENCH_LANE_ROUND_TRIP, count)
        case .roundTripPort:
            _ = try driver.connectPorts()
            driver.give(BENCH_PORT_ROUND_TRIP, count + BenchBlocks.warmUp)
        default: driver.startHost()
        }
        let (wall, processor) = (oro_now(), driver.processorTime)
        switch bench {
        case .laneRoundTrip: try lane(&mine)
        case .roundTripPort: try messages(&mine)
        case .callBytes, .callParameters, .callObject, .callTyped, .callTimeout, .callHeaders, .callAsyncHandler:
            try BenchCalls(driver.client).times(bench, &mine)
        case .awaitParameters:
            let (calls, count) = (BenchCalls(driver.client), count)
            mine = try PlainThread.wait(on: nil) { try await calls.timesAwaited(count) }
        case .roundTripAsync: mine = try tasks("echo", on: nil)
        case .roundTripExecutor: mine = try tasks("echo", on: driver.client.executor)
        case .roundTripHandler: mine = try tasks("echo.async", on: driver.client.executor)
        default: try calls(&mine, gap: gap)
        }
        let spent = (oro_now() - wall, driver.processorTime - processor)
        if bench == .laneRoundTrip || bench == .roundTripPort { driver.awaitDone() } else { driver.stopHost() }
        return (raw, mine, spent.0, spent.1)
    }

    private func lane(_ ticks: inout [UInt64]) throws(LinkError) {
        let lane = driver.lane
        try lane.withRing(shared: false) { (ring) throws(LinkError) in
            var line = BenchPeer.Line()
            var before = oro_ticks()
            for index in 0..<count {
                // A line is 64 bytes, and so is the record.
                _ = unsafe try lane.write(ring, count: 64) { place in unsafe oro_put(place, &line, 64) }
                while try lane.drain(
                    limit: 1, { (incoming) throws(LinkError) in unsafe oro_take(&line, incoming.bytes, 64) }) == 0
                {
                    _ = lane.spin(1000)
                }
                let now = oro_ticks()
                ticks[index] = now &- before
                before = now
            }
        }
    }

    /// Messages before the first that is timed: more than it takes to get a link of the two clients' own.
    private static let warmUp = 200

    private func messages(_ ticks: inout [UInt64]) throws {
        let ports = try driver.connectPorts()
        func roundTrip() throws {
            try ports.port.postMessage(.bytes(bytes))
            guard let event = ports.port.receive(), event.type == "message" else {
                throw ToolError(.failed, "the port is closed")
            }
        }
        for _ in 0..<BenchBlocks.warmUp { try roundTrip() }
        guard ports.isDirect else { throw ToolError(.failed, "the two clients have no link of their own") }
        var before = oro_ticks()
        for index in 0..<count {
            try roundTrip()
            let now = oro_ticks()
            ticks[index] = now &- before
            before = now
        }
    }

    private func calls(_ ticks: inout [UInt64], gap: UInt64) throws {
        let client = driver.client
        for _ in 0..<10 { _ = client.sendSync("echo", bytes: bytes) }
        var before = oro_ticks()
        for index in 0..<count {
            if gap > 0 {
                bench_gap(gap)
                before = oro_ticks()
            }
            let result = client.sendSync("echo", bytes: bytes)
            let now = oro_ticks()
            ticks[index] = now &- before
            before = now
            if let error = result.err { throw error }
        }
    }

    /// From a task, on whatever thread it runs, or on `executor`.
    private func tasks(_ command: String, on executor: ReactorExecutor?) throws -> [UInt64] {
        let client = driver.client
        let (bytes, count) = (bytes, count)
        return try PlainThread.wait(on: executor) {
            var ticks = [UInt64](repeating: 0, count: count)
            for _ in 0..<10 { _ = await client.write(command, nil, bytes) }
            bench_pin_threads(bench_cpu(0))
            var before = oro_ticks()
            for index in 0..<count {
                let result = await client.write(command, nil, bytes)
                let now = oro_ticks()
                ticks[index] = now &- before
                before = now
                if let error = result.err { throw error }
            }
            return ticks
        }
    }

    /// One time, of a whole block, for each of the two, in ticks for a message (times 1 000, to keep digits).
    func oneWay(_ bench: BenchCase) throws -> Pair {
        let raw: UInt64
        if bench == .oneWayTwoProducers {
            raw = try posts(producers: 1)
        } else {
            driver.give(BENCH_RAW_RING, count)
            let start = oro_ticks()
            unsafe bench_ring_produce(driver.shared, UInt64(count))
            driver.awaitDone()
            raw = oro_ticks() - start
        }
        let (wall, processor) = (oro_now(), driver.processorTime)
        let mine: UInt64
        switch bench {
        case .laneOneWay: mine = try laneRecords()
        default: mine = try posts(producers: bench == .oneWayTwoProducers ? 2 : 1)
        }
        return (
            [raw * 1000 / UInt64(count)], [mine * 1000 / UInt64(count)], oro_now() - wall,
            driver.processorTime - processor
        )
    }

    private func laneRecords() throws(LinkError) -> UInt64 {
        let lane = driver.lane
        driver.give(BENCH_LANE_CONSUME, count)
        let start = oro_ticks()
        try lane.withRing(shared: false) { (ring) throws(LinkError) in
            var line = BenchPeer.Line()
            for index in 0..<count {
                line.words.0 = UInt64(index)
                unsafe bench_touch(&line)
                // As in `lane`.
                while case .full = unsafe try lane.write(
                    ring, count: 64, hold: true, { place in unsafe oro_put(place, &line, 64) })
                {
                    oro_spin_pause()
                }
                if index & 31 == 31 { lane.flush(ring) }
            }
            lane.flush(ring)
        }
        driver.awaitDone()
        return oro_ticks() - start
    }

    private func posts(producers: Int) throws -> UInt64 {
        let client = driver.client
        driver.startHost()
        let before = client.sendSync("counted").data?.int ?? 0
        let share = count / producers
        let bytes = bytes
        @Sendable func produce() throws(LinkError) {
            for _ in 0..<share / 1000 {
                try client.batch { (batch) throws(LinkError) in
                    for _ in 0..<1000 { try batch.post("count", bytes: bytes) }
                }
            }
        }
        let start = oro_ticks()
        let others = try (1..<producers).map { _ in try PlainThread { try produce() } }
        try produce()
        for other in others { try other.join() }
        // Messages of other threads come through rings of their own: the count may be asked before the last are read.
        var after = before
        let deadline = oro_now() + 10_000_000_000
        while after - before < Int64(count), oro_now() < deadline {
            after = client.sendSync("counted").data?.int ?? 0
        }
        let ticks = oro_ticks() - start
        guard after - before == Int64(count) else {
            throw ToolError(.failed, "\(count) messages were sent, \(after - before) arrived")
        }
        driver.stopHost()
        return ticks
    }
}
