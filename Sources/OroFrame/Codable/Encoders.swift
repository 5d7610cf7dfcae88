// SPDX-License-Identifier: Apache-2.0

// The faces of `ElementEncoder` that Swift's `Encodable` types see.

extension ElementEncoder: Encoder {
    package var userInfo: [CodingUserInfoKey: Any] { encoding.userInfo }

    package func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        openObject()
        return KeyedEncodingContainer(ObjectEncoding<Key>(element: self))
    }

    package func unkeyedContainer() -> any UnkeyedEncodingContainer {
        openArray()
        return ArrayEncoding(element: self)
    }

    package func singleValueContainer() -> any SingleValueEncodingContainer { self }
}

extension ElementEncoder: SingleValueEncodingContainer {
    package func encodeNil() throws { try encodeScalar(()) { (at) throws(FrameError) in try at.tape.appendNull() } }

    package func encode(_ value: Bool) throws {
        try encodeScalar(value) { (at) throws(FrameError) in try at.tape.append(value) }
    }

    package func encode(_ value: String) throws {
        try encodeScalar(value) { (at) throws(FrameError) in try at.tape.append(value) }
    }

    package func encode(_ value: Double) throws {
        try encodeScalar(value) { (at) throws(FrameError) in try at.tape.append(value) }
    }

    package func encode(_ value: Float) throws { try encode(Double(value)) }
    package func encode(_ value: Int) throws { try encode(integer: value) }
    package func encode(_ value: Int8) throws { try encode(integer: value) }
    package func encode(_ value: Int16) throws { try encode(integer: value) }
    package func encode(_ value: Int32) throws { try encode(integer: value) }
    package func encode(_ value: Int64) throws { try encode(integer: value) }
    package func encode(_ value: Int128) throws { try encode(integer: value) }
    package func encode(_ value: UInt) throws { try encode(integer: value) }
    package func encode(_ value: UInt8) throws { try encode(integer: value) }
    package func encode(_ value: UInt16) throws { try encode(integer: value) }
    package func encode(_ value: UInt32) throws { try encode(integer: value) }
    package func encode(_ value: UInt64) throws { try encode(integer: value) }
    package func encode(_ value: UInt128) throws { try encode(integer: value) }
    package func encode<T: Encodable>(_ value: T) throws { try encodeWhole(value) }

    private func encode(integer value: some BinaryInteger) throws {
        try encodeScalar(value) { (at) throws(FrameError) in try at.write(integer: value) }
    }
}

/// Encodes the members of an object.
struct ObjectEncoding<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let element: ElementEncoder

    var codingPath: [any CodingKey] { element.codingPath }

    func encodeNil(forKey key: Key) throws {
        try element.encodeMember(key, ()) { try $0.tape.appendNull() }
    }

    func encode(_ value: Bool, forKey key: Key) throws {
        try element.encodeMember(key, value) { try $0.tape.append(value) }
    }

    func encode(_ value: String, forKey key: Key) throws {
        try element.encodeMember(key, value) { try $0.tape.append(value) }
    }

    func encode(_ value: Double, forKey key: Key) throws {
        try element.encodeMember(key, value) { try $0.tape.append(value) }
    }

    func encode(_ value: Float, forKey key: Key) throws { try encode(Double(value), forKey: key) }
    func encode(_ value: Int, forKey key: Key) throws { try encode(integer: value, key) }
    func encode(_ value: Int8, forKey key: Key) throws { try encode(integer: value, key) }
    func encode(_ value: Int16, forKey key: Key) throws { try encode(integer: value, key) }
    func encode(_ value: Int32, forKey key: Key) throws { try encode(integer: value, key) }
    func encode(_ value: Int64, forKey key: Key) throws { try encode(integer: value, key) }
    func encode(_ value: Int128, forKey key: Key) throws { try encode(integer: value, key) }
    func encode(_ value: UInt, forKey key: Key) throws { try encode(integer: value, key) }
    func encode(_ value: UInt8, forKey key: Key) throws { try encode(integer: value, key) }
    func encode(_ value: UInt16, forKey key: Key) throws { try encode(integer: value, key) }
    func encode(_ value: UInt32, forKey key: Key) throws { try encode(integer: value, key) }
    func encode(_ value: UInt64, forKey key: Key) throws { try encode(integer: value, key) }
    func encode(_ value: UInt128, forKey key: Key) throws { try encode(integer: value, key) }

    func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
        try element.encodeMember(key, value) { try $0.write(value, key) }
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> { nest(key).container(keyedBy: type) }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { nest(key).unkeyedContainer() }

    func superEncoder() -> any Encoder { nest(SuperKey()) }

    func superEncoder(forKey key: Key) -> any Encoder { nest(key) }

    private func nest(_ key: some CodingKey) -> ElementEncoder {
        do {
            var nested: ElementEncoder?
            try element.encodeMember(key, ()) { nested = try $0.nest(key) }
            return nested ?? element
        } catch {
            return element.refuse(key, error)
        }
    }

    private func encode(integer value: some BinaryInteger, _ key: Key) throws {
        try element.encodeMember(key, value) { try $0.write(integer: value) }
    }
}

