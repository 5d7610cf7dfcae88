// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroLink
import OroPorts

/// The end of a client: lets go of its handlers, streams, ports and subscriptions, and of what waited to be sent to it.
///
/// Its link is over before this begins, and the host does not know it any more: nothing is added meanwhile.
final class HostTeardown: SlicedWork {
    private let host: HostLink
    private let ports: PortRemoval
    private let listeners: BroadcastListenerRemoval
    private let gone = IPCError.abort("the client is gone")

    init(_ host: HostLink, _ broker: PortBroker, _ hub: BroadcastHub) {
        self.host = host
        ports = PortRemoval(broker, host.ports)
        listeners = BroadcastListenerRemoval(hub, host.key)
    }

    func goOn(_ slice: Slice) -> Bool {
        // Handlers first: they may be at work for nobody.
        while let (_, work) = host.running.popFirst() {
            work.cancel(gone)
            work.reply?.close(gone)
            if slice.isOver { return true }
        }
        host.answering = [:]
        while let (_, body) = host.streams.bodies.popFirst() {
            body.giveUp(gone)
            if slice.isOver { return true }
        }
        while host.streams.outbox.popFirst() != nil { if slice.isOver { return true } }
        if ports.goOn(slice) || listeners.goOn(slice) { return true }
        while host.link.dropWaiting(0, most: 64) { if slice.isOver { return true } }
        return false
    }
}
