// SPDX-License-Identifier: Apache-2.0

import OrderedCollections

/// Values by name, in the order in which they were added: the members of an object, or the parameters of a message.
///
/// Names are equal when their UTF-8 bytes are, as JavaScript compares them; Swift's own `String` compares by canonical
/// equivalence. So `"é"` in one code point and `"é"` in two are two names here. Looking one up takes time linear in its
/// length, whatever it consists of.
///
/// ```swift
/// var members: NamedValues<Value> = ["path": "/tmp/a", "mode": 0o600]
/// members["mode"] = 0o644
/// for (name, value) in members { print(name, value) }
/// ```
public struct NamedValues<Element> {
    private var storage: OrderedDictionary<TextKey, Element>

    /// None.
    public init() { storage = [:] }

    /// None, with room for `minimumCapacity`.
    public init(minimumCapacity: Int) { storage = OrderedDictionary(minimumCapacity: minimumCapacity) }

    /// These, in order; of two with one name the last one counts, in the place of the first.
    public init(_ pairs: some Sequence<(String, Element)>) {
        self.init()
        for (name, value) in pairs { self[name] = value }
    }

    /// The value of this name; setting `nil` removes it. A new one comes last.
    public subscript(name: String) -> Element? {
        get { storage[TextKey(name)] }
        set { storage[TextKey(name)] = newValue }
        _modify { yield &storage[TextKey(name)] }
    }

    /// The value of this name, or `otherwise`.
    public subscript(name: String, default otherwise: @autoclosure () -> Element) -> Element {
        get { storage[TextKey(name)] ?? otherwise() }
        _modify { yield &storage[TextKey(name), default: otherwise()] }
    }

    /// Gives the name a value, and returns the one that it had.
    @discardableResult
    public mutating func updateValue(_ value: Element, forKey name: String) -> Element? {
        storage.updateValue(value, forKey: TextKey(name))
    }

    /// Changes the value of this name in place. False when there is none.
    @discardableResult
    public mutating func updateIfPresent(_ name: String, _ change: (inout Element) -> Void) -> Bool {
        guard let index = storage.index(forKey: TextKey(name)) else { return false }
        change(&storage.values[index])
        return true
    }

    /// The same in the order of the names' bytes. O(n log n).
    package var inOrderOfNames: NamedValues {
        NamedValues(map { ($0.key, $0.value) }.sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) })
    }

    /// Removes this name, and returns its value. O(n).
    @discardableResult
    public mutating func removeValue(forKey name: String) -> Element? { storage.removeValue(forKey: TextKey(name)) }

    /// Where this name stands.
    public func index(forKey name: String) -> Int? { storage.index(forKey: TextKey(name)) }

    /// The names in order.
    public var keys: Keys { Keys(storage.keys) }

    /// The values in the order of their names.
    public var values: Values { Values(storage.values) }

    /// The same names with other values.
    public func mapValues<Other, Failure: Error>(
        _ transform: (Element) throws(Failure) -> Other
    ) throws(Failure) -> NamedValues<Other> {
        var mapped = NamedValues<Other>(minimumCapacity: count)
        for index in indices { mapped.storage[storage.keys[index]] = try transform(storage.values[index]) }
        return mapped
    }
}

extension NamedValues: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { storage.count }

    public subscript(position: Int) -> (key: String, value: Element) {
        let (key, value) = storage.elements[position]
        return (key.text, value)
    }

    /// The names of some ``NamedValues``, in order.
    public struct Keys: RandomAccessCollection {
        private let names: OrderedSet<TextKey>

        fileprivate init(_ names: OrderedSet<TextKey>) { self.names = names }

        public var startIndex: Int { 0 }
        public var endIndex: Int { names.count }
        public subscript(position: Int) -> String { names[position].text }

        /// There is this name.
        public func contains(_ name: String) -> Bool { names.contains(TextKey(name)) }
    }

    /// The values of some ``NamedValues``, in the order of their names.
    public struct Values: RandomAccessCollection {
        private let values: OrderedDictionary<TextKey, Element>.Values

        fileprivate init(_ values: OrderedDictionary<TextKey, Element>.Values) { self.values = values }

        public var startIndex: Int { 0 }
        public var endIndex: Int { values.count }
        public subscript(position: Int) -> Element { values[position] }
    }
}

extension NamedValues: Sendable where Element: Sendable {}
extension NamedValues.Keys: Sendable where Element: Sendable {}
extension NamedValues.Values: Sendable where Element: Sendable {}

extension NamedValues: Equatable where Element: Equatable {
    /// The same names with the same values, in the same order.
    public static func == (left: NamedValues, right: NamedValues) -> Bool { left.storage == right.storage }
}

extension NamedValues: Hashable where Element: Hashable {
    public func hash(into hasher: inout Hasher) { storage.hash(into: &hasher) }
}

extension NamedValues: ExpressibleByDictionaryLiteral {
    /// These, in order; of two with one name the last one counts, in the place of the first.
    public init(dictionaryLiteral pairs: (String, Element)...) { self.init(pairs) }
}

extension NamedValues: CustomStringConvertible {
    /// As a dictionary's.
    public var description: String {
        isEmpty ? "[:]" : "[" + map { "\($0.key.debugDescription): \($0.value)" }.joined(separator: ", ") + "]"
    }
}