/// Encodes the elements of an array.
struct ArrayEncoding: UnkeyedEncodingContainer {
    let element: ElementEncoder

    var codingPath: [any CodingKey] { element.codingPath }

    var count: Int { element.elementCount }

    func encodeNil() throws { try element.encodeElement(()) { try $0.tape.appendNull() } }
    func encode(_ value: Bool) throws { try element.encodeElement(value) { try $0.tape.append(value) } }
    func encode(_ value: String) throws { try element.encodeElement(value) { try $0.tape.append(value) } }
    func encode(_ value: Double) throws { try element.encodeElement(value) { try $0.tape.append(value) } }
    func encode(_ value: Float) throws { try encode(Double(value)) }
    func encode(_ value: Int) throws { try encode(integer: value) }
    func encode(_ value: Int8) throws { try encode(integer: value) }
    func encode(_ value: Int16) throws { try encode(integer: value) }
    func encode(_ value: Int32) throws { try encode(integer: value) }
    func encode(_ value: Int64) throws { try encode(integer: value) }
    func encode(_ value: Int128) throws { try encode(integer: value) }
    func encode(_ value: UInt) throws { try encode(integer: value) }
    func encode(_ value: UInt8) throws { try encode(integer: value) }
    func encode(_ value: UInt16) throws { try encode(integer: value) }
    func encode(_ value: UInt32) throws { try encode(integer: value) }
    func encode(_ value: UInt64) throws { try encode(integer: value) }
    func encode(_ value: UInt128) throws { try encode(integer: value) }

    func encode<T: Encodable>(_ value: T) throws {
        try element.encodeElement(value) { try $0.write(value, IndexKey($0.items)) }
    }

    /// A run of bytes, as `Data` encodes itself: bytes, if the array has nothing else.
    func encode<S: Sequence>(contentsOf sequence: S) throws where S.Element == UInt8 {
        let done: Void? = try sequence.withContiguousStorageIfAvailable { bytes in
            // The buffer is valid in the closure.
            unsafe try element.encodeBytes(UnsafeRawBufferPointer(bytes))
        }
        if done == nil {
            // As above.
            unsafe try [UInt8](sequence).withUnsafeBytes { bytes in unsafe try element.encodeBytes(bytes) }
        }
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        nest().container(keyedBy: type)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { nest().unkeyedContainer() }

    func superEncoder() -> any Encoder { nest() }

    private func nest() -> ElementEncoder {
        do {
            var nested: ElementEncoder?
            try element.encodeElement(()) { nested = try $0.nest(IndexKey($0.items)) }
            return nested ?? element
        } catch {
            return element.refuse(IndexKey(element.items), error)
        }
    }

    private func encode(integer value: some BinaryInteger) throws {
        try element.encodeElement(value) { try $0.write(integer: value) }
    }
}
