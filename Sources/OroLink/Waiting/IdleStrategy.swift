// SPDX-License-Identifier: Apache-2.0

import CSupport

/// Says, between two polls that found nothing, whether a thread polls again, keeps house or parks. Belongs to one
/// thread at a time. All constants of waiting are here.
@usableFromInline
package struct IdleStrategy {
    /// What a thread does next.
    @usableFromInline
    package enum Step { case spin, housekeep, park }

    @usableFromInline package let policy: IdlePolicy
    /// Ticks: an average of the last waits. What comes twice as late as usual is not polled for.
    @usableFromInline var gap: UInt64
    /// When this wait began to be timed: at its 64th poll, since most waits are over before it.
    @usableFromInline var started: UInt64 = 0
    /// Polls of this wait.
    @usableFromInline var polls: UInt32 = 0
    /// Polls after which a thread parks, whatever the time.
    @usableFromInline let mostPolls: UInt32
    /// Ticks after which a thread that polls keeps house as well.
    @usableFromInline let housekeepAfter: UInt64
    @usableFromInline let ticksPerMicrosecond: UInt64

    /// `expecting`: how long the first wait may take, in microseconds, before anything is known. A call takes a few
    /// microseconds, so that the usual 20 keep a first call from parking on a busy machine. `housekeepAfter`, in
    /// microseconds: a look at the socket costs a system call, 0.5 us; once in 200 us nobody notices it. `mostPolls`:
    /// for waits that something else goes on with.
    package init(
        _ policy: IdlePolicy, expecting: UInt64 = 20, housekeepAfter: UInt64 = 200, mostPolls: UInt32 = .max
    ) {
        self.policy = policy
        self.mostPolls = mostPolls
        ticksPerMicrosecond = oro_ticks_per_us()
        gap = expecting * ticksPerMicrosecond
        self.housekeepAfter = housekeepAfter * ticksPerMicrosecond
    }

    /// Longest that an adaptive thread polls, in microseconds. A wake-up costs its peer 15 to 60: beyond twice that,
    /// polling costs more than it saves.
    @inlinable static var longestBudget: UInt64 { 100 }
    /// What an adaptive thread polls, in microseconds, where messages come too seldom for polling to pay: a quick
    /// answer is still caught.
    @inlinable static var shortestBudget: UInt64 { 5 }
    /// Longest wait that counts for the average, in microseconds: after one long silence a few quick answers are enough
    /// to poll again.
    @inlinable static var longestGap: UInt64 { 1000 }

    /// Polls between two questions to the strategy. 32 take a microsecond or two; asked each time, it would be part of
    /// the latency.
    @inlinable package static var pollsAtOnce: Int { 32 }
    /// A power of two: polls between two looks at the clock, and at which processor the peer runs on.
    @inlinable static var pollsPerClock: UInt32 { 64 }

    /// Polls until the strategy is to be asked: one for a thread that does not poll.
    @inlinable package var pollsAtOnce: Int { policy == .park ? 1 : IdleStrategy.pollsAtOnce }

    /// Something came.
    @inlinable
    package mutating func arrived() { arrived(at: oro_ticks) }

    /// The same by a clock of the caller's, which is read after 64 polls.
    @inlinable @inline(__always)
    package mutating func arrived(at clock: () -> UInt64) {
        if polls >= IdleStrategy.pollsPerClock { learn(clock() &- started) }
        polls = 0
    }

    /// The wait has ended in a sleep of so many ticks.
    @inlinable
    package mutating func slept(_ ticks: UInt64) {
        learn(ticks)
        polls = 0
    }

    /// Seven eighths of the average are old waits.
    @inlinable
    mutating func learn(_ ticks: UInt64) {
        gap = (gap &* 7 &+ min(ticks, IdleStrategy.longestGap * ticksPerMicrosecond)) / 8
    }

    /// Ticks an adaptive thread polls.
    @inlinable
    var budget: UInt64 {
        let shortest = IdleStrategy.shortestBudget * ticksPerMicrosecond
        return gap <= IdleStrategy.longestBudget * ticksPerMicrosecond ? max(2 &* gap, shortest) : shortest
    }

    /// What to do after ``pollsAtOnce`` polls that found nothing. `sharesProcessor`: polling would keep the peer from
    /// running.
    @inlinable
    package mutating func next(sharesProcessor: () -> Bool) -> Step {
        next(at: oro_ticks, sharesProcessor: sharesProcessor)
    }

    /// The same by a clock of the caller's, which is read once in 64 polls.
    @inlinable @inline(__always)
    package mutating func next(at clock: () -> UInt64, sharesProcessor: () -> Bool) -> Step {
        polls &+= UInt32(IdleStrategy.pollsAtOnce)
        if policy == .park || polls >= mostPolls { return .park }
        if polls & (IdleStrategy.pollsPerClock - 1) != 0 { return .spin }
        if sharesProcessor() { return .park }
        let now = clock()
        if polls == IdleStrategy.pollsPerClock {
            started = now
            return .spin
        }
        let waited = now &- started
        if policy == .adaptive, waited > budget { return .park }
        return waited > housekeepAfter ? .housekeep : .spin
    }
}
