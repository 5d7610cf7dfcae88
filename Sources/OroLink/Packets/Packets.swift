// SPDX-License-Identifier: Apache-2.0

import CSupport

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The packets that the socket carries: the handshake, and announcements of further rings and of memories.
/// docs/wire-format.md has no part in them; all numbers are little-endian.
///
///     hello    0 "OROI" · 4 u16 oldest version · 6 u16 newest version · 8 u64 features · 16 u64 ring key
///              24 u32 ring bytes · 28 u32 rings · 32 u64 message bytes
///              40 u32 loans · 44 u32 memories · 48 u64 payload bytes          + segment
///     welcome  0 "OROW" · 4 u16 version · 6 u16 0 · 8 u64 features · 16 u64 ring key
///              24 u32 ring bytes · 28 u32 rings · 32 u64 message bytes
///              40 u32 loans · 44 u32 memories · 48 u64 payload bytes · 56 u64 link id      + segment
///     refusal  0 "OROR" · 4 u16 reason
///     ring     0 "OROG" · 4 u16 number · 6 u16 0 · 8 u64 key · 16 u32 ring bytes · 20 u32 0   + memfd
///     memory   0 "OROM" · 4 u16 slot · 6 u16 1 when immutable · 8 u32 serial · 12 u32 0 · 16 u64 bytes   + memfd
///     forget   0 "OROF" · 4 u16 slot · 6 u16 0
///     returns  0 "OROB" · 4 u32 slots                                                        + memfd
///     introduction  0 "OROP" · 4 u32 0 · 8 u64 id · 16 u32 process · 20 u32 user · 24 u32 group
///     offer    0 "OROO" · 4 u32 0 · 8 to 56 as in hello · 56 u64 id         + segment, socket; neither: there is none
///     descriptors   0 "OROD" · 4 u32 0 · 8 u64 number of the first   + 1 to 4 descriptors for messages
///     nudge    0 "OROU": look at the rings, although nobody waits for anything
///     wake     0 "OROY": look, you said that you sleep. One for each sleep; no control packet, and made in C
///              (`oro_send_wake`)
struct Packet {
    static let capacity = 64
    static let mostDescriptors = Int(ORO_FDS_MAX)

    enum Kind: UInt32 {
        case hello = 0x494f_524f
        case welcome = 0x574f_524f
        case refusal = 0x524f_524f
        case ring = 0x474f_524f
        case memory = 0x4d4f_524f
        case forget = 0x464f_524f
        case releaseRing = 0x424f_524f
        case introduction = 0x504f_524f
        case offer = 0x4f4f_524f
        case nudge = 0x554f_524f
        case descriptors = 0x444f_524f
    }

    var bytes: [UInt8] = []

    init(_ kind: Kind) { append(kind.rawValue) }

    init(received bytes: [UInt8]) { self.bytes = bytes }

