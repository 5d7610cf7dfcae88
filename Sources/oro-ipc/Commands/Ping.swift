// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CTool
import Glibc
import OroIPC
import OroTool

/// `oro-ipc ping`: how long round trips take.
struct Ping: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure round trips to a host.",
        discussion: """
            Calls the route 'ping', one call after the other, and shows how long they took. The first calls count too.

              oro-ipc ping demo
              oro-ipc ping demo --count 100000 --idle spin
              oro-ipc ping demo --count 100 --interval 10 --idle park
            """)

    @OptionGroup var host: ConnectOptions

    @Option(help: "How many calls.")
    var count = 10_000

    @Option(help: ArgumentHelp("Milliseconds between two calls.", valueName: "ms"))
    var interval = 0

    @Option(help: "What this side does while it waits.")
    var idle = IdlePolicy.adaptive

    @Flag(help: "Print JSON; times are in nanoseconds.")
    var json = false

    func validate() throws {
        if count < 1 { throw ValidationError("--count must be at least 1.") }
        if interval < 0 { throw ValidationError("--interval must not be negative.") }
    }

    func run() throws {
        // Ctrl-C shows what was measured so far.
        tool_catch_stop()
        let client = try host.connect(idle: idle)
        defer { client.close() }
        var samples: [UInt64] = []
        samples.reserveCapacity(min(count, 1 << 24))
        let systemCalls = Diagnostics.systemCalls
        while samples.count < count, tool_stop_signal() == 0 {
            if interval > 0, !samples.isEmpty, tool_wait_for_stop(-1, Int32(clamping: interval)) { break }
            let start = monotonicNanoseconds()
            // The first call finds out whether the host answers at all; the others take the shortest path.
            let result = client.sendSync("ping", options: samples.isEmpty ? .deadline : nil)
            samples.append(monotonicNanoseconds() - start)
            if let error = result.err { throw ToolError(.failed, String(showing: ResultOutput.describe(error))) }
        }
        let calls = Double(Diagnostics.systemCalls - systemCalls) / Double(max(1, samples.count))
        report(Percentiles(samples: samples), systemCalls: calls)
    }

    private func report(_ times: Percentiles, systemCalls: Double) {
        if json {
            var value: Value = ["name": .string(host.name), "count": .int(Int64(times.count))]
            value.set("idle", .string(idle.rawValue))
            value.set("interval_ms", .int(Int64(interval)))
            value.set("round_trip_ns", times.value)
            value.set("system_calls_per_round_trip", .double(systemCalls))
            return StandardStream.output.line(value.json())
        }
        StandardStream.output.line(
            "\(Units.count(times.count)) round trips to '\(host.name)' (idle policy \(idle.rawValue))")
        StandardStream.output.line(times.text)
        StandardStream.output.line("system calls of this side: \(Units.fixed(systemCalls, 3)) a round trip")
    }
}
