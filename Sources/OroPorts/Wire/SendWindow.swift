// SPDX-License-Identifier: Apache-2.0

import DequeModule

/// How far a sender is ahead of the receiver: the one ledger of messages sent and not known to have been taken.
///
/// ``isFull(messages:bytes:)`` bounds it by messages and by bytes, where one message may always be sent. Ports and
/// subscriptions to broadcasts have one each.
package struct SendWindow {
    /// Messages that were sent, by this owner and all before it.
    package private(set) var sent: UInt64
    /// How many of these were taken.
    package private(set) var acknowledged: UInt64
    /// What each message costs that was sent here and not taken; those of an earlier owner cost nothing here.
    private var costs: Deque<Int> = []
    package private(set) var cost = 0

    /// For `acknowledged` up to `sent`.
    package init(sent: UInt64 = 0, acknowledged: UInt64 = 0) {
        self.sent = sent
        self.acknowledged = acknowledged
    }

    /// Messages that were sent and not taken.
    package var waiting: UInt64 { sent - acknowledged }

    /// A further message has to wait.
    package func isFull(messages: UInt64 = PortLimits.window, bytes: Int = PortLimits.windowBytes) -> Bool {
        waiting >= messages || (cost >= bytes && waiting > 0)
    }

    /// A message was sent that costs so many bytes.
    package mutating func note(sent bytes: Int) {
        sent += 1
        costs.append(bytes)
        cost += bytes
    }

    /// UNTRUSTED: the receiver has taken `count` messages in all. False, and nothing changes, for a count that goes
    /// back or is above ``sent``.
    package mutating func acknowledge(_ count: UInt64) -> Bool {
        guard count > acknowledged, count <= sent else { return false }
        acknowledged = count
        while UInt64(costs.count) > waiting { cost -= costs.popFirst() ?? 0 }
        return true
    }

    /// The first count from `known` on whose low bits are `low`. A count that went back comes out as one far ahead.
    package static func count(low: UInt32, from known: UInt64) -> UInt64 {
        known + UInt64(low &- UInt32(truncatingIfNeeded: known))
    }

    /// The bits of a count that go along with a message: ``count(low:from:)`` finds the rest.
    package static func low(_ count: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: count) }
}
