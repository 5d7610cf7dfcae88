// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroLink

/// Two clients that have been introduced to each other, or are being.
final class PortPair {
    /// As introductions and direct channels name it.
    let id: UInt64
    private weak var one: PortOwner?
    private weak var other: PortOwner?
    private var hasOneOffered = false
    private var hasOtherOffered = false
    private(set) var isFailed = false

    init(_ one: PortOwner, _ other: PortOwner, id: UInt64) {
        self.one = one
        self.other = other
        self.id = id
    }

    /// Both offers were passed on.
    var isLinked: Bool { hasOneOffered && hasOtherOffered && !isFailed }

    func partner(of owner: PortOwner) -> PortOwner? { owner === one ? other : one }

    func fail() { isFailed = true }

    /// UNTRUSTED: one of them offers, or refuses. False: it has done so before.
    func note(offerOf owner: PortOwner) -> Bool {
        if owner === one {
            defer { hasOneOffered = true }
            return !hasOneOffered
        }
        defer { hasOtherOffered = true }
        return !hasOtherOffered
    }
}

/// A direct channel, as the broker knows it: from its preparation until nothing more can come of it.
///
/// The broker does not see what goes over it. It learns where each end stands when that posts through the broker again,
/// which it does before its port goes anywhere else.
final class BrokerChannel {
    let token: UInt64
    var sides: [Side]
    /// The owners were told to go.
    var isOpen = false
    /// It is over for one of them.
    var isEnding = false
    /// Nobody waits any more for what one of them is to post in the stead of the other.
    var isGivenUp = false

    struct Side {
        /// The owner for which the channel was made; the end may have gone on to others meanwhile.
        weak var owner: PortOwner?
        weak var end: BrokerPort?
        var state = State.asked
    }

    enum State {
        case asked, ready
        /// Sends over the direct channel.
        case active
        /// Is gone, and the other one is to say what it had sent.
        case gone
        /// Nothing that was sent over the direct channel is missing here.
        case through
    }

    init(_ token: UInt64, _ one: BrokerPort, _ other: BrokerPort) {
        self.token = token
        sides = [Side(owner: one.owner, end: one), Side(owner: other.owner, end: other)]
    }

    func side(of owner: PortOwner) -> Int? { sides.firstIndex { $0.owner === owner } }
    func side(of end: BrokerPort) -> Int? { sides.firstIndex { $0.end === end } }
}

// Which channels get a direct channel, and how that ends.
extension PortBroker {
    // MARK: Beginning

    /// A message was passed on to the owner of `end`.
    func consider(_ end: BrokerPort) {
        guard options.allowsDirectLinks, end.channel == nil, let peer = end.peer, let owner = end.owner,
            let other = peer.owner, owner !== other
        else { return }
        end.passedSinceDirect += 1
        let enough = max(UInt64(clamping: options.messagesBeforeDirect), end.patience, peer.patience)
        guard end.passedSinceDirect + peer.passedSinceDirect >= enough, end.isInUse, peer.isInUse,
            owner.canBeIntroduced,
            other.canBeIntroduced
        else { return }
        guard let pair = owner.pairs[ObjectIdentifier(other)] else { return introduce(owner, other) }
        if pair.isLinked { prepare(end, peer, pair) }
    }

    private func introduce(_ one: PortOwner, _ other: PortOwner) {
        guard one.pairs.count < options.directLinksPerClient, other.pairs.count < options.directLinksPerClient else {
            return
        }
        lastIntroduction += 1
        let pair = PortPair(one, other, id: lastIntroduction)
        one.pairs[ObjectIdentifier(other)] = pair
        other.pairs[ObjectIdentifier(one)] = pair
        if !one.introduce(to: other, as: pair.id) { pair.fail() }
    }

