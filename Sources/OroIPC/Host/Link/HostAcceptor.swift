// SPDX-License-Identifier: Apache-2.0

import CSupport
import DequeModule
import OroBase
import OroLink

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Accepts clients and shakes hands with them.
///
/// The poller's events only note what there is to do. The work itself is done in slices between the work for clients,
/// so that no number of connections delays those that are connected. Everything belongs to the host's thread.
final class HostAcceptor: SlicedWork {
    /// Connections that the kernel keeps for a host that has not accepted them yet.
    static let backlog = 512

    private unowned let core: HostCore
    private let options: HostOptions
    /// What clients may hold of what the system has little of.
    let budget: ResourceBudget
    private var listener: ListeningSocket?
    /// Keeps a descriptor number free, so that a client can be refused when there are no others.
    private var reserve: Descriptor?
    /// Handshakes that are not finished, by key.
    private var pending: [UInt64: PendingHandshake] = [:]
    /// Keys of those in `pending` that have a deadline, the earliest first.
    private var deadlines: [UInt64] = []
    /// Keys of `pending` whose sockets have something to read, each once.
    private var readable: Deque<UInt64> = []
    /// Clients may wait to be accepted.
    private var mayAccept = false
    /// This is among the host's slices.
    private var isScheduled = false
    /// When to look for clients that could not be accepted (`oro_now`); `.max`: there are none.
    private var acceptAgain = UInt64.max
    /// Edges of the listening socket are told.
    private var isListenerWatched = false
    private var isOpen = false

    private static let acceptAgainAfter: UInt64 = 100_000_000
    /// While another thread holds every descriptor, and while memory is short.
    private static let retryAfter: UInt64 = 10_000_000

    init(_ core: HostCore, _ options: HostOptions) throws(LinkError) {
        self.core = core
        self.options = options
        budget = try ResourceBudget.ofHost(options)
        reserve = try Descriptor(checking: oro_open_reserve(), "eventfd")
    }

    // MARK: What there is to do

    /// Whom to accept, before ``open()``.
    func setListener(_ socket: consuming ListeningSocket) { listener = consume socket }

    /// Begins to accept, the first time.
    func open() {
        if isOpen { return }
        isOpen = true
        accept()
    }

    /// The listening socket has news; `lost`: its watch is over.
    func handleListener(lost: LinkError?) {
        if lost != nil { isListenerWatched = false }
        accept()
    }

    /// The socket of a handshake has news; `lost`: its watch is over. Of another key nothing is known here.
    func handle(_ key: UInt64, lost: LinkError?) {
        guard let handshake = pending[key] else { return }
        if lost != nil { return drop(key) }
        if handshake.isReadable { return }
        handshake.isReadable = true
        readable.append(key)
        schedule()
    }

    /// When ``tick(_:)`` is due (`oro_now`).
    var nextDeadline: UInt64 {
        guard let first = deadlines.first, let handshake = pending[first] else { return acceptAgain }
        return min(handshake.deadline, acceptAgain)
    }

    func tick(_ now: UInt64) {
        if acceptAgain <= now { accept() }
        while let first = deadlines.first, let handshake = pending[first], handshake.deadline <= now {
            // Its hello may have come, and waits for its turn.
            if handshake.isReadable { continueHandshake(first) }
            guard pending[first] != nil else { continue }
            core.statistics.refused += 1
            drop(first)
        }
    }

    private func accept() {
        guard let number = listener?.number else { return }
        if !isListenerWatched { watchListener(number) }
        acceptAgain = isListenerWatched ? .max : oro_now() + HostAcceptor.acceptAgainAfter
        mayAccept = true
        schedule()
    }

    private func schedule() {
        if isScheduled { return }
        isScheduled = true
        core.slices.add(self, for: HostSlices.acceptor)
    }

    /// Where that cannot be done now, it is looked at now and then.
    private func watchListener(_ number: Int32) {
        do throws(LinkError) {
            try core.watchListener(number)
            isListenerWatched = true
        } catch {
            options.logger.warning("the listening socket is looked at now and then only: \(error)")
        }
    }

