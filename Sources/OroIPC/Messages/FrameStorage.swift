// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame
import OroLink
import OroPorts

/// A frame copied out of a ring into private memory: what messages, results and their bytes refer to.
///
/// Reused for the next frame when nobody refers to it any more, so that a steady exchange of small messages allocates
/// nothing.
// Sendable: written by the one thread that made or reused it, before anybody else has a reference; constant afterwards.
@usableFromInline
@safe final class FrameStorage: @unchecked Sendable {
    /// Outside the object: no access of the hot path needs a check for exclusivity.
    @usableFromInline
    @safe struct Fields {
        @usableFromInline var base: UnsafeMutableRawPointer
        var room: Int
        @usableFromInline var count = 0
        @usableFromInline var header = FrameHeader(kind: .goodbye)
        /// Where the payload starts; it reaches to the end.
        @usableFromInline var payloadStart = 0
        /// Of the route that answers the frame, retained; set by the host.
        @usableFromInline var label: Unmanaged<RouteLabel>?
        /// The payload, where the peer lent it.
        @usableFromInline var borrowed: BorrowedBlock?
        /// Who sent it, and whose blocks a handler may fill for its result; set by the host.
        var sender: (any FrameSender)?
        /// The body that follows the request with ``bodyTicket``; set by the host. Of another request it means nothing.
        var body: (any FrameBody)?
        var bodyTicket: UInt64 = 0
        /// What pays for the memory, as long as this object lives; `nil`: no peer is the cause of it.
        var account: ByteAccount?
        var charged = 0
        /// The account had no room for what came last: there is nothing in here.
        var isRefused = false
        /// What a message says that was made here: there is no frame then.
        var made: MadeMessage?
    }

    @usableFromInline let fields: UnsafeMutablePointer<Fields>

    private static let smallestRoom = 256
    /// A larger block is not kept for reuse.
    private static let largestKept = 1 << 16

    /// The link has bounded the length already, by its own limit.
    private static let limits: FrameLimits = {
        var limits = FrameLimits.default
        limits.maxFrameBytes = .max
        return limits
    }()

    /// What an object costs besides its room: itself, its fields, and what lies behind the room.
    private static let fixedCost = MemoryLayout<Fields>.stride + 192

    /// For what comes from a peer. Where its account has no room there is none in here either, and a frame that comes
    /// is refused.
    init(_ account: ByteAccount?, _ sender: (any FrameSender)? = nil) {
        unsafe fields = .allocate(capacity: 1)
        let cost = FrameStorage.smallestRoom + FrameStorage.fixedCost
        // Nothing has come for it yet that could be refused.
        if let account, !account.tryCharge(cost) {
            let nowhere = unsafe UnsafeMutableRawPointer(fields)
            unsafe fields.initialize(to: Fields(base: nowhere, room: 0, sender: sender, account: account))
            return
        }
        let base = unsafe PrivateMemory(FrameStorage.smallestRoom + 64).release()
        unsafe fields.initialize(
            to: Fields(
                base: base, room: FrameStorage.smallestRoom, sender: sender, account: account,
                charged: account == nil ? 0 : cost))
    }

    convenience init(_ sender: some FrameSender) { self.init(sender.account, sender) }

    /// A frame of this process's own, as if it had come.
    convenience init(_ plain: Frame, _ payload: Bytes?) throws(FrameError) {
        var frame = plain
        frame.setInline(payload)
        var limits = FrameStorage.limits
        limits.maxFrameBytes = Int(UInt32.max)
        let size = try frame.measure(limits: limits)
        let memory = PrivateMemory(size.frameBytes + 64)
        let record = unsafe UnsafeMutableRawBufferPointer(rebasing: memory.buffer[..<size.frameBytes])
        let start = unsafe frame.write(size, into: record)
        // The frame was measured with room for the payload at its end.
        unsafe payload?.withUnsafeBytes { source in
            unsafe UnsafeMutableRawBufferPointer(rebasing: record[start...]).copyMemory(from: source)
        }
        self.init(nil)
        fill(Incoming(owning: memory, count: size.frameBytes))
        try readHeader()
    }

