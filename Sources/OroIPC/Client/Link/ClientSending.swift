// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroFrame
import OroLink

// Requests on their way out: a frame in one record, in several, or waiting for room.
extension ClientCore {
    /// Tasks change threads; their messages keep their order by going through one ring.
    var isInTask: Bool { oro_in_task() }

    /// A request on its way.
    struct Request {
        var kind: FrameKind
        var command: String
        var value: Value?
        /// In place of `value`.
        var encoded: EncodedValue?
        var bytes: Bytes?
        var seq: Seq
        var ticket: UInt64
        /// Milliseconds since the link's start, 0 = none.
        var deadline: UInt32
        var flags: FrameFlags = []
        var headers: Headers?
    }

    /// Writes a request to `ring`, which is the caller's. With `mayBlock` it waits for room as long as it takes; else
    /// the background thread writes what does not fit now.
    @inline(__always)
    func send(_ request: borrowing Request, ring: Int, mayBlock: Bool) throws(LinkError) {
        // Bytes in shared memory seem to be more than any record holds.
        let payload = request.bytes?.extent ?? 0
        // The plain case: a command sent before, no value, a seq of 64 bits, one record.
        let number = unsafe rings[ring].numbers.recall(request.command)
        if number != 0, request.value == nil, request.encoded == nil, request.headers == nil,
            let seq = request.seq.small, !link.isBackedUp(ring),
            payload <= Link.inlineBytes, FrameHeader.byteCount + payload <= link.recordLimit(of: ring)
        {
            let header = FrameHeader(
                kind: request.kind, flags: request.flags, route: number, deadline: request.deadline,
                ticket: request.ticket, seq: seq, payloadBytes: UInt32(payload))
            let bytes = request.bytes
            let outcome = unsafe try link.write(ring, count: FrameHeader.byteCount + payload) { place in
                unsafe bytes?.withUnsafeBytes { bytes in
                    // The record has `payload` bytes behind the header.
                    if let source = bytes.baseAddress { unsafe oro_put(place + 32, source, payload) }
                }
                unsafe header.write(to: place)
            }
            if case .sent = outcome {
                unsafe rings[ring].copied.note(payload)
                return
            }
        }
        if number != 0, request.value == nil, request.encoded == nil, request.headers == nil,
            let seq = request.seq.small, let bytes = request.bytes
        {
            let header = FrameHeader(
                kind: request.kind, flags: request.flags, route: number, deadline: request.deadline,
                ticket: request.ticket, seq: seq)
            if try writeLent(header, bytes, ring: ring) { return }
        }
        try sendInFull(request, ring: ring, mayBlock: mayBlock)
    }

    /// A request whose payload lies where the host can be shown it, in one record. False: it does not, or there is no
    /// room.
    @inline(__always)
    func writeLent(
        _ header: FrameHeader, _ payload: borrowing Bytes, ring: Int, hold: Bool = false
    ) throws(LinkError) -> Bool {
        guard !link.isBackedUp(ring), link.arena.canLend(payload) else { return false }
        let lent: Lent
        do throws(LinkError) {
            guard let found = try link.arena.lend(copy payload) else { return false }
            lent = found
        } catch .noBlocks, .busy, .system, .overBudget {
            return false
        }
        var header = header
        header.flags.insert(.lent)
        header.payloadBytes = UInt32(BlockReference.byteCount)
        let outcome = unsafe try link.write(
            ring, count: FrameHeader.byteCount + BlockReference.byteCount, hold: hold
        ) { place in
            // The record has room for both.
            unsafe BlockReference(lent).write(to: place + FrameHeader.byteCount)
            unsafe header.write(to: place)
            link.arena.commit(lent)
        }
        if case .sent = outcome { return true }
        link.arena.takeBack(lent)
        return false
    }

    /// A request of any shape.
    func sendInFull(_ request: borrowing Request, ring: Int, mayBlock: Bool) throws(LinkError) {
        var frame = Frame(request.kind)
        switch unsafe rings[ring].numbers.lookUp(request.command) {
        case .known(let number): frame.route = number
        case .unnumbered: frame.name = request.command
        case .new(let number):
            var name = Frame(.name)
            name.route = number
            name.name = request.command
            try write(name, nil, ring: ring, mayBlock: mayBlock)
            unsafe rings[ring].numbers.announce(request.command, number)
            frame.route = number
        }
        frame.seq = request.seq
        frame.ticket = request.ticket
        frame.deadline = request.deadline
        frame.value = request.value
        frame.encoded = request.encoded
        frame.requestFlags = request.flags
        frame.headers = request.headers?.pairs
        try write(frame, request.bytes, ring: ring, mayBlock: mayBlock)
    }

