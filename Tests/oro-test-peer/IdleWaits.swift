// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import OroIPC

/// What a host and a client cost that wait for each other: requests without an answer, in handlers and tasks on the
/// executors of both sides and on Swift's own, and somebody who listens to events that do not come.
func idleWaits(_ arguments: Arguments) async throws {
    let requests = arguments.number("requests", 200)
    let seconds = arguments.number("seconds", 5)
    let backend = arguments.text("backend") ?? "io_uring"
    let idle = arguments.idle.rawValue
    let folder = try TemporaryFolder()
    let host = try Peer(["serve", "--name", "waits", "--folder", folder.path, "--backend", backend, "--idle", idle])
    try host.line(starting: "ready")
    var options = arguments.clientOptions
    options.folder = folder.path
    options.backend = WakeBackend(rawValue: backend)
    let client = try await Client.connect("waits", options: options)
    let executor = try client.executor

    let listener = Task(executorPreference: executor) { [events = client.events.stream("never")] in
        for await _ in events {}
    }
    let waits = (0..<requests).map { index in
        let preference: ReactorExecutor? = index % 2 == 0 ? executor : nil
        return Task(executorPreference: preference) {
            await client.request(index % 4 < 2 ? "handler.wait" : "handler.wait.elsewhere").err?.name
        }
    }
    try await until("all are at work") {
        client.sendSync("handler.counts").data?[0]?.int ?? 0 == Int64(requests)
    }
    let processes = [("host", host.pid), ("client", getpid())]
    for (_, pid) in processes {
        try await until("both are at rest", seconds: 30) {
            let before = oro_voluntary_switches(pid, "oro-reactor")
            usleep(100_000)
            return oro_voluntary_switches(pid, "oro-reactor") == before
        }
    }
    func look() -> [(ticks: Int, switches: Int)] {
        processes.map { (Int(oro_cpu_ticks($0.1)), Int(oro_voluntary_switches($0.1, "oro-reactor"))) }
    }
    let start = look()
    sleep(UInt32(seconds))
    let end = look()
    print("\(backend) \(idle): \(requests) requests that wait, on executors and elsewhere, for \(seconds) s")
    for (index, (name, _)) in processes.enumerated() {
        let woke = end[index].switches - start[index].switches
        print("  \(name): CPU time \((end[index].ticks - start[index].ticks) * 10) ms; its reactor woke \(woke) times")
    }
    for index in processes.indices { try expectEqual(end[index].switches, start[index].switches, "a reactor woke") }
    // They were there all the time.
    for wait in waits { wait.cancel() }
    for wait in waits { try expectEqual(await wait.value, "AbortError") }
    listener.cancel()
    client.close()
    _ = host.finish()
}
