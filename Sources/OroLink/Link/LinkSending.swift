// SPDX-License-Identifier: Apache-2.0

import CSupport
import Synchronization

extension Link {
    /// Runs `body` with the number of an out ring that is this caller's alone meanwhile.
    ///
    /// A thread gets a ring of its own and keeps it, so that it needs no lock. With `shared` (for tasks, which change
    /// threads), and when all rings are taken, callers take turns on one ring.
    @inlinable
    package func withRing<R>(shared: Bool, _ body: (Int) throws(LinkError) -> R) throws(LinkError) -> R {
        // SYNC: relaxed: only this thread ever writes its own token.
        if !shared, let ring = ownRing {
            defer { doneWithRing(ring) }
            return try body(ring)
        }
        return try withClaimedRing(shared: shared, body)
    }

    /// The calling thread's own ring, if it has one.
    @inlinable
    package var ownRing: Int? {
        let token = oro_thread_token()
        for ring in 0..<outCount.load(ordering: .relaxed) {
            // As in `withRing`.
            if unsafe owners[ring].load(ordering: .relaxed) == token { return ring }
        }
        return nil
    }

    /// For ThreadSanitizer: what its owner did with a ring comes before what the next owner does, who takes it when the
    /// kernel says that this thread has ended.
    @inlinable
    package func doneWithRing(_ ring: Int) { unsafe oro_tsan_release(owners + ring) }

    @inlinable
    func withClaimedRing<R>(shared: Bool, _ body: (Int) throws(LinkError) -> R) throws(LinkError) -> R {
        if !shared, let ring = try claimRing() {
            defer { doneWithRing(ring) }
            return try body(ring)
        }
        let ring = try findSharedRing()
        return try sharedRing.withLock { (_) throws(LinkError) in try body(ring) }
    }

    /// Runs `body` with the shared ring, if there is one yet.
    package func withSharedRing(_ body: (Int) throws(LinkError) -> Void) throws(LinkError) {
        // SYNC: as in `findSharedRing`.
        let ring = sharedRingNumber.load(ordering: .acquiring)
        guard ring >= 0 else { return }
        try sharedRing.withLock { (_) throws(LinkError) in try body(ring) }
    }

    /// A ring for the calling thread: a free one, a new one, or that of a thread that has ended. `nil`: none is left.
    @usableFromInline
    func claimRing() throws(LinkError) -> Int? {
        try opening.withLock { (opening) throws(LinkError) in
            let token = oro_thread_token()
            let count = outCount.load(ordering: .acquiring)
            func take(_ ring: Int) -> Int {
                opening.threads[ring] = oro_thread_id()
                unsafe oro_tsan_acquire(owners + ring)
                unsafe owners[ring].store(token, ordering: .releasing)
                return ring
            }
            for ring in 0..<count where unsafe owners[ring].load(ordering: .acquiring) == 0 { return take(ring) }
            for ring in 0..<count where ring != sharedRingNumber.load(ordering: .relaxed) {
                if !oro_thread_lives(opening.threads[ring]) { return take(ring) }
            }
            // The last one is left for those who share.
            guard count < outLimit - 1, try openRing(&opening) else { return nil }
            return take(count)
        }
    }

    /// Nobody writes to this ring any more: its owner has ended in the middle of a message.
    package func retireRing(_ ring: Int) {
        opening.withLock { opening in
            // A thread that lives as long as the process, and is no writer of this ring.
            opening.threads[ring] = oro_process_id()
            unsafe owners[ring].store(.max, ordering: .releasing)
        }
    }

    @usableFromInline
    package func findSharedRing() throws(LinkError) -> Int {
        // SYNC: acquire: whoever names the ring has opened it before.
        let known = sharedRingNumber.load(ordering: .acquiring)
        return known >= 0 ? known : try chooseSharedRing()
    }

    private func chooseSharedRing() throws(LinkError) -> Int {
        try opening.withLock { (opening) throws(LinkError) in
            // SYNC: relaxed: it is only written with `opening` locked.
            let known = sharedRingNumber.load(ordering: .relaxed)
            if known >= 0 { return known }
            let count = outCount.load(ordering: .acquiring)
            func take(_ ring: Int) -> Int {
                unsafe owners[ring].store(1, ordering: .releasing)
                sharedRingNumber.store(ring, ordering: .releasing)
                return ring
            }
            for ring in 0..<count where unsafe owners[ring].load(ordering: .acquiring) == 0 { return take(ring) }
            guard count < outLimit, try openRing(&opening) else { throw .busy }
            return take(count)
        }
    }

