// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import OroPorts

extension Host {
    /// Takes conversations that clients open under `name` with ``Client/openPort(_:)``: `accept` gets the other end,
    /// and who opened it, in a task. `nil` takes none any more. Of two for one name the later counts.
    ///
    /// ```swift
    /// host.acceptPorts("chat") { port, client in
    ///     port.onmessage = { event in try? port.postMessage(["you said": event.data]) }
    /// }
    /// ```
    public func acceptPorts(_ name: String, _ accept: (@Sendable (IPCMessagePort, PortClient) -> Void)?) {
        core.ports.accept(name, accept)
    }
}

/// How the ports of a host reach its broker: on the host's thread, in the order they were asked to.
final class HostPortRoute: PortRoute {
    private let host: Locked<Weak>

    private struct Weak {
        weak var core: HostCore?
    }

    init() { host = Locked(Weak()) }

    func attach(_ core: HostCore) { host.withLock { $0.core = core } }

    func send(_ command: PortCommand) throws(LinkError) {
        guard let core = host.withLock({ $0.core }) else { throw .closed }
        let isTaken = core.reactor.submit { [weak core] in
            // The engine's own commands are never invalid.
            try? core?.broker.takeLocal(command)
        }
        if !isTaken { throw .closed }
    }

    func receiveEvents() {}
    // It reaches its clients directly already.
    func directChannel(_ frame: DirectChannelFrame, _ port: LocalPort, _ node: PortNode) -> (any DirectChannelProtocol)?
    { nil }
    // The host's own thread reads.
    func watch(_ isWanted: Bool) {}
    func read(until came: () -> Bool) {}
    var isSpinning: Bool { false }
    var takesDescriptors: Bool { host.withLock { $0.core }?.options.ports.allowsDescriptors ?? false }
    // The window of a port is a bound for those of the host's own program.
    func hasRoom(forDescriptors count: Int) -> Bool { true }
}

/// The host itself, as an owner of ports.
final class HostPortOwner: PortOwner {
    let state = PortOwnerState()
    private let node: PortNode

    init(_ node: PortNode) { self.node = node }

    func deliver(_ delivery: Parcel<DeliveredPort>) { node.take(.message(delivery)) }
    func notifyConsumed(_ number: UInt64, _ count: UInt64) {
        node.take(.consumed(number, count: SequenceNumber(own: count)))
    }
    func notifyClosed(_ number: UInt64, reason: String?) { node.take(.closed(number, reason: reason)) }
    func accepts(_ name: String) -> Bool { node.accepts(name) }
    func opened(_ number: UInt64, name: String, by owner: any PortOwner) {
        node.take(.opened(number, name: name, owner.client))
    }
}

/// A client, as an owner of ports.
final class ClientPortOwner: PortOwner {
    let state = PortOwnerState()
    /// Has this object.
    fileprivate unowned let host: HostLink
    /// A message that comes in several frames, for each ring.
    fileprivate var readers: [Int: PortReader<PostedPort>] = [:]
    /// Descriptors of this client's that are kept here, and how many were let go.
    private var keptDescriptors = 0
    private var returnedDescriptors: UInt64 = 0
    /// How many of those that were passed to it the client has taken in.
    private var claimedDescriptors: UInt64 = 0

    init(_ host: HostLink) {
        self.host = host
        let core = unsafe host.core
        broadcasts.most = core.options.ports.broadcastBytesPerLink
        broadcasts.paying = host.link.account
    }

    var sliceOwner: UInt64 { host.key }
    var account: ByteAccount? { host.link.account }
    var hasRoom: Bool { !host.link.isBackedUp(0) && !isOver }
    private var isOver: Bool { host.isEnded || host.link.isOver }
    var client: PortClient { PortClient(id: host.key, identity: host.link.peer) }

    var fixedOrigin: String? { host.client.broadcastOrigin }

    func deliver(_ delivery: Parcel<DeliveredPort>) {
        var firstDescriptor: UInt64?
        if let descriptors = delivery.content.descriptors, takesDescriptors, !descriptors.list.isEmpty {
            // Without them, where they cannot be passed now: that is a message that cannot be read.
            firstDescriptor = (try? host.link.pass(descriptors.list)) ?? nil
        }
        send { (host) throws(LinkError) in
            var failure: IPCError?
            var isClaimed = false
            func write(_ message: Parcel<DeliveredPort>) throws(LinkError) {
                try PortWriter.write(message, firstDescriptor: firstDescriptor) { (frame, payload) throws(LinkError) in
                    let isClaim = frame.kind == .portDescriptors
                    // Once: the client may have taken them in already.
                    if failure != nil || (isClaim && isClaimed) { return }
                    failure = try host.send(frame, payload)
                    if isClaim, failure == nil { isClaimed = true }
                }
            }
            try write(delivery)
            guard failure != nil else {
                // Also for a port that it has no more: they are to be closed there, although nobody may be waiting for
                // anything.
                if firstDescriptor != nil { Introduction.nudge(host.link) }
                return
            }
            // This client does not take so much: it is told of a message that cannot be read.
            failure = nil
            try write(delivery.unreadable)
        }
    }

    // MARK: Descriptors

    private var takesDescriptors: Bool { host.link.peerTakesDescriptors && !state.isGone && !isOver }

