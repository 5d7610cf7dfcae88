// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import OroBase
import OroConformance
import OroLink
import Testing

@testable import OroIPC

// The rows of sections 18.3, 18.6, 18.9 and 18.12 of the module's description that are about a host's router, one test
// or argument each.
//
// Left out:
// - 18.3 map: "null handler ignored": Swift has no null handler. "[async = true]": which function maps says it.
// - 18.3 invoke: "false when the bridge is inactive": a host that has stopped answers AbortError (Q 42), as said below.
//   "body attached only when non-null and size > 0": `Message.bytes` of an empty payload is nil, in BytesTests.
// - 18.3 reply: "may be called repeatedly (each call is delivered)": once here, and a second reply is told so.
//   "seq -1 => pushed": `ConnectedClient.push`, in the conformance suite. Q 41: listeners are isolated. Q 43 below.
// - 18.6: MessageEvent, `applicationurl`, `hotkey`, `drag`, `drop` belong to windows.
// - 18.9: `process.*`, `resolve` of a window, index -1 (Q 36), the web extension's path: there are no windows here.
// - 18.12: `queuedResponse`: bytes travel with their result; `broadcast_channel.*` belong to broadcast channels,
//   `extension.*` and `internal.*` to runtimes.
@Suite("Router")
final class RouterTests {
    /// Kept for as long as a test runs.
    private let hosts = Locked<[OroIPC.Host]>([])

    private func host(_ change: (inout HostOptions) -> Void = { _ in }) throws -> (OroIPC.Host, Client) {
        var options = HostOptions()
        change(&options)
        let host = try OroIPC.Host.embedded(options: options)
        hosts.withLock { $0.append(host) }
        return (host, try host.connect())
    }

    /// What has been said, in order.
    private final class Trace: Sendable {
        private let lines = Locked<[String]>([])
        func say(_ line: String) { lines.withLock { $0.append(line) } }
        var all: [String] { lines.withLock { $0 } }
    }

    // MARK: map, unmap, lookup

    @Test("names are compared without regard to case", arguments: ["some.route", "Some.Route", "SOME.ROUTE"])
    func caseInsensitive(_ asked: String) throws {
        let (host, client) = try host()
        host.router.map("Some.Route") { message in Result(data: .string(message.name)) }
        let result = client.sendSync(asked)
        #expect(result.data == "Some.Route")
        // Q 43: the source keeps the caller's case.
        #expect(result.source == asked)
        host.router.map("sOME.rOUTE") { _ in Result(data: "replaced") }
        #expect(client.sendSync(asked).data == "replaced")
        host.router.unmap("some.ROUTE")
        #expect(client.sendSync(asked).err?.name == "NotFoundError")
    }

    @Test("unmapping what is not there is silent")
    func unmapNothing() throws {
        let (host, client) = try host()
        #expect(host.router.unmap("nothing"))
        #expect(client.sendSync("nothing").err?.message == "Not found")
    }

    @Test(
        "built-in routes can be neither replaced nor removed",
        arguments: [
            "ping", "PING", "platform.primordials", "platform.event", "diagnostics.query", "diagnostics.capabilities",
            "diagnostics.stream.sse", "diagnostics.stream.chunks",
        ])
    func preserved(_ name: String) async throws {
        let (host, client) = try host()
        #expect(!host.router.map(name) { _ in Result(data: "mine") })
        let isMapped = host.router.map(name, async: { _ in Result(data: "mine") })
        #expect(!isMapped)
        #expect(!host.router.unmap(name))
        #expect(host.router.isMapped(name))
        #expect(host.router.names.filter { $0.lowercased() == name.lowercased() }.count == 1)
        let result = client.sendSync(name, ["value": "load"])
        #expect(result.data != "mine")
        #expect(result.err?.name != "NotFoundError")
    }

    @Test("a host without built-in routes has none")
    func noBuiltIn() throws {
        let (host, client) = try host { $0.builtInRoutes = false }
        #expect(host.router.names.isEmpty)
        #expect(client.sendSync("ping").err?.name == "NotFoundError")
        #expect(host.router.map("ping") { _ in Result(data: "mine") })
        #expect(client.sendSync("ping").data == "mine")
    }

