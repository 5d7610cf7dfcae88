// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame

/// Makes a channel that only this process knows known to a broker.
package enum PortExport {
    /// Both ends of the channel of `port` belong to `node` afterwards, and what was on its way between them goes
    /// through the broker: so its order is that of all that is posted later, wherever the two ends then are.
    package static func export(_ port: LocalPort, to node: PortNode) throws(IPCError) {
        try PortNode.local.withLock { () throws(IPCError) in
            try node.withLock { () throws(IPCError) in try move(port, node) }
        }
    }

    /// With both locks.
    private static func move(_ port: LocalPort, _ node: PortNode) throws(IPCError) {
        // Somebody else was faster.
        guard port.node.isLocal, !port.isOver else { return }
        let other = port.other
        let (mine, theirs) = (node.takeNumber(), node.takeNumber())
        try node.send(.channel(mine, theirs))
        let (toPort, toOther) = (port.takeInbox(), other?.takeInbox() ?? [])
        port.other = nil
        port.move(to: node)
        node.enter(port, number: mine)
        if let other {
            other.other = nil
            other.move(to: node)
            node.enter(other, number: theirs)
        }
        for parcel in toOther { try post(parcel, from: port, node) }
        var sent: UInt64 = 0
        for parcel in toPort {
            if let other {
                try post(parcel, from: other, node)
            } else {
                // Nobody is there any more to post it, but it was posted.
                try node.send(.message(try posting(parcel, number: theirs, seq: sent, node)))
                sent += 1
            }
        }
        if other == nil { try node.send(.close(theirs)) }
        port.moved()
        other?.moved()
    }

    private static func post(
        _ parcel: Parcel<LocalPort>, from port: LocalPort, _ node: PortNode
    ) throws(IPCError) {
        try node.send(.message(try posting(parcel, number: port.number, seq: port.window.sent, node)))
        port.window.note(sent: parcel.cost)
    }

    private static func posting(
        _ parcel: Parcel<LocalPort>, number: UInt64, seq: UInt64, _ node: PortNode
    ) throws(IPCError) -> Parcel<PostedPort> {
        var ports: [PostedPort] = []
        for port in parcel.transferred {
            try move(port, node)
            guard port.node === node else { throw .dataClone("port \(port.id) belongs to another link") }
            ports.append(PostedPort(number: port.number, consumed: SequenceNumber(own: port.consumed), id: port.id))
            port.leave()
        }
        var posted = parcel.transferring(ports)
        (posted.number, posted.seq) = (number, SequenceNumber(own: seq))
        return posted
    }
}
