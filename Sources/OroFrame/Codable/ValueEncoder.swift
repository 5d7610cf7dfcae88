// SPDX-License-Identifier: Apache-2.0

/// Encodes anything `Encodable` as a value of the wire format, directly: neither JSON nor a tree of ``Value`` comes
/// between.
///
/// ```swift
/// struct Stat: Codable { var size: Int64; var modified: Double; var digest: [UInt8] }
/// let bytes = try ValueEncoder().encode(Stat(size: 3, modified: 0.5, digest: [1, 2]))
/// let stat = try ValueDecoder().decode(Stat.self, from: bytes)
/// ```
///
/// | Swift | value |
/// | --- | --- |
/// | integers of any width, `BigInt` | `int`; `bigint` where 64 bits with sign do not hold it |
/// | `Double`, `Float` | `double` |
/// | `[UInt8]`, `Data`, `Bytes` | `bytes` |
/// | keyed containers, dictionaries with keys that are texts or integers | `object` |
/// | unkeyed containers, other dictionaries | `array` |
/// | `nil` | no member; in arrays `null` |
/// | ``Value`` | itself |
///
/// When a container gets two members of one name the later one counts, as with `JSONEncoder`.
public struct ValueEncoder: Sendable {
    /// For the types that are encoded.
    public var userInfo: [CodingUserInfoKey: any Sendable] = [:]
    /// What a reader takes: whatever is over a limit is refused here.
    public var limits: FrameLimits

    public init(limits: FrameLimits = .default) { self.limits = limits }

    /// The encoded form of `value`.
    ///
    /// Throws what the type throws, and `EncodingError.invalidValue` with the path to what is over a limit; the
    /// `underlyingError` is then a ``FrameError``.
    public func encode(_ value: some Encodable) throws -> [UInt8] { try encodeValue(value).bytes }

    /// The same, for a frame.
    package func encodeValue(_ value: some Encodable) throws -> EncodedValue {
        let element = ElementEncoder(Encoding(limits: limits, userInfo: userInfo))
        defer { element.close() }
        try element.encodeWhole(value)
        try element.finish(value)
        guard element.tape.count <= limits.frameBytes else {
            let error = FrameError.overLimit(.frameBytes, value: element.tape.count, limit: limits.frameBytes)
            throw EncodingError.invalidValue(
                value, .init(codingPath: [], debugDescription: error.description, underlyingError: error))
        }
        return EncodedValue(wellFormed: element.tape.copy())
    }
}
