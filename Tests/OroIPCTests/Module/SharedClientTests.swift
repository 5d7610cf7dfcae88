// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import OroBase
import OroConformance
import OroIPC
import OroLink
import Testing

/// The shared client and debug output belong to the whole process, and so does the environment.
@Suite("The functions of the module", .serialized)
struct SharedClientTests {
    init() {
        unsetenv("ORO_IPC_HOST")
        IPC.close()
    }

    @Test("without a host every call is a NetworkError without source, and nothing is waited for")
    func noHost() async throws {
        for result in [
            IPC.sendSync("ping"), await IPC.send("ping"), await IPC.request("ping"), await IPC.write("ping", nil, [1]),
        ] {
            #expect(result.err?.kind == .network && result.source == nil && result.data == nil)
            #expect(result.err?.message.contains("ORO_IPC_HOST") == true)
        }
        let (message, target) = (try Message("ipc://ping"), EventTarget())
        #expect(throws: IPCError.self) { try IPC.postMessage("ipc://ping") }
        #expect(throws: IPCError.self) { try IPC.postMessage(message) }
        #expect(throws: IPCError.self) { try IPC.emit("e", 1) }
        #expect(throws: IPCError.self) { try IPC.resolve("R1", 1) }
        #expect(throws: Never.self) { try IPC.emit("e", 1, target: target) }
        #expect(IPC.primordials == .object([:]))
        await #expect(throws: IPCError.self) { try await IPC.createBinding("fs").stat("/") }
    }

    @Test("ready gives up with the module's message and says why; a cancelled task's is an AbortError")
    func notReady() async {
        do throws(IPCError) {
            try await IPC.ready(waitingAtMost: .milliseconds(5))
            Issue.record("ready without a host")
        } catch {
            #expect(error.message == "Failed to resolve globalThis.__args" && error.name == "Error")
            #expect(error.extra["cause"]?["name"] == "NetworkError")
        }
        let task = Task { () -> IPCError? in
            do throws(IPCError) { try await IPC.ready() } catch { return error }
            return nil
        }
        task.cancel()
        #expect(await task.value?.kind == .abort)
    }

    @Test("the environment's descriptor is taken over, once")
    func descriptor() async throws {
        let host = try Host.embedded()
        defer { host.stop() }
        Fixture.install(on: host)
        setenv("ORO_IPC_HOST", "fd:\(try host.makePeer())", 1)
        try await IPC.ready()
        #expect(IPC.sendSync("echo", 1).data == 1)
        #expect(await IPC.send("echo", 2, bytes: [1]).bytes == [1])
        #expect(await IPC.request("echo", 3).data == 3)
        #expect(await IPC.write("echo", 4, [5]).bytes == [5])
        #expect(try await IPC.createBinding().echo(6).data == 6)
        var events = try IPC.client().events.stream("resolve-0-R7").makeAsyncIterator()
        try IPC.postMessage("ipc://echo?value=7&seq=R7")
        #expect(await events.next()?["data"] == ["value": "7"])
        #expect(try IPC.resolve("R7", 8) && !IPC.emit("e", ""))
        #expect(await events.next()?.detail == 8)
        #expect(try IPC.client() === IPC.client())
    }

    @Test("a descriptor's link that has ended stays so")
    func descriptorEnds() async throws {
        let host = try Host.embedded()
        Fixture.install(on: host)
        let client = try IPC.connect(descriptor: host.makePeer())
        try await client.ready()
        client.close()
        await #expect(throws: IPCError.self) { try await client.ready() }
        #expect(IPC.sendSync("ping").err?.kind == .network)
        #expect(IPC.sendSync("ping").err?.kind == .network)
        host.stop()
    }

    @Test(
        "what is no host in the environment is said", arguments: ["fd:", "fd:x", "fd:-1", "fd:99999", "no such name!"])
    func wrong(_ text: String) {
        setenv("ORO_IPC_HOST", text, 1)
        #expect(IPC.sendSync("ping").err?.kind == .network)
    }

