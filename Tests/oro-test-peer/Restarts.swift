// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import OroIPC
import Synchronization

/// A host that writes the number of each request it runs to a file before it answers. Drains when its standard input
/// ends. It waits for the name when another host still has it.
func restartHost(_ arguments: Arguments) throws {
    guard let path = arguments.text("log") else { throw Usage("--log is missing") }
    let log = open(path, O_WRONLY | O_APPEND | O_CREAT, 0o600)
    guard log >= 0 else { throw Unexpected("\(path) cannot be opened: \(errno)") }
    let note: @Sendable (Message) throws(IPCError) -> Result = { message throws(IPCError) in
        var number = UInt64(message["id"]?.int ?? 0)
        guard write(log, &number, 8) == 8 else { throw .network("the log cannot be written") }
        return Result(data: .int(Int64(number)))
    }
    let start: () throws -> Host = {
        let host = try Host(name: arguments.name(), options: arguments.hostOptions)
        host.router.map("run", note)
        host.router.map("run.slowly") { message async throws in
            try await Task.sleep(for: .milliseconds(3))
            return try note(message)
        }
        // Tells whoever listens that this host is there.
        host.router.map("who") { _ in Result(data: .int(Int64(getpid()))) }
        try host.start()
        return host
    }
    var host: Host?
    while host == nil {
        do { host = try start() } catch LinkError.nameTaken { usleep(500) }
    }
    print("ready")
    while readLine() != nil {}
    host?.shutdownSync(within: .seconds(10))
    print("stopped")
}

/// What became of the requests of one kind of caller.
private final class Outcomes: Sendable {
    enum Kind: Int, CaseIterable {
        case answered, notSent, refused, unknown, wrong
    }

    struct Entry {
        var id: UInt64
        var kind: Kind
    }

    private let state = Mutex<(entries: [Entry], example: String?)>(([], nil))
    let isOver = Atomic<Bool>(false)

    func note(_ id: UInt64, _ result: Result) {
        let kind: Kind =
            switch result.err?.delivery {
            case nil: result.data == .int(Int64(id)) ? .answered : .wrong
            case .notSent?: .notSent
            case .refused?: .refused
            case .unknown?: .unknown
            }
        state.withLock { state in
            state.entries.append(Entry(id: id, kind: kind))
            if kind == .wrong || (kind == .notSent && state.example == nil) {
                state.example = "\(id): \(result.err?.description ?? "\(result.data ?? .null)")"
            }
        }
    }

    var all: [Entry] { state.withLock { $0.entries } }
    var example: String? { state.withLock { $0.example } }
}

