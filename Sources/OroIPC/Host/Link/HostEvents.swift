// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

/// Events and pushes that wait for the host's thread.
struct OutgoingQueue {
    private(set) var items: [(outgoing: EncodedEvent, client: UInt64?)] = []
    private(set) var bytes = 0
    /// The host's thread has been told that there are some.
    var isTold = false

    mutating func append(_ outgoing: EncodedEvent, _ client: UInt64?) {
        items.append((outgoing, client))
        bytes += outgoing.cost
    }

    mutating func takeAll() -> [(outgoing: EncodedEvent, client: UInt64?)] {
        defer { self = OutgoingQueue() }
        return items
    }
}

// What a host tells its clients without being asked.
extension HostCore {
    /// Sends it to one client, or (`nil`) to all that are connected by then; from any thread. What is sent first comes
    /// first.
    func emit(_ outgoing: EncodedEvent, to client: UInt64?) throws(IPCError) {
        if reactor.isForeign { throw IPCError(.forked) }
        if reactor.isReactorThread {
            // What others have sent before goes first, and a handler's own result comes after this.
            emitWaiting()
            deliver(outgoing, client)
            return
        }
        let limit = options.waitingBytesPerLink
        let (isTaken, tell) = outgoingQueue.withLock { queue in
            if queue.bytes > 0 && queue.bytes + outgoing.cost > limit { return (false, false) }
            queue.append(outgoing, client)
            defer { queue.isTold = true }
            return (true, !queue.isTold)
        }
        guard isTaken else {
            throw IPCError(
                .quotaExceeded,
                "more than \(limit) bytes of events wait for the host's thread (HostOptions.waitingBytesPerLink)")
        }
        if tell { reactor.submit { [self] in emitWaiting() } }
    }

    func emitWaiting() {
        for (outgoing, client) in outgoingQueue.withLock({ $0.takeAll() }) { deliver(outgoing, client) }
    }

    private func deliver(_ outgoing: EncodedEvent, _ client: UInt64?) {
        if let client {
            if let host = links[client] { deliver(outgoing, to: host) }
        } else {
            for host in links.values { deliver(outgoing, to: host) }
        }
    }

    /// False: it was dropped.
    @discardableResult
    func deliver(_ outgoing: EncodedEvent, to host: HostLink) -> Bool {
        var isSent = false
        do throws(LinkError) {
            isSent = try host.send(outgoing)
            if !isSent { statistics.droppedEvents += 1 }
        } catch {
            // Not ended here: this may run inside one of its own handlers.
            host.link.halt(error)
        }
        // A link at rest is armed for news, not for room: what did not fit has to be written by polling.
        if host.link.isOver || host.link.isBackedUp(0) { activate(host) }
        return isSent
    }
}

extension HostCore: ConnectedHost {
    func answer(_ seq: Seq, of client: UInt64, _ result: Result) {
        submit(to: client) { (link) throws(LinkError) in
            if try !link.answer(seq, result) { unsafe link.core.statistics.unmatchedReplies += 1 }
        }
    }

    func disconnect(_ client: UInt64, _ reason: String) {
        submit(to: client) { (link) throws(LinkError) in
            link.sayGoodbye(reason)
            throw .closed
        }
    }
}

extension HostLink {
    /// UNTRUSTED: the client says whether somebody there listens to events.
    func takeListening(_ header: FrameHeader) throws(LinkError) {
        guard header.deadline <= 1 else { throw .violation("neither listening nor not: \(header.deadline)") }
        listens = header.deadline == 1
    }

    /// Sends an event or a push. False: it was dropped, because it does not fit into the ring and nobody is known to
    /// listen, or because it is longer than this client accepts.
    ///
    /// Who does not listen may not read either, and is not to be kept from its work by what it does not want.
    func send(_ outgoing: EncodedEvent) throws(LinkError) -> Bool {
        let encoded = outgoing.encoded
        let isFull = link.isBackedUp(0)
        if (isFull || encoded.count > link.recordLimit(of: 0)) && !listens { return false }
        guard encoded.count <= link.peerMessageBytes else { return false }
        var lent: Lent?
        if encoded.isLent, let bytes = outgoing.bytes {
            do throws(LinkError) {
                lent = try link.arena.lend(bytes)
            } catch {
                if link.isOver { throw error }
            }
            // It gives no blocks back, or they lie where it cannot see them: in parts through the ring.
            if lent == nil {
                if !listens { return false }
                return try send(outgoing.frame, bytes) == nil
            }
        }
        let reference = lent.map { BlockReference($0) }
        do throws(FrameFailure) {
            return try write(encoded, reference, lent)
        } catch {
            if let lent { link.arena.takeBack(lent) }
            if case .link(let reason) = error { throw reason }
            return false
        }
    }

    private func write(
        _ encoded: EncodedFrame, _ reference: BlockReference?, _ lent: Lent?
    ) throws(FrameFailure) -> Bool {
        func fill(_ bytes: UnsafeMutableRawBufferPointer) {
            // As long as the frame.
            if let place = bytes.baseAddress { unsafe encoded.copy(to: place, reference) }
        }
        do throws(LinkError) {
            if unsafe try writeRecord(count: encoded.count, lent, ring: 0, fill) { return true }
        } catch {
            throw .link(error)
        }
        if listens {
            try unsafe writeInParts(count: encoded.count, lent, copies: 0, ring: 0, fill)
        } else if let lent {
            link.arena.takeBack(lent)
        }
        return listens
    }

    /// Tells the client that no more requests are taken. Best effort: where there is no room each is refused.
    func sayDrain() { _ = try? send(Frame(.drain), nil) }

    /// Tells the client that its link ends, and why. Best effort: where there is no room it sees that the link is over.
    func sayGoodbye(_ reason: String) {
        var frame = Frame(.goodbye)
        // So long as fits every message.
        frame.value = reason.isEmpty ? nil : .string(String(decoding: reason.utf8.prefix(1024), as: UTF8.self))
        // What the client has sent, and is not read by now, is never read: it may know that.
        link.publishReads()
        _ = try? send(frame, nil)
        _ = try? link.pump(0)
    }
}
