import CSupport
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The blocks this side lends to the peer of one link: their memory, and who has them.
///
/// Any thread takes blocks, lends them and gives them up. The books are private, so a peer that lies or dies costs no
/// memory: with the link everything comes back. What the peer has given back is read when a block is wanted next.
///
/// Blocks up to ``largestShared`` lie beside each other in memories that grow as they are needed; a longer one has a
/// memory of its own, which is kept for the next of about its length. Each memory is passed over the socket once.
// Sendable: everything is in `books` or atomic, but for constants.
@usableFromInline
@safe package final class Arena: @unchecked Sendable {
    private let books: Locked<Books>
    /// How many wait for a block, and whom to tell that one may be free.
    private let waiting = Atomic<Int>(0)
    private let waiters = Locked(Waiters())
    private let freed = Atomic<Int>(0)
    /// Payload bytes that were copied into blocks.
    package let copied = Atomic<Int>(0)
    /// The peer's processor is far away: a line it has read costs much to write again.
    private let isFar = Atomic<Bool>(false)

    private struct Waiters {
        var last: UInt64 = 0
        var resume: [UInt64: @Sendable () -> Void] = [:]
        var server: (@Sendable () -> Void)?
    }

    /// Longest block that shares a memory with others.
    package static let largestShared = 4 << 20
    fileprivate static let firstMemory = 256 << 10
    static let largestSharing = 32 << 20

    static var grain: Int { Int(ORO_BLOCK_GRAIN) }

    init(_ link: Link, own: LinkLimits, peer: Offer) {
        books = Locked(Books(link, own, peer))
    }

    /// Runs `body` with the books; tells those who wait when a block came free.
    private func withBooks<R>(
        _ body: (inout sending Books) throws(LinkError) -> sending R
    ) throws(LinkError) -> R {
        var isFreed = false
        defer { if isFreed { noteFree() } }
        return try books.withLock { (books) throws(LinkError) in
            defer {
                isFreed = books.isFreed
                books.isFreed = false
                if books.distance.isFar != isFar.load(ordering: .relaxed) {
                    isFar.store(books.distance.isFar, ordering: .relaxed)
                }
            }
            return try body(&books)
        }
    }

    // MARK: Blocks

    /// A block of `count` bytes, at least one. Throws `noBlocks` when as many bytes are out as may be, or the peer
    /// maps as many memories as it does at once.
    ///
    /// Also `busy` when the system has no memory, or the socket no room.
    package func take(_ count: Int) throws(LinkError) -> OwnBlock {
        guard count >= 0 else { throw .badOptions("a block has no \(count) bytes") }
        let plan = try withBooks { (books) throws(LinkError) in try books.plan(max(1, count)) }
        switch plan {
        case .ready(let found): return OwnBlock(self, found, count: count)
        case .needs(let bytes, let isWhole):
            // Not under the lock: a gigabyte takes the kernel a while.
            let memory: OwnMemory
            let huge = books.withLock { $0.own.hugePages }
            do throws(LinkError) {
                memory = try OwnMemory.create(bytes: OwnMemory.room(bytes, huge: huge), huge: huge)
            } catch {
                books.withLock { $0.withdraw(max(1, count)) }
                throw Arena.isShortage(error) ? .busy : error
            }
            let found = try books.withLock { (books) throws(LinkError) in
                try books.add(memory, count: max(1, count), isWhole: isWhole)
            }
            return OwnBlock(self, found, count: count)
        }
    }

    /// Copies a payload into a block of this arena that has room for it.
    package func copy(_ source: UnsafeRawBufferPointer, to block: OwnBlock) {
        guard let start = source.baseAddress else { return }
        copied.add(source.count, ordering: .relaxed)
        if isFar.load(ordering: .relaxed) {
            // The block has room, says the caller, and starts at a grain.
            unsafe oro_copy_streaming(block.base, start, source.count)
        } else {
            // As above.
            unsafe block.base.copyMemory(from: start, byteCount: source.count)
        }
    }

    private static func isShortage(_ error: LinkError) -> Bool {
        if case .system(_, let errno) = error { return [ENOMEM, ENOSPC, EMFILE, ENFILE].contains(errno) }
        return false
    }

    /// Lends a part of a block to the peer: what to write into the frame.
    package func lend(_ block: OwnBlock, offset: Int, count: Int) throws(LinkError) -> Lent {
        try withBooks { (books) throws(LinkError) in try books.lend(block.id, block.offset + offset, count) }
    }

    /// The same for a memory that belongs to no link.
    package func lend(_ memory: OwnMemory, offset: Int, count: Int) throws(LinkError) -> Lent {
        try withBooks { (books) throws(LinkError) in try books.lend(memory, offset, count) }
    }

    /// What was lent has not been sent after all.
    package func takeBack(_ lent: Lent) { try? withBooks { (books) throws(LinkError) in books.takeBack(lent.loan) } }

    fileprivate func drop(_ id: Int32) { try? withBooks { (books) throws(LinkError) in books.drop(id) } }

    // MARK: Returns

    /// UNTRUSTED: where the peer will say what it gives back.
    func openReturns(_ descriptor: borrowing Descriptor, slots: Int) throws(LinkError) {
        try books.withLock { (books) throws(LinkError) in
            guard books.returns == nil, slots == books.peer.loans else {
                throw .violation("returns a second time, or of another size than was agreed")
            }
            let bytes = slots * 8
            // The least number of slots fills a page.
            try Segment.verify(descriptor, bytes: bytes, isImmutable: false)
            books.returns = try Mapping(descriptor, bytes: bytes, for: .reading)
        }
    }

    /// The peer has given something back that has not been looked at.
    package var hasReturns: Bool { books.withLock { $0.hasReturns } }

    /// Blocks were lent, and it is not known yet where the peer gives them back: the socket has to be read.
    package var expectsReturns: Bool { books.withLock { $0.returns == nil && $0.loansOut > 0 } }

    // MARK: Waiting

    /// Somebody waits for a block.
    package var isWanted: Bool { waiting.load(ordering: .sequentiallyConsistent) > 0 }

    /// Changes whenever a block may have become free.
    package var changes: Int { freed.load(ordering: .sequentiallyConsistent) }

    /// Calls `resume` once, soon after ``changes`` is not `seen` any more or the link is over; at once when that is so
    /// already. The token takes it back. Whoever serves the link is told to look for returns, unless the caller does that
    /// itself.
    package func whenChanged(
        from seen: Int, isServed: Bool = false, _ resume: @escaping @Sendable () -> Void
    ) -> UInt64 {
        let (token, server) = waiters.withLock { waiters in
            waiters.last += 1
            waiters.resume[waiters.last] = resume
            waiting.store(waiters.resume.count, ordering: .sequentiallyConsistent)
            return (waiters.last, waiters.server)
        }
        // SYNC: sequentially consistent, as in `noteFree`: either it sees that somebody waits, or this sees the change.
        if changes != seen {
            tell()
        } else if !isServed {
            server?()
        }
        return token
    }

    package func cancelWait(_ token: UInt64) {
        waiters.withLock { waiters in
            waiters.resume[token] = nil
            waiting.store(waiters.resume.count, ordering: .sequentiallyConsistent)
        }
    }

    /// Whom to tell that somebody waits: whoever serves the link, and then calls ``serve()`` while ``isWanted``.
    package func setServer(_ server: (@Sendable () -> Void)?) { waiters.withLock { $0.server = server } }

    /// For whoever serves the link: looks for returns on behalf of those who wait.
    package func serve() throws(LinkError) -> Bool {
        guard hasReturns else { return false }
        try withBooks { (books) throws(LinkError) in try books.collect() }
        return true
    }

    private func noteFree() {
        freed.add(1, ordering: .sequentiallyConsistent)
        if isWanted { tell() }
    }

    private func tell() {
        let all = waiters.withLock { waiters in
            defer { waiters.resume = [:] }
            waiting.store(0, ordering: .sequentiallyConsistent)
            return waiters.resume.values
        }
        for resume in all { resume() }
    }

    /// The link is over: nothing is lent or taken any more, and all memory goes that nobody here has.
    func close(_ why: LinkError) {
        books.withLock { $0.close(why) }
        noteFree()
    }

    // MARK: Figures

    package struct Figures: Sendable {
        /// Bytes of blocks that somebody has, here or there.
        package var bytesOut = 0
        /// Loans the peer has not given back.
        package var loansOut = 0
        /// Bytes of all memories of this arena.
        package var memoryBytes = 0
    }
    package var figures: Figures { books.withLock { $0.figures } }
}

