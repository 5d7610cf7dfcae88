// SPDX-License-Identifier: Apache-2.0

import OroBase

/// The body of a request, as its handler reads it: chunks in the order they were sent.
///
/// ```swift
/// host.router.map("upload", async: { message in
///     var count = 0
///     if let body = message.body { for try await chunk in body { count += chunk.bytes?.count ?? 0 } }
///     return Result(data: ["count": .int(Int64(count))])
/// })
/// ```
///
/// The client sends nothing before the first chunk is asked for, and at most 16 chunks more than were read. The
/// sequence throws what the client's own sequence threw, and an `AbortError` when the client has given the request up
/// or is gone. For one reader; a task that is cancelled while it reads gives the body up.
public struct MessageBody: AsyncSequence, Sendable {
    public typealias Element = StreamChunk
    public typealias Failure = IPCError

    let receiver: StreamReceiver
    /// Tells the client how many more chunks it may send.
    let grant: @Sendable (Int) -> Void

    public func makeAsyncIterator() -> Iterator { Iterator(body: self) }

    public struct Iterator: AsyncIteratorProtocol, Sendable {
        public typealias Failure = IPCError

        fileprivate let body: MessageBody

        /// The next chunk; `nil` at the end.
        public mutating func next() async throws(IPCError) -> StreamChunk? { try await take() }

        /// The same, on the caller's actor.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(IPCError) -> StreamChunk? {
            try await take()
        }

        private nonisolated(nonsending) func take() async throws(IPCError) -> StreamChunk? {
            switch await body.receiver.next(body.grant) {
            case .chunk(let storage): return try StreamChunk(storage)
            case .end(nil): return nil
            case .end(let error?): throw error
            }
        }
    }
}

extension MessageBody: FrameBody {}

extension Message {
    /// The request's body, where it has one that comes in chunks; always `nil` in a synchronous handler.
    public var body: MessageBody? { storage.header.flags.contains(.hasBody) ? storage.body as? MessageBody : nil }
}
