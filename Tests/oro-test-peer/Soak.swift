// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import OroIPC
import Synchronization

private func checksum(_ bytes: Bytes?) -> Int64 {
    guard let bytes else { return 0 }
    return bytes.withUnsafeBytes { Int64(bitPattern: oro_hash($0.baseAddress, $0.count)) }
}

private func filled(_ loan: consuming Loan, _ seed: UInt64) -> Bytes {
    loan.withUnsafeMutableBytes { oro_fill($0.baseAddress, $0.count, seed) }
    return loan.bytes()
}

private func copied(_ count: Int, _ seed: UInt64) -> Bytes {
    Bytes(
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            oro_fill(buffer.baseAddress, count, seed)
            filled = count
        })
}

private func sealed(_ count: Int, _ seed: UInt64) throws -> Bytes {
    try Bytes.sealed(count) { span in span.withUnsafeMutableBytes { oro_fill($0.baseAddress, $0.count, seed) } }
}

/// Payloads that are held for a while, and looked at once more before they go.
private final class Shelf: Sendable {
    private struct Item {
        let bytes: Bytes
        let hash: Int64
        /// Of the whole block, of which the bytes may be a part.
        let weight: Int
    }
    private struct State {
        var items: [Item] = []
        var weight = 0
        var dice: Dice
    }
    private let state: Mutex<State>
    private let most: Int

    init(bytes most: Int, seed: UInt64) {
        self.most = most
        state = Mutex(State(dice: Dice(seed: seed)))
    }

    /// Takes it, and lets others go. False: one of them is not what it was.
    func hold(_ bytes: Bytes, _ hash: Int64, weight: Int) -> Bool {
        let going = state.withLock { state in
            var going: [Item] = []
            state.items.append(Item(bytes: bytes, hash: hash, weight: weight))
            state.weight += weight
            while state.weight > most || state.items.count > 100 {
                let index = Int(state.dice.next() % UInt64(state.items.count))
                going.append(state.items.remove(at: index))
                state.weight -= going.last!.weight
            }
            return going
        }
        return Shelf.areRight(going)
    }

    /// Any of those that are held.
    func pick() -> (bytes: Bytes, hash: Int64)? {
        state.withLock { state in
            guard !state.items.isEmpty else { return nil }
            let item = state.items[Int(state.dice.next() % UInt64(state.items.count))]
            return (item.bytes, item.hash)
        }
    }

    func empty() -> Bool {
        let going = state.withLock { state in
            defer { (state.items, state.weight) = ([], 0) }
            return state.items
        }
        return Shelf.areRight(going)
    }

    private static func areRight(_ items: [Item]) -> Bool {
        items.allSatisfy { checksum($0.bytes) == $0.hash }
    }
}

private let soakLimits: LinkLimits = {
    var limits = LinkLimits()
    limits.loanBytes = 512 << 20
    limits.keptBytes = 64 << 20
    return limits
}()