/// Bytes lent to the peer, as a frame says it.
package struct Lent: Sendable {
    package let slot: UInt32
    package let serial: UInt32
    package let loan: UInt64
    package let offset: Int
    package let count: Int

    package init(slot: UInt32, serial: UInt32, loan: UInt64, offset: Int, count: Int) {
        self.slot = slot
        self.serial = serial
        self.loan = loan
        self.offset = offset
        self.count = count
    }
}

/// A block of an arena, as long as somebody in this process has it. The peer may have it too, and longer.
// Sendable: constant; the bytes are written by one owner, before it is shared.
@safe package final class OwnBlock: @unchecked Sendable {
    package let arena: Arena
    private let memory: OwnMemory
    fileprivate let id: Int32
    fileprivate let offset: Int
    /// How many bytes were asked for.
    package let count: Int

    fileprivate init(_ arena: Arena, _ found: Books.Ready, count: Int) {
        self.arena = arena
        memory = found.memory
        id = found.id
        offset = found.offset
        self.count = count
    }

    deinit { arena.drop(id) }

    /// Where it starts.
    package var base: UnsafeMutableRawPointer { unsafe memory.base + offset }
}

/// What an arena knows. With its lock held.
@safe private struct Books: ~Copyable {
    let own: LinkLimits
    let peer: Offer
    /// As long as the arena is open. Closed before the link goes, under the same lock.
    private unowned(unsafe) let link: Link
    /// Why the link is over; `nil` while it is not.
    private var ending: LinkError?
    private var isOpen: Bool { ending == nil }
    /// A block has come free.
    var isFreed = false
    private var heap = BlockHeap()
    private(set) var distance = Distance()
    /// By slot.
    private var memories: [Held?] = []
    private var slotsTaken = 0
    private var lastSerial: UInt32 = 0
    /// Blocks with a memory of their own that nobody has, kept for the next.
    private var spares: [Int32] = []
    /// Slots whose memory is gone, but the socket had no room to say so.
    private var untold: [Int] = []
    private var loans: [Loan] = []
    private var freeLoan = -1
    private(set) var loansOut = 0
    private var bytesOut = 0
    private var memoryBytes = 0
    /// Memories that belong to no link, while they are lent: their blocks.
    private var strangers: [ObjectIdentifier: Int32] = [:]
    /// Where the peer says what it gives back; nil until it has said where.
    var returns: Mapping?
    private var returned: UInt64 = 0

