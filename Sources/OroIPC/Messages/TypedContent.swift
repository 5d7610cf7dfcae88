// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame

/// A value together with a message's bytes, as the type of a typed request or response.
///
/// ```swift
/// let read = Route<ReadRequest, WithBytes<Stat>>("fs.read")
/// let file = try await client.call(read, ReadRequest(path: "notes.txt"))
/// print(file.value.size, file.bytes?.count ?? 0)
/// ```
///
/// The bytes are the message's payload: they are not encoded, nor copied where they lie in a block. Of a value that
/// travels in any other way only ``value`` is encoded.
public struct WithBytes<Value: Sendable>: Sendable {
    /// What is encoded.
    public var value: Value
    /// What travels beside it.
    public var bytes: Bytes?

    public init(_ value: Value, _ bytes: Bytes?) {
        self.value = value
        self.bytes = bytes
    }
}

extension WithBytes: Equatable where Value: Equatable {}

extension WithBytes: Encodable where Value: Encodable {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }
}

extension WithBytes: Decodable where Value: Decodable {
    public init(from decoder: any Decoder) throws {
        value = try decoder.singleValueContainer().decode(Value.self)
        bytes = decoder.userInfo[TypedContent.bytesKey] as? Bytes
    }
}

/// What a typed message may carry beside its value.
private protocol CarriesBytes {
    var bytes: Bytes? { get }
}

extension WithBytes: CarriesBytes {}

/// A typed request or response as it travels: an encoded value, bytes, or both.
struct TypedContent {
    var encoded: EncodedValue?
    var bytes: Bytes?

    /// Where ``WithBytes`` finds the payload.
    fileprivate static let bytesKey = CodingUserInfoKey(rawValue: "oro.ipc.bytes")!

    /// `what`: for the error. ``Bytes`` are the payload and no value.
    init(_ value: some Encodable, _ what: @autoclosure () -> String) throws(IPCError) {
        if let bytes = value as? Bytes {
            self.bytes = bytes
            return
        }
        bytes = (value as? any CarriesBytes)?.bytes
        do {
            encoded = try ValueEncoder().encodeValue(value)
        } catch {
            throw IPCError(coding: error, what())
        }
    }

    /// What a frame carries, as `type`. No value is read as `null`.
    static func decode<T: Decodable>(
        _ type: T.Type, from storage: FrameStorage, bytes: Bytes?, _ what: @autoclosure () -> String
    ) throws(IPCError) -> T {
        if let bytes = (bytes ?? Bytes([])) as? T { return bytes }
        do {
            guard let view = try storage.view.value() else {
                return try decoder(type, bytes).decode(type, from: [0xC0])
            }
            return try decoder(type, bytes).decode(type, from: view)
        } catch {
            throw IPCError(coding: error, what())
        }
    }

    /// The same from a tree.
    static func decode<T: Decodable>(
        _ type: T.Type, from value: Value?, bytes: Bytes?, _ what: @autoclosure () -> String
    ) throws(IPCError) -> T {
        if let bytes = (bytes ?? Bytes([])) as? T { return bytes }
        do {
            return try decoder(type, bytes).decode(type, from: (value ?? .null).encoded())
        } catch {
            throw IPCError(coding: error, what())
        }
    }

    private static func decoder(_ type: Any.Type, _ bytes: Bytes?) -> ValueDecoder {
        var decoder = ValueDecoder()
        if let bytes, type is any CarriesBytes.Type { decoder.userInfo[bytesKey] = bytes }
        return decoder
    }
}

extension Message {
    /// The value as `type`, decoded in place. No value is read as `null`. With ``WithBytes`` and ``Bytes`` the payload,
    /// too.
    ///
    /// Throws a `TypeError` that says where the value is not of that type, or an `EncodingError` when it is none.
    public func decode<T: Decodable>(_ type: T.Type) throws(IPCError) -> T {
        // Made here, or with a name twice: there is no value in a frame that could be decoded in place.
        if storage.made != nil || storage.header.flags.contains(.pairs) {
            return try TypedContent.decode(type, from: wholeValue, bytes: bytes, "the request of '\(name)'")
        }
        return try TypedContent.decode(type, from: storage, bytes: bytes, "the request of '\(name)'")
    }
}
