// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame

/// An encoded value where it lies, and what keeps it there. For callers that decode by themselves.
@safe package struct EncodedPart: @unchecked Sendable {
    // Sendable: the memory is constant, and `owner` keeps it.
    package let owner: AnyObject
    package let base: UnsafeRawPointer
    package let count: Int

    init?(_ storage: FrameStorage) {
        guard storage.header.valueBytes > 0, let range = try? storage.view.layout.value else { return nil }
        owner = storage
        // The layout was checked against the frame's length.
        unsafe base = UnsafeRawPointer(storage.fields.pointee.base + range.lowerBound)
        count = range.count
    }
}

extension Message {
    /// The whole value as it came; `nil` when there is none.
    package var encodedPart: EncodedPart? { EncodedPart(storage) }
}

extension Event {
    /// The whole value as it came; `nil` when there is none, or the event was made here.
    package var encodedPart: EncodedPart? { received.flatMap { EncodedPart($0) } }
}

extension Result {
    /// The data or the error as it came; `nil` when it was not received, has neither, was decoded already, or cannot
    /// be.
    package var encodedPart: EncodedPart? {
        guard let content, let storage = content.frame, !content.isMalformed(storage) else { return nil }
        return EncodedPart(storage)
    }

    /// True with an error, or with data that cannot be decoded. Decodes nothing where the result was received.
    package var hasFailed: Bool {
        guard let content else { return false }
        guard let storage = content.frame else { return !isOK }
        return storage.header.flags.contains(.failed) || content.isMalformed(storage)
    }

    /// The error with all its members; `nil` without one.
    package var errorValue: Value? { err?.value }

    /// Failure, from an error's members, or a text that is its message.
    package init(errorValue value: Value) { self.init(err: maybeMakeError(value) ?? IPCError(message: "")) }

    /// Success, with a value that is encoded already.
    package init(encoded: EncodedValue, bytes: Bytes?) { self.init(encoded, bytes: bytes) }
}

extension Bytes {
    /// `count` bytes at `base`, at most 2^47, which `owner` keeps as they are. Sent, they are copied.
    package init(_ base: UnsafeRawPointer, _ count: Int, keptBy owner: AnyObject) {
        unsafe self.init(owner: owner, base: base, count: count)
    }

    /// It is `owner` that keeps them.
    package func isKept(by owner: AnyObject) -> Bool { self.owner === owner }
}
