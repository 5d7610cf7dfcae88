// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import OroIPC

/// A client that comes back, and calls without pause until it is killed.
func restlessClient(_ arguments: Arguments) async throws {
    var options = arguments.clientOptions
    options.reconnect?.callsWait = .seconds(60)
    let client = try await Client.connect(arguments.name(), options: options)
    // What a host keeps of a client: a subscription, a port, a stream, blocks, a handler that has not answered.
    let news = try IPCBroadcastChannel("news", over: client)
    client.events.listen("hello") { _ in }
    print("connected")
    let bytes = Bytes([UInt8](repeating: 7, count: 40_000))
    for _ in 0..<4 {
        Task {
            while true {
                _ = try? client.openPort("echo")
                for try await _ in client.stream("stream.shapes", ["sizes": [10, 9000]]) {}
            }
        }
    }
    while true {
        _ = await client.request("sleep", ["ms": 2], options: CallOptions(timeout: .milliseconds(1)))
        _ = await client.write("echo", nil, bytes)
        try? news.postMessage("here")
    }
}

/// What this process has of links: descriptors, and mappings of segments and blocks.
private struct Holdings: CustomStringConvertible {
    let descriptors = oro_count_fds(0)
    let memfds = oro_count_memfds(0)

    /// Nothing of a link is there that was not there before.
    func isNoMore(than before: Holdings) -> Bool { memfds == 0 && descriptors <= before.descriptors }

    var description: String { "\(descriptors) descriptors, \(memfds) mappings of memfds" }
}

/// Waits until the host has let go of all clients, and of what it had of them. What there is then, the first time.
private func allGone(_ host: Host, _ before: Holdings?) async throws -> Holdings {
    do {
        try await until("the host has let go of all that were killed", seconds: 60) {
            guard host.clients.isEmpty, Holdings().memfds == 0 else { return false }
            return before.map { Holdings().isNoMore(than: $0) } ?? true
        }
    } catch {
        let first = before.map { ", at first \($0)" } ?? ""
        throw Unexpected("\(error): \(host.clients.count) clients, \(Holdings())\(first)")
    }
    // Descriptors go a moment after the mappings.
    if before == nil { usleep(300_000) }
    return before ?? Holdings()
}

/// Clients are killed while they connect again to hosts of this process, one after the other: each host must have
/// nothing left of them.
func clientKills(_ arguments: Arguments) async throws {
    let folder = try TemporaryFolder()
    let count = arguments.number("count", 200)
    var dice = Dice(seed: UInt64(arguments.number("seed", 11)))
    var options = arguments.hostOptions
    options.folder = folder.path
    let start: () throws -> Host = {
        let host = try Host(name: "restless", options: options)
        Fixture.install(on: host)
        try host.start()
        return host
    }
    let spawn: () throws -> Peer = {
        let more = arguments.backend.map { ["--backend", $0.rawValue] } ?? []
        let client = try Peer(["restlessclient", "--name", "restless", "--folder", folder.path] + more)
        try client.line(starting: "connected")
        return client
    }
    var host = try start()
    /// When the first of them were gone: what a process makes once is there.
    var before: Holdings?
    var clients = try (0..<6).map { _ in try spawn() }
    /// Kilobytes, after half of the rounds.
    var memory: Int?
    var kills = 0
    for round in 0..<count {
        host.stop()
        // They look for it now.
        usleep(UInt32(dice.next() % 3000))
        host = try start()
        // Some of them are in the middle of connecting, or have just begun to call.
        usleep(UInt32(dice.next() % 8000))
        for _ in 0...Int(dice.next() % 3) {
            let victim = Int(dice.next() % UInt64(clients.count))
            clients[victim].kill()
            clients.remove(at: victim)
            kills += 1
        }
        // Some more are killed while there is no host at all.
        if round % 4 == 3 {
            host.stop()
            clients.removeLast().kill()
            kills += 1
            host = try start()
        }
        if clients.count < 4 || round % 20 == 19 {
            clients += try (clients.count..<8).map { _ in try spawn() }
        }
        guard round % 20 == 19 else { continue }
        for client in clients { client.kill() }
        kills += clients.count
        clients = []
        before = try await allGone(host, before)
        // The first rounds fill what is kept to be used again.
        if round >= count / 2, memory == nil { memory = oro_rss_kb(0) }
        clients = try (0..<6).map { _ in try spawn() }
    }
    for client in clients { client.kill() }
    kills += clients.count
    clients = []
    _ = try await allGone(host, before)
    let grown = memory.map { oro_rss_kb(0) - $0 } ?? 0
    // A link is more than a megabyte: some tens of those that were killed would show.
    try expect(grown < 16_384, "the second half has left \(grown) kB")
    host.stop()
    print(
        "\(count) hosts, \(kills) clients killed; nothing is left, and memory has grown by \(grown) kB since half of that"
    )
    print("done")
}

extension Peer {
    fileprivate func finishKilled() {
        kill()
        finish()
    }
}
