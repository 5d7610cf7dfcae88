// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame
import OroLink
import OroPorts
import Synchronization

/// How the ports of a client reach the broker in its host: as frames on the ring that tasks share, so that they come in
/// the order of the commands.
// Sendable: `core` is set once, before anybody but its client has this.
@safe final class ClientPortRoute: PortRoute, @unchecked Sendable {
    private weak var core: ClientCore?
    /// Descriptors that the host has let go, of those it was passed.
    private let returned = Atomic<UInt64>(0)

    func attach(_ core: ClientCore) { self.core = core }

    func send(_ command: PortCommand) throws(LinkError) {
        guard let core else { throw .closed }
        if core.link.isOver { throw core.link.ending ?? .closed }
        try core.link.withRing(shared: true) { (ring) throws(LinkError) in
            switch command {
            case .message(let message): try send(message, core, ring)
            case .open(let number, let name, let opening):
                var frame = Frame(.portOpen, port: number)
                frame.name = name
                frame.value = opening.value
                try write(frame, nil, core, ring)
            case .channel(let first, let second):
                try write(Frame(.portChannel, port: first), seq: second, core, ring)
            case .consumed(let number, let count):
                try write(Frame(.portConsumed, port: number), seq: count.value, core, ring)
            case .close(let number): try write(Frame(.portClose, port: number), nil, core, ring)
            case .direct(let frame): try write(frame.frame, nil, core, ring)
            case .claimed(let count): try write(Frame(.portReturned, port: 0), seq: count.value, core, ring)
            }
        }
    }

    private func write(_ frame: Frame, _ payload: Bytes?, _ core: ClientCore, _ ring: Int) throws(LinkError) {
        try core.write(frame, try core.link.placed(payload), to: ring)
    }

    /// A frame that says one number more.
    private func write(_ plain: Frame, seq: UInt64, _ core: ClientCore, _ ring: Int) throws(LinkError) {
        var frame = plain
        frame.seq = Seq(seq)
        try write(frame, nil, core, ring)
    }

    private func send(_ message: Parcel<PostedPort>, _ core: ClientCore, _ ring: Int) throws(LinkError) {
        guard let descriptors = message.content.descriptors else {
            return try PortWriter.write(message) { (frame, payload) throws(LinkError) in
                try write(frame, payload, core, ring)
            }
        }
        guard core.link.waitingBytes(in: ring) <= core.options.waitingBytes / 2 else { throw .busy }
        let firstDescriptor = try pass(descriptors, core.link)
        var isClaimed = false
        do throws(LinkError) {
            try PortWriter.write(message, firstDescriptor: firstDescriptor) { (frame, payload) throws(LinkError) in
                try write(frame, payload, core, ring)
                if frame.kind == .portDescriptors { isClaimed = true }
            }
        } catch {
            // What was passed must not wait at the host for a message that does not come.
            if let first = firstDescriptor {
                let claim = PortWriter.claim(isClaimed ? nil : first, descriptors, for: message.number)
                try write(claim, nil, core, ring)
            }
            throw error
        }
    }

    // MARK: Descriptors

    var takesDescriptors: Bool { core?.link.peerTakesDescriptors ?? false }

    func hasRoom(forDescriptors count: Int) -> Bool {
        guard let core else { return true }
        return core.link.passedDescriptors - returned.load(ordering: .relaxed) + UInt64(count)
            <= UInt64(Link.descriptorsAtOnce)
    }

    /// `nil`: the message goes without them. Only one that was posted while its channel was known in this process alone
    /// comes here with more than the host takes.
    private func pass(_ descriptors: TransferredDescriptors, _ link: Link) throws(LinkError) -> UInt64? {
        guard link.peerTakesDescriptors, hasRoom(forDescriptors: descriptors.list.count) else { return nil }
        guard let first = try link.pass(descriptors.list) else { throw .busy }
        return first
    }

    /// UNTRUSTED: the host has let go so many in all; a count that cannot be says nothing. The receiver
    /// calls it.
    fileprivate func note(returned count: UInt64) {
        guard let core, count > returned.load(ordering: .relaxed), count <= core.link.passedDescriptors else { return }
        returned.store(count, ordering: .relaxed)
        core.ports.take(.descriptorRoom)
    }

    func watch(_ isWanted: Bool) {
        guard let core else { return }
        if isWanted {
            core.attach()
            core.suspended.add(1, ordering: .sequentiallyConsistent)
            core.watch()
        } else {
            core.suspended.subtract(1, ordering: .relaxed)
        }
    }

    var isSpinning: Bool { core.map { $0.options.idle == .spin && !$0.link.isOver } ?? false }

    func read(until came: () -> Bool) { core?.read(until: came) }

    func receiveEvents() { core?.attach() }

    func directChannel(_ frame: DirectChannelFrame, _ port: LocalPort, _ node: PortNode) -> (any DirectChannelProtocol)?
    {
        guard let link = core?.directLink(frame.link), !link.isOver else { return nil }
        return DirectChannel(frame.token, link, port, node: node)
    }
}

