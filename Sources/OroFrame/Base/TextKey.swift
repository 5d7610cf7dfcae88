// SPDX-License-Identifier: Apache-2.0

/// A text as the key of a dictionary or set: two are equal when their UTF-8 bytes are.
///
/// `String` itself compares and hashes its normalized form, which takes quadratic time in a run of combining marks: 128
/// KiB of them in one key take seconds. A text that a peer has sent is looked up as one of these, in time linear in its
/// length. The hash is Swift's, whose seed is the process's own, so that a peer cannot choose keys that collide.
package struct TextKey: Sendable {
    package let text: String

    package init(_ text: String) { self.text = text }

    /// Whether two texts have the same bytes. O(n), and O(1) where their lengths differ.
    package static func areSame(_ left: String, _ right: String) -> Bool {
        let (left, right) = (left.utf8.span, right.utf8.span)
        guard left.count == right.count else { return false }
        // Bytes have no padding that could leak.
        return unsafe areSame(left.bytes, right.bytes)
    }

    /// The same for texts in memory.
    static func areSame(_ left: RawSpan, _ right: RawSpan) -> Bool {
        let count = left.byteCount
        guard count == right.byteCount else { return false }
        var next = 0
        while next &+ 8 <= count {
            // Inside both: they are equally long.
            let (a, b) = unsafe (
                left.unsafeLoadUnaligned(fromUncheckedByteOffset: next, as: UInt64.self),
                right.unsafeLoadUnaligned(fromUncheckedByteOffset: next, as: UInt64.self)
            )
            if a != b { return false }
            next &+= 8
        }
        while next < count {
            // As above.
            let (a, b) = unsafe (
                left.unsafeLoad(fromUncheckedByteOffset: next, as: UInt8.self),
                right.unsafeLoad(fromUncheckedByteOffset: next, as: UInt8.self)
            )
            if a != b { return false }
            next &+= 1
        }
        return true
    }
}

extension TextKey: Hashable {
    package static func == (left: TextKey, right: TextKey) -> Bool { areSame(left.text, right.text) }

    package func hash(into hasher: inout Hasher) {
        // The buffer is valid in the closure.
        unsafe text.utf8.span.withUnsafeBufferPointer { bytes in
            // As above.
            unsafe hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
        }
        // No text is the start of another.
        hasher.combine(0xFF as UInt8)
    }
}

extension TextKey: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) { self.init(text) }
}

extension Dictionary where Key == TextKey {
    package subscript(name: String) -> Value? {
        get { self[TextKey(name)] }
        set { self[TextKey(name)] = newValue }
        _modify { yield &self[TextKey(name)] }
    }

    package subscript(name: String, default value: @autoclosure () -> Value) -> Value {
        get { self[TextKey(name), default: value()] }
        _modify { yield &self[TextKey(name), default: value()] }
    }
}