/// The host of a soak: checks what comes, and answers as it is asked to.
func soakHost(_ arguments: Arguments) throws {
    var options = arguments.hostOptions
    options.link = soakLimits
    let host = try Host(name: arguments.name(), options: options)
    let shelf = Shelf(bytes: 64 << 20, seed: 3)
    let atWork = Atomics(), most = Atomics()

    @Sendable func check(_ message: Message) throws {
        let wanted = message["h"]?.int ?? 0
        if checksum(message.bytes) != wanted {
            throw IPCError(name: "Checksum", message: "\(message.bytes?.count ?? 0) bytes came wrong")
        }
        if let bytes = message.bytes, message["keep"]?.bool == true, !shelf.hold(bytes, wanted, weight: bytes.count) {
            throw IPCError(name: "Checksum", message: "bytes changed while the host held them")
        }
    }
    /// Answers that need no block, or `nil`.
    @Sendable func plain(_ message: Message) throws -> Result? {
        let count = Int(message["count"]?.int ?? 0), seed = UInt64(message["seed"]?.int ?? 0)
        let bytes: Bytes?
        switch message["how"]?.string {
        case "echo": bytes = message.bytes
        case "part":
            let all = message.bytes ?? []
            bytes = all.extracting(all.count / 3..<all.count)
        case "copy": bytes = copied(count, seed)
        case "sealed": bytes = try sealed(count, seed)
        case "nothing": bytes = nil
        default: return nil
        }
        return Result(data: .int(checksum(bytes)), bytes: bytes)
    }
    host.router.map(
        "soak",
        async: { message in
            let now = atWork.value.add(1, ordering: .relaxed).newValue
            if now > most.value.load(ordering: .relaxed) { most.value.store(now, ordering: .relaxed) }
            defer { atWork.value.subtract(1, ordering: .relaxed) }
            try check(message)
            await Task.yield()
            if let result = try plain(message) { return result }
            let loan = try await message.loan(Int(message["count"]?.int ?? 0))
            let bytes = filled(loan, UInt64(message["seed"]?.int ?? 0))
            // Once more, after the suspensions.
            if checksum(message.bytes) != message["h"]?.int ?? 0 {
                throw IPCError(name: "Checksum", message: "bytes changed under the handler")
            }
            return Result(data: .int(checksum(bytes)), bytes: bytes)
        })
    host.router.map("soak.sync") { message in
        try check(message)
        if let result = try plain(message) { return result }
        let bytes: Bytes
        do {
            bytes = filled(
                try message.loan(Int(message["count"]?.int ?? 0)), UInt64(message["seed"]?.int ?? 0))
        } catch LinkError.noBlocks {
            // A synchronous handler does not wait for blocks.
            bytes = copied(Int(message["count"]?.int ?? 0), UInt64(message["seed"]?.int ?? 0))
        }
        return Result(data: .int(checksum(bytes)), bytes: bytes)
    }
    host.router.map("soak.end") { _ in
        if !shelf.empty() { throw IPCError(name: "Checksum", message: "bytes changed while the host held them") }
        return Result()
    }
    host.router.map("soak.figures") { [weak host] message in
        // A block is wanted, so what came back is looked at. When there is none, that is a figure too.
        _ = try? message.loan(1)
        guard let statistics = host?.statistics else { return Result() }
        return Result(data: [
            "out": .int(Int64(statistics.bytesOnLoan)), "loans": .int(Int64(statistics.loans)),
            "memory": .int(Int64(statistics.blockMemory)), "copied": .int(Int64(statistics.copiedBytes)),
            "atWork": .int(Int64(most.value.load(ordering: .relaxed))),
        ])
    }
    try host.start()
    print("ready")
    while readLine() != nil {}
    host.stop()
}

/// What eight callers have done so far, and what went wrong first.
private final class Ledger: Sendable {
    let calls = Atomic<Int>(0), sent = Atomic<Int>(0), received = Atomic<Int>(0), big = Atomic<Int>(0)
    let stop = Atomic<Bool>(false)
    /// Memory of both processes, in kB.
    let samples = Mutex<[(calls: Int, memory: Int)]>([])
    private let failure = Mutex<String?>(nil)
    private let kinds = Mutex<[String: Int]>([:])

    func fail(_ text: String) {
        failure.withLock { if $0 == nil { $0 = text } }
        stop.store(true, ordering: .relaxed)
    }
    var failed: String? { failure.withLock { $0 } }
    func count(_ kind: String) { kinds.withLock { $0[kind, default: 0] += 1 } }
    var table: String {
        kinds.withLock { $0.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ") }
    }
}

/// One caller, on a thread or in a task.
private struct Caller: ~Copyable {
    let client: Client
    let ledger: Ledger
    let shelf: Shelf
    var dice: Dice
    let isSync: Bool
    private var seal: (bytes: Bytes, hash: Int64)?

    init(_ number: Int, _ client: Client, _ ledger: Ledger, seed: UInt64) {
        self.client = client
        self.ledger = ledger
        shelf = Shelf(bytes: 8 << 20, seed: seed &+ 1000)
        dice = Dice(seed: seed)
        isSync = number % 2 == 0
    }

    private mutating func size() -> Int {
        if dice.next() % 3000 == 0 {
            ledger.big.add(1, ordering: .relaxed)
            return 64 << 20
        }
        // As many from each power of two.
        return max(1, Int(exp2(Double(dice.next() % 23_000) / 1000)))
    }

    private enum Sending {
        case loan(Int)
        case ready(Bytes?, Int64)
    }

    private mutating func choose() throws -> Sending {
        let count = size()
        switch dice.next() % 8 {
        case 0...2:
            ledger.count("sent in a loan")
            return .loan(count)
        case 3, 4:
            ledger.count("sent from an array")
            let bytes = copied(count, dice.next())
            return .ready(bytes, checksum(bytes))
        case 5:
            ledger.count("sent sealed")
            if dice.next() % 4 == 0 || seal == nil {
                let bytes = try sealed(count, dice.next())
                seal = (bytes, checksum(bytes))
            } else if dice.next() % 2 == 0, let bytes = seal?.bytes {
                let part = bytes.extracting(bytes.count / 4..<bytes.count)
                return .ready(part, part.isEmpty ? 0 : checksum(part))
            }
            return .ready(seal!.bytes, seal!.hash)
        case 6:
            guard let held = shelf.pick() else { return .ready(nil, 0) }
            ledger.count("sent what the host lent")
            return .ready(held.bytes, held.hash)
        default:
            ledger.count("sent without bytes")
            return .ready(nil, 0)
        }
    }

