// SPDX-License-Identifier: Apache-2.0

/// How many chunks more the receiver of a stream takes.
struct Credit: Hashable, Sendable {
    /// Most a stream may have at once: chunks.
    static let most = 1 << 20

    let count: Int

    /// UNTRUSTED: what a peer says. `nil`: more than any receiver can mean.
    init?(_ count: UInt32) {
        guard count <= UInt32(Credit.most) else { return nil }
        self.count = Int(count)
    }
}