/// Hosts that are killed, or drain and are replaced, under the load of clients that come back.
func restarts(_ arguments: Arguments) async throws {
    let folder = try TemporaryFolder()
    let log = folder.path + "/log"
    let count = arguments.number("count", 100)
    // Hosts that drain lose nothing.
    let drainsOnly = arguments.has("drain")
    var options = arguments.clientOptions
    options.folder = folder.path
    options.reconnect?.callsWait = .seconds(20)
    options.reconnect?.longestDelay = .milliseconds(50)
    let serve =
        ["restarthost", "--name", "restarts", "--folder", folder.path, "--log", log]
        + (arguments.backend.map { ["--backend", $0.rawValue] } ?? [])
    var host = try Peer(serve)
    try host.line(starting: "ready")

    let next = Atomic<UInt64>(1)
    let take: @Sendable () -> UInt64 = { next.wrappingAdd(1, ordering: .relaxed).oldValue }
    let kinds = ["thread", "thread that repeats", "tasks", "tasks, slow", "callbacks"]
    let outcomes = kinds.map { _ in Outcomes() }
    let isOver: @Sendable () -> Bool = { outcomes[0].isOver.load(ordering: .relaxed) }
    var clients: [Client] = []
    for _ in kinds { clients.append(try await Client.connect("restarts", options: options)) }
    let states = Mutex<[String]>([])
    let losses = Atomic<Int>(0)
    clients[0].observe { state in
        if case .reconnecting = state { losses.add(1, ordering: .relaxed) }
        if case .closed(let why) = state { states.withLock { $0.append("\(why)") } }
    }
    let heard = Atomic<Int>(0)
    clients[0].events.listen("hello") { _ in heard.add(1, ordering: .relaxed) }

    let finished = DispatchGroup()
    for (index, isIdempotent) in [(0, false), (1, true)] {
        let (client, outcome) = (clients[index], outcomes[index])
        finished.enter()
        Thread.detachNewThread {
            while !isOver() {
                let id = take()
                outcome.note(
                    id,
                    client.sendSync(
                        "run", ["id": .int(Int64(id))], options: CallOptions(isIdempotent: isIdempotent)))
            }
            finished.leave()
        }
    }
    for index in [2, 3] {
        let (client, outcome) = (clients[index], outcomes[index])
        for _ in 0..<(index == 2 ? 4 : 16) {
            finished.enter()
            Task {
                while !isOver() {
                    let id = take()
                    outcome.note(id, await client.request(index == 2 ? "run" : "run.slowly", ["id": .int(Int64(id))]))
                }
                finished.leave()
            }
        }
    }
    let (caller, called) = (clients[4], outcomes[4])
    finished.enter()
    @Sendable func callBack() {
        if isOver() { return finished.leave() }
        let id = take()
        _ = caller.call("run", ["id": .int(Int64(id))], nil, nil) { result in
            called.note(id, result)
            // Not from within.
            DispatchQueue.global().async { callBack() }
        }
    }
    callBack()

    let began = ContinuousClock.now
    for round in 0..<count {
        try await Task.sleep(for: .milliseconds(Int.random(in: 5...40)))
        if round % 2 == 0 && !drainsOnly {
            host.kill()
            host = try Peer(serve)
        } else {
            // The next is there before the old one has ended.
            let successor = try Peer(serve)
            host.closeInput()
            try successor.line(starting: "ready")
            try expect(host.finish() == 0)
            host = successor
            continue
        }
        try host.line(starting: "ready")
    }
    try await Task.sleep(for: .milliseconds(200))
    for outcome in outcomes { outcome.isOver.store(true, ordering: .relaxed) }
    await withCheckedContinuation { continuation in finished.notify(queue: .global()) { continuation.resume() } }
    let seconds = (ContinuousClock.now - began).components.seconds

    var runs: [UInt64: Int] = [:]
    try Data(contentsOf: URL(fileURLWithPath: log)).withUnsafeBytes { bytes in
        for index in 0..<(bytes.count / 8) {
            runs[bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self), default: 0] += 1
        }
    }
    var faults: [String] = []
    for (kind, outcome) in zip(kinds, outcomes) {
        let entries = outcome.all
        let isIdempotent = kind.hasSuffix("repeats")
        var counts = [Int](repeating: 0, count: Outcomes.Kind.allCases.count)
        var repeated = 0
        for entry in entries {
            counts[entry.kind.rawValue] += 1
            let times = runs[entry.id] ?? 0
            if times > 1 { repeated += 1 }
            let isRight =
                switch entry.kind {
                case .answered: isIdempotent && !drainsOnly ? times >= 1 : times == 1
                case .notSent, .refused: isIdempotent || times == 0
                case .unknown: !isIdempotent && times <= 1 && !drainsOnly
                case .wrong: false
                }
            if !isRight { faults.append("\(kind): request \(entry.id) is \(entry.kind), and ran \(times) times") }
        }
        let figures = zip(Outcomes.Kind.allCases, counts).map { "\($0) \($1)" }.joined(separator: ", ")
        print("\(kind): \(entries.count) requests, \(figures); ran more than once \(repeated)")
        if let example = outcome.example { print("  \(example)") }
    }
    print(
        "\(count) restarts in \(seconds) s; the first client connected again \(losses.load(ordering: .relaxed)) times")
    for client in clients { try expect(client.ending == nil && client.sendSync("who").isOK) }
    for client in clients { client.close() }
    try expect(host.finish() == 0)
    for fault in faults.prefix(10) { print(fault) }
    if !faults.isEmpty { throw Unexpected("\(faults.count) requests came to a wrong end") }
    print("done")
}
