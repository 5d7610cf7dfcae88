// SPDX-License-Identifier: Apache-2.0

import CSupport

/// Whether blocks come back from a processor that is far away and has read them.
///
/// A line that only we have had is ours to write in 20 ns, one that a near processor has read in 40; between two groups
/// of cores, or two packages, it takes 120 and more, and a megabyte costs 400 µs in place of 20. Blocks are left to
/// rest then until the reader's caches have let them go (``restingBytes``), and copies go around the caches. A block
/// that was not read is still near, and is taken again at once. Where the processes run may change at any time, so each
/// block is felt.
struct Distance {
    /// Bytes that are given back before the first of them is taken again, when the reader is far.
    static let restingBytes = 16 << 20
    /// Of shorter blocks the question costs too much.
    static let leastBytes = 32 << 10

    private(set) var isFar = false
    /// How many more of the last samples were far than near, within bounds.
    private var votes = 0

    private static let near = 90 * oro_ticks_per_us() / 1000
    private static let disturbed = 2 * oro_ticks_per_us()

    /// A line of a block that came back was ours to write after so many ticks.
    mutating func note(_ ticks: UInt64) {
        // Something else took the processor: says nothing.
        if ticks > Distance.disturbed { return }
        votes = max(-4, min(4, votes + (ticks > Distance.near ? 1 : -1)))
        if votes == 4 { isFar = true }
        if votes == -4 { isFar = false }
    }
}
