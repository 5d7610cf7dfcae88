// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroLink
import Testing

/// By a clock of its own, which stands still unless a test moves it.
@Suite("When a thread that waits polls, keeps house and parks")
struct IdleStrategyTests {
    /// A strategy, and the clock it reads, in microseconds.
    private struct Waiter {
        var strategy: IdleStrategy
        var clock: UInt64 = 1_000_000
        var looksAtClock = 0
        var asksForProcessor = 0
        var sharesProcessor = false

        init(_ strategy: IdleStrategy) { self.strategy = strategy }

        mutating func next() -> IdleStrategy.Step {
            var (looks, asks) = (0, 0)
            let (ticks, shares) = (clock * oro_ticks_per_us(), sharesProcessor)
            let step = strategy.next(
                at: {
                    looks += 1
                    return ticks
                },
                sharesProcessor: {
                    asks += 1
                    return shares
                })
            looksAtClock += looks
            asksForProcessor += asks
            return step
        }

        mutating func arrived() {
            let ticks = clock * oro_ticks_per_us()
            strategy.arrived(at: { ticks })
        }

        /// Microseconds until it parks, or keeps house, when each question takes one; ``never``: not within 2000.
        mutating func microseconds(until step: IdleStrategy.Step) -> UInt64 {
            let began = clock
            while clock - began < 2000 {
                if next() == step { return clock - began }
                clock += 1
            }
            return Waiter.never
        }

        static let never = UInt64.max

        /// Waits so often for so long.
        mutating func learn(_ microseconds: UInt64, times: Int) {
            for _ in 0..<times {
                for _ in 0..<2 { _ = next() }
                clock += microseconds
                arrived()
            }
        }
    }

    @Test("a thread that may not poll parks at once, after a single look")
    func parks() {
        var waiter = Waiter(IdleStrategy(.park))
        #expect(waiter.strategy.pollsAtOnce == 1)
        let step = waiter.next()
        #expect(step == .park)
        #expect(waiter.looksAtClock == 0 && waiter.asksForProcessor == 0)
    }

    @Test("a short wait reads no clock; a long one once in 64 polls", arguments: [IdlePolicy.spin, .adaptive])
    func clock(_ policy: IdlePolicy) {
        var waiter = Waiter(IdleStrategy(policy))
        #expect(waiter.strategy.pollsAtOnce == 32)
        let step = waiter.next()
        #expect(step == .spin)
        #expect(waiter.looksAtClock == 0)
        let steps = (0..<19).map { _ in waiter.next() }
        #expect(steps.allSatisfy { $0 == .spin })
        #expect(waiter.looksAtClock == 10 && waiter.asksForProcessor == 10)
    }

    @Test("no thread polls where its peer has to run", arguments: [IdlePolicy.spin, .adaptive])
    func processor(_ policy: IdlePolicy) {
        var waiter = Waiter(IdleStrategy(policy))
        waiter.sharesProcessor = true
        let steps = (waiter.next(), waiter.next())
        #expect(steps == (.spin, .park))
    }

    @Test("a spinning thread never parks, and keeps house when 200 us have passed, and from then on")
    func spins() {
        var waiter = Waiter(IdleStrategy(.spin))
        let first = waiter.microseconds(until: .housekeep)
        #expect((200...204).contains(first))
        let second = waiter.microseconds(until: .housekeep)
        #expect(second <= 2)
        let park = waiter.microseconds(until: .park)
        #expect(park == Waiter.never)
        waiter.arrived()
        let again = waiter.microseconds(until: .housekeep)
        #expect((200...204).contains(again), "each wait begins anew")
    }

    @Test("an adaptive thread polls twice the usual wait, at least 5 us, and 5 us where that is over 100 us")
    func adapts() {
        func budget(_ usual: UInt64) -> UInt64 {
            var waiter = Waiter(IdleStrategy(.adaptive))
            waiter.learn(usual, times: 60)
            return waiter.microseconds(until: .park)
        }
        #expect((5...9).contains(budget(1)))
        #expect((40...44).contains(budget(20)))
        #expect((190...202).contains(budget(98)))
        #expect((5...9).contains(budget(150)))
        #expect((5...9).contains(budget(1_000_000)))
    }

    @Test("one long silence does not outweigh many quick answers: polling is soon back")
    func recovers() {
        var waiter = Waiter(IdleStrategy(.adaptive))
        waiter.learn(10, times: 60)
        waiter.strategy.slept(60_000_000 * oro_ticks_per_us())
        let after = waiter.microseconds(until: .park)
        #expect(after <= 9, "one silence, and polling pays no more")
        waiter.arrived()
        waiter.learn(10, times: 8)
        let later = waiter.microseconds(until: .park)
        #expect(later >= 20)
    }

