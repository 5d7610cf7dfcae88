// SPDX-License-Identifier: Apache-2.0

/// The 32 bytes every frame starts with; `docs/wire-format.md` draws them.
@usableFromInline
package struct FrameHeader: Hashable, Sendable {
    /// Length of every header on the wire.
    @inlinable package static var byteCount: Int { 32 }

    /// What the frame is.
    @usableFromInline package var kind: FrameKind
    /// Which optional parts the body has.
    @usableFromInline package var flags: FrameFlags
    /// The number that stands for the command's name on this ring; 0 = none.
    @usableFromInline package var route: UInt16
    /// Milliseconds since the link's start after which the asker has given up, 0 = never. In results: the status.
    @usableFromInline package var deadline: UInt32
    /// Chosen by the asker, returned in the result: how a reply finds its pending slot.
    @usableFromInline package var ticket: UInt64
    /// The low 64 bits of the seq; all of it without ``FrameFlags/wideSeq``.
    @usableFromInline package var seq: UInt64
    /// Length of the encoded value; 0 = no value.
    @usableFromInline package var valueBytes: UInt32
    /// Length of the inline payload.
    @usableFromInline package var payloadBytes: UInt32

    /// A header; the caller keeps flags and lengths true to the body it writes after it.
    @inlinable
    package init(
        kind: FrameKind, flags: FrameFlags = [], route: UInt16 = 0, deadline: UInt32 = 0,
        ticket: UInt64 = 0, seq: UInt64 = 0, valueBytes: UInt32 = 0, payloadBytes: UInt32 = 0
    ) {
        self.kind = kind
        self.flags = flags
        self.route = route
        self.deadline = deadline
        self.ticket = ticket
        self.seq = seq
        self.valueBytes = valueBytes
        self.payloadBytes = payloadBytes
    }

    /// Bytes of header, value and payload: the whole frame when no flag adds a part.
    @inlinable
    package var plainFrameBytes: Int { FrameHeader.byteCount + Int(valueBytes) + Int(payloadBytes) }
}

extension FrameHeader {
    /// Reads and checks the header of a whole frame. Part of the path that must not allocate.
    ///
    /// Each word is loaded once, so that a peer that changes the memory meanwhile cannot pass a check with one
    /// value and be used with another. Lengths are checked against the frame's own; a frame with optional parts
    /// is checked in full by ``FrameLayout``.
    @inlinable @inline(__always)
    package static func read(
        _ frame: RawSpan, limits: FrameLimits = .default
    ) throws(FrameError) -> FrameHeader {
        let total = frame.byteCount
        guard total >= byteCount else {
            throw .truncated(.header, offset: 0, needed: byteCount, remaining: total)
        }
        guard total <= limits.maxFrameBytes else {
            throw .overLimit(.frameBytes, value: total, limit: limits.maxFrameBytes)
        }
        // 32 bytes are there: checked above.
        let first = unsafe UInt64(littleEndian: frame.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self))
        // As above.
        let ticket = unsafe UInt64(
            littleEndian: frame.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt64.self))
        // As above.
        let seq = unsafe UInt64(littleEndian: frame.unsafeLoadUnaligned(fromByteOffset: 16, as: UInt64.self))
        // As above.
        let sizes = unsafe UInt64(
            littleEndian: frame.unsafeLoadUnaligned(fromByteOffset: 24, as: UInt64.self))
        guard let kind = FrameKind(byte: UInt8(truncatingIfNeeded: first)) else {
            throw .unknownKind(UInt8(truncatingIfNeeded: first))
        }
        let header = FrameHeader(
            kind: kind, flags: FrameFlags(rawValue: UInt8(truncatingIfNeeded: first >> 8)),
            route: UInt16(truncatingIfNeeded: first >> 16), deadline: UInt32(truncatingIfNeeded: first >> 32),
            ticket: ticket, seq: seq, valueBytes: UInt32(truncatingIfNeeded: sizes),
            payloadBytes: UInt32(truncatingIfNeeded: sizes >> 32))
        let mayHaveParts = !header.flags.isDisjoint(with: .parts)
        guard header.plainFrameBytes == total || (mayHaveParts && header.plainFrameBytes < total) else {
            throw .lengthMismatch(declared: header.plainFrameBytes, actual: total)
        }
        if !header.flags.isEmpty || kind == .name || (kind == .result && header.deadline > 1) {
            try header.checkCombination()
        }
        return header
    }

    /// As ``read(_:limits:)`` of a span.
    @inlinable @inline(__always)
    package static func read(
        _ frame: UnsafeRawBufferPointer, limits: FrameLimits = .default
    ) throws(FrameError) -> FrameHeader {
        // The caller vouches for the buffer during the call; only a copy leaves it.
        try unsafe read(frame.bytes, limits: limits)
    }

    /// The rules between kind, flags, route and status; off the hot path, which has no flags.
    @usableFromInline
    func checkCombination() throws(FrameError) {
        // The same bit: `pairs`, which needs a value.
        let hasPairs = (kind == .request || kind == .post) && valueBytes > 0
        if flags.contains(.failed) && kind != .result && kind != .end && !hasPairs {
            throw .misplacedFlag(FrameFlags.failed.rawValue, kind: kind.byte)
        }
        let ofRequests = flags.intersection(.ofRequests)
        if !ofRequests.isEmpty && kind != .request { throw .misplacedFlag(ofRequests.rawValue, kind: kind.byte) }
        if flags.contains(.lent) && payloadBytes != 0 && Int(payloadBytes) != BlockReference.byteCount {
            throw .notAReference(payloadBytes: Int(payloadBytes))
        }
        if kind == .name {
            guard route != 0 && flags.contains(.inlineName) else { throw .namelessRoute(route: route) }
        } else if flags.contains(.inlineName) && route != 0 {
            throw .misplacedFlag(FrameFlags.inlineName.rawValue, kind: kind.byte)
        }
        if kind == .result && deadline > 1 { throw .unknownStatus(deadline) }
    }

    /// Writes the 32 bytes at `destination`, which needs no alignment. Part of the path that must not allocate.
    @inlinable @inline(__always)
    package func write(to destination: UnsafeMutableRawPointer) {
        let first =
            UInt64(kind.byte) | UInt64(flags.rawValue) << 8 | UInt64(route) << 16 | UInt64(deadline) << 32
        let sizes = UInt64(valueBytes) | UInt64(payloadBytes) << 32
        // The caller vouches for 32 writable bytes.
        unsafe destination.storeBytes(of: first.littleEndian, toByteOffset: 0, as: UInt64.self)
        // As above.
        unsafe destination.storeBytes(of: ticket.littleEndian, toByteOffset: 8, as: UInt64.self)
        // As above.
        unsafe destination.storeBytes(of: seq.littleEndian, toByteOffset: 16, as: UInt64.self)
        // As above.
        unsafe destination.storeBytes(of: sizes.littleEndian, toByteOffset: 24, as: UInt64.self)
    }
}