    /// Writes a frame of any shape. A payload that lies in a block of this link, or in a memory of its own, is lent;
    /// another is copied.
    func write(_ frame: Frame, _ payload: Bytes?, ring: Int, mayBlock: Bool) throws(LinkError) {
        let lent: Lent?
        do throws(LinkError) {
            lent = try payload.flatMap { (payload) throws(LinkError) in try link.arena.lend(payload) }
        } catch {
            switch error {
            // The host has as many blocks as it may: in parts through the ring then, if it is not too long for that.
            case .noBlocks where (payload?.count ?? 0) < link.peerMessageBytes: lent = nil
            default: throw error
            }
        }
        guard let lent else { return try writeInline(frame, payload, ring: ring, mayBlock: mayBlock) }
        var frame = frame
        frame.block = BlockReference(lent)
        do throws(LinkError) {
            try writeInline(frame, nil, lent, ring: ring, mayBlock: mayBlock)
        } catch {
            link.arena.takeBack(lent)
            throw error
        }
    }

    private func writeInline(
        _ plain: Frame, _ payload: Bytes?, _ lent: Lent? = nil, ring: Int, mayBlock: Bool
    ) throws(LinkError) {
        var frame = plain
        let size = try frame.measure(with: payload, for: link)
        let memory = PrivateMemory(size.frameBytes)
        unsafe frame.write(size, payload, into: memory.buffer)
        // Into the frame, and from there into the ring.
        if let payload { unsafe rings[ring].copied.note(2 * payload.count) }
        var sent = 0
        if !link.isBackedUp(ring) {
            while try unsafe !link.writeSome(ring, memory.bytes, from: &sent, lent: lent) {
                guard mayBlock else { break }
                try waitForRoom(ring)
            }
            if sent == size.frameBytes { return }
        }
        guard sent > 0 || link.waitingBytes(in: ring) + size.frameBytes <= options.waitingBytes else { throw .busy }
        link.enqueue(ring, WaitingMessage(memory, sent: sent, lent: lent))
        watchForRoom()
    }

    /// Waits until there is room in the caller's ring, reading meanwhile: two sides that are both full do not wait for
    /// each other.
    func waitForRoom(_ ring: Int) throws(LinkError) {
        try waitForPeer(until: .max, ring) { link.roomCame(in: ring) }
    }

    /// A block, after waiting for one until `limit` (`oro_now`), which is asked for when none is free. Blocks the
    /// calling thread.
    func takeBlock(_ count: Int, until limit: @autoclosure () -> UInt64) throws(LinkError) -> OwnBlock {
        if link.isForeign { throw .forked }
        let arena = link.arena
        var deadline: UInt64?
        // Where blocks come back stands on the socket, which nobody may have read yet.
        if arena.expectsReturns, takeRole() {
            defer { giveUpRole() }
            if link.socketHasNews { try? link.readSocket() }
        }
        while true {
            let seen = arena.changes
            do throws(LinkError) {
                return try arena.take(count)
            } catch {
                switch error {
                case .noBlocks, .busy: break
                default: throw error
                }
                if deadline == nil { deadline = limit() }
                if oro_now() >= deadline! { throw error }
            }
            // A block that another thread of this process gives up must end the sleep, too.
            let token = arena.whenChanged(from: seen, isServed: true) { [weak self] in self?.kick() }
            defer { arena.cancelWait(token) }
            try waitForPeer(until: deadline!, nil) { arena.changes != seen || arena.hasReturns }
        }
    }

    /// Waits until the peer has done something, or `deadline`, reading meanwhile. `ring`: the caller's, where it waits
    /// for room in it.
    private func waitForPeer(until deadline: UInt64, _ ring: Int?, _ came: () -> Bool) throws(LinkError) {
        // The host makes room in eighths of the ring: while it is awake, polling sees it soon.
        let began = oro_ticks()
        var looks = 0
        let wait = ThreadWait(self, ring: ring)
        while true {
            if came() { return }
            if link.isOver { throw link.ending ?? .closed }
            looks += 1
            let sleeps =
                options.idle == .park || (looks & 63 == 0 && link.sharesProcessor)
                || (options.idle == .adaptive && oro_ticks() &- began > briefly)
            if !sleeps && looks & 255 != 0 {
                oro_spin_pause()
                continue
            }
            let now = deadline == .max ? 0 : oro_now()
            if now >= deadline { return }
            // Now and then, and before a sleep, what comes in is read: two full sides must not wait for each other.
            guard takeRole() else {
                // Somebody else reads, and room is seen by looking.
                let word = Word()
                word.wait(while: word.now, nanoseconds: 50_000)
                continue
            }
            wait.isReceiving(true)
            defer { wait.isReceiving(false) }
            do throws(LinkError) {
                var spare = freshStorage
                let count = try receive(&spare, mine: ClientCore.nobody).count
                if !pollDirects(), sleeps && count == 0 {
                    if link.arm(room: true) && !link.hasSomething(orRoomIn: ring) && armDirects() && !came() {
                        // A message of which a part is written is written to its end.
                        try sleepOnLink(
                            nanoseconds: deadline == .max ? .max : deadline - now,
                            isCancellable: ring == nil && wait.isWatched)
                    }
                    disarmLink()
                }
            } catch {
                failAfterReading(error)
                giveUpRole()
                throw error
            }
            giveUpRole()
        }
    }
}
