// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroURI
import Synchronization

/// The query of a request's URI: the caller's parameters and those that `oro:ipc` adds.
///
/// ```swift
/// IPCSearchParams(["foo": "bar"]).description     // foo=bar&index=0&seq=R1&runtime-frame-type=top-level
/// IPCSearchParams("x y").description               // index=0&seq=R2&value=x%20y&runtime-frame-type=top-level
/// ```
///
/// A list of pairs of texts, in order; names may repeat. As text, a space is `%20`. The client does not need it to send
/// a request; it is for those who write or compare URIs.
public struct IPCSearchParams: Sendable {
    private var pairs: [(name: String, value: String)] = []

    /// As the initializer with a client; `seq` is asked for where `params` have none.
    init(_ params: Value?, nonce: Value?, seq: () -> Seq) {
        let isObject = params?.kind == .object
        if isObject, let members = params?.object {
            pairs = members.map { ($0.key, $0.value.parameterText) }
        }
        set("index", "0")
        if !isObject || params?["seq"]?.isNull ?? true {
            set("seq", seq().rText)
        }
        if let params, !isObject { set("value", params.parameterText) }
        if let nonce, nonce.isTruthy { set("nonce", nonce.parameterText) }
        set("runtime-frame-type", "top-level")
    }

    private static let count = Atomic<UInt64>(1)

    /// Of the count that the process keeps.
    static func nextSeq() -> Seq { Seq(count.wrappingAdd(1, ordering: .relaxed).oldValue) }

    /// The value of the first parameter of this name.
    public func get(_ name: String) -> String? { pairs.first { Parameters.isSame($0.name, name) }?.value }

    /// The values of all parameters of this name.
    public func getAll(_ name: String) -> [String] {
        pairs.filter { Parameters.isSame($0.name, name) }.map(\.value)
    }

    /// There is a parameter of this name.
    public func has(_ name: String) -> Bool { get(name) != nil }

    /// Adds a parameter at the end.
    public mutating func append(_ name: String, _ value: String) { pairs.append((name, value)) }

    /// Gives the first parameter of this name a value, and removes the others; a new one comes last.
    public mutating func set(_ name: String, _ value: String) {
        guard let index = pairs.firstIndex(where: { Parameters.isSame($0.name, name) }) else {
            return append(name, value)
        }
        pairs[index].value = value
        pairs[(index + 1)...].removeAll { Parameters.isSame($0.name, name) }
    }

    /// Removes all parameters of this name.
    public mutating func delete(_ name: String) { pairs.removeAll { Parameters.isSame($0.name, name) } }

    /// Sorts the parameters by name, in the order of UTF-16; those of one name keep theirs.
    public mutating func sort() {
        let units = pairs.map { Array($0.name.utf16) }
        pairs = units.indices.sorted { left, right in
            units[left] == units[right] ? left < right : units[left].lexicographicallyPrecedes(units[right])
        }.map { pairs[$0] }
    }
}

extension IPCSearchParams: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { pairs.count }
    public subscript(position: Int) -> (name: String, value: String) { pairs[position] }
}

extension IPCSearchParams: CustomStringConvertible {
    /// The query, without `?`.
    public var description: String { FormURLEncoded.serializeWithoutPlus(pairs) }
}