    /// UNTRUSTED: one of two offers the other its half of their link; `pass` passes the offer on, and says whether it
    /// did.
    func receive(offerFor id: UInt64, isRefusal: Bool, from owner: PortOwner, pass: (PortOwner) -> Bool)
        throws(LinkError)
    {
        // The other may be gone.
        guard let pair = owner.pairs.values.first(where: { $0.id == id }) else { return }
        guard pair.note(offerOf: owner) else { throw .violation("a second offer for one introduction") }
        // One that is gone takes its half with it: see `forgetPairs`.
        guard let partner = pair.partner(of: owner) else { return pair.fail() }
        guard pass(partner) else {
            for each in [owner, partner] { each.refuse(introduction: id) }
            return pair.fail()
        }
        if isRefusal { pair.fail() }
    }

    private func prepare(_ end: BrokerPort, _ peer: BrokerPort, _ pair: PortPair) {
        lastToken += 1
        let channel = BrokerChannel(lastToken, end, peer)
        channels[channel.token] = channel
        for each in [end, peer] {
            each.channel = channel
            each.owner?.channels[channel.token] = channel
            each.passedSinceDirect = 0
            each.owner?.notify(DirectChannelFrame(channel.token, .prepare, number: each.number, link: pair.id))
        }
    }

    // MARK: What owners say

    /// UNTRUSTED: `owner` is the sender, and a channel it has no part in is one that is over.
    func take(_ frame: DirectChannelFrame, from owner: PortOwner) throws(LinkError) {
        guard let channel = channels[frame.token], let index = channel.side(of: owner) else { return }
        switch frame.step {
        case .ready:
            guard channel.sides[index].state == .asked else { throw .violation("a direct channel that is ready twice") }
            channel.sides[index].state = .ready
            guard channel.sides.allSatisfy({ $0.state == .ready }) else { return }
            channel.isOpen = true
            for index in channel.sides.indices {
                channel.sides[index].state = .active
                channel.sides[index].end?.hasBeenDirect = true
            }
            notify(channel, .go)
        case .refused: if !channel.isOpen { finish(channel) }
        case .resume:
            guard channel.sides[index].state == .active, let end = channel.sides[index].end, end.owner === owner else {
                return
            }
            resume(end, from: frame.number)
        case .through:
            if channel.sides[index].state == .active { channel.sides[index].state = .through }
            stop(channel)
        case .resumeForPeer:
            if let end = try orphan(channel, of: owner) { resume(end, from: frame.number) }
        case .throughForPeer:
            guard let end = try orphan(channel, of: owner) else { return }
            settle(channel, 1 - index)
            close(end)
        default: throw .violation("a step of a direct channel that is not an owner's")
        }
    }

    /// UNTRUSTED: the end of the other owner of a direct channel, which is gone. `nil`: it was closed meanwhile.
    private func orphan(_ channel: BrokerChannel, of owner: PortOwner) throws(LinkError) -> BrokerPort? {
        if channel.isGivenUp { return nil }
        guard let index = channel.side(of: owner), channel.sides[1 - index].state == .gone else {
            throw .violation("commands in the stead of an owner that is there")
        }
        return channel.sides[1 - index].end
    }

    /// The same by the number that stands for it. `nil`: nothing of it is wanted any more.
    func orphan(number: UInt64, of owner: PortOwner) throws(LinkError) -> BrokerPort? {
        guard let channel = channels[number & ~DirectChannelFrame.peerBit] else { return nil }
        return try orphan(channel, of: owner)
    }

    /// What comes next from `end` has this number. All before it was taken, as its sender says, who was told so.
    private func resume(_ end: BrokerPort, from number: UInt64) {
        guard number > end.posted else { return }
        end.posted = number
        if let target = end.peer { skip(target, to: number) }
    }

    // MARK: Ending

    /// The owners post through the broker again.
    func stop(_ channel: BrokerChannel) {
        if !channel.isOpen { return finish(channel) }
        if !channel.isEnding {
            channel.isEnding = true
            for side in channel.sides where side.state == .active {
                side.owner?.notify(DirectChannelFrame(channel.token, .stop))
            }
        }
        if channel.sides.allSatisfy({ $0.state == .through }) { finish(channel) }
    }

