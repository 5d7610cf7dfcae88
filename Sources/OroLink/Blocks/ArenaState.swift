// SPDX-License-Identifier: Apache-2.0

import CSupport

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What an arena knows. With its lock held.
@safe struct ArenaState: ~Copyable {
    let own: LinkLimits
    let peer: Offer
    /// As long as the arena is open. Closed before the link goes, under the same lock.
    private unowned(unsafe) let link: any BlockLink
    /// Why the link is over; `nil` while it is not.
    private var ending: LinkError?
    private var isOpen: Bool { ending == nil }
    /// A block has come free.
    var isFreed = false
    /// What pays for memories that are made here; `nil`: nothing has to.
    var account: ByteAccount?
    private var heap = BlockHeap()
    private(set) var locality = ReaderLocality()
    /// By slot.
    private var memories: [Held?] = []
    private var slotsTaken = 0
    private var lastSerial: UInt32 = 0
    /// Blocks with a memory of their own that nobody has, kept for the next.
    private var spares: [Int32] = []
    /// Slots whose memory is gone, but the socket had no room to say so.
    private var untold: [Int] = []
    private var loans = Loans()
    var loansOut: Int { loans.count }
    private var bytesOut = 0
    private var memoryBytes = 0
    /// Memories that belong to no link, while they are lent: their blocks.
    private var externals: [ObjectIdentifier: Int32] = [:]
    /// Of these the blocks of pools' memories that the peer knows, and that are not lent; the oldest first.
    private var cooling: [Int32] = []
    private var coolingBytes = 0
    /// Where the peer says what it gives back; nil until it has said where.
    var releaseRing: Mapping?
    private var returned: UInt64 = 0

    private struct Held {
        let memory: OwnMemory
        let serial: UInt32
        var isAnnounced = false
        var isExternal = false
        /// The payload in it that is lent, in a memory of a pool.
        var lease: MemoryLease?
    }

    /// Most memories of pools that a peer keeps mapped while they are not lent.
    private static let mostCooling = (memories: 8, bytes: 16 << 20)

    init(_ link: any BlockLink, _ own: LinkLimits, _ peer: Offer) {
        unsafe self.link = link
        self.own = own
        self.peer = peer
    }

    struct Ready {
        let id: Int32
        let memory: OwnMemory
        let offset: Int
    }

    enum Plan {
        case ready(Ready)
        /// Memory of so many bytes has to be made; room for the block is reserved.
        case needs(bytes: Int, isWhole: Bool)
    }

    // MARK: Taking

    private func requireOpen() throws(LinkError) {
        // `link` lives while the arena is open.
        if let ending { throw ending }
    }

    private static func room(_ count: Int) -> Int { (count + Arena.alignment - 1) / Arena.alignment }

    /// A payload that may not be lent, by this side or by the peer.
    private func tooLarge(_ bytes: Int) -> LinkError {
        own.loanBytes <= peer.payloadBytes
            ? .tooLarge(bytes: bytes, limit: own.loanBytes, setting: "LinkLimits.loanBytes")
            : .tooLarge(bytes: bytes, limit: peer.payloadBytes, setting: "the peer's LinkLimits.payloadBytes")
    }

    mutating func plan(_ count: Int) throws(LinkError) -> Plan {
        try requireOpen()
        try collect()
        let most = min(own.loanBytes, peer.payloadBytes)
        guard count <= most else { throw tooLarge(count) }
        let room = ArenaState.room(count)
        guard bytesOut + room * Arena.alignment <= own.loanBytes else { throw shortage }
        let isWhole = count > Arena.largestShared
        if !isWhole { sampleLocality(room) }
        if let id = isWhole
            ? takeSpare(count) : heap.take(room, mayGrow: memoryBytes < ArenaState.mostWhileCooling(own))
        {
            bytesOut += heap.count(of: id) * Arena.alignment
            return .ready(ready(id))
        }
        bytesOut += room * Arena.alignment
        if isWhole { return .needs(bytes: count, isWhole: true) }
        return .needs(
            bytes: max(count, min(max(Arena.firstMemory, memoryBytes), Arena.largestSharing)), isWhole: false)
    }

