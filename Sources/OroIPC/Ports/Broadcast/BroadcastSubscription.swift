// SPDX-License-Identifier: Apache-2.0

import DequeModule
import OroLink
import OroPorts

/// All who subscribe to one name.
final class BroadcastTopic {
    let name: String
    var members = OrderedMembers<BroadcastSubscription>()

    init(_ name: String) { self.name = name }
}

/// One who subscribes to a name with a port, as the hub knows it.
final class BroadcastSubscription {
    let number: UInt64
    let topic: BroadcastTopic
    let origin: String
    let keeping: BroadcastKeeping
    let account: BroadcastAccount
    /// Its place in the topic.
    var order: UInt64 = 0

    /// Messages from it that have gone to all others, and how many of these it was told are taken.
    var relayed: UInt64 = 0
    var reported: UInt64 = 0
    /// What the messages behind that have cost.
    var unreportedCost = 0
    /// Messages to it.
    private(set) var outgoing = SendWindow()
    /// Messages it missed and was not told of.
    var missed: Int64 = 0
    /// The last of those that came while one was on its way, or the account was full.
    var waiting: PortContent?
    /// It waits for room in the account.
    fileprivate(set) var isWaiting = false
    private(set) var isClosed = false

    /// Messages, and bytes of these, that wait for one subscription; one message always may.
    static let window: UInt64 = 256
    static let windowBytes = 64 << 20

    init(
        _ number: UInt64, _ topic: BroadcastTopic, _ origin: String, _ keeping: BroadcastKeeping,
        _ account: BroadcastAccount
    ) {
        self.number = number
        self.topic = topic
        self.origin = origin
        self.keeping = keeping
        self.account = account
    }

    /// Nothing is on its way to it.
    var isIdle: Bool { outgoing.waiting == 0 }

    var hasRoom: Bool {
        account.hasRoom
            && !outgoing.isFull(messages: BroadcastSubscription.window, bytes: BroadcastSubscription.windowBytes)
    }

    func notePosted(_ cost: Int) {
        outgoing.note(sent: cost)
        reported = relayed
        unreportedCost = 0
        account.add(bytes: cost)
    }

    /// UNTRUSTED: it has taken so many in all. False: a count that says nothing new, or cannot be.
    func note(taken count: UInt64) -> Bool {
        let (messages, bytes) = (outgoing.waiting, outgoing.cost)
        guard outgoing.acknowledge(count) else { return false }
        account.remove(messages: Int(messages - outgoing.waiting), bytes: bytes - outgoing.cost)
        return true
    }

    /// Nothing is posted to it any more.
    func close() {
        isClosed = true
        account.remove(messages: Int(outgoing.waiting), bytes: outgoing.cost)
        outgoing = SendWindow()
        waiting = nil
    }
}

/// What waits for all subscriptions of one client, those included that it has given away.
///
/// The messages themselves are there once for all subscribers. Where each of them stands in the queue of a subscription
/// is memory of this client's alone, which its ``ByteAccount`` pays for.
final class BroadcastAccount {
    /// Most bytes: ``PortOptions/broadcastBytesPerLink``.
    var most = Int.max
    private(set) var bytes = 0
    /// What pays for the places of messages: more than a few.
    var paying: ByteAccount?
    private var messages = 0
    /// Messages that have a place; some always have, so that one that waits for room hears of some.
    private var places = BroadcastAccount.placesAtOnce
    /// Subscriptions that have nothing on their way, and wait for room here.
    private var waiting: Deque<BroadcastSubscription> = []

    /// What each message counts for beside its own bytes: its place, where a queue may have half as many more.
    static let messageCost = 256
    /// Places are paid for, and given back, so many at a time.
    static let placesAtOnce = 64
    /// Subscriptions that go on when one has taken something.
    static let servedAtOnce = 8

    deinit { setPlaces(BroadcastAccount.placesAtOnce) }

    /// For a message, and another before it that says how many were missed.
    var hasRoom: Bool { bytes < most && (messages + 2 <= places || addPlaces()) }

    private func addPlaces() -> Bool {
        if let paying, !paying.tryCharge(BroadcastAccount.placesAtOnce * BroadcastAccount.messageCost) { return false }
        places += BroadcastAccount.placesAtOnce
        return true
    }

    private func setPlaces(_ count: Int) {
        paying?.release((places - count) * BroadcastAccount.messageCost)
        places = count
    }

    fileprivate func add(bytes count: Int) {
        messages += 1
        bytes += count
    }

    fileprivate func remove(messages number: Int, bytes count: Int) {
        messages -= number
        bytes -= count
        let step = BroadcastAccount.placesAtOnce
        // Not to and fro with every message.
        if places > messages + 3 * step { setPlaces((messages / step + 2) * step) }
    }

    func wait(_ subscription: BroadcastSubscription) {
        if subscription.isWaiting { return }
        subscription.isWaiting = true
        waiting.append(subscription)
    }

    /// The next that may go on; `nil` while there is no room, and when none waits.
    func nextWaiting() -> BroadcastSubscription? {
        while hasRoom, let first = waiting.popFirst() {
            first.isWaiting = false
            if !first.isClosed { return first }
        }
        return nil
    }
}

extension PortOwner {
    /// What waits for all its subscriptions.
    var broadcasts: BroadcastAccount {
        if let known = state.broadcastState as? BroadcastAccount { return known }
        let account = BroadcastAccount()
        state.broadcastState = account
        return account
    }
}