    /// An end is on its way to another owner; the one before is through, or never had it in its hands.
    func stopChannel(of end: BrokerPort) {
        if let channel = end.channel { stop(channel) }
    }

    /// An end is closed, by whoever has it: what it had to say is said.
    func closeChannel(of end: BrokerPort) {
        guard let channel = end.channel, let index = channel.side(of: end) else { return }
        settle(channel, index)
    }

    private func settle(_ channel: BrokerChannel, _ index: Int) {
        if channel.sides[index].state == .through { return }
        channel.sides[index].state = .through
        stop(channel)
    }

    /// The owner of `end` is gone. True: its end is not, until the other owner has said what came from it.
    func leaveOrphan(_ end: BrokerPort, of owner: PortOwner) -> Bool {
        guard let channel = end.channel, channel.isOpen, end.peer != nil, let index = channel.side(of: owner),
            channel.sides[index].state == .active, channel.sides[1 - index].state != .gone,
            let other = channel.sides[1 - index].owner
        else { return false }
        channel.sides[index].state = .gone
        stop(channel)
        other.notify(DirectChannelFrame(channel.token, .drain))
        waitForDrain(of: channel)
        return true
    }

    // MARK: Silence

    private func waitForDrain(of channel: BrokerChannel) {
        drains.append((channel.token, oro_now() + UInt64(max(0, options.drainMilliseconds)) * 1_000_000))
    }

    private static let drainsAtOnce = 64

    /// When to look for owners that do not say what the dead had sent them; `.max`: nobody waits for that.
    var nextDrain: UInt64 { drains.first?.deadline ?? .max }

    /// Whoever had a port before, and is silent (stopped, say), does not keep its new owner from the end of the
    /// conversation. Where it has the port itself nobody else waits. A few at a time: the rest is due at once again.
    func giveUpDrains(_ now: UInt64) {
        for _ in 0..<PortBroker.drainsAtOnce {
            guard let first = drains.first, first.deadline <= now else { return }
            drains.removeFirst()
            guard let channel = channels[first.token],
                let index = channel.sides.firstIndex(where: { $0.state == .gone })
            else {
                continue
            }
            let orphan = channel.sides[index].end
            if let owner = orphan?.peer?.owner, owner === channel.sides[1 - index].owner {
                waitForDrain(of: channel)
                continue
            }
            channel.isGivenUp = true
            settle(channel, index)
            if let orphan { close(orphan) }
        }
    }

    /// `owner` is gone: those it was introduced to receive nothing more from it.
    func forgetPairs(of owner: PortOwner) {
        for pair in owner.pairs.values {
            guard let partner = pair.partner(of: owner) else { continue }
            partner.pairs[ObjectIdentifier(owner)] = nil
            // It may have its half ready, and wait for the other.
            if !pair.isLinked { partner.refuse(introduction: pair.id) }
        }
        owner.pairs = [:]
    }

    /// The same, for one direct channel it had a part in.
    func forget(_ channel: BrokerChannel, of owner: PortOwner) {
        if let index = channel.side(of: owner) {
            let orphan = channel.sides[1 - index].state == .gone ? channel.sides[1 - index].end : nil
            // Where its own end is not an orphan, that has gone on or is closed.
            if channel.sides[index].state != .gone { settle(channel, index) }
            if let orphan {
                settle(channel, 1 - index)
                close(orphan)
            }
        }
    }

    private func finish(_ channel: BrokerChannel) {
        guard channels.removeValue(forKey: channel.token) != nil else { return }
        notify(channel, .over)
        for side in channel.sides {
            side.owner?.channels[channel.token] = nil
            guard let end = side.end else { continue }
            end.channel = nil
            // Where ports go along again and again a direct channel is hardly worth its beginning and end.
            end.patience = min(max(2 * end.patience, 16), PortLimits.window)
        }
    }

    private func notify(_ channel: BrokerChannel, _ step: DirectChannelFrame.Step) {
        for side in channel.sides { side.owner?.notify(DirectChannelFrame(channel.token, step)) }
    }
}
