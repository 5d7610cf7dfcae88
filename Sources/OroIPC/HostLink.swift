import CSupport
import OroFrame
import OroLink

/// One client, as its host sees it. Belongs to the host's reactor thread.
final class HostLink {
    let link: Link
    private unowned let core: HostCore
    /// When the link began; deadlines in frames count from here.
    private let start: UInt64
    /// For each ring, what its numbers mean.
    private var names: [NameTable] = []
    /// Kept for the next frame.
    private var spare = FrameStorage()
    /// Asynchronous handlers at work, by ticket.
    private var running: [UInt64: Task<Void, Never>] = [:]
    private var waitingBytes = 0
    /// In the host's list of links that are looked at in every turn.
    var isActive = true
    /// Turns since something came.
    var idleTurns = 0
    var activeIndex = 0

    /// Numbers of one ring.
    struct NameTable {
        var entries: [Entry] = []
        struct Entry {
            var name: String
            var route: Router.Route?
            /// The router's version when the route was looked up.
            var version: UInt64
        }
    }

    init(_ link: Link, core: HostCore) {
        self.link = link
        self.core = core
        start = oro_now()
    }

    /// Reads what has come, at most `limit` messages a ring. Answers how many records there were.
    @inline(__always)
    func poll(limit: Int) throws(LinkError) -> Int {
        var count = 0
        if link.socketHasNews { try link.readSocket() }
        if link.isBackedUp(0) {
            // A client that does not take its results is not asked for more work.
            if try link.pump(0) { count += 1 }
            if link.isBackedUp(0) { return count }
        }
        link.sayProcessor()
        return try count + link.drain(limit: limit) { (incoming) throws(LinkError) in try receive(incoming) }
    }

    /// One frame. This is the path of a small request with a synchronous handler: it neither allocates nor calls the
    /// system while both sides are awake.
    @inline(__always)
    private func receive(_ incoming: Incoming) throws(LinkError) {
        if !isKnownUniquelyReferenced(&spare) || !spare.isSmall { spare = FrameStorage() }
        let storage = spare
        storage.fill(incoming)
        do throws(FrameError) {
            storage.header = try FrameHeader.read(storage.buffer)
        } catch {
            throw .violation("a malformed frame: \(error)")
        }
        switch storage.header.kind {
        case .request, .post: try dispatch(storage, incoming.ring)
        default: try control(storage, incoming.ring)
        }
    }

    @inline(__always)
    private func dispatch(_ storage: FrameStorage, _ ring: Int) throws(LinkError) {
        let header = storage.header
        storage.payloadStart = storage.count - Int(header.payloadBytes)
        core.statistics.requests += 1
        if header.deadline != 0 && isPast(header.deadline) {
            core.statistics.expired += 1
            return
        }
        guard let route = try route(storage, ring) else {
            return try answerNotFound(storage)
        }
        storage.name = route.name
        switch route.handler {
        case .sync(let handler):
            let result: Result
            do {
                result = try handler(Message(storage))
            } catch {
                result = Result(catching: error)
            }
            if header.kind == .request { try reply(storage, result) }
        case .async(let handler):
            try start(handler, storage)
        }
    }

    /// The route a request is for; `nil` when there is none.
    @inline(__always)
    private func route(_ storage: FrameStorage, _ ring: Int) throws(LinkError) -> Router.Route? {
        let number = Int(storage.header.route)
        if number == 0 || storage.header.flags.contains(.inlineName) {
            return core.router.route(try inlineName(storage))
        }
        guard ring < names.count, number <= names[ring].entries.count else {
            throw .violation("a request with an unknown route number")
        }
        let version = core.router.version.load(ordering: .acquiring)
        if names[ring].entries[number - 1].version != version {
            names[ring].entries[number - 1].route = core.router.route(names[ring].entries[number - 1].name)
            names[ring].entries[number - 1].version = version
        }
        return names[ring].entries[number - 1].route
    }

    private func isPast(_ deadline: UInt32) -> Bool {
        // 32 bits of milliseconds wrap after 49 days: the sign of the difference decides.
        let now = UInt32(truncatingIfNeeded: (oro_now() - start) / 1_000_000)
        return Int32(bitPattern: now &- deadline) >= 0
    }

    private func inlineName(_ storage: FrameStorage) throws(LinkError) -> String {
        do throws(FrameError) {
            return try storage.view.name() ?? ""
        } catch {
            throw .violation("a malformed frame: \(error)")
        }
    }

    /// Frames that are not requests.
    private func control(_ storage: FrameStorage, _ ring: Int) throws(LinkError) {
        let header = storage.header
        switch header.kind {
        case .name:
            while names.count <= ring { names.append(NameTable()) }
            guard Int(header.route) == names[ring].entries.count + 1, Int(header.route) <= RouteNumbers.most else {
                throw .violation("a route number out of turn")
            }
            names[ring].entries.append(.init(name: try inlineName(storage), route: nil, version: 0))
        case .abort:
            running.removeValue(forKey: header.ticket)?.cancel()
        case .goodbye:
            throw .peerGone
        default:
            throw .violation("a frame that a client does not send: \(header.kind)")
        }
    }

