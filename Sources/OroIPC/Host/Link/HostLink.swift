// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame
import OroLink

/// One client, as its host sees it. Belongs to the host's reactor thread.
@safe final class HostLink {
    let link: Link
    /// The host's number for it.
    let key: UInt64
    /// Outlives its links.
    unowned(unsafe) let core: HostCore
    private let router: Router
    /// Of the host, and kept here: others refer to the host weakly, so that each use of it counts references the slow
    /// way.
    let workers: HandlerWorkers
    let requestsAtOnce: Int
    let streamsAtOnce: Int
    /// Handlers at work that answer in chunks, those that were told to stop included.
    var streamsAtWork: Set<UInt64> = []
    /// Asynchronous handlers run on the host's thread, where their routes do not say otherwise.
    let runsHandlersHere: Bool
    /// When the link began; deadlines in frames count from here.
    private let start: UInt64
    private let state: UnsafeMutablePointer<State>
    /// For each ring, what its numbers mean.
    private let tables: UnsafeMutablePointer<NameTable>
    /// Asynchronous handlers at work, by the order they were started in.
    var running: [UInt64: Work] = [:]
    /// Which of them answers a ticket.
    var answering: [UInt64: UInt64] = [:]
    var streams = HostStreams()
    /// The ports of this client.
    private(set) var ports: ClientPortOwner!
    /// Handlers that have not finished, those that were told to stop included.
    var atWork = 0
    var nextSerial: UInt64 = 0
    /// The client, for handlers and for the host's own code.
    let client: ConnectedClient
    /// Somebody there listens to events.
    var listens = false
    /// What the names of commands cost that it has numbered.
    private var chargedForNames = 0
    /// In the host's list of links that are looked at in every turn.
    var isActive = true
    /// The client has gone; what it wrote before is still being read.
    var isLeaving = false
    /// The host has let go of it: what is still done on its way out must not bring it back.
    var isEnded = false
    /// Turns since something came.
    var idleTurns = 0
    /// Bytes of small frames that wait for room in the ring although the account is full.
    private var briefBytes = 0
    var activeIndex = 0

    /// What the route numbers of one ring mean. Number n is entry n - 1.
    @safe private struct NameTable {
        var names: [String] = []
        /// Routes by number, as far as they were looked up.
        var routes: UnsafeMutablePointer<Known>?
        var room = 0

        @safe struct Known {
            private var kept: Router.Route?
            /// The same, for the hot path, which counts no references.
            private(set) var route: Unmanaged<Router.Route>?
            /// The router's version when the route was looked up; 0: never.
            private(set) var version: UInt64 = 0

            mutating func set(_ route: Router.Route?, _ version: UInt64) {
                kept = route
                unsafe self.route = route.map { unsafe Unmanaged.passUnretained($0) }
                self.version = version
            }
        }

        /// What an entry costs besides the text.
        static let cost = MemoryLayout<Known>.stride + MemoryLayout<String>.stride + 64

        mutating func append(_ name: String) {
            if names.count == room {
                let grown = UnsafeMutablePointer<Known>.allocate(capacity: max(8, 2 * room))
                if let routes = unsafe routes {
                    unsafe grown.moveInitialize(from: routes, count: room)
                    unsafe routes.deallocate()
                }
                let more = max(8, 2 * room)
                unsafe (grown + room).initialize(repeating: Known(), count: more - room)
                unsafe routes = grown
                room = more
            }
            names.append(name)
        }

        func free() {
            unsafe routes?.deinitialize(count: room)
            unsafe routes?.deallocate()
        }
    }

    /// Outside the object: no access of the hot path needs a check for exclusivity.
    private struct State: ~Copyable {
        /// Kept for the next frame.
        var spare: FrameStorage
        /// The last that was looked up by its name, whose handler may be running.
        var inlineRoute: Router.Route?
        /// Readers of bodies and ports for whom something has come.
        var arrivals = ReadRun()
    }

