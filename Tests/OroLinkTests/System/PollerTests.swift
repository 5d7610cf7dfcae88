// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import Testing

@testable import OroLink

/// Both backends tell the same.
@Suite("Poller")
struct PollerTests {
    private func counter() -> Descriptor { Descriptor(oro_raw_eventfd()) }

    private func raise(_ counter: borrowing Descriptor) {
        var one: UInt64 = 1
        write(counter.number, &one, 8)
    }

    /// What is told until nothing more is.
    private func events(_ poller: borrowing Poller, _ first: UInt64 = 0) -> [Poller.Event] {
        var all: [Poller.Event] = []
        var limit = first
        while true {
            let before = all.count
            poller.wait(limit) { all.append($0) }
            if all.count == before { return all }
            limit = 0
        }
    }

    private static let second: UInt64 = 10_000_000_000

    @Test("more than its queue holds is told, and watched on", arguments: WakeBackend.allCases)
    func overflow(_ backend: WakeBackend) throws {
        let poller = try Poller(backend)
        let numbers = (0..<64).map { _ in oro_raw_eventfd() }
        defer { for number in numbers { close(number) } }
        for (key, number) in numbers.enumerated() { try poller.add(number, key: UInt64(key)) }
        // Each is an edge; the queue of an io_uring holds 1 024.
        var one: UInt64 = 1
        for _ in 0..<40 { for number in numbers { write(number, &one, 8) } }
        // One that comes when it is full.
        let late = counter()
        try poller.add(late.number, key: 100)
        raise(late)
        let told = events(poller)
        let all: Set<UInt64> = Set(0..<64).union([100])
        #expect(Set(told.map(\.key)) == all)
        #expect(told.allSatisfy { $0.lost == nil && !$0.hasHungUp })
        for number in numbers { write(number, &one, 8) }
        raise(late)
        #expect(Set(events(poller, PollerTests.second).map(\.key)) == all)
        #expect(events(poller).isEmpty)
    }

    @Test("nothing is told of what was removed, also under a key that is used again", arguments: WakeBackend.allCases)
    func remove(_ backend: WakeBackend) throws {
        let poller = try Poller(backend)
        let old = counter()
        let new = counter()
        try poller.add(old.number, key: 7)
        raise(old)
        poller.remove(key: 7)
        try poller.add(new.number, key: 7)
        raise(old)
        #expect(events(poller).isEmpty)
        raise(new)
        #expect(events(poller, PollerTests.second).map(\.key) == [7])
        #expect(throws: LinkError.system(call: "poll", errno: EEXIST)) { try poller.add(old.number, key: 7) }
    }

    @Test("a thousand watches come and go, in any order", arguments: WakeBackend.allCases)
    func many(_ backend: WakeBackend) throws {
        let poller = try Poller(backend)
        let one = counter()
        let numbers = (0..<200).map { _ in dup(one.number) }
        defer { for number in numbers { close(number) } }
        var random = SystemRandomNumberGenerator()
        for round in 0..<5 {
            let keys: [UInt64] = (0..<200).map { (index: UInt64) in index * 4 + UInt64(round) << 20 }.shuffled(
                using: &random)
            for (index, key) in keys.enumerated() { try poller.add(numbers[index], key: key) }
            raise(one)
            #expect(Set(events(poller, PollerTests.second).map(\.key)) == Set(keys))
            for key in keys.shuffled(using: &random) { poller.remove(key: key) }
            raise(one)
            #expect(events(poller).isEmpty)
        }
    }

    @Test("a hang-up is told as one", arguments: WakeBackend.allCases)
    func hangUp(_ backend: WakeBackend) throws {
        let poller = try Poller(backend)
        var ends: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
        let mine = Descriptor(ends[0])
        try poller.add(mine.number, key: 1)
        #expect(oro_raw_send(ends[1], [1], 1, nil, 0) == 1)
        let packet = events(poller, PollerTests.second)
        #expect(packet.count == 1 && !packet[0].hasHungUp)
        // Unread, and yet each is told.
        #expect(oro_raw_send(ends[1], [1], 1, nil, 0) == 1)
        #expect(events(poller, PollerTests.second).count == 1)
        close(ends[1])
        #expect(events(poller, PollerTests.second).contains { $0.hasHungUp })
    }

    @Test("what cannot be watched is said", arguments: WakeBackend.allCases)
    func lost(_ backend: WakeBackend) throws {
        let poller = try Poller(backend)
        do throws(LinkError) {
            try poller.add(1 << 20, key: 1)
            let told = events(poller, PollerTests.second)
            #expect(told.map(\.lost) == [.system(call: "poll", errno: EBADF)])
            // And forgotten.
            let other = counter()
            try poller.add(other.number, key: 1)
            raise(other)
            #expect(events(poller, PollerTests.second).map(\.lost) == [nil])
        } catch {
            #expect(backend == .epoll && error == .system(call: "poll", errno: EBADF))
        }
    }

    @Test("a watch goes on when the thread that began it has ended", arguments: WakeBackend.allCases)
    func otherThread(_ backend: WakeBackend) throws {
        let poller = try Poller(backend)
        let counter = counter()
        try onAnotherThread { try poller.add(counter.number, key: 3) }
        _ = events(poller)
        raise(counter)
        // Its end may be an edge too.
        #expect(Set(events(poller, PollerTests.second).map(\.key)) == [3])
    }

    private func onAnotherThread(_ body: () throws -> Void) throws {
        struct Call {
            let body: () throws -> Void
            var outcome: Swift.Result<Void, any Error> = .success(())
        }
        try withoutActuallyEscaping(body) { body in
            var call = Call(body: body)
            withUnsafeMutablePointer(to: &call) { call in
                var thread = pthread_t()
                let status = pthread_create(
                    &thread, nil,
                    { raw in
                        guard let call = raw?.assumingMemoryBound(to: Call.self) else { return nil }
                        call.pointee.outcome = Swift.Result { try call.pointee.body() }
                        return nil
                    }, call)
                #expect(status == 0)
                if status == 0 { pthread_join(thread, nil) }
            }
            try call.outcome.get()
        }
    }
}