    // MARK: Answers

    /// Answers the request in `storage`.
    @inline(__always)
    private func reply(_ storage: FrameStorage, _ result: Result) throws(LinkError) {
        let request = storage.header
        let payload = result.bytes?.count ?? 0
        // The plain case: no error, no value, a seq of 64 bits, one record.
        if result.isOK, result.data == nil, !request.flags.contains(.wideSeq), !link.isBackedUp(0),
            FrameHeader.byteCount + payload <= link.recordLimit(of: 0)
        {
            let header = FrameHeader(
                kind: .result, ticket: request.ticket, seq: request.seq, payloadBytes: UInt32(payload))
            let outcome = try link.write(0, count: FrameHeader.byteCount + payload) { place in
                result.bytes?.withUnsafeBytes { bytes in
                    // The record has `payload` bytes behind the header.
                    if let source = unsafe bytes.baseAddress { unsafe oro_put(place + 32, source, payload) }
                }
                unsafe header.write(to: place)
            }
            if case .sent = outcome { return }
        }
        try replyInFull(request, wideSeq: request.flags.contains(.wideSeq) ? Message(storage).seq : nil, result)
    }

    private func answerNotFound(_ storage: FrameStorage) throws(LinkError) {
        guard storage.header.kind == .request else { return }
        let message = Message(storage)
        let number = Int(storage.header.route)
        let name: String =
            if number == 0 || storage.header.flags.contains(.inlineName) { try inlineName(storage) } else {
                // `route` has looked it up.
                names.lazy.flatMap { $0.entries.dropFirst(number - 1).prefix(1) }.first?.name ?? ""
            }
        let url = "ipc://\(name)?index=0&seq=\(message.seq.rText)"
        try reply(storage, Result(err: .notFound(url: url)))
    }

    /// A result of any shape.
    private func replyInFull(_ request: FrameHeader, wideSeq: Seq?, _ result: Result) throws(LinkError) {
        var frame = Frame(.result)
        frame.ticket = request.ticket
        frame.seq = wideSeq ?? Seq(request.seq)
        frame.failed = !result.isOK
        frame.value = result.err?.value ?? result.data
        let payload = result.isOK ? result.bytes : nil
        frame.payloadBytes = payload?.count ?? 0
        let size: FrameSize
        do throws(FrameError) {
            if frame.payloadBytes > link.peerMessageBytes { throw .overLimit(.frameBytes, value: frame.payloadBytes, limit: link.peerMessageBytes) }
            size = try frame.measure(limits: core.frameLimits(link))
        } catch {
            let failure = IPCError(name: "RangeError", message: "the result does not fit a message: \(error)")
            return try replyInFull(request, wideSeq: wideSeq, Result(err: failure))
        }
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: size.frameBytes, alignment: 64)
        let start = unsafe frame.write(size, into: bytes)
        payload?.withUnsafeBytes { source in
            unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[start...]).copyMemory(from: source)
        }
        if !link.isBackedUp(0) {
            var sent = 0
            let whole = try unsafe link.writeSome(0, UnsafeRawBufferPointer(bytes), from: &sent)
            if whole {
                unsafe bytes.deallocate()
                return
            }
            return try wait(WaitingMessage(adopting: bytes, sent: sent), size.frameBytes)
        }
        try wait(WaitingMessage(adopting: bytes, sent: 0), size.frameBytes)
    }

    private func wait(_ message: WaitingMessage, _ count: Int) throws(LinkError) {
        if !link.isBackedUp(0) { waitingBytes = 0 }
        waitingBytes += count
        guard waitingBytes <= core.options.waitingBytesPerLink else {
            throw .violation("it does not read its results: \(waitingBytes) bytes wait")
        }
        link.enqueue(0, message)
    }

    // MARK: Asynchronous handlers

    private func start(_ handler: @escaping Router.AsyncHandler, _ storage: FrameStorage) throws(LinkError) {
        let header = storage.header
        guard running.count < core.options.requestsPerLink else {
            let message = "more than \(core.options.requestsPerLink) requests at once"
            return try reply(storage, Result(err: IPCError(name: "QuotaExceededError", message: message)))
        }
        guard running[header.ticket] == nil || header.kind == .post else {
            throw .violation("a ticket that is in use")
        }
        let message = Message(storage)
        let wideSeq = header.flags.contains(.wideSeq) ? message.seq : nil
        let link = link
        let task = Task { [weak core] in
            let result: Result
            do {
                result = try await handler(message)
            } catch {
                result = Result(catching: error)
            }
            core?.finish(link.id, header, wideSeq, result)
        }
        if header.kind == .request { running[header.ticket] = task }
    }

    /// The handler of `request` has finished. A request that was aborted meanwhile is answered no more.
    func finish(_ request: FrameHeader, _ wideSeq: Seq?, _ result: Result) throws(LinkError) {
        guard running.removeValue(forKey: request.ticket) != nil else { return }
        try replyInFull(request, wideSeq: wideSeq, result)
    }

    /// The link is over: nobody waits for these any more.
    func cancelAll() {
        for task in running.values { task.cancel() }
        running = [:]
    }
}