    /// What is asked for; the answer's bytes are kept in part, whole, or not.
    private mutating func ask(_ bytes: Bytes?, _ hash: Int64) -> (command: String, value: Value) {
        ledger.sent.add(bytes?.count ?? 0, ordering: .relaxed)
        let how = ["loan", "loan", "copy", "sealed", "echo", "part", "nothing"][Int(dice.next() % 7)]
        let wanted = bytes == nil && (how == "echo" || how == "part") ? "loan" : how
        ledger.count("answered by \(wanted)")
        return (
            dice.next() % 4 == 0 ? "soak.sync" : "soak",
            [
                "h": .int(hash), "how": .string(wanted), "count": .int(Int64(size())),
                "seed": .int(Int64(dice.next() >> 1)), "keep": .bool(dice.next() % 8 == 0),
            ]
        )
    }

    private mutating func look(_ result: Result) -> Bool {
        ledger.calls.add(1, ordering: .relaxed)
        ledger.received.add(result.bytes?.count ?? 0, ordering: .relaxed)
        if let error = result.err {
            ledger.fail("an error: \(error) \(error.extra)")
            return false
        }
        guard checksum(result.bytes) == result.data?.int ?? 0 else {
            ledger.fail("an answer of \(result.bytes?.count ?? 0) bytes came wrong")
            return false
        }
        guard let bytes = result.bytes, !bytes.isEmpty, dice.next() % 3 == 0 else { return true }
        let kept = dice.next() % 2 == 0 ? bytes : bytes.extracting(bytes.count / 2..<bytes.count)
        if !shelf.hold(kept, checksum(kept), weight: bytes.count) {
            ledger.fail("bytes changed while the client held them")
            return false
        }
        return true
    }

    mutating func runSync() {
        do {
            while !ledger.stop.load(ordering: .relaxed) {
                var bytes: Bytes?, sum: Int64 = 0
                switch try choose() {
                case .loan(let count):
                    bytes = filled(try client.loan(count), dice.next())
                    sum = checksum(bytes)
                case .ready(let ready, let known): (bytes, sum) = (ready, known)
                }
                let (command, value) = ask(bytes, bytes == nil ? 0 : sum)
                if !look(client.sendSync(command, value, bytes: bytes)) { return }
            }
            if !shelf.empty() { ledger.fail("bytes changed while the client held them") }
        } catch { ledger.fail("an error: \(error)") }
    }

