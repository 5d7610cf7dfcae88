// SPDX-License-Identifier: Apache-2.0

extension Value {
    /// This value as compact JSON text.
    ///
    /// What JSON does not know is written as what comes closest: `bigint` as its digits, `bytes` as a base64
    /// string, NaN and the infinities as `null`. Everything else is read back by ``init(json:limits:)`` as it was;
    /// a `double` always shows a fraction or an exponent, so that it does not come back as an `int`. O(n), and
    /// O(n^1.59) in the size of a bigint.
    public func json() -> String {
        var writer = JSONWriter()
        writer.write(self)
        return writer.text
    }
}

extension Value: CustomStringConvertible {
    /// The same as ``json()``.
    public var description: String { json() }
}

private struct JSONWriter {
    private var bytes: [UInt8] = []

    /// All that was written. Only whole scalars were.
    var text: String { String(decoding: bytes, as: UTF8.self) }

    mutating func write(_ value: Value) {
        switch value {
        case .null: append("null")
        case .bool(let value): append(value ? "true" : "false")
        case .int(let value): append(String(value))
        case .bigint(let value): append(value.decimalText)
        case .double(let value): append(value.isFinite ? value.description : "null")
        case .string(let value): write(string: value)
        case .bytes(let value): append("\"" + Base64.text(value) + "\"")
        case .array(let elements):
            append("[")
            for (index, element) in elements.enumerated() {
                if index > 0 { append(",") }
                write(element)
            }
            append("]")
        case .object(let members):
            append("{")
            for (index, member) in members.enumerated() {
                if index > 0 { append(",") }
                write(string: member.key)
                append(":")
                write(member.value)
            }
            append("}")
        }
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func write(string: String) {
        append("\"")
        let text = string.utf8.span
        // What needs no escape is copied in runs.
        var plain = 0
        for index in text.indices {
            let byte = text[index]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
            append(text.extracting(plain..<index))
            plain = index + 1
            escape(byte)
        }
        append(text.extracting(plain..<text.count))
        append("\"")
    }

    private mutating func append(_ run: Span<UInt8>) {
        // The buffer is valid in the closure, which copies it.
        unsafe run.withUnsafeBufferPointer { run in unsafe bytes.append(contentsOf: run) }
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): append("\\\"")
        case UInt8(ascii: "\\"): append("\\\\")
        case UInt8(ascii: "\n"): append("\\n")
        case UInt8(ascii: "\r"): append("\\r")
        case UInt8(ascii: "\t"): append("\\t")
        case 0x08: append("\\b")
        case 0x0C: append("\\f")
        default: append((byte < 0x10 ? "\\u000" : "\\u00") + String(byte, radix: 16))
        }
    }
}
