// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroURI

/// The parameters of a message: names and exact values, in order. A name may occur more than once.
///
/// Names are compared byte by byte, as they are in a query: not by canonical equivalence.
struct Parameters: Sendable {
    private(set) var pairs: [(name: String, value: Value)]

    init(_ pairs: [(name: String, value: Value)] = []) { self.pairs = pairs }

    /// The value of a frame: an object's members, or the parameter `value`.
    init(whole: Value) {
        if case .object(let members) = whole {
            pairs = members.map { ($0.key, $0.value) }
        } else {
            pairs = [("value", whole)]
        }
    }

    /// The pairs of a query, all of them texts.
    init(query: String) {
        pairs = FormURLEncoded.parse(query).map { ($0.name, .string($0.value)) }
    }

    /// An object with these members; of parameters with one name the last counts, in the place of the first.
    var object: Value {
        .object(pairs.reduce(into: [:]) { $0[$1.name] = $1.value })
    }

    /// An object cannot say all of it.
    var hasRepeatedNames: Bool {
        // As members of an object are compared.
        Set(pairs.lazy.map { TextKey($0.name) }).count < pairs.count
    }

    /// The query of these parameters.
    var query: String { FormURLEncoded.serialize(pairs.lazy.map { (name: $0.name, value: $0.value.parameterText) }) }

    // MARK: One of them

    /// The value of the first with this name.
    func first(_ name: String) -> Value? { pairs.first { Parameters.isSame($0.name, name) }?.value }

    /// Gives the first with this name a value and removes the others; a new one comes last.
    mutating func set(_ name: String, _ value: Value) {
        guard let index = pairs.firstIndex(where: { Parameters.isSame($0.name, name) }) else {
            return append(name, value)
        }
        pairs[index].value = value
        let rest = index + 1
        pairs[rest...].removeAll { Parameters.isSame($0.name, name) }
    }

    mutating func append(_ name: String, _ value: Value) { pairs.append((name, value)) }

    /// Removes all with this name; false when there were none.
    mutating func delete(_ name: String) -> Bool {
        let count = pairs.count
        pairs.removeAll { Parameters.isSame($0.name, name) }
        return pairs.count < count
    }

    /// Takes over others: these replace those of the same names, and names that repeat among them go on doing so. O(n +
    /// m).
    mutating func merge(_ others: Parameters) {
        var firsts: [TextKey: Value] = [:]
        for (name, value) in others.pairs where firsts[name] == nil { firsts[name] = value }
        // Each name of theirs stands where it first stood here, once; what is new, or repeats, comes last.
        var placed: Set<TextKey> = []
        var merged: [(name: String, value: Value)] = []
        merged.reserveCapacity(pairs.count + others.pairs.count)
        for pair in pairs {
            guard let value = firsts[pair.name] else {
                merged.append(pair)
                continue
            }
            if placed.insert(TextKey(pair.name)).inserted { merged.append((pair.name, value)) }
        }
        for pair in others.pairs where placed.remove(TextKey(pair.name)) == nil { merged.append(pair) }
        pairs = merged
    }

    static func isSame(_ left: String, _ right: String) -> Bool { TextKey.areSame(left, right) }
}

extension Parameters: Equatable {
    static func == (left: Parameters, right: Parameters) -> Bool {
        left.pairs.elementsEqual(right.pairs) { isSame($0.name, $1.name) && $0.value == $1.value }
    }
}

extension Value {
    /// As it stands in a query: a text as it is, everything else as JSON.
    ///
    /// What JSON does not know: bytes are the text they are in UTF-8, with U+FFFD for what is none, and numbers that
    /// are none or infinite have JavaScript's names. These do not come back as they were; bytes belong into
    /// ``Message/bytes``.
    var parameterText: String {
        switch self {
        case .string(let text): text
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .double(let number) where number.isNaN: "NaN"
        case .double(let number) where number.isInfinite: number < 0 ? "-Infinity" : "Infinity"
        default: json()
        }
    }

    /// As ``Message/get(_:default:)`` gives it: a text that is JSON, other than `null`, is what it says.
    var parsed: Value {
        guard case .string(let text) = self, !text.isEmpty, let value = parseJSON(text), !value.isNull else {
            return self
        }
        return value
    }
}
