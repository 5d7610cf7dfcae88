// SPDX-License-Identifier: Apache-2.0

// What the broker does in slices.

/// Passes messages on to an owner whose link has room again, or who has more of them than go at once.
final class PortPumping: SlicedWork {
    private unowned let broker: PortBroker
    private let owner: PortOwner
    /// Ends to look at in this round.
    private var left = 0

    init(_ broker: PortBroker, _ owner: PortOwner) {
        self.broker = broker
        self.owner = owner
    }

    func goOn(_ slice: Slice) -> Bool {
        // Each once, and again those whose turn was over: whoever waits for something else hears of that.
        if left == 0 { left = owner.takePumping() }
        while owner.hasRoom, left > 0, let end = owner.nextWaiting() {
            left -= 1
            broker.pump(end)
            if slice.isOver { break }
        }
        // Without room its link says when there is some.
        owner.isPumped = owner.hasRoom && owner.hasWaiting && (left > 0 || owner.isToBePumped)
        return owner.isPumped
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
                    port.enclosing = nil
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

/// The end of an owner: closes all its ends, and ends its part in direct channels.
final class PortRemoval: SlicedWork {
    private unowned let broker: PortBroker
    private let owner: PortOwner
    private var ends: [BrokerPort]?
    private var channels: [BrokerChannel] = []

    init(_ broker: PortBroker, _ owner: PortOwner) {
        self.broker = broker
        self.owner = owner
    }

    func goOn(_ slice: Slice) -> Bool {
        if ends == nil {
            ends = owner.all
            broker.forgetPairs(of: owner)
            if slice.isOver { return true }
        }
        while let end = ends?.popLast() {
            // It may be closed by now, but belongs to nobody else: nothing reaches or leaves an owner that is gone.
            if !end.isClosed { remove(end) }
            if slice.isOver { return true }
        }
        if channels.isEmpty { channels = Array(owner.channels.values) }
        while let channel = channels.popLast() {
            owner.channels[channel.token] = nil
            broker.forget(channel, of: owner)
            if slice.isOver { break }
        }
        return !owner.channels.isEmpty
    }

    private func remove(_ end: BrokerPort) {
        if broker.leaveOrphan(end, of: owner) {
            owner.forget(end)
            end.owner = nil
            end.isOrphan = true
        } else {
            broker.close(end)
        }
    }
}