    /// Handshakes that are not finished.
    var pendingCount: Int { pending.count }

    // MARK: The work

    func goOn(_ slice: Slice) -> Bool {
        repeat {
            if let key = readable.popFirst() { continueHandshake(key) }
            if mayAccept { mayAccept = acceptNext() }
        } while (mayAccept || !readable.isEmpty) && !slice.isOver
        isScheduled = mayAccept || !readable.isEmpty
        return isScheduled
    }

    /// Accepts one client. False: none is left for now.
    private func acceptNext() -> Bool {
        guard let listener = listener?.number else { return false }
        // What is refused is closed too, and may bring files whose closing waits.
        if Int(clamping: oro_closing()) > budget.limits.descriptors / 4 {
            acceptAgain = oro_now() + HostAcceptor.acceptAgainAfter
            return false
        }
        let number = oro_socket_accept(listener)
        switch -number {
        case ...0: adopt(Descriptor(number, .socket))
        case ECONNABORTED: break
        case EMFILE, ENFILE:
            if refuseForLack(listener, -number) { break }
            // Another thread has taken what the reserve had kept free.
            acceptAgain = oro_now() + HostAcceptor.retryAfter
            return false
        case ENOMEM, ENOBUFS:
            // The edge is told once: whoever waits is looked at again when there may be memory.
            options.logger.warning("a client has to wait: \(LinkError.system(call: "accept4", errno: -number))")
            acceptAgain = oro_now() + HostAcceptor.retryAfter
            return false
        default: return false
        }
        return true
    }

    /// Begins the handshake with whoever holds the other end of `socket`. `mayBeSilent`: it was made here for a child,
    /// who may say hello when it likes.
    /// `label`: what it is called here.
    func adopt(_ socket: consuming Descriptor, label: String? = nil, mayBeSilent: Bool = false) {
        if core.shutdown != nil { return refuse(socket, .busy) }
        // Who it is stands fast before anything that it sends is read.
        let refusal: Refusal
        do throws(LinkError) {
            var peer = try PeerIdentity(of: socket)
            peer.label = label
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
                    peer, descriptors: ResourceBudget.descriptorsOfLink, mappings: ResourceBudget.mappingsOfLink)
                return begin(
                    PendingHandshake(
                        socket, peer,
                        deadline: mayBeSilent ? .max : oro_now() + UInt64(options.handshakeMilliseconds) * 1_000_000,
                        charge, handshake))
            }
        } catch {
            options.logger.info("a client was refused: \(error)")
            refusal = if case .overBudget = error { .full } else { .exhausted }
        }
        refuse(socket, refusal)
    }

    /// Why this peer does not become a client; `nil`: it may.
    private func admission(_ peer: PeerIdentity) -> Refusal? {
        guard peer.userID == oro_user_id() || options.policy != nil else { return .denied }
        if let refusal = options.policy?(peer) { return refusal }
        // The policy may have stopped the host.
        if core.hasStopped.load(ordering: .relaxed) { return .busy }
        if core.links.count >= options.links { return .full }
        if core.links.count + pending.count >= options.links || pending.count >= options.handshakes { return .busy }
        return nil
    }

    private func begin(_ handshake: PendingHandshake) {
        let key = core.takeKey()
        pending[key] = handshake
        if handshake.deadline != .max { deadlines.append(key) }
        do throws(LinkError) {
            try core.watchSocket(handshake.socket, key)
        } catch {
            options.logger.warning("a client cannot be watched: \(error)")
            core.statistics.refused += 1
            return drop(key)
        }
        continueHandshake(key)
    }

    private func continueHandshake(_ key: UInt64) {
        guard let handshake = pending[key] else { return }
        handshake.isReadable = false
        let attempt = Handshake.accept(
            handshake.takeSocket(), handshake.peer, limits: options.link,
            takesDescriptors: options.ports.allowsDescriptors, budget: budget, charge: handshake.charge)
        switch consume attempt {
        case .notYet(let socket):
            // Ours again until more comes.
            _ = socket.release()
        case .link(let link):
            forget(key)
            core.statistics.accepted += 1
            core.begin(link, key)
        case .refused(let refusal):
            unwatch(key)
            core.statistics.refused += 1
            options.logger.info("a client was refused: \(refusal)")
        case .failed(let error):
            unwatch(key)
            core.statistics.refused += 1
            options.logger.info("a handshake failed: \(error)")
        }
    }

    private func forget(_ key: UInt64) {
        pending[key] = nil
        deadlines.removeAll { $0 == key }
    }

    /// A poll of io_uring keeps the socket open although its descriptor is closed: the client would wait for ever.
    private func unwatch(_ key: UInt64) {
        core.unwatchSocket(key)
        forget(key)
    }

    private func drop(_ key: UInt64) {
        guard let handshake = pending[key] else { return }
        unwatch(key)
        _ = handshake.takeSocket()
    }

    // MARK: Refusals

    private func refuse(_ socket: borrowing Descriptor, _ refusal: Refusal) {
        Handshake.refuse(socket, refusal)
        core.statistics.refused += 1
    }

    /// Refuses the next client in the queue because there is no descriptor for it, by means of the reserved one. False:
    /// there was none.
    private func refuseForLack(_ listener: Int32, _ errno: Int32) -> Bool {
        reserve = nil
        let number = oro_socket_accept(listener)
        if number >= 0 {
            refuse(Descriptor(number, .socket), .exhausted)
            options.logger.warning("a client was refused: \(LinkError.system(call: "accept4", errno: errno))")
        }
        let again = oro_open_reserve()
        reserve = again < 0 ? nil : Descriptor(again)
        return number >= 0
    }

    // MARK: Its end

    /// Gives the listening socket back to whoever ends it, and accepts nobody any more.
    func takeListener() -> ListeningSocket? {
        if listener != nil, isOpen { core.unwatchListener() }
        mayAccept = false
        acceptAgain = .max
        return listener.take()
    }

    /// Ends the handshakes that are not finished.
    func dropAll() { for key in pending.keys { drop(key) } }
}

