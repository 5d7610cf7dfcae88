// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import OroIPC

/// What a well-behaved client sees while others attack the host: the times of its pings, and what the host has of
/// memory, descriptors and mappings before, at worst, and after.
///
/// Judged are a dead host, a wrong or missing answer, memory beyond the limit, and what is left behind. Times are
/// printed.
func fairness(_ arguments: Arguments) async throws {
    let names = arguments.text("attack")?.split(separator: ",").map(String.init)
    let attacks = Attack.all.filter { names?.contains($0.name) ?? true }
    guard !attacks.isEmpty, names.map({ $0.count == attacks.count }) ?? true else {
        throw Usage("--attack takes some of: \(Attack.all.map(\.name).joined(separator: ", "))")
    }
    let backends = arguments.text("backend").map { [$0] } ?? ["io_uring", "epoll"]
    let crowds = (arguments.text("attackers") ?? "1,4").split(separator: ",").compactMap { Int($0) }
    let trial = FairnessTrial(
        pings: arguments.number("count", 1000), gap: UInt32(arguments.number("gap", 1000)),
        memory: arguments.number("memory", 1024))
    var table = FairnessTable()
    let all = backends.count * (1 + attacks.count * crowds.count)
    var done = 0
    let start = oro_clock_ns()
    func note(_ row: FairnessRow) {
        done += 1
        table.rows.append(row)
        let seconds = Double(oro_clock_ns() - start) / 1e9
        print("[\(done)/\(all), \(Int(seconds)) s] \(row.text)")
    }
    for backend in backends {
        note(await trial.run(nil, attackers: 0, backend: backend))
        for attack in attacks {
            for attackers in crowds { note(await trial.run(attack, attackers: attackers, backend: backend)) }
        }
    }
    if arguments.has("json") { print(table.json) }
    if arguments.has("markdown") { print(table.markdown) }
    let failures = table.rows.filter { !$0.failures.isEmpty }
    for row in failures { print("failed: \(row.title): \(row.failures.joined(separator: "; "))") }
    guard failures.isEmpty else { throw Unexpected("\(failures.count) of \(all) runs failed") }
}

/// How each run is done.
private struct FairnessTrial {
    let pings: Int
    /// Between two pings, in microseconds.
    let gap: UInt32
    /// Most that the host may grow at any time, in MiB.
    let memory: Int

    /// Nothing here throws: a dead host is a row too.
    func run(_ attack: Attack?, attackers: Int, backend: String) async -> FairnessRow {
        var row = FairnessRow(attack: attack?.name ?? "quiet", attackers: attackers, backend: backend)
        do {
            try await run(attack, &row)
        } catch {
            row.failures.append("\(error)")
        }
        return row
    }

