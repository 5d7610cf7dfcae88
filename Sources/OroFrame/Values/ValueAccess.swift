// SPDX-License-Identifier: Apache-2.0

public import BigInt

extension Value {
    /// Whether this is `null`.
    public var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// The truth value, if this is one.
    public var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The integer, if this is an `int`, or a `bigint` that fits.
    public var int: Int64? {
        switch self {
        case .int(let value): value
        case .bigint(let value): Int64(exactly: value)
        default: nil
        }
    }

    /// The integer, if this is a `bigint` or an `int`.
    public var bigint: BigInt? {
        switch self {
        case .int(let value): BigInt(value)
        case .bigint(let value): value
        default: nil
        }
    }

    /// The number as a double, if this is a `double`, or an `int` that a double holds exactly.
    public var double: Double? {
        switch self {
        case .int(let value): Double(exactly: value)
        case .double(let value): value
        default: nil
        }
    }

    /// The text, if this is one.
    public var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The bytes, if these are some.
    public var bytes: [UInt8]? {
        if case .bytes(let value) = self { value } else { nil }
    }

    /// The elements, if this is an array.
    public var array: [Value]? {
        if case .array(let value) = self { value } else { nil }
    }

    /// The members in their order, if this is an object.
    public var object: NamedValues<Value>? {
        if case .object(let value) = self { value } else { nil }
    }

    /// The member of this name, if this is an object that has it.
    public subscript(key: String) -> Value? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    /// The element at this position, if this is an array that has it. Never traps.
    public subscript(index: Int) -> Value? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }
}

extension Value: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByStringInterpolation,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(nilLiteral: ()) { self = .null }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .int(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: Value...) { self = .array(elements) }

    /// An object; of two members with one name the last one counts, in the place of the first.
    public init(dictionaryLiteral members: (String, Value)...) {
        self = .object(NamedValues(members))
    }
}

extension Value {
    /// Encoding it takes microseconds: it has more than some hundred parts, or more than some kilobytes. O(1).
    package var isLong: Bool {
        var left = 256
        return uses(up: &left)
    }

    /// Each part costs one, and each 64 bytes. True: nothing is left.
    private func uses(up left: inout Int) -> Bool {
        left -= 1
        switch self {
        case .null, .bool, .int, .double: break
        case .bigint(let number): left -= number.bitWidth / 512
        case .string(let text): left -= text.utf8.count / 64
        case .bytes(let bytes): left -= bytes.count / 64
        case .array(let elements):
            for element in elements where left < 0 || element.uses(up: &left) { return true }
        case .object(let members):
            for (name, value) in members {
                left -= name.utf8.count / 64
                if left < 0 || value.uses(up: &left) { return true }
            }
        }
        return left < 0
    }
}
