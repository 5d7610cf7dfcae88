// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroBase
import OroConformance
import OroLink
import Synchronization
import Testing

@testable import OroIPC

/// Calls whose results go to a function, and clients that a foreign event loop turns.
@Suite("Callbacks and turns")
struct CallbackTests {
    private final class Results: Sendable {
        private let all = Locked<[Result]>([])
        var count: Int { all.withLock { $0.count } }
        var last: Result? { all.withLock { $0.last } }
        func add(_ result: Result) { all.withLock { $0.append(result) } }
    }

    /// A client that is turned on the thread that calls ``until(_:_:)``, as an event loop would do it.
    private struct Loop {
        let host: OroIPC.Host
        let client: Client

        init(_ options: ClientOptions = ClientOptions()) throws {
            host = try OroIPC.Host.embedded()
            Fixture.install(on: host)
            client = try host.connect(options: options)
            try client.beTurned()
        }

        /// Turns while `condition` does not hold; only when the descriptor, or the time that a turn answered, says so.
        func until(_ what: String, _ condition: () -> Bool) throws {
            let limit = Date(timeIntervalSinceNow: 30)
            var next = client.turn()
            while !condition() {
                var poll = pollfd(fd: client.descriptor, events: Int16(POLLIN), revents: 0)
                let milliseconds = next.map { Int32(min($0 / 1_000_000 + 1, 1000)) } ?? 1000
                _ = Glibc.poll(&poll, 1, milliseconds)
                next = client.turn()
                try #require(Date() < limit, "\(what) did not happen")
            }
        }

        func end() {
            client.close()
            client.endTurns()
            host.stop()
        }
    }

    @Test("however often a thread blocks between two turns, the next result is heard of")
    func blockingBetweenTurns() async throws {
        // The handler is a task: it must not wait for the thread that waits for it, which may be one of two.
        let failures = try await onThread {
            var options = ClientOptions()
            // Each call sleeps, and has the bell rung.
            options.idle = .park
            let loop = try Loop(options)
            _ = loop.client.turn()
            let failures = (0..<6000).count { _ in !loop.client.sendSync("ping").isOK }
            let results = Results()
            _ = loop.client.call("sleep", ["ms": 1], nil, nil) { results.add($0) }
            try loop.until("the result") { results.count == 1 }
            loop.end()
            return failures
        }
        #expect(failures == 0)
    }

    @Test("a foreign loop gets every result, woken by one descriptor")
    func turned() throws {
        let loop = try Loop()
        let results = Results()
        for round in 1...50 {
            for _ in 0..<20 { _ = loop.client.call("ping", nil, nil, nil) { results.add($0) } }
            try loop.until("results of round \(round)") { results.count == 20 * round }
        }
        #expect(results.last?.data == "pong")
        #expect(loop.client.core.suspended.load(ordering: .relaxed) == 0)
        loop.end()
    }

    @Test("a thread that blocks meanwhile reads for the loop, and the other way round")
    func mixed() throws {
        let loop = try Loop()
        let results = Results()
        let client = loop.client
        let isDone = Atomic(false)
        let thread = Thread {
            for _ in 0..<2000 where !client.sendSync("ping").isOK { Issue.record("a blocking call failed") }
            isDone.store(true, ordering: .sequentiallyConsistent)
        }
        thread.start()
        for round in 1...2000 {
            _ = client.call("ping", nil, nil, nil) { results.add($0) }
            try loop.until("result \(round)") { results.count == round }
        }
        try loop.until("the thread's end") { isDone.load(ordering: .sequentiallyConsistent) }
        loop.end()
    }

    @Test("a deadline ends a call in a turn, and the host's handler is cancelled")
    func deadline() throws {
        let loop = try Loop()
        let results = Results()
        _ = loop.client.call("sleep", ["ms": 600_000], nil, CallOptions(timeout: .milliseconds(30))) { results.add($0) }
        try loop.until("the deadline") { results.count == 1 }
        #expect(results.last?.err?.name == "TimeoutError")
        loop.end()
    }

    @Test("a ticket or a signal ends a call once")
    func aborts() throws {
        let loop = try Loop()
        let results = Results()
        let ticket = loop.client.call("sleep", ["ms": 600_000], nil, nil) { results.add($0) }
        #expect(loop.client.abandon(ticket, .abort("enough")))
        #expect(!loop.client.abandon(ticket, .abort("again")))
        #expect(results.count == 1)
        #expect(results.last?.err?.message == "enough")
        let controller = AbortController()
        for _ in 0..<3 {
            _ = loop.client.call("sleep", ["ms": 600_000], nil, CallOptions(signal: controller.signal)) {
                results.add($0)
            }
        }
        controller.abort("all of you")
        #expect(results.count == 4)
        #expect(results.last?.err?.message == "all of you")
        _ = loop.client.call("ping", nil, nil, CallOptions(signal: controller.signal)) { results.add($0) }
        #expect(results.last?.err?.name == "AbortError")
        loop.end()
    }

    @Test("the link's end and what cannot be sent are results, each once")
    func ends() throws {
        let loop = try Loop()
        let results = Results()
        _ = loop.client.call("not a command", nil, nil, nil) { results.add($0) }
        #expect(results.last?.err?.name == "TypeError")
        for _ in 0..<5 { _ = loop.client.call("sleep", ["ms": 600_000], nil, nil) { results.add($0) } }
        _ = loop.client.turn()
        loop.host.stop()
        try loop.until("the end") { results.count == 6 }
        #expect(results.last?.err?.name == "NetworkError")
        _ = loop.client.call("ping", nil, nil, nil) { results.add($0) }
        #expect(results.count == 7 && results.last?.err?.name == "NetworkError")
        loop.end()
    }

    @Test("without a loop a thread of the library's calls")
    func threaded() async throws {
        let host = try OroIPC.Host.embedded()
        Fixture.install(on: host)
        let client = try await host.connect()
        let results = Results()
        for _ in 0..<100 { _ = client.call("ping", nil, nil, nil) { results.add($0) } }
        try await until("all results") { results.count == 100 }
        client.close()
        host.stop()
    }

    @Test("a stream is read chunk by chunk by whoever is told that there is something")
    func polled() async throws {
        // As above: the stream is made by a task.
        let (values, ends) = try await onThread {
            let loop = try Loop()
            let stream = loop.client.polledStream("stream.count", ["count": 1000], nil, nil, window: 4)
            let isReady = Atomic(true)
            var values: [Value?] = []
            var ends: [IPCError?] = []
            try loop.until("the stream's end") {
                if isReady.exchange(false, ordering: .sequentiallyConsistent) {
                    while true {
                        switch stream.poll() {
                        case .chunk(let chunk):
                            values.append(chunk.value)
                            continue
                        case .end(let error):
                            ends.append(error)
                        case nil:
                            if !stream.whenReady({ isReady.store(true, ordering: .sequentiallyConsistent) }) {
                                continue
                            }
                        }
                        break
                    }
                }
                return !ends.isEmpty
            }
            loop.end()
            return (values, ends)
        }
        #expect(values == (0..<1000).map { .int($0) } && ends == [nil])
    }
}
