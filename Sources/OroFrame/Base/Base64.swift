// SPDX-License-Identifier: Apache-2.0

/// Base64 of RFC 4648, section 4, with padding.
package enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Characters of the text of so many bytes.
    package static func length(_ count: Int) -> Int { (count + 2) / 3 * 4 }

    /// The bytes as text.
    package static func text(_ bytes: some RandomAccessCollection<UInt8>) -> String {
        var output: [UInt8] = []
        output.reserveCapacity(length(bytes.count))
        var rest = bytes[...]
        while !rest.isEmpty {
            let group = rest.prefix(3)
            rest = rest.dropFirst(3)
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32((3 - group.count) * 8)
            for digit in 0..<4 {
                let sextet = Int(bits >> UInt32(18 - 6 * digit) & 0x3F)
                output.append(digit <= group.count ? alphabet[sextet] : UInt8(ascii: "="))
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// The bytes of a text, read as JavaScript's `Buffer.from(text, 'base64')` does: `-` and `_` stand for `+` and `/`,
    /// what is no digit is skipped, `=` ends it, and so does a last digit that makes no byte. Any text is one of some
    /// bytes.
    package static func bytes(_ text: String) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(text.utf8.count / 4 * 3)
        var (bits, count) = (UInt32(0), 0)
        for character in text.utf8 {
            if character == UInt8(ascii: "=") { break }
            guard let digit = digit(character) else { continue }
            bits = bits << 6 | digit
            count += 6
            if count >= 8 {
                count -= 8
                output.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return output
    }

    private static func digit(_ character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
        case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