    init(_ link: Link, _ key: UInt64, core: HostCore) {
        self.link = link
        self.key = key
        unsafe self.core = core
        router = core.router
        workers = core.workers
        requestsAtOnce = core.options.requestsPerLink
        streamsAtOnce = core.options.streamsPerLink
        runsHandlersHere = if case .reactor = core.options.handlers { true } else { false }
        start = link.start
        link.account = ByteAccount(
            limit: core.options.receivedBytesPerLink, total: core.account,
            ByteAccount.Settings(own: "HostOptions.receivedBytesPerLink", total: "HostOptions.receivedBytes"))
        link.arena.setAccount(
            ByteAccount(
                limit: .max / 4, total: core.blocks,
                ByteAccount.Settings(own: "", total: "HostOptions.blockBytes")))
        client = ConnectedClient(link, key, core)
        figures = client.figures
        unsafe tables = .allocate(capacity: Int(ORO_RINGS_MAX))
        unsafe tables.initialize(repeating: NameTable(), count: Int(ORO_RINGS_MAX))
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: State(spare: FrameStorage(client)))
        ports = ClientPortOwner(self)
        link.introductions = ports
    }

    deinit {
        link.account.release(chargedForNames + atWork * Work.cost)
        for ring in 0..<Int(ORO_RINGS_MAX) { unsafe tables[ring].free() }
        unsafe tables.deinitialize(count: Int(ORO_RINGS_MAX))
        unsafe tables.deallocate()
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    /// What was done for this client.
    let figures: LinkFigures

    /// Reads what has come, at most `limit` messages a ring, and not much longer than until `end` (`oro_ticks`).
    /// Answers how many records there were.
    @inline(__always)
    func poll(limit: Int, until end: UInt64) throws(LinkError) -> Int {
        if link.socketHasNews { try readSocket(until: end) }
        // It is read from again when some of what it has asked for is done.
        if unsafe core.slices.isFull(of: key) { return 0 }
        if isLeaving { return try pollLeaving(limit: limit, until: end) }
        if link.isBackedUp(0) {
            var count = 0
            // A client that does not take its results is not asked for more work.
            if try link.pump(0) { count += 1 }
            return try link.isBackedUp(0) ? count : count + pollBehind(limit: limit, until: end)
        }
        if link.arena.isWanted { _ = try link.arena.serve() }
        link.reportProcessor()
        return try drain(limit: limit, until: end)
    }

    @inline(__always)
    private func drain(limit: Int, until end: UInt64) throws(LinkError) -> Int {
        defer { unsafe state.pointee.arrivals.end() }
        return try link.drain(limit: limit, until: end) { (incoming) throws(LinkError) in try receive(incoming) }
    }

    /// The client's end of the socket may be closed: what it wrote before is still read.
    private func readSocket(until end: UInt64) throws(LinkError) {
        do throws(LinkError) {
            try link.readSocket(until: end)
        } catch .peerGone {
            isLeaving = true
        }
    }

    /// Reads what a client has written before it went, to the end. Where it leaves results unread that do not fit its
    /// ring, it has no right to more work.
    @inline(never)
    private func pollLeaving(limit: Int, until end: UInt64) throws(LinkError) -> Int {
        if link.isBackedUp(0) { throw .peerGone }
        defer { unsafe state.pointee.arrivals.end() }
        let count = try link.drain(limit: limit, until: end) { (incoming) throws(LinkError) in
            // An answer to it may go nowhere; what follows is read all the same.
            do throws(LinkError) { try receive(incoming) } catch .peerGone {}
        }
        if count == 0 { throw .peerGone }
        return count
    }

    /// Reads, and then lets streams go on: they may fill the ring again, and a client whose results do not fit is not
    /// read from. So its other requests get their turn.
    @inline(never)
    private func pollBehind(limit: Int, until end: UInt64) throws(LinkError) -> Int {
        let count = try drain(limit: limit, until: end)
        try flushOutbox()
        flushPorts()
        return count
    }

    /// Polls for a message, so many times at most.
    @inline(__always)
    func spin(_ polls: Int) -> Bool { !link.isBackedUp(0) && link.spin(polls) }

    /// One frame. This is the path of a small request with a synchronous handler: it neither allocates nor calls the
    /// system while both sides are awake.
    @inline(__always)
    private func receive(_ incoming: Incoming) throws(LinkError) {
        if unsafe !FrameStorage.isFree(&state.pointee.spare) {
            unsafe state.pointee.spare = FrameStorage(client)
        }
        // `spare` keeps it, and is not replaced before this returns: no reference is counted on the way.
        try unsafe Unmanaged.passUnretained(state.pointee.spare).borrowed {
            (storage) throws(LinkError) in
            storage.fill(incoming)
            do throws(FrameError) {
                try storage.readHeader()
            } catch {
                return try refuse(storage, incoming, error)
            }
            if unsafe storage.fields.pointee.header.flags.contains(.lent) {
                return try receiveLent(storage, incoming.ring)
            }
            unsafe figures.copied.note(Int(storage.fields.pointee.header.payloadBytes))
            switch unsafe storage.fields.pointee.header.kind {
            case .request, .post: try dispatch(storage, incoming.ring)
            default: try control(storage, incoming.ring)
            }
        }
    }

    /// A frame whose payload lies in memory of the client's.
    private func receiveLent(_ storage: FrameStorage, _ ring: Int) throws(LinkError) {
        try storage.borrow(from: link)
        // Else the block would not be given back before the next frame comes.
        defer {
            if unsafe FrameStorage.isFree(&state.pointee.spare) {
                unsafe state.pointee.spare.dropPayload()
            } else {
                unsafe state.pointee.spare = FrameStorage(client)
            }
        }
        switch storage.header.kind {
        case .request, .post: try dispatch(storage, ring)
        default: try control(storage, ring)
        }
    }

    @inline(__always)
    private func dispatch(_ storage: FrameStorage, _ ring: Int) throws(LinkError) {
        let header = unsafe storage.fields.pointee.header
        figures.requests.note(1)
        if header.deadline != 0 && isPast(header.deadline) {
            unsafe core.statistics.expired += 1
            if header.flags.contains(.takesStream) { try endExpired(header) }
            return
        }
        if header.kind == .post, unsafe core.shutdown != nil { return try dispatchLatePost(storage, ring) }
        guard let route = unsafe try route(header, storage, ring) else {
            return try answerNotFound(storage, ring)
        }
        // The table keeps the route, or `inlineRoute`, which only this thread changes, and not before the next request.
        try unsafe route.borrowed { (route) throws(LinkError) in
            storage.setRoute(route.label)
            if route.isSync {
                let result: Result
                do {
                    // As `isSync` says. Called in place: the closure is not counted.
                    result = try unsafe unsafeDowncast(route, to: Router.SyncRoute.self).handler(Message(storage))
                } catch {
                    result = Result(catching: error)
                }
                if header.kind == .request { try reply(header, storage, result) }
            } else {
                try start(route, storage)
            }
        }
    }

    /// A command without a result, that came while the host drains. Whoever sent it would not hear of a refusal.
    @inline(never)
    private func dispatchLatePost(_ storage: FrameStorage, _ ring: Int) throws(LinkError) {
        let header = storage.header
        // UNTRUSTED: 16 bits, and compared with how many there are before it is an index.
        let number = Int(header.route)
        let name: String
        if number == 0 {
            name = try inlineName(storage)
        } else {
            guard unsafe number <= tables[ring].names.count else {
                throw .violation("a request with an unknown route number")
            }
            name = unsafe tables[ring].names[number - 1]
        }
        guard let route = router.route(name, isPost: true) else { return try answerNotFound(storage, ring) }
        storage.setRoute(route.label)
        guard route.isSync, let route = route as? Router.SyncRoute else { return try start(route, storage) }
        _ = try? route.handler(Message(storage))
    }

    /// The route a request is for; `nil` when there is none.
    @inline(__always)
    private func route(
        _ header: FrameHeader, _ storage: FrameStorage, _ ring: Int
    ) throws(LinkError) -> Unmanaged<Router.Route>? {
        // UNTRUSTED: 16 bits, and compared with how many there are before it is an index.
        let number = Int(header.route)
        if number == 0 { return unsafe try inlineRoute(storage) }
        // `tables` has an entry for every ring number.
        let table = unsafe tables + ring
        guard unsafe number <= table.pointee.names.count, let known = unsafe table.pointee.routes else {
            throw .violation("a request with an unknown route number")
        }
        let version = router.version.load(ordering: .acquiring)
        if unsafe known[number - 1].version != version {
            unsafe known[number - 1].set(router.route(table.pointee.names[number - 1]), version)
        }
        return unsafe known[number - 1].route
    }

    /// The same for a name that has no number. The router may drop the route at any time.
    private func inlineRoute(_ storage: FrameStorage) throws(LinkError) -> Unmanaged<Router.Route>? {
        guard let route = router.route(try inlineName(storage)) else { return nil }
        unsafe state.pointee.inlineRoute = route
        return unsafe Unmanaged.passUnretained(route)
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
    func control(_ storage: FrameStorage, _ ring: Int) throws(LinkError) {
        let header = storage.header
        switch header.kind {
        case .name:
            // UNTRUSTED: 16 bits, compared.
            guard unsafe Int(header.route) == tables[ring].names.count + 1, Int(header.route) <= RouteNumbers.most
            else { throw .violation("a route number out of turn") }
            let name = try inlineName(storage)
            try charge(name.utf8.count + NameTable.cost)
            unsafe tables[ring].append(name)
        case .abort:
            if let serial = answering[header.ticket] { try giveUp(header.ticket, serial, .abort()) }
        case .chunk: try unsafe takeChunk(storage, &state.pointee.arrivals)
        case .end: takeEnd(storage)
        case .credit: header.ticket == 0 ? try takeListening(header) : try takeCredit(header)
        case let kind where kind.isOfPorts: try unsafe takePort(storage, ring, &state.pointee.arrivals)
        case .goodbye:
            throw .peerGone
        default:
            throw .violation("a frame that a client does not send: \(header.kind)")
        }
    }

    private func charge(_ bytes: Int) throws(LinkError) {
        guard link.account.charge(bytes) else { throw link.account.refusal }
        chargedForNames += bytes
    }

    // MARK: Answers

    /// Answers the request in `storage`.
    @inline(__always)
    func reply(
        _ request: FrameHeader, _ storage: FrameStorage, _ result: borrowing Result
    ) throws(LinkError) {
        if !request.flags.contains(.wideSeq), result.isPlain() {
            var header = FrameHeader(kind: .result, ticket: request.ticket, seq: request.seq)
            let value = result.value
            if OutgoingValue.measure(value, nil, into: &header) {
                // `result` keeps the payload alive.
                let payload = unsafe result.unguardedPayload()
                let isWritten = unsafe try writeAtOnce(header, payload, result.bytes, ring: 0) { place in
                    unsafe OutgoingValue.encode(value, nil, into: place)
                }
                if isWritten { return }
            }
        }
        try replyInFull(
            request, wideSeq: request.flags.contains(.wideSeq) ? storage.seq : nil, copy result)
    }

    private func answerNotFound(_ storage: FrameStorage, _ ring: Int) throws(LinkError) {
        let header = storage.header
        guard header.kind == .request else { return }
        // UNTRUSTED: the number was checked when its route was looked up.
        let number = Int(header.route)
        let name = number == 0 ? try inlineName(storage) : unsafe tables[ring].names[number - 1]
        let url = "ipc://\(name)?index=0&seq=\(storage.seq.rText)"
        try reply(header, storage, Result(err: .notFound(url: url)))
    }

    /// A result of any shape.
    func replyInFull(_ request: FrameHeader, wideSeq: Seq?, _ result: Result) throws(LinkError) {
        var frame = Frame(.result)
        frame.ticket = request.ticket
        frame.seq = wideSeq ?? Seq(request.seq)
        frame.failed = !result.isOK
        frame.headers = result.headers?.pairs
        if let source = result.source, !source.isEmpty { frame.source = source }
        if let encoded = result.encoded {
            frame.encoded = encoded
        } else {
            frame.value = result.err?.value ?? result.data
        }
        if let failure = try send(frame, result.isOK ? result.bytes : nil) {
            try replyBriefly(request, frame.seq, failure)
        }
    }

    /// Sends a frame of any shape; what does not fit the ring now waits for room. Returns why it cannot be sent at all.
    func send(_ frame: Frame, _ payload: Bytes?) throws(LinkError) -> IPCError? {
        let payload = try link.placed(payload)
        do throws(FrameFailure) {
            try write(frame, payload, ring: 0)
            return nil
        } catch {
            switch error {
            case .frame(let reason): return IPCError(reason)
            case .link(let reason): throw reason
            }
        }
    }
}

extension HostLink: FrameChannel {
    func noteCopied(_ bytes: Int, to ring: Int) { figures.copied.note(bytes) }

    func waitForRoom(_ ring: Int) -> Bool { false }

    func keep(_ message: WaitingMessage, for ring: Int) throws(FrameFailure) {
        let count = message.count
        let waiting = link.waitingBytes(in: ring) + count
        guard unsafe waiting <= core.options.waitingBytesPerLink else {
            throw .link(
                .violation("it does not read its results: \(waiting) bytes wait (HostOptions.waitingBytesPerLink)"))
        }
        if !message.charge(to: link.account) {
            if !link.isBackedUp(ring) { briefBytes = 0 }
            if message.sent > 0 {
                message.chargeAnyway(to: link.account)
            } else if count <= HostLink.mostBrief, briefBytes + count <= HostLink.mostBriefBytes {
                // An error, the end of a port: no small frame is lost for want of memory.
                briefBytes += count
                message.chargeAnyway(to: link.account)
            } else if count > HostLink.mostBrief {
                // Whoever asked is told so, in what is shorter.
                throw .frame(link.account.refusal)
            } else {
                throw .link(link.account.refusal)
            }
        }
        link.enqueue(ring, message)
    }
}