    @Test("an unknown command is a NotFoundError with the command's URL")
    func unknown() async throws {
        let (_, client) = try host()
        for result in [client.sendSync("test.Nothing"), await client.request("test.Nothing")] {
            #expect(result.err?.message == "Not found")
            #expect(result.err?.code == "NOT_FOUND_ERR")
            #expect(result.err?.extra["url"]?.string?.hasPrefix("ipc://test.Nothing") == true)
            #expect(result.data == nil)
            #expect(result.source == "test.Nothing")
            #expect(result.err?.description == "NotFoundError: Not found")
        }
    }

    // MARK: Built-in routes

    @Test("ping is answered pong")
    func ping() throws { #expect(try host().1.sendSync("ping").data == "pong") }

    @Test("primordials say where the host runs, and its version")
    func primordials() throws {
        let data = try host { $0.version = RuntimeVersion(short: "1.2.3", hash: "0a1b2c3d") }.1
            .sendSync("platform.primordials").data
        #expect(data?["platform"] == "linux")
        #expect(data?["host-operating-system"] == "linux")
        #expect(["x64", "arm64", "ia32", "arm"].contains(data?["arch"]?.string))
        #expect(data?["cwd"]?.string == FileManager.default.currentDirectoryPath)
        #expect(data?["version"] == ["short": "1.2.3", "hash": "0a1b2c3d", "full": "1.2.3 (0a1b2c3d)"])
    }

    @Test(
        "a platform event is heard by whoever listens to the route",
        arguments: ["domcontentloaded", "beforeruntimeinit", "load", "runtimeinit"])
    func platformEvent(_ event: String) throws {
        let (host, client) = try host()
        let trace = Trace()
        host.router.listen("platform.event") { trace.say($0["value"]?.string ?? "") }
        #expect(client.sendSync("platform.event", ["value": .string(event)]).isOK)
        #expect(client.sendSync("platform.event").err?.message == "Expecting 'value' in parameters")
        #expect(trace.all == [event, ""])
    }

    @Test("diagnostics say what the host does and can")
    func diagnostics() throws {
        let (host, client) = try host()
        let figures = client.sendSync("diagnostics.query").data
        #expect(figures?["links"] == 1)
        #expect(figures?["requests"] == 1)
        #expect(figures?["backend"] == .string(host.backend.rawValue))
        #expect(figures?["processId"] == .int(Int64(getpid())))
        let streaming = client.sendSync("diagnostics.capabilities").data?["streaming"]
        #expect(streaming == ["sseIncremental": true, "chunkedIncremental": true])
    }

    @Test(
        "diagnostic streams keep to their limits",
        arguments: [
            ("sse", ["count": 0], "'count' must be between 1 and 256"),
            ("sse", ["count": 257], "'count' must be between 1 and 256"),
            ("sse", ["count": "many"], "Invalid 'count' given in parameters"),
            ("sse", ["interval": 0], "'interval' must be between 1 and 1000"),
            ("sse", ["interval": 1001], "'interval' must be between 1 and 1000"),
            ("sse", ["name": ""], "'name' must be 1 to 64 of A-Z a-z 0-9 - _ ."),
            ("sse", ["name": "a b"], "'name' must be 1 to 64 of A-Z a-z 0-9 - _ ."),
            ("chunks", ["chunks": 0], "'chunks' must be between 1 and 256"),
            ("chunks", ["chunkSize": 65_537], "'chunkSize' must be between 1 and 65536"),
            ("chunks", ["interval": -1], "'interval' must be between 1 and 1000"),
            ("chunks", ["chunks": 65, "chunkSize": 65_536], "'chunks * chunkSize' must be between 1 and 4194304"),
        ] as [(String, Value, String)])
    func streamLimits(_ route: String, _ parameters: Value, _ message: String) async throws {
        let (_, client) = try host()
        await #expect {
            for try await _ in client.stream("diagnostics.stream.\(route)", parameters) {}
        } throws: { ($0 as? IPCError)?.message == message }
    }

