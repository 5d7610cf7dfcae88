// SPDX-License-Identifier: Apache-2.0

/// A set of ASCII characters, to look bytes up in.
struct ASCIISet: Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    /// Those of `characters`, which are ASCII.
    init(_ characters: StaticString) {
        characters.withUTF8Buffer { bytes in
            // Of the text itself.
            for index in bytes.indices { insert(unsafe bytes[index]) }
        }
    }

    /// False for bytes that are not ASCII.
    func contains(_ byte: UInt8) -> Bool {
        byte < 64 ? low >> UInt64(byte) & 1 != 0 : byte < 128 && high >> UInt64(byte - 64) & 1 != 0
    }

    mutating func insert(_ byte: UInt8) {
        if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte - 64) }
    }

    func union(_ other: ASCIISet) -> ASCIISet {
        var all = self
        all.low |= other.low
        all.high |= other.high
        return all
    }

    var inverted: ASCIISet {
        var others = self
        others.low = ~low
        others.high = ~high
        return others
    }
}