    private func run(_ attack: Attack?, _ row: inout FairnessRow) async throws {
        let folder = try TemporaryFolder()
        let host = try Peer(["serve", "--name", "fair", "--folder", folder.path, "--backend", row.backend])
        try host.line(starting: "ready")
        let options = FairnessTrial.options(folder)
        let client = try await Client.connect("fair", options: options)
        defer { client.close() }
        // What the host makes once is there before it is measured.
        for _ in 0..<100 { _ = client.sendSync("ping") }
        for command in ["echo.async", "sleep", "make.loan"] { _ = client.sendSync(command, ["ms": 1, "count": 1]) }
        row.before = HostFigures(host.pid)
        var crowd: [Peer] = []
        defer { for peer in crowd { peer.kill() } }
        if let attack {
            for index in 0..<row.attackers {
                crowd.append(
                    try Peer([
                        "assail", "--name", "fair", "--folder", folder.path, "--attack", attack.name, "--seed",
                        "\(index + 1)",
                    ]))
            }
            await FairnessTrial.ready(crowd, within: 3)
        }
        let (count, gap) = (attack == nil ? 2 * pings : pings, gap)
        let times = try await onThread { try FairnessTrial.ping(client, count, gap) }
        row.times = times.sorted()
        // A newcomer, who may be refused where the attackers have all there is for their user.
        row.connect = try? await onThread {
            let start = oro_clock_ns()
            let newcomer = try Client.connect("fair", options: options)
            guard newcomer.sendSync("ping", options: CallOptions(timeout: .seconds(10))).isOK else {
                throw Unexpected("no pong")
            }
            newcomer.close()
            return oro_clock_ns() - start
        }
        for peer in crowd { peer.kill() }
        for peer in crowd { peer.finish() }
        crowd = []
        guard !host.hasEnded else { throw Unexpected("the host died") }
        // What the dead had is let go, and what they had asked for given up.
        let end = oro_clock_ns() + 10_000_000_000
        // Memory of messages is kept for a second for the next.
        let unmapped = oro_clock_ns() + 3_000_000_000
        var links: Int64 = -1
        repeat {
            usleep(10_000)
            links = client.sendSync("test.process").data?["links"]?.int ?? -1
            row.after = HostFigures(host.pid)
        } while (links != 1 || row.after.descriptors > row.before.descriptors + FairnessRow.runtimeDescriptors)
            && oro_clock_ns() < end || row.after.rss > row.before.rss + 65_536 && oro_clock_ns() < unmapped
        row.judge(links: links, memory: memory)
        client.close()
        guard host.finish() == 0 else { throw Unexpected("the host did not end well") }
    }

    private static func options(_ folder: TemporaryFolder) -> ClientOptions {
        var options = ClientOptions()
        options.folder = folder.path
        options.handshakeMilliseconds = 10_000
        return options
    }

    /// Waits until all say that they are at work; an attack may take long to begin, and is one already.
    private static func ready(_ crowd: [Peer], within seconds: Double) async {
        let started = Atomics()
        for peer in crowd {
            Task.detached {
                _ = try? peer.line(starting: "ready")
                started.value.add(1, ordering: .relaxed)
            }
        }
        try? await until("they are at work", seconds: seconds) {
            started.value.load(ordering: .relaxed) == crowd.count
        }
    }

    private static func ping(_ client: Client, _ count: Int, _ gap: UInt32) throws -> [UInt64] {
        var times: [UInt64] = []
        times.reserveCapacity(count)
        // Where each takes long, fewer will do: a run has its time.
        let end = oro_clock_ns() + UInt64(count) * UInt64(gap) * 4000
        while times.count < count, oro_clock_ns() < end || times.count < 10 {
            let start = oro_clock_ns()
            let result = client.sendSync("ping", options: CallOptions(timeout: .seconds(10)))
            times.append(oro_clock_ns() - start)
            guard result.data == "pong" else { throw Unexpected("ping \(times.count): \(result)") }
            usleep(gap)
        }
        return times
    }
}

/// What a host has, as the kernel says.
struct HostFigures {
    var rss = 0, peak = 0, descriptors = 0, mappings = 0

    init() {}
    init(_ pid: pid_t) {
        rss = oro_rss_kb(pid)
        peak = oro_peak_rss_kb(pid)
        descriptors = Int(oro_count_fds(pid))
        mappings = Int(oro_count_maps(pid))
    }
}

/// One run.
struct FairnessRow {
    let attack: String
    let attackers: Int
    let backend: String
    /// Nanoseconds, sorted.
    var times: [UInt64] = []
    /// Of a new client: to connect, ask and hear; `nil` when it was refused.
    var connect: UInt64?
    var before = HostFigures()
    var after = HostFigures()
    var failures: [String] = []

    var title: String { "\(attack), \(attackers) on \(backend)" }

    /// What the runtime of tasks opens once for itself, when it first needs it.
    static let runtimeDescriptors = 2

    /// In microseconds.
    func at(_ part: Double) -> Int {
        times.isEmpty ? -1 : Int(times[Int(Double(times.count - 1) * part)] / 1000)
    }

