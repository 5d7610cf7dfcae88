// SPDX-License-Identifier: Apache-2.0

import DequeModule
import OroFrame
import OroLink

/// One end of a channel, as the broker knows it.
package final class BrokerPort {
    /// The other end; `nil` when it is closed.
    package var peer: BrokerPort?
    /// Who has it; `nil` while it is on its way.
    package weak var owner: (any PortOwner)?
    /// What the owner calls it.
    package var number: UInt64 = 0
    /// What it costs besides its messages, and who pays for that.
    package static let cost = 768
    package var charge: ByteCharge?
    /// Whose quota it counts for.
    package weak var creator: (any PortOwner)?
    /// What owners show as its name.
    package var id: UInt64 = 0
    /// The port whose queue it waits in, or was passed on from without having been taken.
    package weak var enclosing: BrokerPort?
    /// The name it waits under for somebody to come.
    package var pairing: String?

    /// Messages that were posted from this end.
    package var posted: UInt64 = 0

    /// What was posted to this end and not taken; the first `passed` of these its owner was given.
    package var queue = SequencedQueue<Parcel<BrokerPort>>()
    package var passed = 0
    /// Why it is closed, where the other end did not close it by itself.
    package var closing: String?
    package var isCloseNotified = false
    package var isClosed = false
    /// Its place in its owner's list of those that wait to be passed more; 0: it is not there.
    package var waitTicket: UInt64 = 0
    /// It goes along with a message that is being looked at.
    package var isListed = false

    /// Its direct channel, until that is over.
    package var channel: BrokerChannel?
    /// Messages that were passed on to its owner since it last had a direct channel, and how many of both ends' it
    /// takes at least for the next: more each time, until the port moves.
    package var passedSinceDirect: UInt64 = 0
    /// Its owner has posted or taken something: it has the port in its hands.
    package var isInUse = false
    package var patience: UInt64 = 0
    /// It has had a direct channel: owners may have taken more than was passed on here.
    package var hasBeenDirect = false
    /// Its owner is gone, and what that had sent by a direct channel is still to come.
    package var isOrphan = false

    /// UNTRUSTED: its owner may have taken so many messages.
    package func mayHaveTaken(_ count: UInt64) -> Bool {
        count <= queue.taken + UInt64(passed) || (hasBeenDirect && count < SequenceNumber.bound)
    }

    /// It could only be reached by taking one that ``isListed`` first, or is one itself.
    package var isHeldByListed: Bool {
        var end: BrokerPort? = self
        while let next = end {
            if next.isListed { return true }
            end = next.enclosing
        }
        return false
    }
}

/// An owner of ports: a client, or the host itself.
///
/// The broker keeps its ports in ``state``. The rest each kind of owner does in its own way; the extension has what is
/// true of those that say nothing else.
package protocol PortOwner: AnyObject {
    var state: PortOwnerState { get }
    /// What pays for its ports.
    var account: ByteAccount? { get }
    var hasRoom: Bool { get }
    func hasRoom(for descriptors: TransferredDescriptors?) -> Bool
    /// It has taken in so many descriptors in all.
    func note(claimed count: UInt64)
    func deliver(_ delivery: Parcel<DeliveredPort>)
    func notifyConsumed(_ number: UInt64, _ count: UInt64)
    func notifyClosed(_ number: UInt64, reason: String?)
    func accepts(_ name: String) -> Bool
    func opened(_ number: UInt64, name: String, by owner: any PortOwner)
    func notify(_ frame: DirectChannelFrame)
    /// It may get links with others of its kind.
    var canBeIntroduced: Bool { get }
    func introduce(to other: any PortOwner, as id: UInt64) -> Bool
    /// Nothing comes of it.
    func refuse(introduction id: UInt64)
    var client: PortClient { get }
    /// The origin with which it takes part in broadcasts, where the host has fixed one.
    var fixedOrigin: String? { get }
    /// Whose share of the host's time what it does counts for; 0: the host's own.
    var sliceOwner: UInt64 { get }
}