    /// Whether the newest block that came back, of `room` units, is still near or was read far away.
    private mutating func sampleLocality(_ room: Int) {
        guard room >= ReaderLocality.leastBytes / Arena.alignment, let id = heap.newest(room) else { return }
        // Nobody has the block.
        let base = unsafe memories[heap.memory(of: id)]!.memory.base + heap.start(of: id) * Arena.alignment
        unsafe locality.note(oro_line_ticks(base + room / 2 * Arena.alignment))
        heap.coolingUnits = locality.isFar ? ReaderLocality.coolingBytes / Arena.alignment : 0
    }

    /// How far memory may grow only so that blocks can cool, in bytes.
    private static func mostWhileCooling(_ limits: LinkLimits) -> Int {
        min(2 * ReaderLocality.coolingBytes, limits.keptBytes, limits.loanBytes)
    }

    private func ready(_ id: Int32) -> Ready {
        // A block that was taken lies in a memory that is there.
        Ready(id: id, memory: memories[heap.memory(of: id)]!.memory, offset: heap.start(of: id) * Arena.alignment)
    }

    /// The smallest spare that is long enough, and not more than twice as long.
    private mutating func takeSpare(_ count: Int) -> Int32? {
        var best: Int?
        for (index, id) in spares.enumerated() {
            let bytes = heap.count(of: id) * Arena.alignment
            if bytes < count || bytes > 2 * count { continue }
            if best.map({ heap.count(of: spares[$0]) > heap.count(of: id) }) ?? true { best = index }
        }
        guard let best else { return nil }
        let id = spares.remove(at: best)
        heap.hold(id)
        return id
    }

    /// The block of `count` bytes that `plan` reserved is not made after all.
    mutating func withdraw(_ count: Int) { bytesOut -= ArenaState.room(count) * Arena.alignment }

    /// A new memory, and a block of `count` bytes in it, which `plan` reserved.
    mutating func add(_ memory: OwnMemory, count: Int, isWhole: Bool) throws(LinkError) -> Ready {
        try requireOpen()
        withdraw(count)
        let slot = try takeSlot(memory)
        memoryBytes += memory.bytes
        let units = memory.bytes / Arena.alignment
        let id: Int32
        if isWhole {
            id = heap.addWhole(memory: slot, count: units)
        } else {
            heap.add(memory: slot, count: units)
            // There is room for it here at least; it may be found in another memory.
            id = heap.take(ArenaState.room(count))!
        }
        bytesOut += heap.count(of: id) * Arena.alignment
        return ready(id)
    }

    /// Lets a memory go that is only kept for later. False: there is none.
    mutating func makeWay() -> Bool {
        guard let spare = spares.popLast() ?? heap.idle() else { return false }
        forget(spare)
        return true
    }

    private mutating func takeSlot(_ memory: OwnMemory) throws(LinkError) -> Int32 {
        tellUntold()
        // What is kept for later makes way.
        while slotsTaken >= peer.memories {
            if !cooling.isEmpty {
                forgetOldestResting()
            } else if let spare = spares.popLast() ?? heap.idle() {
                forget(spare)
            } else {
                break
            }
        }
        lastSerial &+= 1
        slotsTaken += 1
        let held = Held(memory: memory, serial: lastSerial)
        for slot in memories.indices where memories[slot] == nil && !untold.contains(slot) {
            memories[slot] = held
            return Int32(slot)
        }
        guard memories.count < peer.memories else {
            slotsTaken -= 1
            throw shortage
        }
        memories.append(held)
        return Int32(memories.count - 1)
    }

    // MARK: Lending

    mutating func lend(_ id: Int32, _ offset: Int, _ count: Int) throws(LinkError) -> Lent {
        try requireOpen()
        let slot = heap.memory(of: id)
        try announce(slot)
        if loans.count >= peer.loans { try collect() }
        guard loans.count < peer.loans else { throw shortage }
        heap.hold(id)
        return Lent(
            slot: UInt32(slot), serial: memories[slot]!.serial, loan: loans.take(id), offset: offset, count: count)
    }

