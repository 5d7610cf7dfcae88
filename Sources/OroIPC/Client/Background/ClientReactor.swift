// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroLink
import Synchronization

/// The background thread that serves the asynchronous calls of a process's clients.
///
/// There is one for each combination of backend and idle policy in use; it lives as long as the process, and sleeps in
/// the kernel while nothing is pending.
// Sendable: `clients`, `active`, `keys` belong to the reactor's thread; the rest is atomic or in a mutex.
final class ClientReactor: ReactorService, @unchecked Sendable {
    private struct Kind: Hashable {
        var backend: WakeBackend?
        var idle: IdlePolicy
        /// The threads of a process do not go along to a forked child.
        var generation = oro_generation()
    }

    private static let all = Locked<[Kind: ClientReactor]>([:])

    /// The thread for clients with these options, started when it is the first time.
    static func shared(_ options: ClientOptions) throws(LinkError) -> ClientReactor {
        let kind = Kind(backend: options.backend ?? WakeBackend.forced, idle: options.idle)
        // A child that is forked meanwhile would find it locked.
        oro_fork_hold()
        defer { oro_fork_release() }
        return try all.withLock { (all) throws(LinkError) in
            if let reactor = all[kind] { return reactor }
            let reactor = try ClientReactor(kind.backend, kind.idle)
            all[kind] = reactor
            return reactor
        }
    }

    private var reactorBox: Reactor?
    private let isTurned: Bool
    private var clients: [UInt64: Watched] = [:]
    private var keys: [ObjectIdentifier: UInt64] = [:]
    private var active: [Watched] = []
    private var nextKey: UInt64 = 1
    /// Clients that are connecting, by key.
    private var connecting: [UInt64: Connecting] = [:]
    /// Clients that wait for the socket of their host.
    private var sockets = SocketWatch()
    /// What is to run, and when.
    private var timers: [(time: UInt64, job: @Sendable () -> Void)] = []
    /// Those that may have deadlines; the others are not looked at for them.
    private let withDeadlines = Locked<[ObjectIdentifier: Timed]>([:])

    /// A client while it is attached. Weak: a client nobody has any more goes away, and detaches.
    private final class Watched {
        weak var client: ClientCore?
        let key: UInt64
        /// What the poller watches, kept open until it is told to stop.
        let link: Link
        var isActive = true
        var idleTurns = 0
        /// Links with other clients, watched as long as they are here.
        var directs: [DirectLink] = []

        init(_ client: ClientCore, key: UInt64) {
            self.client = client
            self.key = key
            link = client.link
        }
    }

    /// One without a thread, for a single client: a foreign event loop calls ``turn()``.
    ///
    /// With epoll: threads that block between two turns have the bell rung, and what io_uring reports of that while
    /// nobody takes it would outgrow its queue.
    static func turned(_ options: ClientOptions) throws(LinkError) -> ClientReactor {
        try ClientReactor(.epoll, options.idle, isTurned: true)
    }

    private init(_ backend: WakeBackend?, _ idle: IdlePolicy, isTurned: Bool = false) throws(LinkError) {
        self.isTurned = isTurned
        let reactor = try Reactor(service: self, backend: backend, idle: idle)
        reactorBox = reactor
        if !isTurned { try reactor.start() }
    }

    private var reactor: Reactor {
        // Set in the initializer and never again.
        reactorBox!
    }

    var backend: WakeBackend { reactor.backend }

    /// Runs tasks on the reactor's thread.
    var executor: ReactorExecutor { reactor.executor }

    // MARK: In a foreign event loop

    /// Readable when ``turn()`` has something to do.
    var descriptor: Int32 { reactor.descriptor }

    /// As ``Reactor/turn()``, for one that is turned.
    func turn() -> UInt64? { reactor.turn() }

    /// As ``Reactor/turn(spinning:)``.
    func turn(spinning nanoseconds: UInt64) -> UInt64? { reactor.turn(spinning: nanoseconds) }

