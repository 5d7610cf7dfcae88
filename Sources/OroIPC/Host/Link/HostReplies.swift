// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

// Routes whose handler answers when it likes, from wherever it likes.
extension HostLink {
    /// Calls the handler, here and now, and keeps in mind that its answer is to come.
    func startReply(_ route: Router.ReplyRoute, _ storage: FrameStorage) throws(LinkError) {
        guard let serial = try admit(storage) else { return }
        let header = storage.header
        let message = Message(storage)
        let wideSeq = header.flags.contains(.wideSeq) ? storage.seq : nil
        // Not the link: a reply that is kept when the client has gone keeps nothing of it.
        let (arena, key) = (link.arena, key)
        let core = unsafe core
        let pending = PendingReply(route.name) { [weak core] result in
            var result = result
            result.prepare(for: arena)
            core?.finish(key, header, wideSeq, serial: serial, result)
        }
        running[serial] = Work(pending: pending, reply: nil, request: header, wideSeq: wideSeq)
        if header.kind == .request { answering[header.ticket] = serial }
        Reply(pending).run(route, message)
    }

    /// Answers the request of this seq that a handler is at work on, in the handler's place. False: there is none, or
    /// it answers in chunks.
    func answer(_ seq: Seq, _ result: Result) throws(LinkError) -> Bool {
        // Of two with one seq, which only a client that breaks the rules has, the older.
        let mine = answering.values.filter { running[$0]?.seq == seq }.min()
        guard let serial = mine, let work = running[serial], work.reply == nil else { return false }
        if let pending = work.pending {
            // By way of what middleware does to answers.
            do throws(IPCError) { try pending.send(result) } catch { return false }
            return true
        }
        forget(work.request.ticket, serial)
        try replyInFull(work.request, wideSeq: work.wideSeq, result)
        return true
    }
}
