// SPDX-License-Identifier: Apache-2.0

/// A part of a frame, in the order of the wire.
public enum FramePart: Hashable, Sendable {
    case header, seq, name, source, value, headers, payload
}

/// A bound of ``FrameLimits``, named in ``FrameError/overLimit(_:value:limit:)``.
public enum FrameLimit: Hashable, Sendable {
    case frameBytes, depth, items, bigIntBytes, nameBytes, seqDigits, headerPairs, combiningMarks
    /// Not a setting: a header's name is at most 65 535 bytes long.
    case headerNameBytes
}

/// Why some bytes are not a frame, or not a value; or why a value does not fit in a frame.
///
/// Offsets inside a value count from the value's first byte, all others from the frame's first byte.
public enum FrameError: Error, Hashable, Sendable {
    /// A part ends before the bytes it declares: `needed` bytes from `offset` on, `remaining` are there.
    case truncated(FramePart, offset: Int, needed: Int, remaining: Int)
    /// The parts of the frame add up to `declared` bytes, but the frame has `actual` bytes.
    case lengthMismatch(declared: Int, actual: Int)
    /// The frame's first byte names no kind.
    case unknownKind(UInt8)
    /// A frame whose payload lies elsewhere says where in exactly 32 bytes.
    case notAReference(payloadBytes: Int)
    /// This flag bit means nothing in a frame of this kind, or contradicts the route number.
    case misplacedFlag(UInt8, kind: UInt8)
    /// A `name` frame that does not give a number other than 0 and a name.
    case namelessRoute(route: UInt16)
    /// A result's status is neither 0 (OK) nor 1 (ERROR).
    case unknownStatus(UInt32)
    /// The text of a wide seq is not a decimal integer in its shortest form, fits 64 bits after all, or differs from
    /// the header in its low 64 bits.
    case badSeq(offset: Int)
    /// No value starts with this byte.
    case unknownTag(UInt8, offset: Int)
    /// The same value has a shorter, or another, encoding and only that one is accepted.
    case notCanonical(offset: Int)
    /// A string, name or header is not valid UTF-8; `offset` is where it starts.
    case invalidUTF8(FramePart, offset: Int)
    /// An object's key is not a string.
    case keyNotString(offset: Int)
    /// The value of a frame that says so is not an array of names and values in turn.
    case notPairs
    /// An object has this key twice.
    case duplicateKey(offset: Int)
    /// `count` bytes follow where the part should have ended.
    case trailingBytes(FramePart, offset: Int, count: Int)
    /// A setting of ``FrameLimits`` is exceeded.
    case overLimit(FrameLimit, value: Int, limit: Int)
}

extension FrameError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .truncated(let part, let offset, let needed, let remaining):
            "\(part) truncated: \(needed) bytes needed at offset \(offset), \(remaining) remain"
        case .lengthMismatch(let declared, let actual):
            "the frame's parts add up to \(declared) bytes, the frame has \(actual)"
        case .unknownKind(let kind): "unknown frame kind \(kind)"
        case .notAReference(let count): "a payload of \(count) bytes does not say where the bytes lie"
        case .misplacedFlag(let bits, let kind):
            "frame flag 0x\(String(bits, radix: 16)) cannot stand in this frame of kind \(kind)"
        case .namelessRoute(let route): "a name frame must give a route and its name (route \(route))"
        case .unknownStatus(let status): "unknown result status \(status)"
        case .badSeq(let offset): "malformed wide seq at offset \(offset)"
        case .unknownTag(let tag, let offset):
            "unknown value tag 0x\(String(tag, radix: 16)) at offset \(offset)"
        case .notCanonical(let offset): "the value at offset \(offset) is not in its only accepted encoding"
        case .invalidUTF8(let part, let offset): "\(part) at offset \(offset) is not valid UTF-8"
        case .keyNotString(let offset): "the object key at offset \(offset) is not a string"
        case .notPairs: "the value is not an array of names and values in turn"
        case .duplicateKey(let offset): "the object key at offset \(offset) occurred before"
        case .trailingBytes(let part, let offset, let count):
            "\(count) bytes follow the end of \(part) at offset \(offset)"
        case .overLimit(let what, let value, let limit):
            "\(what) limit exceeded: \(value) of at most \(limit)"
        }
    }
}