    @Test("a diagnostic stream numbers its events, and data with line breaks stays one event")
    func eventStream() async throws {
        let (host, client) = try host()
        var texts: [String] = []
        let parameters: Value = ["count": "3", "interval": 1, "name": "tick-1.x_"]
        for try await chunk in client.stream("diagnostics.stream.sse", parameters) {
            #expect(chunk.name == "tick-1.x_")
            texts.append(chunk.value?.string ?? "")
        }
        #expect(texts == ["0", "1", "2"])
        host.router.map("lines", stream: { _, stream in try await stream.send(event: "e", "a\nb\r\nc") })
        for try await chunk in client.stream("lines") { #expect(chunk.value == "a\nb\r\nc") }
        #expect(
            client.sendSync("lines").err?.message == "IPC method 'lines' must be invoked as a stream")
    }

    @Test("a diagnostic stream of chunks has so many of such a size")
    func chunkStream() async throws {
        let (_, client) = try host()
        var bytes: [UInt8] = []
        for try await chunk in client.stream("diagnostics.stream.chunks", ["chunks": 3, "chunkSize": 5, "interval": 1])
        {
            bytes += [UInt8](chunk.bytes ?? [])
        }
        #expect(bytes == [UInt8](repeating: 0x5A, count: 15))
    }

    // MARK: Listeners

    @Test("those who listen to a name come before those who listen to all, each in their order, before the handler")
    func listeners() async throws {
        let (host, client) = try host()
        let trace = Trace()
        host.router.map("sync") { _ in
            trace.say("handler")
            return Result()
        }
        host.router.map(
            "async",
            async: { _ in
                trace.say("handler")
                return Result()
            })
        host.router.listen("*") { trace.say("all 1 \($0.name)") }
        host.router.listen("SYNC") { _ in trace.say("named 1") }
        host.router.listen("sync") { _ in trace.say("named 2") }
        host.router.listen("*") { _ in trace.say("all 2") }
        #expect(client.sendSync("Sync").isOK)
        #expect(trace.all == ["named 1", "named 2", "all 1 sync", "all 2", "handler"])
        #expect((await client.request("async")).isOK)
        #expect(trace.all.suffix(3) == ["all 1 async", "all 2", "handler"])
        #expect(!client.sendSync("nothing").isOK)
        #expect(trace.all.count == 8, "a message without a route is not heard")
    }

    @Test("a listener that fails is logged, and stops neither the others nor the handler")
    func isolated() throws {
        let log = LogLines()
        let (host, client) = try host { $0.logger = log.logger }
        let trace = Trace()
        host.router.map("x") { _ in Result(data: "answer") }
        host.router.listen("x") { _ in throw IPCError(message: "broken") }
        host.router.listen("x") { _ in trace.say("next") }
        #expect(client.sendSync("x").data == "answer")
        #expect(trace.all == ["next"])
        #expect(log.all.contains { $0.contains("broken") && $0.contains("'x'") }, "\(log.all)")
    }

