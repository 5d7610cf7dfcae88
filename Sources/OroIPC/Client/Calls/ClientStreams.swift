// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import Synchronization

/// The streams that belong to a request.
final class RequestStreams: Sendable {
    /// The answer in chunks, where the caller takes one.
    let answer: StreamReceiver?
    /// The request's body, where it has one.
    let body: StreamSender?
    private let isAborted = Atomic(false)

    init(answer: StreamReceiver?, body: StreamSender?) {
        self.answer = answer
        self.body = body
    }

    var flags: FrameFlags {
        var flags: FrameFlags = []
        if answer != nil { flags.insert(.takesStream) }
        if body != nil { flags.insert(.hasBody) }
        return flags
    }

    /// True once: for whoever tells the host that the answer is not wanted any more.
    func claimAbort() -> Bool { !isAborted.exchange(true, ordering: .relaxed) }
}

// Answers in chunks.
extension ClientCore {
    /// The request is in flight, and its answer comes in chunks.
    func takesStream(_ ticket: UInt64) -> Bool { pending.withLock { $0.streams(ticket)?.answer != nil } }

    /// The host may send so many more chunks.
    func grant(_ ticket: UInt64, _ count: Int) {
        var credit = Frame(.credit)
        credit.ticket = ticket
        credit.deadline = UInt32(count)
        let frame = credit
        do throws(LinkError) {
            // Over, or given up: the host wants no credit any more.
            guard !link.isOver, pending.withLock({ $0.isTaken(ticket) }) else { return }
            try link.withRing(shared: true) { (ring) throws(LinkError) in
                try write(frame, nil, to: ring)
            }
        } catch {
            // Without it the stream would stand still.
            abandon(ticket, IPCError(error))
        }
    }

    /// Nobody reads the answer any more. The host is told; until it has said that nothing more comes, late chunks are
    /// taken and dropped.
    func abandon(_ ticket: UInt64, _ error: IPCError) {
        let streams = pending.withLock { pending in
            pending.clearDeadline(ticket)
            return pending.streams(ticket)
        }
        guard let streams, let answer = streams.answer else { return }
        answer.giveUp(error)
        guard streams.claimAbort() else { return }
        streams.body?.close(error)
        sendAbort(ticket, error, shared: true)
    }

    /// The answer is complete, or the link is over.
    func finish(_ streams: RequestStreams, _ outcome: Outcome) {
        suspended.subtract(1, ordering: .relaxed)
        guard let answer = streams.answer else { return }
        switch outcome {
        case .frame(let storage): answer.finish(with: storage)
        case .error(let error): answer.finish(error)
        // Only a call by `send` is, and that has no stream.
        case .resolved: answer.finish(.abort())
        }
        streams.body?.close(.abort("the request is over"))
    }

    /// UNTRUSTED: a chunk of an answer, which the host must have credit for.
    func takeChunk(_ receiver: borrowing Receiver, _ storage: FrameStorage) throws(LinkError) {
        let ticket = storage.header.ticket
        let answer = pending.withLock { pending in
            // The deadline is for the first of them.
            pending.clearDeadline(ticket)
            return pending.streams(ticket)?.answer
        }
        guard let answer else { throw .violation("a chunk that nobody asked for") }
        switch unsafe answer.take(storage, &receiver.state.pointee.arrivals, spare: &receiver.state.pointee.chunkSpare)
        {
        case .kept: break
        case .late: countLate()
        case .unexpected: throw .violation("a chunk without credit")
        }
    }

    /// A chunk that there is no memory for: its stream is over, and the host is told.
    func refuseChunk(_ ticket: UInt64, _ why: IPCError) throws(LinkError) {
        guard let answer = pending.withLock({ $0.streams(ticket)?.answer }) else {
            throw .violation("a chunk that nobody asked for")
        }
        guard answer.drop() else { throw .violation("a chunk without credit") }
        abandon(ticket, why)
    }

