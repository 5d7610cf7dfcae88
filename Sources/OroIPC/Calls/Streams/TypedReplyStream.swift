// SPDX-License-Identifier: Apache-2.0

import OroBase

/// How the handler of a ``StreamRoute`` answers: element by element, as fast as the client takes them.
public struct TypedReplyStream<Element: Encodable & Sendable>: Sendable {
    private let stream: ReplyStream

    init(_ stream: ReplyStream) { self.stream = stream }

    /// Sends an element. Suspends and throws as ``ReplyStream/send(_:)-(Bytes)``; a `TypeError` or an `EncodingError`
    /// when `element` cannot be encoded, which the stream survives.
    public nonisolated(nonsending) func send(_ element: Element) async throws(IPCError) {
        try await stream.send(StreamChunk(try TypedContent(element, "an element")))
    }
}
