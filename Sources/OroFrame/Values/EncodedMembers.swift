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
        // The wider of the two fields decides for both, as a reader wants it.
        let width = ValueTag.lengthWidth(max(bytes.count, count))
        var all: [UInt8] = []
        all.reserveCapacity(1 + 2 * width + bytes.count)
        all.append(ValueTag.object + (width == 1 ? 0 : width == 2 ? 1 : 2))
        for field in [bytes.count, count] {
            for shift in 0..<width { all.append(UInt8(truncatingIfNeeded: field >> (8 * shift))) }
        }
        all += bytes
        return EncodedValue(wellFormed: all)
    }
}

extension EncodedValue {
    /// Encodes a value. Throws ``FrameError/overLimit(_:value:limit:)`` for one that a reader would refuse. O(n).
    package init(_ value: Value) throws(FrameError) { self.init(wellFormed: try value.encoded()) }
}