    /// Opens ring number `outCount` in a memfd of its own. False: the socket has no room for the announcement now.
    private func openRing(_ opening: inout Opening) throws(LinkError) -> Bool {
        let number = outCount.load(ordering: .acquiring)
        let key = try Ring.key()
        let segment = try Segment.create(head: 0, ring: limits.ringBytes, "oro-ipc-ring")
        var packet = Packet(.ring)
        packet.append(UInt16(number))
        packet.append(UInt16(0))
        packet.append(key)
        packet.append(UInt32(limits.ringBytes))
        packet.append(UInt32(0))
        guard try send(packet, segment.memory.number) else { return false }
        let cursor = unsafe oro_control_cursor(theirBase, UInt32(number))
        unsafe oro_writer_init(&outs[number].writer, segment.mapping.ring, UInt64(limits.ringBytes), key, cursor)
        unsafe outs[number].recordLimit = Link.recordLimit(limits.ringBytes, peerMessageBytes)
        opening.mappings.append(MappingBox(segment))
        outCount.store(number + 1, ordering: .releasing)
        return true
    }
}

// For the owner of the ring.
extension Link {
    /// Writes one record of `count` bytes that `fill` writes in place, the last bytes first, and wakes the peer.
    ///
    /// `count` is at most ``recordLimit(of:)``. With `hold` the record, and all behind it, stay unseen until
    /// ``flush(_:)``. Neither allocates nor, while the peer is awake, calls the system.
    @inlinable
    package func write(
        _ ring: Int, count: Int, hold: Bool = false, _ fill: (UnsafeMutableRawPointer) -> Void
    ) throws(LinkError) -> SendOutcome {
        var violation = false
        // `outs` has room for every ring number; this one is the caller's.
        let writer = unsafe outs + ring
        let align: UInt64 = hold ? 16 : count <= 112 ? 128 : 64
        guard
            let place = unsafe oro_writer_reserve(&writer.pointee.writer, UInt32(count), 0, align, &violation)
        else {
            if violation { throw .violation("a cursor that cannot be") }
            if hold { flush(ring) }
            return .full
        }
        unsafe fill(place)
        unsafe oro_writer_commit(&writer.pointee.writer, hold)
        if !hold { wake() }
        return .sent
    }

    /// Shows the peer everything held back.
    @inlinable
    package func flush(_ ring: Int) {
        if unsafe oro_writer_flush(&outs[ring].writer) { wake() }
    }

    /// Longest message that goes into one record of this ring.
    @inlinable package func recordLimit(of ring: Int) -> Int { unsafe outs[ring].recordLimit }

    /// True when messages wait for room in this ring: then a new one has to wait behind them.
    @inlinable package func isBackedUp(_ ring: Int) -> Bool { unsafe !outs[ring].waiting.isEmpty }

    /// Writes as much of a message as there is room for, from `sent` on; several records when it needs them.
    /// True when the whole message is written. `lent`: what it names of this side's arena.
    package func writeSome(
        _ ring: Int, _ message: UnsafeRawBufferPointer, from sent: inout Int, lent: Lent? = nil
    ) throws(LinkError) -> Bool {
        let limit = recordLimit(of: ring)
        let total = message.count
        if sent == 0 && total <= limit {
            let outcome = unsafe try write(ring, count: total) { place in
                if let source = message.baseAddress { unsafe place.copyMemory(from: source, byteCount: total) }
                if let lent { arena.commit(lent) }
            }
            if case .sent = outcome { sent = total }
            return outcome == .sent
        }
        while sent < total {
            let prefix = sent == 0 ? 8 : 0
            let piece = min(total - sent, limit - prefix)
            let part: UInt32 = sent == 0 ? 1 : sent + piece == total ? 3 : 2
            var violation = false
            guard
                let place = unsafe oro_writer_reserve(
                    &outs[ring].writer, UInt32(prefix + piece), part, 64, &violation)
            else {
                if violation { throw .violation("a cursor that cannot be") }
                return false
            }
            if prefix > 0 {
                // 8 bytes more than the piece were reserved.
                unsafe UnsafeMutableRawPointer(place).storeBytes(of: UInt64(total).littleEndian, as: UInt64.self)
            }
            if let source = message.baseAddress {
                unsafe UnsafeMutableRawPointer(place + prefix).copyMemory(from: source + sent, byteCount: piece)
            }
            if part == 3, let lent { arena.commit(lent) }
            unsafe oro_writer_commit(&outs[ring].writer, false)
            wake()
            sent += piece
        }
        return true
    }