    /// A message that is made here, with no memory for a frame. `other`: the received one it comes from, whose route,
    /// sender and body are its own then.
    init(_ made: MadeMessage, from other: FrameStorage? = nil) {
        unsafe fields = .allocate(capacity: 1)
        let base = unsafe UnsafeMutableRawPointer(fields)
        var copy = unsafe other?.fields.pointee ?? Fields(base: base, room: 0)
        unsafe copy.base = base
        copy.room = 0
        copy.count = 0
        copy.borrowed = nil
        copy.account = nil
        copy.charged = 0
        copy.made = made
        copy.header.kind = .request
        copy.header.flags.formIntersection(.ofRequests)
        _ = unsafe copy.label?.retain()
        unsafe fields.initialize(to: copy)
        describe(made)
    }

    deinit {
        unsafe fields.pointee.label?.release()
        if unsafe fields.pointee.room > 0 { unsafe oro_memory_free(fields.pointee.base) }
        if unsafe fields.pointee.charged > 0 { unsafe fields.pointee.account?.release(fields.pointee.charged) }
        unsafe fields.deinitialize(count: 1)
        unsafe fields.deallocate()
    }

    /// Takes over what came: copies from a ring, or adopts memory that is ours already. Where the account has no room
    /// this holds nothing, reading the header fails, and ``takeRefusal()`` says why.
    @inline(__always)
    func fill(_ incoming: Incoming) {
        unsafe fields.pointee.count = incoming.count
        if incoming.place == .ring {
            if unsafe incoming.count > fields.pointee.room, !grow(incoming.count) { return }
            // Both sides have room for the count rounded up: the ring is mapped twice, `base` has 64 bytes more.
            unsafe oro_take(fields.pointee.base, incoming.bytes, incoming.count)
        } else {
            adopt(incoming)
        }
    }

    /// The account had no room for the frame that came last. Asked for once.
    func takeRefusal() -> Bool {
        defer { unsafe fields.pointee.isRefused = false }
        return unsafe fields.pointee.isRefused
    }

    private func refuse() {
        unsafe fields.pointee.count = 0
        unsafe fields.pointee.isRefused = true
    }

    private func adopt(_ incoming: Incoming) {
        if incoming.place == .refused { return refuse() }
        let old = unsafe fields.pointee.room
        if old > 0 { unsafe oro_memory_free(fields.pointee.base) }
        if let account = unsafe fields.pointee.account {
            // The memory that came is charged already.
            account.release(old)
            unsafe fields.pointee.charged += incoming.count - old
        }
        unsafe fields.pointee.base = UnsafeMutableRawPointer(mutating: incoming.bytes)
        // Its own, also where it is of no bytes.
        unsafe fields.pointee.room = max(1, incoming.count)
    }

    /// Says which route answers the frame, by its label. Costs nothing when it is the one that answered the last.
    @inline(__always)
    func setRoute(_ route: RouteLabel) {
        let label = unsafe Unmanaged.passUnretained(route)
        if unsafe fields.pointee.label?.toOpaque() == label.toOpaque() { return }
        unsafe fields.pointee.label?.release()
        unsafe fields.pointee.label = label.retain()
    }

    /// The body that follows the request.
    var body: (any FrameBody)? {
        get { unsafe header.ticket == fields.pointee.bodyTicket ? fields.pointee.body : nil }
        set {
            unsafe fields.pointee.body = newValue
            unsafe fields.pointee.bodyTicket = header.ticket
        }
    }

    /// Lets another account pay, where that has room: what one peer sent is kept for others from now on. Not for what
    /// is small, which costs less to keep than not to be used again. By the thread that received it.
    func rebook(to other: ByteAccount) {
        let charged = unsafe fields.pointee.charged
        guard let account = unsafe fields.pointee.account, account !== other, charged > 4096, other.charge(charged)
        else { return }
        unsafe fields.pointee.account = other
        account.release(charged)
        // Never used for another frame: that would be paid for by the wrong account.
        unsafe fields.pointee.room = max(fields.pointee.room, FrameStorage.largestKept + 1)
    }

