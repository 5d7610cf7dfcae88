// SPDX-License-Identifier: Apache-2.0

/// A value that is bytes already: what ``ValueEncoder`` made of something `Encodable`. Put into a frame as it is.
@usableFromInline
package struct EncodedValue: Hashable, Sendable {
    /// The one encoding of the value.
    @usableFromInline package let bytes: [UInt8]
    /// The value is an array of names and values in turn (``FrameFlags/pairs``).
    @usableFromInline package internal(set) var isPairs = false

    /// Only for bytes that are one well-formed value within the default limits: nobody looks at them again.
    init(wellFormed bytes: [UInt8]) { self.bytes = bytes }

    /// Bytes from elsewhere, checked to be one value and copied. Throws what ``Value/init(encoded:limits:)`` would.
    /// O(n).
    package init(checking bytes: RawSpan, limits: FrameLimits = .default) throws(FrameError) {
        // The buffer is valid in the closure, which copies it.
        let copy = unsafe bytes.withUnsafeBytes { buffer in unsafe [UInt8](buffer) }
        _ = try Value(encoded: copy, limits: limits)
        self.bytes = copy
    }

    /// The value as a tree. O(n).
    package func decode() throws(FrameError) -> Value { try Value(encoded: bytes) }
}

extension EncodedValue {
    /// Bytes that somebody sent and somebody else will decode: passed on without a look.
    package init(passingOn bytes: RawSpan) {
        // The buffer is valid in the closure, which copies it.
        self.init(wellFormed: unsafe bytes.withUnsafeBytes { buffer in unsafe [UInt8](buffer) })
    }
}
