// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import OroIPC
import Synchronization

// One of three processes is killed while a port goes from one client to another: at a counted entry or exit of a system
// call and some instructions further. The two that are left hear of it, and nothing hangs.

/// Who is killed.
private enum PortVictim: String, CaseIterable {
    case sender, taker, host
}

/// The process that is killed, between its two marks.
func portVictim(_ arguments: Arguments) throws {
    guard let role = arguments.text("role").flatMap({ PortVictim(rawValue: $0) }) else { throw Usage("--role") }
    if role == .host {
        var options = arguments.hostOptions
        options.ports.allowsMeetings = true
        options.ports.messagesBeforeDirect = 1
        let host = try Host(name: arguments.name(), options: options)
        let moves = Atomic<Int>(0)
        // Marks before and after the moves of the others.
        host.router.map("mark") { _ in
            if moves.add(1, ordering: .relaxed).newValue > 0 { oro_mark() }
            return Result()
        }
        try host.start()
        while true { sleep(1000) }
    }
    let (name, options) = (try arguments.name(), arguments.clientOptions)
    let thread = Thread {
        guard let client = try? Client.connect(name, options: options), let road = try? client.meet("road"),
            road.receive()?.data.string == "ready"
        else { exit(3) }
        try? road.postMessage("ready")
        if role == .sender {
            // What the language does once in a process is not what is tried here.
            for _ in 0..<2 { sendPort(over: road) }
            oro_mark()
            sendPort(over: road)
            oro_mark()
        } else {
            for _ in 0..<2 { takePort(from: road) }
            oro_mark()
            takePort(from: road)
            oro_mark()
        }
        client.close()
        exit(0)
    }
    thread.start()
    while true { sleep(1000) }
}

/// Makes a channel with messages on their way, and sends one end.
private func sendPort(over road: IPCMessagePort) {
    let channel = IPCMessageChannel()
    for number in 0..<5 { try? channel.port1.postMessage(.int(Int64(number))) }
    try? road.postMessage(.port(channel.port2), transfer: [channel.port2])
    for number in 5..<10 { try? channel.port1.postMessage(.int(Int64(number))) }
    guard (try? converse(channel.port1, within: nil)) == true else { return }
    // This end goes as well, with messages behind it that went over a link of the two clients' own.
    try? road.postMessage(.port(channel.port1), transfer: [channel.port1])
}

private let rounds = 10

/// Waits until ten messages were taken; then says numbers one by one, each of which is answered, and some that are not.
/// False: the other end is gone.
private func converse(_ port: IPCMessagePort, within limit: Duration?) throws -> Bool {
    for number in 9..<10 + rounds {
        if number > 9 { try port.postMessage(.int(Int64(number))) }
        guard let event = port.receive(waitingAtMost: limit) ?? (port.closed ? closeEvent : nil) else {
            throw Unexpected("no answer and no close for 15 s")
        }
        if event.type == "close" { return false }
    }
    for number in 10 + rounds..<15 + rounds { try port.postMessage(.int(Int64(number))) }
    return true
}

private let closeEvent = IPCMessageEvent(type: "close")

/// The other side of that; `check` looks at each number.
private func answer(_ port: IPCMessagePort, within limit: Duration?, _ check: (Int64) throws -> Void) throws -> Bool {
    for number in 0..<15 + Int64(rounds) {
        guard let event = port.receive(waitingAtMost: limit), event.type == "message" else { return false }
        try check(event.data.int ?? -1)
        if number >= 9, number < 10 + rounds { try? port.postMessage("all") }
    }
    return true
}

private func takePort(from road: IPCMessagePort) {
    guard let port = road.receive()?.ports.first else { return }
    _ = try? answer(port, within: nil) { _ in }
    _ = road.receive()
}

/// What a survivor saw of a conversation, until its end.
private func listen(_ port: IPCMessagePort, _ what: String) throws {
    var next: Int64 = 0
    while true {
        guard let event = port.receive(waitingAtMost: .seconds(15)) else {
            if port.closed { return }
            throw Unexpected("\(what): heard nothing for 15 s")
        }
        if event.type == "close" { return }
        if let number = event.data.int {
            // In order and without a gap, as far as they came.
            try expectEqual(number, next, what)
            next += 1
        }
    }
}

func portKills(_ arguments: Arguments) async throws {
    let count = arguments.number("count", 60)
    let backend = arguments.text("backend") ?? "io_uring"
    try await onThread {
        var dice = Dice(seed: UInt64(arguments.number("seed", 3)))
        var lengths: [PortVictim: Int] = [:]
        var (told, late) = (0, 0)
        for round in 0..<count {
            let victim = PortVictim.allCases[round % 3]
            let length = lengths[victim]
            let point = (length.map { Int(dice.next() % UInt64($0 + 1)) } ?? -1, Int(dice.next() % 1500))
            let outcome = try killOne(victim, point, backend)
            if length == nil { lengths[victim] = outcome.calls }
            told += outcome.told
            late += outcome.passed
        }
        print(
            "\(backend): \(count) kills in the transfer of a port (\(late) at its end), of "
                + PortVictim.allCases.map { "\($0) \(lengths[$0] ?? 0)" }.joined(separator: ", ")
                + " entries and exits of system calls; \(told) conversations of survivors were told of it")
    }
}