    mutating func append<T: FixedWidthInteger>(_ number: T) {
        for shift in stride(from: 0, to: T.bitWidth, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    /// The number at `offset`; 0 beyond the end, so that a short packet fails the check of the field it lacks.
    func number<T: FixedWidthInteger>(_ offset: Int, as: T.Type = T.self) -> T {
        guard offset + T.bitWidth / 8 <= bytes.count else { return 0 }
        var value: T = 0
        for index in 0..<T.bitWidth / 8 { value |= T(truncatingIfNeeded: bytes[offset + index]) << (8 * index) }
        return value
    }

    var kind: Kind? { Kind(rawValue: number(0)) }
}

extension Packet {
    enum Received: ~Copyable {
        case nothing
        case hangUp
        case wake
        case packet(Packet, Descriptors)
    }

    /// UNTRUSTED: the next packet, with the descriptors it brought. More of them than belong to its kind, or too long a
    /// packet, is a violation.
    ///
    /// It is looked at before it is taken. So no file is ever closed for good by the kernel on this thread, which could
    /// be made to wait for that (`oro_closer.h`): what should not have come stays in the socket's queue, with which the
    /// closer deals at the end of the link, and so does what there was no descriptor for.
    static func receive(from socket: borrowing Descriptor) throws(LinkError) -> Received {
        var bytes = [UInt8](repeating: 0, count: capacity)
        var descriptors = Descriptors()
        let (count, cut) = take(&bytes, &descriptors, from: socket, Int32(ORO_PEEK))
        if count == -Int(EAGAIN) { return .nothing }
        // An empty packet, which reads like the end, may bring descriptors too.
        if count <= 0 { return .hangUp }
        if cut & Int32(ORO_CUT_BYTES) != 0 { throw .violation("a packet of more than \(capacity) bytes") }
        if cut & Int32(ORO_CUT_DESCRIPTORS) != 0 { throw .system(call: "recvmsg", errno: EMFILE) }
        let isWake = unsafe oro_is_wake(bytes, count)
        let packet = Packet(received: Array(bytes.prefix(count)))
        guard packet.mayBring(descriptors.count) else {
            throw .violation("a packet with \(descriptors.count) descriptors that do not belong to it")
        }
        try descriptors.raise()
        // Those that were looked at are ours, so what the kernel drops with the packet is not the last of its file.
        let how = descriptors.count > 0 ? ORO_TAKE_BYTES : ORO_TAKE
        var others = Descriptors()
        let (taken, _) = take(&bytes, &others, from: socket, Int32(how))
        guard taken == count, others.count == 0 else {
            throw .violation("somebody else reads from this end of the socket")
        }
        return isWake ? .wake : .packet(packet, descriptors)
    }

    private static func take(
        _ bytes: inout [UInt8], _ descriptors: inout Descriptors, from socket: borrowing Descriptor, _ how: Int32
    ) -> (count: Int, cut: Int32) {
        unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: Int(ORO_PASSED_MAX)) { numbers in
            var (count, cut): (Int32, Int32) = (0, 0)
            // Room for the descriptors of any packet, and for `capacity` bytes.
            let received = unsafe oro_receive_packet(
                socket.number, how, &bytes, capacity, numbers.baseAddress!, &count, &cut)
            unsafe descriptors.append(numbers.prefix(Int(count)))
            return (received, cut)
        }
    }

    /// So many descriptors belong to a packet of this kind. Those of a handshake are looked at with the rest of it:
    /// another version may have others.
    private func mayBring(_ count: Int) -> Bool {
        switch kind {
        case .hello, .welcome: count <= Packet.mostDescriptors
        case .offer: count == 0 || count == 2
        case .ring, .memory, .releaseRing: count == 1
        case .descriptors: (1...Packet.mostDescriptors).contains(count)
        default: count == 0
        }
    }

    /// False when the socket has no room now.
    func send(over socket: borrowing Descriptor, _ descriptors: Int32...) throws(LinkError) -> Bool {
        try send(to: socket.number, descriptors)
    }

    /// The same; false also when the kernel holds as many descriptors of this user's in sockets as it does.
    func send(to socket: Int32, _ descriptors: [Int32]) throws(LinkError) -> Bool {
        let sent = unsafe oro_send_packet(socket, bytes, bytes.count, descriptors, Int32(descriptors.count))
        if sent == -Int(EAGAIN) || sent == -Int(ETOOMANYREFS) { return false }
        if sent == -Int(EPIPE) || sent == -Int(ECONNRESET) || sent == -Int(ENOTCONN) { throw .peerGone }
        if sent < 0 { throw .system(call: "sendmsg", errno: Int32(-sent)) }
        return true
    }
}

/// Descriptors that came with a packet, closed unless taken.
struct Descriptors: ~Copyable {
    private var numbers: [Int32] = []

    init() {}

    mutating func append(_ more: Slice<UnsafeMutableBufferPointer<Int32>>) {
        if unsafe !more.isEmpty { unsafe numbers.insert(contentsOf: more.reversed(), at: 0) }
    }

    var count: Int { numbers.count }

    /// What is kept is above 2: whatever writes to a standard stream that is closed would write to it.
    mutating func raise() throws(LinkError) {
        for index in numbers.indices where numbers[index] <= 2 {
            let raised = try Descriptor(checking: oro_duplicate(numbers[index]), "F_DUPFD_CLOEXEC")
            oro_close_received(numbers[index], nil, nil)
            numbers[index] = raised.release()
        }
    }

    /// The next one, in the order they were sent.
    mutating func take() -> Descriptor? {
        guard let number = numbers.popLast() else { return nil }
        return Descriptor(number, .received)
    }

    /// The next one, where one has to be.
    mutating func takeOne() throws(LinkError) -> Descriptor {
        guard let descriptor = take() else { throw .violation("a packet without its memory") }
        return descriptor
    }

    deinit { for number in numbers { oro_close_received(number, nil, nil) } }
}

/// Capabilities agreed in the handshake.
struct Features: OptionSet {
    let rawValue: UInt64
    /// The peer can make us pass a barrier (`membarrier`), so it may ask us to leave out fences.
    static let barrier = Features(rawValue: 1)
    /// It may be introduced to other clients (``Introduction``).
    static let introducible = Features(rawValue: 2)
    /// It takes descriptors along with messages.
    static let descriptors = Features(rawValue: 4)

    private static let hasBarrier: Bool = oro_membarrier_register()
    /// What this side can do, whatever it is used for.
    static var own: Features { hasBarrier ? .barrier : [] }
}

/// What one side offers in its hello or welcome.
struct Offer {
    var features: Features
    var key: UInt64
    var ringBytes: Int
    var rings: Int
    var messageBytes: Int
    /// Blocks of the other side's that this side has at once, at most.
    var loans: Int
    /// Memories of the other side's that this side maps at once, at most.
    var memories: Int
    /// Longest payload in such a memory.
    var payloadBytes: Int

