// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

/// What a host answers in chunks, in the order in which its handler sent them.
///
/// ```swift
/// for try await chunk in client.stream("logs.tail") {
///     print(chunk.name ?? "", chunk.value ?? .null, chunk.bytes?.count ?? 0)
/// }
/// ```
///
/// - A route that does not answer in chunks gives one: its result's value and bytes.
/// - Throws the error that the handler threw, behind the chunks it had sent; a `TimeoutError`, an `AbortError` from the
///   signal or a cancelled task, at once; a `NetworkError` when the link is over, behind the chunks that had come.
/// - Leaving the loop, or dropping the sequence, cancels the host's handler.
///
/// For one reader, once: iterators share their place, and of two at the same time one gets an `InvalidStateError`. The
/// stream keeps its client.
public struct ResultStream: AsyncSequence, Sendable {
    public typealias Element = StreamChunk
    public typealias Failure = IPCError

    private let call: StreamCall

    init(_ call: StreamCall) { self.call = call }

    public func makeAsyncIterator() -> Iterator { Iterator(call: call) }

    public struct Iterator: AsyncIteratorProtocol, Sendable {
        public typealias Failure = IPCError

        fileprivate let call: StreamCall

        /// The next chunk; `nil` at the end.
        public mutating func next() async throws(IPCError) -> StreamChunk? { try await call.next() }

        /// The same, on the caller's actor.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(IPCError) -> StreamChunk? {
            try await call.next()
        }
    }
}

/// A request whose answer comes in chunks. When nobody has it any more, the request is given up.
final class StreamCall: Sendable {
    private let client: Client
    /// Of the link that it was sent on.
    private let core: ClientCore
    private let receiver: StreamReceiver
    /// 0: it could not be sent.
    let ticket: UInt64
    private let signal: AbortSignal?
    private let listening: UInt64

    /// Sends the request; `body` sends what follows it, or what is `pushed` does.
    init(
        _ client: Client, _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, _ window: Int,
        encoded: EncodedValue? = nil, pushed: PushedBody? = nil,
        _ body: (@Sendable (UInt64, StreamSender) async -> Void)?
    ) {
        self.client = client
        let core = client.core
        self.core = core
        let receiver = StreamReceiver(window: window, about: CallSubject(command, options?.timeout))
        self.receiver = receiver
        let sender = pushed?.sender ?? (body == nil ? nil : StreamSender())
        var ticket: UInt64 = 0
        core.suspended.add(1, ordering: .sequentiallyConsistent)
        do throws(IPCError) {
            guard StreamReceiver.windows.contains(window) else {
                throw IPCError(.range, "'window' must be between 1 and 1024")
            }
            ticket = try core.begin(
                command, value, bytes, options, RequestStreams(answer: receiver, body: sender), encoded: encoded)
        } catch {
            receiver.finish(error)
            pushed?.requestIsOver()
            core.suspended.subtract(1, ordering: .relaxed)
        }
        self.ticket = ticket
        signal = ticket == 0 ? nil : options?.signal
        listening =
            signal?.listen { [weak core, ticket] reason in core?.abandon(ticket, .abort(reason)) } ?? 0
        guard ticket != 0 else { return }
        pushed?.follow(ticket, of: core)
        if let body, let sender {
            let sending = Task { [ticket] in await body(ticket, sender) }
            sender.onClose { sending.cancel() }
        }
        core.grant(ticket, receiver.open())
        core.watch()
        // Ended meanwhile: whoever ended it may have looked at the table before this request was in it.
        if core.link.isOver {
            core.complete(ticket, seq: nil, .error(core.lost(ticket)))
        }
    }

    /// One that was not sent at all.
    init(_ client: Client, failing error: IPCError) {
        self.client = client
        core = client.core
        receiver = StreamReceiver(window: 1)
        receiver.finish(error)
        (ticket, signal, listening) = (0, nil, 0)
    }

    deinit {
        signal?.unlisten(listening)
        core.abandon(ticket, .abort())
    }

    func poll() -> PolledStream.Item? {
        receiver.pollChunk(grant: { core.grant(ticket, $0) }, giveUp: { core.abandon(ticket, $0) })
    }

    func whenReady(_ action: @escaping @Sendable () -> Void) -> Bool { receiver.whenReady(action) }

    nonisolated(nonsending) func next() async throws(IPCError) -> StreamChunk? {
        try await next { (storage) throws(IPCError) in try StreamChunk(storage) }
    }

    /// The next chunk as `make` sees it; an error of that ends the stream.
    nonisolated(nonsending) func next<T>(_ make: (FrameStorage) throws(IPCError) -> T) async throws(IPCError) -> T? {
        let item = await receiver.next { core.grant(ticket, $0) }
        switch item {
        case .chunk(let storage):
            do throws(IPCError) {
                return try make(storage)
            } catch {
                core.abandon(ticket, error)
                throw error
            }
        case .end(nil): return nil
        case .end(let error?):
            // By a cancelled task: the host does not know yet.
            if receiver.isGivenUp { core.abandon(ticket, error) }
            throw error
        }
    }
}
