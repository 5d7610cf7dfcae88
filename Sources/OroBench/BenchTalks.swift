// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CBench
import CSupport
import Dispatch
import OroIPC
import OroTool
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Conversations as programs hold them: streams, bodies, events and ports, between a host that was started and a client
/// in another process, adaptive policy, not pinned. Everything that comes is read and checked.
enum TalkCase: String, CaseIterable, BenchKind {
    case streamEvents = "stream-events"
    case streamChunks = "stream-chunks-64K"
    case bodyChunks = "body-chunks-64K"
    case events = "events"
    case events64 = "events-64"
    case portOneWay = "port-oneway"

    static let chunkBytes = 64 << 10

    var name: String { rawValue }
    var idle: IdlePolicy { .adaptive }
    var isOneWay: Bool { true }
    var payload: Int? { isOfChunks ? TalkCase.chunkBytes : nil }
    var isOfChunks: Bool { self == .streamChunks || self == .bodyChunks }
    /// Of memcpy's rate; the others are to reach a rate, not a ratio.
    var goal: Double { isOfChunks ? 0.8 : .infinity }
    var goalText: String { isOfChunks ? ">= 0.8" : self == .events64 ? "" : "1 M/s" }

    var summary: String {
        switch self {
        case .streamEvents: "a handler sends small events to a `for await`; baseline a pipe, 64 bytes each"
        case .streamChunks: "a handler sends 64 KiB at a time to a `for await`, all read; baseline memcpy"
        case .bodyChunks: "a body of 64 KiB at a time, all read by the handler; baseline memcpy"
        case .events: "host.emit to a client that listens; baseline a pipe, 64 bytes each"
        case .events64: "host.emit to 64 clients that listen; baseline a pipe, 64 bytes each"
        case .portOneWay: "`await post` to a `for await`; baseline a pipe, 64 bytes each"
        }
    }

    private var count: Int {
        switch self {
        case .streamChunks, .bodyChunks: 2000
        case .events64: 2000
        default: 50_000
        }
    }

    func run(_ settings: BenchSettings, _ progress: (Double) -> Void) throws -> BenchResult {
        let blocks = settings.quick ? 2 : 10
        let bench = try TalkBlocks(self, count: settings.quick ? 100 : count)
        var result = BenchResult(self)
        for block in -1..<blocks {
            let pair = try bench.block()
            if block >= 0 { result.add(pair, line: 0) }
            progress(Double(block + 2) / Double(blocks + 1))
        }
        result.finish()
        return result
    }
}

/// What both processes send, and how each checks what it gets.
private enum Talk {
    static func check(_ isRight: Bool, _ what: String) throws(IPCError) {
        if !isRight { throw IPCError(.operation, "a wrong \(what)") }
    }

    static func payload() -> [UInt8] { (0..<TalkCase.chunkBytes).map { UInt8(truncatingIfNeeded: $0 &* 7) } }

    /// Reads every byte.
    static func sum(_ bytes: Bytes) -> UInt64 {
        // The buffer has that many bytes.
        unsafe bytes.withUnsafeBytes { unsafe bench_read($0.baseAddress!, UInt64($0.count)) }
    }
}

/// The client of the bench, and the process of its host.
private final class TalkBlocks {
    private let bench: TalkCase
    private let count: Int
    private let process: OwnProcess
    private let clients: [Client]
    private let source = Talk.payload()
    private var copy = [UInt8](repeating: 0, count: TalkCase.chunkBytes)
    private let port: IPCMessagePort?
    private let listeners: [EventCounter]

    init(_ bench: TalkCase, count: Int) throws {
        self.bench = bench
        self.count = count
        let name = "bench-\(getpid())"
        process = try OwnProcess(["bench-talker", name])
        clients = try (0..<(bench == .events64 ? 64 : 1)).map { _ in try Client.connect(name) }
        port = bench == .portOneWay ? try clients[0].openPort("talk") : nil
        listeners = bench == .events || bench == .events64 ? clients.indices.map { _ in EventCounter() } : []
        for (index, counter) in listeners.enumerated() {
            let client = clients[index]
            client.events.listen("tick") { event in
                if counter.hear(event) { try? client.post("talk.heard", ["client": .int(Int64(index))]) }
            }
            if let error = client.sendSync("ping").err { throw error }
        }
    }

    deinit {
        port?.close()
        for client in clients { client.close() }
        process.stop()
    }