    /// Nobody will turn it any more: what it was still to do is done here, which also lets go of what it works for.
    func retire() { if isTurned { reactor.stop() } }

    /// Runs `job` on the reactor's thread, soon; the descriptor of one that is turned gets readable.
    func submit(_ job: @escaping @Sendable () -> Void) { reactor.submit(job) }

    /// The calling thread is the reactor's.
    var isCurrentThread: Bool { reactor.isReactorThread }

    // MARK: From any thread

    func attach(_ client: ClientCore) {
        reactor.submit { [self, weak client] in
            guard let client else { return }
            let watched = Watched(client, key: nextKey << Source.bits)
            nextKey += 1
            clients[watched.key] = watched
            keys[ObjectIdentifier(client)] = watched.key
            active.append(watched)
            watch(watched)
            for direct in client.directs.known.withLock({ Array($0.values) }) { watch(direct, watched) }
        }
    }

    /// A client has a new link with another.
    func watch(_ direct: DirectLink, of client: ClientCore) {
        let id = ObjectIdentifier(client)
        reactor.submit { [self] in
            guard let key = keys[id], let watched = clients[key] else { return }
            watch(direct, watched)
            activate(watched)
        }
    }

    func stopWatching(_ direct: DirectLink, of client: ClientCore) {
        let id = ObjectIdentifier(client)
        reactor.submit { [self] in
            guard let key = keys[id], let watched = clients[key] else { return }
            stopWatching(direct, watched)
        }
    }

    /// The client is going away.
    func detach(_ client: ClientCore) {
        let id = ObjectIdentifier(client)
        reactor.submit { [self] in
            guard let key = keys.removeValue(forKey: id), let watched = clients[key] else { return }
            drop(watched)
        }
    }

    /// Has something to do for this client.
    func look(_ client: ClientCore) {
        let id = ObjectIdentifier(client)
        if reactor.isAwakeHere, let key = keys[id], let watched = clients[key] { return activate(watched) }
        reactor.submit { [self] in
            guard let key = keys[id], let watched = clients[key] else { return }
            activate(watched)
        }
    }

    /// A deadline was set that may be earlier than all others.
    func noteDeadline(_ client: ClientCore) {
        // SYNC: sequentially consistent on both sides: either the mark is found set, and taken away after this, or set
        // here.
        if !client.hasDeadlines.exchange(true, ordering: .sequentiallyConsistent) {
            withDeadlines.withLock { $0[ObjectIdentifier(client)] = Timed(client) }
        }
        reactor.wakeUp()
    }

    /// A client whose calls have deadlines.
    private struct Timed {
        weak var client: ClientCore?
        init(_ client: ClientCore) { self.client = client }
    }

    // MARK: Connecting

    /// A client that is connecting. Belongs to the reactor's thread.
    // Sendable: as the reactor.
    private final class Connecting: @unchecked Sendable {
        let handshake: ClientHandshake
        private var done: (@Sendable (Swift.Result<Link, LinkError>) -> Void)?
        var key: UInt64 = 0
        /// The descriptor that is watched; -1: none.
        var watched: Int32 = -1
        /// It was given up before it had begun here.
        var isGivenUp = false

        init(_ handshake: ClientHandshake) { self.handshake = handshake }

        func set(_ done: @escaping @Sendable (Swift.Result<Link, LinkError>) -> Void) { self.done = done }

        func end(_ outcome: Swift.Result<Link, LinkError>) { done.take()?(outcome) }
    }

