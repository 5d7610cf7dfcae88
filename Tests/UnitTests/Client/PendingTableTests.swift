// SPDX-License-Identifier: Apache-2.0

import OroFrame
import TestGenerators
import Testing

@testable import OroIPC

@Suite("Requests that wait for their results")
struct PendingTableTests {
    private static func value(_ outcome: Outcome?) -> Value? {
        if case .resolved(let value)? = outcome { value } else { nil }
    }

    private static func isKept(_ listener: PendingTable.Listener?) -> Bool {
        if case .nobodyYet? = listener { true } else { false }
    }

    @Test("a result finds its request by the ticket, and only once")
    func once() throws {
        var table = PendingTable()
        let one = try table.needed(Seq(1), isChosen: false, deadline: nil)
        let two = try table.needed(Seq(2), isChosen: false, deadline: nil)
        #expect(one != two)
        let kept = PendingTableTests.isKept(table.complete(two, seq: Seq(2), .resolved(2)))
        let again = table.complete(two, seq: Seq(2), .resolved(3)) == nil
        #expect(kept && again)
        let (nothing, outcome, gone) = (table.poll(one), table.poll(two), table.poll(two))
        #expect(nothing == nil && gone == nil && PendingTableTests.value(outcome) == 2)
        let (tickets, count) = (table.tickets, table.count)
        #expect(tickets == [one] && count == 1)
    }

    @Test("a late result is not that of a later request in the same place, nor is one with another seq")
    func late() throws {
        var table = PendingTable()
        let first = try table.needed(Seq(1), isChosen: false, deadline: nil)
        table.free(first)
        let second = try table.needed(Seq(2), isChosen: false, deadline: nil)
        #expect(PendingTable.index(first) == PendingTable.index(second) && first != second)
        let isLate = table.complete(first, seq: nil, .resolved(1)) == nil
        let isOther = table.complete(second, seq: Seq(1), .resolved(1)) == nil
        let isMine = PendingTableTests.isKept(table.complete(second, seq: Seq(2), .resolved(2)))
        #expect(isLate && isOther && isMine)
        table.free(first)
        let count = table.count
        #expect(count == 1, "a place is given back by its own ticket")
    }

    @Test("of a seq that callers choose one request is in flight at a time")
    func chosen() throws {
        var table = PendingTable()
        let seq = try Seq("123456789012345678901234567890")
        let one = try table.needed(seq, isChosen: true, deadline: nil)
        let other = table.take(seq, isChosen: true, deadline: nil)
        let own = try table.needed(Seq(5), isChosen: false, deadline: nil)
        let (isSeq, isFive, isOwnFive) = (
            table.isInFlight(seq), table.isInFlight(Seq(5)), table.isInFlightAmongOwn(Seq(5))
        )
        #expect(other == nil && isSeq && !isFive && isOwnFive)
        table.free(one)
        table.free(own)
        let (isSeqNow, isOwnFiveNow) = (table.isInFlight(seq), table.isInFlightAmongOwn(Seq(5)))
        #expect(!isSeqNow && !isOwnFiveNow)
        let again = table.take(seq, isChosen: true, deadline: nil)
        #expect(again != nil)
    }

    @Test("requests expire when their deadline has passed, unless they are over or have none any more")
    func deadlines() throws {
        var table = PendingTable()
        var tickets: [UInt64] = []
        for index in 0..<6 {
            let deadline: UInt64? = index == 5 ? nil : UInt64(100 * (index + 1))
            tickets.append(try table.needed(Seq(UInt64(index)), isChosen: false, deadline: deadline))
        }
        let next = table.nextDeadline
        #expect(next.map { $0 <= 101 } == true)
        table.clearDeadline(tickets[1])
        _ = table.complete(tickets[2], seq: nil, .resolved(1))
        table.free(tickets[3])
        let early = table.expire(99)
        let first = table.expire(250)
        let rest = table.expire(100_000)
        #expect(early.isEmpty && first == [tickets[0]] && rest == [tickets[4]])
        let left = table.nextDeadline
        #expect(left == nil)
    }

