// SPDX-License-Identifier: Apache-2.0

/// A count that a peer keeps, or a place in what it counts: messages of one direction of a channel, descriptors of one
/// link.
///
/// A raw number of a peer's becomes one only through ``init(_:)``, which refuses numbers of ``bound`` and above. So
/// sums with own counts, and differences after a comparison, cannot overflow: nobody counts from there to 2^64.
package struct SequenceNumber: Hashable, Comparable, Sendable {
    /// Every number of a peer's is below this.
    package static let bound: UInt64 = 1 << 62

    package let value: UInt64

    package static let zero = SequenceNumber(own: 0)

    /// UNTRUSTED: a number that a peer says. `nil`: it is ``bound`` or more.
    package init?(_ number: UInt64) {
        guard number < SequenceNumber.bound else { return nil }
        value = number
    }

    /// A count of this process's own. Where it began with a peer's number, that was checked.
    package init(own count: UInt64) { value = count }

    package static func < (left: SequenceNumber, right: SequenceNumber) -> Bool { left.value < right.value }
}
