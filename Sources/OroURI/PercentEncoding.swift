/// Which bytes of a UTF-8 text are written as `%XX` in one place of a URI. Everything above `~` and all control characters
/// always are.
///
/// The sets are those of the URL Standard, section 1.3, as Node 18 and 20 have them: `^` is not in the path's.
package struct PercentEncodeSet: Sendable {
    /// Bits 0x20 … 0x7E: one for each printable ASCII character that is encoded.
    private let low: UInt64
    private let high: UInt64

    private init(_ characters: String, and others: PercentEncodeSet? = nil) {
        var low: UInt64 = others?.low ?? 0
        var high: UInt64 = others?.high ?? 0
        for byte in characters.utf8 {
            if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte - 64) }
        }
        self.low = low
        self.high = high
    }

    /// What a set of those that are *not* encoded leaves.
    private init(allBut characters: String) {
        let kept = PercentEncodeSet(characters)
        low = ~kept.low
        high = ~kept.high
    }

    /// True when this byte is written as `%XX`.
    package func contains(_ byte: UInt8) -> Bool {
        if byte < 0x20 || byte > 0x7E { return true }
        return byte < 64 ? low >> UInt64(byte) & 1 != 0 : high >> UInt64(byte - 64) & 1 != 0
    }

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
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        append(bytes, set, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    /// The bytes that `bytes` stand for: each `%XX` is one byte, and each `+` a space where `plusIsSpace`. A `%` without two
    /// hexadecimal digits behind it stays. Nothing is decoded twice.
    package static func decode(_ bytes: some RandomAccessCollection<UInt8>, plusIsSpace: Bool = false) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var next = bytes.startIndex
        while next < bytes.endIndex {
            let byte = bytes[next]
            let rest = bytes[next...]
            if byte == UInt8(ascii: "%"), rest.count > 2,
                let high = value(rest[rest.index(next, offsetBy: 1)]),
                let low = value(rest[rest.index(next, offsetBy: 2)])
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
