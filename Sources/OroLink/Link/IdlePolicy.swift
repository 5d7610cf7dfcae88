// SPDX-License-Identifier: Apache-2.0

import CSupport

/// What a side does while it waits for the other.
public enum IdlePolicy: String, Sendable, Hashable, CaseIterable {
    /// Polls all the time; sleeps only where polling would stand in the peer's way (the same processor).
    case spin
    /// Polls for a budget learned from recent gaps, then sleeps. The default.
    case adaptive
    /// Sleeps at once. Least processor time, most latency.
    case park
}

/// How long a turn takes.
@usableFromInline
package enum Turn {
    /// What is done for one peer, all its rings and its socket together, before others get their turn: microseconds.
    @inlinable package static var peerMicroseconds: UInt64 { 100 }
    /// The same in ticks.
    @inlinable package static var peerTicks: UInt64 { peerMicroseconds * oro_ticks_per_us() }
    /// Records of a ring between two looks at the clock; after one that may be dear it is looked at too.
    @inlinable package static var records: Int { 8 }
    /// Longest record, in bytes, that is not dear.
    @inlinable package static var cheapRecord: UInt32 { 512 }
}

/// Decides, between two looks at empty rings, whether to look again or to sleep. One thread's property.
@usableFromInline
package struct Patience {
    @usableFromInline package let policy: IdlePolicy
    /// Ticks; an average of recent gaps between arrivals.
    @usableFromInline var gap: UInt64
    @usableFromInline var started: UInt64 = 0
    @usableFromInline var looks: UInt32 = 0
    @usableFromInline let ticksPerMicrosecond: UInt64

    package init(_ policy: IdlePolicy) {
        self.policy = policy
        ticksPerMicrosecond = oro_ticks_per_us()
        gap = 20 * ticksPerMicrosecond
    }

    @usableFromInline
    package enum Advice { case lookAgain, checkAround, sleep }

    /// Longest a side polls for a message that does not come, in microseconds.
    @inlinable static var longestBudget: UInt64 { 100 }
    /// What it polls when messages come too seldom for polling to pay.
    @inlinable static var shortestBudget: UInt64 { 5 }

    /// Something came.
    @inlinable
    package mutating func arrived() {
        if looks >= 64 {
            let waited = oro_ticks() &- started
            gap = (gap &* 7 &+ min(waited, 1000 * ticksPerMicrosecond)) / 8
        }
        looks = 0
    }

    /// The wait ended in sleep, and then something came: the gap was at least the budget and `slept` ticks.
    @inlinable
    package mutating func slept(_ ticks: UInt64) {
        gap = (gap &* 7 &+ min(ticks, 1000 * ticksPerMicrosecond)) / 8
        looks = 0
    }

    /// How often to look (``Link/linger(_:)``) before asking for advice.
    @inlinable package static var looksAtOnce: Int { 32 }
    @inlinable package var looksAtOnce: Int { policy == .park ? 1 : Patience.looksAtOnce }

    /// Nothing was there, `looksAtOnce` times. Reads the clock every 64 looks only.
    @inlinable
    package mutating func advice() -> Advice {
        looks &+= UInt32(Patience.looksAtOnce)
        if policy == .park { return .sleep }
        if looks & 63 != 0 { return .lookAgain }
        let now = oro_ticks()
        if looks == 64 {
            started = now
            return .checkAround
        }
        if policy == .spin { return .checkAround }
        let budget =
            gap <= Patience.longestBudget * ticksPerMicrosecond
            ? max(2 &* gap, Patience.shortestBudget * ticksPerMicrosecond)
            : Patience.shortestBudget * ticksPerMicrosecond
        return now &- started > budget ? .sleep : .checkAround
    }

    /// Ticks since the wait began to be timed.
    @inlinable
    package var waited: UInt64 { looks < 64 ? 0 : oro_ticks() &- started }
}
