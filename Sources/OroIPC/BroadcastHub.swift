import DequeModule
import OroFrame
import OroLink

/// How a subscriber is served that takes messages more slowly than they are posted.
public enum BroadcastKeeping: Int64, Sendable, Hashable {
    /// Up to 256 messages, or 64 MiB, wait for it; further ones it misses, and is told how many with a `missed` event.
    case all = 0
    /// One message is on its way to it; of those that are posted meanwhile it gets the last.
    case latest = 1
}

/// The other end of every broadcast channel: what is posted at one is posted to all others of the same name.
///
/// A subscription is a port that is opened in a way of its own, so order, room, large buffers and death are those of ports. Belongs
/// to the host's thread.
final class BroadcastHub: PortMember {
    /// Has this object.
    private unowned let broker: PortBroker
    private var subscriptions: [UInt64: Subscription] = [:]
    /// Clients that subscribe with requests.
    var listeners = BroadcastListeners()
    /// The numbers of those of each name, in the order they came.
    private var names: [TextKey: [UInt64]] = [:]

    private static let window = 256
    static let windowBytes = 64 << 20
    /// Where large payloads stand while they are lent.
    private let memories = MemoryPool(most: windowBytes)

    private final class Subscription {
        let number: UInt64
        let name: String
        let origin: String
        let keeping: BroadcastKeeping
        /// Messages from it, and how many of these it was told are taken.
        var heard: UInt64 = 0
        var said: UInt64 = 0
        /// What the messages behind that have cost.
        var unsaidCost = 0
        /// Messages to it, and how many of these it has taken.
        var posted: UInt64 = 0
        var taken: UInt64 = 0
        var costs: Deque<Int> = []
        var costSum = 0
        var missed: Int64 = 0
        /// The last of those that came while one was on its way.
        var waiting: PortContent?

        init(_ number: UInt64, _ name: String, _ origin: String, _ keeping: BroadcastKeeping) {
            self.number = number
            self.name = name
            self.origin = origin
            self.keeping = keeping
        }
    }

    init(_ broker: PortBroker) { self.broker = broker }

    /// The port with this number, which the hub has, is the other end of a new subscription.
    func subscribe(_ number: UInt64, name: String, origin: String, keeping: BroadcastKeeping) {
        subscriptions[number] = Subscription(number, name, origin, keeping)
        names[name, default: []].append(number)
    }

    /// A subscriber has posted something: to all others, never to itself.
    override func deliver(_ delivery: PortDelivery) {
        guard let sender = subscriptions[delivery.number] else { return }
        sender.heard = delivery.seq + 1
        // Now and then: a sender that does not read must not find its ring full of these.
        let isLent = delivery.content.isBorrowed
        sender.unsaidCost += delivery.content.cost
        if isLent || sender.heard - sender.said >= PortLimits.sayAfter
            || sender.unsaidCost >= PortLimits.sayAfterBytes
        {
            sender.said = sender.heard
            sender.unsaidCost = 0
            try? broker.take(.consumed(sender.number, count: sender.heard), from: self)
        }
        acknowledge(sender, low: delivery.consumed)
        // UNTRUSTED: what is no broadcast goes to nobody.
        guard delivery.carried.isEmpty, delivery.content.descriptors == nil,
            let origin = delivery.content.broadcastOrigin
        else { return }
        let message = BroadcastMessage(name: sender.name, origin: origin, content: delivery.content)
        offer(message, except: sender)
        listeners.hear(message)
    }

    /// To all others of its name that it is for. Answers how many there were.
    @discardableResult
    private func offer(_ message: BroadcastMessage, except sender: Subscription?) -> Int {
        let others = (names[message.name] ?? []).compactMap { subscriptions[$0] }
            .filter { $0 !== sender && message.isFor($0.origin) }
        if others.isEmpty { return 0 }
        let content = message.content.shared(in: memories, for: message.name)
        for other in others { offer(content, to: other) }
        return others.count
    }

    /// Somebody without a subscription posts. Answers for how many it was.
    func post(_ message: BroadcastMessage) -> Int { offer(message, except: nil) + listeners.hear(message) }

    override func tellConsumed(_ number: UInt64, _ count: UInt64) {
        guard let subscription = subscriptions[number], count > subscription.taken, count <= subscription.posted else {
            return
        }
        for _ in subscription.taken..<count { subscription.costSum -= subscription.costs.popFirst() ?? 0 }
        subscription.taken = count
        if let content = subscription.waiting {
            subscription.waiting = nil
            post(content, to: subscription)
        } else if subscription.missed > 0, subscription.keeping == .all, hasRoom(subscription) {
            tellMissed(subscription)
        }
    }

    private func acknowledge(_ subscription: Subscription, low: UInt32) {
        let more = (low &- UInt32(truncatingIfNeeded: subscription.taken)) & PortOperation.countMask
        tellConsumed(subscription.number, subscription.taken + UInt64(more))
    }

    override func tellClosed(_ number: UInt64, reason: String?) {
        if let subscription = subscriptions.removeValue(forKey: number) {
            names[subscription.name]?.removeAll { $0 == number }
            if names[subscription.name]?.isEmpty == true { names[subscription.name] = nil }
        }
        try? broker.take(.close(number), from: self)
    }

    private func hasRoom(_ subscription: Subscription) -> Bool {
        subscription.costs.isEmpty
            || (subscription.costs.count < BroadcastHub.window && subscription.costSum < BroadcastHub.windowBytes)
    }

    private func offer(_ content: PortContent, to subscription: Subscription) {
        switch subscription.keeping {
        case .latest where !subscription.costs.isEmpty: subscription.waiting = content
        case .all where !hasRoom(subscription): subscription.missed += 1
        default:
            if subscription.missed > 0 { tellMissed(subscription) }
            post(content, to: subscription)
        }
    }

    private func tellMissed(_ subscription: Subscription) {
        let missed = BroadcastForm.missed(subscription.missed).value
        subscription.missed = 0
        // Nothing in it that could not be posted.
        if let content = try? PortContent(missed, transfer: []) { post(content, to: subscription) }
    }

    private func post(_ content: PortContent, to subscription: Subscription) {
        let seq = subscription.posted
        subscription.posted += 1
        subscription.said = subscription.heard
        subscription.unsaidCost = 0
        let cost = content.cost + content.allBuffers.reduce(0) { $0 + $1.count }
        subscription.costs.append(cost)
        subscription.costSum += cost
        let consumed = UInt32(truncatingIfNeeded: subscription.heard) & PortOperation.countMask
        // The engine's own orders are none that cannot be.
        try? broker.take(
            .message(PortPosting(number: subscription.number, seq: seq, consumed: consumed, content: content)),
            from: self)
    }
}

extension PortContent {
    /// What is to be sent to many: large buffers are copied once, into memory that any number of links can be lent.
    func shared(in pool: MemoryPool, for name: String) -> PortContent {
        let buffers = allBuffers
        guard buffers.contains(where: { $0.isBorrowed || $0.count > Link.inlineBytes }) else { return self }
        var content = self
        if case .frame(let storage) = form { content.form = .encoded(storage.encodedValue) }
        let shared = buffers.map { buffer in
            if buffer.place == .memory || buffer.count <= Link.inlineBytes { return buffer }
            return (try? Bytes.shared(buffer, in: pool, for: name)) ?? buffer
        }
        content.buffers = BytesList(shared)
        return content
    }
}