    private struct Held {
        let memory: OwnMemory
        let serial: UInt32
        var isAnnounced = false
        var isStranger = false
    }

    private struct Loan {
        var generation: UInt32 = 0
        /// The block, or -1 when it is not out.
        var id: Int32 = -1
        var nextFree = -1
    }

    init(_ link: Link, _ own: LinkLimits, _ peer: Offer) {
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

    private static func room(_ count: Int) -> Int { (count + Arena.grain - 1) / Arena.grain }

    mutating func plan(_ count: Int) throws(LinkError) -> Plan {
        try requireOpen()
        try collect()
        let most = min(own.loanBytes, peer.payloadBytes)
        guard count <= most else { throw .tooLarge(bytes: count, limit: most) }
        let room = Books.room(count)
        guard bytesOut + room * Arena.grain <= own.loanBytes else { throw shortage }
        let isWhole = count > Arena.largestShared
        if !isWhole { feelDistance(room) }
        if let id = isWhole ? takeSpare(count) : heap.take(room, mayGrow: memoryBytes < Books.mostForRest(own)) {
            bytesOut += heap.count(of: id) * Arena.grain
            return .ready(ready(id))
        }
        bytesOut += room * Arena.grain
        if isWhole { return .needs(bytes: count, isWhole: true) }
        return .needs(
            bytes: max(count, min(max(Arena.firstMemory, memoryBytes), Arena.largestSharing)), isWhole: false)
    }

    /// Whether the newest block that came back, of `room` grains, is still near or was read far away.
    private mutating func feelDistance(_ room: Int) {
        guard room >= Distance.leastBytes / Arena.grain, let id = heap.newest(room) else { return }
        // Nobody has the block.
        let base = unsafe memories[heap.memory(of: id)]!.memory.base + heap.start(of: id) * Arena.grain
        unsafe distance.note(oro_line_ticks(base + room / 2 * Arena.grain))
        heap.rest = distance.isFar ? Distance.restingBytes / Arena.grain : 0
    }

    /// Memory may grow to so much only that blocks can rest.
    private static func mostForRest(_ limits: LinkLimits) -> Int {
        min(2 * Distance.restingBytes, limits.keptBytes, limits.loanBytes)
    }

    private func ready(_ id: Int32) -> Ready {
        // A block that was taken lies in a memory that is there.
        Ready(id: id, memory: memories[heap.memory(of: id)]!.memory, offset: heap.start(of: id) * Arena.grain)
    }

    /// The smallest spare that is long enough, and not more than twice as long.
    private mutating func takeSpare(_ count: Int) -> Int32? {
        var best: Int?
        for (index, id) in spares.enumerated() {
            let bytes = heap.count(of: id) * Arena.grain
            if bytes < count || bytes > 2 * count { continue }
            if best.map({ heap.count(of: spares[$0]) > heap.count(of: id) }) ?? true { best = index }
        }
        guard let best else { return nil }
        let id = spares.remove(at: best)
        heap.hold(id)
        return id
    }

    /// The block of `count` bytes that `plan` reserved is not made after all.
    mutating func withdraw(_ count: Int) { bytesOut -= Books.room(count) * Arena.grain }

    /// A new memory, and a block of `count` bytes in it, which `plan` reserved.
    mutating func add(_ memory: OwnMemory, count: Int, isWhole: Bool) throws(LinkError) -> Ready {
        try requireOpen()
        withdraw(count)
        let slot = try takeSlot(memory)
        memoryBytes += memory.bytes
        let grains = memory.bytes / Arena.grain
        let id: Int32
        if isWhole {
            id = heap.addWhole(memory: slot, count: grains)
        } else {
            heap.add(memory: slot, count: grains)
            // There is room for it here at least; it may be found in another memory.
            id = heap.take(Books.room(count))!
        }
        bytesOut += heap.count(of: id) * Arena.grain
        return ready(id)
    }

    private mutating func takeSlot(_ memory: OwnMemory) throws(LinkError) -> Int32 {
        tellUntold()
        // What is kept for later makes way.
        while slotsTaken >= peer.memories, let spare = spares.popLast() ?? heap.idle() { forget(spare) }
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
        let index = try takeLoan()
        loans[index].id = id
        heap.hold(id)
        return Lent(
            slot: UInt32(slot), serial: memories[slot]!.serial,
            loan: UInt64(index) << UInt64(ORO_LOAN_INDEX_SHIFT) | UInt64(loans[index].generation), offset: offset,
            count: count)
    }

    mutating func lend(_ memory: OwnMemory, _ offset: Int, _ count: Int) throws(LinkError) -> Lent {
        try requireOpen()
        guard memory.bytes <= Ring.longestMemory(peer.payloadBytes) else {
            throw .tooLarge(bytes: memory.bytes, limit: peer.payloadBytes)
        }
        let key = ObjectIdentifier(memory)
        if let id = strangers[key] { return try lend(id, offset, count) }
        guard bytesOut + memory.bytes <= own.loanBytes else {
            throw memory.bytes > own.loanBytes ? .tooLarge(bytes: memory.bytes, limit: own.loanBytes) : shortage
        }
        bytesOut += memory.bytes
        let slot: Int32
        do throws(LinkError) {
            slot = try takeSlot(memory)
        } catch {
            bytesOut -= memory.bytes
            throw error
        }
        memories[Int(slot)]!.isStranger = true
        let id = heap.addWhole(memory: slot, count: (memory.bytes + Arena.grain - 1) / Arena.grain)
        strangers[key] = id
        // From now on the loans alone hold it.
        defer { drop(id) }
        return try lend(id, offset, count)
    }

    private mutating func takeLoan() throws(LinkError) -> Int {
        if loansOut >= peer.loans { try collect() }
        guard loansOut < peer.loans else { throw shortage }
        loansOut += 1
        if freeLoan >= 0 {
            let index = freeLoan
            freeLoan = loans[index].nextFree
            loans[index].generation &+= 1
            return index
        }
        loans.append(Loan())
        return loans.count - 1
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
            sent = try unsafe packet.send(over: link.socket, held.memory.number)
        } catch .system(_, let errno) where errno == ETOOMANYREFS {
            sent = false
        }
        guard sent else { throw .busy }
        memories[slot]!.isAnnounced = true
        if !held.isStranger { held.memory.closeDescriptor() }
        unsafe link.noticePeer()
    }

