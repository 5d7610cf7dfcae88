// SPDX-License-Identifier: Apache-2.0

import DequeModule
import OroBase
import OroFrame
import OroLink
import OroPorts

/// The other end of every broadcast channel: what is posted at one is posted to all others of the same name.
///
/// A subscription is a port that is opened in a way of its own, so order, room, large buffers and death are those of
/// ports. What is posted is delivered in slices (``BroadcastDelivery``), and counts as taken once it is. Belongs to the
/// host's thread.
final class BroadcastHub: BroadcastEnds {
    let state = PortOwnerState()
    /// Has this object.
    private unowned let broker: PortBroker
    private var subscriptions: [UInt64: BroadcastSubscription] = [:]
    /// Clients that subscribe with requests.
    var listeners = BroadcastListeners()
    private var topics: [TextKey: BroadcastTopic] = [:]

    /// Where large payloads stand while they are lent.
    let memories = MemoryPool(most: BroadcastSubscription.windowBytes)

    /// What pays for messages that wait for subscribers.
    var kept: ByteAccount?

    init(_ broker: PortBroker) { self.broker = broker }

    /// Most bytes of a broadcast that clients hear who subscribe with requests.
    var requestBytes: Int { broker.options.broadcastRequestBytes }

    /// What waits for it counts in the account of `owner`.
    func subscribe(_ number: UInt64, name: String, origin: String, keeping: BroadcastKeeping, for owner: any PortOwner)
    {
        let topic = topics[TextKey(name)] ?? BroadcastTopic(name)
        topics[TextKey(name)] = topic
        let subscription = BroadcastSubscription(number, topic, owner.fixedOrigin ?? origin, keeping, owner.broadcasts)
        subscription.order = topic.members.append(subscription)
        subscriptions[number] = subscription
    }

    /// A subscriber has posted something: to all others, never to itself.
    func deliver(_ delivery: Parcel<DeliveredPort>) {
        guard let sender = subscriptions[delivery.number] else { return }
        acknowledge(sender, low: delivery.consumed)
        // UNTRUSTED: what is no broadcast goes to nobody.
        let isBroadcast = delivery.transferred.isEmpty && delivery.content.descriptors == nil
        let message = isBroadcast ? posted(delivery.content, by: sender) : nil
        let seq = delivery.seq.value
        let cost = delivery.content.cost
        let isLent = delivery.content.isBorrowed
        start(message, from: sender, for: owner(of: sender)?.sliceOwner ?? 0) { [weak self, weak sender] _ in
            if let self, let sender { self.note(relayed: seq, of: sender, cost: cost, isLent: isLent) }
        }
    }

    /// Somebody without a subscription posts, for whom it counts as work; `done` is told for how many subscribers it
    /// was.
    func post(_ message: BroadcastMessage, for owner: UInt64, _ done: @escaping (Int) -> Void) {
        start(message, from: nil, for: owner, done)
    }

    private func start(
        _ message: BroadcastMessage?, from sender: BroadcastSubscription?, for owner: UInt64,
        _ done: @escaping (Int) -> Void
    ) {
        let delivery = BroadcastDelivery(
            self, message, from: sender, topic: message.flatMap { topics[TextKey($0.name)] },
            listeners: message.flatMap { listeners.topic($0.name) }, done)
        broker.slices.add(delivery, for: owner)
    }

    /// UNTRUSTED: what a subscriber has posted, for the origin that the host has fixed for it, or for the one it says.
    /// `nil`: it is no broadcast.
    private func posted(_ content: PortContent, by sender: BroadcastSubscription) -> BroadcastMessage? {
        guard let said = content.broadcastOrigin else { return nil }
        guard let fixed = owner(of: sender)?.fixedOrigin, !TextKey.areSame(fixed, said) else {
            return BroadcastMessage(name: sender.topic.name, origin: said, content: content)
        }
        return content.saying(origin: fixed).map {
            BroadcastMessage(name: sender.topic.name, origin: fixed, content: $0)
        }
    }

    /// Who has the subscription.
    private func owner(of subscription: BroadcastSubscription) -> (any PortOwner)? {
        (try? state.end(subscription.number))?.peer?.owner
    }

    /// A message of this subscription's has gone to all others.
    private func note(relayed seq: UInt64, of sender: BroadcastSubscription, cost: Int, isLent: Bool) {
        sender.relayed = seq + 1
        // Now and then: a sender that does not read must not find its ring full of these.
        sender.unreportedCost += cost
        guard
            isLent || sender.relayed - sender.reported >= PortLimits.reportAfter
                || sender.unreportedCost >= PortLimits.reportAfterBytes
        else { return }
        sender.reported = sender.relayed
        sender.unreportedCost = 0
        try? broker.take(.consumed(sender.number, count: SequenceNumber(own: sender.relayed)), from: self)
    }

