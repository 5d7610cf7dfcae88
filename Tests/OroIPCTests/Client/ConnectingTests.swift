// SPDX-License-Identifier: Apache-2.0

import CSupport
import CTestSupport
import Foundation
import OroConformance
import Testing

@testable import OroIPC
@testable import OroLink

/// Clients that connect from tasks and event loops.
@Suite("Connecting")
struct ConnectingTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func wanted(milliseconds: Int = 60_000) -> ClientOptions {
        var options = ClientOptions()
        options.folder = folder.path
        options.handshakeMilliseconds = milliseconds
        return options
    }

    /// A host in a process of its own.
    private func serve(_ name: String) throws -> Peer {
        let host = try Peer(["serve", "--name", name, "--folder", folder.path])
        try host.line(starting: "ready")
        return host
    }

    @Test("however many wait for a host that does not answer, other tasks go on", .timeLimit(.minutes(1)))
    func manyWait() async throws {
        let (silent, other) = (try serve("silent"), try serve("other"))
        defer { silent.kill() }
        #expect(kill(silent.pid, SIGSTOP) == 0)
        let options = wanted()
        let waiting = (0..<64).map { _ in
            Task { try await Client.connect("silent", options: options) }
        }
        // With a thread for each of them there would be none left for this.
        for _ in 0..<10 {
            let client = try await Client.connect("other", options: options)
            #expect(await client.request("ping").data == "pong")
            client.close()
        }
        #expect(kill(silent.pid, SIGCONT) == 0)
        for task in waiting {
            let client = try await task.value
            #expect(await client.request("ping").data == "pong")
            client.close()
        }
        #expect(silent.finish() == 0 && other.finish() == 0)
    }

    @Test("more newcomers than the system's queue takes wait for a place in it", .timeLimit(.minutes(1)))
    func fullQueue() async throws {
        let host = try serve("full")
        #expect(kill(host.pid, SIGSTOP) == 0)
        let options = wanted()
        let waiting = (0..<540).map { _ in
            Task {
                let client = try await Client.connect("full", options: options)
                client.close()
            }
        }
        // All are on their way: the queue has room for 512.
        try await until("the queue is full") {
            do throws(LinkError) {
                let socket = try SocketFolder(folder.path).connect("full", timeoutMilliseconds: 0)
                _ = consume socket
                return false
            } catch {
                return error == .refused(.busy)
            }
        }
        #expect(kill(host.pid, SIGCONT) == 0)
        for task in waiting { try await task.value }
        #expect(host.finish() == 0)
    }

    @Test("a host that does not answer in time is given up; so is connecting when its task is cancelled")
    func givenUp() async throws {
        let host = try serve("stopped")
        defer { host.kill() }
        #expect(kill(host.pid, SIGSTOP) == 0)
        let start = ContinuousClock.now
        await #expect(throws: LinkError.handshakeTimeout(host: "stopped", milliseconds: 100)) {
            try await Client.connect("stopped", options: wanted(milliseconds: 100))
        }
        #expect(ContinuousClock.now - start >= .milliseconds(100))
        let options = wanted()
        // The first sleep of a process opens descriptors of its own.
        try await Task.sleep(for: .milliseconds(1))
        let descriptors = oro_count_fds(getpid())
        let task = Task { try await Client.connect("stopped", options: options) }
        try await Task.sleep(for: .milliseconds(20))
        task.cancel()
        await #expect(throws: LinkError.cancelled) { try await task.value }
        // Cancelled before it has begun.
        let early = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await Client.connect("stopped", options: options)
        }
        await #expect(throws: LinkError.cancelled) { try await early.value }
        try await until("their sockets are closed") { oro_count_fds(getpid()) <= descriptors }
        await #expect(throws: LinkError.self) { try await Client.connect("nobody", options: options) }
    }

    @Test("a thread that serves a host connects to it in steps, and is told so where it would wait for itself")
    func oneThread() async throws {
        let options = wanted()
        var hostOptions = HostOptions()
        hostOptions.folder = folder.path
        let host = try OroIPC.Host(name: "mine", options: hostOptions)
        let unnamed = try OroIPC.Host.unnamed()
        try await onThread {
            _ = host.turn()
            _ = unnamed.turn()
            #expect { try Client.connect("mine", options: options) } throws: { error in
                if case .wouldBlock(let advice)? = error as? LinkError { advice.contains("await") } else { false }
            }
            #expect(throws: LinkError.wouldBlock(LocalHosts.advice)) { try unnamed.connect() }
            // A task connects while this thread serves.
            let made = Locked<Swift.Result<Client, LinkError>?>(nil)
            Task {
                do throws(LinkError) {
                    let client = try await Client.connect("mine", options: options)
                    made.withLock { $0 = .success(client) }
                } catch {
                    made.withLock { $0 = .failure(error) }
                }
            }
            while made.withLock({ $0 == nil }) { _ = host.turn() }
            #expect(throws: Never.self) { try made.withLock { $0 }?.get().close() }
        }
        // Another thread may wait.
        try host.start()
        let client = try await Client.connect("mine", options: options)
        #expect(try await onThread { try Client.connect("mine", options: options).sendSync("ping").data } == "pong")
        client.close()
        host.stop()
    }

    @Test("a child that was given a descriptor says hello when it likes", .timeLimit(.minutes(1)))
    func silentChild() async throws {
        var hostOptions = HostOptions()
        hostOptions.handshakeMilliseconds = 50
        let host = try OroIPC.Host.embedded(options: hostOptions)
        defer { host.stop() }
        let descriptor = try host.makePeer()
        let gone = try host.makePeer()
        try await Task.sleep(for: .milliseconds(300))
        let client = try await Client.connect(descriptor: descriptor)
        #expect(await client.request("ping").data == "pong")
        client.close()
        // Who never says anything goes with its end of the socket.
        close(gone)
        #expect(host.statistics.refused <= 1)
        // Somebody else's socket keeps its time.
        var ends: [Int32] = [-1, -1]
        #expect(unsafe oro_socketpair(&ends) == 0)
        host.adopt(descriptor: ends[0])
        var byte: UInt8 = 0
        #expect(unsafe recv(ends[1], &byte, 1, 0) == -1 && errno == EAGAIN)
        try await until("its time is over") { unsafe recv(ends[1], &byte, 1, 0) == 0 }
        close(ends[1])
    }
}