    /// Times of a message, in ticks times 1 000, of a block of each.
    func block() throws -> BenchBlocks.Pair {
        let raw = try bench.isOfChunks ? copies() : pipe()
        let (wall, processor) = (oro_now(), processorTime)
        let start = oro_ticks()
        try talk()
        let mine = oro_ticks() - start
        return (
            [raw * 1000 / UInt64(count)], [mine * 1000 / UInt64(count)], oro_now() - wall, processorTime - processor
        )
    }

    private var processorTime: UInt64 { bench_cpu_time() + bench_process_cpu_time(process.processID) }

    private func copies() -> UInt64 {
        let start = oro_ticks()
        for _ in 0..<count {
            unsafe copy.withUnsafeMutableBytes { target in
                // Both arrays have that many bytes.
                unsafe source.withUnsafeBytes { unsafe target.copyMemory(from: $0) }
                unsafe bench_touch(target.baseAddress!)
            }
        }
        return oro_ticks() - start
    }

    /// One thread writes, another reads.
    private func pipe() throws -> UInt64 {
        var ends: [Int32] = [-1, -1]
        // Room for two descriptors.
        guard unsafe Glibc.pipe(&ends) == 0 else { throw LinkError.system(call: "pipe", errno: errno) }
        let (from, to, count) = (ends[0], ends[1], count)
        defer { for end in ends { close(end) } }
        let start = oro_ticks()
        let writer = try PlainThread {
            var line = BenchPeer.Line()
            for index in 0..<count {
                line.words.0 = UInt64(index)
                guard unsafe write(to, &line, 64) == 64 else { throw LinkError.system(call: "write", errno: errno) }
            }
        }
        var line = BenchPeer.Line()
        for index in 0..<count {
            // So short a write is never cut.
            guard unsafe read(from, &line, 64) == 64, line.words.0 == UInt64(index) else {
                throw ToolError(.failed, "the pipe is cut")
            }
        }
        try writer.join()
        return oro_ticks() - start
    }

    private func talk() throws {
        let (client, count) = (clients[0], count)
        switch bench {
        case .streamEvents:
            try PlainThread.wait {
                var next: Int64 = 0
                for try await chunk in client.stream("talk.events", ["count": .int(Int64(count))]) {
                    try Talk.check(chunk.name == "tick" && chunk.value?.int == next, "event")
                    next += 1
                }
                try Talk.check(next == Int64(count), "number of events: \(next)")
            }
        case .streamChunks:
            let source = source
            let sum = Talk.sum(Bytes(source))
            try PlainThread.wait {
                var next = 0
                for try await chunk in client.stream("talk.chunks", ["count": .int(Int64(count))]) {
                    try Talk.check(chunk.bytes.map { Talk.sum($0) == sum } == true, "chunk")
                    next += 1
                }
                try Talk.check(next == count, "number of chunks: \(next)")
            }
        case .bodyChunks:
            let body = Chunks(bytes: Bytes(source), count: count)
            try PlainThread.wait {
                let result = await client.request("talk.body", body: body)
                if let error = result.err { throw error }
                try Talk.check(result.data?.int == Int64(count), "number of chunks: \(result.data?.int ?? -1)")
            }
        case .events, .events64:
            for counter in listeners { counter.begin(count) }
            let result = client.sendSync(
                "talk.emit", ["count": .int(Int64(count)), "clients": .int(Int64(clients.count))])
            if let error = result.err { throw error }
            for counter in listeners { try counter.finish() }
        case .portOneWay:
            guard let port else { return }
            try PlainThread.wait {
                for index in 0..<count { try await port.post(.int(Int64(index))) }
                try await port.post(.string("end"))
                var messages = port.messages.makeAsyncIterator()
                guard let event = await messages.next() else { throw ToolError(.failed, "the port is closed") }
                try Talk.check(event.data.int == Int64(count), "number of messages: \(event.data)")
            }
        }
    }

    /// A body of the same bytes again and again.
    private struct Chunks: AsyncSequence, Sendable {
        let bytes: Bytes
        let count: Int
        func makeAsyncIterator() -> Iterator { Iterator(bytes: bytes, left: count) }
        struct Iterator: AsyncIteratorProtocol {
            let bytes: Bytes
            var left: Int
            mutating func next() async -> Bytes? {
                if left == 0 { return nil }
                left -= 1
                return bytes
            }
        }
    }
}

