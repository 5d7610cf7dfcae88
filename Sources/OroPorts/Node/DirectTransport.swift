// SPDX-License-Identifier: Apache-2.0

import OroLink

/// What the direct channels of ports need of a link between two owners of ports: `DirectLink` of a client is the one
/// that there is; fuzzers and tests have others.
package protocol DirectTransport: AnyObject, Sendable {
    /// Nothing goes over it any more.
    var isOver: Bool { get }

    /// The longest message that comes over it, in bytes.
    var longestMessage: Int { get }

    /// Sends a message without ports. With the lock of the node.
    func send(_ message: Parcel<Never>) throws(LinkError)

    /// Says that so many messages of a direct channel were taken. False: the other cannot be told here. With the lock
    /// of the node.
    func sendConsumed(_ token: UInt64, _ count: UInt64) -> Bool
}