    @Test("a thread that waits is told, and its place is free then")
    func thread() throws {
        var table = PendingTable()
        let waiter = ThreadWaiter()
        let ticket = try table.needed(Seq(1), isChosen: false, deadline: 50, thread: waiter)
        let listener = table.complete(ticket, seq: Seq(1), .resolved(1))
        if case .thread(let told)? = listener { #expect(told === waiter) } else { Issue.record("no thread") }
        let (count, next, isTaken) = (table.count, table.nextDeadline, table.isTaken(ticket))
        #expect(count == 0 && next == nil && !isTaken)
    }

    @Test("a reserved place stands for nothing until a request of it has to wait, and then for that alone")
    func reserved() throws {
        var table = PendingTable()
        let first = table.reserve()
        let other = try table.needed(Seq(9), isChosen: false, deadline: nil)
        #expect(PendingTable.index(first) != PendingTable.index(other))
        var ticket = first
        for _ in 0..<5 { ticket = PendingTable.next(ticket) }
        let before = table.complete(ticket, seq: nil, .resolved(1)) == nil
        table.settle(ticket, seq: Seq(3), deadline: 40, canBeResolved: true)
        let resolvable = table.resolvable(Seq(3))
        let (none, unsettled) = (table.resolvable(Seq(9)), PendingTable.next(ticket))
        #expect(before && resolvable == [ticket] && none.isEmpty)
        let isOlder = table.complete(first, seq: nil, .resolved(1)) == nil
        let isNewer = table.complete(unsettled, seq: nil, .resolved(1)) == nil
        let isSettled = PendingTableTests.isKept(table.complete(ticket, seq: Seq(3), .resolved(4)))
        #expect(isOlder && isNewer && isSettled)
    }

    @Test("a request that was resolved while it still polled has its value when it begins to wait")
    func early() {
        var table = PendingTable()
        let (one, other) = (PendingTable.next(table.reserve()), PendingTable.next(table.reserve()))
        table.resolveEarly(Seq(1), 7)
        table.settle(other, seq: Seq(2), deadline: nil, canBeResolved: true)
        table.settle(one, seq: Seq(1), deadline: 10, canBeResolved: true)
        let (nothing, outcome, next) = (table.poll(other), table.poll(one), table.nextDeadline)
        #expect(nothing == nil && PendingTableTests.value(outcome) == 7 && next == nil)
        // Once.
        let third = PendingTable.next(one)
        table.settle(third, seq: Seq(1), deadline: nil, canBeResolved: true)
        let again = table.poll(third)
        #expect(again == nil)
    }

    @Test("any requests, in any order, come to what a dictionary comes to", arguments: 1...3 as ClosedRange<UInt64>)
    func model(_ seed: UInt64) throws {
        struct Request {
            var ticket: UInt64
            var seq: UInt64
            var outcome: Int64?
            var deadline: UInt64?
        }
        var generator = SeededGenerator(seed: seed)
        var table = PendingTable()
        var requests: [Request] = []
        var past: [UInt64] = []
        var (now, last) = (UInt64(0), UInt64(0))
        // Recorded once for each step: most steps of a test are right.
        var wrong: [String] = []
        func check(_ isRight: Bool, _ what: @autoclosure () -> String) { if !isRight { wrong.append(what()) } }
        for step in 0..<2000 {
            let index = requests.indices.randomElement(using: &generator)
            switch Int.random(in: 0..<10, using: &generator) {
            case 0...3:
                last += 1
                let deadline =
                    Bool.random(using: &generator) ? now + UInt64.random(in: 1...9000, using: &generator) : nil
                let isChosen = Bool.random(using: &generator)
                let ticket = try table.needed(Seq(last), isChosen: isChosen, deadline: deadline)
                check(!past.contains(ticket) && !requests.contains { $0.ticket == ticket }, "a ticket given twice")
                requests.append(Request(ticket: ticket, seq: last, deadline: deadline))
            case 4, 5:
                guard let index else { continue }
                let request = requests[index]
                let kept = PendingTableTests.isKept(
                    table.complete(request.ticket, seq: Seq(request.seq), .resolved(.int(Int64(step)))))
                check(kept == (request.outcome == nil), "a result of \(request)")
                requests[index].deadline = nil
                requests[index].outcome = request.outcome ?? Int64(step)
            case 6:
                guard let index else { continue }
                let outcome = PendingTableTests.value(table.poll(requests[index].ticket))
                check(outcome == requests[index].outcome.map { .int($0) }, "polling \(requests[index])")
                if outcome != nil { past.append(requests.remove(at: index).ticket) }
            case 7:
                guard let index else { continue }
                table.free(requests[index].ticket)
                past.append(requests.remove(at: index).ticket)
            case 8:
                guard let old = past.randomElement(using: &generator) else { continue }
                let isLate = table.complete(old, seq: nil, .resolved(0)) == nil
                check(isLate && table.poll(old) == nil, "a late result")
            default:
                now += UInt64.random(in: 1...3000, using: &generator)
                let expired = Set(table.expire(now))
                check(expired.isSubset(of: requests.map(\.ticket)), "one that is over expires")
                for index in requests.indices {
                    let isDue = requests[index].deadline.map { $0 <= now } ?? false
                    let isExpired = expired.contains(requests[index].ticket)
                    // At most one millisecond late.
                    check(
                        isExpired == isDue || requests[index].deadline == now, "expiry of \(requests[index]) at \(now)")
                    if isExpired { requests[index].deadline = nil }
                }
            }
            check(table.count == requests.count, "a wrong count")
        }
        #expect(wrong.isEmpty)
        let tickets = table.tickets
        #expect(Set(tickets) == Set(requests.map(\.ticket)))
    }
}

extension PendingTable {
    private struct NoPlace: Error {}

    /// A place, where there has to be one.
    fileprivate mutating func needed(
        _ seq: Seq, isChosen: Bool, deadline: UInt64?, thread: ThreadWaiter? = nil
    ) throws -> UInt64 {
        guard let ticket = take(seq, isChosen: isChosen, deadline: deadline, thread: thread) else { throw NoPlace() }
        return ticket
    }
}
