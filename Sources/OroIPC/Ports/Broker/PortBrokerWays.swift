// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroLink

/// Two clients that have been introduced to each other, or are being.
final class PortPair {
    /// As introductions and ways name it.
    let id: UInt64
    private weak var one: PortMember?
    private weak var other: PortMember?
    private var hasOneOffered = false
    private var hasOtherOffered = false
    private(set) var isFailed = false

    init(_ one: PortMember, _ other: PortMember, id: UInt64) {
        self.one = one
        self.other = other
        self.id = id
    }

    /// Both offers were passed on.
    var isLinked: Bool { hasOneOffered && hasOtherOffered && !isFailed }

    func partner(of member: PortMember) -> PortMember? { member === one ? other : one }

    func fail() { isFailed = true }

    /// UNTRUSTED: one of them offers, or refuses. False: it has done so before.
    func note(offerOf member: PortMember) -> Bool {
        if member === one {
            defer { hasOneOffered = true }
            return !hasOneOffered
        }
        defer { hasOtherOffered = true }
        return !hasOtherOffered
    }
}

/// The direct way of a channel, as the broker knows it: from its preparation until nothing more can come of it.
///
/// The broker does not see what goes over it. It learns where each end stands when that posts through the broker again,
/// which it does before its port goes anywhere else.
final class DirectWay {
    let token: UInt64
    var sides: [Side]
    /// The owners were told to go.
    var isOpen = false
    /// It is over for one of them.
    var isEnding = false
    /// Nobody waits any more for what one of them is to say in the stead of the other.
    var isGivenUp = false

    struct Side {
        /// The owner for which the way was made; the end may have gone on to others meanwhile.
        weak var member: PortMember?
        weak var end: PortEnd?
        var state = State.asked
    }

    enum State {
        case asked, ready
        /// Sends over the way.
        case active
        /// Is gone, and the other one is to say what it had sent.
        case gone
        /// Nothing that was sent over the way is missing here.
        case through
    }

    init(_ token: UInt64, _ one: PortEnd, _ other: PortEnd) {
        self.token = token
        sides = [Side(member: one.owner, end: one), Side(member: other.owner, end: other)]
    }

    func side(of member: PortMember) -> Int? { sides.firstIndex { $0.member === member } }
    func side(of end: PortEnd) -> Int? { sides.firstIndex { $0.end === end } }
}

// Which channels take a direct way, and how that ends.
extension PortBroker {
    // MARK: Beginning

    /// A message was passed on to the owner of `end`.
    func consider(_ end: PortEnd) {
        guard options.allowsDirectLinks, end.way == nil, let peer = end.peer, let owner = end.owner,
            let other = peer.owner, owner !== other
        else { return }
        end.passedSinceWay += 1
        let enough = max(UInt64(clamping: options.messagesBeforeDirect), end.patience, peer.patience)
        guard end.passedSinceWay + peer.passedSinceWay >= enough, end.isInUse, peer.isInUse, owner.canBeIntroduced,
            other.canBeIntroduced
        else { return }
        guard let pair = owner.pairs[ObjectIdentifier(other)] else { return introduce(owner, other) }
        if pair.isLinked { prepare(end, peer, pair) }
    }