    mutating func lend(_ memory: OwnMemory, _ offset: Int, _ count: Int) throws(LinkError) -> Lent {
        try requireOpen()
        guard memory.bytes <= Ring.longestMemory(peer.payloadBytes) else {
            throw tooLarge(memory.bytes)
        }
        let key = ObjectIdentifier(memory)
        if let id = externals[key] { return try lend(id, offset, count) }
        // What the peer has given back makes room for it: whoever lends a new memory each time never runs out of loans
        // first.
        if slotsTaken >= peer.memories || bytesOut + memory.bytes > own.loanBytes { try collect() }
        guard bytesOut + memory.bytes <= own.loanBytes else {
            throw memory.bytes > own.loanBytes ? tooLarge(memory.bytes) : shortage
        }
        bytesOut += memory.bytes
        let slot: Int32
        do throws(LinkError) {
            slot = try takeSlot(memory)
        } catch {
            bytesOut -= memory.bytes
            throw error
        }
        memories[Int(slot)]!.isExternal = true
        let id = heap.addWhole(memory: slot, count: (memory.bytes + Arena.alignment - 1) / Arena.alignment)
        externals[key] = id
        // From now on the loans alone hold it.
        defer { drop(id) }
        return try lend(id, offset, count)
    }

    mutating func lend(_ lease: MemoryLease, _ offset: Int, _ count: Int) throws(LinkError) -> Lent {
        try requireOpen()
        // What has come back makes the memories of earlier payloads free for the next ones.
        try collect()
        let key = ObjectIdentifier(lease.memory)
        guard let id = externals[key], let index = cooling.firstIndex(of: id) else {
            let lent = try lend(lease.memory, offset, count)
            if let id = externals[key] { memories[heap.memory(of: id)]!.lease = lease }
            return lent
        }
        guard bytesOut + lease.memory.bytes <= own.loanBytes else { throw shortage }
        // It stops cooling before anything else comes back, which may drive out what cools.
        cooling.remove(at: index)
        coolingBytes -= lease.memory.bytes
        bytesOut += lease.memory.bytes
        memories[heap.memory(of: id)]!.lease = lease
        do throws(LinkError) {
            return try lend(id, offset, count)
        } catch {
            bytesOut -= lease.memory.bytes
            cool(id, bytes: lease.memory.bytes)
            throw error
        }
    }

    /// The payload in a memory of a pool has come back; the peer keeps the memory for the next.
    private mutating func cool(_ id: Int32, bytes: Int) {
        memories[heap.memory(of: id)]!.lease = nil
        cooling.append(id)
        coolingBytes += bytes
        while cooling.count > ArenaState.mostCooling.memories || coolingBytes > ArenaState.mostCooling.bytes {
            forgetOldestResting()
        }
    }

    private mutating func forgetOldestResting() {
        let id = cooling.removeFirst()
        if let external = externalMemory(of: id) {
            externals[ObjectIdentifier(external)] = nil
            coolingBytes -= external.bytes
        }
        forget(id)
    }

    /// Passes the memory in `slot` to the peer, the first time.
    private mutating func announce(_ slot: Int) throws(LinkError) {
        guard let held = memories[slot], !held.isAnnounced else { return }
        var packet = Packet(.memory)
        packet.append(UInt16(slot))
        packet.append(UInt16(held.memory.isImmutable ? 1 : 0))
        packet.append(held.serial)
        packet.append(UInt32(0))
        packet.append(UInt64(held.memory.bytes))
        let sent: Bool
        do throws(LinkError) {
            sent = try unsafe link.send(packet, [held.memory.number])
        } catch .system(_, let errno) where errno == ETOOMANYREFS {
            sent = false
        }
        guard sent else { throw .busy }
        memories[slot]!.isAnnounced = true
        if !held.isExternal { held.memory.closeDescriptor() }
    }

    // MARK: Coming back

