// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import OroPorts

/// One message on its way to all who subscribe to its name: those that did when it was posted, in the order they came.
///
/// It is encoded once, and not before somebody has room for it. Of one client a later message goes behind it, because
/// that is behind it in the client's work.
final class BroadcastDelivery: SlicedWork {
    private unowned let hub: BroadcastHub
    /// `nil`: what was posted is no broadcast, and goes to nobody.
    private let message: BroadcastMessage?
    private let sender: BroadcastSubscription?
    private let topic: BroadcastTopic?
    private var subscribers: OrderedMembers<BroadcastSubscription>.Walk?
    private let listeners: BroadcastListeners.Topic?
    private var listening: OrderedMembers<BroadcastListeners.Listener>.Walk?
    private let done: (Int) -> Void
    private var count = 0
    private var content: PortContent?
    private var event: BroadcastEvent?

    init(
        _ hub: BroadcastHub, _ message: BroadcastMessage?, from sender: BroadcastSubscription?,
        topic: BroadcastTopic?, listeners: BroadcastListeners.Topic?, _ done: @escaping (Int) -> Void
    ) {
        self.hub = hub
        self.message = message
        self.sender = sender
        self.topic = topic
        subscribers = topic?.members.walk
        self.listeners = listeners
        listening = listeners?.members.walk
        self.done = done
    }

    func goOn(_ slice: Slice) -> Bool {
        if let message {
            // Whoever has no room costs little, whoever has some the writing of a message.
            var steps = 0
            while let next = nextSubscriber() {
                if next !== sender, message.isFor(next.origin) {
                    count += 1
                    hub.offer(to: next) { prepared(message) }
                }
                steps += 1
                if steps & 3 == 0, slice.isOver { return true }
            }
            while let next = nextListener() {
                if next.hears(message) {
                    count += 1
                    tell(next, message)
                }
                steps += 1
                if steps & 3 == 0, slice.isOver { return true }
            }
        }
        done(count)
        return false
    }

    private func nextSubscriber() -> BroadcastSubscription? {
        guard let topic, var walk = subscribers else { return nil }
        defer { subscribers = walk }
        return topic.members.next(&walk)
    }

    private func nextListener() -> BroadcastListeners.Listener? {
        guard let listeners, var walk = listening else { return nil }
        defer { listening = walk }
        return listeners.members.next(&walk)
    }

    private func prepared(_ message: BroadcastMessage) -> PortContent {
        if let content { return content }
        // Subscribers that are slow must not use up the account of whoever posts.
        if let account = hub.kept { message.content.rebook(to: account) }
        let made = message.content.shared(in: hub.memories, for: message.topic)
        content = made
        return made
    }

    private func tell(_ listener: BroadcastListeners.Listener, _ message: BroadcastMessage) {
        guard listener.hasRoom() else {
            listener.missed += 1
            return
        }
        let event = event ?? BroadcastEvent(message, most: hub.requestBytes)
        self.event = event
        listener.tell(event)
    }
}
