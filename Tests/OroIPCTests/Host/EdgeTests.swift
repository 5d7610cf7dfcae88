// SPDX-License-Identifier: Apache-2.0

import CSupport
import CTestSupport
import Foundation
import OroBase
import OroConformance
import OroFrame
import Testing

@testable import OroIPC
@testable import OroLink

/// What comes over the socket, and what the system has little of: a client may use up its own share and nothing else.
@Suite("The edge", .serialized)
struct EdgeTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func host(
        _ name: String = "h", _ backend: WakeBackend? = nil, _ change: (inout HostOptions) -> Void = { _ in }
    ) throws -> OroIPC.Host {
        var options = HostOptions()
        options.folder = folder.path
        options.backend = backend
        change(&options)
        let host = try OroIPC.Host(name: name, options: options)
        Fixture.install(on: host)
        return host
    }

    private func connect(
        _ name: String = "h", _ change: (inout ClientOptions) -> Void = { _ in }
    ) throws(LinkError) -> Client {
        var options = ClientOptions()
        options.folder = folder.path
        change(&options)
        return try Client.connect(name, options: options)
    }

    private var path: String { folder.path + "/h.sock" }

    private func silent() -> Int32 { oro_raw_connect(path) }

    /// The reason of the refusal that comes; `nil`: a hang-up, or something else.
    private func refusal(_ socket: Int32) -> Refusal? {
        var answer = [UInt8](repeating: 0, count: 64)
        var (fds, count): (Int32, Int32) = (0, 0)
        guard oro_raw_receive(socket, &answer, 64, &fds, 0, &count, 20_000) == 6 else { return nil }
        return Refusal(rawValue: UInt16(answer[4]) | UInt16(answer[5]) << 8)
    }

    // MARK: Closing what a peer has passed

    /// A packet with a socket that lingers for a minute, whose last descriptor it has: `host` does not look at it
    /// before.
    private func sendLingering(
        _ socket: Int32, _ packet: [UInt8], behind other: [UInt8] = [], to host: Host? = nil, nobodyReads: Bool = false
    ) throws -> Int32 {
        let (held, closed) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let isHeld = host?.core.reactor.submit {
            held.signal()
            closed.wait()
        }
        if isHeld == true { held.wait() }
        defer { closed.signal() }
        if !other.isEmpty {
            let sent = other.withUnsafeBytes { oro_raw_send(socket, $0.baseAddress, other.count, nil, 0) }
            try expectEqual(sent, other.count)
        }
        var reader: Int32 = -1
        let lingering = oro_raw_unread(60, &reader)
        try expect(lingering >= 0)
        let sent = packet.withUnsafeBytes { oro_raw_send(socket, $0.baseAddress, packet.count, [lingering], 1) }
        try expectEqual(sent, packet.count)
        if isHeld == true || nobodyReads {
            close(lingering)
        } else {
            // Whoever has read it may have closed it already: then this is the last, and waits.
            Thread.detachNewThread { close(lingering) }
        }
        return reader
    }

    /// Where a packet brings what it should not, or what nobody takes out of the queue any more.
    enum Place: CaseIterable {
        case instead, withHello, descriptors, allowed, unread, nudge, backlog
    }

    private static let descriptorsPacket: [UInt8] = Array("OROD".utf8) + Array(repeating: 0, count: 12)

    @Test(
        "a socket that lingers, whichever packet brings it, keeps nobody waiting", .timeLimit(.minutes(1)),
        arguments: WakeBackend.allCases, Place.allCases)
    func lingering(_ backend: WakeBackend, _ place: Place) async throws {
        let host = try host("h", backend) {
            $0.ports.allowsDescriptors = place == .allowed
            $0.handshakeMilliseconds = 600_000
        }
        if place == .backlog {
            // Nobody is accepted before the host stops.
            let socket = silent()
            let reader = try sendLingering(socket, [1], nobodyReads: true)
            let before = oro_closing()
            host.stop()
            try await until("it is being closed") { oro_closing() > before }
            close(socket)
            close(reader)
            return try await until("it is closed") { oro_closing() == before }
        }
        try host.start()
        let good = try connect()
        #expect(good.sendSync("ping").isOK)
        let before = oro_closing()
        let bad = try connect { $0.allowsDescriptors = true }
        // As every control packet is announced.
        oro_attention_announce(bad.core.link.attention)
        let raw = silent()
        let reader: Int32
        switch place {
        case .instead, .backlog: reader = try sendLingering(raw, [1], to: host)
        case .withHello:
            var hello = Packet(.hello)
            hello.append(UInt16(1))
            hello.append(UInt16(9))
            Offer(features: [], key: 1, limits: LinkLimits()).write(to: &hello)
            reader = try sendLingering(raw, hello.bytes, to: host)
        case .descriptors:
            reader = try sendLingering(bad.core.link.socket.number, EdgeTests.descriptorsPacket, to: host)
        case .allowed:
            // Nobody ever claims it: it is closed with the link.
            reader = try sendLingering(bad.core.link.socket.number, EdgeTests.descriptorsPacket, to: host)
            #expect(bad.sendSync("ping").isOK)
            bad.close()
        case .nudge: reader = try sendLingering(bad.core.link.socket.number, Array("OROU".utf8), to: host)
        case .unread:
            // The first packet ends the link, and what is behind it is never read.
            reader = try sendLingering(
                bad.core.link.socket.number, Array("OROU".utf8), behind: [9, 9, 9, 9, 9], to: host)
        }
        try await until("it is being closed") {
            // Each of these would wait a minute otherwise.
            good.sendSync("ping").isOK && oro_closing() > before
        }
        #expect(try connect().sendSync("ping").isOK)
        host.stop()
        #expect(oro_closing() > before)
        close(reader)
        close(raw)
        bad.close()
        try await until("it is closed") { oro_closing() == before }
    }

    @Test("a host that passes a socket that lingers keeps no client waiting", .timeLimit(.minutes(1)))
    func lingeringHost() async throws {
        let host = try host()
        try host.start()
        let (client, other) = (try connect(), try connect())
        #expect(client.sendSync("ping").isOK)
        let before = oro_closing()
        let id = try #require(host.clients.map(\.id).min())
        let link = try #require(await onHost(host) { host.core.links[id]?.link })
        oro_attention_announce(link.attention)
        let reader = try sendLingering(link.socket.number, EdgeTests.descriptorsPacket)
        try await until("the link is over") { !client.sendSync("ping").isOK }
        guard case .violation? = client.ending else {
            Issue.record("\(String(describing: client.ending))")
            return
        }
        #expect(other.sendSync("ping").isOK)
        close(reader)
        try await until("it is closed") { oro_closing() == before }
        host.stop()
    }

    private func onHost<T: Sendable>(_ host: OroIPC.Host, _ body: @escaping @Sendable () -> T) async -> T {
        await withCheckedContinuation { continuation in
            host.onThread { continuation.resume(returning: body()) }
        }
    }

    @Test("more sockets that linger than there are threads to close them keep nobody waiting", .timeLimit(.minutes(1)))
    func manyLingering() async throws {
        let host = try host()
        try host.start()
        let good = try connect()
        let before = oro_closing()
        let sockets = (0..<24).map { _ in silent() }
        let readers = try sockets.map { try sendLingering($0, [1], to: host) }
        // All of them were looked at by then, and count for who sent them.
        try await until("they are being closed") {
            good.sendSync("ping").isOK && oro_closing() >= before + 24 && host.statistics.refused == 24
        }
        // What waits for nobody is closed all the same.
        let held = host.core.acceptor.budget.held
        for _ in 0..<50 {
            let client = try connect()
            #expect(client.sendSync("ping").isOK)
            client.close()
        }
        try await until("what the others had is free") { host.core.acceptor.budget.held == held }
        for number in readers + sockets { close(number) }
        try await until("all are closed") { oro_closing() == before }
        host.stop()
    }

    // MARK: Own shortage

    @Test("where a packet's descriptors find no numbers the packet stays, and the error names the limit")
    func noNumbers() throws {
        var ends: [Int32] = [-1, -1]
        try #require(oro_socketpair(&ends) == 0)
        let mine = Descriptor(ends[0], .socket)
        let theirs = Descriptor(ends[1], .socket)
        let segment = try Segment.create(head: 0, ring: 4096)
        var packet = Packet(.ring)
        packet.append(UInt64(7))
        #expect(try packet.send(over: theirs, segment.memory.number))
        let free = dup(0)
        close(free)
        let before = oro_limit(Int32(RLIMIT_NOFILE.rawValue), UInt64(free))
        let error: LinkError?
        do throws(LinkError) {
            _ = try Packet.receive(from: mine)
            error = nil
        } catch let failure {
            error = failure
        }
        _ = oro_limit(Int32(RLIMIT_NOFILE.rawValue), before)
        #expect(error == .system(call: "recvmsg", errno: EMFILE))
        #expect(error?.description.contains("RLIMIT_NOFILE") == true)
        guard case .packet(let again, let descriptors) = try Packet.receive(from: mine) else {
            Issue.record("the packet is gone")
            return
        }
        #expect(again.bytes == packet.bytes && descriptors.count == 1)
    }

    @Test("what is kept is above the standard streams, also where those are closed")
    func standardStreams() throws {
        var numbers: [Int32] = []
        var ends: [Int32] = [-1, -1]
        var packet = Packet(.ring)
        packet.append(UInt64(7))
        let kept = dup(2)
        close(2)
        numbers.append(oro_eventfd())
        numbers.append(oro_memfd_create("t", 4096, Int32(ORO_ALLOCATED)))
        numbers.append(oro_duplicate(0))
        numbers.append(oro_open_directory(folder.path))
        let listener = oro_socket_listen(path, 8)
        let client = oro_socket_connect(path, 0)
        numbers += [listener, client, oro_socket_accept(listener)]
        if oro_socketpair(&ends) == 0 {
            numbers += ends
            _ = try? packet.send(over: Descriptor(dup(ends[0])), numbers[1])
            if case .packet(_, var descriptors)? = try? Packet.receive(from: Descriptor(dup(ends[1]))) {
                numbers.append(descriptors.take()?.release() ?? -1)
            }
        }
        var error: Int32 = 0
        for backend in WakeBackend.allCases {
            guard
                let poller = oro_poller_open(
                    Int32(backend == .epoll ? ORO_BACKEND_EPOLL : ORO_BACKEND_IO_URING), &error)
            else { continue }
            numbers.append(oro_poller_descriptor(poller))
            oro_poller_close(poller)
        }
        dup2(kept, 2)
        close(kept)
        #expect(numbers.allSatisfy { $0 > 2 }, "\(numbers)")
        for number in numbers { close(number) }
    }

    @Test("memory over RLIMIT_FSIZE is an error that names it, and no signal")
    func fileSize() {
        let before = oro_limit(Int32(RLIMIT_FSIZE.rawValue), 10 << 10)
        defer { _ = oro_limit(Int32(RLIMIT_FSIZE.rawValue), before) }
        let error = #expect(throws: LinkError.self) { _ = try Segment.create(head: Ring.head, ring: 1 << 16) }
        #expect(error == .system(call: "memfd_create", errno: EFBIG))
        #expect(error?.description.contains("RLIMIT_FSIZE") == true)
    }

    @Test(
        "a host without descriptors refuses with words, at once, and accepts when it has some again",
        arguments: WakeBackend.allCases)
    func noDescriptors(_ backend: WakeBackend) async throws {
        let host = try Peer([
            "serve", "--name", "h", "--folder", folder.path, "--backend", backend.rawValue,
        ])
        try host.line(starting: "ready")
        let good = try connect()
        #expect(good.sendSync("ping").isOK)
        let limit = Int32(RLIMIT_NOFILE.rawValue)
        // The lowest number that is free is the limit, as soon as what the handshake opened for itself is closed: not
        // one more.
        func lowestFree() -> Int {
            let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(host.pid)/fd")) ?? []
            let used = Set(numbers.compactMap { Int($0) })
            return (0...).first { !used.contains($0) } ?? 0
        }
        var (lowest, looks) = (lowestFree(), 0)
        try await until("its descriptors have settled") {
            let now = lowestFree()
            looks = now == lowest ? looks + 1 : 0
            lowest = now
            return looks == 50
        }
        #expect(oro_limit_of(host.pid, limit, UInt64(lowest)) == 0)
        for _ in 0..<20 { #expect(throws: LinkError.refused(.exhausted)) { try connect() } }
        #expect(good.sendSync("ping").isOK)
        #expect(oro_limit_of(host.pid, limit, 1024) == 0)
        #expect(try connect().sendSync("ping").isOK)
        #expect(host.finish() == 0)
    }

    @Test("a host whose process can have no further thread answers asynchronous requests", .timeLimit(.minutes(1)))
    func noThreads() async throws {
        let limit = Int32(RLIMIT_AS.rawValue)
        // Inherited: that there is a limit at all is what the host looks at when it starts.
        let before = oro_limit(limit, 1 << 40)
        let started = Swift.Result { try Peer(["serve", "--name", "h", "--folder", folder.path]) }
        _ = oro_limit(limit, before)
        let host = try started.get()
        try host.line(starting: "ready")
        let client = try connect()
        #expect(client.sendSync("ping").isOK)
        let status = try String(contentsOfFile: "/proc/\(host.pid)/status", encoding: .utf8)
        let size = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmSize:") })
        let kilobytes = try #require(UInt64(size.filter(\.isNumber)))
        // A thread's stack alone takes more.
        #expect(oro_limit_of(host.pid, limit, (kilobytes + 1024) << 10) == 0)
        var options = CallOptions()
        options.timeout = .seconds(20)
        for index in 0..<20 {
            let tag = Value.int(Int64(index))
            #expect(client.sendSync("echo.async", tag, options: options).data == tag)
        }
        // What there is no memory for fails by its name, or goes another way; the host lives.
        _ = client.sendSync("echo.async", nil, bytes: Bytes(pattern(32 << 20, seed: 1)), options: options)
        #expect(oro_limit_of(host.pid, limit, .max) == 0)
        #expect(try connect().sendSync("ping").isOK)
        #expect(host.finish() == 0)
    }

    // MARK: Shares

    @Test("one process has a share of the unfinished handshakes, and others connect", arguments: WakeBackend.allCases)
    func handshakes(_ backend: WakeBackend) async throws {
        let host = try host("h", backend) {
            $0.handshakes = 8
            $0.handshakeMilliseconds = 600_000
        }
        try host.start()
        let sockets = (0..<8).map { _ in silent() }
        for socket in sockets[4...] { #expect(refusal(socket) == .busy) }
        let other = try Peer([
            "conform", "--name", "h", "--folder", folder.path, "--behaviour", Behaviour.all[0].name,
        ])
        #expect(other.rest().last == "done 1 0")
        #expect(other.finish() == 0)
        for socket in sockets { close(socket) }
        try await until("the share is free") { (try? connect()) != nil }
        host.stop()
    }

    @Test("however many connect at once, one is accepted in a step, and others have their turn between")
    func acceptsInSlices() throws {
        let host = try host { $0.handshakeMilliseconds = 600_000 }
        let core = host.core
        let sockets = (0..<40).map { _ in silent() }
        core.acceptor.open()
        var others = 0
        for count in 1...40 {
            core.slices.add(Steps(1) { _ in others += 1 }, for: 4)
            // The news of a hundred more changes nothing.
            for _ in 0..<100 { core.acceptor.handleListener(lost: nil) }
            core.slices.step(.shortest)
            core.slices.step(.shortest)
            #expect(core.acceptor.pendingCount == count)
            #expect(others == count)
        }
        core.slices.step(.shortest)
        #expect(core.slices.isEmpty)
        for socket in sockets { close(socket) }
        host.stop()
        #expect(core.acceptor.pendingCount == 0)
    }

    @Test("a host that cannot be made leaves no socket file behind")
    func leavesNoFile() throws {
        for change: (inout HostOptions) -> Void in [{ $0.percentPerUser = 0 }, { $0.percentPerProcess = 101 }] {
            #expect(throws: LinkError.self) { try host("never", nil, change) }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }

    @Test("a policy that stops its host makes nobody a client", arguments: WakeBackend.allCases)
    func policyStops(_ backend: WakeBackend) async throws {
        let box = Locked<OroIPC.Host?>(nil)
        let host = try host("h", backend) {
            $0.policy = { _ in
                box.withLock { $0.take() }?.stop()
                return nil
            }
        }
        box.withLock { $0 = host }
        try host.start()
        #expect(throws: LinkError.self) { try connect() }
        try await until("it has stopped") { host.core.hasStopped.load(ordering: .relaxed) }
        #expect(host.statistics.links == 0)
        host.stop()
    }

    @Test("whoever finds the queue of those who wait full gets a place in it in time, or hears that the host is busy")
    func fullQueue() async throws {
        let path = "\(folder.path)/full.sock"
        let listener = oro_socket_listen(path, 2)
        defer { close(listener) }
        var waiting: [Int32] = []
        while true {
            let number = oro_socket_connect(path, 0)
            if number < 0 {
                #expect(number == -EAGAIN)
                break
            }
            waiting.append(number)
        }
        #expect(oro_socket_connect(path, 50) == -EAGAIN)
        let latecomer = Task.detached { oro_socket_connect(path, 60_000) }
        usleep(20_000)
        waiting.append(oro_socket_accept(listener))
        let number = await latecomer.value
        #expect(number >= 0)
        #expect(fcntl(number, F_GETFL) & O_NONBLOCK != 0)
        for socket in waiting + [number] { close(socket) }
    }

    @Test("a client that would map more than its share is told so, others go on, and all is released at the end")
    func mappings() async throws {
        let host = try host {
            $0.mappings = 100
            $0.link.memories = 256
        }
        try host.start()
        let client = try connect()
        let good = try connect()
        #expect(client.sendSync("ping").isOK)
        var memories: [Bytes] = []
        try await until("it is told") {
            // Each has a memory of its own.
            memories.append(try Bytes.shared(Bytes(pattern(1 << 20, seed: 1))))
            return !client.sendSync("echo", nil, bytes: memories[memories.count - 1]).isOK
        }
        guard case .goodbye(let why)? = client.ending else {
            Issue.record("\(String(describing: client.ending))")
            return
        }
        #expect(why.contains("mappings") && why.contains("HostOptions.percentPerProcess"))
        #expect(good.sendSync("ping").isOK)
        #expect(host.statistics.violations == 0)
        good.close()
        try await until("nothing is held") { host.core.acceptor.budget.held == .init() }
        host.stop()
    }

    @Test("shares of users and processes, and the whole")
    func shares() throws {
        let budget = ResourceBudget(.init(descriptors: 100, mappings: 8, handshakes: 1), perUser: 75, perProcess: 50)
        func peer(_ process: Int32, _ user: UInt32) -> PeerIdentity {
            PeerIdentity(processID: process, userID: user, groupID: 0)
        }
        func fails(_ what: String, _ process: Int32, _ user: UInt32, _ descriptors: Int) {
            let error = #expect(throws: LinkError.self) {
                _ = try budget.charge(peer(process, user), descriptors: descriptors)
            }
            #expect(error?.description.contains(what) == true, "\(String(describing: error))")
        }
        let first = try budget.charge(peer(1, 1), descriptors: 50)
        fails("process 1 may hold 50", 1, 1, 1)
        let second = try budget.charge(peer(2, 1), descriptors: 25)
        fails("user 1 may hold 75", 3, 1, 1)
        // A process that cannot be seen from here.
        let third = try budget.charge(peer(0, 2), descriptors: 20)
        fails("all clients together may hold 100", 0, 2, 6)
        #expect(budget.held.descriptors == 95)
        // A share is never nothing.
        #expect((try? budget.charge(peer(4, 4), handshakes: 1)) != nil)
        withExtendedLifetime((first, second, third)) {}
    }

    @Test("streams of a client are limited, and end with their handlers")
    func streams() async throws {
        let host = try host { $0.streamsPerLink = 3 }
        host.router.map(
            "forever",
            stream: { message, reply in
                while !Task.isCancelled { try await reply.send(Bytes([1])) }
            })
        try host.start()
        let client = try connect()
        var streams = (0..<3).map { _ in client.stream("forever").makeAsyncIterator() }
        for index in streams.indices { _ = try await streams[index].next() }
        var fourth = client.stream("forever").makeAsyncIterator()
        let error = await #expect(throws: IPCError.self) { _ = try await fourth.next() }
        #expect(error?.name == "QuotaExceededError")
        #expect(error?.message.contains("HostOptions.streamsPerLink") == true)
        streams = []
        let end = oro_clock_ns() + 20_000_000_000
        while true {
            var again = client.stream("forever").makeAsyncIterator()
            if (try? await again.next()) != nil { break }
            try expect(oro_clock_ns() < end, "they have not ended")
        }
        host.stop()
    }

    // MARK: Who

    @Test("the policy decides before anything is read", arguments: WakeBackend.allCases)
    func policyFirst(_ backend: WakeBackend) throws {
        let host = try host("h", backend) {
            $0.policy = { _ in .denied }
            $0.handshakeMilliseconds = 600_000
        }
        try host.start()
        // It says nothing, and is told.
        let socket = silent()
        #expect(refusal(socket) == .denied)
        close(socket)
        host.stop()
    }

    @Test("ids of links are random, and no numbers of the host's")
    func ids() throws {
        let host = try host()
        try host.start()
        let clients = try (0..<8).map { _ in try connect() }
        let ids = Set(clients.map(\.core.link.id))
        #expect(ids.count == 8)
        #expect(ids.filter { $0 < 1 << 32 }.isEmpty)
        host.stop()
    }

    // MARK: Results

    @Test("a call whose result cannot be decoded has failed, before anybody looks at the data")
    func malformedResult() throws {
        let host = try host()
        // A text that is no UTF-8, in an array.
        let garbage: [UInt8] = [0xd8, 2, 1, 0x81, 0xff]
        try #require(throws: FrameError.self) { try Value(encoded: garbage) }
        host.router.map("garbage") { _ in Result(encoded: EncodedValue(passingOn: garbage.span.bytes), bytes: nil) }
        host.router.map("right") { _ in Result(data: [1, "two"]) }
        try host.start()
        let client = try connect()
        let result = client.callSync("garbage", nil, bytes: nil, options: nil, encoded: nil)
        #expect(result.hasFailed)
        #expect(result.encodedPart == nil)
        #expect(result.err?.name == "EncodingError")
        let right = client.callSync("right", nil, bytes: nil, options: nil, encoded: nil)
        #expect(!right.hasFailed && right.encodedPart != nil)
        host.stop()
    }

    // MARK: Messages of one record

    @Test("a message of one record is held to the limit as well", arguments: [16384, 16385, 60000])
    func oneRecord(_ bytes: Int) async throws {
        let host = try host { $0.link.messageBytes = 16384 }
        try host.start()
        let client = try connect { $0.link.ringBytes = 1 << 20 }
        let good = try connect()
        let frame = try Frame(.post, name: "ping").encoded()
        try client.core.link.withRing(shared: true) { (ring) throws(LinkError) in
            let outcome = try client.core.link.write(ring, count: bytes) { place in
                frame.withUnsafeBytes { place.copyMemory(from: $0.baseAddress!, byteCount: frame.count) }
            }
            if case .full = outcome { throw .busy }
        }
        try await until("the link is over") { !client.sendSync("ping").isOK || bytes <= 16384 }
        #expect(good.sendSync("ping").isOK)
        // Of the right length it is a malformed frame, which is no matter of the limit.
        guard bytes > 16384 else { return host.stop() }
        #expect(host.statistics.violations == 1)
        host.stop()
    }

    // MARK: Socket files

    @Test("a host removes its own socket file only")
    func ownFile() throws {
        let first = try host()
        try first.start()
        unlink(path)
        let second = try host()
        try second.start()
        first.stop()
        #expect(folder.entries == ["h.sock"])
        #expect(try connect().sendSync("ping").isOK)
        second.stop()
        #expect(folder.entries == [])
    }

    @Test("a killed host whose child keeps its listening socket is not listening, and its name is free")
    func forkedHolder() async throws {
        let host = try Peer(["serve", "--name", "h", "--folder", folder.path, "--fork"])
        try host.line(starting: "ready")
        #expect(try connect().sendSync("ping").isOK)
        kill(host.pid, SIGKILL)
        try await until("it has ended") { oro_has_ended(host.pid) == 1 }
        #expect(throws: LinkError.notListening(name: "h", path: path)) { try connect() }
        #expect(folder.entries == [])
        let next = try self.host()
        try next.start()
        #expect(try connect().sendSync("ping").isOK)
        next.stop()
        #expect(host.finish() == 128 + 9)
    }
}
