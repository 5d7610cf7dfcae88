// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

/// Something that happened: told by a host, or dispatched in this process.
///
/// A push, which is a result that nobody asked for, is an event named ``Event/data``.
public struct Event: Sendable {
    /// What happened.
    public let name: String
    private let content: Content

    private enum Content: Sendable {
        /// As it came; decoded when it is looked at.
        case received(FrameStorage)
        case made(detail: Value?, bytes: Bytes?, headers: Headers)
    }

    /// The name of a push.
    public static let data = "data"

    /// An event of this process's own.
    public init(
        _ name: String, _ detail: Value? = nil, bytes: Bytes? = nil, headers: Headers = Headers()
    ) {
        self.name = name
        content = .made(detail: detail, bytes: bytes, headers: headers)
    }

    init(_ name: String, received storage: FrameStorage) {
        self.name = name
        content = .received(storage)
    }

    /// What there is to say about it; `nil` when there is nothing, or what the host sent is malformed. Of a push its
    /// parameters. O(n): decoded at each look.
    public var detail: Value? {
        switch content {
        case .received(let storage): storage.header.valueBytes == 0 ? nil : Message(storage).wholeValue
        case .made(let detail, _, _): detail
        }
    }

    /// The member `key` of a detail that is an object; decodes that member only.
    public subscript(key: String) -> Value? {
        switch content {
        case .received(let storage): Message(storage)[key]
        case .made(let detail, _, _): detail?[key]
        }
    }

    /// The detail as `type`; of an event that was received, decoded in place. No detail is read as `null`. With
    /// ``WithBytes`` and ``Bytes`` the payload, too. Throws a `TypeError` that says where the detail is not of that
    /// type.
    public func decode<T: Decodable>(_ type: T.Type) throws(IPCError) -> T {
        switch content {
        case .received(let storage):
            try TypedContent.decode(type, from: storage, bytes: bytes, "the event '\(name)'")
        case .made(let detail, let bytes, _):
            try TypedContent.decode(type, from: detail, bytes: bytes, "the event '\(name)'")
        }
    }

    /// The bytes that came with it; `nil` when there are none.
    public var bytes: Bytes? {
        switch content {
        case .received(let storage): storage.payload
        case .made(_, let bytes, _): bytes
        }
    }

    /// The headers; those that cannot be are left out.
    public var headers: Headers {
        switch content {
        case .received(let storage): Headers(possibleOf: storage)
        case .made(_, _, let headers): headers
        }
    }

    /// The frame it came in.
    var received: FrameStorage? {
        if case .received(let storage) = content { storage } else { nil }
    }

    /// For ThreadSanitizer, which does not see the way from the thread that read it to the one that looks at it.
    func takeOver() {
        if case .received(let storage) = content { Outcome.frame(storage).takeOver() }
    }

    func handOver() {
        if case .received(let storage) = content { Outcome.frame(storage).handOver() }
    }
}
