// SPDX-License-Identifier: Apache-2.0

import CSupport

// All of this belongs to the receiver.
extension Link {
    /// Hands over up to `limit` messages of each ring, in order, and answers how many records it read. Ends early when
    /// the clock (`oro_ticks`) has passed `end`; the next call begins with the next ring.
    ///
    /// Throws when the peer broke the protocol, or when `body` throws; the link must then be ended. This is the path
    /// that neither allocates nor calls the system (messages of one record).
    @inlinable
    package func drain(
        limit: Int, until end: UInt64 = .max, _ body: (Incoming) throws(LinkError) -> Void
    ) throws(LinkError) -> Int {
        var total = 0
        let rings = unsafe receiving.pointee.inCount
        var ring = unsafe receiving.pointee.firstRing
        for _ in 0..<rings {
            // `ins` has room for every ring number, and belongs to the receiver.
            let state = unsafe ins + ring
            var count = 0
            var view = unsafe oro_view()
            while count < limit {
                let found = unsafe oro_reader_peek(&state.pointee.reader, &view)
                if found == Int32(ORO_READ_EMPTY) { break }
                if found < 0 { throw .violation("a record with an impossible size word") }
                if unsafe view.part == 0 {
                    // Before anything of it is copied; longer ones in parts are refused by `assemble`.
                    if unsafe Int(view.length) > state.pointee.longest { throw unsafe tooLong(Int(view.length)) }
                    unsafe try body(
                        Incoming(ring: ring, bytes: unsafe view.payload, count: Int(view.length), place: .ring))
                } else if let whole = unsafe try assemble(ring, view) {
                    try body(whole)
                }
                unsafe oro_reader_advance(&state.pointee.reader, view.stride)
                count += 1
                if unsafe oro_reader_unpublished(&state.pointee.reader) > state.pointee.reader.capacity / 8 {
                    unsafe oro_reader_publish(&state.pointee.reader)
                    wakeForRoom()
                }
                // A message that comes in several records is dear in any case.
                if unsafe count % Turn.records == 0 || view.length > Turn.cheapRecord || view.part != 0,
                    oro_ticks() > end
                {
                    unsafe receiving.pointee.firstRing = ring + 1 < rings ? ring + 1 : 0
                    noteStreak(total + count)
                    return total + count
                }
            }
            total += count
            ring = ring + 1 < rings ? ring + 1 : 0
        }
        if total > 0 { noteStreak(total) }
        return total
    }

    /// Says how far every ring was read, exactly; by the receiver.
    package func publishReads() {
        for ring in 0..<(unsafe receiving.pointee.inCount) { unsafe oro_reader_publish(&ins[ring].reader) }
    }

    /// How often to drain at most `limit` messages of each ring until all is read that the rings can hold at one time.
    package func roundsToEmpty(limit: Int) -> Int {
        var most: UInt64 = 0
        for ring in 0..<(unsafe receiving.pointee.inCount) {
            // The reader belongs to the receiver.
            most = unsafe max(most, ins[ring].reader.capacity)
        }
        return Int(most) / Int(ORO_RECORD_HEADER_BYTES) / limit + 1
    }

    /// Polls for a message, `polls` times at most. The innermost loop of all waiting: every nanosecond in it is
    /// latency.
    @inlinable
    package func spin(_ polls: Int) -> Bool {
        let rings = unsafe receiving.pointee.inCount
        for _ in 0..<polls {
            // The readers belongs to the receiver.
            unsafe oro_reader_expect(&ins[0].reader)
            for ring in 0..<rings where unsafe oro_reader_ready(&ins[ring].reader) { return true }
            oro_spin_pause()
        }
        return false
    }

    @usableFromInline
    func tooLong(_ bytes: some BinaryInteger) -> LinkError {
        .violation("a message of \(bytes) bytes, over the limit of \(limits.messageBytes) (LinkLimits.messageBytes)")
    }

    /// Takes one record of a message that came in several; the message when it is whole.
    @usableFromInline
    func assemble(_ ring: Int, _ view: oro_view) throws(LinkError) -> Incoming? {
        let state = unsafe ins + ring
        let bytes = unsafe UnsafeRawBufferPointer(start: view.payload, count: Int(view.length))
        if unsafe view.part == 1 {
            unsafe try state.pointee.assembly.begin(bytes, limits.messageBytes, account)
        } else {
            unsafe try state.pointee.assembly.go(on: bytes, account)
        }
        if unsafe view.part != 3 { return nil }
        return unsafe try state.pointee.assembly.finish(ring)
    }

