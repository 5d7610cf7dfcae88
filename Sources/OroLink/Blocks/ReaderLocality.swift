// SPDX-License-Identifier: Apache-2.0

import CSupport

/// Whether the blocks that come back were read by a processor far away.
///
/// A cache line that only this process had is ours to write after 20 ns, one that a near processor has read after 40.
/// Between two groups of cores, or two packages, it takes 120 ns and more, and a megabyte costs 400 µs in place of 20.
/// Blocks then cool until the reader's caches have let them go (``coolingBytes``), and copies go around the caches. A
/// block that was not read is still near, and is taken again at once. Processes may move to other processors at any
/// time, so each block is sampled.
struct ReaderLocality {
    /// Bytes that are given back before the first of them is taken again, when the reader is far.
    static let coolingBytes = 16 << 20
    /// Shorter blocks are not sampled: that would cost too much.
    static let leastBytes = 32 << 10

    private(set) var isFar = false
    /// How many more of the last samples were far than near, within bounds.
    private var votes = 0

    private static let near = 90 * oro_ticks_per_us() / 1000
    private static let disturbed = 2 * oro_ticks_per_us()

    /// Takes a sample: how many ticks passed until a line of a returned block was ours to write.
    mutating func note(_ ticks: UInt64) {
        // Something else took the processor, and the sample means nothing.
        if ticks > ReaderLocality.disturbed { return }
        votes = max(-4, min(4, votes + (ticks > ReaderLocality.near ? 1 : -1)))
        if votes == 4 { isFar = true }
        if votes == -4 { isFar = false }
    }
}
