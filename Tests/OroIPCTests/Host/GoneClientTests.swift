// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroBase
import OroConformance
import OroLink
import Testing

@testable import OroIPC

/// What a host keeps of clients that are gone while its handlers have not answered them.
@Suite("Clients that are gone", .serialized)
struct GoneClientTests {
    /// Handlers that hold on to all they are given, whatever becomes of their client.
    private final class Holder: Sendable {
        let replies = Locked<[(Message, Reply)]>([])
        let streams = Locked<[(Message, ReplyStream)]>([])
        let bodies = Locked<[Message]>([])
        private let waiting = Locked<[CheckedContinuation<Void, Never>]>([])

        func install(on router: Router) {
            router.map("reply", reply: { [self] message, reply in replies.withLock { $0.append((message, reply)) } })
            for (name, executor) in [("task", HandlerExecutor.global), ("here", .reactor)] {
                router.map(
                    name, on: executor,
                    async: { [self] message in
                        await wait()
                        return Result(data: message.value, bytes: Bytes(pattern(50_000, seed: 1)))
                    })
            }
            router.map(
                "stream",
                stream: { [self] message, stream in
                    streams.withLock { $0.append((message, stream)) }
                    try await stream.send(Bytes(pattern(20_000, seed: 2)))
                    await wait()
                })
            router.map(
                "body",
                async: { [self] message in
                    bodies.withLock { $0.append(message) }
                    await wait()
                    return Result()
                })
        }

        /// Not even cancelled does it end.
        private func wait() async {
            await withCheckedContinuation { task in waiting.withLock { $0.append(task) } }
        }

        var count: Int { waiting.withLock { $0.count } + replies.withLock { $0.count } }

        func release() {
            for task in waiting.withLock({ $0 }) { task.resume() }
            waiting.withLock { $0 = [] }
            replies.withLock { $0 = [] }
            streams.withLock { $0 = [] }
            bodies.withLock { $0 = [] }
        }
    }

    private struct Held: Equatable, CustomStringConvertible {
        let descriptors = oro_count_fds(0)
        let memories = oro_count_memfds(0)
        var description: String { "\(descriptors) descriptors, \(memories) mappings" }
    }

    /// A client that asks for everything, gets no answer, and goes.
    private func comeAndGo(_ host: OroIPC.Host, _ holder: Holder) async throws {
        let before = holder.count
        let client = try await host.connect()
        let calls = [
            Task { await client.request("reply", ["x": 1]) }, Task { await client.request("task") },
            Task { await client.write("here", nil, Bytes(pattern(5000, seed: 3))) },
            Task { await client.request("body", body: AsyncStream<Bytes> { _ in }) },
            Task {
                for try await _ in client.stream("stream") {}
                return Result()
            },
        ].map { $0 as Task<Result, any Error> }
        try await until("all have begun") { holder.count == before + 5 }
        client.close()
        for call in calls { _ = await call.result }
        try await until("the host knows") { host.statistics.links == 0 }
    }

    @Test(
        "their descriptors and mappings are freed while handlers still hold their requests", .timeLimit(.minutes(1)),
        arguments: WakeBackend.allCases)
    func holdsNothing(_ backend: WakeBackend) async throws {
        var options = HostOptions()
        options.backend = backend
        let host = try OroIPC.Host.embedded(options: options)
        defer { host.stop() }
        let holder = Holder()
        holder.install(on: host.router)
        try await comeAndGo(host, holder)
        try await until("the first is gone") { host.statistics.links == 0 }
        // What the runtime opens once for sleeping tasks is there before.
        try await Task.sleep(for: .milliseconds(5))
        let before = Held()
        for _ in 0..<10 { try await comeAndGo(host, holder) }
        // Nothing more than after the first.
        func isFreed() -> Bool {
            let now = Held()
            // A descriptor more may be the runtime's own; ten clients would leave ten at least.
            return now.descriptors <= before.descriptors + 2 && now.memories <= before.memories
        }
        let end = oro_clock_ns() + 10_000_000_000
        while !isFreed(), oro_clock_ns() < end { try await Task.sleep(for: .milliseconds(5)) }
        #expect(isFreed(), "11 clients with 5 requests each: \(Held()), after the first \(before)")
        #expect(holder.count == 55, "no handler has ended")
        holder.release()
    }

    @Test(
        "what a client wrote before it went is read to the end, whether it closed or died",
        .timeLimit(.minutes(1)), arguments: WakeBackend.allCases, [true, false])
    func writtenBefore(_ backend: WakeBackend, _ isKilled: Bool) async throws {
        let folder = try TemporaryFolder()
        var options = HostOptions()
        options.folder = folder.path
        options.backend = backend
        let host = try OroIPC.Host(name: "late", options: options)
        let posted = Locked<[Int64]>([])
        let ports = Locked<[String]>([])
        host.router.map("note") { message in
            posted.withLock { $0.append(message["n"]?.int ?? -1) }
            return Result(data: "noted")
        }
        let kept = Locked<[IPCMessagePort]>([])
        host.acceptPorts("late") { port, _ in
            port.onmessage = { event in ports.withLock { $0.append(event.data.string ?? "") } }
            kept.withLock { $0.append(port) }
        }
        try host.start()
        defer { host.stop() }
        let count = 200
        // The host reads nothing until the client has gone.
        let (held, released) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        func hold() {
            host.onThread {
                held.signal()
                released.wait()
            }
            held.wait()
        }
        if isKilled {
            let peer = try Peer(["postandwait", "--name", "late", "--folder", folder.path, "--count", "\(count)"])
            try peer.line(starting: "connected")
            hold()
            peer.say("go")
            try peer.line(starting: "posted")
            peer.kill()
            peer.finish()
        } else {
            var options = ClientOptions()
            options.folder = folder.path
            let client = try await Client.connect("late", options: options)
            _ = client.sendSync("ping")
            hold()
            for number in 0..<count { try client.post("note", ["n": .int(Int64(number))]) }
            let port = try client.openPort("late")
            try port.postMessage("the last")
            client.close()
        }
        released.signal()
        try await until("all of it is there") { posted.withLock { $0.count } == count }
        #expect(posted.withLock { $0 } == (0..<Int64(count)).map { $0 })
        if !isKilled { try await until("the port's message, too") { ports.withLock { $0 } == ["the last"] } }
        try await until("the link is over") { host.statistics.links == 0 }
        #expect(host.statistics.violations == 0)
    }
}
