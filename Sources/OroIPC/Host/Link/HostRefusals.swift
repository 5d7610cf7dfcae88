// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import OroPorts

// What a client sends that there is no memory for, and answers that do not fit.
extension HostLink {
    /// UNTRUSTED: a frame that is malformed, or that the client's account has no room for. Whoever waits for something
    /// is told so; only where nobody can be told, and when the client sends on all the same, does the link end.
    @inline(never)
    func refuse(_ storage: FrameStorage, _ incoming: Incoming, _ error: FrameError) throws(LinkError) {
        guard storage.takeRefusal() else { throw .violation("a malformed frame: \(error)") }
        let head = try FrameHead(of: incoming)
        switch head.kind {
        // Those of ports are kept until their message is taken.
        case .request, .post, .chunk, .portPart, .portTransfer, .portMessage: break
        // Mostly what gives something back: it is never refused, and is nothing to be accused of.
        default: return try takeBriefly(incoming)
        }
        let why = link.account.refusal
        guard case .overQuota = why else { throw why }
        unsafe core.statistics.refusedFrames += 1
        switch head.kind {
        case .request:
            let request = FrameHeader(kind: .request, ticket: head.ticket, seq: head.seq.low64)
            try replyBriefly(request, head.seq, IPCError(why))
        // Nobody waits for anything.
        case .post: break
        case .chunk: try refuseChunk(head.ticket, IPCError(why))
        // The port is closed, at both ends. Whoever posted hears why.
        default: try unsafe core.broker.refuse(head.ticket, from: ports, IPCError(why).description)
        }
    }

    /// UNTRUSTED: a frame that is not kept, whatever it says: it needs no account for as long as it is looked at.
    private func takeBriefly(_ incoming: Incoming) throws(LinkError) {
        guard incoming.place == .ring else { throw link.account.refusal }
        link.account.forgiveLast()
        let storage = FrameStorage(nil, client)
        storage.fill(incoming)
        do throws(FrameError) {
            try storage.readHeader()
        } catch {
            throw .violation("a malformed frame: \(error)")
        }
        if storage.header.flags.contains(.lent), storage.header.payloadBytes > 0 { throw link.account.refusal }
        try control(storage, incoming.ring)
    }

    /// A chunk of a body that there is no memory for: its request is over.
    private func refuseChunk(_ ticket: UInt64, _ why: IPCError) throws(LinkError) {
        guard let body = streams.bodies[ticket] else { throw .violation("a chunk that nobody asked for") }
        guard body.drop() else { throw .violation("a chunk without credit") }
        if let serial = answering[ticket], let work = running[serial] {
            let (request, seq) = (work.request, work.seq)
            work.cancel(why)
            work.reply?.close(why)
            forget(ticket, serial)
            // Also what takes a stream ends with a result.
            try replyBriefly(request, seq, why)
        } else if !body.mayCome {
            streams.bodies[ticket] = nil
        }
    }

    /// No brief answer is longer.
    static let mostBrief = 8192

    /// Most bytes of small frames that wait for room in the ring although the account of their client is full.
    static let mostBriefBytes = 1 << 20

    /// The answer to a request that cannot be answered otherwise. It always fits: a link is not made with who takes
    /// less.
    func replyBriefly(_ request: FrameHeader, _ seq: Seq, _ error: IPCError) throws(LinkError) {
        var frame = Frame(.result)
        frame.ticket = request.ticket
        frame.seq = seq
        frame.failed = true
        frame.value = error.brief.value
        // Once: what does not go even so ends the link.
        if let failure = try send(frame, nil) { throw .overLimit("an answer that always fits: \(failure)") }
    }
}

extension FrameHead {
    /// UNTRUSTED: of a frame that was refused, whose bytes may still be in the peer's ring: copied first.
    init(of incoming: Incoming) throws(LinkError) {
        let count = min(incoming.count, FrameHead.byteCount)
        // As many bytes as the record has, or fewer.
        let copy = unsafe [UInt8](UnsafeRawBufferPointer(start: incoming.bytes, count: count))
        do throws(FrameError) {
            unsafe try self.init(copy.span.bytes)
        } catch {
            throw .violation("a malformed frame: \(error)")
        }
    }
}

extension IPCError {
    /// The same in a form that fits every message: name and message are cut, the code is a number or a short text, and
    /// there is nothing else.
    var brief: IPCError {
        func cut(_ text: String, _ most: Int) -> String {
            text.utf8.count <= most ? text : String(decoding: text.utf8.prefix(most), as: UTF8.self)
        }
        let isShort =
            switch code {
            case .int?, .bool?, .null?, .double?: true
            case .string(let text)?: text.utf8.count <= 64
            default: false
            }
        return IPCError(name: cut(name, 64), message: cut(message, 1024), code: isShort ? code : nil)
    }
}
