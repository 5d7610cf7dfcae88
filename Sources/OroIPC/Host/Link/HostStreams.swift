// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

/// A handler at work in a task of its own.
struct Work {
    /// `nil`: it answers with a ``Reply``.
    var task: Task<Void, Never>?
    /// Where its ``Reply`` is told that nobody waits any more.
    var pending: PendingReply?
    /// The stream it answers with, in a ``Router/StreamRoute``.
    let reply: StreamSender?
    let request: FrameHeader
    /// The request's number, where the header has not all of it.
    let wideSeq: Seq?

    /// What a handler at work costs besides what it was sent: its task, and where it stands here.
    static let cost = 1024

    /// The client waits for a result or an end, even after it has given up.
    var takesStream: Bool { request.flags.contains(.takesStream) }

    var seq: Seq { wideSeq ?? Seq(request.seq) }

    /// Nobody waits for its answer any more.
    func cancel(_ why: IPCError) {
        task?.cancel()
        pending?.cancel(why)
    }
}

/// What streams a link has, besides the handlers that answer with them.
struct HostStreams {
    /// Bodies whose end has not come, by ticket.
    var bodies: [UInt64: StreamReceiver] = [:]
    var outbox = StreamOutbox()
    /// What handlers send.
    let inbox = StreamInbox()
    /// Memory for the next run of that.
    var run: [StreamOutbox.Entry] = []
    /// Entries a run keeps memory for.
    static let longestRun = 1024
}

// Streams of one client: answers in chunks, and bodies of requests.
extension HostLink {
    // MARK: Answers in chunks

    /// A request that does not say it takes a stream cannot get one.
    func refuseStream(_ route: Router.StreamRoute, _ storage: FrameStorage) throws(LinkError) {
        guard storage.header.kind == .request else { return }
        let error = IPCError.type("IPC method '\(route.name)' must be invoked as a stream")
        try reply(storage.header, storage, Result(err: error))
    }

    /// The stream that answers the request with this ticket.
    func openReply(_ ticket: UInt64, serial: UInt64, _ sender: StreamSender) -> ReplyStream {
        let id = key
        let core = unsafe core
        let inbox = streams.inbox
        return ReplyStream(ticket, sender, core.frameLimits(link), link.arena) { [weak core] chunk in
            let isFirst = inbox.append(
                StreamOutbox.Entry(
                    frame: chunk.frame, bytes: chunk.bytes, serial: serial, cost: chunk.cost,
                    privateBytes: chunk.privateBytes))
            if isFirst { core?.submit(to: id) { (host) throws(LinkError) in try host.putSent() } }
        }
    }

    /// Sends what handlers have sent since the last time, each in its turn.
    func putSent() throws(LinkError) {
        var run = streams.run
        streams.run = []
        streams.inbox.takeAll(&run)
        var writing = Writing()
        for entry in run { try put(entry, &writing) }
        writing.end()
        run.removeAll(keepingCapacity: run.capacity <= HostStreams.longestRun)
        streams.run = run
    }

    /// Sends an end behind all that its handler has sent.
    func putEnd(_ ticket: UInt64, serial: UInt64, _ error: IPCError?) throws(LinkError) {
        try putSent()
        var writing = Writing()
        try put(StreamOutbox.Entry(frame: endFrame(ticket, error), bytes: nil, serial: serial), &writing)
        writing.end()
    }

    /// Sends a chunk or an end in its turn.
    private func put(_ entry: StreamOutbox.Entry, _ writing: inout Writing) throws(LinkError) {
        if streams.outbox.isEmpty && !link.isBackedUp(0) { return try write(entry, &writing) }
        streams.outbox.append(entry)
        try flushOutbox()
        // Where it is still there the client does not read as fast as this.
        if !streams.outbox.chargeLast(to: link.account) {
            try giveUp(entry.frame.ticket, entry.serial, IPCError(link.account.refusal))
        }
    }

    /// Writes what is there while there is room. What does not fit stays with its handler's stream, not in the link's
    /// queue: a stream cannot fill that, and results go before it.
    func flushOutbox() throws(LinkError) {
        var writing = Writing()
        while !link.isBackedUp(0), let next = streams.outbox.popFirst() { try write(next, &writing) }
        writing.end()
    }

