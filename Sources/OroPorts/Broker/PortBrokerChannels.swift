// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroLink

/// Two clients that have been introduced to each other, or are being.
package final class PortPair {
    /// As introductions and direct channels name it.
    package let id: UInt64
    private weak var one: (any PortOwner)?
    private weak var other: (any PortOwner)?
    private var hasOneOffered = false
    private var hasOtherOffered = false
    package private(set) var isFailed = false

    package init(_ one: any PortOwner, _ other: any PortOwner, id: UInt64) {
        self.one = one
        self.other = other
        self.id = id
    }

    /// Both offers were passed on.
    package var isLinked: Bool { hasOneOffered && hasOtherOffered && !isFailed }

    package func partner(of owner: any PortOwner) -> (any PortOwner)? { owner === one ? other : one }

    package func fail() { isFailed = true }

    /// UNTRUSTED: one of them offers, or refuses. False: it has done so before.
    package func note(offerOf owner: any PortOwner) -> Bool {
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
package final class BrokerChannel {
    package let token: UInt64
    package var sides: [Side]
    /// The owners were told to go.
    package var isOpen = false
    /// It is over for one of them.
    package var isEnding = false
    /// Nobody waits any more for what one of them is to post in the stead of the other.
    package var isGivenUp = false

    package struct Side {
        /// The owner for which the channel was made; the end may have gone on to others meanwhile.
        package weak var owner: (any PortOwner)?
        package weak var end: BrokerPort?
        package var state = State.asked
    }

    package enum State {
        case asked, ready
        /// Sends over the direct channel.
        case active
        /// Is gone, and the other one is to say what it had sent.
        case gone
        /// Nothing that was sent over the direct channel is missing here.
        case through
    }

    package init(_ token: UInt64, _ one: BrokerPort, _ other: BrokerPort) {
        self.token = token
        sides = [Side(owner: one.owner, end: one), Side(owner: other.owner, end: other)]
    }

    package func side(of owner: any PortOwner) -> Int? { sides.firstIndex { $0.owner === owner } }
    package func side(of end: BrokerPort) -> Int? { sides.firstIndex { $0.end === end } }
}

// Which channels get a direct channel, and how that ends.
extension PortBroker {
    // MARK: Beginning

    /// A message was passed on to the owner of `end`.
    package func consider(_ end: BrokerPort) {
        guard options.allowsDirectLinks, end.channel == nil, let peer = end.peer, let owner = end.owner,
            let other = peer.owner, owner !== other
        else { return }
        end.passedSinceDirect += 1
        let enough = max(UInt64(clamping: options.messagesBeforeDirect), end.patience, peer.patience)
        guard end.passedSinceDirect + peer.passedSinceDirect >= enough, end.isInUse, peer.isInUse,
            owner.canBeIntroduced,
            other.canBeIntroduced
        else { return }
        guard let pair = owner.state.pairs[ObjectIdentifier(other)] else { return introduce(owner, other) }
        if pair.isLinked { prepare(end, peer, pair) }
    }

    private func introduce(_ one: any PortOwner, _ other: any PortOwner) {
        guard one.state.pairs.count < options.directLinksPerClient,
            other.state.pairs.count < options.directLinksPerClient
        else {
            return
        }
        lastIntroduction += 1
        let pair = PortPair(one, other, id: lastIntroduction)
        one.state.pairs[ObjectIdentifier(other)] = pair
        other.state.pairs[ObjectIdentifier(one)] = pair
        if !one.introduce(to: other, as: pair.id) { pair.fail() }
    }

    /// UNTRUSTED: one of two offers the other its half of their link; `pass` passes the offer on, and says whether it
    /// did.
    package func receive(offerFor id: UInt64, isRefusal: Bool, from owner: any PortOwner, pass: (any PortOwner) -> Bool)
        throws(LinkError)
    {
        // The other may be gone.
        guard let pair = owner.state.pairs.values.first(where: { $0.id == id }) else { return }
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
            each.owner?.state.channels[channel.token] = channel
            each.passedSinceDirect = 0
            each.owner?.notify(DirectChannelFrame(channel.token, .prepare, number: each.number, link: pair.id))
        }
    }

    // MARK: What owners say

    /// UNTRUSTED: `owner` is the sender, and a channel it has no part in is one that is over.
    package func take(_ frame: DirectChannelFrame, from owner: any PortOwner) throws(LinkError) {
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
    private func orphan(_ channel: BrokerChannel, of owner: any PortOwner) throws(LinkError) -> BrokerPort? {
        if channel.isGivenUp { return nil }
        guard let index = channel.side(of: owner), channel.sides[1 - index].state == .gone else {
            throw .violation("commands in the stead of an owner that is there")
        }
        return channel.sides[1 - index].end
    }

    /// The same by the number that stands for it. `nil`: nothing of it is wanted any more.
    package func orphan(number: UInt64, of owner: any PortOwner) throws(LinkError) -> BrokerPort? {
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
    package func stop(_ channel: BrokerChannel) {
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
    package func stopChannel(of end: BrokerPort) {
        if let channel = end.channel { stop(channel) }
    }

    /// An end is closed, by whoever has it: what it had to say is said.
    package func closeChannel(of end: BrokerPort) {
        guard let channel = end.channel, let index = channel.side(of: end) else { return }
        settle(channel, index)
    }

    private func settle(_ channel: BrokerChannel, _ index: Int) {
        if channel.sides[index].state == .through { return }
        channel.sides[index].state = .through
        stop(channel)
    }

    /// The owner of `end` is gone. True: its end is not, until the other owner has said what came from it.
    package func leaveOrphan(_ end: BrokerPort, of owner: any PortOwner) -> Bool {
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
    package var nextDrain: UInt64 { drains.first?.deadline ?? .max }

    /// Whoever had a port before, and is silent (stopped, say), does not keep its new owner from the end of the
    /// conversation. Where it has the port itself nobody else waits. A few at a time: the rest is due at once again.
    package func giveUpDrains(_ now: UInt64) {
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
    package func forgetPairs(of owner: any PortOwner) {
        for pair in owner.state.pairs.values {
            guard let partner = pair.partner(of: owner) else { continue }
            partner.state.pairs[ObjectIdentifier(owner)] = nil
            // It may have its half ready, and wait for the other.
            if !pair.isLinked { partner.refuse(introduction: pair.id) }
        }
        owner.state.pairs = [:]
    }

    /// The same, for one direct channel it had a part in.
    package func forget(_ channel: BrokerChannel, of owner: any PortOwner) {
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
            side.owner?.state.channels[channel.token] = nil
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
