import CSupport
import Logging
import OroFrame
import OroLink
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The host behind ``Host``: accepts clients and serves their links, on one reactor thread.
// Sendable: everything but `router`, `options`, `reactor` and `published` belongs to the reactor's thread.
@safe final class HostCore: ReactorService, @unchecked Sendable {
    let router: Router
    let options: HostOptions
    private let name: String?
    private let folder: SocketFolder
    var listener: ListeningSocket?
    /// Keeps a number free, to tell a client no when there are no others.
    var reserve: Descriptor?
    /// What clients may hold of what the system has little of.
    let budget: ResourceBudget
    private var reactorBox: Reactor?
    private var workersBox: HandlerWorkers?
    /// Runs the asynchronous handlers that would run on Swift's threads, where those cannot be relied on.
    let pool: HandlerPool?
    var links: [UInt64: HostLink] = [:]
    /// The clients connected now, for other threads.
    let clients = Locked<[UInt64: ConnectedClient]>([:])
    let outgoingQueue = Locked(OutgoingQueue())
    /// Set while it shuts down.
    var shutdown: HostShutdown?
    /// Some thread has begun to serve.
    let isServing = Atomic<Bool>(false)
    let hasStopped = Atomic<Bool>(false)
    /// Those of `links` that are looked at in every turn; outside the object, so that no access needs a check for
    /// exclusivity, and without references of their own, so that none is counted on the way to a message.
    private let activeBox: UnsafeMutablePointer<ContiguousArray<Unmanaged<HostLink>>>
    private var active: ContiguousArray<Unmanaged<HostLink>> {
        unsafeAddress { unsafe UnsafePointer(activeBox) }
        unsafeMutableAddress { unsafe activeBox }
    }
    private(set) var greetings: [UInt64: Greeting] = [:]
    /// The private memory that all clients together make this host keep.
    let account: ByteAccount.Total
    /// The shared memory for blocks of all links.
    let blocks: ByteAccount.Total
    /// All ports of the clients and of this host; and those of this host.
    let broker: PortBroker
    /// What goes on over turns.
    let slices = HostSlices()
    let ports: PortHome
    private let portRoute = HostPortRoute()
    /// Keys of `greetings` in the order their deadlines come.
    private var greetingOrder: [UInt64] = []
    /// Links are being looked at. A handler on this thread may end any of them meanwhile, its own too, by stopping the host.
    private var isPolling = false
    /// Those that were ended meanwhile, kept until nobody looks at them.
    private var endedMeanwhile: [HostLink] = []
    private var nextKey: UInt64 = 1
    var statistics = HostStatistics()
    private let published = Locked(HostStatistics())
    private var isOpen = false
    private let ending = Locked(true)
    /// When to look for clients that could not be accepted; `.max`: there are none.
    private var acceptAgain = UInt64.max
    /// Edges of the listening socket are told.
    private var isListenerWatched = false

    /// What an event's key stands for: its low two bits.
    private enum Source {
        static let socket: UInt64 = 1
        static let pidfd: UInt64 = 2
        static let listener: UInt64 = 3
    }

    init(name: String?, options: HostOptions) throws(LinkError) {
        self.name = name
        self.options = options
        router = Router(logger: options.logger)
        folder = SocketFolder(options.folder)
        account = ByteAccount.Total(limit: options.receivedBytes, own: 64 << 10, accounts: options.links)
        blocks = ByteAccount.Total(limit: options.blockBytes, own: Arena.firstMemory, accounts: options.links)
        broker = PortBroker(options.ports, longestMessage: options.link.messageBytes, slices: slices)
        ports = PortHome(route: portRoute)
        budget = try HostCore.budget(options)
        if let wrong = Ring.problem(options.link) ?? options.problem { throw .badOptions(wrong) }
        // Now, and not when the first is needed: on the host's thread nothing may be started.
        let started = oro_closer_start()
        guard started == 0 else { throw .system(call: "pthread_create", errno: -started) }
        pool = try HandlerPool.whereNeeded()
        // Last: an error before everything is set frees nothing that is in memory of its own.
        unsafe activeBox = .allocate(capacity: 1)
        unsafe activeBox.initialize(to: [])
        reserve = try Descriptor(checking: oro_open_reserve(), "eventfd")
        reactorBox = try Reactor(service: self, backend: options.backend, idle: options.idle)
        workersBox = HandlerWorkers(reactor.executor, options.priority)
        broker.setLocal(LocalPorts(ports))
        broker.hub.kept = ByteAccount(
            limit: .max / 4, total: account, ByteAccount.Settings(own: "", total: "HostOptions.receivedBytes"))
        portRoute.attach(self)
        if let name { listener = try folder.listen(name, backlog: Int32(HostCore.backlog)) }
        router.setHostThread { [weak self] job in self?.reactor.submit(job) ?? false }
        if options.builtInRoutes { router.setBuiltIn(BuiltInRoutes.all(of: self)) }
    }