    /// UNTRUSTED: the end of an answer in chunks.
    func takeEnd(_ storage: FrameStorage) throws(LinkError) {
        let ticket = storage.header.ticket
        guard takesStream(ticket) else {
            throw .violation("the end of a stream that is none")
        }
        complete(ticket, seq: nil, .frame(storage))
    }
}

// Bodies of requests.
extension ClientCore {
    /// A request with a body.
    func call<Body: AsyncSequence & Sendable>(
        _ command: String, _ value: Value?, _ body: Body, _ options: CallOptions?, encoded: EncodedValue? = nil
    ) async -> Result where Body.Element == Bytes {
        let sender = StreamSender()
        let ticket: UInt64
        do throws(IPCError) {
            ticket = try begin(
                command, value, nil, options, RequestStreams(answer: nil, body: sender), encoded: encoded)
        } catch {
            return Result(err: error, source: command)
        }
        let sending = Task { await sendBody(body, ticket, sender) }
        sender.onClose { sending.cancel() }
        let result = await outcome(of: ticket, options, command, .request)
        sender.close(.abort("the request is over"))
        return result.about(CallSubject(command, options?.timeout))
    }

    /// Sends the elements of `body`, each when there is credit for it, and the end.
    func sendBody<Body: AsyncSequence>(
        _ body: Body, _ ticket: UInt64, _ sender: StreamSender
    ) async where Body.Element == Bytes {
        var failure: IPCError?
        do {
            var elements = body.makeAsyncIterator()
            try await sender.reserve()
            while let bytes = try await elements.next() {
                if let closed = sender.closed { throw closed }
                try sendChunk(StreamChunk(bytes: bytes).frame(ticket), bytes, sender)
                try await sender.reserve()
            }
        } catch {
            // Closed: what the sequence throws comes from its task being cancelled.
            failure =
                sender.closed ?? error as? IPCError ?? (error as? LinkError).map { IPCError($0) }
                ?? IPCError(message: "\(error)")
        }
        endBody(ticket, failure)
    }

    /// The body of this request ends here, for this reason if there is one.
    func endBody(_ ticket: UInt64, _ failure: IPCError?) {
        var end = Frame(.end)
        end.ticket = ticket
        end.failed = failure != nil
        end.value = failure?.value
        do throws(LinkError) {
            if link.isOver { return }
            let frame = end
            try link.withRing(shared: true) { (ring) throws(LinkError) in
                try write(frame, nil, to: ring)
            }
        } catch {
            // Without it the handler would wait for ever.
            giveUp(ticket, IPCError(error))
        }
    }

    func sendChunk(_ frame: Frame, _ bytes: Bytes, _ sender: StreamSender) throws(LinkError) {
        if link.isOver { throw link.ending ?? .closed }
        let bytes = try link.placed(bytes) ?? bytes
        let inline = link.arena.canLend(bytes) ? BlockReference.byteCount : bytes.count
        let cost = FrameHeader.byteCount + inline
        sender.queued(cost, size: FrameHeader.byteCount + bytes.count)
        do throws(LinkError) {
            try link.withRing(shared: true) { (ring) throws(LinkError) in
                try write(frame, bytes, to: ring)
                // With the ring's lock: whoever empties the queue looks at the list after that.
                if link.isBackedUp(ring) {
                    waitingChunks.withLock { $0.append((sender, cost)) }
                } else {
                    sender.written(cost)
                }
            }
        } catch {
            sender.unsent(cost)
            throw error
        }
    }

    /// The shared ring has room again.
    func roomForBodies() {
        let waiting = waitingChunks.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        for chunk in waiting { chunk.sender.written(chunk.cost) }
    }

    /// UNTRUSTED: the host takes more chunks of a body. It may not know yet that the request was given up.
    func takeCredit(_ header: FrameHeader) throws(LinkError) {
        guard let body = pending.withLock({ $0.streams(header.ticket)?.body }) else { return }
        guard let credit = Credit(header.deadline), body.grant(credit) else {
            throw .violation("credit for \(header.deadline) more chunks; at most \(Credit.most)")
        }
    }
}
