// SPDX-License-Identifier: Apache-2.0

/// Bounds of a link. Both sides have their own; the peer is told what concerns it.
public struct LinkLimits: Sendable, Hashable {
    /// Bytes of each ring this side writes: a power of two from 4 096 to 67 108 864.
    public var ringBytes = 1 << 16
    /// Rings the peer may open on a link: one for each of its sending threads and one that tasks share, 2 to 16.
    public var rings = 8
    /// Longest message in bytes, its value, headers and a payload that is copied together.
    public var messageBytes = (64 << 20) + (64 << 10)
    /// Longest payload in bytes that the peer may lend instead: 4 096 to 2^46. It lies in the peer's memory, and costs
    /// this side addresses.
    public var payloadBytes = 1 << 40
    /// Most blocks of the peer's that this side has at once: a power of two from 512 to 1 048 576.
    public var loans = 1 << 14
    /// Most memories with blocks that the peer may have open: 4 to 4 096.
    public var memories = 256
    /// Most bytes of blocks of this side's that are out at once: filled here, lent to the peer, or held by it. At least
    /// 1 MiB. A longer payload cannot be lent.
    public var loanBytes = 1 << 30
    /// Most bytes of memory for blocks that nobody has, kept for the next.
    public var keptBytes = 256 << 20
    /// Asks for huge pages for blocks; where the system has none, ordinary ones serve.
    public var hugePages = false

    public init() {}
}