    deinit {
        unsafe activeBox.deinitialize(count: 1)
        unsafe activeBox.deallocate()
    }

    var reactor: Reactor {
        // Set in the initializer and never again.
        reactorBox!
    }

    /// What runs asynchronous handlers on this thread.
    var workers: HandlerWorkers {
        // As above.
        workersBox!
    }

    /// Watches the listening socket, the first time; on the reactor's thread.
    func open() {
        if reactor.isForeign { return }
        isServing.store(true, ordering: .relaxed)
        guard !isOpen else { return }
        isOpen = true
        acceptAll()
    }

    private func watch(_ fd: Int32, _ key: UInt64) throws(LinkError) { try reactor.poller.add(fd, key: key + 4) }

    private func stopWatching(_ key: UInt64) { reactor.poller.remove(key: key + 4) }

    /// Any thread, several at once.
    func stop() {
        if reactor.isForeign { return }
        hasStopped.store(true, ordering: .relaxed)
        if reactor.isReactorThread {
            reactor.stop()
            close()
        } else {
            // Whoever comes second returns when all is done, as the first.
            ending.withLock { _ in
                reactor.stop()
                close()
            }
        }
    }

    /// Stops accepting and ends all links. On the reactor's thread, or after it has ended.
    private func close() {
        stopListening()
        for key in greetings.keys { dropGreeting(key) }
        for link in Array(links.values) { end(link, .closed) }
        slices.finish()
        workers.close()
        ports.end(.network("the host has stopped"))
        publish()
    }

    /// Lets go of the name: another host may take it.
    func stopListening() {
        guard let listening = listener.take() else { return }
        if isOpen { stopWatching(Source.listener) }
        // A child that was forked leaves all of it to its parent.
        guard listening.isOwn else { return }
        folder.remove(listening)
        listening.shutDown()
        // Whoever is still waiting is told.
        for _ in 0..<HostCore.backlog {
            let number = oro_socket_accept(listening.number)
            if number < 0 { break }
            Rendezvous.refuse(Descriptor(number, .socket), .busy)
        }
    }

    func frameLimits(_ link: Link) -> FrameLimits {
        var limits = FrameLimits.default
        limits.maxFrameBytes = link.peerMessageBytes
        return limits
    }

    /// What was done so far; from other threads than the host's it may lag a moment behind.
    var snapshot: HostStatistics {
        if reactor.isForeign { return HostStatistics() }
        if reactor.isReactorThread { publish() }
        var figures = published.withLock { $0 }
        for client in clients.withLock({ Array($0.values) }) { client.figures.add(to: &figures, client.arena) }
        return figures
    }

    /// What is not counted for each link. Before each sleep, so it costs the same with any number of links.
    private func publish() {
        statistics.links = links.count
        statistics.ports = broker.ends
        statistics.receivedBytes = account.bytes
        let held = budget.held
        (statistics.descriptors, statistics.mappings) = (held.descriptors, held.mappings)
        statistics.closingDescriptors = Int(clamping: oro_closing())
        published.withLock { $0 = statistics }
    }

    /// A handler has finished; from any thread.
    func finish(_ link: UInt64, _ request: FrameHeader, _ wideSeq: Seq?, serial: UInt64, _ result: Result) {
        submit(to: link) { (host) throws(LinkError) in
            try host.finish(request, wideSeq, serial: serial, result)
        }
    }

    /// The same from a job on the host's thread, at once.
    func finishHere(_ link: UInt64, _ request: FrameHeader, _ wideSeq: Seq?, serial: UInt64, _ result: Result) {
        // The end of a stream takes the way of its chunks, so that it comes behind them.
        guard reactor.executor.jobs.isCurrent, let host = links[link], host.running[serial]?.reply == nil else {
            return finish(link, request, wideSeq, serial: serial, result)
        }
        // What the handler has sent by way of other threads goes first.
        emitWaiting()
        perform(host) { (host) throws(LinkError) in try host.finish(request, wideSeq, serial: serial, result) }
    }

