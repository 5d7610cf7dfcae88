// SPDX-License-Identifier: Apache-2.0

import CSupport

/// A segment, or other shared memory, in this process's address space: unmapped when the owner goes.
@safe package struct Mapping: ~Copyable {
    package let base: UnsafeMutableRawPointer
    private let bytes: Int
    /// Where the ring starts: behind the control page, or at the start of a memfd that is only a ring.
    package let ring: UnsafeMutableRawPointer

    /// Maps `head` bytes and the ring behind them twice.
    package init(_ fd: borrowing Descriptor, head: Int, ring: Int, writable: Bool) throws(LinkError) {
        var error: Int32 = 0
        guard let base = unsafe oro_map_ring(fd.number, UInt64(head), UInt64(ring), writable, &error) else {
            throw .system(call: "mmap", errno: error)
        }
        unsafe self.base = base
        unsafe self.ring = base + head
        bytes = head + 2 * ring
    }

    /// How all of a memfd is mapped once.
    package enum Use { case writing, writingHuge, reading, readingImmutable }

    package init(_ fd: borrowing Descriptor, bytes: Int, for use: Use) throws(LinkError) {
        var error: Int32 = 0
        guard
            let base = unsafe oro_map(
                fd.number, UInt64(bytes), use == .writing || use == .writingHuge, use == .readingImmutable,
                // A writer touches every page: one call that maps them all costs a fraction of a fault for each.
                use == .writing, &error)
        else {
            throw .system(call: "mmap", errno: error)
        }
        unsafe self.base = base
        unsafe ring = base
        self.bytes = bytes
    }

    /// `count` bytes of a memfd from `offset` on as this process's own, at ``ring``: a page that is written to is
    /// copied.
    package init(privately fd: borrowing Descriptor, from offset: Int, count: Int) throws(LinkError) {
        var error: Int32 = 0
        let before = offset % Int(oro_page_bytes())
        guard
            let base = unsafe oro_map_private(
                fd.number, UInt64(offset - before), UInt64(before + count), &error)
        else {
            throw .system(call: "mmap", errno: error)
        }
        unsafe self.base = base
        unsafe ring = base + before
        bytes = before + count
    }

    deinit { unsafe oro_unmap(base, UInt64(bytes)) }
}

/// A descriptor, closed exactly once. In a forked child it leads nowhere (`oro_fork.h`).
@safe package struct Descriptor: ~Copyable {
    package let number: Int32
    private let origin: Origin
    private let generation = oro_generation()
    /// What it counts for until it is closed; one reference is this struct's.
    private let charge: Unmanaged<ResourceCharge>?

    /// Where it comes from, which decides how it is closed: closing may take long where a peer has a say in it.
    package enum Origin {
        /// Made here, and only we close it.
        case own
        /// Passed by a peer.
        case received
        /// One end of a connection, whose queue may hold packets that brought descriptors.
        case socket
    }

    package init(_ number: Int32, _ origin: Origin = .own, _ charge: ResourceCharge? = nil) {
        self.number = number
        self.origin = origin
        unsafe self.charge = charge.map { unsafe Unmanaged.passRetained($0) }
        oro_fork_note_descriptor(number)
    }

    /// Takes the answer of a call that gives a descriptor or minus an errno.
    package init(checking number: Int32, _ call: String, _ origin: Origin = .own) throws(LinkError) {
        guard number >= 0 else { throw .system(call: call, errno: -number) }
        self.init(number, origin)
    }

    /// Gives the number away; whoever takes it closes it.
    package consuming func release() -> Int32 {
        let number = number
        unsafe charge?.release()
        oro_fork_forget_descriptor(number)
        discard self
        return number
    }

    deinit {
        let context = unsafe charge?.toOpaque()
        // In a forked child it leads nowhere, and closing that waits for nobody.
        switch generation == oro_generation() ? origin : .own {
        case .own:
            oro_close(number)
            unsafe charge?.release()
        case .received: unsafe oro_close_received(number, Descriptor.settle, context)
        case .socket: unsafe oro_close_socket(number, Descriptor.settle, context)
        }
    }

    /// It is closed, and counts no more.
    private static let settle: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
        // The reference that was retained by `init`.
        if let context = unsafe context { unsafe Unmanaged<ResourceCharge>.fromOpaque(context).release() }
    }
}

/// The memory this process writes and the peer can only read.
package enum Segment {
    /// A segment of ours, and its descriptor for the peer.
    package struct Own: ~Copyable {
        package let mapping: Mapping
        package let memory: Descriptor
    }

    /// A sealed memfd of `bytes`, mapped writable, and its descriptor for the peer.
    package static func create(
        head: Int, ring: Int, _ name: String = "oro-ipc"
    ) throws(LinkError) -> Own {
        let fd = unsafe try Descriptor(
            checking: oro_memfd_create(name, UInt64(head + ring), Int32(ORO_WRITTEN)), "memfd_create")
        let mapping = try Mapping(fd, head: head, ring: ring, writable: true)
        let status = oro_memfd_seal(fd.number)
        guard status == 0 else { throw .system(call: "F_ADD_SEALS", errno: -status) }
        return Own(mapping: mapping, memory: fd)
    }

    /// Maps what a peer sent, after checking that it is what it must be.
    package static func accept(_ fd: borrowing Descriptor, head: Int, ring: Int) throws(LinkError) -> Mapping {
        // UNTRUSTED: nothing is mapped before kind, seals, size and allocation have been seen.
        try verify(fd, bytes: head + ring, isImmutable: false)
        try lookForHoles(fd, from: 0, count: head + ring)
        return try Mapping(fd, head: head, ring: ring, writable: false)
    }

    /// UNTRUSTED: `fd` is a memfd of exactly `bytes`, and sealed: nobody can change its size, punch holes, or map it
    /// for writing anew; with `isImmutable` nobody can write to it at all.
    package static func verify(_ fd: borrowing Descriptor, bytes: Int, isImmutable: Bool) throws(LinkError) {
        switch oro_memfd_verify(fd.number, UInt64(bytes), isImmutable) {
        case Int32(ORO_FD_OK): return
        case Int32(ORO_FD_NOT_MEMFD): throw .violation("a segment's descriptor is not a memfd")
        case Int32(ORO_FD_NOT_SEALED): throw .violation("a segment is not sealed")
        case Int32(ORO_FD_SIZE): throw .violation("a segment has not the size that was announced")
        default: throw .violation("a segment has holes")
        }
    }

    /// UNTRUSTED: after ``verify(_:bytes:isImmutable:)``. Every page of this part is there: reading it takes no memory
    /// of ours, now or later.
    package static func lookForHoles(_ fd: borrowing Descriptor, from offset: Int, count: Int) throws(LinkError) {
        switch oro_memfd_present(fd.number, UInt64(offset), UInt64(count)) {
        case Int32(ORO_FD_OK): return
        case Int32(ORO_FD_HUGE): throw .violation("a segment is memory of hugetlbfs, which may have holes")
        case let errno where errno < 0: throw .system(call: "mincore", errno: -errno)
        default: throw .violation("a segment has holes")
        }
    }
}