    // MARK: Coming back

    var hasReturns: Bool {
        guard let ring = unsafe returnsBase else { return false }
        var loan: UInt64 = 0
        // The mapping has that many slots.
        return unsafe oro_return_take(ring, UInt64(peer.loans), returned, &loan)
    }

    private var returnsBase: UnsafeRawPointer? {
        switch returns {
        case .some(let mapping): unsafe UnsafeRawPointer(mapping.base)
        case nil: nil
        }
    }

    /// UNTRUSTED: every loan the peer gives back must be one that it has.
    mutating func collect() throws(LinkError) {
        guard isOpen, let ring = unsafe returnsBase else { return }
        var loan: UInt64 = 0
        // As in `hasReturns`.
        while unsafe oro_return_take(ring, UInt64(peer.loans), returned, &loan) {
            returned += 1
            let index = Int(loan >> UInt64(ORO_LOAN_INDEX_SHIFT))
            guard index < loans.count, loans[index].id >= 0,
                loans[index].generation == UInt32(truncatingIfNeeded: loan)
            else {
                let why = LinkError.violation("it gives back what it does not have")
                unsafe link.halt(why)
                throw why
            }
            end(index)
        }
    }

    /// As `LinkError.noBlocks` says it.
    private var shortage: LinkError {
        unsafe .noBlocks(
            processID: link.peer.processID, bytes: bytesOut, loans: loansOut, byteLimit: own.loanBytes,
            loanLimit: peer.loans)
    }