    /// Runs `job` on the host's thread, if the link is there by then; from any thread.
    func submit(to link: UInt64, _ job: @escaping @Sendable (HostLink) throws(LinkError) -> Void) {
        reactor.submit { [self] in
            if let host = links[link] { perform(host, job) }
        }
    }

    /// Does something to a link outside of its turn. On the host's thread.
    func perform(_ host: HostLink, _ job: (HostLink) throws(LinkError) -> Void) {
        guard links[host.key] === host else { return }
        do throws(LinkError) {
            try job(host)
            // A link at rest is armed for news, not for room: what did not fit has to be written by polling.
            if host.link.isBackedUp(0) { activate(host) }
        } catch {
            end(host, error)
        }
    }

    /// Somebody waits for a block of this link: it has to be looked at. Any thread.
    private func serveBlocks(_ link: UInt64) {
        reactor.submit { [self] in
            if let host = links[link] { activate(host) }
        }
    }

    // MARK: Reactor

    func reactorPolls() -> Bool {
        var progressed = false
        let looks = options.idle == .park ? 1 : Patience.looksAtOnce
        isPolling = true
        var now = oro_ticks()
        let end = now &+ Turn.peerTicks
        // The common case of speed is one busy client: its next message is answered without another look around.
        for round in 1...HostCore.roundsAtOnce {
            if pollLinks(&now) { progressed = true }
            if slices.run() { progressed = true }
            if round % Turn.records == 0, oro_ticks() > end { break }
            guard slices.isEmpty, unsafe active.count == 1,
                unsafe active[0]._withUnsafeGuaranteedRef({ $0.lingers(looks) })
            else {
                break
            }
        }
        isPolling = false
        if !endedMeanwhile.isEmpty { endedMeanwhile = [] }
        if unsafe active.count != 1 && !progressed { oro_spin_pause() }
        return progressed
    }

    /// How often one busy client is served before jobs, deadlines and other descriptors get their turn.
    private static let roundsAtOnce = 64
    /// Most messages of a ring in a turn.
    private static let messagesAtOnce = 64
    /// Most clients that wait to be accepted.
    private static let backlog = 512
    /// Most clients accepted in a turn.
    private static let acceptsAtOnce = 16

    /// Looks at every active link once, from `now` on (`oro_ticks`). True when there was something.
    @inline(__always)
    private func pollLinks(_ now: inout UInt64) -> Bool {
        var progressed = false
        var index = 0
        while unsafe index < active.count {
            let host = unsafe active[index]
            var failure: LinkError?
            // Kept by `links`, and when it is ended by `endedMeanwhile`.
            let stays = unsafe host._withUnsafeGuaranteedRef { host in
                do throws(LinkError) {
                    let count = try host.poll(limit: HostCore.messagesAtOnce, until: now &+ Turn.peerTicks)
                    if count > 0 {
                        // Others have their time from now on.
                        if count >= Turn.records { now = oro_ticks() }
                        host.idleTurns = 0
                        progressed = true
                        return true
                    }
                    host.idleTurns += 1
                    if host.link.isOver { throw host.link.ending ?? .closed }
                    return unsafe !(host.idleTurns > 4096 && active.count > 1 && tryRest(host))
                } catch {
                    failure = error
                    return false
                }
            }
            if let failure { unsafe end(host.takeUnretainedValue(), failure) }
            if stays { index += 1 }
        }
        return progressed
    }

    /// Takes a link that has long been silent from the list of those that are looked at. False when it was not.
    private func tryRest(_ host: HostLink) -> Bool {
        // A client that does not take its results is not read from: then only room counts.
        let waits = host.link.isBackedUp(0)
        let wantsBlocks = host.link.arena.isWanted
        if !host.link.arm(room: waits || wantsBlocks)
            || host.link.hasSomething(orRoomIn: waits ? 0 : nil, reading: !waits)
            || (wantsBlocks && host.link.arena.hasReturns)
        {
            host.link.disarm()
            host.idleTurns = 0
            return false
        }
        deactivate(host)
        return true
    }

