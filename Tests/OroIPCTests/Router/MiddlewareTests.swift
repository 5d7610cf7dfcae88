// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroBase
import OroConformance
import OroLink
import Testing

@testable import OroIPC

@Suite("Middleware")
final class MiddlewareTests {
    /// Kept for as long as a test runs.
    private let hosts = Locked<[OroIPC.Host]>([])

    private final class Trace: Sendable {
        private let lines = Locked<[String]>([])
        func say(_ line: String) { lines.withLock { $0.append(line) } }
        func take() -> [String] {
            lines.withLock { lines in
                defer { lines = [] }
                return lines
            }
        }
    }

    private struct Named: Middleware {
        let name: String
        let trace: Trace
        var answer: Result?
        var error: IPCError?

        func before(_ call: RouteCall) throws -> Result? {
            trace.say("+\(name)")
            if let error { throw error }
            return answer
        }

        func after(_ call: RouteCall, _ result: inout Result) {
            trace.say("-\(name)" + (result.err.map { " \($0.message)" } ?? ""))
        }
    }

    private struct Waiting: AsyncMiddleware {
        let trace: Trace

        func before(_ call: RouteCall) async throws -> Result? {
            await Task.yield()
            trace.say("+waiting")
            return nil
        }

        func after(_ call: RouteCall, _ result: inout Result) async {
            await Task.yield()
            trace.say("-waiting")
        }
    }

    private func host(_ trace: Trace) throws -> (OroIPC.Host, Client) {
        let host = try OroIPC.Host.embedded()
        hosts.withLock { $0.append(host) }
        let thread = Locked<pthread_t?>(nil)
        /// Handlers that belong on the host's own thread say when they are not on it.
        let elsewhere: @Sendable () -> String = {
            let known = thread.withLock { thread in
                defer { thread = thread ?? pthread_self() }
                return thread
            }
            return known == nil || known == pthread_self() ? "" : " elsewhere"
        }
        host.router.map("sync") { _ in
            trace.say("handler" + elsewhere())
            return Result(data: "answer")
        }
        host.router.map(
            "async",
            async: { _ in
                trace.say("handler")
                return Result(data: "answer")
            })
        host.router.map(
            "reply",
            reply: { _, reply in
                trace.say("handler" + elsewhere())
                Task { try reply.send("answer") }
            })
        host.router.map("fails") { _ in throw IPCError(message: "broken") }
        host.router.map(
            "stream",
            stream: { _, stream in
                trace.say("handler")
                try await stream.send(Bytes([1]))
                try await stream.send(Bytes([2]))
            })
        return (host, try host.connect())
    }

    @Test("the first is outermost, whatever the route is", arguments: ["sync", "async", "reply"], [false, true])
    func order(_ route: String, _ suspends: Bool) async throws {
        let trace = Trace()
        let (host, client) = try host(trace)
        #expect(client.sendSync("sync").isOK)
        _ = trace.take()
        host.router.use(Named(name: "a", trace: trace))
        if suspends { host.router.use(Waiting(trace: trace)) }
        host.router.use(Named(name: "b", trace: trace))
        host.router.listen(route) { _ in trace.say("listener") }
        #expect((await client.request(route)).data == "answer")
        let (inner, outer) = suspends ? (["+waiting"], ["-waiting"]) : ([], [])
        #expect(trace.take() == ["+a"] + inner + ["+b", "listener", "handler", "-b"] + outer + ["-a"])
        try client.post(route)
        try await until("the post is handled as well") { trace.take().last == "-a" }
    }

    @Test(
        "who answers itself keeps the rest from seeing the call", arguments: ["sync", "async", "reply"], [false, true])
    func answers(_ route: String, _ suspends: Bool) async throws {
        let trace = Trace()
        let (host, client) = try host(trace)
        host.router.use(Named(name: "a", trace: trace))
        if suspends { host.router.use(Waiting(trace: trace)) }
        host.router.use(Named(name: "b", trace: trace, answer: Result(data: "cached")), for: "\(route)")
        host.router.use(Named(name: "c", trace: trace))
        host.router.listen("*") { _ in trace.say("listener") }
        #expect((await client.request(route)).data == "cached")
        let (inner, outer) = suspends ? (["+waiting"], ["-waiting"]) : ([], [])
        #expect(trace.take() == ["+a"] + inner + ["+b"] + outer + ["-a"])
    }

    @Test("what one throws, or the handler, is the result that those around it see")
    func errors() throws {
        let trace = Trace()
        let (host, client) = try host(trace)
        host.router.use(Named(name: "a", trace: trace))
        #expect(client.sendSync("fails").err?.message == "broken")
        #expect(trace.take() == ["+a", "-a broken"])
        host.router.use(Named(name: "b", trace: trace, error: IPCError(message: "no")))
        #expect(client.sendSync("sync").err?.message == "no")
        #expect(trace.take() == ["+a", "+b", "-a no"])
    }

