// SPDX-License-Identifier: Apache-2.0

/// Decodes anything `Decodable` from an encoded value, in place: what a type does not ask for is stepped over.
///
/// ```swift
/// let stat = try ValueDecoder().decode(Stat.self, from: encoded)
/// ```
///
/// See ``ValueEncoder`` for what becomes of what. Beyond that:
///
/// - Numbers are never rounded: a whole `double` and a `bigint` are integers of any type that holds them exactly, an
///   `int` is a `Double` where that holds it. Only `Float` takes the nearest.
/// - `bytes` may be decoded as an array of numbers, and an array of numbers as `[UInt8]`.
/// - Member names are compared by their bytes, not by canonical equivalence.
/// - An object that is opened is checked as a whole, but for its members' values: they add up, no name comes twice.
///
/// Errors are `DecodingError`s with the path to what is wrong; where the bytes are no value, or over a limit, the
/// `underlyingError` is a ``FrameError``. Any bytes give a value or an error, in time that depends on their number
/// only. A `Decoder` that is kept longer than the call finds nothing.
public struct ValueDecoder: Sendable {
    /// For the types that are decoded.
    public var userInfo: [CodingUserInfoKey: any Sendable] = [:]
    /// Containers that are opened count against these, each time they are.
    public var limits: FrameLimits

    public init(limits: FrameLimits = .default) { self.limits = limits }

    /// What `encoded`, exactly, is the encoded form of.
    public func decode<T: Decodable>(_ type: T.Type, from encoded: [UInt8]) throws -> T {
        // Bytes have no padding that could leak.
        try unsafe decode(type, from: encoded.span.bytes)
    }

    /// What `encoded`, exactly, is the encoded form of.
    public func decode<T: Decodable>(_ type: T.Type, from encoded: RawSpan) throws -> T {
        let view: ValueView
        do throws(FrameError) {
            view = try ValueView(encoded)
        } catch {
            throw DecodingError.dataCorrupted(
                .init(codingPath: [], debugDescription: error.description, underlyingError: error))
        }
        return try decode(type, from: view)
    }

    /// What `view` is a view of.
    public func decode<T: Decodable>(_ type: T.Type, from view: ValueView) throws -> T {
        // The buffer is valid in the closure, and `end` comes before it returns.
        try unsafe view.content.withUnsafeBytes { content in
            let decoding = unsafe Decoding(
                content, origin: view.origin, limits: limits, userInfo: userInfo)
            let element = ElementDecoder(decoding, .init(token: view.token, start: 0))
            defer { decoding.end() }
            return try element.decodeWhole(type)
        }
    }
}
