// SPDX-License-Identifier: Apache-2.0

import BigInt

/// With ``ValueEncoder`` and ``ValueDecoder`` a `Value` is itself. Other coders get what comes closest, as ``json()``
/// does: a `bigint` is an integer where 64 bits hold it and its decimal digits as a text beyond, `bytes` are a text in
/// base64. They give back an `int` for what is whole, a `bigint` above `Int64.max`, a `double`, a text, an array or an
/// object; the order of members is up to them.
extension Value: Codable {
    public func encode(to encoder: any Encoder) throws {
        if let element = encoder as? ElementEncoder {
            return try element.encodeScalar(self) { (element) throws(FrameError) in try element.write(tree: self) }
        }
        switch self {
        case .array(let elements):
            var container = encoder.unkeyedContainer()
            for element in elements { try container.encode(element) }
        case .object(let members):
            var container = encoder.container(keyedBy: MemberKey.self)
            for (name, value) in members { try container.encode(value, forKey: MemberKey(name)) }
        default: try encode(in: encoder.singleValueContainer())
        }
    }

    private func encode(in container: consuming any SingleValueEncodingContainer) throws {
        switch self {
        case .bool(let value): try container.encode(value)
        case .int(let value): try container.encode(value)
        case .double(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .bigint(let value):
            if let value = Int64(exactly: value) {
                try container.encode(value)
            } else if let value = UInt64(exactly: value) {
                try container.encode(value)
            } else {
                try container.encode(value.decimalText)
            }
        case .bytes(let bytes): try container.encode(Base64.text(bytes))
        case .null, .array, .object: try container.encodeNil()
        }
    }

    public init(from decoder: any Decoder) throws {
        if let element = decoder as? ElementDecoder {
            self = try element.decodeWhole(Value.self)
        } else if let members = try? decoder.container(keyedBy: MemberKey.self) {
            let pairs = try members.allKeys.map { ($0.stringValue, try members.decode(Value.self, forKey: $0)) }
            self = .object(NamedValues(pairs))
        } else if var elements = try? decoder.unkeyedContainer() {
            var values: [Value] = []
            while !elements.isAtEnd { values.append(try elements.decode(Value.self)) }
            self = .array(values)
        } else {
            self = try Value(in: try decoder.singleValueContainer())
        }
    }

    private init(in container: any SingleValueDecodingContainer) throws {
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .int(value)
        } else if let value = try? container.decode(UInt64.self) {
            self = .bigint(BigInt(value))
        } else if let value = try? container.decode(Double.self) {
            self = .double(value)
        } else {
            self = .string(try container.decode(String.self))
        }
    }

    /// A member's name.
    private struct MemberKey: CodingKey {
        let stringValue: String

        init(_ name: String) { stringValue = name }

        init?(stringValue: String) { self.init(stringValue) }

        init?(intValue: Int) { self.init("\(intValue)") }

        var intValue: Int? { nil }
    }
}

extension Value {
    /// The tree of something `Encodable`. Throws as ``ValueEncoder/encode(_:)``.
    public init(encoding value: some Encodable) throws {
        if let tree = value as? Value {
            self = tree
        } else {
            self = try ValueEncoder().encodeValue(value).decode()
        }
    }

    /// The type that this is the tree of. Throws as ``ValueDecoder``, and `EncodingError` where this value is over a
    /// limit.
    public func decode<T: Decodable>(_ type: T.Type) throws -> T {
        try ValueDecoder().decode(type, from: try encoded())
    }
}
