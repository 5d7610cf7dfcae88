// SPDX-License-Identifier: Apache-2.0

import DequeModule
import OroBase
import OroFrame
import OroLink

/// Where all ports of a host and its clients are known: who has which end, and what was posted and not taken yet.
///
/// Everything that moves a port passes through the broker, so there is one order of all transfers; and so do all
/// messages but those that two clients exchange over a link of their own (`PortBrokerChannels.swift`). It keeps each
/// message until the port's owner says that it was taken. When an owner gives a port away it says how many it has
/// taken, and everything behind that cut, including what had been passed on to it already, goes to the next owner.
/// Nobody reaches an end that was not given to him: numbers mean something in the table of their owner only. See
/// `docs/decisions/013-port-transfer.md`.
///
/// Belongs to the host's thread.
package final class PortBroker {
    /// Who listens to which name, in the host itself.
    package private(set) var local: (any PortOwner)?
    /// The other end of all broadcast channels; without one there are none.
    private var hub: (any BroadcastEnds)?
    package let options: PortOptions
    /// Where what is too much for one turn goes on.
    package let slices: HostSlices
    /// First ends that wait for somebody who says the same name.
    private var pairings: [TextKey: BrokerPort] = [:]
    /// Ends there are, on both sides of all links and on their way.
    package private(set) var ends = 0
    /// Direct channels that are not over, and what the last one, and the last introduction, were called.
    package var channels: [UInt64: BrokerChannel] = [:]
    package var lastToken: UInt64 = 0
    package var lastIntroduction: UInt64 = 0
    /// Direct channels whose one owner is gone, in the order in which the other's time is over to say what had come
    /// from it.
    package var drains: Deque<(token: UInt64, deadline: UInt64)> = []

    /// Descriptors that came with messages and that somebody here still has.
    package var descriptors = 0

    private let longestMessage: Int
    /// What waited at ports that are closed, and was not let go of yet.
    package var remains: Deque<Deque<Parcel<BrokerPort>>> = []
    package var isLettingGo = false

    package init(_ options: PortOptions, longestMessage: Int, slices: HostSlices = HostSlices()) {
        self.options = options
        self.slices = slices
        self.longestMessage = longestMessage
    }

    package func setLocal(_ owner: any PortOwner) { local = owner }

    package func setHub(_ hub: any BroadcastEnds) { self.hub = hub }

    // MARK: Commands

    /// UNTRUSTED: a command of an owner. Throws when it cannot be one of the engine's.
    package func take(_ command: PortCommand, from owner: any PortOwner) throws(LinkError) {
        switch command {
        case .open(let number, let name, let opening): try open(number, name, opening, owner)
        case .channel(let first, let second):
            try owner.state.take(numbers: first, second)
            let (one, other) = makeChannel(owner)
            owner.give(one, number: first)
            owner.give(other, number: second)
            try checkQuota(owner, one)
        case .message(let posting): try post(posting, owner)
        case .consumed(let number, let count): consume(try owner.state.end(number), count.value)
        case .close(let number): close(try owner.state.end(number))
        case .direct(let frame): try take(frame, from: owner)
        case .claimed(let count): owner.note(claimed: count.value)
        }
    }

    private func makeChannel(_ creator: any PortOwner) -> (BrokerPort, BrokerPort) {
        let (one, other) = (BrokerPort(), BrokerPort())
        one.peer = other
        other.peer = one
        for end in [one, other] {
            end.creator = creator
            end.charge = creator.account.flatMap { ByteCharge(BrokerPort.cost, to: $0) }
            creator.state.created += 1
            ends += 1
        }
        return (one, other)
    }

    /// A client with more ports than it may have loses the new channel, and is told so.
    private func checkQuota(_ owner: any PortOwner, _ end: BrokerPort) throws(LinkError) {
        guard let other = end.peer else { return }
        let why: String
        if owner.state.created > options.portsPerLink {
            why = "more than \(options.portsPerLink) ports"
        } else if let account = owner.account, end.charge == nil || other.charge == nil {
            why = account.refusal.description
        } else {
            return
        }
        // It may not have heard of that yet; but at some time it has.
        guard owner.state.created <= 2 * options.portsPerLink else {
            // Nobody has it, so nobody would close it.
            close(other)
            throw .violation("\(owner.state.created) ports")
        }
        for end in [end, other] {
            end.closing = "QuotaExceededError: \(why)"
            end.peer = nil
            if end.owner == nil { close(end) } else { pump(end) }
        }
    }

    /// UNTRUSTED: a message of the port with this number that there is no memory for. The port is closed at both ends.
    package func refuse(_ number: UInt64, from owner: any PortOwner, _ why: String) throws(LinkError) {
        let end = try owner.state.end(number)
        guard let other = end.peer else { return }
        for end in [end, other] {
            closeChannel(of: end)
            end.closing = why
            end.peer = nil
            if end.owner == nil { close(end) } else { pump(end) }
        }
    }

    private func open(
        _ number: UInt64, _ name: String, _ opening: PortOpening, _ owner: any PortOwner
    ) throws(LinkError) {
        try owner.state.take(numbers: number)
        if case .pairing = opening, options.allowsMeetings, let waiting = pairings.removeValue(forKey: TextKey(name)) {
            // The end that was left for whoever comes.
            waiting.pairing = nil
            owner.give(waiting, number: number)
            return pump(waiting)
        }
        let (end, other) = makeChannel(owner)
        owner.give(end, number: number)
        try checkQuota(owner, end)
        guard end.peer != nil else { return }
        switch opening {
        case .host:
            guard let local, local.accepts(name) else { return refuse(end, "nobody accepts ports named '\(name)'") }
            let number = local.state.takeNumber()
            local.give(other, number: number)
            local.opened(number, name: name, by: owner)
        case .pairing:
            guard options.allowsMeetings else { return refuse(end, "clients do not meet at this host") }
            pairings[name] = other
            other.pairing = name
        case .broadcast(let origin, let keeping):
            guard options.allowsBroadcasts, let hub else { return refuse(end, "this host has no broadcasts") }
            let number = hub.state.takeNumber()
            hub.give(other, number: number)
            hub.subscribe(number, name: name, origin: origin, keeping: keeping, for: owner)
        }
    }

    private func refuse(_ end: BrokerPort, _ why: String) {
        guard let other = end.peer else { return }
        end.closing = "NotFoundError: \(why)"
        close(other)
    }

    private func post(_ posting: Parcel<PostedPort>, _ owner: any PortOwner) throws(LinkError) {
        if posting.number & DirectChannelFrame.peerBit != 0 { return try postForPeer(posting, owner) }
        let end = try owner.state.end(posting.number)
        // What passes the message on tells the other end.
        let count = SendWindow.count(low: posting.consumed, from: end.queue.taken)
        // Forwards only: what was counted exactly meanwhile looks like a great many more.
        if count - end.queue.taken <= UInt64(UInt32.max / 2) { consume(end, count, notifying: false) }
        guard posting.seq.value == end.posted else { throw .violation("a message of a port out of turn") }
        end.posted += 1
        end.isInUse = true
        var ports: [BrokerPort] = []
        // First all are looked up, then all are taken: a bad list moves nothing.
        defer { for port in ports { port.isListed = false } }
        for item in posting.transferred {
            let port = try owner.state.end(item.number)
            guard port !== end, !port.isListed else {
                throw .violation("a port goes along with its own message, or twice")
            }
            guard item.consumed.value >= port.queue.taken, port.mayHaveTaken(item.consumed.value) else {
                throw .violation("more messages taken of a port than it was given")
            }
            port.isListed = true
            ports.append(port)
        }
        for (item, port) in zip(posting.transferred, ports) {
            consume(port, item.consumed.value)
            port.id = item.id
            leave(port)
        }
        guard let target = end.peer else {
            // Posted before the end of the other side was known here.
            for port in ports { close(port) }
            return
        }
        if !ports.isEmpty, target.isHeldByListed {
            // A port inside its own queue could never be reached again: as if the message had been taken and lost.
            for port in ports { close(port) }
            return lose(posting, target)
        }
        if posting.seq.value < target.queue.taken {
            // It came by a direct channel, and was taken.
            for port in ports { close(port) }
            return
        }
        guard mayTakeMore(target) else { throw .violation("more messages for a port than it may be sent") }
        for port in ports { port.enclosing = target }
        append(posting.transferring(ports), to: target)
    }

    /// A message of an owner that is gone, from the other one, to which it came by their direct channel. UNTRUSTED:
    /// that one could as well have taken it.
    private func postForPeer(_ posting: Parcel<PostedPort>, _ owner: any PortOwner) throws(LinkError) {
        guard posting.transferred.isEmpty else { throw .violation("a port that came by a direct channel") }
        // What the owner had posted here before it was gone is known.
        guard let end = try orphan(number: posting.number, of: owner), posting.seq.value == end.posted else { return }
        end.posted += 1
        guard let target = end.peer, posting.seq.value >= target.queue.taken else { return }
        // It was the other one that said too much, and that is gone.
        guard mayTakeMore(target) else { return close(end) }
        append(posting.transferring([]), to: target)
    }

    private func mayTakeMore(_ target: BrokerPort) -> Bool {
        target.queue.count < 2 * Int(PortLimits.window)
            && target.queue.cost < 2 * PortLimits.windowBytes + longestMessage
    }

    private func append(_ parcel: Parcel<BrokerPort>, to target: BrokerPort) {
        // One that is not added was taken already.
        if target.queue.append(parcel) { pump(target) }
    }

    /// A message that nobody will ever take: its receiver finds one that cannot be read in its place.
    private func lose(_ posting: Parcel<PostedPort>, _ target: BrokerPort) {
        append(Parcel(number: posting.number, seq: posting.seq, content: .unreadable), to: target)
    }

    // MARK: Taking

    /// Its owner has taken so many messages in all. UNTRUSTED: a count that cannot be says nothing.
    private func consume(_ end: BrokerPort, _ count: UInt64, notifying: Bool = true) {
        guard count > end.queue.taken, end.mayHaveTaken(count) else { return }
        skip(end, to: count)
        end.isInUse = true
        if notifying, let peer = end.peer, let owner = peer.owner { owner.notifyConsumed(peer.number, count) }
    }

    /// Everything before `count` was taken; by a direct channel also what was not passed on here.
    package func skip(_ end: BrokerPort, to count: UInt64) {
        var lost: [BrokerPort] = []
        var passed = end.passed
        end.queue.take(below: count) { parcel in
            for port in parcel.transferred { port.enclosing = nil }
            if passed > 0 { passed -= 1 } else { lost += parcel.transferred }
        }
        end.passed = passed
        for port in lost { close(port) }
    }

    // MARK: Passing on

    /// Gives the owner of a port what is there for it, as long as the owner's link has room; a part of it now and the
    /// rest in slices where it is much.
    package func pump(_ first: BrokerPort) {
        var waiting = [first]
        var budget = PortBroker.passedAtOnce
        while let end = waiting.popLast() {
            guard let owner = end.owner else { continue }
            while end.passed < end.queue.count {
                let parcel = end.queue[end.passed]
                guard budget > 0 else {
                    owner.state.wait(end)
                    pumpWaiting(of: owner)
                    break
                }
                budget -= 1 + parcel.transferred.count
                guard owner.hasRoom, owner.hasRoom(for: parcel.content.descriptors) else {
                    owner.state.wait(end)
                    break
                }
                end.passed += 1
                var ports: [DeliveredPort] = []
                for port in parcel.transferred {
                    let number = owner.state.takeNumber()
                    owner.give(port, number: number)
                    ports.append(
                        DeliveredPort(
                            number: number, received: SequenceNumber(own: port.queue.taken),
                            sent: SequenceNumber(own: port.posted),
                            acknowledged: SequenceNumber(own: min(port.peer?.queue.taken ?? port.posted, port.posted)),
                            id: port.id))
                }
                var delivered = parcel.transferring(ports)
                delivered.number = end.number
                delivered.consumed = SendWindow.low(end.peer?.queue.taken ?? end.posted)
                owner.deliver(delivered)
                waiting += parcel.transferred
                consider(end)
            }
            if end.peer == nil, end.passed == end.queue.count, !end.isCloseNotified {
                end.isCloseNotified = true
                owner.notifyClosed(end.number, reason: end.closing)
            }
        }
    }

    /// Messages, and ports in them, that are passed on before others get their turn.
    private static let passedAtOnce = 64

    /// Passes more to `owner` in slices, at the ports that wait for it. Its link may have room again.
    package func pumpWaiting(of owner: any PortOwner) {
        guard owner.state.hasWaiting else { return }
        owner.state.setToBePumped()
        if owner.state.isPumped { return }
        owner.state.isPumped = true
        slices.add(PortPumping(self, owner), for: owner.sliceOwner)
    }

    /// A port is on its way: its owner knows it no more. What it was given and has not taken, and the ports in that,
    /// are as if they had never been passed on.
    private func leave(_ first: BrokerPort) {
        var waiting = [first]
        while let end = waiting.popLast() {
            end.owner?.state.forget(end)
            end.owner = nil
            stopChannel(of: end)
            for index in 0..<end.passed { waiting += end.queue[index].transferred }
            end.passed = 0
            end.patience = 0
            end.isInUse = false
            end.isCloseNotified = false
        }
    }

    // MARK: Ending

    /// The owner closes its end, or is gone.
    package func close(_ first: BrokerPort) {
        var waiting = [first]
        while let end = waiting.popLast() {
            if end.isClosed { continue }
            end.isClosed = true
            end.owner?.state.forget(end)
            end.owner = nil
            closeChannel(of: end)
            if let pairing = end.pairing, pairings[pairing] === end { pairings[pairing] = nil }
            if !end.queue.isEmpty {
                if !isLettingGo { slices.add(PortRemains(self), for: HostSlices.broker) }
                isLettingGo = true
                remains.append(end.queue.removeAll())
            }
            end.creator?.state.created -= 1
            ends -= 1
            if let peer = end.peer {
                end.peer = nil
                peer.peer = nil
                if peer.pairing != nil || peer.isOrphan {
                    // Nobody waits at the other side of a meeting any more, or has anything to say there.
                    waiting.append(peer)
                } else {
                    pump(peer)
                }
            }
        }
    }

    /// An owner is gone: it is told nothing more. What it had goes with ``PortRemoval``.
    package func beginRemoval(of owner: any PortOwner) { owner.state.isGone = true }
}