    mutating func runAsync() async {
        do {
            while !ledger.stop.load(ordering: .relaxed) {
                var bytes: Bytes?, sum: Int64 = 0
                switch try choose() {
                case .loan(let count):
                    bytes = filled(try await client.loan(count), dice.next())
                    sum = checksum(bytes)
                case .ready(let ready, let known): (bytes, sum) = (ready, known)
                }
                let (command, value) = ask(bytes, bytes == nil ? 0 : sum)
                let result: Result
                if let bytes {
                    result = await client.write(command, value, bytes)
                } else {
                    result = await client.request(command, value)
                }
                if !look(result) { return }
            }
            if !shelf.empty() { ledger.fail("bytes changed while the client held them") }
        } catch { ledger.fail("an error: \(error)") }
    }
}

/// Calls until memory has its size: eight callers have then sent payloads of all kinds, of which one in some hundreds
/// has 64 MiB.
private let soakWarmUp = 5000

/// Payloads of all sizes and ways in both directions for a long time: each is checked, and memory must not grow.
func soak(_ arguments: Arguments) async throws {
    let seconds = arguments.number("seconds", 60 * arguments.number("minutes", 1))
    let backend = arguments.text("backend") ?? "io_uring"
    let every = arguments.number("every", seconds >= 100 ? 10 : 1)
    let folder = try TemporaryFolder()
    let host = try Peer(["soakhost", "--name", "soaked", "--folder", folder.path, "--backend", backend])
    try host.line(starting: "ready")
    var options = arguments.clientOptions
    options.folder = folder.path
    options.backend = WakeBackend(rawValue: backend)
    options.link = soakLimits
    let client = try await Client.connect("soaked", options: options)
    let ledger = Ledger()
    let seed = UInt64(arguments.number("seed", 5))
    let begin = oro_clock_ns()

    /// Memory of both processes in kB; prints it.
    @Sendable func sample() -> Int {
        let figures = client.sendSync("soak.figures").data
        let mine = client.statistics
        let rss = (oro_rss_kb(0), oro_rss_kb(host.pid))
        func mega(_ bytes: Int) -> Int { bytes >> 20 }
        func mega(_ key: String) -> Int64 { (figures?[key]?.int ?? -1) >> 20 }
        print(
            "\((oro_clock_ns() - begin) / 1_000_000_000) s: calls \(ledger.calls.load(ordering: .relaxed)), "
                + "MB sent \(mega(ledger.sent.load(ordering: .relaxed))) received "
                + "\(mega(ledger.received.load(ordering: .relaxed))); RSS MB client \(rss.0 >> 10) (shared "
                + "\(oro_shmem_kb(0) >> 10)), host \(rss.1 >> 10) (shared \(oro_shmem_kb(host.pid) >> 10)); "
                + "arenas MB client \(mega(mine.bytesOnLoan)) of \(mega(mine.blockMemory)), \(mine.loans) loans, host "
                + "\(mega("out")) of \(mega("memory")), \(figures?["loans"]?.int ?? -1) loans")
        return rss.0 + rss.1
    }

    try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<8 {
            let seed = seed &* 100 &+ UInt64(number)
            if number % 2 == 0 {
                group.addTask {
                    try await onThread {
                        var caller = Caller(number, client, ledger, seed: seed)
                        caller.runSync()
                    }
                }
            } else {
                group.addTask {
                    var caller = Caller(number, client, ledger, seed: seed)
                    await caller.runAsync()
                }
            }
        }
        group.addTask {
            try await onThread {
                var next = begin
                let end = begin + UInt64(seconds) * 1_000_000_000
                // On a busy machine longer: memory has its size once payloads of all kinds were there.
                let latest = begin + UInt64(seconds) * 4_000_000_000
                func goesOn(_ now: UInt64) -> Bool {
                    now < end || (now < latest && ledger.calls.load(ordering: .relaxed) < 2 * soakWarmUp)
                }
                while !ledger.stop.load(ordering: .relaxed), goesOn(oro_clock_ns()) {
                    next += UInt64(every) * 1_000_000_000
                    while oro_clock_ns() < next, goesOn(oro_clock_ns()), !ledger.stop.load(ordering: .relaxed) {
                        usleep(50_000)
                    }
                    let memory = sample()
                    let calls = ledger.calls.load(ordering: .relaxed)
                    ledger.samples.withLock { $0.append((calls, memory)) }
                }
                ledger.stop.store(true, ordering: .relaxed)
            }
        }
        try await group.waitForAll()
    }
    if let failed = ledger.failed { throw Unexpected(failed) }
    let ended = client.sendSync("soak.end")
    try expect(ended.isOK, "\(ended)")
    // Nobody holds anything any more.
    try await until("all blocks are back") {
        _ = try? client.loan(1)
        return client.statistics.bytesOnLoan == 0 && client.sendSync("soak.figures").data?["out"] == 0
    }
    _ = sample()
    let all = ledger.samples.withLock { $0 }
    let fifth = max(1, all.count / 5)
    let warm = max(soakWarmUp, ledger.calls.load(ordering: .relaxed) / 5)
    let begun = all.prefix(max(1, all.firstIndex { $0.calls > warm } ?? all.count))
    let first = begun.map(\.memory).max()!, last = all.suffix(fifth).map(\.memory).sorted()[fifth / 2]
    let atWork = client.sendSync("soak.figures").data?["atWork"]?.int ?? 0
    print(
        "\(backend): \(ledger.calls.load(ordering: .relaxed)) calls in \(seconds) s, all sums right; 64 MiB payloads "
            + "\(ledger.big.load(ordering: .relaxed)); handlers at once \(atWork); copied by the client "
            + "\(client.statistics.copiedBytes >> 20) MB; \(ledger.table)")
    print(
        "memory of both: \(first >> 10) MB at most in the first \(warm) calls, \(last >> 10) MB in the last fifth; all blocks back"
    )
    try expect(atWork >= 4, "only \(atWork) handlers at once")
    try expect(last <= first + first / 5 + 65_536, "memory grew from \(first) to \(last) kB")
    client.close()
    guard host.finish() == 0 else { throw Unexpected("the host failed") }
}