    func reactorArms() -> Bool {
        publish()
        while let host = unsafe active.last {
            if unsafe !tryRest(host.takeUnretainedValue()) { return false }
        }
        return true
    }

    func reactorSharesProcessor() -> Bool {
        for index in unsafe active.indices {
            if unsafe active[index].takeUnretainedValue().link.sharesProcessor { return true }
        }
        return false
    }

    func activate(_ host: HostLink) {
        if host.isActive || host.isEnded { return }
        host.link.disarm()
        host.isActive = true
        host.idleTurns = 0
        host.activeIndex = unsafe active.count
        unsafe active.append(.passUnretained(host))
    }

    private func deactivate(_ host: HostLink) {
        guard host.isActive else { return }
        host.isActive = false
        let last = unsafe active.removeLast().takeUnretainedValue()
        if last !== host {
            unsafe active[host.activeIndex] = .passUnretained(last)
            last.activeIndex = host.activeIndex
        }
    }

    func reactorHears(_ event: Poller.Event) {
        let key = event.key - 4
        let id = key & ~3
        if key == Source.listener {
            if event.lost != nil { isListenerWatched = false }
            return acceptAll()
        }
        guard let host = links[id] else {
            guard greetings[id] != nil else { return }
            if event.lost != nil { return dropGreeting(id) }
            return greet(id)
        }
        if let why = event.lost { return end(host, why) }
        if key & 3 == Source.pidfd { return end(host, .peerGone) }
        // What it sent before it went is still served, as far as it goes.
        host.link.hear(hasHungUp: event.hasHungUp)
        activate(host)
    }

    /// Where that cannot be done now, it is looked at now and then.
    private func watchListener() {
        guard let listener = listener?.number else { return }
        do throws(LinkError) {
            try watch(listener, Source.listener)
            isListenerWatched = true
        } catch {
            options.logger.warning("the listening socket is looked at now and then only: \(error)")
        }
    }

    private static let acceptAgainAfter: UInt64 = 100_000_000

    // MARK: Clients come and go

    private func acceptAll() {
        guard let listener = listener?.number else { return }
        if !isListenerWatched { watchListener() }
        acceptAgain = isListenerWatched ? .max : oro_now() + HostCore.acceptAgainAfter
        // What is refused is closed too, and may bring files whose closing waits.
        if Int(clamping: oro_closing()) > budget.limits.descriptors / 4 {
            acceptAgain = oro_now() + HostCore.acceptAgainAfter
            return
        }
        for _ in 0..<HostCore.acceptsAtOnce {
            let number = oro_socket_accept(listener)
            if number == -ECONNABORTED { continue }
            if number == -EMFILE || number == -ENFILE {
                if refuseForLack(listener, -number) { continue }
                // Another thread has taken what the reserve had kept free.
                acceptAgain = oro_now() + 10_000_000
                return
            }
            if number == -ENOMEM || number == -ENOBUFS {
                // The edge is told once: whoever waits is looked at again when there may be memory.
                options.logger.warning("a client has to wait: \(LinkError.system(call: "accept4", errno: -number))")
                acceptAgain = oro_now() + 10_000_000
            }
            if number < 0 { return }
            adopt(Descriptor(number, .socket))
        }
        // Those that still wait are for the next turn.
        acceptAgain = 0
    }

    /// Begins the handshake with whoever holds the other end of `socket`. On the reactor's thread.
    func adopt(_ socket: consuming Descriptor) {
        if shutdown != nil { return refuse(socket, .busy) }
        // Who it is stands fast before anything that it sends is read.
        let refusal: Refusal
        do throws(LinkError) {
            let peer = try PeerIdentity(of: socket)
            if let why = admission(peer) {
                refusal = why
            } else {
                let handshake: ResourceCharge
                do throws(LinkError) {
                    handshake = try budget.charge(peer, handshakes: 1)
                } catch {
                    options.logger.info("a client was refused: \(error)")
                    return refuse(socket, .busy)
                }
                let charge = try budget.charge(
                    peer, descriptors: HostCore.descriptorsOfLink, mappings: HostCore.mappingsOfLink)
                return begin(
                    Greeting(
                        socket, peer, deadline: oro_now() + UInt64(options.handshakeMilliseconds) * 1_000_000, charge,
                        handshake))
            }
        } catch {
            options.logger.info("a client was refused: \(error)")
            refusal = if case .overBudget = error { .full } else { .exhausted }
        }
        refuse(socket, refusal)
    }