    func hasRoom(for descriptors: TransferredDescriptors?) -> Bool {
        guard let descriptors, takesDescriptors else { return true }
        return host.link.passedDescriptors - claimedDescriptors + UInt64(descriptors.list.count)
            <= UInt64(Link.descriptorsAtOnce)
    }

    /// UNTRUSTED: a count that cannot be says nothing.
    func note(claimed count: UInt64) {
        guard count > claimedDescriptors, count <= host.link.passedDescriptors else { return }
        claimedDescriptors = count
        host.flushPorts()
    }

    /// UNTRUSTED: descriptors for the client's next message. They count for it until nobody here has them any more.
    fileprivate func claim(_ first: UInt64, _ count: Int) throws(LinkError) -> TransferredDescriptors {
        let (list, skipped) = try host.link.claim(first, count: count)
        keptDescriptors += skipped
        letGo(skipped)
        let core = unsafe host.core
        keptDescriptors += count
        guard keptDescriptors <= Link.descriptorsAtOnce else {
            throw .violation("more than \(Link.descriptorsAtOnce) descriptors that nobody has taken")
        }
        if core.broker.descriptors + count > core.options.ports.descriptors {
            letGo(count)
            return TransferredDescriptors([])
        }
        core.broker.descriptors += count
        let id = host.key
        return TransferredDescriptors(list) { [weak core] list in
            // On whatever thread the last one lets go of them. The client is told before they are closed: whoever sees
            // them closed finds that there is room for others.
            _ = core?.reactor.submit { [weak core] in
                guard let core else { return }
                core.broker.descriptors -= count
                core.links[id]?.ports.letGo(count)
                withExtendedLifetime(list) {}
            }
        }
    }

    private func letGo(_ count: Int) {
        if count == 0 { return }
        keptDescriptors -= count
        returnedDescriptors += UInt64(count)
        var frame = Frame(.portReturned, port: 0)
        frame.seq = Seq(returnedDescriptors)
        send(frame)
    }

    func notifyConsumed(_ number: UInt64, _ count: UInt64) {
        var frame = Frame(.portConsumed, port: number)
        frame.seq = Seq(count)
        send(frame)
    }

    func notify(_ frame: DirectChannelFrame) {
        send(frame.frame)
        // Others wait for the answer; this client may have posted something and be waiting for nothing.
        if frame.step == .stop || frame.step == .drain, !state.isGone, !isOver { Introduction.nudge(host.link) }
    }

    var canBeIntroduced: Bool { host.link.isIntroducible && !state.isGone && !isOver }

    func introduce(to other: any PortOwner, as id: UInt64) -> Bool {
        guard let other = other as? ClientPortOwner else { return false }
        if (try? Introduction.make(host.link, other.host.link, id: id)) == true { return true }
        for each in [self, other] { each.refuse(introduction: id) }
        return false
    }

    func refuse(introduction id: UInt64) {
        if !state.isGone, !isOver { Introduction.refuse(id, over: host.link) }
    }

    func notifyClosed(_ number: UInt64, reason: String?) {
        var frame = Frame(.portClose, port: number)
        frame.value = reason.map { .string($0) }
        send(frame)
    }

    private func send(_ frame: Frame) {
        send { (host) throws(LinkError) in _ = try host.send(frame, nil) }
    }

    /// What is sent to a client may be the doing of another, which must not suffer for its broken link.
    private func send(_ body: (HostLink) throws(LinkError) -> Void) {
        if state.isGone || isOver { return }
        let core = unsafe host.core
        do throws(LinkError) {
            try body(host)
            // A link at rest is armed for news, not for room: what did not fit has to be written by polling.
            if host.link.isBackedUp(0) { core.activate(host) }
        } catch {
            let why = error
            core.submit(to: host.key) { (_) throws(LinkError) in throw why }
        }
    }
}

extension ClientPortOwner: Introductions {
    /// UNTRUSTED: the client offers its half of a link with another client. That one checks it.
    func takeIntroduction(_ news: consuming IntroductionNews) throws(LinkError) {
        guard news.isOffer else { throw .violation("a client introduces somebody") }
        let (id, isRefusal) = (news.id, news.isRefusal)
        var news = Optional(news)
        try unsafe host.core.broker.receive(offerFor: id, isRefusal: isRefusal, from: self) { partner in
            guard let partner = partner as? ClientPortOwner, let news = news.take() else { return false }
            return (try? news.pass(on: partner.host.link)) ?? false
        }
    }

    func mustReadRings() throws(LinkError) { throw .violation("a client nudges its host") }
}

extension PortBroker {
    /// A command of the host's own ports.
    func takeLocal(_ command: PortCommand) throws(LinkError) {
        guard let local else { return }
        try take(command, from: local)
    }
}

extension HostLink {
    /// UNTRUSTED: a frame of ports.
    func takePort(_ storage: FrameStorage, _ ring: Int, _ run: inout ReadRun) throws(LinkError) {
        let broker = unsafe core.broker
        // What comes may be for a port of the host's.
        unsafe run.begin(core.ports)
        guard
            let frame = try ports.readers[ring, default: PortReader()].read(storage)
        else { return }
        if case .descriptors(let first, let count) = frame {
            let claimed = try ports.claim(first.value, count)
            ports.readers[ring]?.attach(claimed)
        } else if let command = frame.command() {
            try broker.take(command, from: ports)
        }
    }

    /// There is room in the ring again.
    func flushPorts() { unsafe core.broker.pumpWaiting(of: ports) }
}
