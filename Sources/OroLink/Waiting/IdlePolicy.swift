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
