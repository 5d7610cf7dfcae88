// SPDX-License-Identifier: Apache-2.0

import CSupport

/// A memfd with payloads, of this process: the blocks of an arena, or one payload that any link may carry.
///
/// Whoever reads or writes in it holds this object, which keeps it mapped.
// Sendable: constant after `seal`, which its only owner calls before anybody else has it; `descriptor` belongs to the
// arena that announces the memory.
@safe package final class OwnMemory: @unchecked Sendable {
    private var descriptor: Descriptor?
    /// Length of the memfd.
    package let bytes: Int
    private var mapping: Mapping?
    /// What pays for it. Set by whoever makes it, before anybody else has it.
    var charge: ByteCharge?
    /// Where it is mapped.
    package private(set) var base: UnsafeMutableRawPointer
    /// Sealed for good: nobody can write to it any more, this process included.
    package private(set) var isImmutable: Bool
    /// Counts its mapping for the peer that it is made for.
    private let held: ResourceCharge?

    private init(
        _ descriptor: consuming Descriptor, _ mapping: consuming Mapping, bytes: Int, isImmutable: Bool,
        held: ResourceCharge? = nil
    ) {
        self.held = held
        self.descriptor = consume descriptor
        unsafe base = mapping.base
        self.mapping = consume mapping
        self.bytes = bytes
        self.isImmutable = isImmutable
    }

    private static var page: Int { Int(oro_page_bytes()) }
    private static let hugePage = 2 << 20

    /// Length of the memory for a payload of `count` bytes.
    package static func room(_ count: Int, huge: Bool) -> Int {
        let alignment = huge ? hugePage : page
        return (count + alignment - 1) / alignment * alignment
    }

    /// A new one of `bytes`, all of it allocated. Its size cannot change, and nobody but this process can write to it;
    /// with `sealable` that is left for ``seal()``.
    package static func create(
        bytes: Int, huge: Bool = false, sealable: Bool = false, held: ResourceCharge? = nil
    ) throws(LinkError) -> OwnMemory {
        let allocation = Int32(huge ? ORO_SIZED : ORO_ALLOCATED)
        let created = unsafe oro_memfd_create("oro-ipc-blocks", UInt64(bytes), allocation)
        let descriptor = try Descriptor(checking: created, "memfd_create")
        let mapping = try Mapping(descriptor, bytes: bytes, for: huge ? .writingHuge : .writing)
        if huge {
            let status = unsafe oro_populate_huge(descriptor.number, mapping.base, UInt64(bytes))
            guard status == 0 else { throw .system(call: "MADV_POPULATE_WRITE", errno: -status) }
        }
        if !sealable {
            let status = oro_memfd_seal(descriptor.number)
            guard status == 0 else { throw .system(call: "F_ADD_SEALS", errno: -status) }
        }
        return OwnMemory(descriptor, mapping, bytes: bytes, isImmutable: false, held: held)
    }

    /// An existing memfd, of which `number` stays the caller's. Seals whatever is not sealed yet: its size, and writing
    /// by anybody when nobody has it mapped for writing, else new mappings for writing.
    package static func adopt(_ number: Int32) throws(LinkError) -> OwnMemory {
        let size = oro_memfd_size(number)
        guard size > 0 else {
            throw .badOptions(
                size == 0 ? "the memfd is empty" : "descriptor \(number) is not a memfd: errno \(-size)")
        }
        let bytes = Int(size)
        var isImmutable = oro_memfd_verify(number, UInt64(bytes), true) == Int32(ORO_FD_OK)
        if !isImmutable, oro_memfd_verify(number, UInt64(bytes), false) != Int32(ORO_FD_OK) {
            isImmutable = oro_memfd_seal_immutable(number) == 0
            if !isImmutable { _ = oro_memfd_seal(number) }
            switch oro_memfd_verify(number, UInt64(bytes), isImmutable) {
            case Int32(ORO_FD_OK): break
            case Int32(ORO_FD_HOLES):
                throw .badOptions("the memfd has holes: write to all of it before it is sealed")
            default: throw .badOptions("the memfd cannot be sealed: it was made without MFD_ALLOW_SEALING, or sealed")
            }
        }
        switch oro_memfd_present(number, 0, UInt64(bytes)) {
        case Int32(ORO_FD_OK): break
        case Int32(ORO_FD_HUGE): throw .badOptions("the memfd is made of huge pages (MFD_HUGETLB), which no peer takes")
        default: throw .badOptions("the memfd has holes: write to all of it before it is sealed")
        }
        let descriptor = try Descriptor(checking: oro_duplicate(number), "F_DUPFD_CLOEXEC")
        let mapping = try Mapping(descriptor, bytes: bytes, for: isImmutable ? .readingImmutable : .reading)
        return OwnMemory(descriptor, mapping, bytes: bytes, isImmutable: isImmutable)
    }

    /// The memfd, to be passed on; -1 when it was closed.
    var number: Int32 {
        switch descriptor {
        case .some(let descriptor): descriptor.number
        case nil: -1
        }
    }

    /// It will not be passed on again: the mapping is enough.
    func closeDescriptor() { descriptor = nil }

    /// Ends all writing, for good. By its only owner; ``base`` is another afterwards.
    package func seal() throws(LinkError) {
        // The kernel refuses as long as it is mapped in a way that could be used for writing.
        mapping = nil
        guard let memfd = descriptor.take() else { throw .closed }
        let status = oro_memfd_seal_immutable(memfd.number)
        guard status == 0 else { throw .system(call: "F_ADD_SEALS", errno: -status) }
        let sealed = try Mapping(memfd, bytes: bytes, for: .readingImmutable)
        unsafe base = sealed.base
        mapping = consume sealed
        descriptor = consume memfd
        isImmutable = true
    }
}

