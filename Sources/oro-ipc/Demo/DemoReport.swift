// SPDX-License-Identifier: Apache-2.0

import OroIPC
import OroTool

/// What the demo came to.
struct DemoReport {
    var folder: String
    var tally: Tally
    var seconds: Double
    var inFlight: Int
    var hostBackend: String
    var clientBackend: String
    var hostSystemCalls: UInt64
    var clientSystemCalls: UInt64
    /// Payload bytes the engine copied in user space, in both processes.
    var copiedBytes: UInt64

    /// True when nothing differed.
    var agreed: Bool { tally.mismatches.isEmpty }

    private var requests: Int { tally.latencies.count }
    private var rate: Double { seconds > 0 ? Double(requests) / seconds : 0 }

    private func perRequest(_ calls: UInt64) -> Double { Double(calls) / Double(max(1, requests)) }

    /// Mismatches shown; all of them are in the JSON.
    private static let shown = 20

    /// For people.
    var text: String {
        let skipped = tally.symlinks + tally.special + tally.unreadable
        var lines = [
            "\(String(showing: folder)), through a host process and directly",
            "  files          \(Units.count(tally.files)), \(Units.bytes(tally.bytes)) compared",
            "  directories    \(Units.count(tally.directories))",
            "  not read       \(Units.count(skipped)) (\(Units.count(tally.symlinks)) symbolic links, "
                + "\(Units.count(tally.special)) special files, \(Units.count(tally.unreadable)) refused to both sides)",
            "  mismatches     \(Units.count(tally.mismatches.count))",
            "  requests       \(Units.count(requests)) in \(Units.fixed(seconds, 2)) s, "
                + "\(Units.count(Int(rate))) a second with \(inFlight) in flight",
            "  latency        \(Percentiles(samples: tally.latencies).text)",
            "  copied         \(Units.count(Int(copiedBytes))) payload bytes in user space: "
                + "the host reads each file into memory that this process maps",
            "  wake-ups       host \(hostBackend), client \(clientBackend)",
            "  system calls   host \(Units.fixed(perRequest(hostSystemCalls), 3)), "
                + "client \(Units.fixed(perRequest(clientSystemCalls), 3)) a request "
                + "(the engine's own, for messages; reading files comes on top)",
        ]
        for mismatch in tally.mismatches.prefix(DemoReport.shown) {
            lines.append("  MISMATCH \(String(showing: mismatch.path)): \(String(showing: mismatch.why))")
        }
        let more = tally.mismatches.count - DemoReport.shown
        if more > 0 { lines.append("  and \(Units.count(more)) more") }
        lines.append(agreed ? "Everything agreed." : "NOT everything agreed.")
        return lines.joined(separator: "\n") + "\n"
    }

    /// For programs.
    var value: Value {
        var value: Value = ["agreed": .bool(agreed), "folder": .string(folder)]
        value.set("files", .int(Int64(tally.files)))
        value.set("directories", .int(Int64(tally.directories)))
        value.set("bytes", .int(Int64(clamping: tally.bytes)))
        value.set("symlinks", .int(Int64(tally.symlinks)))
        value.set("special", .int(Int64(tally.special)))
        value.set("unreadable", .int(Int64(tally.unreadable)))
        value.set(
            "mismatches",
            .array(tally.mismatches.map { ["path": .string(String(showing: $0.path)), "why": .string($0.why)] }))
        value.set("copied_bytes", .int(Int64(clamping: copiedBytes)))
        value.set("requests", .int(Int64(requests)))
        value.set("in_flight", .int(Int64(inFlight)))
        value.set("seconds", .double(seconds))
        value.set("requests_per_second", .double(rate.rounded()))
        value.set("latency_ns", Percentiles(samples: tally.latencies).value)
        value.set("backend", ["host": .string(hostBackend), "client": .string(clientBackend)])
        value.set(
            "engine_system_calls_per_request",
            ["host": .double(perRequest(hostSystemCalls)), "client": .double(perRequest(clientSystemCalls))])
        return value
    }
}
