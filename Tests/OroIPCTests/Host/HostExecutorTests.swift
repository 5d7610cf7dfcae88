// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroBase
import OroConformance
import Synchronization
import Testing

@testable import OroIPC

/// Tasks and actors on a host's thread, and what handlers see of whoever started the host.
@Suite("The executor of a host")
struct HostExecutorTests {
    /// State without a lock, for handlers of both kinds.
    actor Counter {
        let executor: ReactorSerialExecutor
        nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
        private(set) var count = 0
        private(set) var inOrder = true
        init(_ executor: ReactorExecutor) { self.executor = executor.serial }

        func add() -> Int {
            count += 1
            return count
        }

        func take(_ number: Int) {
            if number != count { inOrder = false }
            count += 1
        }
    }

    enum Values {
        @TaskLocal static var trace = "none"
    }

    static func thread() -> UInt { UInt(pthread_self()) }

    @Test("an actor on it is the synchronous handlers' own", .timeLimit(.minutes(1)), arguments: WakeBackend.allCases)
    func actors(_ backend: WakeBackend) async throws {
        var options = HostOptions()
        options.backend = backend
        let host = try Host.embedded(options: options)
        defer { host.stop() }
        let counter = Counter(host.executor)
        host.router.map("add") { _ in Result(data: .int(Int64(counter.assumeIsolated { $0.add() }))) }
        host.router.map("add.async", async: { _ in Result(data: .int(Int64(await counter.add()))) })
        host.router.map("add.here", on: .reactor, async: { _ in Result(data: .int(Int64(await counter.add()))) })
        let client = try await host.connect()
        let names = ["add", "add.async", "add.here"]
        let sums = await withTaskGroup(of: Int64.self) { group in
            for index in 0..<600 { group.addTask { await client.request(names[index % 3]).data?.int ?? 0 } }
            return await group.reduce(0, +)
        }
        #expect(sums == 600 * 601 / 2)
        #expect(await counter.count == 600)
    }

    @Test(
        "a handler begins on the host's thread, and goes on elsewhere once it has waited", .timeLimit(.minutes(1)),
        arguments: WakeBackend.allCases)
    func immediate(_ backend: WakeBackend) async throws {
        var options = HostOptions()
        options.backend = backend
        let host = try Host.embedded(options: options)
        defer { host.stop() }
        @Sendable func place() -> Value { .int(Int64(bitPattern: UInt64(HostExecutorTests.thread()))) }
        host.router.map("host") { _ in Result(data: place()) }
        host.router.map("begin", async: { _ in Result(data: place()) })
        host.router.map("fail", async: { _ in throw IPCError.type("before it waits") })
        host.router.map(
            "go.on",
            async: { _ in
                let before = place()
                await Task.yield()
                return Result(data: [before, place()])
            })
        host.router.map(
            "fail.late",
            async: { _ in
                await Task.yield()
                throw IPCError.type("after it has waited")
            })
        host.router.map("elsewhere", on: .global, async: { _ in Result(data: place()) })
        let cancelled = Mutex(false)
        host.router.map(
            "wait",
            async: { _ in
                try? await Task.sleep(for: .seconds(60))
                cancelled.withLock { $0 = Task.isCancelled }
                return Result()
            })
        let client = try await host.connect()
        let thread = client.sendSync("host").data
        #expect(client.sendSync("begin").data == thread)
        #expect(client.sendSync("elsewhere").data != thread)
        let both = client.sendSync("go.on").data
        #expect(both?[0] == thread && both?[1] != nil && both?[1] != thread)
        #expect(client.sendSync("fail").err?.message == "before it waits")
        #expect(client.sendSync("fail.late").err?.message == "after it has waited")
        // Many at once, some of which wait: each gets its own answer, and nothing is counted as at work in the end.
        let right = await withTaskGroup(of: Bool.self) { group in
            for index in 0..<1000 {
                group.addTask { await client.request(index % 2 == 0 ? "begin" : "go.on").isOK }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(right == 1000)
        // Given up while it waits.
        #expect(client.sendSync("wait", options: CallOptions(timeout: .milliseconds(20))).err?.name == "TimeoutError")
        try await until("the handler is cancelled") { cancelled.withLock { $0 } }
        #expect(client.sendSync("begin").data == thread)
    }

    @Test("what a handler does before it waits is done before the next message is looked at", .timeLimit(.minutes(1)))
    func inline() async throws {
        let host = try Host.embedded()
        defer { host.stop() }
        let seen = Counter(host.executor)
        @Sendable func take(_ message: Message) { seen.assumeIsolated { $0.take(Int(message.value?.int ?? -1)) } }
        host.router.map("sync") { message in
            take(message)
            return Result()
        }
        host.router.map(
            "here", on: .reactor,
            async: { message in
                take(message)
                if message.value?.int ?? 0 > 150 { await Task.yield() }
                return Result()
            })
        let client = try await host.connect()
        try await onThread {
            try client.batch { (batch) throws(LinkError) in
                for number in 0..<200 {
                    try batch.post(number % 2 == 0 ? "here" : "sync", .int(Int64(number)))
                }
            }
            // On the same ring, behind them.
            try expect(client.sendSync("sync", 200).isOK)
        }
        #expect(await seen.count == 201)
        #expect(await seen.inOrder)
    }

    @Test("tasks that prefer it run on the host's thread, with their children", .timeLimit(.minutes(1)))
    func tasks() async throws {
        let host = try Host.embedded()
        defer { host.stop() }
        host.router.map("thread") { _ in Result(data: .string("\(HostExecutorTests.thread())")) }
        let client = try await host.connect()
        let thread = client.sendSync("thread").data
        let seen = await withTaskExecutorPreference(host.executor) {
            var seen: Set<UInt> = [HostExecutorTests.thread()]
            try? await Task.sleep(for: .milliseconds(1))
            seen.insert(HostExecutorTests.thread())
            await withTaskGroup(of: UInt.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        await Task.yield()
                        return HostExecutorTests.thread()
                    }
                }
                for await thread in group { seen.insert(thread) }
            }
            return seen
        }
        #expect(seen.map { .string("\($0)") } == [thread])
    }