    private func write(_ entry: StreamOutbox.Entry, _ writing: inout Writing) throws(LinkError) {
        streams.outbox.size.change(by: -entry.cost)
        let ticket = entry.frame.ticket
        if entry.serial != writing.serial {
            writing.end()
            // Given up meanwhile: its end has been sent.
            guard answering[ticket] == entry.serial, let work = running[entry.serial] else { return }
            writing.begin(entry.serial, work.reply)
        }
        let failure = try send(entry.frame, entry.bytes)
        if failure == nil && entry.frame.kind == .chunk {
            writing.bytes += entry.cost
            return
        }
        writing.end()
        guard let failure else { return forget(ticket, entry.serial) }
        if entry.frame.kind == .chunk { return try giveUp(ticket, entry.serial, failure) }
        try end(ticket, failure)
        forget(ticket, entry.serial)
    }

    /// Chunks of one stream that are written one after another: it is told once of all of them.
    private struct Writing {
        /// Of its handler; `nil`: none.
        private(set) var serial: UInt64?
        private var reply: StreamSender?
        var bytes = 0

        mutating func begin(_ serial: UInt64, _ reply: StreamSender?) {
            self.serial = serial
            self.reply = reply
        }

        mutating func end() {
            if bytes > 0 { reply?.written(bytes) }
            (serial, reply, bytes) = (nil, nil, 0)
        }
    }

    /// The frame that ends the stream of the request with this ticket.
    func endFrame(_ ticket: UInt64, _ error: IPCError?) -> Frame {
        var frame = Frame(.end)
        frame.ticket = ticket
        frame.failed = error != nil
        frame.value = error?.value
        return frame
    }

    /// Ends a stream in which nothing waits.
    private func end(_ ticket: UInt64, _ error: IPCError) throws(LinkError) {
        if try send(endFrame(ticket, error), nil) == nil { return }
        // What always fits; else the client would wait for ever.
        if let failure = try send(endFrame(ticket, error.brief), nil) {
            throw .overLimit("an end that always fits: \(failure)")
        }
    }

    // MARK: Giving up

    /// Nobody waits for the answer to this request any more. A client that takes a stream is told that nothing more
    /// comes.
    func giveUp(_ ticket: UInt64, _ serial: UInt64, _ why: IPCError) throws(LinkError) {
        let work = running[serial]
        forget(ticket, serial)
        work?.cancel(why)
        work?.reply?.close(why)
        if work?.takesStream == true { try end(ticket, why) }
    }

    /// The request is answered, or nobody waits for it any more.
    func forget(_ ticket: UInt64, _ serial: UInt64) {
        answering[ticket] = nil
        running[serial] = nil
        guard let body = streams.bodies[ticket] else { return }
        body.giveUp(.abort("the request is over"))
        // What the client may still send is taken until it says that it has stopped.
        if !body.mayCome { streams.bodies[ticket] = nil }
    }

    /// A request that takes a stream, and was not begun because its deadline had passed, ends all the same.
    func endExpired(_ header: FrameHeader) throws(LinkError) {
        try end(header.ticket, .timeout("the deadline had passed before the request was read"))
    }

    // MARK: Bodies

    /// The body of the request with this ticket.
    func openBody(_ ticket: UInt64, serial: UInt64) -> MessageBody {
        let receiver = StreamReceiver(window: StreamReceiver.bodyWindow)
        streams.bodies[ticket] = receiver
        let id = key
        let core = unsafe core
        return MessageBody(receiver: receiver) { [weak core] count in
            core?.submit(to: id) { (host) throws(LinkError) in
                guard host.answering[ticket] == serial else { return }
                var frame = Frame(.credit)
                frame.ticket = ticket
                frame.deadline = UInt32(count)
                _ = try host.send(frame, nil)
            }
        }
    }

    /// UNTRUSTED: a chunk of a body, which the client must have credit for.
    func takeChunk(_ storage: FrameStorage, _ run: inout ReadRun) throws(LinkError) {
        let ticket = storage.header.ticket
        guard let body = streams.bodies[ticket] else { throw .violation("a chunk that nobody asked for") }
        // Chunks of bodies have bytes, which their readers keep.
        var spare: FrameStorage?
        switch body.take(storage, &run, spare: &spare) {
        case .kept: break
        case .late: if !body.mayCome { streams.bodies[ticket] = nil }
        case .unexpected: throw .violation("a chunk without credit")
        }
    }

    /// A body has ended. Of a request that is over already this says nothing new.
    func takeEnd(_ storage: FrameStorage) {
        streams.bodies.removeValue(forKey: storage.header.ticket)?.finish(with: storage)
    }

    /// UNTRUSTED: the client takes more chunks. It may not know yet that its request is over.
    func takeCredit(_ header: FrameHeader) throws(LinkError) {
        guard let serial = answering[header.ticket], let reply = running[serial]?.reply else { return }
        guard let credit = Credit(header.deadline), reply.grant(credit) else {
            throw .violation("credit for \(header.deadline) more chunks; at most \(Credit.most)")
        }
    }
}
