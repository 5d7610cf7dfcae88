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
        let link = link
        let core = unsafe core
        let pending = PendingReply(route.name) { [weak core] result in
            var result = result
            // A large payload is copied here, and not on the host's thread.
            if let bytes = result.bytes, link.wantsPlace(bytes), let placed = try? link.placed(bytes) {
                result.bytes = placed
            }
            core?.finish(link.id, header, wideSeq, serial: serial, result)
        }
        running[serial] = Work(pending: pending, reply: nil, takesStream: header.flags.contains(.takesStream))
        if header.kind == .request { answering[header.ticket] = serial }
        Reply(pending).run(route, message)
    }
}
