// SPDX-License-Identifier: Apache-2.0

/// Where the parts of a frame's body stand, as offsets from the frame's first byte. Empty for parts it has not.
@usableFromInline
package struct FrameLayout {
    /// Decimal text of a wide seq.
    @usableFromInline package var seqText: Range<Int>
    /// UTF-8 name of the command.
    @usableFromInline package var name: Range<Int>
    /// UTF-8 name of the source.
    @usableFromInline package var source: Range<Int>
    /// The encoded value.
    @usableFromInline package var value: Range<Int>
    /// Count and header pairs.
    @usableFromInline package var headers: Range<Int>
    /// The inline payload.
    @usableFromInline package var payload: Range<Int>

    /// The layout of `frame`, whose header was read before. Its parts add up to the frame's length exactly.
    /// Part of the path that must not allocate.
    @inlinable @inline(__always)
    package init(
        _ header: FrameHeader, _ frame: RawSpan, limits: FrameLimits = .default
    ) throws(FrameError) {
        let end = frame.byteCount
        seqText = end..<end
        name = end..<end
        source = end..<end
        headers = end..<end
        let valueBytes = Int(header.valueBytes)
        guard header.plainFrameBytes <= end else {
            throw .lengthMismatch(declared: header.plainFrameBytes, actual: end)
        }
        payload = end - Int(header.payloadBytes)..<end
        value = FrameHeader.byteCount..<FrameHeader.byteCount + valueBytes
        if header.flags.isDisjoint(with: .parts) {
            guard header.plainFrameBytes == end else {
                throw .lengthMismatch(declared: header.plainFrameBytes, actual: end)
            }
            return
        }
        try placeParts(header, frame, limits: limits)
    }

    /// The layout of a frame with optional parts.
    @usableFromInline
    mutating func placeParts(
        _ header: FrameHeader, _ frame: RawSpan, limits: FrameLimits
    ) throws(FrameError) {
        // The optional parts must leave room for the value behind them.
        let end = payload.lowerBound - Int(header.valueBytes)
        var next = FrameHeader.byteCount
        if header.flags.contains(.wideSeq) {
            // One more for the sign.
            let limit = limits.maxSeqDigits + 1
            seqText = try FrameLayout.text(.seq, .seqDigits, limit, frame, at: &next, end: end)
        }
        if header.flags.contains(.inlineName) {
            name = try FrameLayout.text(.name, .nameBytes, limits.maxNameBytes, frame, at: &next, end: end)
        }
        if header.flags.contains(.hasSource) {
            source = try FrameLayout.text(
                .source, .nameBytes, limits.maxNameBytes, frame, at: &next, end: end)
        }
        value = next..<next + Int(header.valueBytes)
        if header.flags.contains(.hasHeaders) {
            headers = value.upperBound..<payload.lowerBound
        } else if value.upperBound != payload.lowerBound {
            let declared = value.upperBound + payload.count
            throw .lengthMismatch(declared: declared, actual: frame.byteCount)
        }
    }

    /// A text behind its length in two bytes, before `end`.
    private static func text(
        _ part: FramePart, _ what: FrameLimit, _ limit: Int, _ frame: RawSpan, at next: inout Int, end: Int
    ) throws(FrameError) -> Range<Int> {
        guard end - next >= 2 else {
            throw .truncated(part, offset: next, needed: 2, remaining: end - next)
        }
        // Two bytes before `end`, which is inside the frame.
        let raw = unsafe frame.unsafeLoadUnaligned(fromByteOffset: next, as: UInt16.self)
        let count = Int(UInt16(littleEndian: raw))
        let start = next + 2
        guard count <= end - start else {
            throw .truncated(part, offset: start, needed: count, remaining: end - start)
        }
        guard count <= limit else { throw .overLimit(what, value: count, limit: limit) }
        next = start + count
        return start..<next
    }
}