    @Test("whoever knows what to expect says so, and how often to keep house")
    func expectations() {
        var waiter = Waiter(IdleStrategy(.adaptive, expecting: 100, housekeepAfter: 10))
        let house = waiter.microseconds(until: .housekeep)
        #expect((10...14).contains(house))
        let park = waiter.microseconds(until: .park)
        #expect((180...204).contains(house + park))
    }

    @Test("a wait that something else goes on with ends after so many polls, whatever the time")
    func limited() {
        var waiter = Waiter(IdleStrategy(.spin, mostPolls: 512))
        let steps = (0..<15).map { _ in waiter.next() }
        let last = waiter.next()
        #expect(steps.allSatisfy { $0 == .spin } && last == .park)
    }
}

/// What the loop calls, and in which order.
@Suite("The loop of everything that waits")
struct WaitLoopTests {
    private enum Call: Equatable { case poll, spin(Int), processor, housekeep, park }
    private struct Ended: Error {}

    /// Runs the loop; what polls and sleeps find is taken from the front of these, and then it is over.
    private func run(
        _ strategy: inout IdleStrategy, polls: [PollOutcome], parks: [ParkOutcome] = [], sharesProcessor: Bool = false,
        changes: Int = 0
    ) -> (came: Bool, calls: [Call]) {
        var calls: [Call] = []
        var (polls, parks, changes) = (polls[...], parks[...], changes)
        let came = strategy.wait(
            poll: {
                calls.append(.poll)
                return polls.popFirst() ?? .over
            },
            spin: {
                calls.append(.spin($0))
                changes -= 1
                return changes >= 0
            },
            sharesProcessor: {
                calls.append(.processor)
                return sharesProcessor
            },
            housekeep: {
                calls.append(.housekeep)
                return true
            },
            park: {
                calls.append(.park)
                return parks.popFirst() ?? .over
            })
        return (came, calls)
    }

    @Test("what is there at the first look ends the wait, and nothing else is asked")
    func atOnce() {
        var strategy = IdleStrategy(.adaptive)
        let (came, calls) = run(&strategy, polls: [.arrived])
        #expect(came && calls == [.poll])
    }

    @Test("other things that come are taken one after the other, without a pause")
    func progress() {
        var strategy = IdleStrategy(.park)
        let (came, calls) = run(&strategy, polls: [.progress, .progress, .arrived])
        #expect(came && calls == [.poll, .poll, .poll])
    }

    @Test("a change that spinning saw is polled for before the strategy is asked")
    func change() {
        var strategy = IdleStrategy(.park)
        let (came, calls) = run(&strategy, polls: [.nothing, .arrived], changes: 1)
        #expect(came && calls == [.poll, .spin(1), .poll])
    }

    @Test("a thread that may not poll looks once, parks, and looks again when it wakes")
    func park() {
        var strategy = IdleStrategy(.park)
        let (came, calls) = run(
            &strategy, polls: [.nothing, .nothing, .arrived], parks: [.slept(isOver: false), .found])
        #expect(came && calls == [.poll, .spin(1), .park, .poll, .spin(1), .park, .poll])
    }

    @Test("a sleep that ends the wait ends it without another look")
    func over() {
        var strategy = IdleStrategy(.park)
        for end in [ParkOutcome.slept(isOver: true), .over] {
            let (came, calls) = run(&strategy, polls: [.nothing, .arrived], parks: [end])
            #expect(!came && calls == [.poll, .spin(1), .park])
        }
    }

    @Test("who polls gives way to a peer on its processor at the 64th poll")
    func processor() {
        var strategy = IdleStrategy(.spin)
        let (came, calls) = run(
            &strategy, polls: [.nothing, .nothing, .arrived], parks: [.slept(isOver: false)], sharesProcessor: true)
        #expect(came && calls == [.poll, .spin(32), .poll, .spin(32), .processor, .park, .poll])
    }

    @Test("housekeeping that says so ends the wait, and errors pass through")
    func ends() {
        var strategy = IdleStrategy(.spin, housekeepAfter: 0)
        var houses = 0
        let came = strategy.wait(
            poll: { .nothing }, spin: { _ in false }, sharesProcessor: { false },
            housekeep: {
                houses += 1
                return houses < 3
            }, park: { .over })
        #expect(!came && houses == 3)
        #expect(throws: Ended.self) {
            _ = try strategy.wait(
                poll: { () throws(Ended) in throw Ended() }, spin: { _ in false }, sharesProcessor: { false },
                housekeep: { () throws(Ended) in true }, park: { () throws(Ended) in .over })
        }
    }
}