/// A memfd with payloads, of the peer: mapped for reading as long as somebody here has this object.
// Sendable: constant but for what `show` changes, which belongs to the receiver.
@safe final class PeerMemory: @unchecked Sendable {
    private let mapping: Mapping
    let bytes: Int
    let isImmutable: Bool
    /// Kept until all of it was looked at.
    private var descriptor: Descriptor?
    /// The same, kept for ``mapPrivately(_:count:)``.
    private let kept: Descriptor?
    /// Which parts of a long memory were not looked at yet.
    private var unseen: [Bool] = []
    private var unseenCount = 0
    /// What it counts for.
    private let charge: ResourceCharge?

    /// A look costs some 10 to 50 ns for each page: so much is looked at before it is mapped, and the rest as it is
    /// used.
    private static let part = 4 << 20

    /// The blocks of a memory of up to this length are cheaper to copy than to map again.
    static let cheaplyCopied = 256 << 10

    /// UNTRUSTED: nothing is mapped before kind, seals and size have been seen, and nothing read before it is known
    /// that its pages are there. With `isMappedAgain` it keeps its descriptor, for ``mapPrivately(_:count:)``.
    init(
        _ descriptor: consuming Descriptor, bytes: Int, isImmutable: Bool, isMappedAgain: Bool = false,
        charge: ResourceCharge? = nil
    ) throws(LinkError) {
        try Segment.verify(descriptor, bytes: bytes, isImmutable: isImmutable)
        try Segment.lookForHoles(descriptor, from: 0, count: min(bytes, PeerMemory.part))
        mapping = try Mapping(descriptor, bytes: bytes, for: isImmutable ? .readingImmutable : .reading)
        self.bytes = bytes
        self.isImmutable = isImmutable
        self.charge = charge
        if isMappedAgain {
            kept = consume descriptor
        } else {
            kept = nil
            if bytes > PeerMemory.part { self.descriptor = consume descriptor }
        }
        if bytes > PeerMemory.part {
            unseen = Array(repeating: true, count: (bytes + PeerMemory.part - 1) / PeerMemory.part)
            unseen[0] = false
            unseenCount = unseen.count - 1
        }
    }

    var base: UnsafeRawPointer { unsafe UnsafeRawPointer(mapping.base) }

    /// UNTRUSTED: these bytes, which lie inside, are about to be read. By the receiver.
    func show(_ offset: Int, count: Int) throws(LinkError) {
        if unseenCount == 0 { return }
        try look(offset, count: count)
    }

    /// These bytes, which were shown, as this process's own; `nil` where the descriptor was not kept.
    func mapPrivately(_ offset: Int, count: Int) throws(LinkError) -> Mapping? {
        switch kept {
        case .some(let descriptor): try Mapping(privately: descriptor, from: offset, count: count)
        case nil: nil
        }
    }

    private func look(_ offset: Int, count: Int) throws(LinkError) {
        for part in offset / PeerMemory.part...(offset + count - 1) / PeerMemory.part where unseen[part] {
            let start = part * PeerMemory.part
            let count = min(PeerMemory.part, bytes - start)
            switch kept {
            case .some(let descriptor): try Segment.lookForHoles(descriptor, from: start, count: count)
            case nil:
                switch descriptor {
                case .some(let descriptor): try Segment.lookForHoles(descriptor, from: start, count: count)
                case nil: return
                }
            }
            unseen[part] = false
            unseenCount -= 1
        }
        if unseenCount == 0 { descriptor = nil }
    }
}

extension Ring {
    /// Longest memory for payloads of at most `payloadBytes`: such a payload in huge pages, or many small ones.
    static func longestMemory(_ payloadBytes: Int) -> Int {
        max(Arena.largestSharing, OwnMemory.room(payloadBytes, huge: true))
    }
}
