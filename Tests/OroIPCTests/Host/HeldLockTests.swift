// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import Testing

@testable import OroIPC

/// A peer that holds a lock of the kernel's for as long as it likes holds nobody but itself. A host that waits for it
/// answers nobody any more, and these tests do not end.
@Suite("Held locks", .serialized, .timeLimit(.minutes(1)))
struct HeldLockTests {
    enum Held: CaseIterable {
        case receiving, sending, watching

        var kind: oro_hold_kind {
            switch self {
            case .receiving: ORO_HOLD_RECEIVE
            case .sending: ORO_HOLD_SEND
            case .watching: ORO_HOLD_EPOLL
            }
        }
    }

    /// False: the kernel lets only some processes hold one.
    private static let isPossible: Bool = {
        var ends: [Int32] = [-1, -1]
        socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends)
        defer { for end in ends { close(end) } }
        guard let hold = oro_hold_start(ends[0], ORO_HOLD_SEND) else { return false }
        oro_hold_end(hold)
        return true
    }()

    private func hello() -> [UInt8] {
        func bytes(_ number: UInt64, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }
        }
        return Array("OROI".utf8) + bytes(2, 2) + bytes(2, 2) + bytes(1, 8) + bytes(7, 8) + bytes(1 << 16, 4)
            + bytes(8, 4) + bytes(1 << 26, 8) + bytes(1 << 14, 4) + bytes(256, 4) + bytes(1 << 40, 8)
    }

    @Test(
        "a client that holds the locks of its end of the socket, or of what it passes, holds up nobody",
        .enabled(if: isPossible), arguments: WakeBackend.allCases, Held.allCases)
    func client(_ backend: WakeBackend, _ held: Held) throws {
        let folder = try TemporaryFolder()
        var options = HostOptions()
        options.folder = folder.path
        options.backend = backend
        options.handshakeMilliseconds = 100
        let host = try Host(name: "h", options: options)
        try host.start()
        var clientOptions = ClientOptions()
        clientOptions.folder = folder.path
        let good = try Client.connect("h", options: clientOptions)
        func ping() { for _ in 0..<10 { #expect(good.sendSync("ping").isOK) } }
        ping()

        let socket = oro_raw_connect(folder.path + "/h.sock")
        let memory = oro_raw_memfd(4096 + 1 << 16, true, oro_raw_segment_seals())
        let watch = oro_raw_epoll(1)
        let event = oro_raw_eventfd()
        var one: UInt64 = 1
        write(event, &one, 8)
        _ = oro_raw_epoll_add(watch, event)
        var hold: OpaquePointer?
        if held == .watching { hold = oro_hold_start(watch, held.kind) }
        let hello = hello()
        let passed = held == .watching ? [memory, watch] : [memory]
        #expect(oro_raw_send(socket, hello, hello.count, passed, Int32(passed.count)) == hello.count)
        if held != .watching {
            // The welcome is there.
            var wanted = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            #expect(poll(&wanted, 1, 10_000) == 1)
            ping()
            hold = oro_hold_start(socket, held.kind)
        }
        #expect(hold != nil)
        ping()
        // The host wakes it, hangs up on it, and closes what it has of it.
        shutdown(socket, Int32(SHUT_RDWR))
        ping()
        while host.statistics.links != 1 { ping() }
        host.stop()
        #expect(good.sendSync("ping").err?.name == "NetworkError")
        if let hold { oro_hold_end(hold) }
        for fd in [socket, memory, watch, event] { close(fd) }
    }
}