    /// Bytes of the peer's, to be read in place and given back.
    ///
    /// UNTRUSTED: the numbers are those of a frame, copied. They must name bytes inside a memory that the peer has
    /// passed.
    package func borrow(_ lent: Lent) throws(LinkError) -> BorrowedBlock {
        let slot = Int(lent.slot)
        // Passed over the socket before the frame was written, but maybe not read yet.
        if !(peerMemories.indices.contains(slot) && peerMemories[slot]?.serial == lent.serial) {
            try readAnnounced()
        }
        guard peerMemories.indices.contains(slot), let (memory, serial) = peerMemories[slot], serial == lent.serial,
            let releaseRing = releaseRing.withLock({ $0 })
        else { throw .violation("bytes in a memory that was never passed") }
        guard lent.count > 0, lent.count <= limits.payloadBytes, lent.offset >= 0, lent.offset <= memory.bytes,
            lent.count <= memory.bytes - lent.offset
        else { throw .violation("bytes outside of their memory, or more than \(limits.payloadBytes)") }
        try memory.show(lent.offset, count: lent.count)
        guard releaseRing.borrow() else { throw .violation("more than \(releaseRing.slots) blocks at once") }
        return BorrowedBlock(memory, releaseRing, loan: lent.loan, offset: lent.offset, count: lent.count)
    }

    /// The link is over: the peer's memories go, except for those somebody still reads in, and descriptors nobody has
    /// claimed.
    package func forgetPeerMemories() {
        peerMemories = []
        arrived.all = []
    }

    /// UNTRUSTED: maps a memory of the peer's after checking slot, size and seals.
    func openPeerMemory(_ packet: Packet, _ descriptor: consuming Descriptor) throws(LinkError) {
        let slot = Int(packet.number(4) as UInt16)
        let flags: UInt16 = packet.number(6)
        let bytes: UInt64 = packet.number(16)
        guard slot < limits.memories, flags <= 1 else { throw .violation("a memory too many") }
        guard bytes > 0, bytes <= UInt64(Ring.longestMemory(limits.payloadBytes)) else {
            throw .violation("a memory of \(bytes) bytes")
        }
        while peerMemories.count <= slot { peerMemories.append(nil) }
        guard peerMemories[slot] == nil else { throw .violation("a memory in the place of another") }
        let (charge, isMappedAgain) = try chargeMemory(Int(bytes), isImmutable: flags == 1)
        let memory = try PeerMemory(
            descriptor, bytes: Int(bytes), isImmutable: flags == 1, isMappedAgain: isMappedAgain, charge: charge)
        peerMemories[slot] = (memory, packet.number(8))
        try openReturns()
    }

    /// What a memory of the peer's counts for, and whether its descriptor may be kept: of an arena's, of which a link
    /// has few, as long as there are some.
    private func chargeMemory(
        _ bytes: Int, isImmutable: Bool
    ) throws(LinkError) -> (ResourceCharge?, isMappedAgain: Bool) {
        let isWanted = bytes > PeerMemory.cheaplyCopied && !isImmutable
        guard let budget else { return (nil, isWanted) }
        if isWanted, let charge = try? budget.charge(peer, descriptors: 1, mappings: 1) { return (charge, true) }
        return (try budget.charge(peer, mappings: 1), false)
    }

    /// The first memory has come: says where its blocks will be given back.
    private func openReturns() throws(LinkError) {
        if releaseRing.withLock({ $0 != nil }) { return }
        let memory = try OwnMemory.create(bytes: limits.loans * 8)
        var packet = Packet(.releaseRing)
        packet.append(UInt32(limits.loans))
        guard try send(packet, memory.number) else { throw .violation("it does not read its socket") }
        memory.closeDescriptor()
        releaseRing.withLock { $0 = ReleaseRing(memory, for: self, slots: limits.loans) }
    }

    /// UNTRUSTED: maps a further ring of the peer after checking number, size and memory.
    func openPeerRing(_ packet: Packet, _ memory: consuming Descriptor) throws(LinkError) {
        let number = Int(packet.number(4) as UInt16)
        let bytes = Int(packet.number(16) as UInt32)
        guard unsafe number == receiving.pointee.inCount, number < limits.rings else {
            throw .violation("a ring out of turn, or too many")
        }
        guard Ring.isValid(bytes: bytes) else { throw .violation("a ring of \(bytes) bytes") }
        if let charge = try budget?.charge(peer, mappings: 2) { ringCharges.append(charge) }
        let mapping = try Segment.accept(memory, head: 0, ring: bytes)
        let cursor = unsafe oro_control_own_cursor(ownBase, UInt32(number))
        unsafe oro_reader_init(&ins[number].reader, mapping.ring, UInt64(bytes), packet.number(8), cursor)
        inMappings.append(MappingBox(mapping))
        unsafe receiving.pointee.inCount += 1
    }
}