    /// Calls `body` with each whole message of this ring that the peer has not read, or was never written, oldest
    /// first: its bytes, as far as they lie together, at most one record. Of a long one of which a part was read
    /// nothing is said. For a link that is over, whose peer has said how far it has read; the caller owns the ring.
    package func forEachUnread(_ ring: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
        var from: UInt64 = 0
        var record = unsafe oro_written()
        while unsafe oro_writer_unread(&outs[ring].writer, &from, &record) {
            // A first record has the message's length before its bytes.
            let prefix = unsafe record.part == 1 ? 8 : 0
            guard unsafe record.part < 2, unsafe Int(record.length) >= prefix, let payload = unsafe record.payload
            else {
                continue
            }
            unsafe body(UnsafeRawBufferPointer(start: payload + prefix, count: Int(record.length) - prefix))
        }
        for message in unsafe outs[ring].waiting {
            guard let message, message.sent == 0 else { continue }
            unsafe body(UnsafeRawBufferPointer(message.bytes))
        }
    }

    /// Puts a message behind those that wait for room. ``pump(_:)`` writes them as room comes.
    package func enqueue(_ ring: Int, _ message: WaitingMessage) {
        unsafe outs[ring].waiting.append(message)
        unsafe outs[ring].waitingBytes += message.bytes.count
        waitingMessages.add(1, ordering: .sequentiallyConsistent)
    }

    /// The link is over: drops up to `most` of the messages that wait in this ring. False: none is left.
    package func dropWaiting(_ ring: Int, most: Int) -> Bool {
        let count = unsafe outs[ring].waiting.count
        guard count > 0 else { return false }
        // From the end, which costs no more than what is dropped.
        unsafe outs[ring].waiting.removeLast(min(most, count))
        if unsafe outs[ring].waiting.isEmpty {
            unsafe outs[ring].written = 0
            unsafe outs[ring].waitingBytes = 0
            unsafe outs[ring].waiting = []
            return false
        }
        unsafe outs[ring].written = min(outs[ring].written, outs[ring].waiting.count)
        return true
    }

    /// Bytes of the messages that wait for room in this ring.
    package func waitingBytes(in ring: Int) -> Int { unsafe outs[ring].waitingBytes }

    /// Messages wait for room, in some ring.
    @inlinable package var hasWaiting: Bool { waitingMessages.load(ordering: .relaxed) > 0 }

    /// Writes what waits, as far as there is room. True when it wrote something.
    package func pump(_ ring: Int) throws(LinkError) -> Bool {
        var progressed = false
        while unsafe outs[ring].written < outs[ring].waiting.count {
            let first = unsafe outs[ring].waiting[outs[ring].written]!
            let before = first.sent
            let whole = unsafe try writeSome(
                ring, unsafe UnsafeRawBufferPointer(first.bytes), from: &first.sent, lent: first.lent)
            if first.sent != before { progressed = true }
            guard whole else { return progressed }
            unsafe outs[ring].waiting[outs[ring].written] = nil
            unsafe outs[ring].written += 1
            unsafe outs[ring].waitingBytes -= first.bytes.count
            waitingMessages.subtract(1, ordering: .sequentiallyConsistent)
            // Taken out when half of them are gone: the front of an array is dear.
            if unsafe outs[ring].written * 2 >= outs[ring].waiting.count {
                unsafe outs[ring].waiting.removeFirst(outs[ring].written)
                unsafe outs[ring].written = 0
            }
        }
        return progressed
    }

    /// There is room for any record in this ring, or the peer lies about room (the next write says so).
    @inlinable
    package func roomCame(in ring: Int) -> Bool {
        // A record takes a quarter of the ring at most; one that did not fit fits now.
        return unsafe !oro_writer_look(&outs[ring].writer)
            || outs[ring].writer.limit - outs[ring].writer.position
                >= UInt64(outs[ring].recordLimit + Int(ORO_RECORD_HEADER_BYTES))
    }
}
