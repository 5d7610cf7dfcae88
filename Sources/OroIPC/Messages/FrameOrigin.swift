// SPDX-License-Identifier: Apache-2.0

import OroLink

// What a received frame keeps for the parts above it, which know more of it.

/// Who sent a frame: ``ConnectedClient``.
protocol FrameSender: AnyObject, Sendable {
    /// Whose blocks hold what is sent back.
    var arena: Arena { get }
    /// What pays for the memory of what it sends.
    var account: ByteAccount { get }
    /// When its link began: deadlines count from here.
    var start: UInt64 { get }
}

/// The body that follows a request in chunks: ``MessageBody``.
protocol FrameBody: Sendable {}
