// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroFrame
import OroIPC

extension Data {
    /// A copy of the bytes. A copy, because a `Data` may be written to, and these bytes cannot: they may lie in memory
    /// of a peer that is mapped for reading only.
    public init(_ bytes: Bytes) {
        self = unsafe bytes.withUnsafeBytes { buffer in unsafe Data(buffer) }
    }
}

extension Bytes {
    /// A copy of the data.
    public init(_ data: Data) { self.init([UInt8](data)) }
}

extension Loan {
    /// Copies `data` to the start of the block, which has room for it, and answers the bytes.
    public consuming func filled(with data: Data) -> Bytes {
        precondition(data.count <= count, "the block has not so many bytes")
        // Bounded by the buffer, as checked.
        unsafe withUnsafeMutableBytes { buffer in _ = unsafe data.copyBytes(to: buffer) }
        return bytes(data.count)
    }
}

/// ``ValueDecoder`` makes data of a value's bytes at once, and not one by one.
extension Data: DecodableFromBytes {
    package init(decoding bytes: RawSpan) {
        // The buffer is valid in the closure, which copies it.
        self = unsafe bytes.withUnsafeBytes { buffer in unsafe Data(buffer) }
    }
}