    private func grow(_ count: Int) -> Bool {
        let old = unsafe fields.pointee.room
        // What is too large to be used again needs no room to grow.
        let room = count > FrameStorage.largestKept ? count : max(count, 2 * old, FrameStorage.smallestRoom)
        if let account = unsafe fields.pointee.account {
            let more = unsafe room - old + (fields.pointee.charged == 0 ? FrameStorage.fixedCost : 0)
            guard account.charge(more) else {
                refuse()
                return false
            }
            unsafe fields.pointee.charged += more
        }
        if old > 0 { unsafe oro_memory_free(fields.pointee.base) }
        unsafe fields.pointee.room = room
        unsafe fields.pointee.base = PrivateMemory(room + 64).release()
        return true
    }

    /// Nobody else refers to it any more, and it is worth using for another frame.
    @inline(__always)
    static func isFree(_ storage: inout FrameStorage) -> Bool {
        // ThreadSanitizer does not see that whoever had the last reference is done: there nothing is used again.
        unsafe isKnownUniquelyReferenced(&storage) && storage.fields.pointee.room <= largestKept && !oro_tsan_watches()
    }

    /// Bytes of the frame, and of a payload that lies elsewhere.
    var byteCount: Int { unsafe fields.pointee.count + (fields.pointee.borrowed?.count ?? 0) }

    @usableFromInline var header: FrameHeader { unsafe fields.pointee.header }

    /// Reads and checks the header, and finds the payload.
    @inline(__always)
    func readHeader() throws(FrameError) {
        let buffer = unsafe self.buffer
        let header = try unsafe FrameHeader.read(buffer, limits: FrameStorage.limits)
        unsafe fields.pointee.header = header
        unsafe fields.pointee.payloadStart = buffer.count - Int(header.payloadBytes)
    }

    @inline(__always)
    var buffer: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: fields.pointee.base, count: fields.pointee.count)
    }

    /// The frame's payload; `nil` when it has none.
    @inlinable
    var payload: Bytes? {
        let count = unsafe Int(fields.pointee.header.payloadBytes)
        if count == 0 { return unsafe fields.pointee.header.flags.contains(.lent) ? emptyPayload : nil }
        if unsafe fields.pointee.header.flags.contains(.lent) { return lentPayload() }
        // The header was checked against the frame's length; the memory is as old as this object.
        return unsafe Bytes(owner: self, base: fields.pointee.base + fields.pointee.payloadStart, count: count)
    }

    @usableFromInline var emptyPayload: Bytes { .empty }

    /// `nil` after ``dropPayload()``.
    @usableFromInline
    func lentPayload() -> Bytes? { unsafe fields.pointee.borrowed.map { Bytes($0) } ?? made?.payload }

    /// The payload, for the only one who wants it: where it was lent, this object does not hold it any longer.
    @inline(__always)
    func takePayload() -> Bytes? {
        let payload = payload
        if unsafe fields.pointee.borrowed != nil { dropPayload() }
        return payload
    }

    /// Gives a lent payload back, if nobody else has it.
    func dropPayload() { unsafe fields.pointee.borrowed = nil }

    /// UNTRUSTED: the payload was lent: finds it. The frame's header was read.
    func borrow(from link: Link) throws(LinkError) {
        // Of an empty payload there is nothing to be found.
        if unsafe fields.pointee.header.payloadBytes == 0 { return }
        // The header's lengths were checked against the frame's.
        let payload = unsafe UnsafeRawBufferPointer(rebasing: buffer[fields.pointee.payloadStart...])
        guard let reference = unsafe BlockReference(payload), let offset = Int(exactly: reference.offset),
            let count = Int(exactly: reference.count)
        else { throw .violation("bytes that cannot be anywhere") }
        unsafe fields.pointee.borrowed = try link.borrow(
            Lent(
                slot: reference.slot, serial: reference.serial, loan: reference.loan, offset: offset, count: count))
    }

    @usableFromInline
    var view: FrameView {
        @_lifetime(borrow self)
        get throws(FrameError) {
            // The memory lives, unchanged, as long as this object.
            let span = unsafe _overrideLifetime(buffer.bytes, borrowing: self)
            return try FrameView(span, limits: FrameStorage.limits)
        }
    }
}

extension FrameStorage: ReceivedFrame {}