/// A client that has connected and not yet shaken hands.
final class PendingHandshake {
    let socket: Int32
    let peer: PeerIdentity
    let deadline: UInt64
    /// What the link counts for, until its socket is closed; and the handshake.
    let charge: ResourceCharge
    let handshake: ResourceCharge
    /// Its socket has something to read, and waits for its turn.
    var isReadable = false

    /// The socket is closed by whoever calls ``takeSocket()`` last.
    init(
        _ socket: consuming Descriptor, _ peer: PeerIdentity, deadline: UInt64, _ charge: ResourceCharge,
        _ handshake: ResourceCharge
    ) {
        self.socket = socket.release()
        self.peer = peer
        self.deadline = deadline
        self.charge = charge
        self.handshake = handshake
    }

    func takeSocket() -> Descriptor { Descriptor(socket, .socket, charge) }
}

extension ResourceBudget {
    /// What all clients together may hold, by the options or the system's limits.
    static func ofHost(_ options: HostOptions) throws(LinkError) -> ResourceBudget {
        for (name, percent) in [
            ("percentPerUser", options.percentPerUser), ("percentPerProcess", options.percentPerProcess),
        ] where !(1...100).contains(percent) {
            throw .badOptions("\(name) is \(percent), and must be 1 to 100")
        }
        func threeQuarters(_ limit: UInt64) -> Int { Int(clamping: limit / 4 * 3) }
        let limits = ResourceBudget.Amounts(
            descriptors: options.descriptors ?? threeQuarters(oro_descriptor_limit()),
            mappings: options.mappings ?? threeQuarters(oro_mapping_limit()), handshakes: options.handshakes)
        return ResourceBudget(limits, perUser: options.percentPerUser, perProcess: options.percentPerProcess)
    }

    /// Of every link: its socket, and the peer's process.
    static let descriptorsOfLink = 2
    /// Of every link: three for its segments' rings on either side, one for what either side gives back.
    static let mappingsOfLink = 6
}
