import CSupport

// All of this belongs to the holder of the receiver's role.
extension Link {
    /// Hands over up to `limit` messages of each ring, in order, and answers how many records it read.
    ///
    /// Throws when the peer broke the protocol, or when `body` throws; the link must then be ended. This is the path that
    /// neither allocates nor calls the system (messages of one record).
    @inlinable
    package func drain(limit: Int, _ body: (Incoming) throws(LinkError) -> Void) throws(LinkError) -> Int {
        var total = 0
        for ring in 0..<(unsafe receiving.pointee.inCount) {
            // `ins` has room for every ring number, and belongs to the receiver's role.
            let state = unsafe ins + ring
            var count = 0
            var view = unsafe oro_view()
            while count < limit {
                let found = unsafe oro_reader_peek(&state.pointee.reader, &view)
                if found == Int32(ORO_READ_EMPTY) { break }
                if found < 0 { throw .violation("a record with an impossible extent") }
                if unsafe view.part == 0 {
                    // Before anything of it is copied; longer ones in parts are refused by `assemble`.
                    if unsafe Int(view.length) > state.pointee.longest { throw unsafe tooLong(Int(view.length)) }
                    unsafe try body(
                        Incoming(ring: ring, bytes: unsafe view.payload, count: Int(view.length), owned: false))
                } else if let whole = unsafe try assemble(ring, view) {
                    try body(whole)
                }
                unsafe oro_reader_advance(&state.pointee.reader, view.stride)
                count += 1
                if unsafe oro_reader_unpublished(&state.pointee.reader) > state.pointee.reader.capacity / 8 {
                    unsafe oro_reader_publish(&state.pointee.reader)
                    wakeForRoom()
                }
            }
            total += count
        }
        if total > 0 { noteStreak(total) }
        return total
    }

    /// Polls for a message, `looks` times at most. The innermost loop of all waiting: every nanosecond in it is latency.
    @inlinable
    package func linger(_ looks: Int) -> Bool {
        let rings = unsafe receiving.pointee.inCount
        for _ in 0..<looks {
            // The readers belong to the receiver's role.
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
    ///
    /// Memory grows with what has come, at most to twice that: a total that is only claimed costs nothing.
    @usableFromInline
    func assemble(_ ring: Int, _ view: oro_view) throws(LinkError) -> Incoming? {
        let state = unsafe ins + ring
        var bytes = unsafe UnsafeRawBufferPointer(start: view.payload, count: Int(view.length))
        if unsafe view.part == 1 {
            guard unsafe state.pointee.assembly == nil else { throw .violation("a message begins inside another") }
            guard bytes.count >= 8 else { throw .violation("a first record without its total") }
            // UNTRUSTED: copied once and checked.
            let total = unsafe UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
            guard total <= UInt64(limits.messageBytes) else { throw tooLong(total) }
            unsafe bytes = UnsafeRawBufferPointer(rebasing: bytes[8...])
            unsafe state.pointee.assemblyTotal = Int(total)
            unsafe state.pointee.assembled = 0
            unsafe state.pointee.assemblyRoom = 0
        } else if unsafe state.pointee.assembly == nil {
            throw .violation("a message continues that never began")
        }
        let (done, total) = unsafe (state.pointee.assembled, state.pointee.assemblyTotal)
        guard bytes.count <= total - done else { throw .violation("a message longer than its total") }
        let needed = done + bytes.count
        if unsafe needed > state.pointee.assemblyRoom || state.pointee.assembly == nil {
            let room = min(total, max(2 * needed, 4096))
            let grown = unsafe try PrivateMemory.allocate(room + 64)
            if let old = unsafe state.pointee.assembly {
                unsafe grown.copyMemory(from: old, byteCount: done)
                unsafe old.deallocate()
            }
            unsafe state.pointee.assembly = grown
            unsafe state.pointee.assemblyRoom = room
        }
        if let source = bytes.baseAddress, let assembly = unsafe state.pointee.assembly {
            unsafe (assembly + done).copyMemory(from: source, byteCount: bytes.count)
        }
        unsafe state.pointee.assembled = needed
        if unsafe view.part != 3 { return nil }
        guard needed == total, let whole = unsafe state.pointee.assembly else {
            throw .violation("a message shorter than its total")
        }
        unsafe state.pointee.assembly = nil
        return unsafe Incoming(ring: ring, bytes: UnsafeRawPointer(whole), count: total, owned: true)
    }

    /// Bytes of the peer's, to be read in place and given back.
    ///
    /// UNTRUSTED: the numbers are those of a frame, copied. They must name bytes inside a memory that the peer has passed.
    package func borrow(_ lent: Lent) throws(LinkError) -> BorrowedBlock {
        let slot = Int(lent.slot)
        // Passed over the socket before the frame was written, but maybe not read yet.
        if !(peerMemories.indices.contains(slot) && peerMemories[slot]?.serial == lent.serial) {
            try readAnnounced()
        }
        guard peerMemories.indices.contains(slot), let (memory, serial) = peerMemories[slot], serial == lent.serial,
            let returns = returns.withLock({ $0 })
        else { throw .violation("bytes in a memory that was never passed") }
        guard lent.count > 0, lent.count <= limits.payloadBytes, lent.offset >= 0, lent.offset <= memory.bytes,
            lent.count <= memory.bytes - lent.offset
        else { throw .violation("bytes outside of their memory, or more than \(limits.payloadBytes)") }
        try memory.show(lent.offset, count: lent.count)
        guard returns.borrow() else { throw .violation("more than \(returns.slots) blocks at once") }
        return BorrowedBlock(memory, returns, loan: lent.loan, offset: lent.offset, count: lent.count)
    }

    /// The link is over: the peer's memories go, except for those somebody still reads in, and descriptors nobody has claimed.
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
        let charge = try budget?.charge(peer, mappings: 1)
        let memory = try PeerMemory(descriptor, bytes: Int(bytes), isImmutable: flags == 1, charge: charge)
        peerMemories[slot] = (memory, packet.number(8))
        try openReturns()
    }

    /// The first memory has come: says where its blocks will be given back.
    private func openReturns() throws(LinkError) {
        if returns.withLock({ $0 != nil }) { return }
        let memory = try OwnMemory.create(bytes: limits.loans * 8)
        var packet = Packet(.returns)
        packet.append(UInt32(limits.loans))
        guard try send(packet, memory.number) else { throw .violation("it does not read its socket") }
        memory.closeDescriptor()
        returns.withLock { $0 = Returns(memory, for: self, slots: limits.loans) }
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
