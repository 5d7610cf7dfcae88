// SPDX-License-Identifier: Apache-2.0

public import BigInt

/// What a message carries: the data of JSON, and beyond it bytes, exact integers of any size and every double.
///
/// ```swift
/// let value: Value = ["path": "/tmp/a", "mode": 0o600, "tags": ["x", nil]]
/// value["mode"]?.int          // 384
/// value["tags"]?[0]?.string   // "x"
/// ```
///
/// **Equality** is what a user of JSON expects: objects are equal whatever the order of their members, arrays only
/// in order. Kinds never mix: `.int(1)`, `.bigint(1)` and `.double(1)` are three values. Doubles compare as the
/// keys of a JavaScript `Map` do: NaN equals NaN, and 0 equals -0. Strings and names compare as JavaScript's do, by
/// their bytes: `"é"` in one code point and `"é"` in two are two strings, though Swift's `String` takes them for one.
/// So it takes linear time, whatever a peer has sent.
public enum Value: Sendable {
    /// JSON's `null`. (No value at all, `undefined`, is the absence of a `Value`.)
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// An integer of 64 bits.
    case int(Int64)
    /// An integer of any size; small ones too, as JavaScript's `5n` is not its `5`.
    indirect case bigint(BigInt)
    /// A floating-point number, NaN and the infinities included.
    case double(Double)
    /// A text.
    case string(String)
    /// Bytes that are not a text. Large ones travel better as a message's payload, which is not copied.
    case bytes([UInt8])
    /// Values in order.
    case array([Value])
    /// Named values; the order of the members is kept.
    case object(NamedValues<Value>)
}

/// The cases of ``Value``, without what they carry.
public enum ValueKind: Hashable, Sendable, CaseIterable {
    case null, bool, int, bigint, double, string, bytes, array, object
}

extension Value {
    /// The members of an object.
    public typealias Members = NamedValues<Value>

    /// Which case this is.
    public var kind: ValueKind {
        switch self {
        case .null: .null
        case .bool: .bool
        case .int: .int
        case .bigint: .bigint
        case .double: .double
        case .string: .string
        case .bytes: .bytes
        case .array: .array
        case .object: .object
        }
    }
}

extension Value: Hashable {
    /// See ``Value`` for what is equal. O(n).
    public static func == (left: Value, right: Value) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.int(let left), .int(let right)): left == right
        case (.bigint(let left), .bigint(let right)): left == right
        case (.double(let left), .double(let right)): left == right || (left.isNaN && right.isNaN)
        case (.string(let left), .string(let right)): TextKey.areSame(left, right)
        case (.bytes(let left), .bytes(let right)): left == right
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)):
            left.count == right.count && left.allSatisfy { key, value in right[key] == value }
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(kind)
        switch self {
        case .null: break
        case .bool(let value): hasher.combine(value)
        case .int(let value): hasher.combine(value)
        case .bigint(let value): hasher.combine(value)
        case .double(let value): hasher.combine(value.isNaN ? .nan : value)
        case .string(let value): hasher.combine(TextKey(value))
        case .bytes(let value): hasher.combine(value)
        case .array(let value): hasher.combine(value)
        case .object(let members):
            // A sum does not depend on the order.
            var sum = 0
            for (key, value) in members {
                var member = hasher
                member.combine(TextKey(key))
                member.combine(value)
                sum &+= member.finalize()
            }
            hasher.combine(sum)
        }
    }
}
