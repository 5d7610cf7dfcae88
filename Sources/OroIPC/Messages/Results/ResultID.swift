// SPDX-License-Identifier: Apache-2.0

/// The numbers of results. Both sides of a link make them from what they know anyway: none is sent.
enum ResultID {
    /// What tells a result from all others: its link, its place in the table and its seq, each times an odd number, so
    /// that small ones do not make up for each other. Some arithmetic, for the hot path.
    @inline(__always)
    static func seed(link: UInt64, ticket: UInt64, seq: UInt64) -> UInt64 {
        link &* 0xD1B5_4A32_D192_ED03 &+ seq &* 0x8CB9_2BA7_2F3D_8DD7 &+ ticket &* 0x9E37_79B9_7F4A_7C15
    }

    /// The number for a seed: another seed, another number, and nothing of the seed to be seen. (The finalizer of
    /// SplitMix64 by Sebastiano Vigna.)
    static func number(_ seed: UInt64) -> UInt64 {
        var bits = seed
        bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return bits ^ bits >> 31
    }

    /// The number of the result with this ticket and seq.
    static func number(link: UInt64, ticket: UInt64, seq: UInt64) -> UInt64 {
        number(seed(link: link, ticket: ticket, seq: seq))
    }

    /// As users see it.
    static func text(_ number: UInt64) -> String { String(number) }
}
