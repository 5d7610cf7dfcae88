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
    var listener: Descriptor?
    private var reactorBox: Reactor?
    private var workersBox: HandlerWorkers?
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
    /// Requests of links that have ended.
    private var requestsBefore = 0
    private var copiedBefore = 0
    private let published = Locked(HostStatistics())
    private var isOpen = false
    private let ending = Locked(true)
    /// When to look for clients that could not be accepted; `.max`: there are none.
    private var acceptAgain = UInt64.max

    /// What an event's key stands for: its low two bits.
    private enum Source {
        static let chime: UInt64 = 0
        static let socket: UInt64 = 1
        static let pidfd: UInt64 = 2
        static let listener: UInt64 = 3
    }

    /// A client that has connected and not yet shaken hands.
    final class Greeting {
        let socket: Int32
        let deadline: UInt64
        /// Closes the socket unless the handshake takes it over.
        init(_ socket: consuming Descriptor, deadline: UInt64) {
            self.socket = socket.release()
            self.deadline = deadline
        }
    }

    init(name: String?, options: HostOptions) throws(LinkError) {
        self.name = name
        self.options = options
        router = Router(logger: options.logger)
        folder = SocketFolder(options.folder)
        account = ByteAccount.Total(limit: options.receivedBytes, own: 64 << 10, accounts: options.links)
        blocks = ByteAccount.Total(limit: options.blockBytes, own: Arena.firstMemory, accounts: options.links)
        broker = PortBroker(options.ports, longestMessage: options.link.messageBytes)
        ports = PortHome(route: portRoute)
        unsafe activeBox = .allocate(capacity: 1)
        unsafe activeBox.initialize(to: [])
        if let wrong = Ring.problem(options.link) ?? options.problem { throw .badOptions(wrong) }
        reactorBox = try Reactor(service: self, backend: options.backend, idle: options.idle)
        workersBox = HandlerWorkers(reactor.executor, options.priority)
        broker.setLocal(LocalPorts(ports))
        portRoute.attach(self)
        if let name { listener = try folder.listen(name, backlog: 512) }
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
        isServing.store(true, ordering: .relaxed)
        guard !isOpen, let listener = listener?.number else { return }
        isOpen = true
        watch(listener, Source.listener)
        acceptAll()
    }

    private func watch(_ fd: Int32, _ key: UInt64) { try? reactor.poller.add(fd, key: key + 4) }

    /// Any thread, several at once.
    func stop() {
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
        workers.close()
        ports.end(.network("the host has stopped"))
        publish()
    }

    /// Lets go of the name: another host may take it.
    func stopListening() {
        guard let socket = listener?.number else { return }
        if isOpen { reactor.poller.remove(socket, key: Source.listener + 4) }
        if let name { folder.remove(name) }
        listener = nil
    }

    func frameLimits(_ link: Link) -> FrameLimits {
        var limits = FrameLimits.default
        limits.maxFrameBytes = link.peerMessageBytes
        return limits
    }

    /// What was done so far; from other threads than the host's it may lag a moment behind.
    var snapshot: HostStatistics {
        if reactor.isReactorThread { publish() }
        return published.withLock { $0 }
    }

    private func publish() {
        statistics.links = links.count
        statistics.requests = requestsBefore
        statistics.copiedBytes = copiedBefore
        statistics.ports = broker.ends
        statistics.receivedBytes = account.bytes
        (statistics.bytesOnLoan, statistics.loans, statistics.blockMemory) = (0, 0, 0)
        for host in links.values {
            statistics.requests += host.requests
            statistics.copiedBytes += host.copiedBytes
            let blocks = host.link.arena.figures
            statistics.bytesOnLoan += blocks.bytesOut
            statistics.loans += blocks.loansOut
            statistics.blockMemory += blocks.memoryBytes
        }
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
        guard links[host.link.id] === host else { return }
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
        // The common case of speed is one busy client: its next message is answered without another look around.
        for _ in 0..<HostCore.roundsAtOnce {
            if pollLinks() { progressed = true }
            guard unsafe active.count == 1, unsafe active[0]._withUnsafeGuaranteedRef({ $0.lingers(looks) }) else {
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

    /// Looks at every active link once. True when there was something.
    @inline(__always)
    private func pollLinks() -> Bool {
        var progressed = false
        var index = 0
        while unsafe index < active.count {
            let host = unsafe active[index]
            var failure: LinkError?
            // Kept by `links`, and when it is ended by `endedMeanwhile`.
            let stays = unsafe host._withUnsafeGuaranteedRef { host in
                do throws(LinkError) {
                    if try host.poll(limit: 64) > 0 {
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

    func reactorHears(_ event: UInt64) {
        let key = (event & ~Poller.ended) - 4
        let id = key & ~3
        if event & Poller.ended != 0, let descriptor = watched(key) { watch(descriptor, key) }
        if key == Source.listener { return acceptAll() }
        guard let host = links[id] else {
            if greetings[id] != nil { greet(id) }
            return
        }
        switch key & 3 {
        case Source.chime: activate(host)
        case Source.pidfd: end(host, .peerGone)
        default:
            // What it sent before it went is still served, as far as it goes.
            do throws(LinkError) {
                try host.link.readSocket()
                activate(host)
            } catch {
                end(host, error)
            }
        }
    }

    /// What is watched under this key; `nil`: it is gone.
    private func watched(_ key: UInt64) -> Int32? {
        if key == Source.listener { return listener?.number }
        let id = key & ~3
        guard let link = links[id]?.link else { return greetings[id]?.socket }
        switch key & 3 {
        case Source.chime: return link.chime
        case Source.socket: return link.socket.number
        default: return link.pidfd
        }
    }

    // MARK: Clients come and go

    private func acceptAll() {
        guard let listener = listener?.number else { return }
        acceptAgain = .max
        while true {
            let number = oro_socket_accept(listener)
            if number == -ECONNABORTED { continue }
            if number == -EMFILE || number == -ENFILE || number == -ENOMEM || number == -ENOBUFS {
                // The edge is told once: whoever waits is looked at again when descriptors may be free.
                options.logger.warning("a client has to wait: errno \(-number)")
                acceptAgain = oro_now() + 100_000_000
            }
            if number < 0 { return }
            adopt(Descriptor(number))
        }
    }

    /// Begins the handshake with whoever holds the other end of `socket`. On the reactor's thread.
    func adopt(_ socket: consuming Descriptor) {
        if shutdown != nil {
            Rendezvous.refuse(socket, .busy)
            statistics.refused += 1
            return
        }
        if links.count + greetings.count >= options.links || greetings.count >= options.handshakes {
            Rendezvous.refuse(socket, links.count >= options.links ? .full : .busy)
            statistics.refused += 1
            return
        }
        let key = takeKey()
        let greeting = Greeting(socket, deadline: oro_now() + UInt64(options.handshakeMilliseconds) * 1_000_000)
        greetings[key] = greeting
        greetingOrder.append(key)
        watch(greeting.socket, key | Source.socket)
        greet(key)
    }

    private func takeKey() -> UInt64 {
        defer { nextKey += 1 }
        return nextKey << 2
    }

    private func greet(_ key: UInt64) {
        guard let greeting = greetings[key] else { return }
        let attempt = Rendezvous.greet(
            Descriptor(greeting.socket), id: key, limits: options.link,
            takesDescriptors: options.ports.allowsDescriptors,
            decide: { [options] peer in
                guard peer.userID == oro_user_id() || options.policy != nil else { return .denied }
                return options.policy?(peer)
            })
        switch consume attempt {
        case .notYet(let socket):
            // Ours again until more comes.
            _ = socket.release()
        case .link(let link):
            forget(key)
            statistics.accepted += 1
            let host = HostLink(link, core: self)
            links[key] = host
            clients.withLock { $0[key] = host.client }
            link.arena.setServer { [weak self] in self?.serveBlocks(key) }
            host.activeIndex = unsafe active.count
            unsafe active.append(.passUnretained(host))
            watch(link.chime, key | Source.chime)
            // The socket is watched since it came, under the same key.
            if let pidfd = link.pidfd { watch(pidfd, key | Source.pidfd) }
            options.logger.debug("link \(link.id): process \(link.peer.processID) connected")
            options.onConnect?(host.client)
        case .refused(let refusal):
            unwatch(greeting, key)
            statistics.refused += 1
            options.logger.info("a client was refused: \(refusal)")
        case .failed(let error):
            unwatch(greeting, key)
            statistics.refused += 1
            options.logger.info("a handshake failed: \(error)")
        }
    }

    private func forget(_ key: UInt64) {
        greetings[key] = nil
        greetingOrder.removeAll { $0 == key }
    }

    /// A poll of io_uring keeps the socket open although its descriptor is closed: the client would wait for ever.
    private func unwatch(_ greeting: Greeting, _ key: UInt64) {
        reactor.poller.remove(greeting.socket, key: (key | Source.socket) + 4)
        forget(key)
    }

    func dropGreeting(_ key: UInt64) {
        guard let greeting = greetings[key] else { return }
        unwatch(greeting, key)
        oro_close(greeting.socket)
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
        let key = host.link.id
        guard links.removeValue(forKey: key) != nil else { return }
        if isPolling { endedMeanwhile.append(host) }
        clients.withLock { $0[key] = nil }
        host.client.setGone()
        // The first reason counts; a thread that looked at returned blocks may have had one.
        let why = host.link.ending ?? why
        requestsBefore += host.requests
        copiedBefore += host.copiedBytes
        if case .violation(let what) = why {
            statistics.violations += 1
            options.logger.warning("link \(key) (process \(host.link.peer.processID)) is over: \(what)")
        } else {
            options.logger.debug("link \(key) is over: \(why)")
        }
        if case .overQuota = why { host.sayGoodbye(why.description) }
        deactivate(host)
        host.isEnded = true
        host.cancelAll()
        host.link.end(why)
        reactor.poller.remove(host.link.chime, key: (key | Source.chime) + 4)
        reactor.poller.remove(host.link.socket.number, key: (key | Source.socket) + 4)
        if let pidfd = host.link.pidfd { reactor.poller.remove(pidfd, key: (key | Source.pidfd) + 4) }
        publish()
        options.onDisconnect?(host.client)
    }
}