    mutating func takeBack(_ loan: UInt64) {
        if isOpen { end(Int(loan >> UInt64(ORO_LOAN_INDEX_SHIFT))) }
    }

    private mutating func end(_ index: Int) {
        let id = loans[index].id
        loans[index].id = -1
        loans[index].nextFree = freeLoan
        freeLoan = index
        loansOut -= 1
        drop(id)
    }

    /// One holder of the block less.
    mutating func drop(_ id: Int32) {
        guard isOpen, heap.drop(id) else { return }
        isFreed = true
        if let stranger = strangerMemory(of: id) {
            strangers[ObjectIdentifier(stranger)] = nil
            bytesOut -= stranger.bytes
            return forget(id)
        }
        bytesOut -= heap.count(of: id) * Arena.grain
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
    private func strangerMemory(of id: Int32) -> OwnMemory? {
        // Looked at in place: a copy would count a reference for each block that comes back.
        guard strangers.count > 0, let held = memories[heap.memory(of: id)], held.isStranger else { return nil }
        return held.memory
    }

    /// Lets the memory go of which the block is all.
    private mutating func forget(_ id: Int32) {
        let slot = heap.memory(of: id)
        heap.remove(id)
        guard let held = memories[slot] else { return }
        if !held.isStranger { memoryBytes -= held.memory.bytes }
        memories[slot] = nil
        slotsTaken -= 1
        if held.isAnnounced {
            untold.append(slot)
            tellUntold()
        }
    }

    /// Tells the peer of memories that are gone, as far as the socket has room. Until then their slots are not used again.
    private mutating func tellUntold() {
        while let slot = untold.last {
            var packet = Packet(.forget)
            packet.append(UInt16(slot))
            packet.append(UInt16(0))
            guard unsafe (try? packet.send(over: link.socket)) == true else { return }
            untold.removeLast()
            unsafe link.noticePeer()
        }
    }

    mutating func close(_ why: LinkError) {
        if ending == nil { ending = why }
        memories = []
        spares = []
        loans = []
        strangers = [:]
        returns = nil
        (loansOut, bytesOut, memoryBytes, slotsTaken) = (0, 0, 0, 0)
    }

    var figures: Arena.Figures {
        Arena.Figures(bytesOut: bytesOut, loansOut: loansOut, memoryBytes: memoryBytes)
    }
}
