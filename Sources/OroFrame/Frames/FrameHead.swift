// SPDX-License-Identifier: Apache-2.0

/// What the first bytes of a frame say of whom to answer, where the frame as a whole is not taken.
package struct FrameHead {
    package let kind: FrameKind
    package let flags: FrameFlags
    package let ticket: UInt64
    package let seq: Seq

    /// So many bytes are enough: the header, and the longest seq there is.
    package static var byteCount: Int { FrameHeader.byteCount + 2 + FrameLimits.default.maxSeqDigits + 1 }

    /// UNTRUSTED: nothing is taken for granted, not even that there is a whole header.
    package init(_ bytes: RawSpan) throws(FrameError) {
        guard bytes.byteCount >= FrameHeader.byteCount else {
            throw .truncated(.header, offset: 0, needed: FrameHeader.byteCount, remaining: bytes.byteCount)
        }
        func number<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int) -> T {
            // Inside the header, or checked by the caller.
            unsafe T(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
        }
        let raw: UInt8 = number(0)
        guard let kind = FrameKind(byte: raw) else { throw .unknownKind(raw) }
        self.kind = kind
        flags = FrameFlags(rawValue: number(1))
        ticket = number(8)
        let low: UInt64 = number(16)
        guard flags.contains(.wideSeq) else {
            seq = Seq(low)
            return
        }
        let start = FrameHeader.byteCount + 2
        guard bytes.byteCount >= start else {
            throw .truncated(.seq, offset: start - 2, needed: 2, remaining: bytes.byteCount - start + 2)
        }
        let count = Int(number(start - 2) as UInt16)
        guard count <= bytes.byteCount - start, count <= FrameLimits.default.maxSeqDigits + 1 else {
            throw .overLimit(.seqDigits, value: count, limit: FrameLimits.default.maxSeqDigits)
        }
        let text = bytes.extracting(start..<start + count)
        // The buffer is valid in the closure, which copies it.
        let digits = unsafe text.withUnsafeBytes { buffer in unsafe [UInt8](buffer) }
        let isNegative = digits.first == UInt8(ascii: "-")
        guard
            let wide = try? Seq.parse(digits: digits[(isNegative ? 1 : 0)...], negative: isNegative, limits: .default),
            wide.low64 == low
        else { throw .badSeq(offset: start) }
        seq = wide
    }
}
