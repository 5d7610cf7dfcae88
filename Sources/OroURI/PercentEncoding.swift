// SPDX-License-Identifier: Apache-2.0

/// Which bytes of a UTF-8 text are written as `%XX` in one place of a URI. Everything above `~` and all control
/// characters always are.
///
/// The sets are those of the URL Standard, section 1.3, as Node 18 and 20 have them: `^` is not in the path's.
package struct PercentEncodeSet: Sendable {
    /// The printable characters that are encoded.
    private let characters: ASCIISet

    private init(_ characters: StaticString, and others: PercentEncodeSet? = nil) {
        let set = ASCIISet(characters)
        self.characters = others.map { set.union($0.characters) } ?? set
    }

    /// What a set of those that are *not* encoded leaves.
    private init(allBut characters: StaticString) { self.characters = ASCIISet(characters).inverted }

    /// True when this byte is written as `%XX`.
    package func contains(_ byte: UInt8) -> Bool { byte < 0x20 || byte > 0x7E || characters.contains(byte) }

    /// Opaque hosts and opaque paths.
    package static let control = PercentEncodeSet("")
    package static let fragment = PercentEncodeSet(" \"<>`")
    package static let query = PercentEncodeSet(" \"#<>")
    package static let path = PercentEncodeSet("?`{}", and: query)
    package static let userinfo = PercentEncodeSet("/:;=@[\\]^|", and: path)
    /// Names and values of forms, where a space is a `+`.
    package static let form = PercentEncodeSet(
        allBut: "*-._0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
}

package enum PercentEncoding {
    /// Appends `bytes` to `output`, encoded.
    package static func append(
        _ bytes: some Collection<UInt8>, _ set: PercentEncodeSet, to output: inout [UInt8]
    ) {
        for byte in bytes {
            if set.contains(byte) { append(escaping: byte, to: &output) } else { output.append(byte) }
        }
    }

    /// Appends `%XX`.
    package static func append(escaping byte: UInt8, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "%"))
        output.append(digit(byte >> 4))
        output.append(digit(byte & 15))
    }

    /// `bytes` encoded, as text.
    package static func encode(_ bytes: some Collection<UInt8>, _ set: PercentEncodeSet) -> String {
        // Mostly nothing needs it.
        guard bytes.contains(where: set.contains) else { return String(decoding: bytes, as: UTF8.self) }
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        append(bytes, set, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    /// The bytes that `bytes` stand for: each `%XX` is one byte, and each `+` a space where `plusIsSpace`. A `%`
    /// without two hexadecimal digits behind it stays. Nothing is decoded twice.
    package static func decode(_ bytes: some RandomAccessCollection<UInt8>, plusIsSpace: Bool = false) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var next = bytes.startIndex
        while next < bytes.endIndex {
            let byte = bytes[next]
            if byte == UInt8(ascii: "%"), bytes.distance(from: next, to: bytes.endIndex) > 2,
                let high = value(bytes[bytes.index(next, offsetBy: 1)]),
                let low = value(bytes[bytes.index(next, offsetBy: 2)])
            {
                output.append(high << 4 | low)
                next = bytes.index(next, offsetBy: 3)
                continue
            }
            output.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            next = bytes.index(after: next)
        }
        return output
    }

    private static func digit(_ number: UInt8) -> UInt8 {
        number < 10 ? UInt8(ascii: "0") + number : UInt8(ascii: "A") + number - 10
    }

    /// The number of a hexadecimal digit.
    static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