    @Test("when a named host has gone, the next call finds its successor")
    func reconnects() async throws {
        let folder = try TemporaryFolder()
        let arguments = ["serve", "--name", "shared", "--folder", folder.path]
        var options = ClientOptions()
        options.folder = folder.path
        let first = try Peer(arguments)
        try first.line(starting: "ready")
        let client = try IPC.connect("shared", options: options)
        #expect(IPC.sendSync("ping").data == "pong")
        async let pending = client.request("sleep", ["ms": 60_000])
        first.kill()
        #expect(await pending.err?.kind == .network, "what was pending is not repeated")
        first.finish()
        #expect(IPC.sendSync("ping").err?.kind == .network)
        let second = try Peer(arguments)
        try second.line(starting: "ready")
        try await IPC.ready()
        #expect(IPC.sendSync("ping").data == "pong")
        #expect(try IPC.client() !== client)
        try await onThreads(8) { _ in try expectEqual(IPC.sendSync("ping").data, "pong") }
        #expect(second.finish() == 0)
    }

    // MARK: Debug

    private final class Lines: LogHandler, Sendable {
        let lines = Locked<[String]>([])
        var logLevel: Logger.Level {
            get { .trace }
            set {}
        }
        var metadata: Logger.Metadata {
            get { [:] }
            set {}
        }
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { nil }
            set {}
        }

        func log(event: LogEvent) { lines.withLock { $0.append("\(event.message)") } }
    }

    @Test("debug switches with true and false, answers what it is, and follows the environment until then")
    func debug() {
        defer { IPC.debug[kDebugEnabled] = nil }
        #expect(kDebugEnabled == "oro.runtime.ipc.debug.enabled")
        #expect(IPC.debug[kDebugEnabled] == nil && !IPC.debug() && !IPC.debug.enabled)
        #expect(IPC.debug(true) && IPC.debug() && IPC.debug[kDebugEnabled] == true)
        #expect(!IPC.debug(false) && !IPC.debug() && IPC.debug[kDebugEnabled] == false)
        IPC.debug.enabled = true
        #expect(IPC.debug.enabled && IPC.debug(nil))
        IPC.debug["other"] = false
        #expect(IPC.debug.enabled && IPC.debug["other"] == nil)
        IPC.debug[kDebugEnabled] = nil
        #expect(!IPC.debug.enabled, "the environment says nothing")
    }

    @Test("debug output names the verb and the command, and only while it is on")
    func output() async throws {
        let lines = Lines()
        let before = IPC.debug.logger
        IPC.debug.logger = Logger(label: "test") { _ in lines }
        defer {
            IPC.debug[kDebugEnabled] = nil
            IPC.debug.logger = before
        }
        let host = try Host.embedded()
        defer { host.stop() }
        Fixture.install(on: host)
        let client = try await host.connect()
        _ = client.sendSync("ping")
        IPC.debug.log("silent")
        IPC.debug(true)
        _ = client.sendSync("ping")
        _ = await client.send("echo", 1)
        _ = await client.request("no.such", options: CallOptions(cache: true))
        IPC.debug.log("mine")
        IPC.debug(false)
        _ = client.sendSync("ping")
        #expect(
            lines.lines.withLock { $0 } == [
                "ipc.sendSync: ping", "ipc.sendSync: ping (resolved)", "ipc.send: echo", "ipc.send: echo (resolved)",
                "ipc.request: no.such", "ipc.request: no.such (resolved)", "mine",
            ])
    }

    @Test("primordials are the host's, with members of one's own in their places")
    func primordials() throws {
        let host = try Host.embedded()
        defer { host.stop() }
        var options = ClientOptions()
        options.primordials = ["platform": "mine", "extra": 1]
        let client = try host.connect(options: options)
        #expect(client.primordials["platform"] == "mine" && client.primordials["extra"] == 1)
        #expect(client.primordials == client.primordials)
    }
}