    /// The link that comes of `handshake`. Throws `cancelled` when the task is.
    func finish(_ handshake: ClientHandshake) async throws(LinkError) -> Link {
        let connecting = Connecting(handshake)
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isTaken = reactor.submit { [self] in
                    connecting.set { continuation.resume(returning: $0) }
                    begin(connecting)
                }
                if !isTaken { continuation.resume(returning: .failure(.closed)) }
            }
        } onCancel: {
            reactor.submit { [self] in giveUp(connecting) }
        }
        return try outcome.get()
    }

    /// Calls `done` with the link that comes of `handshake`, on the reactor's thread.
    func connect(_ handshake: ClientHandshake, _ done: @escaping @Sendable (Swift.Result<Link, LinkError>) -> Void) {
        let connecting = Connecting(handshake)
        let isTaken = reactor.submit { [self] in
            connecting.set(done)
            begin(connecting)
        }
        if !isTaken { done(.failure(.closed)) }
    }

    /// Runs `job` on the reactor's thread at this time (`oro_now`), or soon after.
    func run(at time: UInt64, _ job: @escaping @Sendable () -> Void) {
        reactor.submit { [self] in timers.append((time, job)) }
    }

    /// Tells `wait` of its socket until nobody has it any more.
    func await(_ wait: SocketWait) {
        reactor.submit { [self, weak wait] in
            guard let wait else { return }
            let key = nextKey << Source.bits
            nextKey += 1
            sockets.add(wait, key: key) { (descriptor) throws(LinkError) in
                try reactor.poller.add(descriptor, key: key)
            }
        }
    }

    func stopAwaiting(_ wait: ObjectIdentifier) {
        reactor.submit { [self] in
            sockets.remove(wait)
            sockets.closeIfUnused { reactor.poller.remove(key: $0) }
        }
    }

    /// Sockets have come to be. A folder in which very many do holds nobody up.
    private func readSocketFolders() {
        if sockets.readFolders() { reactor.submit { [self] in readSocketFolders() } }
        sockets.closeIfUnused { reactor.poller.remove(key: $0) }
    }

    private func begin(_ connecting: Connecting) {
        if connecting.isGivenUp { return connecting.end(.failure(.cancelled)) }
        connecting.key = nextKey << Source.bits
        nextKey += 1
        self.connecting[connecting.key] = connecting
        step(connecting)
    }

    private func giveUp(_ connecting: Connecting) {
        connecting.isGivenUp = true
        if self.connecting[connecting.key] === connecting { end(connecting, .failure(.cancelled)) }
    }

    private func step(_ connecting: Connecting) {
        do throws(LinkError) {
            if let link = try connecting.handshake.step() { return end(connecting, .success(link)) }
            let descriptor = connecting.handshake.descriptor
            guard connecting.watched != descriptor else { return }
            try reactor.poller.add(descriptor, key: connecting.key)
            connecting.watched = descriptor
        } catch {
            end(connecting, .failure(error))
        }
    }

    private func end(_ connecting: Connecting, _ outcome: Swift.Result<Link, LinkError>) {
        self.connecting[connecting.key] = nil
        if connecting.watched >= 0 { reactor.poller.remove(key: connecting.key) }
        connecting.end(outcome)
    }

    // MARK: On the reactor's thread

    private func watch(_ watched: Watched) {
        do throws(LinkError) {
            try reactor.poller.add(watched.link.socket.number, key: watched.key + Source.socket)
            if let pidfd = watched.link.pidfd { try reactor.poller.add(pidfd, key: watched.key + Source.pidfd) }
        } catch {
            watched.link.halt(error)
            watched.client?.readSocketInBackground(processEnded: false)
        }
    }

    /// The key of a client's link has its low bits free.
    private enum Source {
        static let bits: UInt64 = 12
        static let socket: UInt64 = 0
        static let pidfd: UInt64 = 1
        /// Then comes one for each direct link.
        static let direct: UInt64 = 2
    }

    private func key(_ direct: DirectLink, _ watched: Watched) -> UInt64 {
        watched.key + Source.direct + UInt64(direct.slot)
    }

    private func watch(_ direct: DirectLink, _ watched: Watched) {
        if watched.directs.contains(where: { $0 === direct }) || direct.isOver { return }
        watched.directs.append(direct)
        do throws(LinkError) {
            try reactor.poller.add(direct.link.socket.number, key: key(direct, watched))
        } catch {
            direct.link.halt(error)
            watched.client?.noteDirectSocketEvents()
        }
    }

    private func stopWatching(_ direct: DirectLink, _ watched: Watched) {
        guard watched.directs.contains(where: { $0 === direct }) else { return }
        watched.directs.removeAll { $0 === direct }
        reactor.poller.remove(key: key(direct, watched))
    }

    private func drop(_ watched: Watched) {
        for direct in watched.directs { stopWatching(direct, watched) }
        clients[watched.key] = nil
        active.removeAll { $0 === watched }
        reactor.poller.remove(key: watched.key + Source.socket)
        reactor.poller.remove(key: watched.key + Source.pidfd)
    }

    private func activate(_ watched: Watched) {
        watched.client?.isWatched.store(true, ordering: .sequentiallyConsistent)
        watched.idleTurns = 0
        if watched.isActive { return }
        watched.isActive = true
        active.append(watched)
    }

    func reactorPolls() -> Bool {
        var progressed = false
        for watched in active {
            guard let client = watched.client, !client.link.isOver else { continue }
            if client.pollInBackground() { progressed = true }
        }
        return progressed
    }

    func reactorHandles(_ event: Poller.Event) {
        let source = event.key & (1 << Source.bits - 1)
        guard let watched = clients[event.key - source] else {
            if event.key == sockets.key {
                readSocketFolders()
            } else if let new = connecting[event.key] {
                if let why = event.lost { end(new, .failure(why)) } else { step(new) }
            }
            return
        }
        activate(watched)
        if source >= Source.direct { return handleDirect(event, watched, slot: Int(source - Source.direct)) }
        if let why = event.lost { watched.link.halt(why) }
        if source == Source.pidfd {
            watched.client?.readSocketInBackground(processEnded: true)
        } else if event.lost != nil || watched.link.mustRead(hasHungUp: event.hasHungUp) {
            watched.client?.readSocketInBackground(processEnded: false)
        }
    }

    /// For one of its links with other clients.
    private func handleDirect(_ event: Poller.Event, _ watched: Watched, slot: Int) {
        guard let direct = watched.directs.first(where: { $0.slot == slot }) else { return }
        if let why = event.lost { direct.link.halt(why) }
        if event.lost != nil || direct.link.mustRead(hasHungUp: event.hasHungUp) {
            watched.client?.noteDirectSocketEvents()
        }
    }

    func reactorArms() -> Bool {
        while let watched = active.last {
            if let client = watched.client, !client.link.isOver, !client.armInBackground() { return false }
            watched.isActive = false
            active.removeLast()
        }
        return true
    }

    func reactorSharesProcessor() -> Bool {
        var isNeeded = false
        for watched in active {
            if watched.link.sharesProcessor { return true }
            if watched.client?.needsWatch == true { isNeeded = true }
        }
        // Nobody to poll for: sleep.
        return !isNeeded
    }

    func reactorNextDeadline() -> UInt64 {
        var first = connecting.values.reduce(UInt64.max) { min($0, $1.handshake.nextStep) }
        for timer in timers { first = min(first, timer.time) }
        return withDeadlines.withLock { timed in
            var next = first
            for (id, entry) in timed {
                guard let client = entry.client else {
                    timed[id] = nil
                    continue
                }
                let deadline = client.nextDeadline
                next = min(next, deadline)
                if deadline != .max { continue }
                client.hasDeadlines.store(false, ordering: .sequentiallyConsistent)
                // One that was set meanwhile has found the mark.
                let again = client.nextDeadline
                if again == .max {
                    timed[id] = nil
                } else {
                    client.hasDeadlines.store(true, ordering: .sequentiallyConsistent)
                    next = min(next, again)
                }
            }
            return next
        }
    }

    func reactorTicks(_ now: UInt64) {
        for entry in withDeadlines.withLock({ Array($0.values) }) { entry.client?.expire() }
        for new in connecting.values where new.handshake.nextStep <= now { step(new) }
        let due = timers.filter { $0.time <= now }
        if due.isEmpty { return }
        timers.removeAll { $0.time <= now }
        for timer in due { timer.job() }
    }
}
