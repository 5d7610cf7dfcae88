// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

/// How a stream's handler answers: chunk by chunk, as fast as the client takes them.
///
/// ```swift
/// host.router.map("logs.tail", stream: { message, stream in
///     for await line in log.lines { try await stream.send(event: "line", .string(line)) }
/// })
/// ```
///
/// Chunks arrive in the order of the calls. The stream ends when the handler returns, after its last chunk; when the
/// handler throws, with that error. Several tasks may send at once; it is of no use after the handler has returned.
public final class ReplyStream: Sendable {
    private let ticket: UInt64
    private let sender: StreamSender
    private let limits: FrameLimits
    /// Not the link: whoever keeps this when the client has gone keeps nothing of it.
    private let arena: Arena
    /// Puts a chunk on its way.
    private let put: @Sendable (Ready) -> Void

    /// A chunk as it will be sent.
    struct Ready: Sendable {
        let frame: Frame
        let bytes: Bytes?
        /// Bytes of its frame.
        let privateBytes: Int
        /// And of its payload, where that lies in a block.
        let cost: Int
    }

    init(
        _ ticket: UInt64, _ sender: StreamSender, _ limits: FrameLimits, _ arena: Arena,
        _ put: @escaping @Sendable (Ready) -> Void
    ) {
        self.ticket = ticket
        self.sender = sender
        self.limits = limits
        self.arena = arena
        self.put = put
    }

    /// Sends bytes.
    ///
    /// Suspends while the client has as many chunks as it wants. Throws an `AbortError` when the client has cancelled,
    /// timed out or gone away (this task is cancelled then), or when the task is cancelled; a `RangeError` when the
    /// chunk is too large for a message, which the stream survives.
    public nonisolated(nonsending) func send(_ bytes: Bytes) async throws(IPCError) {
        try await send(StreamChunk(bytes: bytes))
    }

    /// Sends an event. Its name has at most 255 bytes of UTF-8. Suspends and throws as ``send(_:)-(Bytes)``.
    public nonisolated(nonsending) func send(event name: String, _ value: Value? = nil, bytes: Bytes? = nil)
        async throws(IPCError)
    {
        try await send(StreamChunk(name: name, value: value, bytes: bytes))
    }

    /// Sends a chunk of any shape. Suspends and throws as ``send(_:)-(Bytes)``.
    public nonisolated(nonsending) func send(_ chunk: StreamChunk) async throws(IPCError) {
        let ready = try prepared(chunk)
        if try !sender.tryQueue(ready.cost) { try await sender.queue(ready.cost) }
        put(ready)
    }

    /// Sends a chunk if the client takes one now. Throws as ``send(_:)-(Bytes)``, but for the task.
    package func trySend(_ chunk: StreamChunk) throws(IPCError) -> Bool {
        if let closed = sender.closed { throw closed }
        // Nothing is encoded for one that does not go.
        if isBusy { return false }
        let ready = try prepared(chunk)
        guard try sender.tryQueue(ready.cost) else { return false }
        put(ready)
        return true
    }

    /// The client takes no chunk now.
    package var isBusy: Bool { !sender.mayGoOn }

    /// Calls `action` once, on whatever thread, when ``trySend(_:)`` is worth another try. False: it is now.
    package func whenRoom(_ action: @escaping @Sendable () -> Void) -> Bool { sender.whenRoom(action) }

    private func prepared(_ chunk: StreamChunk) throws(IPCError) -> Ready {
        var chunk = chunk
        chunk.prepare(for: arena)
        var frame = chunk.frame(ticket)
        var lentBytes = 0
        if let bytes = chunk.bytes, arena.canLend(bytes) {
            lentBytes = bytes.count
            frame.payloadBytes = BlockReference.byteCount
        }
        do throws(FrameError) {
            let privateBytes = try frame.measure(limits: limits).frameBytes
            return Ready(frame: frame, bytes: chunk.bytes, privateBytes: privateBytes, cost: privateBytes + lentBytes)
        } catch {
            throw IPCError(.range, "the chunk does not fit a message: \(error)")
        }
    }
}
