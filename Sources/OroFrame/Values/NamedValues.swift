// SPDX-License-Identifier: Apache-2.0

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
    /// In order, no two with one name.
    private var pairs: [(name: String, value: Element)]
    /// Where each name stands; `nil` while there are so few that they are looked through.
    private var places: [TextKey: Int]?

    /// Most values that are looked through: up to there that takes less time than hashing does.
    private static var mostSearched: Int { 16 }

    /// None.
    public init() { pairs = [] }

    /// None, with room for `minimumCapacity`.
    public init(minimumCapacity: Int) {
        pairs = []
        pairs.reserveCapacity(minimumCapacity)
    }

    /// These, in order; of two with one name the last one counts, in the place of the first.
    public init(_ pairs: some Sequence<(String, Element)>) {
        self.init(minimumCapacity: pairs.underestimatedCount)
        for (name, value) in pairs { self[name] = value }
    }

    /// Where this name stands.
    public func index(forKey name: String) -> Int? {
        if let places { return places[TextKey(name)] }
        for index in pairs.indices where TextKey.areSame(pairs[index].name, name) { return index }
        return nil
    }

    private mutating func append(_ name: String, _ value: Element) {
        pairs.append((name, value))
        if places != nil {
            places?[TextKey(name)] = pairs.count - 1
        } else if pairs.count > NamedValues.mostSearched {
            notePlaces()
        }
    }

    private mutating func notePlaces() {
        places = nil
        guard pairs.count > NamedValues.mostSearched else { return }
        var places: [TextKey: Int] = [:]
        places.reserveCapacity(pairs.count)
        for index in pairs.indices { places[TextKey(pairs[index].name)] = index }
        self.places = places
    }

    /// The value of this name; setting `nil` removes it. A new one comes last.
    public subscript(name: String) -> Element? {
        get { index(forKey: name).map { pairs[$0].value } }
        set {
            if let newValue { updateValue(newValue, forKey: name) } else { removeValue(forKey: name) }
        }
    }

    /// The value of this name, or `otherwise`.
    public subscript(name: String, default otherwise: @autoclosure () -> Element) -> Element {
        get { self[name] ?? otherwise() }
        _modify {
            let index = indexOrNew(name, otherwise())
            yield &pairs[index].value
        }
    }

    private mutating func indexOrNew(_ name: String, _ otherwise: @autoclosure () -> Element) -> Int {
        if let index = index(forKey: name) { return index }
        append(name, otherwise())
        return pairs.count - 1
    }

    /// Gives the name a value, and returns the one that it had.
    @discardableResult
    public mutating func updateValue(_ value: Element, forKey name: String) -> Element? {
        guard let index = index(forKey: name) else {
            append(name, value)
            return nil
        }
        let before = pairs[index].value
        pairs[index].value = value
        return before
    }

    /// Changes the value of this name in place. False when there is none.
    @discardableResult
    public mutating func updateIfPresent(_ name: String, _ change: (inout Element) -> Void) -> Bool {
        guard let index = index(forKey: name) else { return false }
        change(&pairs[index].value)
        return true
    }

    /// The same in the order of the names' bytes. O(n log n).
    package var inOrderOfNames: NamedValues {
        NamedValues(map { ($0.key, $0.value) }.sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) })
    }

    /// Removes this name, and returns its value. O(n).
    @discardableResult
    public mutating func removeValue(forKey name: String) -> Element? {
        guard let index = index(forKey: name) else { return nil }
        let removed = pairs.remove(at: index).value
        if places != nil { notePlaces() }
        return removed
    }

    /// The names in order.
    public var keys: Keys { Keys(self) }

    /// The values in the order of their names.
    public var values: Values { Values(self) }

    /// The same names with other values.
    public func mapValues<Other, Failure: Error>(
        _ transform: (Element) throws(Failure) -> Other
    ) throws(Failure) -> NamedValues<Other> {
        var mapped = NamedValues<Other>(minimumCapacity: count)
        for pair in pairs { mapped.pairs.append((pair.name, try transform(pair.value))) }
        mapped.places = places
        return mapped
    }
}

extension NamedValues: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { pairs.count }

    public subscript(position: Int) -> (key: String, value: Element) {
        let (name, value) = pairs[position]
        return (name, value)
    }

    /// The names of some ``NamedValues``, in order.
    public struct Keys: RandomAccessCollection {
        private let all: NamedValues

        fileprivate init(_ all: NamedValues) { self.all = all }

        public var startIndex: Int { 0 }
        public var endIndex: Int { all.count }
        public subscript(position: Int) -> String { all[position].key }

        /// There is this name.
        public func contains(_ name: String) -> Bool { all.index(forKey: name) != nil }
    }

    /// The values of some ``NamedValues``, in the order of their names.
    public struct Values: RandomAccessCollection {
        private let all: NamedValues

        fileprivate init(_ all: NamedValues) { self.all = all }

        public var startIndex: Int { 0 }
        public var endIndex: Int { all.count }
        public subscript(position: Int) -> Element { all[position].value }
    }
}

extension NamedValues: Sendable where Element: Sendable {}
extension NamedValues.Keys: Sendable where Element: Sendable {}
extension NamedValues.Values: Sendable where Element: Sendable {}

extension NamedValues: Equatable where Element: Equatable {
    /// The same names with the same values, in the same order.
    public static func == (left: NamedValues, right: NamedValues) -> Bool {
        left.pairs.elementsEqual(right.pairs) { TextKey.areSame($0.name, $1.name) && $0.value == $1.value }
    }
}

extension NamedValues: Hashable where Element: Hashable {
    public func hash(into hasher: inout Hasher) {
        hasher.combine(pairs.count)
        for (name, value) in pairs {
            hasher.combine(TextKey(name))
            hasher.combine(value)
        }
    }
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
