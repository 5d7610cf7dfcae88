// SPDX-License-Identifier: Apache-2.0

// The faces of `ElementDecoder` that Swift's `Decodable` types see.

extension ElementDecoder: Decoder {
    package var userInfo: [CodingUserInfoKey: Any] { decoding.userInfo }

    package func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        try openObject()
        return KeyedDecodingContainer(ObjectDecoding<Key>(element: self))
    }

    package func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try openArray()
        return ArrayDecoding(element: self, next: place.start)
    }

    package func singleValueContainer() throws -> any SingleValueDecodingContainer { self }
}

extension ElementDecoder: SingleValueDecodingContainer {
    package func decodeNil() -> Bool { isNull(place) }
    package func decode(_ type: Bool.Type) throws -> Bool { try bool(place, nil) }
    package func decode(_ type: String.Type) throws -> String { try string(place, nil) }
    package func decode(_ type: Double.Type) throws -> Double { try double(place, nil) }
    package func decode(_ type: Float.Type) throws -> Float { try float(place, nil) }
    package func decode(_ type: Int.Type) throws -> Int { try integer(type) }
    package func decode(_ type: Int8.Type) throws -> Int8 { try integer(type) }
    package func decode(_ type: Int16.Type) throws -> Int16 { try integer(type) }
    package func decode(_ type: Int32.Type) throws -> Int32 { try integer(type) }
    package func decode(_ type: Int64.Type) throws -> Int64 { try integer(type) }
    package func decode(_ type: Int128.Type) throws -> Int128 { try integer(type) }
    package func decode(_ type: UInt.Type) throws -> UInt { try integer(type) }
    package func decode(_ type: UInt8.Type) throws -> UInt8 { try integer(type) }
    package func decode(_ type: UInt16.Type) throws -> UInt16 { try integer(type) }
    package func decode(_ type: UInt32.Type) throws -> UInt32 { try integer(type) }
    package func decode(_ type: UInt64.Type) throws -> UInt64 { try integer(type) }
    package func decode(_ type: UInt128.Type) throws -> UInt128 { try integer(type) }
    package func decode<T: Decodable>(_ type: T.Type) throws -> T { try decodeWhole(type) }

    private func integer<T: FixedWidthInteger>(_ type: T.Type) throws -> T { try integer(type, place, 0, nil) }
}

/// Decodes the members of an object.
struct ObjectDecoding<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let element: ElementDecoder

    var codingPath: [any CodingKey] { element.codingPath }

    var allKeys: [Key] { element.memberNames.compactMap { Key(stringValue: $0) } }

    func contains(_ key: Key) -> Bool { (try? element.find(key)) != nil }

    func decodeNil(forKey key: Key) throws -> Bool { element.isNull(try find(key)) }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try element.bool(try find(key), key) }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try element.string(try find(key), key) }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try element.double(try find(key), key) }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try element.float(try find(key), key) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try integer(type, key) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try integer(type, key) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try integer(type, key) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try integer(type, key) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try integer(type, key) }
    func decode(_ type: Int128.Type, forKey key: Key) throws -> Int128 { try integer(type, key) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try integer(type, key) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try integer(type, key) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try integer(type, key) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try integer(type, key) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try integer(type, key) }
    func decode(_ type: UInt128.Type, forKey key: Key) throws -> UInt128 { try integer(type, key) }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        try element.decode(type, at: try find(key), key)
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> { try element.element(try find(key), key).container(keyedBy: type) }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try element.element(try find(key), key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder {
        element.element(try element.find(SuperKey()) ?? .null, SuperKey())
    }

    func superDecoder(forKey key: Key) throws -> any Decoder { element.element(try element.find(key) ?? .null, key) }

    private func find(_ key: Key) throws -> ElementDecoder.Place {
        guard let place = try element.find(key) else { throw element.missing(key) }
        return place
    }

    private func integer<T: FixedWidthInteger>(_ type: T.Type, _ key: Key) throws -> T {
        try element.integer(type, try find(key), 0, key)
    }
}

/// Decodes the elements of an array, or the bytes of `bytes` as an array of them.
struct ArrayDecoding: UnkeyedDecodingContainer {
    let element: ElementDecoder
    /// Where the next element starts.
    fileprivate var next: Int
    fileprivate(set) var currentIndex = 0

    fileprivate init(element: ElementDecoder, next: Int) {
        self.element = element
        self.next = next
    }

    var codingPath: [any CodingKey] { element.codingPath }

    var count: Int? { elementCount }

    private var isBytes: Bool { element.place.token.kind == .bytes }

    private var elementCount: Int {
        isBytes ? element.place.token.contentBytes : Int(element.place.token.bits)
    }

    var isAtEnd: Bool { currentIndex >= elementCount }

    mutating func decodeNil() throws -> Bool {
        guard element.isNull(try peek(Any?.self)) else { return false }
        try step { _, _, _ in }
        return true
    }

    mutating func decode(_ type: Bool.Type) throws -> Bool { try step { try $0.bool($1, $2) } }
    mutating func decode(_ type: String.Type) throws -> String { try step { try $0.string($1, $2) } }
    mutating func decode(_ type: Double.Type) throws -> Double { try step { try $0.double($1, $2) } }
    mutating func decode(_ type: Float.Type) throws -> Float { try step { try $0.float($1, $2) } }
    mutating func decode(_ type: Int.Type) throws -> Int { try integer(type) }
    mutating func decode(_ type: Int8.Type) throws -> Int8 { try integer(type) }
    mutating func decode(_ type: Int16.Type) throws -> Int16 { try integer(type) }
    mutating func decode(_ type: Int32.Type) throws -> Int32 { try integer(type) }
    mutating func decode(_ type: Int64.Type) throws -> Int64 { try integer(type) }
    mutating func decode(_ type: Int128.Type) throws -> Int128 { try integer(type) }
    mutating func decode(_ type: UInt.Type) throws -> UInt { try integer(type) }
    mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try integer(type) }
    mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try integer(type) }
    mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try integer(type) }
    mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try integer(type) }
    mutating func decode(_ type: UInt128.Type) throws -> UInt128 { try integer(type) }

    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
        try step { try $0.decode(type, at: $1, $2) }
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> {
        try step { try $0.element($1, $2).container(keyedBy: type) }
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try step { try $0.element($1, $2).unkeyedContainer() }
    }

    mutating func superDecoder() throws -> any Decoder { try step { $0.element($1, $2) } }

    private mutating func integer<T: FixedWidthInteger>(_ type: T.Type) throws -> T {
        try step { try $0.integer(type, $1, 0, $2) }
    }

    /// The next element.
    private func peek(_ type: Any.Type) throws -> ElementDecoder.Place {
        guard !isAtEnd else { throw element.pastEnd(type, currentIndex) }
        do throws(FrameError) {
            if isBytes { return try element.byte(at: next) }
            return try element.element(at: next)
        } catch {
            throw element.corrupted(error, IndexKey(currentIndex))
        }
    }

    /// Goes on to the next element, if `body` can make something of this one.
    private mutating func step<R>(_ body: (ElementDecoder, ElementDecoder.Place, IndexKey) throws -> R) throws -> R {
        let place = try peek(R.self)
        let result = try body(element, place, IndexKey(currentIndex))
        next = isBytes ? next + 1 : place.end
        currentIndex += 1
        return result
    }
}
