// SPDX-License-Identifier: Apache-2.0

/// What the blocks of a link need of it.
protocol BlockLink: AnyObject, Sendable {
    /// The process on the other side.
    var peer: PeerIdentity { get }
    /// Sends a control packet. False: the socket, or the kernel, has no room for it now. Any thread.
    func send(_ packet: Packet, _ descriptors: [Int32]) throws(LinkError) -> Bool
    /// Marks the link as over; whoever serves it ends it then. Any thread.
    func halt(_ why: LinkError)
    /// Wakes the peer if it waits for blocks.
    func wakeForRoom()
}
