// SPDX-License-Identifier: Apache-2.0

/// A received frame, read where it lies. Making one checks the header and that the parts add up; the parts
/// themselves are checked when they are looked at.
///
/// The bytes may still change under a view (their writer is another process): nothing that was checked is read a
/// second time, and what is returned other than spans and views is a private copy.
@usableFromInline
package struct FrameView: ~Escapable {
    @usableFromInline package let bytes: RawSpan
    @usableFromInline package let header: FrameHeader
    @usableFromInline package let layout: FrameLayout

    /// A view of `frame`, all of it. Part of the path that must not allocate.
    @_lifetime(copy frame)
    @inlinable @inline(__always)
    package init(_ frame: RawSpan, limits: FrameLimits = .default) throws(FrameError) {
        let header = try FrameHeader.read(frame, limits: limits)
        self.bytes = frame
        self.header = header
        self.layout = try FrameLayout(header, frame, limits: limits)
    }
}

extension FrameView {
    /// The exact seq. Allocates only when it is wide.
    @inlinable
    package func seq(limits: FrameLimits = .default) throws(FrameError) -> Seq {
        header.flags.contains(.wideSeq) ? try wideSeq(limits: limits) : Seq(header.seq)
    }

    @usableFromInline
    func wideSeq(limits: FrameLimits) throws(FrameError) -> Seq {
        let text = bytes.extracting(layout.seqText)
        // The buffer is valid in the closure, which copies it.
        let copy = unsafe text.withUnsafeBytes { buffer in unsafe [UInt8](buffer) }
        let negative = copy.first == UInt8(ascii: "-")
        let digits = copy[(negative ? 1 : 0)...]
        guard digits.first != UInt8(ascii: "0"),
            let seq = try? Seq.parse(digits: digits, negative: negative, limits: limits),
            seq.small == nil, seq.low64 == header.seq
        else { throw .badSeq(offset: layout.seqText.lowerBound) }
        return seq
    }

    /// The command's name, if it stands in the frame.
    package func name() throws(FrameError) -> String? {
        header.flags.contains(.inlineName) ? try text(.name, layout.name) : nil
    }

    /// The name of the source, if it stands in the frame.
    package func source() throws(FrameError) -> String? {
        header.flags.contains(.hasSource) ? try text(.source, layout.source) : nil
    }

    /// The value, not decoded; `nil` when there is none (`undefined`).
    @_lifetime(copy self)
    @inlinable
    package func value() throws(FrameError) -> ValueView? {
        if layout.value.isEmpty { return nil }
        return try ValueView(bytes.extracting(layout.value))
    }

    /// The inline payload, in place.
    @inlinable
    package var payload: RawSpan {
        @_lifetime(copy self)
        get { bytes.extracting(layout.payload) }
    }

    /// Visits the header pairs in order; none without ``FrameFlags/hasHeaders``.
    package func forEachHeader(
        limits: FrameLimits = .default, _ visit: (String, String) throws(FrameError) -> Void
    ) throws(FrameError) {
        guard header.flags.contains(.hasHeaders) else { return }
        var next = layout.headers.lowerBound
        let count = Int(try headerField(at: &next) as UInt16)
        guard count <= limits.maxHeaderPairs else {
            throw .overLimit(.headerPairs, value: count, limit: limits.maxHeaderPairs)
        }
        for _ in 0..<count {
            let nameBytes = Int(try headerField(at: &next) as UInt16)
            let name = try headerText(nameBytes, at: &next)
            let valueBytes = Int(try headerField(at: &next) as UInt32)
            let value = try headerText(valueBytes, at: &next)
            try visit(name, value)
        }
        let end = layout.headers.upperBound
        guard next == end else { throw .trailingBytes(.headers, offset: next, count: end - next) }
    }

    private func headerField<T: FixedWidthInteger & BitwiseCopyable>(
        at next: inout Int
    ) throws(FrameError) -> T {
        try requireHeader(MemoryLayout<T>.size, at: next)
        defer { next += MemoryLayout<T>.size }
        // Inside the headers, and so inside the frame: checked above.
        return unsafe T(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: next, as: T.self))
    }

    private func headerText(_ count: Int, at next: inout Int) throws(FrameError) -> String {
        try requireHeader(count, at: next)
        defer { next += count }
        return try text(.headers, next..<next + count)
    }

    private func requireHeader(_ count: Int, at offset: Int) throws(FrameError) {
        let remaining = layout.headers.upperBound - offset
        guard count <= remaining else {
            throw .truncated(.headers, offset: offset, needed: count, remaining: remaining)
        }
    }

    private func text(_ part: FramePart, _ range: Range<Int>) throws(FrameError) -> String {
        guard let text = UTF8Text.string(bytes.extracting(range)) else {
            throw .invalidUTF8(part, offset: range.lowerBound)
        }
        return text
    }
}