    private func begin(_ greeting: Greeting) {
        let key = takeKey()
        greetings[key] = greeting
        greetingOrder.append(key)
        do throws(LinkError) {
            try watch(greeting.socket, key | Source.socket)
        } catch {
            options.logger.warning("a client cannot be watched: \(error)")
            statistics.refused += 1
            return dropGreeting(key)
        }
        greet(key)
    }

    private func takeKey() -> UInt64 {
        defer { nextKey += 1 }
        return nextKey << 2
    }

    private func greet(_ key: UInt64) {
        guard let greeting = greetings[key] else { return }
        let attempt = Rendezvous.greet(
            greeting.takeSocket(), greeting.peer, limits: options.link,
            takesDescriptors: options.ports.allowsDescriptors, budget: budget, charge: greeting.charge)
        switch consume attempt {
        case .notYet(let socket):
            // Ours again until more comes.
            _ = socket.release()
        case .link(let link):
            forget(key)
            statistics.accepted += 1
            let host = HostLink(link, key, core: self)
            links[key] = host
            clients.withLock { $0[key] = host.client }
            link.arena.setServer { [weak self] in self?.serveBlocks(key) }
            host.activeIndex = unsafe active.count
            unsafe active.append(.passUnretained(host))
            // The socket is watched since it came, under the same key.
            do throws(LinkError) {
                if let pidfd = link.pidfd { try watch(pidfd, key | Source.pidfd) }
            } catch {
                return end(host, error)
            }
            options.logger.debug("link \(key): process \(link.peer.processID) connected")
            options.onConnect?(host.client)
        case .refused(let refusal):
            unwatch(key)
            statistics.refused += 1
            options.logger.info("a client was refused: \(refusal)")
        case .failed(let error):
            unwatch(key)
            statistics.refused += 1
            options.logger.info("a handshake failed: \(error)")
        }
    }

    private func forget(_ key: UInt64) {
        greetings[key] = nil
        greetingOrder.removeAll { $0 == key }
    }

    /// A poll of io_uring keeps the socket open although its descriptor is closed: the client would wait for ever.
    private func unwatch(_ key: UInt64) {
        stopWatching(key | Source.socket)
        forget(key)
    }

    func dropGreeting(_ key: UInt64) {
        guard let greeting = greetings[key] else { return }
        unwatch(key)
        _ = greeting.takeSocket()
    }

    func reactorNextDeadline() -> UInt64 {
        let other = min(acceptAgain, shutdown?.nextLook ?? .max, broker.nextDrain)
        guard let first = greetingOrder.first, let greeting = greetings[first] else { return other }
        return min(greeting.deadline, other)
    }

    func reactorTicks(_ now: UInt64) {
        if acceptAgain <= now { acceptAll() }
        if broker.nextDrain <= now { broker.giveUpDrains(now) }
        if shutdown != nil { goOnShuttingDown(now) }
        while let first = greetingOrder.first, let greeting = greetings[first], greeting.deadline <= now {
            statistics.refused += 1
            dropGreeting(first)
        }
    }

    /// Ends a link and forgets everything about its client.
    func end(_ host: HostLink, _ why: LinkError) {
        let key = host.key
        guard links.removeValue(forKey: key) != nil else { return }
        if isPolling { endedMeanwhile.append(host) }
        clients.withLock { $0[key] = nil }
        host.client.setGone()
        // The first reason counts; a thread that looked at returned blocks may have had one.
        let why = host.link.ending ?? why
        host.figures.addTotals(to: &statistics, host.link.arena)
        if case .violation(let what) = why {
            statistics.violations += 1
            options.logger.warning("link \(key) (process \(host.link.peer.processID)) is over: \(what)")
        } else if why.isOurs {
            options.logger.warning("link \(key) (process \(host.link.peer.processID)) is over: \(why)")
            // It has done nothing wrong, and hears why.
            host.sayGoodbye("\(why)")
        } else {
            options.logger.debug("link \(key) is over: \(why)")
        }
        if case .overQuota = why { host.sayGoodbye(why.description) }
        deactivate(host)
        host.isEnded = true
        host.link.end(why)
        stopWatching(key | Source.socket)
        if host.link.pidfd != nil { stopWatching(key | Source.pidfd) }
        host.beginTeardown()
        publish()
        options.onDisconnect?(host.client)
    }
}