extension ClientCore {
    /// UNTRUSTED: a frame of ports, from the host.
    func takePort(_ receiver: borrowing Receiver, _ storage: FrameStorage) throws(LinkError) {
        guard let frame = unsafe try receiver.state.pointee.ports.read(storage) else { return }
        switch frame {
        case .descriptors(let first, let count):
            let claimed = try link.claim(first.value, count: count).descriptors
            unsafe receiver.state.pointee.ports.attach(TransferredDescriptors(claimed))
            ports.withLock { try? ports.send(.claimed(SequenceNumber(own: first.value + UInt64(count)))) }
        case .returned(let count): portRoute.note(returned: count.value)
        default:
            guard let event = try frame.event() else { return }
            if case .direct(let step) = event {
                if step.step == .drain, let direct = ports.link(ofChannel: step.token) as? DirectLink {
                    drain(receiver, direct)
                }
                // Offers come over the socket, and before the direct channel that goes over their link; but maybe they
                // were not read yet.
                if step.step == .prepare, directLink(step.link) == nil { try link.readAnnounced() }
            }
            unsafe receiver.state.pointee.arrivals.begin(ports)
            ports.take(event)
        }
    }

    /// Any thread.
    func directLink(_ id: UInt64) -> DirectLink? { directs.known.withLock { $0[id] } }

    /// Reads what comes for as long as a thread of this idle policy polls, or until `came`.
    func read(until came: () -> Bool) {
        guard let receiver = takeReceiver() else {
            // Somebody else reads, and may read it.
            for _ in 0..<IdleStrategy.pollsAtOnce where !came() { oro_spin_pause() }
            return
        }
        var strategy = IdleStrategy(options.idle, expecting: ClientCore.portGap)
        link.reportProcessor()
        do throws(LinkError) {
            _ = try strategy.wait(
                poll: { () throws(LinkError) in
                    let hasRead = pollDirects(receiver)
                    if try receive(receiver) > 0 || hasRead { return came() ? .arrived : .progress }
                    return link.isOver ? .over : .nothing
                },
                spin: { spinOnAll(receiver, $0) },
                sharesProcessor: { sharesProcessor(receiver) },
                housekeep: { () throws(LinkError) in
                    // Polling for long: hear of the peer's end, let others run.
                    try lookAround(receiver)
                    return false
                },
                park: { () throws(LinkError) in
                    if options.idle == .spin { try lookAround(receiver) }
                    return .over
                })
        } catch {
            failAfterReading(receiver, error)
        }
    }

    /// Microseconds that the next message of a port may take.
    private static let portGap: UInt64 = 100

    private func lookAround(_ receiver: borrowing Receiver) throws(LinkError) {
        try link.readSocket()
        readDirectSockets(receiver)
        oro_yield()
    }
}

extension Client {
    /// Opens a conversation with the host, which takes it under this name (``Host/acceptPorts(_:_:)``). What is posted
    /// before it has does not get lost. When nobody accepts the name the port is closed, and its `close` event says so.
    ///
    /// `name` is 1 to 255 bytes of text. Throws when it is not, and when the link is over.
    public func openPort(_ name: String) throws(IPCError) -> IPCMessagePort { try core.openPort(name, .host) }

    /// Opens a conversation with the next client that says the same name, where the host allows that
    /// (``HostOptions/ports``): who comes first waits.
    public func meet(_ name: String) throws(IPCError) -> IPCMessagePort { try core.openPort(name, .pairing) }
}

extension ClientCore {
    func openPort(_ name: String, _ opening: PortOpening) throws(IPCError) -> IPCMessagePort {
        try ports.openPort(name, opening)
    }
}

extension PortNode {
    /// A new port, whose other end goes to whoever answers to the name.
    func openPort(_ name: String, _ opening: PortOpening) throws(IPCError) -> IPCMessagePort {
        guard PortLimits.name.contains(name.utf8.count) else {
            throw .type("the name of a port is 1 to 255 bytes long, not \(name.utf8.count)")
        }
        if isForeign { throw IPCError(.forked) }
        return try withLock { () throws(IPCError) in try open(name, opening) }
    }

    /// The same, with the lock. `isKeeping`: the port keeps the link.
    func open(_ name: String, _ opening: PortOpening, isKeeping: Bool = true) throws(IPCError) -> IPCMessagePort {
        if let ending { throw ending }
        let subscription: LocalPort.Subscription? =
            if case .broadcast = opening { .init(name: name, opening: opening) } else { nil }
        let port = LocalPort(node: self, id: LocalPort.randomID(), subscription: subscription)
        if case .broadcast(_, .latest) = opening { port.reportsAtOnce = true }
        let number = takeNumber()
        try send(.open(number, name: name, opening))
        enter(port, number: number)
        return port.own(isKeeping: isKeeping)
    }
}