    @Test("one may change the result")
    func changes() throws {
        struct Stamp: Middleware {
            func after(_ call: RouteCall, _ result: inout Result) { result = Result(data: .string(call.name)) }
        }
        let (host, client) = try host(Trace())
        host.router.use(Stamp())
        #expect(client.sendSync("SYNC").data == "sync")
        #expect(client.sendSync("fails").data == "fails")
    }

    @Test("a stream is surrounded from its begin to its end, and may be answered in its place")
    func streams() async throws {
        let trace = Trace()
        let (host, client) = try host(trace)
        host.router.use(Named(name: "a", trace: trace))
        var chunks: [[UInt8]] = []
        for try await chunk in client.stream("stream") { chunks.append([UInt8](chunk.bytes ?? [])) }
        #expect(chunks == [[1], [2]])
        #expect(trace.take() == ["+a", "handler", "-a"])
        host.router.use(Named(name: "b", trace: trace, answer: Result(data: "instead")), for: "str*")
        var values: [Value?] = []
        for try await chunk in client.stream("stream") { values.append(chunk.value) }
        #expect(values == ["instead"])
        host.router.use(Named(name: "c", trace: trace, error: IPCError(message: "no")), for: "*")
        await #expect(throws: IPCError.self) { for try await _ in client.stream("diagnostics.stream.sse") {} }
    }

    @Test("a call says who made it, which route it is for, and how long it took")
    func call() async throws {
        struct Look: Middleware {
            let trace: Trace
            func after(_ call: RouteCall, _ result: inout Result) {
                trace.say("\(call.name) \(call.peer.processID) \(call.client?.id ?? 0) \(call.duration >= .zero)")
            }
        }
        let trace = Trace()
        let (host, client) = try host(trace)
        host.router.use(Look(trace: trace), for: "ping")
        #expect(client.sendSync("PING").isOK)
        let id = try #require(host.clients.first?.id)
        #expect(trace.take() == ["ping \(getpid()) \(id) true"])
        #expect((await host.invoke("ping")).isOK)
        #expect(trace.take() == ["ping \(getpid()) 0 true"])
    }

    @Test(
        "patterns name one route, all that begin alike, or all",
        arguments: [
            ("fs.stat", "fs.stat", true), ("fs.stat", "FS.Stat", true), ("fs.stat", "fs.stat2", false),
            ("fs.*", "fs.stat", true), ("fs.*", "fs", false), ("FS.*", "fs.x", true), ("*", "", true),
            ("*", "a.b", true),
            ("", "a", false),
        ])
    func patterns(_ pattern: String, _ name: String, _ matches: Bool) {
        #expect(RoutePattern(pattern).matches(name) == matches)
    }

    @Test("access is decided by the last rule about a call; without one it is refused")
    func access() async throws {
        let trace = Trace()
        let (host, client) = try host(trace)
        host.router.listen("*") { _ in trace.say("heard") }
        host.router.use(
            AccessControl([
                .allow("*", users: [getuid()]), .deny("sync"), .deny("fails", users: [getuid() + 1]),
                .deny("async") { $0.processID == getpid() },
            ]))
        #expect(client.sendSync("ping").isOK)
        #expect(client.sendSync("fails").err?.message == "broken")
        _ = trace.take()
        for name in ["sync", "SYNC", "async"] {
            let error = client.sendSync(name).err
            #expect(error?.name == "NotAllowedError")
            #expect(
                error?.message == "'\(name.lowercased())' is not allowed to process \(getpid()) of user \(getuid())")
        }
        #expect(trace.take() == [], "neither listeners nor handlers saw it")
        #expect((await host.invoke("sync")).isOK, "the host's own code may")
        let strict = try OroIPC.Host.embedded()
        strict.router.use(AccessControl([.allow("ping") { _ in true }]))
        let other = try await strict.connect()
        #expect(other.sendSync("ping").isOK)
        #expect(other.sendSync("diagnostics.query").err?.name == "NotAllowedError")
        #expect(other.sendSync("nothing").err?.name == "NotFoundError")
    }

    @Test("calls are logged with their route, caller, time and error, and without their parameters")
    func logs() throws {
        let log = LogLines()
        let (host, client) = try host(Trace())
        host.router.use(CallLog(log.logger))
        #expect(client.sendSync("sync", ["password": "secret"]).isOK)
        #expect(!client.sendSync("fails").isOK)
        let lines = log.all
        #expect(lines.count == 2)
        #expect(lines[0].hasPrefix("debug called") && lines[0].contains("route=sync"))
        #expect(lines[0].contains("process=\(getpid())") && lines[0].contains("microseconds="))
        #expect(lines[1].hasPrefix("notice failed") && lines[1].contains("broken"))
        #expect(!lines.joined().contains("secret"))
    }
}
