// SPDX-License-Identifier: Apache-2.0

/// What encoding or decoding one value may still use: the same count on both sides, so that they refuse the same.
struct ValueBudget {
    let limits: FrameLimits
    private var depth: Int
    /// Elements and members so far.
    private(set) var items: Int

    /// `depth` and `items`: what stands around the value.
    init(_ limits: FrameLimits, depth: Int = 0, items: Int = 0) {
        self.limits = limits
        self.depth = depth
        self.items = items
    }

    /// Goes one level down, to `count` elements or members.
    mutating func enter(_ count: Int) throws(FrameError) {
        depth += 1
        guard depth <= limits.maxDepth else {
            throw .overLimit(.depth, value: depth, limit: limits.maxDepth)
        }
        items += count
        guard items <= limits.maxItems else {
            throw .overLimit(.items, value: items, limit: limits.maxItems)
        }
    }

    /// Comes back up.
    mutating func leave() { depth -= 1 }

    /// Throws unless a bigint may have a magnitude of `count` bytes.
    func check(bigIntBytes count: Int) throws(FrameError) {
        guard count <= limits.maxBigIntBytes else {
            throw .overLimit(.bigIntBytes, value: count, limit: limits.maxBigIntBytes)
        }
    }
}
