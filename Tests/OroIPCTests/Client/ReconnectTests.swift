// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroBase
import OroConformance
import Testing

@testable import OroIPC
@testable import OroLink

/// Clients that come back when their host has ended. With hosts that are killed, drain and are replaced under load: the
/// driver `restarts`.
@Suite("Clients that come back")
struct ReconnectTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func options(wait: Duration = .seconds(30), giveUpAfter: Duration? = nil) -> ClientOptions {
        var options = ClientOptions()
        options.folder = folder.path
        options.reconnect = ReconnectPolicy(
            longestDelay: .milliseconds(20), callsWait: wait, giveUpAfter: giveUpAfter)
        return options
    }

    private func host(_ name: String = "again", _ change: (inout HostOptions) -> Void = { _ in }) throws -> OroIPC.Host
    {
        var options = HostOptions()
        options.folder = folder.path
        change(&options)
        let host = try OroIPC.Host(name: name, options: options)
        Fixture.install(on: host)
        try host.start()
        return host
    }

    /// A host in a process of its own, to be killed.
    private func serve(_ name: String = "again") throws -> Peer {
        let host = try Peer(["serve", "--name", name, "--folder", folder.path])
        try host.line(starting: "ready")
        return host
    }

    /// As `until`, for what is found out by a call.
    private func eventually(_ what: String, _ condition: () async -> Bool) async throws {
        for _ in 0..<2000 {
            if await condition() { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Unexpected("never: \(what)")
    }

    @Test("a client says that its host was killed, and that another is there", .timeLimit(.minutes(1)))
    func states() async throws {
        let first = try serve()
        let client = try await Client.connect("again", options: options())
        var states = client.states.makeAsyncIterator()
        #expect(await states.next() == .connected && client.state == .connected)
        let process = client.host.processID
        first.kill()
        guard case .reconnecting(.peerGone)? = await states.next() else {
            throw Unexpected("the client does not say that it is connecting again")
        }
        #expect(client.ending == .peerGone)
        let second = try serve()
        #expect(await states.next() == .connected)
        #expect(client.ending == nil && client.host.processID != process)
        #expect(await client.request("ping").data == "pong")
        client.close()
        #expect(await states.next() == .closed(.closed))
        #expect(await states.next() == nil)
        #expect(second.finish() == 0)
    }

    /// What each descriptor of this process watches that watches folders, as the system says it.
    private var watches: [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return all.compactMap { name in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)")
            guard target == "anon_inode:inotify" else { return nil }
            return try? String(contentsOfFile: "/proc/self/fdinfo/\(name)", encoding: .utf8)
        }
    }

    /// The folder of these tests is watched.
    private func isWatched(_ inode: Int) -> Bool {
        watches.contains { $0.contains(" ino:\(String(inode, radix: 16)) ") }
    }

    /// Waits until these clients know that their host is gone.
    private func notice(_ clients: [Client]) async throws {
        for client in clients {
            try await eventually("the end is noticed") {
                _ = await client.request("ping", options: .init(timeout: .milliseconds(1)))
                return client.ending != nil
            }
        }
    }

    private var inode: Int {
        get throws {
            let attributes = try FileManager.default.attributesOfItem(atPath: folder.path)
            return try #require(attributes[.systemFileNumber] as? Int)
        }
    }

    @Test("a client is back as soon as a socket is there, however long its pauses are", .timeLimit(.minutes(1)))
    func watches() async throws {
        let inode = try inode
        let first = try serve()
        var options = options()
        options.reconnect?.firstDelay = .seconds(3600)
        options.reconnect?.longestDelay = .seconds(7200)
        let clients = [
            try await Client.connect("again", options: options), try await Client.connect("again", options: options),
        ]
        first.kill()
        try await notice(clients)
        try await until("the folder is watched") { isWatched(inode) }
        // Of other names nobody hears.
        let other = try host("other")
        let second = try serve()
        for client in clients {
            try await client.ready()
            #expect(await client.request("ping").data == "pong")
        }
        try await until("nobody watches") { !isWatched(inode) }
        // One that is closed meanwhile watches no more.
        second.kill()
        try await notice(clients)
        try await until("the folder is watched") { isWatched(inode) }
        for client in clients { client.close() }
        try await until("nobody watches") { !isWatched(inode) }
        // No descriptor is kept that watches nothing.
        try await until("it is closed") { watches.allSatisfy { $0.contains("inotify wd:") } }
        other.stop()
    }

    @Test("where the folder is gone there are the pauses", .timeLimit(.minutes(1)))
    func folderIsGone() async throws {
        let inode = try inode
        let first = try serve()
        let client = try await Client.connect("again", options: options())
        first.kill()
        try await notice([client])
        try await until("the folder is watched") { isWatched(inode) }
        try FileManager.default.removeItem(atPath: folder.path)
        try await until("the folder is watched no more") { !isWatched(inode) }
        let second = try serve()
        try await client.ready()
        #expect(await client.request("ping").data == "pong")
        client.close()
        #expect(second.finish() == 0)
    }

    @Test("attempts that requests ask for make no pause longer")
    func wantedAttempts() throws {
        let policy = ReconnectPolicy(firstDelay: .milliseconds(8), longestDelay: .seconds(1))
        var attempts = ConnectionAttempts()
        /// Begins an attempt that fails: what is done next.
        func fail(_ cause: ConnectionAttempts.Cause) -> ConnectionAttempts.Next? {
            attempts.begin(cause) ? attempts.fail(policy) : nil
        }
        guard case .pause(_, let first)? = fail(.planned) else { throw Unexpected("no pause is planned") }
        for _ in 0..<100 {
            // The pause that is running is not begun anew.
            guard case .nothing? = fail(.wanted) else { throw Unexpected("a request changes the pause") }
        }
        let (isDue, isDueAgain) = (attempts.isDue(first), attempts.isDue(first))
        #expect(isDue && !isDueAgain)
        guard case .pause(let second, _)? = fail(.planned) else { throw Unexpected("no pause is planned") }
        #expect((12_000_000...20_000_000).contains(second), "\(second)")
        // A socket that comes to be while an attempt is made is looked at after it, and a few times more.
        let (begins, appears) = (attempts.begin(.wanted), attempts.begin(.appeared))
        #expect(begins && !appears)
        guard case .now = attempts.fail(policy) else { throw Unexpected("it is not looked at") }
        guard case .look? = fail(.appeared) else { throw Unexpected("it is not looked at again") }
    }

    @Test("calls of every kind wait for the next host", .timeLimit(.minutes(1)))
    func callsWait() async throws {
        let first = try serve()
        let options = options()
        let client = try await Client.connect("again", options: options)
        first.kill()
        try await until("the end is noticed") {
            _ = client.sendSync("ping", options: .init(timeout: .milliseconds(1)))
            return client.ending != nil
        }
        let task = Task { await client.request("echo", ["n": 1]).data }
        let callback = Locked<Result?>(nil)
        _ = client.call("echo", ["n": 2], nil, nil) { result in callback.withLock { $0 = result } }
        async let sync = onThread { client.sendSync("echo", ["n": 3]).data }
        async let ready: Void = client.ready()
        let second = try serve()
        #expect(await task.value == ["n": 1])
        #expect(try await sync == ["n": 3])
        try await ready
        try await until("the callback is called") { callback.withLock { $0 != nil } }
        #expect(callback.withLock { $0?.data } == ["n": 2])
        client.close()
        #expect(second.finish() == 0)
    }

    @Test("without a host a call ends in time, and says that it was not sent", .timeLimit(.minutes(1)))
    func noHost() async throws {
        let host = try host()
        let client = try await Client.connect("again", options: options(wait: .milliseconds(50)))
        let patient = try await Client.connect("again", options: options())
        host.stop()
        // The first may have been on its way.
        for client in [client, patient] { _ = await client.request("ping", options: .init(timeout: .milliseconds(1))) }
        for error in [
            await client.request("ping").err, try await onThread { client.sendSync("ping").err },
            await client.request("ping", options: .deadline).err,
        ] {
            #expect(error?.kind == .network && error?.delivery == .notSent)
            #expect(error?.message.contains("'again'") == true)
        }
        let timeout = CallOptions(timeout: .milliseconds(50))
        for error in [
            await patient.request("ping", options: timeout).err,
            try await onThread { patient.sendSync("ping", options: timeout).err },
        ] { #expect(error?.kind == .timeout && error?.delivery == .notSent) }
        // Given up by its signal, and by its task.
        let controller = AbortController()
        async let aborted = patient.request("ping", options: .init(signal: controller.signal))
        async let abortedSync = onThread { patient.sendSync("ping", options: .init(signal: controller.signal)) }
        let called = Locked<Result?>(nil)
        _ = patient.call("ping", nil, nil, .init(signal: controller.signal)) { result in called.withLock { $0 = result }
        }
        let abandoned = Locked<Result?>(nil)
        let ticket = patient.call("ping", nil, nil, nil) { result in abandoned.withLock { $0 = result } }
        let late = Locked<Result?>(nil)
        _ = patient.call("ping", nil, nil, timeout) { result in late.withLock { $0 = result } }
        let task = Task { await patient.request("ping") }
        try await Task.sleep(for: .milliseconds(20))
        controller.abort("enough")
        task.cancel()
        #expect(patient.abandon(ticket, .abort("no more")) && !patient.abandon(ticket, .abort()))
        #expect(await aborted.err == .abort("enough").delivered(.notSent))
        #expect(try await abortedSync.err == .abort("enough").delivered(.notSent))
        #expect(await task.value.err?.kind == .abort)
        try await until("all are over") { late.withLock { $0 != nil } }
        #expect(called.withLock { $0?.err } == .abort("enough").delivered(.notSent))
        #expect(abandoned.withLock { $0?.err } == .abort("no more").delivered(.notSent))
        #expect(late.withLock { $0?.err?.kind } == .timeout)
        // Closing it ends what waits.
        async let waiting = patient.request("ping")
        try await Task.sleep(for: .milliseconds(20))
        patient.close()
        #expect(await waiting.err?.kind == .network)
        client.close()
    }

    @Test("it listens again, and its seqs and figures go on", .timeLimit(.minutes(1)))
    func listens() async throws {
        let first = try host()
        let client = try await Client.connect("again", options: options())
        let heard = Locked<[Int64]>([])
        client.events.listen("price") { event in heard.withLock { $0.append(event["eur"]?.int ?? 0) } }
        #expect(await client.request("ping").isOK)
        try await until("the first host hears that somebody listens") {
            try first.emit("price", ["eur": 1])
            return heard.withLock { $0.contains(1) }
        }
        let copied = client.statistics.copiedBytes
        await first.shutdown(within: .seconds(5))
        let second = try host()
        try await client.ready()
        try await until("the second host is heard") {
            try second.emit("price", ["eur": 2])
            return heard.withLock { $0.contains(2) }
        }
        #expect(client.core.nextSeq.load(ordering: .relaxed) > 1)
        #expect(client.statistics.copiedBytes >= copied)
        client.close()
        second.stop()
    }

    @Test("a port of the old link is closed, and says why", .timeLimit(.minutes(1)))
    func ports() async throws {
        let first = try serve()
        let client = try await Client.connect("again", options: options())
        let port = try client.openPort("echo")
        let closed = Locked(0)
        port.addEventListener("close") { _ in closed.withLock { $0 += 1 } }
        first.kill()
        try await until("the port is closed") { closed.withLock { $0 == 1 } }
        let second = try serve()
        try await client.ready()
        #expect(port.closed)
        let next = try client.openPort("echo")
        next.close()
        client.close()
        #expect(second.finish() == 0)
    }

    @Test("broadcast channels go on with the next host, whether the last was killed or drains", .timeLimit(.minutes(1)))
    func broadcasts() async throws {
        let first = try serve()
        let options = options()
        let (client, other) = (
            try await Client.connect("again", options: options), try await Client.connect("again", options: options)
        )
        let (news, theirs) = (
            try IPCBroadcastChannel("news", over: client), try IPCBroadcastChannel("news", over: other)
        )
        let heard = Locked<[String]>([])
        let ended = Locked(0)
        news.onmessage = { event in heard.withLock { $0.append(event.data.string ?? "") } }
        for channel in [news, theirs] { channel.addEventListener("close") { _ in ended.withLock { $0 += 1 } } }
        // The host has what was sent before it when it answers.
        for client in [client, other] { #expect(await client.request("ping").isOK) }
        try theirs.postMessage("one")
        try await until("the first is heard") { heard.withLock { $0 == ["one"] } }
        // One that nobody listens to keeps what came for whoever reads it later.
        let kept = try IPCBroadcastChannel("news", over: client)
        let closed = try IPCBroadcastChannel("news", over: client)
        #expect(await client.request("ping").isOK)
        try theirs.postMessage("two")
        try await until("the second is heard") { heard.withLock { $0 == ["one", "two"] } }
        // The host has told the other channel too when it answers.
        #expect(await client.request("ping").isOK)
        first.kill()
        for client in [client, other] {
            try await until("the end is noticed") {
                _ = client.sendSync("ping", options: .init(timeout: .milliseconds(1)))
                return client.ending != nil
            }
        }
        #expect(throws: IPCError.self) { try theirs.postMessage("lost") }
        #expect(!news.closed && !theirs.closed)
        closed.close()
        let second = try host()
        for client in [client, other] {
            try await client.ready()
            #expect(await client.request("ping").isOK)
        }
        try theirs.postMessage("three")
        try await until("the third is heard") { heard.withLock { $0 == ["one", "two", "three"] } }
        // This one drains.
        async let shutdown: Void = second.shutdown(within: .seconds(5))
        try await until("the second host is gone") { second.statistics.links == 0 }
        await shutdown
        let third = try host()
        for client in [client, other] {
            try await client.ready()
            #expect(await client.request("ping").isOK)
        }
        for text in ["four", "five"] { try theirs.postMessage(StructuredValue(.string(text))) }
        try await until("the last are heard") { heard.withLock { $0 == ["one", "two", "three", "four", "five"] } }
        var texts: [String] = []
        for await event in kept.messages {
            texts.append(event.data.string ?? "")
            if texts.count == 4 { break }
        }
        #expect(texts == ["two", "three", "four", "five"])
        #expect(ended.withLock { $0 } == 0)
        client.close()
        other.close()
        try await until("they are closed") { ended.withLock { $0 } == 2 }
        third.stop()
    }

    @Test("it comes back to nobody who turned it out, and ends where it is not admitted", .timeLimit(.minutes(1)))
    func turnedOut() async throws {
        let first = try host()
        let client = try await Client.connect("again", options: options())
        #expect(await client.request("ping").isOK)
        try #require(first.clients.first).disconnect("go away")
        try await eventually("it is over") { await client.request("ping").err != nil }
        #expect(client.state == .closed(.goodbye("go away")))
        // The host that comes next does not admit it.
        let other = try await Client.connect("again", options: options())
        await first.shutdown(within: .seconds(5))
        let second = try host { $0.policy = { _ in .denied } }
        #expect(await other.request("ping").err?.kind == .network)
        try await until("it is closed") { other.state == .closed(.refused(.denied)) }
        client.close()
        other.close()
        second.stop()
    }

    @Test("it gives up when it is told to", .timeLimit(.minutes(1)))
    func givesUp() async throws {
        let host = try host()
        let client = try await Client.connect("again", options: options(giveUpAfter: .milliseconds(100)))
        let never: Client = try await {
            var options = options()
            options.reconnect = nil
            return try await Client.connect("again", options: options)
        }()
        let peer = try await Client.connect(descriptor: try host.makePeer())
        host.stop()
        let error = try #require(await client.request("ping").err)
        #expect(error.kind == .network)
        try await until("it has given up") { if case .closed = client.state { true } else { false } }
        for client in [never, peer] {
            #expect(await client.request("ping").err?.kind == .network)
            try await until("it is closed") { if case .closed = client.state { true } else { false } }
            client.close()
        }
        client.close()
    }

    @Test("what was in flight is unknown, and only what may run twice is sent again", .timeLimit(.minutes(1)))
    func inFlight() async throws {
        let first = try serve()
        let client = try await Client.connect("again", options: options())
        async let once = client.request("sleep", ["ms": 60_000])
        async let again = client.request("sleep", ["ms": 200], options: .init(isIdempotent: true))
        // As every call of a route that says so.
        let pause = Route<[String: Int], Void>("sleep", isIdempotent: true)
        async let typed: Void = client.call(pause, ["ms": 200])
        async let withTimeout = client.request("sleep", ["ms": 60_000], options: .init(timeout: .seconds(40)))
        try await until("they are on their way") { client.statistics.pending == 4 }
        try await Task.sleep(for: .milliseconds(50))
        first.kill()
        #expect(await once.err?.delivery == .unknown)
        #expect(await withTimeout.err?.delivery == .unknown)
        let second = try serve()
        #expect(await again.isOK)
        try await typed
        client.close()
        #expect(second.finish() == 0)
    }

    @Test("a host that drains refuses what is new, and finishes what it has", .timeLimit(.minutes(1)))
    func drains() async throws {
        let first = try host()
        let client = try await Client.connect("again", options: options())
        let stays: Client = try await {
            var options = options()
            options.reconnect = nil
            return try await Client.connect("again", options: options)
        }()
        var states = client.states.makeAsyncIterator()
        #expect(await states.next() == .connected)
        async let slow = client.request("sleep", ["ms": 400])
        async let other = stays.request("sleep", ["ms": 400])
        try await until("both are at work") { first.statistics.requests == 2 }
        async let shutdown: Void = first.shutdown(within: .seconds(20))
        guard case .reconnecting(.goodbye)? = await states.next() else {
            throw Unexpected("the client does not hear that its host drains")
        }
        // One that does not come back is told that the host has not begun with it.
        #expect(await stays.request("ping").err?.delivery == .refused)
        // The other goes to the next host, while the first is still at work.
        let second = try host()
        #expect(await client.request("ping").isOK && client.state == .connected)
        #expect(await slow.isOK)
        #expect(await other.isOK)
        await shutdown
        #expect(await client.request("ping").isOK)
        client.close()
        stays.close()
        second.stop()
    }

    @Test("a command without a result that comes while its host drains is taken", .timeLimit(.minutes(1)))
    func lastPosts() async throws {
        let first = try host()
        let posts = Locked(0)
        first.router.map("count") { _ in
            posts.withLock { $0 += 1 }
            return Result()
        }
        first.router.map("count.later") { _ async in
            posts.withLock { $0 += 1 }
            return Result()
        }
        var options = options()
        options.reconnect = nil
        let client = try await Client.connect("again", options: options)
        async let slow = client.request("sleep", ["ms": 2000])
        try await until("it is at work") { first.statistics.requests == 1 }
        async let shutdown: Void = first.shutdown(within: .seconds(20))
        try await eventually("it drains") { await client.request("ping").err?.delivery == .refused }
        for _ in 0..<10 { try client.post("count") }
        for _ in 0..<10 { try client.post("count.later") }
        #expect(await slow.isOK)
        await shutdown
        #expect(posts.withLock { $0 } == 20)
        client.close()
    }

    @Test("fifty hosts one after the other leave nothing behind", .timeLimit(.minutes(2)))
    func leavesNothing() async throws {
        var host = try host()
        let client = try await Client.connect("again", options: options())
        // Watched, and used by a thread of its own.
        _ = client.observe { _ in }
        var cores: [() -> ClientCore?] = []
        var descriptors = 0
        for round in 0..<50 {
            weak let core = client.core
            cores.append { core }
            #expect(try await onThread { client.sendSync("echo", bytes: [1, 2, 3]).bytes } == [1, 2, 3])
            #expect(await client.request("ping").data == "pong")
            await host.shutdown(within: .seconds(5))
            host = try self.host()
            try await client.ready()
            if round == 9 { descriptors = openDescriptors() }
        }
        try await until("the old links are gone") { cores.dropLast().allSatisfy { $0() == nil } }
        try await until("their descriptors are closed") { openDescriptors() <= descriptors + 2 }
        client.close()
        host.stop()
    }

    private func openDescriptors() -> Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
    }

    @Test(
        "a policy that cannot be is refused",
        arguments: [
            ReconnectPolicy(firstDelay: .zero), ReconnectPolicy(firstDelay: .seconds(2), longestDelay: .seconds(1)),
            ReconnectPolicy(callsWait: .seconds(-1)), ReconnectPolicy(giveUpAfter: .seconds(-1)),
        ])
    func wrongPolicies(_ policy: ReconnectPolicy) throws {
        let host = try host()
        defer { host.stop() }
        var options = options()
        options.reconnect = policy
        #expect {
            try Client.connect("again", options: options)
        } throws: { error in
            if case .badOptions(let why)? = error as? LinkError { why.contains("reconnect.") } else { false }
        }
    }

    @Test("each pause is about twice the one before, up to the longest")
    func pauses() {
        let policy = ReconnectPolicy(firstDelay: .milliseconds(10), longestDelay: .milliseconds(100))
        for (failed, milliseconds) in [(0, 10), (1, 20), (2, 40), (3, 80), (4, 100), (40, 100)] {
            for _ in 0..<100 {
                let delay = policy.delay(after: failed) / 1000
                #expect((UInt64(milliseconds) * 750...UInt64(milliseconds) * 1250).contains(delay))
            }
        }
    }
}
