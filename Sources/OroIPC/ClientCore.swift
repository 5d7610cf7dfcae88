import CSupport
import OroFrame
import OroLink
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The client behind ``Client``: sends requests from any thread or task and finds the waiter for each result.
///
/// A thread that waits takes the *receiver's role* when it is free and reads for everybody; no thread is switched for a
/// result. Asynchronous calls try that for a moment too, and then leave the role to a background thread.
// Sendable: `rings[i]` belongs to the owner of ring i (`Link.withRing`); `sleepPoller`, `patience`, `isArmed` and the
// receiving half of `link` belong to the holder of `role`; the rest is atomic or in a mutex.
@safe final class ClientCore: @unchecked Sendable {
    let link: Link
    let options: ClientOptions
    let start: UInt64
    let role = RoleLock()
    let pending = Locked(PendingTable())
    let nextSeq = Atomic<UInt64>(1)
    let late = Atomic<Int>(0)
    private let rings: UnsafeMutablePointer<RingState>

    /// What the holder of the role keeps, outside the object: no access of the hot path needs a check for exclusivity.
    private struct Receiving {
        var patience: Patience
        /// The link says this side sleeps, for the background thread.
        var isArmed = false
        /// For what comes to tasks.
        var spare = FrameStorage()
    }
    private let receiving: UnsafeMutablePointer<Receiving>
    private var sleepPoller: Poller?
    private let kicker: Descriptor
    /// Ticks a thread polls before it looks around.
    private let briefly: UInt64

    /// The background thread, once an asynchronous call needed it.
    let background = Locked<ClientReactor?>(nil)
    private let isAttached = Atomic<Bool>(false)
    /// News of the socket (1) or the end of the process (2) that the background thread could not look at yet.
    private let unheard = Atomic<Int>(0)
    /// The background thread looks at this link in every turn, so nobody need arm it.
    let isWatched = Atomic<Bool>(false)
    /// Tasks that are suspended until their results are there.
    private let suspended = Atomic<Int>(0)

    /// Somebody depends on the background thread: a task that is suspended, a message that waits for room. While nobody
    /// does, the link is left alone by it, and tasks that poll for their own results have the processor to themselves.
    var needsWatch: Bool { suspended.load(ordering: .sequentiallyConsistent) > 0 || link.hasWaiting }

    /// What belongs to one ring of this side.
    struct RingState: ~Copyable {
        var numbers = RouteNumbers()
        var spare = FrameStorage()
        var generation: UInt32 = 0
        let waiter = ThreadWaiter()
    }

    init(_ link: Link, _ options: ClientOptions) throws(LinkError) {
        self.link = link
        self.options = options
        start = link.start
        unsafe receiving = .allocate(capacity: 1)
        unsafe receiving.initialize(to: Receiving(patience: Patience(options.idle)))
        kicker = try Descriptor(checking: oro_eventfd(), "eventfd")
        briefly = 200 * oro_ticks_per_us()
        unsafe rings = .allocate(capacity: Int(ORO_RINGS_MAX))
        for index in 0..<Int(ORO_RINGS_MAX) { unsafe (rings + index).initialize(to: RingState()) }
    }

    deinit {
        link.end(.closed)
        unsafe receiving.deinitialize(count: 1)
        unsafe receiving.deallocate()
        unsafe rings.deinitialize(count: Int(ORO_RINGS_MAX))
        unsafe rings.deallocate()
    }

    var elapsedMilliseconds: UInt64 { (oro_now() - start) / 1_000_000 }

    // MARK: Sending

    /// A request on its way.
    struct Request {
        var kind: FrameKind
        var command: String
        var value: Value?
        var bytes: Bytes?
        var seq: Seq
        var ticket: UInt64
        /// Milliseconds since the link's start, 0 = none.
        var deadline: UInt32
    }

    /// Writes a request to `ring`, which is the caller's. With `mayBlock` it waits for room as long as it takes; else
    /// the background thread writes what does not fit now.
    @inline(__always)
    private func send(_ request: borrowing Request, ring: Int, mayBlock: Bool) throws(LinkError) {
        let payload = request.bytes?.count ?? 0
        // The plain case: a command sent before, no value, a seq of 64 bits, one record.
        let number = unsafe rings[ring].numbers.recall(request.command)
        if number != 0, request.value == nil, let seq = request.seq.small, !link.isBackedUp(ring),
            FrameHeader.byteCount + payload <= link.recordLimit(of: ring)
        {
            let header = FrameHeader(
                kind: request.kind, route: number, deadline: request.deadline, ticket: request.ticket, seq: seq,
                payloadBytes: UInt32(payload))
            let bytes = request.bytes
            let outcome = unsafe try link.write(ring, count: FrameHeader.byteCount + payload) { place in
                unsafe bytes?.withUnsafeBytes { bytes in
                    // The record has `payload` bytes behind the header.
                    if let source = bytes.baseAddress { unsafe oro_put(place + 32, source, payload) }
                }
                unsafe header.write(to: place)
            }
            if case .sent = outcome { return }
        }
        try sendInFull(request, ring: ring, mayBlock: mayBlock)
    }

