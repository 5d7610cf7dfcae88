// SPDX-License-Identifier: Apache-2.0

/// `application/x-www-form-urlencoded`: names and values in a query (URL Standard, section 5).
///
/// `+` and `%20` are spaces, `%2B` is a plus. A `%` without two hexadecimal digits stays as it is, and bytes that are
/// not UTF-8 become U+FFFD. Nothing between two `&` is no pair; a part without `=` is a name with an empty value.
package enum FormURLEncoded {
    /// The pairs of a query, which does not start with `?`, in order; repeated names stay. O(n), total.
    package static func parse(_ query: String) -> [(name: String, value: String)] {
        parse(Array(query.utf8))
    }

    /// The same from bytes, of any kind.
    package static func parse(_ query: [UInt8]) -> [(name: String, value: String)] {
        query.split(separator: UInt8(ascii: "&")).map { part in
            let equals = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
            let value = equals < part.endIndex ? part[(equals + 1)...] : []
            return (decode(part[..<equals]), decode(value))
        }
    }

    /// The query of these pairs. O(n).
    package static func serialize(_ pairs: some Sequence<(name: String, value: String)>) -> String {
        serialize(pairs, space: UInt8(ascii: "+"))
    }

    /// The same with `%20` for a space, for readers that do not take `+` for one.
    package static func serializeWithoutPlus(_ pairs: some Sequence<(name: String, value: String)>) -> String {
        serialize(pairs, space: nil)
    }

    private static func serialize(_ pairs: some Sequence<(name: String, value: String)>, space: UInt8?) -> String {
        var output: [UInt8] = []
        for (name, value) in pairs {
            if !output.isEmpty { output.append(UInt8(ascii: "&")) }
            append(name, space, to: &output)
            output.append(UInt8(ascii: "="))
            append(value, space, to: &output)
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static func append(_ text: String, _ space: UInt8?, to output: inout [UInt8]) {
        for byte in text.utf8 {
            if let space, byte == UInt8(ascii: " ") {
                output.append(space)
            } else if PercentEncodeSet.form.contains(byte) {
                PercentEncoding.append(escaping: byte, to: &output)
            } else {
                output.append(byte)
            }
        }
    }

    private static func decode(_ part: ArraySlice<UInt8>) -> String {
        String(decoding: PercentEncoding.decode(part, plusIsSpace: true), as: UTF8.self)
    }
}