/// Events that a listener has heard.
private final class EventCounter: Sendable {
    private struct State {
        var next: Int64 = 0
        var count: Int64 = 0
        var isWrong = false
    }
    private let state = Mutex(State())
    private let done = DispatchSemaphore(value: 0)

    /// Events that may be on their way; a client is asked how far it is each time it has heard so many.
    static let report: Int64 = 1024

    func begin(_ count: Int) { state.withLock { $0 = State(count: Int64(count)) } }

    /// True: the host is to hear how far this is.
    func hear(_ event: Event) -> Bool {
        state.withLock { state in
            if event.detail?.int != state.next { state.isWrong = true }
            state.next += 1
            if state.next == state.count { done.signal() }
            return state.next % EventCounter.report == 0
        }
    }

    func finish() throws {
        guard done.wait(timeout: .now() + 10) == .success else {
            throw ToolError(.failed, "an event did not come within 10 s")
        }
        if state.withLock({ $0.isWrong }) { throw ToolError(.failed, "a wrong event") }
    }
}

/// How far clients are with what the host emits.
private final class EmitGate: Sendable {
    private struct State {
        var heard: [Int64] = []
        var waiting: (behind: Int64, continuation: CheckedContinuation<Void, Never>)?
    }
    private let state = Mutex(State())

    func begin(_ clients: Int) { state.withLock { $0.heard = [Int64](repeating: 0, count: clients) } }

    func hear(_ client: Int) {
        let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.heard.indices.contains(client) else { return nil }
            state.heard[client] += EventCounter.report
            guard let waiting = state.waiting, (state.heard.min() ?? 0) >= waiting.behind else { return nil }
            state.waiting = nil
            return waiting.continuation
        }
        waiting?.resume()
    }

    /// Waits until every client has heard so many.
    func pass(_ behind: Int64) async {
        await withCheckedContinuation { continuation in
            let passes = state.withLock { state in
                if (state.heard.min() ?? 0) >= behind { return true }
                state.waiting = (behind, continuation)
                return false
            }
            if passes { continuation.resume() }
        }
    }
}

/// The host of a bench of conversations; started by `oro-ipc bench` only.
package struct BenchTalkerCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(commandName: "bench-talker", shouldDisplay: false)

    @Argument var name: String

    package init() {}

    package func run() async throws {
        let name = name
        try await PlainThread.run {
            let host = try Host(name: name)
            BenchTalkerCommand.map(host)
            try host.start()
            StandardStream.output.line("ready")
            // Until the bench is over, or its process gone.
            while readLine() != nil {}
            host.stop()
        }
    }

    private static func map(_ host: Host) {
        let payload = Bytes(Talk.payload())
        let sum = Talk.sum(payload)
        host.router.map(
            "talk.events",
            stream: { message, stream in
                for index in 0..<(message["count"]?.int ?? 0) { try await stream.send(event: "tick", .int(index)) }
            })
        host.router.map(
            "talk.chunks",
            stream: { message, stream in
                for _ in 0..<(message["count"]?.int ?? 0) { try await stream.send(payload) }
            })
        host.router.map(
            "talk.body",
            async: { message in
                var count: Int64 = 0
                if let body = message.body {
                    for try await chunk in body {
                        try Talk.check(chunk.bytes.map { Talk.sum($0) == sum } == true, "chunk")
                        count += 1
                    }
                }
                return OroIPC.Result(data: .int(count))
            })
        let gate = EmitGate()
        host.router.map("talk.heard") { message in
            gate.hear(Int(message["client"]?.int ?? -1))
            return OroIPC.Result()
        }
        host.router.map(
            "talk.emit", on: .global,
            async: { [weak host] message in
                let count = message["count"]?.int ?? 0
                gate.begin(Int(message["clients"]?.int ?? 0))
                for index in 0..<count {
                    try host?.emit("tick", .int(index))
                    // Events are dropped where more than 16 384 wait.
                    let next = index + 1
                    if next % EventCounter.report == 0 { await gate.pass(next - 8 * EventCounter.report) }
                }
                return OroIPC.Result()
            })
        host.acceptPorts("talk") { port, _ in
            Task {
                var next: Int64 = 0
                for await event in port.messages {
                    if event.data.string == "end" {
                        try await port.post(.int(next))
                        next = 0
                    } else {
                        // Whoever counts on it sees that the port is closed.
                        guard event.data.int == next else { return port.close() }
                        next += 1
                    }
                }
            }
        }
    }
}