    func notifyConsumed(_ number: UInt64, _ count: UInt64) {
        guard let subscription = subscriptions[number], subscription.note(taken: count) else { return }
        goOn(subscription)
        // Others of the same client may have waited for what this one has taken.
        for _ in 0..<BroadcastAccount.servedAtOnce {
            guard let next = subscription.account.nextWaiting() else { break }
            goOn(next)
        }
    }

    /// What could not be posted to it may be now.
    private func goOn(_ subscription: BroadcastSubscription) {
        guard subscription.hasRoom else { return wait(subscription) }
        if let content = subscription.waiting {
            if subscription.isIdle {
                subscription.waiting = nil
                post(content, to: subscription)
            }
        } else if subscription.missed > 0 {
            notifyDropped(subscription)
        }
    }

    /// One that has nothing on its way hears of room from the account.
    private func wait(_ subscription: BroadcastSubscription) {
        if subscription.isIdle { subscription.account.wait(subscription) }
    }

    private func acknowledge(_ subscription: BroadcastSubscription, low: UInt32) {
        notifyConsumed(subscription.number, SendWindow.count(low: low, from: subscription.outgoing.acknowledged))
    }

    func notifyClosed(_ number: UInt64, reason: String?) {
        if let subscription = subscriptions.removeValue(forKey: number) {
            subscription.close()
            subscription.topic.members.remove(subscription.order)
            if subscription.topic.members.isEmpty { topics[TextKey(subscription.topic.name)] = nil }
        }
        try? broker.take(.close(number), from: self)
    }

    /// Posts it to one subscriber, if there is room; `content` is asked for only where it is kept.
    func offer(to subscription: BroadcastSubscription, _ content: () -> PortContent) {
        switch subscription.keeping {
        case .latest where !subscription.isIdle: subscription.waiting = content()
        case .latest where !subscription.hasRoom:
            subscription.waiting = content()
            wait(subscription)
        case .all where !subscription.hasRoom:
            subscription.missed += 1
            wait(subscription)
        default:
            if subscription.missed > 0 { notifyDropped(subscription) }
            post(content(), to: subscription)
        }
    }

    private func notifyDropped(_ subscription: BroadcastSubscription) {
        let missed = BroadcastForm.missed(subscription.missed).value
        subscription.missed = 0
        // Nothing in it that could not be posted.
        if let content = try? PortContent(missed, transfer: []) { post(content, to: subscription) }
    }

    private func post(_ content: PortContent, to subscription: BroadcastSubscription) {
        let seq = subscription.outgoing.sent
        subscription.notePosted(content.broadcastCost)
        // The engine's own commands are never invalid.
        try? broker.take(
            .message(
                Parcel(
                    number: subscription.number, seq: SequenceNumber(own: seq),
                    consumed: SendWindow.low(subscription.relayed), content: content)),
            from: self)
    }
}

extension PortContent {
    /// Lets another account pay for what has come of it.
    func rebook(to account: ByteAccount) {
        if case .frame(let storage) = form { storage.rebook(to: account) }
        for buffer in allBuffers where buffer.place == .ours {
            (buffer.owner as? FrameStorage)?.rebook(to: account)
        }
    }

    /// What is to be sent to many: encoded, and large buffers copied once, into memory that any number of links can be
    /// lent.
    func shared(in pool: MemoryPool, for name: String) -> PortContent {
        let buffers = allBuffers
        var content = self
        if case .frame(let storage) = form { content.form = .encoded(storage.encodedValue) }
        if case .value(let value) = form, let encoded = try? EncodedValue(value) { content.form = .encoded(encoded) }
        let shared = buffers.map { buffer in
            if buffer.place == .memory || buffer.count <= Link.inlineBytes { return buffer }
            return (try? Bytes.shared(buffer, in: pool, for: name)) ?? buffer
        }
        content.buffers = BytesList(shared)
        return content
    }

    /// What it counts for at each subscriber that it waits for: bytes.
    var broadcastCost: Int {
        var sum = BroadcastAccount.messageCost
        for buffer in allBuffers { sum += buffer.count }
        switch form {
        case .encoded(let encoded): sum += encoded.bytes.count
        case .frame(let storage): sum += Int(storage.header.valueBytes)
        case .value, .short: break
        }
        return sum
    }
}
