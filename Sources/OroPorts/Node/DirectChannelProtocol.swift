// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroLink

/// A direct channel, as one of its owners knows it: messages without ports go over a link of the two owners'
/// own. All of it with the lock of the node. `DirectChannel` is the one there is.
package protocol DirectChannelProtocol: AnyObject {
    var token: UInt64 { get }
    var link: any DirectTransport { get }

    // Sending.
    /// Messages go over it.
    var isSending: Bool { get }
    /// Both owners are ready.
    func go()
    /// Sends a message of its port. False: it has to go through the broker, as what comes after it has to.
    func send(_ message: Parcel<Never>) -> Bool
    /// The other end has taken so many messages in all.
    func acknowledge(_ count: UInt64)
    /// A message has to go through the broker: so has what was sent before it. Throws when that cannot be posted now;
    /// then the message must not be, either.
    func yield() throws(IPCError)
    /// Posts through the broker again; what cannot be posted now is by whoever posts next, or when there is room.
    func stop()
    /// The same, which throws when it cannot be done now.
    func postAgain() throws(IPCError)
    /// There is room again in the link to the broker.
    func takePending()

    // Receiving.
    /// A message that came through the broker is there.
    func noteBrokered(_ seq: UInt64)
    /// UNTRUSTED: a message from the other owner.
    func arrive(_ message: Parcel<Never>) throws(LinkError)
    /// A message was taken.
    func noteTaken(_ parcel: Parcel<LocalPort>)
    /// Whether the other owner is told over the direct channel that messages were taken.
    func reports(_ count: UInt64) -> Bool
    /// The same, from the other owner.
    func acknowledged(_ count: UInt64)

    // Ending.
    /// The port has gone on, or is closed (then nobody wants what has come).
    func leave(keeping: Bool)
    /// The other owner is gone: what it had sent over the direct channel, and nobody has taken, is posted in its stead.
    func drain()
    /// Nothing more is to come of it.
    func end()
}