extension PortOwner {
    package var account: ByteAccount? { nil }
    package var hasRoom: Bool { true }
    package func hasRoom(for descriptors: TransferredDescriptors?) -> Bool { true }
    package func note(claimed count: UInt64) {}
    package func deliver(_ delivery: Parcel<DeliveredPort>) {}
    package func notifyConsumed(_ number: UInt64, _ count: UInt64) {}
    package func notifyClosed(_ number: UInt64, reason: String?) {}
    package func accepts(_ name: String) -> Bool { false }
    package func opened(_ number: UInt64, name: String, by owner: any PortOwner) {}
    package func notify(_ frame: DirectChannelFrame) {}
    package var canBeIntroduced: Bool { false }
    package func introduce(to other: any PortOwner, as id: UInt64) -> Bool { false }
    package func refuse(introduction id: UInt64) {}
    package var client: PortClient { PortClient(id: 0, identity: nil) }
    package var fixedOrigin: String? { nil }
    package var sliceOwner: UInt64 { 0 }
}

extension PortOwner {
    /// The end is its own from now on.
    package func give(_ end: BrokerPort, number: UInt64) {
        end.owner = self
        state.enter(end, number: number)
    }
}

/// What the broker keeps of one owner: its ends by their numbers, and those that wait.
package final class PortOwnerState {
    /// Its ends by the numbers it knows them by.
    private var table: [UInt64: BrokerPort] = [:]
    private var nextNumber: UInt64 = 2
    private var lastOwn: UInt64 = 0
    /// Ends that count for its quota.
    var created = 0
    /// Ends that wait to be passed more, in the order they came; those with another ticket wait no more.
    private var waiting: Deque<(end: BrokerPort, ticket: UInt64)> = []
    private var waitingCount = 0
    private var lastTicket: UInt64 = 0
    /// The broker goes on with those that wait, in slices; and is to do so for another round.
    var isPumped = false
    private(set) var isToBePumped = false
    /// Others it was introduced to.
    var pairs: [ObjectIdentifier: PortPair] = [:]
    /// Direct channels it has a part in, until they are over.
    var channels: [UInt64: BrokerChannel] = [:]
    /// What whoever has the other end of broadcast channels keeps about it.
    package var broadcastState: AnyObject?
    /// It is told nothing more.
    package var isGone = false

    package init() {}

    package var all: [BrokerPort] { Array(table.values) }
    package var count: Int { table.count }

    /// UNTRUSTED: the end that the owner calls so.
    package func end(_ number: UInt64) throws(LinkError) -> BrokerPort {
        guard let end = table[number] else { throw .violation("a port that it does not have: \(number)") }
        return end
    }

    /// UNTRUSTED: numbers the owner has chosen: odd, and each greater than all before. Checked before anything is made.
    func take(numbers: UInt64...) throws(LinkError) {
        for number in numbers {
            guard number & 1 == 1, number > lastOwn else { throw .violation("a port's number out of turn: \(number)") }
            lastOwn = number
        }
    }

    func enter(_ end: BrokerPort, number: UInt64) {
        end.number = number
        table[number] = end
    }

    /// A number of the broker's.
    package func takeNumber() -> UInt64 {
        defer { nextNumber += 2 }
        return nextNumber
    }

    package func forget(_ end: BrokerPort) {
        table[end.number] = nil
        guard end.waitTicket != 0 else { return }
        end.waitTicket = 0
        waitingCount -= 1
        // Those that went are taken out when they are most of it.
        if waiting.count > 2 * waitingCount + 32 { waiting.removeAll { $0.end.waitTicket != $0.ticket } }
    }

    func wait(_ end: BrokerPort) {
        if end.waitTicket != 0 { return }
        lastTicket += 1
        end.waitTicket = lastTicket
        waiting.append((end, lastTicket))
        waitingCount += 1
    }

    package var hasWaiting: Bool { waitingCount > 0 }

    func setToBePumped() { isToBePumped = true }

    /// A round begins: how many ends wait.
    func takePumping() -> Int {
        isToBePumped = false
        return waitingCount
    }

    /// The one that has waited longest to be passed more.
    func nextWaiting() -> BrokerPort? {
        while let first = waiting.popFirst() {
            guard first.end.waitTicket == first.ticket else { continue }
            first.end.waitTicket = 0
            waitingCount -= 1
            return first.end
        }
        return nil
    }
}

/// The owner of the other ends of all broadcast channels.
package protocol BroadcastEnds: PortOwner {
    /// The port with this number, which it was given, is the other end of a new subscription of `owner`'s.
    func subscribe(_ number: UInt64, name: String, origin: String, keeping: BroadcastKeeping, for owner: any PortOwner)
}
