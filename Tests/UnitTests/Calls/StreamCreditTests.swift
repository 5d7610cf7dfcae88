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
        sender.queued(256 << 10, size: 1)
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
        busy.queued(1, size: 1)
        while !outbox.isFull { outbox.change(by: 1 << 20) }
        #expect(!busy.mayGoOn && other.mayGoOn)
        #expect(try other.tryReserve())
        other.queued(1, size: 1)
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

    // MARK: Runs

    @Test("a window of many chunks is for short ones: of long ones no more than sixteen are under way")
    func longChunks() throws {
        let (sender, receiver) = (StreamSender(), StreamReceiver(window: 1024))
        #expect(sender.grant(try StreamCreditTests.credit(UInt32(receiver.open()))))
        let long = 64 << 10
        let chunk = try FrameStorage(Frame(.chunk), Bytes([UInt8](repeating: 1, count: long)))
        var (underWay, most) = (0, 0)
        for _ in 0..<1000 {
            while try sender.tryQueue(chunk.byteCount) {
                sender.written(chunk.byteCount)
                #expect(receiver.take(chunk) == .kept)
                underWay += 1
            }
            most = max(most, underWay)
            // Whatever the sender waits for comes before half a window was read.
            try #require(underWay > 0)
            let (item, credit) = receiver.poll()
            guard case .chunk? = item else {
                Issue.record("no chunk")
                return
            }
            underWay -= 1
            if credit > 0 { #expect(sender.grant(try StreamCreditTests.credit(UInt32(credit)))) }
        }
        #expect(most == 16)
    }

    @Test("10 000 short chunks cost one credit frame for each half of a window")
    func creditFrames() throws {
        let (sender, receiver) = (StreamSender(), StreamReceiver(window: StreamReceiver.usualWindow))
        #expect(sender.grant(try StreamCreditTests.credit(UInt32(receiver.open()))))
        let chunk = try StreamCreditTests.chunk()
        var frames = 0
        for _ in 0..<10_000 {
            #expect(try sender.tryQueue(chunk.byteCount))
            sender.written(chunk.byteCount)
            #expect(receiver.take(chunk) == .kept)
            let (_, credit) = receiver.poll()
            guard credit > 0 else { continue }
            frames += 1
            #expect(sender.grant(try StreamCreditTests.credit(UInt32(credit))))
        }
        #expect(frames == 10_000 / (StreamReceiver.usualWindow / 2))
    }

    @Test("who waits for credit is woken by credit, and not by each chunk that is written")
    func wakesOfSenders() throws {
        let sender = StreamSender()
        #expect(sender.grant(try StreamCreditTests.credit(3)))
        for _ in 0..<3 { #expect(try sender.tryQueue(100)) }
        let told = Count()
        #expect(sender.whenRoom { told.add() })
        for _ in 0..<3 { sender.written(100) }
        #expect(told.now == 0)
        #expect(sender.grant(try StreamCreditTests.credit(1)))
        #expect(told.now == 1)
    }

    @Test("a reader is woken once for all that comes in a run, at its end; and what comes alone is a run")
    func wakesOfReaders() throws {
        let receiver = StreamReceiver(window: 16)
        _ = receiver.open()
        let told = Count()
        for length in [5, 1] {
            #expect(receiver.whenReady { told.add() })
            var run = ReadRun()
            var spare: FrameStorage?
            let before = told.now
            for _ in 0..<length { #expect(receiver.take(try StreamCreditTests.chunk(), &run, spare: &spare) == .kept) }
            #expect(told.now == before)
            run.end()
            #expect(told.now == before + 1)
            for _ in 0..<length { _ = receiver.poll() }
        }
    }

    @Test("the memory of a chunk that was read is used again, unless its reader has kept something of it")
    func memory() throws {
        let receiver = StreamReceiver(window: 16)
        _ = receiver.open()
        var run = ReadRun()
        var spare: FrameStorage?
        func event() throws -> FrameStorage { try FrameStorage(Frame(.chunk, name: "tick", value: .int(1)), nil) }
        for _ in 0..<2 {
            #expect(receiver.take(try event(), &run, spare: &spare) == .kept)
            #expect(spare == nil)
            _ = receiver.poll()
        }
        // The first was read when the second was asked for.
        #expect(receiver.take(try event(), &run, spare: &spare) == .kept)
        #expect(spare != nil)
        // Bytes are kept by whoever has read them.
        let other = StreamReceiver(window: 16)
        _ = other.open()
        spare = nil
        for _ in 0..<3 {
            #expect(other.take(try StreamCreditTests.chunk(), &run, spare: &spare) == .kept)
            _ = other.poll()
        }
        #expect(spare == nil)
    }

    @Test("the host's thread is told once of what handlers send until it looks")
    func inbox() throws {
        let inbox = StreamInbox()
        var run: [StreamOutbox.Entry] = []
        for _ in 0..<3 {
            for index in 0..<10 {
                let entry = StreamOutbox.Entry(frame: Frame(.chunk, value: .int(Int64(index))), bytes: nil, serial: 1)
                #expect(inbox.append(entry) == (index == 0))
            }
            run = []
            inbox.takeAll(&run)
            #expect(run.map { $0.frame.value } == (0..<10).map { .int($0) })
        }
    }
}

extension StreamReceiver {
    /// A run of one chunk.
    fileprivate func take(_ storage: FrameStorage) -> Arrival {
        var run = ReadRun()
        defer { run.end() }
        var spare: FrameStorage?
        return take(storage, &run, spare: &spare)
    }
}