    mutating func judge(links: Int64, memory: Int) {
        if links != 1 { failures.append("\(links) links are left") }
        if after.descriptors > before.descriptors + FairnessRow.runtimeDescriptors {
            failures.append("descriptors \(before.descriptors) -> \(after.descriptors)")
        }
        // Allocators and threads map some, once.
        if after.mappings > before.mappings + 100 {
            failures.append("mappings \(before.mappings) -> \(after.mappings)")
        }
        if after.peak - before.rss > memory * 1024 {
            failures.append("memory grew by \((after.peak - before.rss) / 1024) MiB")
        }
    }

    var text: String {
        let newcomer = connect.map { "\($0 / 1000) us" } ?? "refused"
        return "\(title): p50 \(at(0.5)) p99 \(at(0.99)) max \(at(1)) us of \(times.count); connect \(newcomer); "
            + "RSS \(before.rss / 1024) / \(after.peak / 1024) / \(after.rss / 1024) MiB, "
            + "descriptors \(before.descriptors) -> \(after.descriptors), "
            + "mappings \(before.mappings) -> \(after.mappings)"
            + (failures.isEmpty ? "" : " FAILED: \(failures.joined(separator: "; "))")
    }
}

/// All of them, to be kept.
struct FairnessTable {
    var rows: [FairnessRow] = []

    var json: String {
        let lines = rows.map { row in
            "{\"attack\": \"\(row.attack)\", \"attackers\": \(row.attackers), \"backend\": \"\(row.backend)\", "
                + "\"pings\": \(row.times.count), \"p50us\": \(row.at(0.5)), \"p99us\": \(row.at(0.99)), "
                + "\"maxus\": \(row.at(1)), \"connectus\": \(row.connect.map { "\($0 / 1000)" } ?? "null"), "
                + "\"rssKB\": [\(row.before.rss), \(row.after.peak), \(row.after.rss)], "
                + "\"descriptors\": [\(row.before.descriptors), \(row.after.descriptors)], "
                + "\"mappings\": [\(row.before.mappings), \(row.after.mappings)], \"failed\": \(!row.failures.isEmpty)}"
        }
        return "[\n  " + lines.joined(separator: ",\n  ") + "\n]"
    }

    /// One line for each attack: the pings of every run, and the worst of what the host had.
    var markdown: String {
        var columns: [String] = []
        for row in rows where row.attackers > 0 {
            let column = "\(row.backend), \(row.attackers)"
            if !columns.contains(column) { columns.append(column) }
        }
        var lines = [
            "| p50 / p99 / max of a ping, us | \(columns.joined(separator: " | ")) | RSS before / most / after, MiB "
                + "| descriptors | mappings |",
            "| --- | \(columns.map { _ in "---:" }.joined(separator: " | ")) | ---: | ---: | ---: |",
        ]
        var attacks: [String] = []
        for row in rows where !attacks.contains(row.attack) { attacks.append(row.attack) }
        for attack in attacks {
            let own = rows.filter { $0.attack == attack }
            let cells = columns.map { column in
                let row = own.first {
                    $0.attackers == 0 ? column.hasPrefix($0.backend) : "\($0.backend), \($0.attackers)" == column
                }
                guard let row, !row.times.isEmpty else { return "–" }
                return "\(row.at(0.5)) / \(row.at(0.99)) / \(row.at(1))"
            }
            func worst(_ value: (FairnessRow) -> Int) -> Int { own.map(value).max() ?? 0 }
            lines.append(
                "| \(attack) | \(cells.joined(separator: " | ")) "
                    + "| \(worst { $0.before.rss } / 1024) / \(worst { $0.after.peak } / 1024) / \(worst { $0.after.rss } / 1024) "
                    + "| \(worst { $0.before.descriptors }) → \(worst { $0.after.descriptors }) "
                    + "| \(worst { $0.before.mappings }) → \(worst { $0.after.mappings }) |")
        }
        return lines.joined(separator: "\n")
    }
}