    @Test("jobs that come when the host has stopped run all the same, one at a time", .timeLimit(.minutes(1)))
    func afterStop() async throws {
        let host = try Host.embedded()
        let executor = host.executor
        let counter = Counter(executor)
        host.stop()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 { group.addTask { for _ in 0..<100 { _ = await counter.add() } } }
        }
        #expect(await counter.count == 10_000)
        let sum = await Task(executorPreference: executor) {
            await Task.yield()
            return 42
        }.value
        #expect(sum == 42)
    }

    @Test("jobs on their way when the host stops run, in order", .timeLimit(.minutes(1)), arguments: 0..<8)
    func whileStopping(_ turn: Int) async throws {
        let host = try Host.embedded()
        let counter = Counter(host.executor)
        let tasks = Task {
            for number in 0..<1000 {
                await counter.take(number)
                if number == 100 + turn * 50 { Thread.detachNewThread { host.stop() } }
            }
        }
        await tasks.value
        #expect(await counter.count == 1000)
        #expect(await counter.inOrder)
        host.stop()
    }

    @Test("a host without a thread runs its jobs once it is stopped", .timeLimit(.minutes(1)))
    func neverStarted() async throws {
        let host = try Host.unnamed()
        let task = Task(executorPreference: host.executor) { 7 }
        host.stop()
        #expect(await task.value == 7)
    }

    @Test(
        "a handler on the host's thread may stop the host, at once or after a wait", .timeLimit(.minutes(1)),
        arguments: [false, true], WakeBackend.allCases)
    func stoppedInside(_ waits: Bool, _ backend: WakeBackend) async throws {
        var options = HostOptions()
        options.backend = backend
        let host = try Host.embedded(options: options)
        let isThrough = Atomic<Bool>(false)
        host.router.map(
            "stop", on: .reactor,
            async: { [weak host] _ in
                if waits { try await Task.sleep(for: .milliseconds(1)) }
                host?.stop()
                await Task.yield()
                isThrough.store(true, ordering: .sequentiallyConsistent)
                return Result()
            })
        let client = try await host.connect()
        let result = await client.request("stop")
        // Its answer may have been on its way already.
        #expect(result.isOK || result.err?.name == "NetworkError")
        try await until("the handler came to its end") { isThrough.load(ordering: .sequentiallyConsistent) }
        host.stop()
    }

    @Test("handlers that wait are cancelled when the host stops, and nothing of it stays", .timeLimit(.minutes(1)))
    func dropped() async throws {
        let (begun, ended) = (Counted(), Counted())
        weak var core: HostCore?
        weak var workers: HandlerWorkers?
        do {
            let host = try Host.embedded()
            core = host.core
            workers = host.core.workers
            host.router.map(
                "wait", on: .reactor,
                async: { _ in
                    begun.count.add(1, ordering: .relaxed)
                    do { try await Task.sleep(for: .seconds(60)) } catch { ended.count.add(1, ordering: .relaxed) }
                    return Result()
                })
            host.router.map("ping", on: .reactor, async: { _ in Result(data: "pong") })
            let client = try await host.connect()
            let tasks = (0..<20).map { _ in Task { await client.request("wait") } }
            for _ in 0..<20 { #expect(await client.request("ping").data == "pong") }
            try await until("all wait") { begun.count.load(ordering: .relaxed) == 20 }
            host.stop()
            for task in tasks { #expect(await task.value.err?.name == "NetworkError") }
        }
        try await until("all were cancelled") { ended.count.load(ordering: .relaxed) == 20 }
        try await until("the host is gone") { core == nil && workers == nil }
    }

    final class Counted: Sendable {
        let count = Atomic<Int>(0)
    }

    private func mapTraces(_ host: Host) {
        host.router.map("sync") { _ in Result(data: .string(Values.trace)) }
        host.router.map(
            "here", on: .reactor,
            async: { _ in
                let before = Values.trace
                await Task.yield()
                return Result(data: .string(before + " " + Values.trace))
            })
        host.router.map("elsewhere", on: .global, async: { _ in Result(data: .string(Values.trace)) })
        host.router.map(
            "bound", on: .reactor,
            async: { _ in
                await Values.$trace.withValue("inside") {
                    await Task.yield()
                    return Result(data: .string(Values.trace))
                }
            })
        host.router.map("task", on: .reactor, async: { _ in Result(data: .string(await Task { Values.trace }.value)) })
    }

    private func expectTraces(_ client: Client) async {
        // What is bound in the client does not travel.
        await Values.$trace.withValue("client") {
            for _ in 0..<3 {
                #expect(client.sendSync("sync").data == "host")
                #expect(await client.request("sync").data == "host")
                #expect(await client.request("here").data == "host host")
                #expect(await client.request("elsewhere").data == "host")
                #expect(await client.request("bound").data == "inside")
                #expect(await client.request("task").data == "host")
                #expect(Values.trace == "client")
            }
        }
    }

    @Test("handlers see the task-local values of whoever started the host", .timeLimit(.minutes(1)))
    func taskLocals() async throws {
        let host = try Values.$trace.withValue("host") { try Host.embedded() }
        defer { host.stop() }
        mapTraces(host)
        await expectTraces(try host.connect())
    }

    @Test("handlers see the task-local values of whoever runs the host", .timeLimit(.minutes(1)))
    func taskLocalsOfRunner() async throws {
        let host = try Host.unnamed()
        mapTraces(host)
        let peer = try host.makePeer()
        let runner = Thread { Values.$trace.withValue("host") { host.run() } }
        runner.start()
        let client = try await onThread { try Client(descriptor: peer) }
        await expectTraces(client)
        host.stop()
    }

    @Test("the priority of handlers is the host's", .timeLimit(.minutes(1)))
    func priority() async throws {
        var options = HostOptions()
        options.priority = .low
        let host = try Host.embedded(options: options)
        defer { host.stop() }
        Fixture.install(on: host)
        let client = try await host.connect()
        for priority in [TaskPriority.high, .background] {
            let seen = await Task(priority: priority) { await client.request("priority").data }.value
            #expect(seen == .int(Int64(TaskPriority.low.rawValue)))
        }
    }

    @Test(
        "in a foreign event loop jobs make the descriptor readable", .timeLimit(.minutes(1)),
        arguments: WakeBackend.allCases)
    func foreignLoop(_ backend: WakeBackend) async throws {
        var options = HostOptions()
        options.backend = backend
        options.handlers = .reactor
        let host = try Host.unnamed(options: options)
        Fixture.install(on: host)
        let peer = try host.makePeer()
        let isOver = Atomic<Bool>(false)
        let loop = Task {
            try await onThread {
                // Puts a job on the executor between two turns, on the loop's own thread.
                let jobs = Counted()
                func job() { Task(executorPreference: host.executor) { jobs.count.add(1, ordering: .relaxed) } }
                var turns = 0
                while !isOver.load(ordering: .relaxed) {
                    let next = host.turn()
                    // There is more to do.
                    if next == 0 { continue }
                    var limit = next.map { Int32(clamping: $0 / 1_000_000 + 1) } ?? -1
                    if turns < 10 { job() }
                    turns += 1
                    if limit < 0 { limit = 30_000 }
                    var descriptor = pollfd(fd: host.descriptor, events: Int16(POLLIN), revents: 0)
                    if isOver.load(ordering: .relaxed) { break }
                    if poll(&descriptor, 1, limit) == 0, turns < 10 { throw Unexpected("a job that did not wake") }
                }
                return jobs.count.load(ordering: .relaxed)
            }
        }
        let client = try await onThread { try Client(descriptor: peer) }
        for index in 0..<50 {
            #expect(await client.request("handler.echo", .int(Int64(index))).data == .int(Int64(index)))
            #expect(await client.request("handler.thread", ["waits": true]).isOK)
        }
        let sum = await withTaskExecutorPreference(host.executor) {
            await Task.yield()
            return 42
        }
        #expect(sum == 42)
        isOver.store(true, ordering: .relaxed)
        try client.post("ping")
        #expect(try await loop.value >= 10)
        host.stop()
    }
}
