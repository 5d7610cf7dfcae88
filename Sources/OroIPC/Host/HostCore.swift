// SPDX-License-Identifier: Apache-2.0

import CSupport
import Logging
import OroBase
import OroFrame
import OroLink
import OroPorts
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
    private var acceptorBox: HostAcceptor?
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
    /// The private memory that all clients together make this host keep.
    let account: ByteAccount.Total
    /// The shared memory for blocks of all links.
    let blocks: ByteAccount.Total
    /// All ports of the clients and of this host; and those of this host.
    let broker: PortBroker
    /// The other ends of all broadcast channels.
    let hub: BroadcastHub
    /// What goes on over turns.
    let slices = HostSlices()
    let ports: PortNode
    private let portRoute = HostPortRoute()
    /// Links are being looked at. A handler on this thread may end any of them meanwhile, its own too, by stopping the
    /// host.
    private var isPolling = false
    /// Those that were ended meanwhile, kept until nobody looks at them.
    private var endedMeanwhile: [HostLink] = []
    private var nextKey: UInt64 = 1
    var statistics = HostStatistics()
    private let published = Locked(HostStatistics())
    private let ending = Locked(true)

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
        hub = BroadcastHub(broker)
        ports = PortNode(route: portRoute)
        if let wrong = Ring.problem(options.link) ?? options.problem { throw .badOptions(wrong) }
        // Now, and not when the first is needed: on the host's thread nothing may be started.
        let started = min(oro_closer_start(), oro_memory_start())
        guard started == 0 else { throw .system(call: "pthread_create", errno: -started) }
        pool = try HandlerPool.whereNeeded()
        // Last: an error before everything is set frees nothing that is in memory of its own.
        unsafe activeBox = .allocate(capacity: 1)
        unsafe activeBox.initialize(to: [])
        reactorBox = try Reactor(service: self, backend: options.backend, idle: options.idle)
        workersBox = HandlerWorkers(reactor.executor, options.priority)
        broker.setLocal(HostPortOwner(ports))
        broker.setHub(hub)
        ports.acceptTransfers()
        hub.kept = ByteAccount(
            limit: .max / 4, total: account, ByteAccount.Settings(own: "", total: "HostOptions.receivedBytes"))
        portRoute.attach(self)
        acceptorBox = try HostAcceptor(self, options)
        if options.builtInRoutes { router.setBuiltIn(try BuiltInRoutes.wanted(of: self)) }
        // Last of what can fail: the socket file of a host that was not made would stay behind.
        if let name {
            let listener = try folder.listen(name, backlog: Int32(HostAcceptor.backlog))
            LocalHosts.add(reactor, listener.file)
            acceptor.setListener(listener)
        }
        router.setHostThread { [weak self] job in self?.reactor.submit(job) ?? false }
    }

    deinit {
        unsafe activeBox.deinitialize(count: 1)
        unsafe activeBox.deallocate()
    }

    var reactor: Reactor {
        // Set in the initializer and never again.
        reactorBox!
    }

    /// Accepts clients.
    var acceptor: HostAcceptor {
        // As above.
        acceptorBox!
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
        acceptor.open()
    }

    private func watch(_ fd: Int32, _ key: UInt64) throws(LinkError) { try reactor.poller.add(fd, key: key + 4) }

    private func stopWatching(_ key: UInt64) { reactor.poller.remove(key: key + 4) }

    func watchSocket(_ fd: Int32, _ key: UInt64) throws(LinkError) { try watch(fd, key | Source.socket) }

    func unwatchSocket(_ key: UInt64) { stopWatching(key | Source.socket) }

    func watchListener(_ fd: Int32) throws(LinkError) { try watch(fd, Source.listener) }

    func unwatchListener() { stopWatching(Source.listener) }

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
        acceptor.dropAll()
        for link in Array(links.values) { end(link, .closed) }
        slices.finish()
        workers.close()
        ports.end(.network("the host has stopped"))
        publish()
    }

    /// Lets go of the name: another host may take it.
    func stopListening() {
        guard let listening = acceptor.takeListener() else { return }
        // A child that was forked leaves all of it to its parent.
        guard listening.isOwn else { return }
        folder.remove(listening)
        listening.shutDown()
        // Whoever is still waiting is told.
        for _ in 0..<HostAcceptor.backlog {
            let number = oro_socket_accept(listening.number)
            if number < 0 { break }
            Handshake.refuse(Descriptor(number, .socket), .busy)
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
        let held = acceptor.budget.held
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
        let polls = options.idle == .park ? 1 : IdleStrategy.pollsAtOnce
        isPolling = true
        var now = oro_ticks()
        let end = now &+ Turn.peerTicks
        // The common case of speed is one busy client: its next message is answered without another look around.
        for round in 1...HostCore.roundsAtOnce {
            if pollLinks(&now) { progressed = true }
            if slices.run() { progressed = true }
            if round % Turn.records == 0, oro_ticks() > end { break }
            guard slices.isEmpty, unsafe active.count == 1,
                unsafe active[0]._withUnsafeGuaranteedRef({ $0.spin(polls) })
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
            || (wantsBlocks && host.link.arena.hasReleases)
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

    func reactorHandles(_ event: Poller.Event) {
        let key = event.key - 4
        let id = key & ~3
        if key == Source.listener { return acceptor.handleListener(lost: event.lost) }
        guard let host = links[id] else { return acceptor.handle(id, lost: event.lost) }
        if let why = event.lost { return end(host, why) }
        // What it wrote before it went is still read.
        if key & 3 == Source.pidfd {
            host.isLeaving = true
        } else {
            host.link.noteSocketEvent(hasHungUp: event.hasHungUp)
        }
        activate(host)
    }

    // MARK: Clients come and go

    func takeKey() -> UInt64 {
        defer { nextKey += 1 }
        return nextKey << 2
    }

    /// Begins to serve a client that has shaken hands.
    func begin(_ link: Link, _ key: UInt64) {
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
    }

    func reactorNextDeadline() -> UInt64 {
        min(acceptor.nextDeadline, shutdown?.nextLook ?? .max, broker.nextDrain)
    }

    func reactorTicks(_ now: UInt64) {
        acceptor.tick(now)
        if broker.nextDrain <= now { broker.giveUpDrains(now) }
        if shutdown != nil { goOnShuttingDown(now) }
    }

    /// Ends a link and forgets everything about its client.
    func end(_ host: HostLink, _ why: LinkError) {
        let key = host.key
        guard links.removeValue(forKey: key) != nil else { return }
        if isPolling { endedMeanwhile.append(host) }
        clients.withLock { $0[key] = nil }
        // The first reason counts; a thread that looked at returned blocks may have had one.
        let why = host.link.ending ?? why
        host.client.setGone(why)
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
