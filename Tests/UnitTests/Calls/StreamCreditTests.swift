// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import Synchronization
import Testing

@testable import OroIPC

@Suite("Credit of streams")
struct StreamCreditTests {
    private static func chunk() throws -> FrameStorage { try FrameStorage(Frame(.chunk), Bytes([1, 2, 3])) }

    private static func credit(_ count: UInt32) throws -> Credit { try #require(Credit(count)) }

    private final class Count: Sendable {
        private let count = Atomic<Int>(0)
        var now: Int { count.load(ordering: .relaxed) }
        func add() { count.add(1, ordering: .relaxed) }
    }

    @Test("a sender sends as many chunks as it has credit for")
    func sending() throws {
        let sender = StreamSender()
        #expect(try !sender.tryReserve() && !sender.mayGoOn)
        #expect(sender.grant(try StreamCreditTests.credit(3)))
        #expect(sender.grant(try StreamCreditTests.credit(2)))
        for _ in 0..<5 { #expect(try sender.tryReserve()) }
        #expect(try !sender.tryReserve())
        sender.giveBack()
        #expect(try sender.tryReserve())
        #expect(try !sender.tryReserve())
    }

    @Test("credit beyond what any receiver means is refused, and changes nothing")
    func most() throws {
        let sender = StreamSender()
        #expect(Credit(UInt32(Credit.most) + 1) == nil)
        #expect(sender.grant(try StreamCreditTests.credit(UInt32(Credit.most))))
        #expect(!sender.grant(try StreamCreditTests.credit(1)))
        #expect(try sender.tryReserve())
        #expect(sender.grant(try StreamCreditTests.credit(1)))
        #expect(!sender.grant(try StreamCreditTests.credit(1)))
    }

    @Test("a sender with much on its way sends nothing more until that is in the ring")
    func unwritten() throws {
        let sender = StreamSender()
        #expect(sender.grant(try StreamCreditTests.credit(10)))
        sender.queued(256 << 10)
        #expect(try !sender.tryReserve())
        let told = Count()
        #expect(sender.whenRoom { told.add() })
        sender.written(1)
        #expect(told.now == 1)
        #expect(!sender.whenRoom { told.add() })
        #expect(try sender.tryReserve())
    }

    @Test("however much others have on their way, whoever has nothing may send one chunk")
    func crowd() throws {
        let outbox = StreamOutbox().size
        let (busy, other) = (StreamSender(outbox), StreamSender(outbox))
        for sender in [busy, other] { #expect(sender.grant(try StreamCreditTests.credit(10))) }
        busy.queued(1)
        while !outbox.isFull { outbox.change(by: 1 << 20) }
        #expect(!busy.mayGoOn && other.mayGoOn)
        #expect(try other.tryReserve())
        other.queued(1)
        #expect(!other.mayGoOn)
    }

    @Test("whoever waits is told once, of credit and of the end")
    func waiting() throws {
        let sender = StreamSender()
        let (first, second, closed) = (Count(), Count(), Count())
        #expect(sender.whenRoom { first.add() })
        #expect(sender.grant(try StreamCreditTests.credit(1)))
        #expect(try sender.tryReserve())
        #expect(sender.whenRoom { second.add() })
        sender.onClose { closed.add() }
        sender.close(.abort("enough"))
        sender.close(.network("later"))
        #expect((first.now, second.now, closed.now) == (1, 1, 1))
        #expect(sender.closed?.name == "AbortError")
        #expect(throws: IPCError.self) { try sender.tryReserve() }
        sender.onClose { closed.add() }
        #expect(closed.now == 2)
    }

    @Test("a receiver takes a window of chunks, and no more than it has given credit for")
    func receiving() throws {
        let receiver = StreamReceiver(window: 4)
        #expect(receiver.take(try StreamCreditTests.chunk()) == .unexpected)
        let (nothing, first) = receiver.poll()
        #expect(nothing == nil && first == 4)
        for _ in 0..<4 { #expect(receiver.take(try StreamCreditTests.chunk()) == .kept) }
        #expect(receiver.take(try StreamCreditTests.chunk()) == .unexpected && !receiver.drop())
        // Credit for half a window at a time.
        var grants: [Int] = []
        for _ in 0..<4 {
            let (item, credit) = receiver.poll()
            guard case .chunk? = item else {
                Issue.record("no chunk")
                return
            }
            grants.append(credit)
        }
        #expect(grants == [0, 2, 0, 2])
        #expect(receiver.mayCome)
    }

    @Test("sender and receiver together never have more under way than the window", arguments: [1, 2, 3, 16, 1024])
    func together(_ window: Int) throws {
        let (sender, receiver) = (StreamSender(), StreamReceiver(window: window))
        let chunk = try StreamCreditTests.chunk()
        var (underWay, most, taken) = (0, 0, 0)
        for round in 0..<5000 {
            // Reads in bursts, and sends as much as it may.
            for _ in 0..<(round % 7) {
                let (item, credit) = receiver.poll()
                if credit > 0 { #expect(sender.grant(try StreamCreditTests.credit(UInt32(credit)))) }
                guard case .chunk? = item else { break }
                underWay -= 1
                taken += 1
            }
            while try sender.tryReserve() {
                #expect(receiver.take(chunk) == .kept)
                underWay += 1
            }
            most = max(most, underWay)
        }
        #expect(most == window)
        #expect(taken > 4000)
    }

    @Test("the end comes after all chunks, its reason once; what comes for one who gave up is late")
    func ending() throws {
        let receiver = StreamReceiver(window: 2)
        #expect(receiver.open() == 2)
        #expect(receiver.take(try StreamCreditTests.chunk()) == .kept)
        receiver.finish(.network("gone"))
        receiver.finish(nil)
        guard case .chunk? = receiver.poll().0 else {
            Issue.record("the chunk is lost")
            return
        }
        guard case .end(let error?)? = receiver.poll().0 else {
            Issue.record("no end")
            return
        }
        #expect(error.name == "NetworkError")
        guard case .end(nil)? = receiver.poll().0 else {
            Issue.record("the reason is told again")
            return
        }
        let other = StreamReceiver(window: 2)
        _ = other.open()
        other.giveUp(.abort())
        #expect(other.take(try StreamCreditTests.chunk()) == .late && other.mayCome)
        #expect(other.take(try StreamCreditTests.chunk()) == .late && !other.mayCome)
        #expect(other.take(try StreamCreditTests.chunk()) == .unexpected)
    }
}
