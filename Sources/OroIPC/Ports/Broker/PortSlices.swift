// SPDX-License-Identifier: Apache-2.0

// What the broker does in slices.

/// Passes messages on to an owner whose link has room again, or who has more of them than go at once.
final class PortPumping: SlicedWork {
    private unowned let broker: PortBroker
    private let member: PortMember
    /// Ends to look at in this round.
    private var left = 0

    init(_ broker: PortBroker, _ member: PortMember) {
        self.broker = broker
        self.member = member
    }

    func goOn(_ slice: Slice) -> Bool {
        // Each once, and again those whose turn was over: whoever waits for something else hears of that.
        if left == 0 { left = member.takePumping() }
        while member.hasRoom, left > 0, let end = member.nextWaiting() {
            left -= 1
            broker.pump(end)
            if slice.isOver { break }
        }
        // Without room its link says when there is some.
        member.isPumped = member.hasRoom && member.hasWaiting && (left > 0 || member.isToBePumped)
        return member.isPumped
    }
}

/// Lets go of what waited at ports that are closed: its memory, and the ports that would have come with it.
final class PortRemains: SlicedWork {
    private unowned let broker: PortBroker

    init(_ broker: PortBroker) { self.broker = broker }

    func goOn(_ slice: Slice) -> Bool {
        while var queue = broker.remains.popFirst() {
            var parcels = 0
            while let parcel = queue.popFirst() {
                for port in parcel.transferred {
                    port.holder = nil
                    // Adds what waits at that one behind this.
                    broker.close(port)
                }
                parcels += 1
                if parcels & 15 == 0 || !parcel.transferred.isEmpty, slice.isOver { break }
            }
            if !queue.isEmpty { broker.remains.prepend(queue) }
            if slice.isOver { break }
        }
        broker.isLettingGo = !broker.remains.isEmpty
        return broker.isLettingGo
    }
}

/// The end of an owner: closes all its ends, and ends its part in direct ways.
final class PortRemoval: SlicedWork {
    private unowned let broker: PortBroker
    private let member: PortMember
    private var ends: [PortEnd]?
    private var ways: [DirectWay] = []

    init(_ broker: PortBroker, _ member: PortMember) {
        self.broker = broker
        self.member = member
    }

    func goOn(_ slice: Slice) -> Bool {
        if ends == nil {
            ends = member.all
            broker.forgetPairs(of: member)
            if slice.isOver { return true }
        }
        while let end = ends?.popLast() {
            // It may be closed by now, but belongs to nobody else: nothing reaches or leaves an owner that is gone.
            if !end.isClosed { remove(end) }
            if slice.isOver { return true }
        }
        if ways.isEmpty { ways = Array(member.ways.values) }
        while let way = ways.popLast() {
            member.ways[way.token] = nil
            broker.forget(way, of: member)
            if slice.isOver { break }
        }
        return !member.ways.isEmpty
    }

    private func remove(_ end: PortEnd) {
        if broker.leaveOrphan(end, of: member) {
            member.forget(end)
            end.owner = nil
            end.isOrphan = true
        } else {
            broker.close(end)
        }
    }
}
