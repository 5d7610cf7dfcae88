// SPDX-License-Identifier: Apache-2.0

/// Text read from memory that somebody else may be writing.
enum UTF8Text {
    /// Copies `bytes` into a string of its own and then validates the *copy*: the original may change between a
    /// check and a copy. `nil` when it is not valid UTF-8. Allocates only above 15 bytes.
    static func string(_ bytes: RawSpan) -> String? {
        let count = bytes.byteCount
        if count == 0 { return "" }
        var isValid = false
        // The initializer hands out `count` writable bytes and takes back how many were written.
        let text = unsafe String(unsafeUninitializedCapacity: count) { buffer in
            let copy = UnsafeMutableRawBufferPointer(buffer)
            unsafe bytes.withUnsafeBytes { source in
                // Both are `count` bytes long, and a fresh string overlaps nothing.
                unsafe copy.copyMemory(from: source)
            }
            // The capacity may be more than `count`; only those bytes are written.
            isValid = unsafe isValidUTF8(UnsafeRawBufferPointer(rebasing: copy[..<count]).bytes)
            return isValid ? count : 0
        }
        return isValid ? text : nil
    }

    /// Whether the bytes are UTF-8 as The Unicode Standard defines it (table 3-7): no overlong forms, no
    /// surrogates, nothing above U+10FFFF. O(n), eight bytes at a time where they are ASCII.
    static func isValidUTF8(_ bytes: RawSpan) -> Bool {
        let end = bytes.byteCount
        var next = 0
        while next < end {
            if end - next >= 8 {
                // Eight bytes are left.
                let word = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: next, as: UInt64.self)
                if word & 0x8080_8080_8080_8080 == 0 {
                    next += 8
                    continue
                }
            }
            let length = scalarLength(bytes, at: next)
            if length == 0 { return false }
            next += length
        }
        return true
    }

    /// Whether all bytes are ASCII. O(n), eight bytes at a time.
    static func isASCII(_ bytes: RawSpan) -> Bool {
        let end = bytes.byteCount
        var next = 0
        while end - next >= 8 {
            // Eight bytes are left.
            let word = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: next, as: UInt64.self)
            if word & 0x8080_8080_8080_8080 != 0 { return false }
            next += 8
        }
        while next < end {
            // Inside, as `next` is below the count.
            if unsafe bytes.unsafeLoad(fromByteOffset: next, as: UInt8.self) >= 0x80 { return false }
            next += 1
        }
        return true
    }

    /// Throws when a text has more combining marks in a row than the limits allow: Swift would compare and hash it in
    /// the square of their number. O(n).
    static func checkMarks(_ text: String, limits: FrameLimits) throws(FrameError) {
        // No mark lies below U+0300, whose first byte is 0xCC.
        guard text.utf8.contains(where: { $0 >= 0xCC }) else { return }
        var marks = 0
        for scalar in text.unicodeScalars {
            guard scalar.value >= 0x300, scalar.properties.canonicalCombiningClass != .notReordered else {
                marks = 0
                continue
            }
            marks += 1
            guard marks <= limits.maxCombiningMarks else {
                throw .overLimit(.combiningMarks, value: marks, limit: limits.maxCombiningMarks)
            }
        }
    }

    /// How many bytes the well-formed scalar at `start`, which is inside, takes; 0 when it is not one.
    private static func scalarLength(_ bytes: RawSpan, at start: Int) -> Int {
        // The caller has checked `start`.
        let lead = unsafe bytes.unsafeLoad(fromByteOffset: start, as: UInt8.self)
        // The second byte's range is what keeps overlong forms, surrogates and too large scalars out.
        let (length, second): (Int, ClosedRange<UInt8>)
        switch lead {
        case 0x00...0x7F: return 1
        case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: return 0
        }
        guard length <= bytes.byteCount - start else { return 0 }
        for offset in 1..<length {
            // Inside: `length` bytes are left.
            let byte = unsafe bytes.unsafeLoad(fromByteOffset: start + offset, as: UInt8.self)
            guard (offset == 1 ? second : 0x80...0xBF).contains(byte) else { return 0 }
        }
        return length
    }
}
