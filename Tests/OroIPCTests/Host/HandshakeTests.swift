// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroBase
import OroConformance
import Synchronization
import Testing

@testable import OroIPC
@testable import OroLink

/// Who may connect, under which name, and what becomes of those who do not finish.
@Suite("Handshake", .serialized)
struct HandshakeTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func host(
        _ name: String = "h", _ backend: WakeBackend? = nil, _ change: (inout HostOptions) -> Void = { _ in }
    ) throws -> Host {
        var options = HostOptions()
        options.folder = folder.path
        options.backend = backend
        change(&options)
        let host = try Host(name: name, options: options)
        Fixture.install(on: host)
        return host
    }

    private func connect(_ name: String = "h") throws(LinkError) -> Client {
        var options = ClientOptions()
        options.folder = folder.path
        // These are about one link.
        options.reconnect = nil
        return try Client.connect(name, options: options)
    }

    @Test("a second host of the same name is refused while the first lives, and starts at once after it")
    func nameTaken() throws {
        let first = try host()
        try first.start()
        #expect(throws: LinkError.nameTaken(name: "h")) { try host() }
        first.stop()
        let second = try host()
        try second.start()
        #expect(try connect().sendSync("ping").data == "pong")
        second.stop()
        #expect(folder.entries == [])
    }

    @Test("the socket that a killed host left is replaced")
    func staleSocket() async throws {
        let peer = try Peer(["serve", "--name", "h", "--folder", folder.path])
        try peer.line(starting: "ready")
        peer.kill()
        #expect(peer.finish() == 128 + 9)
        #expect(folder.entries == ["h.sock"])
        // The kernel takes down a dead process's io_uring, and with it what its polls hold, a moment later.
        let gone = LinkError.notListening(name: "h", path: folder.path + "/h.sock")
        try await until("nobody listens") {
            do throws(LinkError) { _ = try connect() } catch { return error == gone }
            return false
        }
        let next = try host()
        try next.start()
        #expect(try connect().sendSync("ping").data == "pong")
        next.stop()
    }

    @Test("a folder that others may enter, that is another's, or that is no folder is refused")
    func folders() throws {
        chmod(folder.path, 0o755)
        #expect(throws: LinkError.self) { try host() }
        chmod(folder.path, 0o700)
        if getuid() == 0 {
            chown(folder.path, 12345, 12345)
            #expect(throws: LinkError.self) { try host() }
            chown(folder.path, 0, 0)
        }
        var options = HostOptions()
        options.folder = "/dev/null"
        #expect(throws: LinkError.self) { try Host(name: "h", options: options) }
        for name in ["", "a/b", ".hidden", "..", "ä", String(repeating: "x", count: 65)] {
            #expect(throws: LinkError.badName(name)) { try host(name) }
        }
    }

    @Test("a folder's name is not cut at a zero character")
    func wholeFolder() throws {
        var options = HostOptions()
        options.folder = folder.path + "\0/elsewhere"
        #expect(throws: LinkError.self) { try Host(name: "h", options: options) }
        #expect(folder.entries == [])
        var clientOptions = ClientOptions()
        clientOptions.folder = options.folder
        let host = try host()
        #expect(throws: LinkError.self) { try Client.connect("h", options: clientOptions) }
        host.stop()
    }

    @Test("a policy that says no is heard by the client", arguments: WakeBackend.allCases)
    func denied(_ backend: WakeBackend) throws {
        let asked = Locked<PeerIdentity?>(nil)
        let host = try host("h", backend) { options in
            options.policy = { peer in
                asked.withLock { $0 = peer }
                return .denied
            }
        }
        try host.start()
        #expect(throws: LinkError.refused(.denied)) { try connect() }
        #expect(asked.withLock { $0?.processID } == getpid())
        #expect(asked.withLock { $0?.userID } == getuid())
        host.stop()
    }

    @Test(
        "a client beyond the limit is refused, and there is room again when one goes", arguments: WakeBackend.allCases)
    func full(_ backend: WakeBackend) async throws {
        let host = try host("h", backend) { $0.links = 2 }
        try host.start()
        let first = try connect()
        #expect(first.sendSync("ping").isOK)
        let second = try connect()
        #expect(second.sendSync("ping").isOK)
        #expect(throws: LinkError.refused(.full)) { try connect() }
        second.close()
        try await until("there is room again") { (try? connect()) != nil }
        #expect(first.sendSync("ping").isOK)
        host.stop()
    }

    /// A socket that was connected and of which nothing more is heard.
    private func silent() -> Int32 { oro_raw_connect(folder.path + "/h.sock") }

    private func isHungUp(_ socket: Int32) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 64)
        var count: Int32 = 0
        var fds: Int32 = 0
        return oro_raw_receive(socket, &bytes, 64, &fds, 0, &count, 20_000) == 0
    }

    @Test(
        "who says nothing is dropped after the handshake's time, others are served", arguments: WakeBackend.allCases,
        [false, true])
    func handshakeTimeout(_ backend: WakeBackend, _ busy: Bool) async throws {
        let host = try host("h", backend) { $0.handshakeMilliseconds = 200 }
        try host.start()
        let good = try connect()
        #expect(good.sendSync("ping").isOK)
        let stop = Atomic<Bool>(false)
        async let traffic: Void = onThread {
            while busy && !stop.load(ordering: .relaxed) { try expect(good.sendSync("ping").isOK) }
        }
        let sockets = (0..<20).map { _ in silent() }
        for socket in sockets {
            #expect(isHungUp(socket))
            close(socket)
        }
        stop.store(true, ordering: .relaxed)
        try await traffic
        #expect(good.sendSync("ping").isOK)
        host.stop()
    }

    @Test("a host that was rung more often than its queue holds goes on accepting", arguments: WakeBackend.allCases)
    func rungTooOften(_ backend: WakeBackend) throws {
        let host = try host("h", backend)
        try host.start()
        let good = try connect()
        let clients = try (0..<64).map { _ in try connect() }
        #expect(clients.allSatisfy { $0.sendSync("ping").isOK })
        let (isBusy, goOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        host.onThread {
            isBusy.signal()
            goOn.wait()
        }
        isBusy.wait()
        // Io_uring ends a watch whose events find its queue full.
        let wake = Array("OROY".utf8)
        for _ in 0..<100 { for client in clients { _ = oro_raw_send(client.core.link.socket.number, wake, 4, nil, 0) } }
        let socket = silent()
        goOn.signal()
        for _ in 0..<3 {
            let late = try connect()
            #expect(late.sendSync("ping").isOK)
            late.close()
        }
        #expect(good.sendSync("ping").isOK)
        close(socket)
        host.stop()
    }

    @Test("a malformed hello is hung up on at once", arguments: WakeBackend.allCases)
    func malformed(_ backend: WakeBackend) throws {
        let host = try host("h", backend) { $0.handshakeMilliseconds = 600_000 }
        try host.start()
        let socket = silent()
        var garbage: [UInt8] = [1, 2, 3]
        _ = oro_raw_send(socket, &garbage, 3, nil, 0)
        #expect(isHungUp(socket))
        close(socket)
        host.stop()
    }

    @Test("a client of another version is told so", arguments: WakeBackend.allCases)
    func version(_ backend: WakeBackend) throws {
        let host = try host("h", backend)
        try host.start()
        let socket = silent()
        var hello = [UInt8](repeating: 0, count: 40)
        hello.replaceSubrange(0..<8, with: [0x4F, 0x52, 0x4F, 0x49, 7, 0, 9, 0])
        _ = oro_raw_send(socket, &hello, 40, nil, 0)
        var answer = [UInt8](repeating: 0, count: 64)
        var (fds, count): (Int32, Int32) = (0, 0)
        #expect(oro_raw_receive(socket, &answer, 64, &fds, 0, &count, 10_000) == 6)
        #expect(Array(answer.prefix(6)) == Array("OROR".utf8) + [1, 0])
        #expect(isHungUp(socket))
        close(socket)
        host.stop()
    }

    @Test("64 clients at once each get their own results", arguments: WakeBackend.allCases)
    func many(_ backend: WakeBackend) async throws {
        let host = try host("h", backend)
        try host.start()
        let clients = try (0..<64).map { _ in try connect() }
        try await onThreads(8) { thread in
            for round in 0..<20 {
                for (index, client) in clients.enumerated() where index % 8 == thread {
                    let tag = Value.int(Int64(index * 100 + round))
                    try expectEqual(client.sendSync("echo", tag).data, tag)
                }
            }
        }
        host.stop()
        for client in clients { #expect(client.sendSync("ping").err?.name == "NetworkError") }
    }

    /// The turns of a loop whose clients post without pause. A turn that does not end before they do does not end at
    /// all.
    @Test(
        "a turn ends while clients flood, and says that there is more", .timeLimit(.minutes(1)),
        arguments: WakeBackend.allCases)
    func boundedTurns(_ backend: WakeBackend) async throws {
        let host = try host("h", backend)
        let isOver = Atomic<Bool>(false)
        async let flood: Void = onThreads(4) { _ in
            let client = try connect()
            while !isOver.load(ordering: .relaxed) { try client.post("ping") }
            client.close()
        }
        let unfinished = try await onThread {
            var unfinished = 0
            while unfinished < 50 { if host.turn() == 0 { unfinished += 1 } }
            isOver.store(true, ordering: .relaxed)
            // What waits for room there needs the host.
            while host.statistics.links > 0 { _ = host.turn() }
            return unfinished
        }
        try await flood
        #expect(unfinished == 50)
        #expect(host.turn() != 0)
        host.stop()
    }

    @Test("a host in a foreign event loop serves, and drops who says nothing", arguments: WakeBackend.allCases)
    func foreignLoop(_ backend: WakeBackend) async throws {
        let host = try host("h", backend) { $0.handshakeMilliseconds = 200 }
        let stop = Atomic<Bool>(false)
        async let loop: Void = onThread {
            while !stop.load(ordering: .relaxed) {
                let due = host.turn()
                var wanted = pollfd(fd: host.descriptor, events: Int16(POLLIN), revents: 0)
                // The loop looks at its own flag ten times a second.
                poll(&wanted, 1, due.map { Int32(min($0 / 1_000_000 + 1, 100)) } ?? 100)
            }
        }
        let client = try connect()
        let quiet = silent()
        try await onThread {
            for index in 0..<200 {
                let tag = Value.int(Int64(index))
                try expectEqual(client.sendSync(index % 2 == 0 ? "echo" : "echo.async", tag).data, tag)
            }
        }
        let bytes = pattern(1 << 20, seed: 1)
        #expect(same((await client.write("echo.async", nil, Bytes(bytes))).bytes, bytes))
        #expect(isHungUp(quiet))
        close(quiet)
        stop.store(true, ordering: .relaxed)
        try await loop
        host.stop()
        #expect(client.sendSync("ping").err?.name == "NetworkError")
    }
}
