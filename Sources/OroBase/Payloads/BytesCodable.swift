// SPDX-License-Identifier: Apache-2.0

import OroFrame

/// With ``ValueEncoder`` and ``ValueDecoder`` bytes are bytes; other coders get an array of numbers. Either copies:
/// what is large travels better beside the value, with ``WithBytes``.
extension Bytes: Codable {
    public func encode(to encoder: any Encoder) throws {
        if let element = encoder as? ElementEncoder {
            return try element.encodeScalar(self) { (element) throws(FrameError) in try element.write(bytes: span) }
        }
        var container = encoder.unkeyedContainer()
        try unsafe withUnsafeBytes { bytes in unsafe try container.encode(contentsOf: bytes) }
    }

    public init(from decoder: any Decoder) throws { self.init(try [UInt8](from: decoder)) }
}

extension Bytes: DecodableFromBytes {
    package init(decoding bytes: RawSpan) {
        // The buffer is valid in the closure, which copies it.
        self.init(unsafe bytes.withUnsafeBytes { buffer in unsafe [UInt8](buffer) })
    }
}