    var hasReleases: Bool {
        guard let ring = unsafe returnsBase else { return false }
        var loan: UInt64 = 0
        // The mapping has that many slots.
        return unsafe oro_return_take(ring, UInt64(peer.loans), returned, &loan)
    }

    private var returnsBase: UnsafeRawPointer? {
        switch releaseRing {
        case .some(let mapping): unsafe UnsafeRawPointer(mapping.base)
        case nil: nil
        }
    }

    /// UNTRUSTED: every loan the peer gives back must be one that was lent to it.
    mutating func collect() throws(LinkError) {
        guard isOpen, let ring = unsafe returnsBase else { return }
        var loan: UInt64 = 0
        // As in `hasReleases`.
        while unsafe oro_return_take(ring, UInt64(peer.loans), returned, &loan) {
            returned += 1
            guard let id = loans.finish(loan, by: .peer) else {
                let why = LinkError.violation("it gives back what it does not have")
                unsafe link.halt(why)
                throw why
            }
            drop(id)
        }
    }

    /// As `LinkError.noBlocks` says it.
    private var shortage: LinkError {
        unsafe .noBlocks(
            processID: link.peer.processID, bytes: bytesOut, loans: loansOut, byteLimit: own.loanBytes,
            loanLimit: peer.loans)
    }

    /// The frame with this loan is about to be seen.
    mutating func commit(_ loan: UInt64) { loans.lend(loan) }

    /// The frame with this loan is not sent.
    mutating func takeBack(_ loan: UInt64) {
        if isOpen, let id = loans.finish(loan, by: .sender) { drop(id) }
    }

    /// One holder of the block less.
    mutating func drop(_ id: Int32) {
        guard isOpen, heap.drop(id) else { return }
        isFreed = true
        if let external = externalMemory(of: id) {
            bytesOut -= external.bytes
            if memories[heap.memory(of: id)]!.lease != nil { return cool(id, bytes: external.bytes) }
            externals[ObjectIdentifier(external)] = nil
            return forget(id)
        }
        bytesOut -= heap.count(of: id) * Arena.alignment
        let spare = memoryBytes - bytesOut
        if heap.isWhole(id) {
            if spare > own.keptBytes { forget(id) } else { spares.append(id) }
            return
        }
        if spare <= own.keptBytes { return heap.give(id) }
        let free = heap.giveJoined(id)
        if heap.isAll(free) { forget(free) }
    }

    /// The memory of the block, where it belongs to no link.
    private func externalMemory(of id: Int32) -> OwnMemory? {
        // Looked at in place: a copy would count a reference for each block that comes back.
        guard externals.count > 0, let held = memories[heap.memory(of: id)], held.isExternal else { return nil }
        return held.memory
    }

    /// Lets the memory go of which the block is all.
    private mutating func forget(_ id: Int32) {
        let slot = heap.memory(of: id)
        heap.remove(id)
        guard let held = memories[slot] else { return }
        if !held.isExternal { memoryBytes -= held.memory.bytes }
        memories[slot] = nil
        slotsTaken -= 1
        if held.isAnnounced {
            untold.append(slot)
            tellUntold()
        }
    }

    /// Tells the peer of memories that are gone, as far as the socket has room. Until then their slots are not used
    /// again.
    private mutating func tellUntold() {
        while let slot = untold.last {
            var packet = Packet(.forget)
            packet.append(UInt16(slot))
            packet.append(UInt16(0))
            guard unsafe (try? link.send(packet, [])) == true else { return }
            untold.removeLast()
        }
    }

    mutating func close(_ why: LinkError) {
        if ending == nil { ending = why }
        memories = []
        spares = []
        loans.forgetAll()
        externals = [:]
        (cooling, coolingBytes) = ([], 0)
        releaseRing = nil
        (bytesOut, memoryBytes, slotsTaken) = (0, 0, 0)
    }

    var figures: Arena.Figures {
        Arena.Figures(bytesOut: bytesOut, loansOut: loansOut, memoryBytes: memoryBytes)
    }
}
