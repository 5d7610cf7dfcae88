// SPDX-License-Identifier: Apache-2.0

/// Members of an object, encoded: so that what many objects share is encoded once.
package struct EncodedMembers: Sendable {
    private var bytes: [UInt8] = []
    private var count = 0

    package init() {}

    /// The caller sees to it that no name comes twice. Throws ``FrameError/overLimit(_:value:limit:)``.
    package mutating func append(_ name: String, _ value: Value) throws(FrameError) {
        try append(name, EncodedValue(value))
    }

    /// The same.
    package mutating func append(_ name: String, _ value: EncodedValue) throws(FrameError) {
        bytes += try Value.string(name).encoded()
        bytes += value.bytes
        count += 1
    }

    /// All of another's, behind these.
    package mutating func append(_ others: EncodedMembers) {
        bytes += others.bytes
        count += others.count
    }

    /// The object. O(n). Depth and number of items are for the caller to have checked
    /// (``Value/encodedCount(limits:)``).
    package var object: EncodedValue {
        EncodedValue(wellFormed: EncodedValue.header(ValueTag.object, bytes: bytes.count, count: count) + bytes)
    }
}

extension EncodedValue {
    /// Encodes a value. Throws ``FrameError/overLimit(_:value:limit:)`` for one that a reader would refuse. O(n).
    package init(_ value: Value) throws(FrameError) { self.init(wellFormed: try value.encoded()) }

    /// What stands before the content of an array or object.
    fileprivate static func header(_ tag: UInt8, bytes: Int, count: Int) -> [UInt8] {
        // The wider of the two fields decides for both, as a reader wants it.
        let width = ValueTag.lengthWidth(max(bytes, count))
        var header = [tag + (width == 1 ? 0 : width == 2 ? 1 : 2)]
        header.reserveCapacity(1 + 2 * width + bytes)
        for field in [bytes, count] {
            for shift in 0..<width { header.append(UInt8(truncatingIfNeeded: field >> (8 * shift))) }
        }
        return header
    }

    /// UNTRUSTED: the same array with another element at `index`; the others are passed on without a look. `nil` where
    /// this is no array, or a shorter one. O(n).
    package func replacingElement(_ index: Int, with value: Value) -> EncodedValue? {
        do throws(FrameError) {
            // Bytes have no padding that could leak.
            let span = unsafe bytes.span.bytes
            let array = try ValueToken.read(span, at: 0, origin: 0)
            guard array.kind == .array, index >= 0, UInt64(index) < array.bits, array.totalBytes == bytes.count else {
                return nil
            }
            var start = array.headerBytes
            for _ in 0..<index { start += try ValueToken.read(span, at: start, origin: 0).totalBytes }
            let end = start + (try ValueToken.read(span, at: start, origin: 0).totalBytes)
            let element = try value.encoded()
            let count = array.contentBytes - (end - start) + element.count
            var all = EncodedValue.header(ValueTag.array, bytes: count, count: Int(truncatingIfNeeded: array.bits))
            all += bytes[array.headerBytes..<start]
            all += element
            all += bytes[end...]
            return EncodedValue(wellFormed: all)
        } catch {
            return nil
        }
    }
}
