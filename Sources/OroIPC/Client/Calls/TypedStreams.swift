// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame

/// What a ``StreamRoute`` answers, in order: see ``ResultStream`` for how it ends.
///
/// An element that is not of the type ends the stream with a `TypeError`, or an `EncodingError` when it is no value.
public struct TypedResultStream<Element: Decodable & Sendable>: AsyncSequence, Sendable {
    public typealias Failure = IPCError

    private let call: StreamCall
    private let command: String

    init(_ call: StreamCall, _ command: String) {
        self.call = call
        self.command = command
    }

    public func makeAsyncIterator() -> Iterator { Iterator(call: call, command: command) }

    public struct Iterator: AsyncIteratorProtocol, Sendable {
        public typealias Failure = IPCError

        fileprivate let call: StreamCall
        fileprivate let command: String

        /// The next element; `nil` at the end.
        public mutating func next() async throws(IPCError) -> Element? { try await take() }

        /// The same, on the caller's actor.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(IPCError) -> Element? {
            try await take()
        }

        private nonisolated(nonsending) func take() async throws(IPCError) -> Element? {
            try await call.next { [command] (storage) throws(IPCError) in
                try TypedContent.decode(
                    Element.self, from: storage, bytes: storage.payload, "an element of '\(command)'")
            }
        }
    }
}

extension Client {
    /// Calls a route that answers with a stream. The request is on its way when this returns; `window` and `options` as
    /// in ``stream(_:_:bytes:options:window:)``. Throws when the request cannot be encoded.
    public func stream<Request: Encodable, Element: Decodable & Sendable>(
        _ route: StreamRoute<Request, Element>, _ request: Request, options: CallOptions? = nil, window: Int = 256
    ) throws(IPCError) -> TypedResultStream<Element> {
        stream(route.name, try TypedContent(request, "the request of '\(route.name)'"), options, window)
    }

    /// The same for a route that takes nothing.
    public func stream<Element: Decodable & Sendable>(
        _ route: StreamRoute<Void, Element>, options: CallOptions? = nil, window: Int = 256
    ) -> TypedResultStream<Element> {
        stream(route.name, nil, options, window)
    }

    private func stream<Element>(
        _ command: String, _ content: TypedContent?, _ options: CallOptions?, _ window: Int
    ) -> TypedResultStream<Element> {
        let call = StreamCall(
            self, command, nil, content?.bytes, options, window, encoded: content?.encoded, nil)
        return TypedResultStream(call, command)
    }
}
