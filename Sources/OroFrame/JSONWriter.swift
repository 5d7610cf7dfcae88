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
    var text = ""

    mutating func write(_ value: Value) {
        switch value {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .int(let value): text += String(value)
        case .bigint(let value): text += value.decimalText
        case .double(let value): text += value.isFinite ? value.description : "null"
        case .string(let value): write(string: value)
        case .bytes(let value): text += "\"" + Base64.text(value) + "\""
        case .array(let elements):
            text += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { text += "," }
                write(element)
            }
            text += "]"
        case .object(let members):
            text += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { text += "," }
                write(string: member.key)
                text += ":"
                write(member.value)
            }
            text += "}"
        }
    }

    private mutating func write(string: String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{08}": text += "\\b"
            case "\u{0C}": text += "\\f"
            case "\u{00}"..."\u{1F}":
                text += scalar.value < 0x10 ? "\\u000" : "\\u00"
                text += String(scalar.value, radix: 16)
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
