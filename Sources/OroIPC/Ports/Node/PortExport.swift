// SPDX-License-Identifier: Apache-2.0

import OroFrame

/// Makes a channel that only this process knows known to a broker.
enum PortExport {
    /// Both ends of the channel of `port` belong to `home` afterwards, and what was on its way between them goes
    /// through the broker: so its order is that of all that is posted later, wherever the two ends then are.
    static func export(_ port: PortEndpoint, to home: PortHome) throws(IPCError) {
        try PortHome.local.withLock { () throws(IPCError) in
            try home.withLock { () throws(IPCError) in try move(port, home) }
        }
    }

    /// With both locks.
    private static func move(_ port: PortEndpoint, _ home: PortHome) throws(IPCError) {
        // Somebody else was faster.
        guard port.home.isLocal, !port.isOver else { return }
        let other = port.other
        let (mine, theirs) = (home.takeNumber(), home.takeNumber())
        try home.send(.channel(mine, theirs))
        let (toPort, toOther) = (port.takeInbox(), other?.takeInbox() ?? [])
        port.other = nil
        port.move(to: home)
        home.enter(port, number: mine)
        if let other {
            other.other = nil
            other.move(to: home)
            home.enter(other, number: theirs)
        }
        for parcel in toOther { try post(parcel, from: port, home) }
        var sent: UInt64 = 0
        for parcel in toPort {
            if let other {
                try post(parcel, from: other, home)
            } else {
                // Nobody is there any more to post it, but it was posted.
                try home.send(.message(try posting(parcel, number: theirs, seq: sent, home)))
                sent += 1
            }
        }
        if other == nil { try home.send(.close(theirs)) }
        port.moved()
        other?.moved()
    }

    private static func post(
        _ parcel: Parcel<PortEndpoint>, from port: PortEndpoint, _ home: PortHome
    ) throws(IPCError) {
        try home.send(.message(try posting(parcel, number: port.number, seq: port.window.sent, home)))
        port.window.note(sent: parcel.cost)
    }

    private static func posting(
        _ parcel: Parcel<PortEndpoint>, number: UInt64, seq: UInt64, _ home: PortHome
    ) throws(IPCError) -> Parcel<PostedPort> {
        var ports: [PostedPort] = []
        for port in parcel.transferred {
            try move(port, home)
            guard port.home === home else { throw .dataClone("port \(port.id) belongs to another link") }
            ports.append(PostedPort(number: port.number, consumed: SequenceNumber(own: port.consumed), id: port.id))
            port.leave()
        }
        var posted = parcel.transferring(ports)
        (posted.number, posted.seq) = (number, SequenceNumber(own: seq))
        return posted
    }
}