private func killOne(
    _ victim: PortVictim, _ point: (skip: Int, steps: Int), _ backend: String
) throws -> (calls: Int, told: Int, passed: Int) {
    let folder = try TemporaryFolder()
    var options = HostOptions()
    options.folder = folder.path
    options.backend = WakeBackend(rawValue: backend)
    options.ports.allowsMeetings = true
    options.ports.messagesBeforeDirect = 1
    let host = victim == .host ? nil : try Host(name: "road", options: options)
    try host?.start()
    let peer = try Peer(
        ["portvictim", "--role", victim.rawValue, "--name", "road", "--folder", folder.path, "--backend", backend],
        traced: true)
    var clientOptions = ClientOptions()
    clientOptions.folder = folder.path
    clientOptions.backend = WakeBackend(rawValue: backend)
    let survivors = DispatchGroup()
    let failures = Mutex<[String]>([])
    let told = Atomic<Int>(0)
    func onItsOwn(_ body: @escaping @Sendable () throws -> Void) {
        survivors.enter()
        let thread = Thread {
            do { try body() } catch { failures.withLock { $0.append("\(error)") } }
            survivors.leave()
        }
        thread.start()
    }
    let settings = clientOptions
    @Sendable func connect() throws -> Client {
        let end = oro_clock_ns() + 20_000_000_000
        while true {
            do {
                return try Client.connect("road", options: settings)
            } catch {
                // The victim may not be listening yet.
                if oro_clock_ns() > end { throw error }
                usleep(500)
            }
        }
    }
    onItsOwn {
        switch victim {
        case .sender:
            // The taker survives.
            let road = try connect().meet("road")
            try road.postMessage("ready")
            while let event = road.receive(waitingAtMost: .seconds(15)), event.type == "message" {
                guard let port = event.ports.first else { continue }
                var next: Int64 = 0
                let isWhole = try answer(port, within: .seconds(15)) { number in
                    try expectEqual(number, next, "the port that was sent")
                    next += 1
                }
                // The other end of it, if the sender lived so long.
                if isWhole { _ = road.receive(waitingAtMost: .seconds(15)) }
                try listen(port, "the port that was sent")
                told.add(1, ordering: .relaxed)
            }
            try expect(road.closed, "the road is open, and its other end is dead")
            told.add(1, ordering: .relaxed)
        case .taker:
            let client = try connect()
            let road = try client.meet("road")
            try road.postMessage("ready")
            _ = road.receive()
            while !road.closed {
                let channel = IPCMessageChannel()
                for number in 0..<5 { try channel.port1.postMessage(.int(Int64(number))) }
                try road.postMessage(.port(channel.port2), transfer: [channel.port2])
                for number in 5..<10 { try channel.port1.postMessage(.int(Int64(number))) }
                if try !converse(channel.port1, within: .seconds(15)) {
                    told.add(1, ordering: .relaxed)
                    break
                }
                try? road.postMessage(.port(channel.port1), transfer: [channel.port1])
                if road.receive(waitingAtMost: .zero) != nil { break }
            }
        case .host:
            let clients = [try connect(), try connect()]
            let roads = [try clients[0].meet("road"), try clients[1].meet("road")]
            let taking = Thread {
                while let port = roads[1].receive()?.ports.first {
                    _ = try? answer(port, within: nil) { _ in }
                    _ = roads[1].receive()
                }
            }
            taking.start()
            for _ in 0..<2 { sendPort(over: roads[0]) }
            _ = clients[0].sendSync("mark")
            let channel = IPCMessageChannel()
            try? roads[0].postMessage(.port(channel.port2), transfer: [channel.port2])
            for number in 5..<10 { try? channel.port1.postMessage(.int(Int64(number))) }
            if channel.port2.closed { _ = channel.port1.receive(waitingAtMost: .seconds(15)) }
            _ = clients[0].sendSync("mark")
            for (what, port) in [
                ("a road", roads[0]), ("the other end of a road", roads[1]), ("a port", channel.port1),
            ] {
                // A host that was dead before the port could be given to it never knew of this channel, which lives.
                if port === channel.port1, !channel.port2.closed { continue }
                guard port.receive(waitingAtMost: .seconds(15)) != nil || port.closed else {
                    throw Unexpected("\(what) is open, and its host is dead")
                }
                told.add(1, ordering: .relaxed)
            }
        }
    }
    let thread = oro_trace_until_mark(peer.pid)
    guard thread > 0 else { throw Unexpected("the victim did not come to its mark: \(thread)") }
    var trace = oro_trace()
    var killedAt: UInt64 = 0
    let status = oro_trace_step_and_kill(peer.pid, thread, point.skip, point.steps, &trace, &killedAt)
    guard status == 0 else { throw Unexpected("tracing failed: \(status)") }
    peer.wasReaped()
    let what = "\(victim) killed at \(trace.syscalls)+\(trace.instructions)"
    guard survivors.wait(timeout: .now() + 40) == .success else { throw Unexpected("\(what): a survivor hangs") }
    if let failure = failures.withLock({ $0.first }) { throw Unexpected("\(what): \(failure)") }
    if let host {
        let end = oro_clock_ns() + 10_000_000_000
        while host.statistics.ports > 0 {
            if oro_clock_ns() > end { throw Unexpected("\(what): \(host.statistics.ports) ends are left in the host") }
            usleep(200)
        }
        host.stop()
    }
    return (Int(trace.syscalls), told.load(ordering: .relaxed), Int(trace.status))
}
