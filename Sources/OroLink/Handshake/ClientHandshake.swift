// SPDX-License-Identifier: Apache-2.0

import CSupport

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The client's half of a handshake, in steps that never wait.
///
/// Whoever drives it calls ``step()`` until that returns the link: first at once, then whenever ``descriptor`` is
/// readable, and at ``nextStep`` at the latest.
// Sendable: used by one thread at a time, which hands it on whole.
package final class ClientHandshake: @unchecked Sendable {
    private let limits: LinkLimits
    private let isIntroducible: Bool
    private let takesDescriptors: Bool
    /// When the link has to be there (`oro_now`).
    package let deadline: UInt64
    /// The host that it has not reached yet, because the queue of those who wait to be accepted is full.
    private var queue: Queue?
    private var socket: Descriptor?
    private var hello: Hello?
    private let generation = oro_generation()

    /// Whom to reach, and when to try again.
    private struct Queue {
        var name: String
        var folder: SocketFolder
        var nextTry: UInt64 = 0
        var pause: UInt64 = 500_000
    }

    /// What was sent, until it is answered.
    private struct Hello: ~Copyable {
        let peer: PeerIdentity
        let key: UInt64
        let own: Segment.Own
        /// When it was sent.
        let start: UInt64
    }
    /// What a timeout names: the host, and how long it had.
    private let host: String
    private let milliseconds: Int

    /// With the host that listens under `name`. With `isIntroducible` the host may introduce the client to its other
    /// clients (``Link/introductions``); with `takesDescriptors` it may pass on descriptors along with messages.
    package init(
        _ name: String, folder: SocketFolder, limits: LinkLimits, isIntroducible: Bool = false,
        takesDescriptors: Bool = false, timeoutMilliseconds: Int32
    ) {
        self.limits = limits
        self.isIntroducible = isIntroducible
        self.takesDescriptors = takesDescriptors
        host = name
        milliseconds = Int(timeoutMilliseconds)
        deadline = oro_now() + UInt64(max(0, timeoutMilliseconds)) * 1_000_000
        queue = Queue(name: name, folder: folder)
    }

    /// With the host at the other end of `socket`.
    package init(
        _ socket: consuming Descriptor, limits: LinkLimits, isIntroducible: Bool = false,
        takesDescriptors: Bool = false, timeoutMilliseconds: Int32
    ) {
        self.limits = limits
        self.isIntroducible = isIntroducible
        self.takesDescriptors = takesDescriptors
        host = ""
        milliseconds = Int(timeoutMilliseconds)
        deadline = oro_now() + UInt64(max(0, timeoutMilliseconds)) * 1_000_000
        descriptor = socket.number
        self.socket = consume socket
    }

    /// Readable when ``step()`` may get on; -1 while the queue of the host is full.
    package private(set) var descriptor: Int32 = -1

    /// When ``step()`` is due although the descriptor says nothing (`oro_now`).
    package var nextStep: UInt64 { min(deadline, queue?.nextTry ?? .max) }

    /// Reaches the host and says hello, or finds its queue full. Throws what is known at once.
    package func begin() throws(LinkError) {
        if queue != nil { try reach() }
        guard let socket = socket.take() else { return }
        hello = try sayHello(over: socket)
        self.socket = consume socket
    }

    /// Gets on as far as it can without waiting. `nil`: it is not the end yet. After an error it is over, and the
    /// socket is closed. Throws `handshakeTimeout` after the deadline.
    package func step() throws(LinkError) -> Link? {
        // What a forked child has is the parent's: nothing is said, read or closed here.
        if generation != oro_generation() { throw .forked }
        if queue != nil { try reach() }
        guard let socket = socket.take() else { return nil }
        if hello == nil { hello = try sayHello(over: socket) }
        guard let welcome = try takeAnswer(from: socket) else {
            guard oro_now() < deadline else { throw .handshakeTimeout(host: host, milliseconds: milliseconds) }
            self.socket = consume socket
            return nil
        }
        guard let hello = hello.take() else { return nil }
        return Link(
            Link.Parts(
                id: welcome.id, peer: hello.peer, limits: limits, key: hello.key, own: hello.own.mapping,
                theirs: welcome.accepted, socket: socket, outbox: nil, barrier: Features.own.contains(.barrier),
                takesDescriptors: takesDescriptors, watchesProcess: true, start: hello.start))
    }

    /// The same until the end, in which it waits. Where the queue of the host is full the kernel keeps the order of
    /// those who wait.
    package func finish() throws(LinkError) -> Link {
        if let queue {
            take(try queue.folder.connect(queue.name, timeoutMilliseconds: milliseconds(until: deadline)))
        }
        while true {
            if let link = try step() { return link }
            _ = oro_poll_one(descriptor, Int16(POLLIN), milliseconds(until: nextStep))
        }
    }

    /// Rounded up: whoever waits for them does not come too early.
    private func milliseconds(until time: UInt64) -> Int32 {
        let now = oro_now()
        return time > now ? Int32(clamping: (time - now) / 1_000_000 + 1) : 0
    }

    /// The host is reached.
    private func take(_ reached: consuming Descriptor) {
        descriptor = reached.number
        socket = consume reached
        queue = nil
    }

    private func reach() throws(LinkError) {
        guard var queue else { return }
        let now = oro_now()
        if now < queue.nextTry && now < deadline { return }
        do throws(LinkError) {
            take(try queue.folder.connect(queue.name, timeoutMilliseconds: 0))
        } catch .refused(.busy) {
            guard now < deadline else { throw .refused(.busy) }
            // Longer each time, and never long.
            queue.nextTry = now + queue.pause
            queue.pause = min(2 * queue.pause, 16_000_000)
            self.queue = queue
        }
    }

    private func sayHello(over socket: borrowing Descriptor) throws(LinkError) -> Hello {
        let peer = try PeerIdentity(of: socket)
        // Without it, long messages are unmapped by whoever frees them.
        _ = oro_memory_start()
        let key = try Ring.key()
        let own = try Segment.create(head: Ring.head, ring: limits.ringBytes)
        var packet = Packet(.hello)
        packet.append(Handshake.versions.lowerBound)
        packet.append(Handshake.versions.upperBound)
        var offered = Features.own
        if isIntroducible { offered.insert(.introducible) }
        if takesDescriptors { offered.insert(.descriptors) }
        Offer(features: offered, key: key, limits: limits).write(to: &packet)
        let start = oro_now()
        do throws(LinkError) {
            guard try packet.send(over: socket, own.memory.number) else { throw .refused(.busy) }
        } catch .peerGone {
            // It may have refused before it read the hello: the answer is waiting.
        }
        return Hello(peer: peer, key: key, own: own, start: start)
    }

    /// What a host that has accepted the client says.
    private struct Welcome: ~Copyable {
        let id: UInt64
        let accepted: Accepted
    }

    private func takeAnswer(from socket: borrowing Descriptor) throws(LinkError) -> Welcome? {
        switch try Packet.receive(from: socket) {
        case .nothing: return nil
        case .hangUp: throw .peerGone
        case .wake: throw .violation("not a welcome")
        case .packet(let packet, var descriptors):
            if packet.kind == .refusal { throw .refused(Refusal(rawValue: packet.number(4)) ?? .denied) }
            guard packet.kind == .welcome, packet.bytes.count == Offer.end + 8 else {
                throw .violation("not a welcome")
            }
            guard Handshake.versions.contains(packet.number(4)) else { throw .violation("a version nobody offered") }
            return Welcome(id: packet.number(Offer.end), accepted: try Accepted(packet, &descriptors))
        }
    }
}
