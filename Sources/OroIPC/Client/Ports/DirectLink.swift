// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame
import OroLink
import OroPorts
import Synchronization

/// A link of this client with another client of the same host, over which messages of ports go without the host in
/// between.
///
/// It carries nothing but messages of ports, and how many of these were taken. Who may say what is the broker's to
/// decide: a token means nothing before the broker has laid a direct channel over this link.
// Sendable: `reader`, `spare` and `otherSpare` belong to the client's receiver, as the receiving
// half of `link` does; the rest is constant or atomic.
@safe final class DirectLink: DirectTransport, @unchecked Sendable {
    let link: Link
    /// Its place among the direct links of its client, for those who watch its descriptors.
    let slot: Int
    private weak var core: ClientCore?
    private var reader = PortReader<Never>()
    /// Kept for the next frame, and for the one after it: who answers a message with what came in it keeps that until
    /// the answer is known to be taken, which the next message says.
    private var spare: FrameStorage
    private var otherSpare: FrameStorage
    private let sent: MessageCount

    init(_ link: Link, slot: Int, core: ClientCore) {
        self.link = link
        self.slot = slot
        self.core = core
        sent = core.directs.sent
        spare = FrameStorage(core.link.account)
        otherSpare = FrameStorage(core.link.account)
        // One account for what comes to this client, whichever way it comes.
        link.account = core.link.account
    }

    var isOver: Bool { link.isOver }
    var longestMessage: Int { link.limits.messageBytes }

    // MARK: Sending, with the lock of the node

    func send(_ message: Parcel<Never>) throws(LinkError) {
        if link.isOver { throw link.ending ?? .closed }
        if try !sendAtOnce(message) {
            try link.withRing(shared: true) { (ring) throws(LinkError) in
                try PortWriter.write(message) { (frame, payload) throws(LinkError) in try write(frame, payload, ring) }
            }
        }
        sent.add()
    }

    /// Sends a message that is one small thing, where there is room for it: it is written where the other reads it, and
    /// nothing is allocated. False: it is none, or there is no room.
    private func sendAtOnce(_ message: Parcel<Never>) throws(LinkError) -> Bool {
        guard case .short(let value) = message.content.form else { return false }
        let payload = message.content.buffers.first
        // Bytes in shared memory seem to be more than any record holds.
        let payloadBytes = payload?.sizeWord ?? 0
        guard payloadBytes <= Link.inlineBytes else { return false }
        let header = FrameHeader(
            kind: .portMessage, deadline: message.consumed, ticket: message.number,
            seq: message.seq.value, valueBytes: UInt32(value.count))
        return try link.withRing(shared: true) { (ring) throws(LinkError) in
            // The message keeps its payload alive.
            let bytes = unsafe UnsafeRawBufferPointer(start: payload?.base, count: payloadBytes)
            return unsafe try writeAtOnce(header, bytes, payload, ring: ring) { place in
                // As many bytes.
                if let place = place.baseAddress { unsafe value.write(to: place) }
            }
        }
    }

    /// False: the other cannot be told here.
    func sendConsumed(_ token: UInt64, _ count: UInt64) -> Bool {
        if link.isOver { return false }
        var frame = Frame(.portConsumed, port: token)
        frame.seq = Seq(count)
        do throws(LinkError) {
            try link.withRing(shared: true) { (ring) throws(LinkError) in try write(frame, nil, ring) }
            return true
        } catch {
            return false
        }
    }

    private func write(_ frame: Frame, _ payload: Bytes?, _ ring: Int) throws(LinkError) {
        let payload = try link.placed(payload)
        do throws(FrameFailure) {
            try write(frame, payload, ring: ring)
        } catch {
            throw error.reason
        }
    }

    // MARK: Receiving, by the receiver

    /// Reads what has come, not much longer than until `end` (`oro_ticks`), and writes what waits for room. Answers how
    /// much it did. What it throws ends this link alone.
    func poll(_ ports: PortNode, until end: UInt64) throws(LinkError) -> Int {
        link.reportProcessor()
        if link.socketHasNews { try link.readSocket() }
        var count = try link.drain(limit: ClientCore.messagesAtOnce, until: end) { (incoming) throws(LinkError) in
            try take(incoming, ports)
        }
        if link.hasWaiting {
            try link.withSharedRing { (ring) throws(LinkError) in if try link.pump(ring) { count += 1 } }
        }
        if link.isOver { throw link.ending ?? .closed }
        return count
    }

    /// UNTRUSTED: one frame of the other client.
    private func take(_ incoming: Incoming, _ ports: PortNode) throws(LinkError) {
        if !FrameStorage.isFree(&spare) {
            swap(&spare, &otherSpare)
            if !FrameStorage.isFree(&spare) { spare = FrameStorage(link.account) }
        }
        let storage = spare
        storage.fill(incoming)
        do throws(FrameError) {
            try storage.readHeader()
        } catch {
            // Ends this link alone: the conversation goes on through the host.
            if storage.takeRefusal() { throw link.account.refusal }
            throw .violation("a malformed frame: \(error)")
        }
        guard storage.header.kind.isOfPorts else { throw .violation("a frame that is not for a direct link") }
        if storage.header.flags.contains(.lent) {
            // Kept here, its block would not be given back before the next frame comes.
            spare = FrameStorage(link.account)
            try storage.borrow(from: link)
        }
        if let message = try reader.readPlain(storage) { return try ports.take(message, over: self) }
        guard let frame = try reader.read(storage) else { return }
        guard case .message(let message) = frame else { return try ports.take(frame, over: self) }
        try ports.take(message, over: self)
    }

    /// Says that this side sleeps. False, and not armed, when there is something after all.
    func arm() -> Bool {
        var quiet = false
        if link.hasWaiting {
            try? link.withSharedRing { (ring) throws(LinkError) in
                quiet = link.arm(room: true) && !link.hasSomething(orRoomIn: ring)
            }
        } else {
            quiet = link.arm() && !link.hasSomething()
        }
        if !quiet { link.disarm() }
        return quiet
    }
}

extension DirectLink: FrameChannel {
    func noteCopied(_ bytes: Int, to ring: Int) {}

    func waitForRoom(_ ring: Int) -> Bool { false }

    /// The other client does not read: what goes on through the host has its limits there.
    func keep(_ message: WaitingMessage, for ring: Int) throws(FrameFailure) {
        guard let core,
            message.sent > 0 || link.waitingBytes(in: ring) + message.count <= core.options.waitingBytes
        else { throw .frame(.busy) }
        link.enqueue(ring, message)
        // After it is there; see `DirectLinks.hasWaiting`.
        core.directs.mayWait.store(true, ordering: .sequentiallyConsistent)
        core.watchForRoom()
    }
}