    @Test("a token stops its listener, once, and under its name only")
    func unlisten() throws {
        let (host, client) = try host()
        let trace = Trace()
        host.router.map("x") { _ in Result() }
        let tokens = (0..<50).map { index in host.router.listen("X") { _ in trace.say("\(index)") } }
        #expect(Set(tokens).count == 50)
        #expect(!tokens.contains(0))
        // Random: fifty numbers below 2^63 have one chance in 2^50.
        #expect(tokens.contains { $0 >> 63 == 1 })
        #expect(!host.router.unlisten("y", tokens[0]))
        #expect(!host.router.unlisten("x", tokens[0] &+ 1))
        for token in tokens[1...] { #expect(host.router.unlisten("x", token)) }
        #expect(client.sendSync("x").isOK)
        #expect(trace.all == ["0"])
        #expect(host.router.unlisten("x", tokens[0]))
        #expect(!host.router.unlisten("x", tokens[0]))
        #expect(client.sendSync("x").isOK)
        #expect(trace.all == ["0"])
    }

    @Test("a route with nothing around it is the route that was mapped")
    func plainRoute() throws {
        let router = Router()
        router.map("plain") { _ in Result() }
        router.map("heard") { _ in Result() }
        let plain = try #require(router.route("plain"))
        let token = router.listen("heard") { _ in }
        #expect(router.route("PLAIN") === plain)
        #expect(router.route("heard") === router.route("HEARD"), "made once")
        router.unlisten("heard", token)
        struct Nothing: Middleware {}
        router.use(Nothing(), for: "other.*")
        #expect(router.route("plain") === plain)
    }

    // MARK: invoke

    @Test("the host's own code calls every kind of route", arguments: ["sync", "async", "reply"])
    func invoke(_ kind: String) async throws {
        let (host, _) = try host()
        let answer: @Sendable (Message) -> Result = { message in
            Result(
                data: ["value": message.wholeValue ?? .null, "client": .bool(message.client != nil)],
                bytes: message.bytes)
        }
        switch kind {
        case "sync": host.router.map("r", answer)
        case "async": host.router.map("r", async: { answer($0) })
        default: host.router.map("r", reply: { message, reply in Task { try reply.send(answer(message)) } })
        }
        let wanted: Value = ["value": ["a": 1], "client": false]
        let bytes = Bytes(pattern(20_000, seed: 1))
        let result = await host.invoke("R", ["a": 1], bytes: bytes)
        #expect(result.data == wanted)
        #expect(result.bytes == bytes)
        #expect(result.source == "R")
        #expect((try await onThread { host.invokeSync("r", ["a": 1]) }).data == wanted)
        let called = await withCheckedContinuation { continuation in
            let isTaken = host.invoke("r", ["a": 1]) { continuation.resume(returning: $0) }
            #expect(isTaken)
        }
        #expect(called.data == wanted)
    }

    @Test("invoking what is not there, is a stream, or cannot be is an error")
    func invokeNothing() async throws {
        let (host, _) = try host()
        host.router.map("fails") { _ in throw IPCError(message: "broken") }
        #expect((await host.invoke("nothing")).err?.name == "NotFoundError")
        let isTaken = host.invoke("nothing") { _ in Issue.record("called") }
        #expect(!isTaken)
        #expect((await host.invoke("a b")).err?.name == "TypeError")
        #expect((await host.invoke("diagnostics.stream.sse")).err?.name == "TypeError")
        #expect((await host.invoke("fails")).err?.message == "broken")
        #expect(host.invokeSync("fails").err?.message == "broken")
    }

    @Test("a handler may invoke another route, and is told where that would wait for itself")
    func invokeInside() async throws {
        let (host, client) = try host()
        host.router.map("inner") { _ in Result(data: "inside") }
        host.router.map("slow", async: { _ in Result(data: "slow") })
        host.router.map("outer") { [unowned host] message in host.invokeSync(try message.string("route")) }
        host.router.map(
            "outer.async", async: { [unowned host] message in await host.invoke(try message.string("route")) })
        #expect(client.sendSync("outer", ["route": "inner"]).data == "inside")
        #expect(client.sendSync("outer", ["route": "slow"]).err?.name == "NotAllowedError")
        #expect(client.sendSync("outer.async", ["route": "slow"]).data == "slow")
        #expect(client.sendSync("outer.async", ["route": "inner"]).data == "inside")
    }

    @Test("what is invoked on a host that has stopped is an AbortError, also what had waited for it")
    func invokeStopped() async throws {
        let host = try OroIPC.Host.unnamed()
        host.router.map("x") { _ in Result(data: "ran") }
        let waiting = await withCheckedContinuation { continuation in
            // Queued: nobody serves this host yet.
            let isTaken = host.invoke("x") { continuation.resume(returning: $0) }
            #expect(isTaken)
            host.stop()
        }
        #expect(waiting.err?.name == "AbortError")
        #expect((await host.invoke("x")).err?.name == "AbortError")
    }

    @Test("cancelling the task of an invocation cancels its handler")
    func invokeCancelled() async throws {
        let (host, _) = try host()
        host.router.map(
            "sleep",
            async: { _ in
                try await Task.sleep(for: .seconds(600))
                return Result()
            })
        let task = Task { await host.invoke("sleep") }
        task.cancel()
        #expect(!(await task.value).isOK)
    }
}