    /// A request of any shape.
    private func sendInFull(_ request: borrowing Request, ring: Int, mayBlock: Bool) throws(LinkError) {
        var frame = Frame(request.kind)
        switch unsafe rings[ring].numbers.lookUp(request.command) {
        case .known(let number): frame.route = number
        case .unnumbered: frame.name = request.command
        case .new(let number):
            var name = Frame(.name)
            name.route = number
            name.name = request.command
            try write(name, nil, ring: ring, mayBlock: mayBlock)
            unsafe rings[ring].numbers.announce(request.command, number)
            frame.route = number
        }
        frame.seq = request.seq
        frame.ticket = request.ticket
        frame.deadline = request.deadline
        frame.value = request.value
        frame.payloadBytes = request.bytes?.count ?? 0
        try write(frame, request.bytes, ring: ring, mayBlock: mayBlock)
    }

    private func write(_ frame: Frame, _ payload: Bytes?, ring: Int, mayBlock: Bool) throws(LinkError) {
        let size: FrameSize
        do throws(FrameError) {
            var limits = FrameLimits.default
            limits.maxFrameBytes = link.peerMessageBytes
            size = try frame.measure(limits: limits)
        } catch {
            if case .overLimit(.frameBytes, let value, let limit) = error {
                throw .tooLarge(bytes: value, limit: limit)
            }
            throw .unencodable(error.description)
        }
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: size.frameBytes, alignment: 64)
        let start = unsafe frame.write(size, into: bytes)
        unsafe payload?.withUnsafeBytes { source in
            unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[start...]).copyMemory(from: source)
        }
        var sent = 0
        if !link.isBackedUp(ring) {
            do throws(LinkError) {
                while try unsafe !link.writeSome(ring, UnsafeRawBufferPointer(bytes), from: &sent) {
                    guard mayBlock else { break }
                    try waitForRoom(ring)
                }
            } catch {
                unsafe bytes.deallocate()
                throw error
            }
            if sent == size.frameBytes {
                unsafe bytes.deallocate()
                return
            }
        }
        guard sent > 0 || link.waitingBytes(in: ring) + size.frameBytes <= options.waitingBytes else {
            unsafe bytes.deallocate()
            throw .busy
        }
        unsafe link.enqueue(ring, WaitingMessage(adopting: bytes, sent: sent))
        // Whoever sleeps on the link has to watch for room from now on.
        attach()
        background.withLock { $0 }?.look(self)
        kick()
    }

    /// Waits until there is room in the caller's ring, reading meanwhile: two sides that are both full do not wait for
    /// each other.
    private func waitForRoom(_ ring: Int) throws(LinkError) {
        // The host makes room in eighths of the ring: while it is awake, polling sees it soon.
        let began = oro_ticks()
        var looks = 0
        while true {
            if link.roomCame(in: ring) { return }
            if link.isOver { throw link.ending ?? .closed }
            looks += 1
            let sleeps =
                options.idle == .park || (looks & 63 == 0 && link.sharesProcessor)
                || (options.idle == .adaptive && oro_ticks() &- began > briefly)
            if !sleeps && looks & 255 != 0 {
                oro_spin_pause()
                continue
            }
            // Now and then, and before a sleep, what comes in is read: two full sides must not wait for each other.
            guard takeRole() else {
                // Somebody else reads, and room is seen by looking.
                let word = Word()
                word.wait(while: word.now, nanoseconds: 50_000)
                continue
            }
            do throws(LinkError) {
                var spare = FrameStorage()
                let count = try receive(&spare, mine: 0).count
                if sleeps && count == 0 {
                    if link.arm(room: true) && !link.hasSomething(orRoomIn: ring) {
                        try sleepOnLink(nanoseconds: .max)
                    }
                    link.disarm()
                }
            } catch {
                failAfterReading(error)
                giveUpRole()
                throw error
            }
            giveUpRole()
        }
    }

    // MARK: Receiving, with the role

    /// Takes the receiver's role if it is free.
    @inline(__always)
    func takeRole() -> Bool {
        guard role.tryTake() else { return false }
        if unsafe receiving.pointee.isArmed {
            unsafe receiving.pointee.isArmed = false
            link.disarm()
        }
        return true
    }

    /// Gives the role up. Where a background thread waits for news of this link, it is left armed.
    @inline(__always)
    func giveUpRole() {
        if !isAttached.load(ordering: .relaxed) {
            _ = role.release()
            return
        }
        giveUpWatchedRole()
    }

    private func giveUpWatchedRole() {
        while true {
            let watching = needsWatch
            if unsafe watching && !isWatched.load(ordering: .sequentiallyConsistent) && !receiving.pointee.isArmed {
                if armLink() {
                    unsafe receiving.pointee.isArmed = true
                } else {
                    // For the background thread to read.
                    background.withLock { $0 }?.look(self)
                }
            }
            // Wanted: the background thread heard the bell while the role was held, and sleeps now. What the bell was for
            // may have come after the link was armed here, and there is one signal for each sleep: disarm, look again.
            // SYNC: or a task was suspended meanwhile and found the role held. It counts itself and then tries the role;
            // the role is given up here and then the count is looked at, both sequentially consistent.
            guard role.release() || (!watching && needsWatch), takeRole() else { return }
        }
    }

    /// Sees to it that what comes for a task that is now suspended is heard.
    private func watch() {
        // SYNC: the background thread says it looks no more, and then looks at the count that the caller has raised.
        if isWatched.load(ordering: .sequentiallyConsistent) { return }
        if options.idle == .spin {
            // It polls for as long as somebody is suspended.
            background.withLock { $0 }?.look(self)
        } else if takeRole() {
            giveUpRole()
        }
    }

    /// Reads what has come and hands each result to its waiter. The result for `mine` is left in `spare`.
    @inline(__always)
    func receive(
        _ spare: inout FrameStorage, mine: UInt64
    ) throws(LinkError) -> (count: Int, gotMine: Bool) {
        var gotMine = false
        if link.socketHasNews { try link.readSocket() }
        let count = try link.drain(limit: 64) { (incoming) throws(LinkError) in
            if gotMine || !FrameStorage.isFree(&spare) {
                let other = FrameStorage()
                other.fill(incoming)
                try read(other)
                if !gotMine && other.header.ticket == mine {
                    spare = other
                    gotMine = true
                } else {
                    deliver(other)
                }
                return
            }
            spare.fill(incoming)
            try read(spare)
            if unsafe spare.fields.pointee.header.ticket == mine {
                gotMine = true
            } else {
                deliver(spare)
                spare = FrameStorage()
            }
        }
        return (count, gotMine)
    }

    /// UNTRUSTED: checks what kind of frame came.
    @inline(__always)
    private func read(_ storage: FrameStorage) throws(LinkError) {
        do throws(FrameError) {
            try storage.readHeader()
        } catch {
            throw .violation("a malformed frame: \(error)")
        }
        guard unsafe storage.fields.pointee.header.kind == .result else {
            if storage.header.kind == .goodbye { throw .peerGone }
            throw .violation("a frame that a host does not send: \(storage.header.kind)")
        }
    }

    /// Gives a result to whoever waits for it. A result nobody waits for any more is counted and dropped.
    private func deliver(_ storage: FrameStorage) {
        let ticket = storage.header.ticket
        let index = Int(UInt32(truncatingIfNeeded: ticket))
        if index < PendingTable.firstIndex {
            let waiter = unsafe rings[index].waiter
            let claimed =
                ticket != 0
                && waiter.ticket.compareExchange(
                    expected: ticket, desired: 0, ordering: .acquiringAndReleasing
                ).exchanged
            guard claimed else { return countLate() }
            waiter.outcome.withLock { $0 = .frame(storage) }
            waiter.word.change()
            return
        }
        complete(ticket, seq: try? storage.view.seq(), .frame(storage))
    }

    private func countLate() { late.add(1, ordering: .relaxed) }

    /// Ends a request of the table.
    func complete(_ ticket: UInt64, seq: Seq?, _ outcome: Outcome) {
        let listener = pending.withLock { $0.complete(ticket, seq: seq, outcome) }
        switch listener {
        case .continuation(let continuation):
            suspended.subtract(1, ordering: .relaxed)
            outcome.handOver()
            unsafe continuation.resume(returning: outcome)
        case .thread(let waiter):
            waiter.outcome.withLock { $0 = outcome }
            waiter.word.change()
        case .nobodyYet: break
        case nil: if case .frame = outcome { countLate() }
        }
    }

    /// Waits for the peer's bell, the socket, or ``kick()``. Armed, with the role.
    func sleepOnLink(nanoseconds: UInt64) throws(LinkError) {
        if sleepPoller == nil {
            // epoll: the role changes threads, and an io_uring's polls end with the thread that asked for them.
            let poller = try Poller(.epoll)
            try poller.add(link.chime, key: 1)
            try poller.add(link.socket.number, key: 2)
            try poller.add(kicker.number, key: 3)
            if let pidfd = link.pidfd { try poller.add(pidfd, key: 4) }
            sleepPoller = consume poller
        }
        var socketReady = false
        var gone = false
        sleepPoller?.wait(nanoseconds) { key in
            if key == 2 { socketReady = true }
            if key == 4 { gone = true }
        }
        if socketReady { try link.readSocket() }
        if gone { throw .peerGone }
    }

    /// Ends a sleep on the link, so that the sleeper looks around.
    func kick() {
        oro_doorbell_ring(kicker.number)
        role.wakeAll()
    }

    /// The link is over: everything that waits fails with the reason.
    func fail(_ why: LinkError) {
        link.end(why)
        let error = IPCError(link.ending ?? why)
        for ticket in pending.withLock({ $0.tickets }) { complete(ticket, seq: nil, .error(error)) }
        kick()
    }

    /// What came before the end is still delivered.
    func failAfterReading(_ why: LinkError) {
        if case .peerGone = why {
            var spare = FrameStorage()
            while let read = try? receive(&spare, mine: 0), read.count > 0 {}
        }
        fail(why)
    }

    // MARK: Background

    /// Lets the background thread watch this link from now on.
    func attach() {
        if isAttached.load(ordering: .acquiring) { return }
        background.withLock { background in
            guard background == nil, let reactor = try? ClientReactor.shared(options) else { return }
            background = reactor
            // Watched from the start: the reactor arms the link when it goes to sleep.
            isWatched.store(true, ordering: .sequentiallyConsistent)
            isAttached.store(true, ordering: .sequentiallyConsistent)
            reactor.attach(self)
        }
    }

    func detach() {
        background.withLock { background in
            background?.detach(self)
        }
    }

    /// For the background thread: reads, if nobody else does, and writes what waits. True when there was something.
    func pollInBackground() -> Bool {
        guard needsWatch || unheard.load(ordering: .relaxed) != 0 else { return false }
        guard takeRole() else { return unheard.load(ordering: .relaxed) != 0 }
        let heard = unheard.exchange(0, ordering: .relaxed)
        if heard != 0 {
            _ = role.release()
            hearInBackground(processEnded: heard == 2)
            return true
        }
        var progressed = false
        do throws(LinkError) {
            progressed = unsafe try receive(&receiving.pointee.spare, mine: 0).count > 0
            if link.hasWaiting, try pumpWaiting() { progressed = true }
        } catch {
            failAfterReading(error)
        }
        _ = role.release()
        return progressed
    }

    /// For the background thread before it sleeps: arms the link, or leaves that to the holder of the role. False when
    /// something is there.
    func armInBackground() -> Bool {
        isWatched.store(false, ordering: .sequentiallyConsistent)
        while true {
            while !takeRole() {
                if role.want() { return true }
            }
            let watching = needsWatch
            let quiet = !watching || armLink()
            unsafe receiving.pointee.isArmed = watching && quiet
            if !quiet { isWatched.store(true, ordering: .sequentiallyConsistent) }
            _ = role.release()
            // SYNC: as in `giveUpWatchedRole`.
            if watching || !needsWatch { return quiet }
        }
    }

    /// Says this side sleeps, with the role. False, and not armed, when there is something after all.
    private func armLink() -> Bool {
        var quiet = false
        if link.hasWaiting {
            try? link.withSharedRing { (ring) throws(LinkError) in
                quiet = link.arm(room: true) && !link.hasSomething(orRoomIn: ring)
            }
        } else {
            quiet = link.arm() && !link.hasSomething()
        }
        if !quiet { link.disarm() }
        return quiet
    }

    /// Writes what waits for room in the shared ring. True when something was written.
    private func pumpWaiting() throws(LinkError) -> Bool {
        var progressed = false
        try link.withSharedRing { (ring) throws(LinkError) in progressed = try link.pump(ring) }
        return progressed
    }

    /// For the background thread: the socket has news, or the peer's process has ended.
    func hearInBackground(processEnded: Bool) {
        guard takeRole() else {
            // The holder may be about to give the role up without a look at the socket, and an edge is told once.
            unheard.store(processEnded ? 2 : max(1, unheard.load(ordering: .relaxed)), ordering: .relaxed)
            return
        }
        do throws(LinkError) {
            try link.readSocket()
            if processEnded { throw .peerGone }
        } catch {
            failAfterReading(error)
        }
        _ = role.release()
    }

    // MARK: Calls

    /// The errors that keep a request from being sent at all.
    private func refusal(_ command: String, _ options: CallOptions?) -> IPCError? {
        if let reason = options?.signal?.reason { return .abort(reason) }
        if !CommandName.isValid(command) {
            return .type("a command is 1 to 255 of A-Z a-z 0-9 . _ -, not '\(command.prefix(64))'")
        }
        return nil
    }

    private func deadline(_ options: CallOptions?) -> UInt64? {
        guard let timeout = options?.timeout else { return nil }
        let (seconds, attoseconds) = timeout.components
        let milliseconds = max(0, min(Double(seconds) * 1000 + Double(attoseconds) / 1e15, 1e9))
        return elapsedMilliseconds + UInt64(milliseconds.rounded(.up))
    }

    /// The client's next own seq: 1, 2, 3, …, leaving out those that a caller has in flight.
    @inline(__always)
    private func takeSeq() -> Seq {
        let seq = Seq(nextSeq.wrappingAdd(1, ordering: .relaxed).oldValue)
        return hasChosenSeqs.load(ordering: .relaxed) ? skipChosen(seq) : seq
    }

    private let hasChosenSeqs = Atomic<Bool>(false)

    private func skipChosen(_ seq: Seq) -> Seq {
        var seq = seq
        while pending.withLock({ $0.isInFlight(seq) }) {
            seq = Seq(nextSeq.wrappingAdd(1, ordering: .relaxed).oldValue)
        }
        return seq
    }

    private func isInFlight(_ seq: Seq) -> Bool {
        hasChosenSeqs.store(true, ordering: .sequentiallyConsistent)
        guard let small = seq.small, small < nextSeq.load(ordering: .sequentiallyConsistent) else {
            return pending.withLock { $0.isInFlight(seq) }
        }
        return pending.withLock { $0.isInFlightAmongOwn(seq) }
    }

    private static func timedOut(_ verb: StaticString) -> IPCError { .timeout("ipc.\(verb) timed out") }

    /// A request that blocks the calling thread until its result is there.
    func callSync(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?
    ) -> Result {
        do throws(LinkError) {
            if options == nil, value == nil {
                // The plain case: a command that was checked when it was first sent.
                if let result = try callOnOwnRing(command, bytes) { return result }
            }
            if let error = refusal(command, options) { return Result(err: error, source: command) }
            return try callInFull(command, value, bytes, options)
        } catch {
            return Result(err: IPCError(error), source: command)
        }
    }

    /// Without value and options, on a ring of the calling thread's own, a command sent before. `nil`: not that case.
    ///
    /// This is the path of the smallest round trip: no allocation, no system call while the host is awake.
    @inline(__always)
    private func callOnOwnRing(_ command: String, _ bytes: Bytes?) throws(LinkError) -> Result? {
        guard let ring = link.ownRing else { return nil }
        let payload = bytes?.count ?? 0
        let number = unsafe rings[ring].numbers.recall(command)
        guard number != 0, !link.isBackedUp(ring),
            FrameHeader.byteCount + payload <= link.recordLimit(of: ring)
        else { return nil }
        if link.isOver { throw link.ending ?? .closed }
        unsafe rings[ring].generation &+= 1
        let ticket = unsafe UInt64(rings[ring].generation) << 32 | UInt64(ring)
        guard let seq = takeSeq().small else { return nil }
        let header = FrameHeader(
            kind: .request, route: number, ticket: ticket, seq: seq, payloadBytes: UInt32(payload))
        unsafe rings[ring].waiter.ticket.store(ticket, ordering: .releasing)
        let outcome = unsafe try link.write(ring, count: FrameHeader.byteCount + payload) { place in
            unsafe bytes?.withUnsafeBytes { bytes in
                // The record has `payload` bytes behind the header.
                if let source = bytes.baseAddress { unsafe oro_put(place + 32, source, payload) }
            }
            unsafe header.write(to: place)
        }
        guard case .sent = outcome else { return nil }
        return try await_(ring, ticket, command)
    }

    /// Waits, as a thread with a ring of its own.
    @inline(__always)
    private func await_(_ ring: Int, _ ticket: UInt64, _ command: String) throws(LinkError) -> Result {
        if takeRole() {
            while true {
                let (count, gotMine) = unsafe try receiveOrFail(&rings[ring].spare, mine: ticket)
                if gotMine {
                    unsafe rings[ring].waiter.ticket.store(0, ordering: .relaxed)
                    unsafe receiving.pointee.patience.arrived()
                    giveUpRole()
                    defer { link.doneWithRing(ring) }
                    return Result(unsafe rings[ring].spare, command)
                }
                if unsafe count > 0 || link.linger(receiving.pointee.patience.looksAtOnce) { continue }
                switch unsafe receiving.pointee.patience.advice() {
                case .lookAgain: continue
                case .checkAround where unsafe !link.sharesProcessor && receiving.pointee.patience.waited < briefly:
                    continue
                default: break
                }
                break
            }
            giveUpRole()
        }
        let waiter = unsafe rings[ring].waiter
        defer { link.doneWithRing(ring) }
        return waitSlowly(waiter, ticket, nil, nil, command, verb: "sendSync", ring: ring)
    }

    @inline(__always)
    private func receiveOrFail(
        _ spare: inout FrameStorage, mine: UInt64
    ) throws(LinkError) -> (count: Int, gotMine: Bool) {
        do throws(LinkError) {
            return try receive(&spare, mine: mine)
        } catch {
            failAfterReading(error)
            _ = role.release()
            throw error
        }
    }

    /// A synchronous call of any shape.
    private func callInFull(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?
    ) throws(LinkError) -> Result {
        let deadline = deadline(options)
        if let seq = options?.seq, isInFlight(seq) {
            return Result(err: .inFlight(seq), source: command)
        }
        let waiter = ThreadWaiter()
        let seq = options?.seq ?? takeSeq()
        let taken = pending.withLock { pending in
            pending.count >= self.options.pendingRequests
                ? 0 : pending.take(seq, isChosen: options?.seq != nil, deadline: nil, thread: waiter)
        }
        guard let ticket = taken else { return Result(err: .inFlight(seq), source: command) }
        guard ticket != 0 else { return Result(err: .tooMany(self.options.pendingRequests), source: command) }
        let request = Request(
            kind: .request, command: command, value: value, bytes: bytes, seq: seq, ticket: ticket,
            deadline: UInt32(truncatingIfNeeded: deadline ?? 0))
        do throws(LinkError) {
            try link.withRing(shared: isInTask) { (ring) throws(LinkError) in
                try send(request, ring: ring, mayBlock: link.ownRing == ring)
            }
        } catch {
            pending.withLock { $0.free(ticket) }
            throw error
        }
        let token = options?.signal?.listen { [weak self] reason in
            self?.complete(ticket, seq: nil, .error(.abort(reason)))
            self?.kick()
        }
        defer { if let token { options?.signal?.unlisten(token) } }
        return waitSlowly(waiter, ticket, deadline, options?.signal, command, verb: "sendSync", ring: nil)
    }

    /// Waits as long as it takes, with sleeps. `ring`: the waiter is that of a ring, else one of the table.
    private func waitSlowly(
        _ waiter: ThreadWaiter, _ ticket: UInt64, _ deadline: UInt64?, _ signal: AbortSignal?, _ command: String,
        verb: StaticString, ring: Int?
    ) -> Result {
        var spare = FrameStorage()
        func outcome() -> Outcome? { waiter.outcome.withLock { $0.take() } }
        func giveUp(_ error: IPCError) -> Result {
            if ring != nil {
                let mine = waiter.ticket.compareExchange(
                    expected: ticket, desired: 0, ordering: .acquiringAndReleasing
                ).exchanged
                // Else its result is being delivered this very moment.
                while !mine {
                    if let outcome = outcome() { return Result(outcome, command) }
                    oro_spin_pause()
                }
            } else {
                complete(ticket, seq: nil, .error(error))
                if let outcome = outcome(), case .frame = outcome { return Result(outcome, command) }
            }
            sendAbort(ticket, error)
            return Result(err: error, source: command)
        }
        // The role may have been passed to this thread while its result was being delivered.
        defer { role.passOnIfFree() }
        while true {
            if let outcome = outcome() {
                if case .error(let error) = outcome, error.name == "AbortError" { sendAbort(ticket, error) }
                return Result(outcome, command)
            }
            if link.isOver { return giveUp(IPCError(link.ending ?? .closed)) }
            var left = UInt64.max
            if let deadline {
                let now = elapsedMilliseconds
                if now >= deadline { return giveUp(ClientCore.timedOut(verb)) }
                left = (deadline - now) * 1_000_000
            }
            guard takeRole() else {
                role.sleep(waiter, nanoseconds: min(left, 100_000_000)) {
                    link.isOver || waiter.outcome.withLock { $0 != nil }
                }
                continue
            }
            do throws(LinkError) {
                try waitWithRole(&spare, waiter, ticket, left)
            } catch {
                failAfterReading(error)
            }
            if ring != nil, spare.header.ticket == ticket, waiter.ticket.load(ordering: .relaxed) == ticket {
                waiter.ticket.store(0, ordering: .relaxed)
                giveUpRole()
                return Result(spare, command)
            }
            giveUpRole()
        }
    }

    /// Reads until the result for `ticket` has come, or it is time to look around.
    private func waitWithRole(
        _ spare: inout FrameStorage, _ waiter: ThreadWaiter, _ ticket: UInt64, _ left: UInt64
    ) throws(LinkError) {
        let isRing = Int(UInt32(truncatingIfNeeded: ticket)) < PendingTable.firstIndex
        link.sayProcessor()
        var looks = 0
        while true {
            let (count, gotMine) = try receive(&spare, mine: isRing ? ticket : 0)
            if gotMine || waiter.outcome.withLock({ $0 != nil }) {
                unsafe receiving.pointee.patience.arrived()
                return
            }
            if link.isOver { return }
            if link.hasWaiting, try pumpWaiting() { continue }
            if unsafe count > 0 || link.linger(receiving.pointee.patience.looksAtOnce) { continue }
            switch unsafe receiving.pointee.patience.advice() {
            case .lookAgain: continue
            case .checkAround where !link.sharesProcessor:
                link.sayProcessor()
                looks += 1
                if unsafe receiving.pointee.patience.policy == .spin && looks & 63 == 0 {
                    // Polling for long: hear of the peer's end, keep deadlines, let others run.
                    try link.readSocket()
                    oro_yield()
                    return
                }
                if left != .max { return }
                continue
            default: break
            }
            if armLink() {
                if waiter.outcome.withLock({ $0 == nil }) {
                    let began = oro_ticks()
                    try sleepOnLink(nanoseconds: left)
                    unsafe receiving.pointee.patience.slept(oro_ticks() &- began)
                }
                link.disarm()
            }
            if left != .max { return }
        }
    }

    /// Tells the host that nobody waits for `ticket` any more. Best effort: a host that cannot be told sends a late result.
    private func sendAbort(_ ticket: UInt64, _ why: IPCError) {
        if link.isOver { return }
        var frame = Frame(.abort)
        frame.ticket = ticket
        frame.value = .string(why.name)
        let abort = frame
        // A ring of the thread's own has nobody who would write the rest of it later.
        if !isInTask, let ring = link.ownRing, !link.isBackedUp(ring), let bytes = try? abort.encoded() {
            let outcome = unsafe try? link.write(ring, count: bytes.count) { place in
                unsafe bytes.withUnsafeBytes { unsafe place.copyMemory(from: $0.baseAddress!, byteCount: bytes.count) }
            }
            if outcome == .sent { return }
        }
        // The shared ring: what does not fit it now is written in the background.
        try? link.withRing(shared: true) { (ring) throws(LinkError) in
            try write(abort, nil, ring: ring, mayBlock: false)
        }
    }

    /// A command without a result. True when it was written.
    func post(_ command: String, _ value: Value?, _ bytes: Bytes?) throws(LinkError) {
        if link.isOver { throw link.ending ?? .closed }
        try link.withRing(shared: isInTask) { (ring) throws(LinkError) in
            try postOne(command, value, bytes, ring: ring)
        }
    }

    /// One of many commands without a result: written, but shown to the host together with those after it.
    @inline(__always)
    func postHeld(_ ring: Int, _ command: String, _ value: Value?, _ bytes: borrowing Bytes?) throws(LinkError) {
        let number = unsafe rings[ring].numbers.recall(command)
        if number != 0, value == nil, !link.isBackedUp(ring), let seq = takeSeq().small {
            let payload: UnsafeRawBufferPointer
            switch bytes {
            case .some(let bytes): unsafe payload = UnsafeRawBufferPointer(start: bytes.base, count: bytes.count)
            case nil: unsafe payload = UnsafeRawBufferPointer(start: nil, count: 0)
            }
            let count = FrameHeader.byteCount + payload.count
            if count <= link.recordLimit(of: ring) {
                let header = FrameHeader(
                    kind: .post, route: number, seq: seq, payloadBytes: UInt32(truncatingIfNeeded: payload.count))
                while true {
                    let outcome = unsafe try link.write(ring, count: count, hold: true) { place in
                        // The record has room for the payload behind the header; the caller keeps the payload alive.
                        if let source = payload.baseAddress {
                            unsafe oro_put(place + 32, source, payload.count)
                        }
                        unsafe header.write(to: place)
                    }
                    if case .sent = outcome { return }
                    // With the lock of the shared ring nobody waits: who reads may need it.
                    guard link.ownRing == ring else { break }
                    try waitForRoom(ring)
                }
            }
        }
        link.flush(ring)
        try postOne(command, value, copy bytes, ring: ring)
    }

    private func postOne(_ command: String, _ value: Value?, _ bytes: Bytes?, ring: Int) throws(LinkError) {
        guard CommandName.isValid(command) else { throw .unencodable("'\(command.prefix(64))' is not a command") }
        let request = Request(
            kind: .post, command: command, value: value, bytes: bytes, seq: takeSeq(), ticket: 0, deadline: 0)
        try send(request, ring: ring, mayBlock: link.ownRing == ring)
    }

    /// Runs `body` with a ring that is the caller's meanwhile, and shows the host everything at the end.
    func batch<R>(_ body: (Int) throws(LinkError) -> R) throws(LinkError) -> R {
        if link.isOver { throw link.ending ?? .closed }
        return try link.withRing(shared: isInTask) { (ring) throws(LinkError) in
            defer { link.flush(ring) }
            return try body(ring)
        }
    }

    /// Tasks change threads; their messages keep their order by going through one ring.
    private var isInTask: Bool { unsafe withUnsafeCurrentTask { unsafe $0 != nil } }

    /// A request whose task is suspended until its result is there.
    func call(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, verb: StaticString
    ) async -> Result {
        if let error = refusal(command, options) { return Result(err: error, source: command) }
        if Task.isCancelled { return Result(err: .abort(), source: command) }
        let deadline = deadline(options)
        if let seq = options?.seq, isInFlight(seq) { return Result(err: .inFlight(seq), source: command) }
        let seq = options?.seq ?? takeSeq()
        attach()
        guard isAttached.load(ordering: .relaxed) else {
            return Result(err: .network("no thread for asynchronous calls could be started"), source: command)
        }
        let taken = pending.withLock { pending in
            pending.count >= self.options.pendingRequests
                ? 0 : pending.take(seq, isChosen: options?.seq != nil, deadline: deadline)
        }
        guard let ticket = taken else { return Result(err: .inFlight(seq), source: command) }
        guard ticket != 0 else { return Result(err: .tooMany(self.options.pendingRequests), source: command) }
        do throws(LinkError) {
            if link.isOver { throw link.ending ?? .closed }
            let request = Request(
                kind: .request, command: command, value: value, bytes: bytes, seq: seq, ticket: ticket,
                deadline: UInt32(truncatingIfNeeded: deadline ?? 0))
            try link.withRing(shared: true) { (ring) throws(LinkError) in
                try send(request, ring: ring, mayBlock: false)
            }
        } catch {
            pending.withLock { $0.free(ticket) }
            return Result(err: IPCError(error), source: command)
        }
        if deadline != nil { background.withLock { $0 }?.noteDeadline() }
        if let outcome = pollBriefly(ticket) { return Result(outcome, command) }
        // Ended meanwhile: whoever ended it may have looked at the table before this request was in it.
        if link.isOver { complete(ticket, seq: nil, .error(IPCError(link.ending ?? .closed))) }
        return await wait(ticket, options?.signal, command)
    }

    /// Reads for a moment before the task is suspended: an awake host answers sooner than a task is resumed.
    private func pollBriefly(_ ticket: UInt64) -> Outcome? {
        if options.idle == .park { return pending.withLock { $0.poll(ticket) } }
        guard takeRole() else { return nil }
        var outcome: Outcome?
        do throws(LinkError) {
            for _ in 0..<16 {
                if unsafe try receive(&receiving.pointee.spare, mine: ticket).gotMine {
                    pending.withLock { $0.free(ticket) }
                    outcome = unsafe .frame(receiving.pointee.spare)
                    break
                }
                _ = link.linger(32)
            }
        } catch {
            failAfterReading(error)
        }
        giveUpRole()
        return outcome ?? pending.withLock { $0.poll(ticket) }
    }

    private func wait(_ ticket: UInt64, _ signal: AbortSignal?, _ command: String) async -> Result {
        let token = signal?.listen { [weak self] reason in self?.giveUp(ticket, .abort(reason)) }
        let outcome = await withTaskCancellationHandler {
            unsafe await withUnsafeContinuation { (continuation: UnsafeContinuation<Outcome, Never>) in
                suspended.add(1, ordering: .sequentiallyConsistent)
                let now = pending.withLock { unsafe $0.wait(ticket, continuation) }
                if let now {
                    suspended.subtract(1, ordering: .relaxed)
                    unsafe continuation.resume(returning: now)
                } else {
                    watch()
                }
            }
        } onCancel: {
            giveUp(ticket, .abort())
        }
        if let token { signal?.unlisten(token) }
        outcome.takeOver()
        return Result(outcome, command)
    }

    /// Nobody waits for `ticket` any more.
    func giveUp(_ ticket: UInt64, _ error: IPCError) {
        complete(ticket, seq: nil, .error(error))
        sendAbort(ticket, error)
    }

    /// For the background thread.
    func expire() {
        let now = elapsedMilliseconds
        for ticket in pending.withLock({ $0.expire(now) }) { giveUp(ticket, ClientCore.timedOut("request")) }
    }

    /// When `expire` is due, as `oro_now` counts.
    var nextDeadline: UInt64 {
        guard let next = pending.withLock({ $0.nextDeadline }) else { return .max }
        return start + next * 1_000_000
    }
}