    private func introduce(_ one: PortMember, _ other: PortMember) {
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
    func hear(offerFor id: UInt64, isRefusal: Bool, from member: PortMember, pass: (PortMember) -> Bool)
        throws(LinkError)
    {
        // The other may be gone.
        guard let pair = member.pairs.values.first(where: { $0.id == id }) else { return }
        guard pair.note(offerOf: member) else { throw .violation("a second offer for one introduction") }
        // One that is gone takes its half with it: see `forgetPairs`.
        guard let partner = pair.partner(of: member) else { return pair.fail() }
        guard pass(partner) else {
            for each in [member, partner] { each.refuse(introduction: id) }
            return pair.fail()
        }
        if isRefusal { pair.fail() }
    }

    private func prepare(_ end: PortEnd, _ peer: PortEnd, _ pair: PortPair) {
        lastToken += 1
        let way = DirectWay(lastToken, end, peer)
        ways[way.token] = way
        for each in [end, peer] {
            each.way = way
            each.owner?.ways[way.token] = way
            each.passedSinceWay = 0
            each.owner?.tell(PortWayFrame(way.token, .prepare, number: each.number, link: pair.id))
        }
    }

    // MARK: What owners say

    /// UNTRUSTED: `member` is the one that says it, and a way it has no part in is one that is over.
    func take(_ frame: PortWayFrame, from member: PortMember) throws(LinkError) {
        guard let way = ways[frame.token], let index = way.side(of: member) else { return }
        switch frame.step {
        case .ready:
            guard way.sides[index].state == .asked else { throw .violation("a direct way that is ready twice") }
            way.sides[index].state = .ready
            guard way.sides.allSatisfy({ $0.state == .ready }) else { return }
            way.isOpen = true
            for index in way.sides.indices {
                way.sides[index].state = .active
                way.sides[index].end?.hasBeenDirect = true
            }
            tell(way, .go)
        case .refused: if !way.isOpen { finish(way) }
        case .resume:
            guard way.sides[index].state == .active, let end = way.sides[index].end, end.owner === member else {
                return
            }
            resume(end, from: frame.number)
        case .through:
            if way.sides[index].state == .active { way.sides[index].state = .through }
            stop(way)
        case .resumeForPeer:
            if let end = try orphan(way, of: member) { resume(end, from: frame.number) }
        case .throughForPeer:
            guard let end = try orphan(way, of: member) else { return }
            settle(way, 1 - index)
            close(end)
        default: throw .violation("a step of a direct way that is not an owner's")
        }
    }

    /// UNTRUSTED: the end of the other owner of a way, which is gone. `nil`: it was closed meanwhile.
    private func orphan(_ way: DirectWay, of member: PortMember) throws(LinkError) -> PortEnd? {
        if way.isGivenUp { return nil }
        guard let index = way.side(of: member), way.sides[1 - index].state == .gone else {
            throw .violation("words in the stead of somebody who is there")
        }
        return way.sides[1 - index].end
    }

    /// The same by the number that stands for it. `nil`: nothing of it is wanted any more.
    func orphan(number: UInt64, of member: PortMember) throws(LinkError) -> PortEnd? {
        guard let way = ways[number & ~PortWayFrame.peerBit] else { return nil }
        return try orphan(way, of: member)
    }

    /// What comes next from `end` has this number. All before it was taken, as its sender says, who was told so.
    private func resume(_ end: PortEnd, from number: UInt64) {
        guard number > end.posted else { return }
        end.posted = number
        if let target = end.peer { skip(target, to: number) }
    }

    // MARK: Ending

    /// The owners post through the broker again.
    func stop(_ way: DirectWay) {
        if !way.isOpen { return finish(way) }
        if !way.isEnding {
            way.isEnding = true
            for side in way.sides where side.state == .active { side.member?.tell(PortWayFrame(way.token, .stop)) }
        }
        if way.sides.allSatisfy({ $0.state == .through }) { finish(way) }
    }

    /// An end is on its way to another owner; the one before is through, or never had it in its hands.
    func stopWay(of end: PortEnd) {
        if let way = end.way { stop(way) }
    }

    /// An end is closed, by whoever has it: what it had to say is said.
    func closeWay(of end: PortEnd) {
        guard let way = end.way, let index = way.side(of: end) else { return }
        settle(way, index)
    }

    private func settle(_ way: DirectWay, _ index: Int) {
        if way.sides[index].state == .through { return }
        way.sides[index].state = .through
        stop(way)
    }

    /// The owner of `end` is gone. True: its end is not, until the other owner has said what came from it.
    func leaveOrphan(_ end: PortEnd, of member: PortMember) -> Bool {
        guard let way = end.way, way.isOpen, end.peer != nil, let index = way.side(of: member),
            way.sides[index].state == .active, way.sides[1 - index].state != .gone,
            let other = way.sides[1 - index].member
        else { return false }
        way.sides[index].state = .gone
        stop(way)
        other.tell(PortWayFrame(way.token, .drain))
        waitForDrain(of: way)
        return true
    }

    // MARK: Silence

    private func waitForDrain(of way: DirectWay) {
        drains.append((way.token, oro_now() + UInt64(max(0, options.drainMilliseconds)) * 1_000_000))
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
            guard let way = ways[first.token], let index = way.sides.firstIndex(where: { $0.state == .gone }) else {
                continue
            }
            let orphan = way.sides[index].end
            if let owner = orphan?.peer?.owner, owner === way.sides[1 - index].member {
                waitForDrain(of: way)
                continue
            }
            way.isGivenUp = true
            settle(way, index)
            if let orphan { close(orphan) }
        }
    }

    /// `member` is gone: those it was introduced to hear nothing more from it.
    func forgetPairs(of member: PortMember) {
        for pair in member.pairs.values {
            guard let partner = pair.partner(of: member) else { continue }
            partner.pairs[ObjectIdentifier(member)] = nil
            // It may have its half ready, and wait for the other.
            if !pair.isLinked { partner.refuse(introduction: pair.id) }
        }
        member.pairs = [:]
    }

    /// The same, for one way it had a part in.
    func forget(_ way: DirectWay, of member: PortMember) {
        if let index = way.side(of: member) {
            let orphan = way.sides[1 - index].state == .gone ? way.sides[1 - index].end : nil
            // Where its own end is not an orphan, that has gone on or is closed.
            if way.sides[index].state != .gone { settle(way, index) }
            if let orphan {
                settle(way, 1 - index)
                close(orphan)
            }
        }
    }

    private func finish(_ way: DirectWay) {
        guard ways.removeValue(forKey: way.token) != nil else { return }
        tell(way, .over)
        for side in way.sides {
            side.member?.ways[way.token] = nil
            guard let end = side.end else { continue }
            end.way = nil
            // Where ports go along again and again a way is hardly worth its beginning and end.
            end.patience = min(max(2 * end.patience, 16), PortLimits.window)
        }
    }

    private func tell(_ way: DirectWay, _ step: PortWayFrame.Step) {
        for side in way.sides { side.member?.tell(PortWayFrame(way.token, step)) }
    }
}