    /// Length in hello and welcome, with the kind and the versions.
    static let end = 56

    init(features: Features, key: UInt64, limits: LinkLimits) {
        self.features = features
        self.key = key
        ringBytes = limits.ringBytes
        rings = limits.rings
        messageBytes = limits.messageBytes
        loans = limits.loans
        memories = limits.memories
        payloadBytes = limits.payloadBytes
    }

    /// UNTRUSTED: reads the part that hello and welcome share, and checks every bound.
    init(_ packet: Packet) throws(LinkError) {
        features = Features(rawValue: packet.number(8))
        key = packet.number(16)
        ringBytes = Int(packet.number(24) as UInt32)
        rings = Int(packet.number(28) as UInt32)
        let message: UInt64 = packet.number(32)
        guard Ring.isValid(bytes: ringBytes) else { throw .violation("a ring of \(ringBytes) bytes") }
        guard (1...Ring.most).contains(rings) else { throw .violation("\(rings) rings") }
        guard message <= UInt64(Ring.messageBytes.upperBound), Ring.messageBytes.contains(Int(message)) else {
            throw .violation("messages of \(message) bytes")
        }
        messageBytes = Int(message)
        loans = Int(packet.number(40) as UInt32)
        memories = Int(packet.number(44) as UInt32)
        let payload: UInt64 = packet.number(48)
        guard Ring.isValid(loans: loans), Ring.memories.contains(memories) else {
            throw .violation("\(loans) loans, \(memories) memories")
        }
        guard payload <= UInt64(Ring.payloadBytes.upperBound), Ring.payloadBytes.contains(Int(payload)) else {
            throw .violation("payloads of \(payload) bytes")
        }
        payloadBytes = Int(payload)
    }

    func write(to packet: inout Packet) {
        packet.append(features.rawValue)
        packet.append(key)
        packet.append(UInt32(ringBytes))
        packet.append(UInt32(rings))
        packet.append(UInt64(messageBytes))
        packet.append(UInt32(loans))
        packet.append(UInt32(memories))
        packet.append(UInt64(payloadBytes))
    }
}

package enum Ring {
    /// Why links cannot be made with these limits; `nil` when they can.
    package static func problem(_ limits: LinkLimits) -> String? {
        if !isValid(bytes: limits.ringBytes) {
            return "ringBytes is \(limits.ringBytes), and must be a power of two from "
                + "\(max(Int(ORO_RING_MIN_BYTES), Int(oro_page_bytes()))) (a page here) to 67108864"
        }
        if !(2...most).contains(limits.rings) { return "rings is \(limits.rings), and must be 2 to \(most)" }
        if !messageBytes.contains(limits.messageBytes) {
            return "messageBytes is \(limits.messageBytes), and must be \(messageBytes)"
        }
        if !isValid(loans: limits.loans) {
            return "loans is \(limits.loans), and must be a power of two from 512 to 1048576"
        }
        if !memories.contains(limits.memories) {
            return "memories is \(limits.memories), and must be \(memories)"
        }
        if !payloadBytes.contains(limits.payloadBytes) {
            return "payloadBytes is \(limits.payloadBytes), and must be \(payloadBytes)"
        }
        if limits.loanBytes < 1 << 20 { return "loanBytes is \(limits.loanBytes), and must be 1048576 at least" }
        if limits.keptBytes < 0 { return "keptBytes is \(limits.keptBytes), and must not be negative" }
        return nil
    }

    /// What a side may accept as its longest message. Whatever the engine itself has to say fits into the least: an
    /// error with the longest seq, the rows of as many ports as may go along. Lengths in frames have 32 bits.
    package static let messageBytes = 1 << 14...(1 << 32) - 1

    static let memories = 4...Int(ORO_MEMORIES_MAX)
    static let payloadBytes = 1 << 12...1 << 46
    static func isValid(loans: Int) -> Bool {
        (Int(ORO_LOANS_MIN)...Int(ORO_LOANS_MAX)).contains(loans) && loans & (loans - 1) == 0
    }

    static var most: Int { Int(ORO_RINGS_MAX) }
    /// Bytes before ring 0: the control page. The ring is mapped twice, so that it begins on a page of the system's.
    static var head: Int { max(Int(ORO_CONTROL_BYTES), Int(oro_page_bytes())) }

    static func isValid(bytes: Int) -> Bool {
        bytes >= max(Int(ORO_RING_MIN_BYTES), Int(oro_page_bytes())) && bytes <= Int(ORO_RING_MAX_BYTES)
            && bytes & (bytes - 1) == 0
    }

    /// 64 random bits.
    static func key() throws(LinkError) -> UInt64 {
        var key: UInt64 = 0
        let status = unsafe oro_random(&key, 8)
        guard status == 0 else { throw .system(call: "getrandom", errno: -status) }
        return key
    }
}
