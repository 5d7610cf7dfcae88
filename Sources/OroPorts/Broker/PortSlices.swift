// SPDX-License-Identifier: Apache-2.0

import OroBase

// What the broker does in slices.

/// Passes messages on to an owner whose link has room again, or who has more of them than go at once.
package final class PortPumping: SlicedWork {
    private unowned let broker: PortBroker
    private let owner: any PortOwner
    /// Ends to look at in this round.
    private var left = 0

    package init(_ broker: PortBroker, _ owner: any PortOwner) {
        self.broker = broker
        self.owner = owner
    }

    package func goOn(_ slice: Slice) -> Bool {
        // Each once, and again those whose turn was over: whoever waits for something else hears of that.
        if left == 0 { left = owner.state.takePumping() }
        while owner.hasRoom, left > 0, let end = owner.state.nextWaiting() {
            left -= 1
            broker.pump(end)
            if slice.isOver { break }
        }
        // Without room its link says when there is some.
        owner.state.isPumped = owner.hasRoom && owner.state.hasWaiting && (left > 0 || owner.state.isToBePumped)
        return owner.state.isPumped
    }
}

/// Lets go of what waited at ports that are closed: its memory, and the ports that would have come with it.
package final class PortRemains: SlicedWork {
    private unowned let broker: PortBroker

    package init(_ broker: PortBroker) { self.broker = broker }

    package func goOn(_ slice: Slice) -> Bool {
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
package final class PortRemoval: SlicedWork {
    private unowned let broker: PortBroker
    private let owner: any PortOwner
    private var ends: [BrokerPort]?
    private var channels: [BrokerChannel] = []

    package init(_ broker: PortBroker, _ owner: any PortOwner) {
        self.broker = broker
        self.owner = owner
    }

    package func goOn(_ slice: Slice) -> Bool {
        if ends == nil {
            ends = owner.state.all
            broker.forgetPairs(of: owner)
            if slice.isOver { return true }
        }
        while let end = ends?.popLast() {
            // It may be closed by now, but belongs to nobody else: nothing reaches or leaves an owner that is gone.
            if !end.isClosed { remove(end) }
            if slice.isOver { return true }
        }
        if channels.isEmpty { channels = Array(owner.state.channels.values) }
        while let channel = channels.popLast() {
            owner.state.channels[channel.token] = nil
            broker.forget(channel, of: owner)
            if slice.isOver { break }
        }
        return !owner.state.channels.isEmpty
    }

    private func remove(_ end: BrokerPort) {
        if broker.leaveOrphan(end, of: owner) {
            owner.state.forget(end)
            end.owner = nil
            end.isOrphan = true
        } else {
            broker.close(end)
        }
    }
}
