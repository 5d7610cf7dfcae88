// SPDX-License-Identifier: Apache-2.0

import BigInt
import OroFrame

/// Decoding through Swift's containers and decoding as a tree accept the same bytes, see the same value, and encode it
/// to the same bytes; and any type may be asked of any bytes.
enum CodableTarget {
    static func check(_ input: [UInt8]) {
        let tree = try? Value(encoded: input)
        let through = try? ValueDecoder().decode(Contained.self, from: input)
        require(
            through?.value == tree,
            "containers show \(String(describing: through?.value)), a tree \(String(describing: tree))")
        if let through {
            require((try? ValueEncoder().encode(through)) == input, "containers encode to other bytes")
            require(
                (try? ValueEncoder().encode(Nested(value: through.value))) == input,
                "nested containers encode to other bytes")
        }
        guard let record = try? ValueDecoder().decode(Record.self, from: input) else { return }
        guard let bytes = try? ValueEncoder().encode(record) else {
            return require(false, "a record cannot be encoded")
        }
        require((try? ValueDecoder().decode(Record.self, from: bytes)) == record, "a record comes back as another")
    }

    /// Of every kind of type; all of them optional, so that many inputs are one.
    struct Record: Codable, Equatable {
        enum Choice: Codable, Equatable {
            case none
            case one(Int)
            indirect case more(first: Choice, rest: [Choice])
        }
        var a: Int8?
        var b: UInt64?
        var c: Int128?
        var d: String?
        var e: [UInt8]?
        var f: [String: Bool]?
        var g: [Int: [Float]]?
        var h: Choice?
        var i: Value?
        var j: BigUInt?
        var k: [Record]?

        enum CodingKeys: String, CodingKey { case a, b, c, d, e, f, g, h, i, j, k }
    }

    /// Any value, by the containers of `Decoder` and `Encoder` alone where it has elements or members.
    struct Contained: Codable {
        let value: Value

        init(from decoder: any Decoder) throws {
            if let members = try? decoder.container(keyedBy: Name.self) {
                var pairs: [(String, Value)] = []
                for key in members.allKeys {
                    pairs.append((key.stringValue, try members.decode(Contained.self, forKey: key).value))
                }
                value = .object(.init(pairs))
                return
            }
            let whole = try decoder.singleValueContainer().decode(Value.self)
            guard case .array = whole else {
                value = whole
                return
            }
            var container = try decoder.unkeyedContainer()
            var elements: [Value] = []
            while !container.isAtEnd { elements.append(try container.decode(Contained.self).value) }
            value = .array(elements)
        }

        init(_ value: Value) { self.value = value }

        func encode(to encoder: any Encoder) throws {
            switch value {
            case .object(let members):
                var container = encoder.container(keyedBy: Name.self)
                for (name, value) in members { try container.encode(Contained(value), forKey: Name(name)) }
            case .array(let elements):
                var container = encoder.unkeyedContainer()
                for element in elements { try container.encode(Contained(element)) }
            default:
                var container = encoder.singleValueContainer()
                try container.encode(value)
            }
        }
    }

    /// The same with nested containers, which are written to only after all of them were made.
    struct Nested: Encodable {
        let value: Value

        func encode(to encoder: any Encoder) throws { try Nested.write(value, encoder) }

        private static func write(_ value: Value, _ encoder: any Encoder) throws {
            switch value {
            case .object(let members):
                var container = encoder.container(keyedBy: Name.self)
                let nested = members.map { (container.superEncoder(forKey: Name($0.key)), $0.value) }
                for (encoder, value) in nested.reversed() { try write(value, encoder) }
            case .array(let elements):
                var container = encoder.unkeyedContainer()
                let nested = elements.map { (container.superEncoder(), $0) }
                for (encoder, value) in nested.reversed() { try write(value, encoder) }
            default: try value.encode(to: encoder)
            }
        }
    }

    struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { return nil }
    }
}
