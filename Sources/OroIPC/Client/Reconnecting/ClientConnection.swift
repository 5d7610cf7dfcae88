// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame
import OroLink

/// The link of a client, and those that take its place when the host ends, or is replaced.
///
/// Each link has a ``ClientCore`` of its own. Calls use the present one without counting a reference
/// (``withCore(_:)``); one that was replaced lives until no call uses it any more.
// Sendable: `place` is read by `oro_pin`, and written with the lock; the rest is constant or in a mutex.
@safe final class ClientConnection: @unchecked Sendable {
    let options: ClientOptions
    /// Those who listen do so to the client, whichever link it has.
    let events: EventDispatcher
    /// Whom to connect to again; `nil`: nothing leads to that host again.
    let name: String?
    let policy: ReconnectPolicy?
    /// Leads to the present core.
    private let place: UnsafeMutablePointer<UnsafeRawPointer?>
    let state: Locked<State>
    /// States are told one at a time, in order.
    let telling = Locked(())

    /// What belongs together, under one lock.
    struct State {
        var core: ClientCore
        private(set) var phase = ClientState.connected
        /// The present link is over; its host may be draining before that.
        var hasEnded = false
        /// When the link that is missed has ended (`oro_now`).
        var endedAt: UInt64 = 0
        var retired = RetiredCores()
        var attempts = ConnectionAttempts()
        var observers = StateObservers()
        var waiters = LinkWaiters()
        var calls: [UInt64: RepeatedCall] = [:]
        private var last: UInt64 = 0
        /// What ended links have seen.
        var past = ClientStatistics()
        weak var owner: Client?

        init(core: ClientCore) { self.core = core }

        mutating func enter(_ phase: ClientState) {
            self.phase = phase
            observers.note(phase)
        }

        /// A number that nobody else has.
        mutating func next() -> UInt64 {
            last += 1
            return last
        }
    }

    init(_ core: ClientCore, name: String?) {
        oro_pins_begin()
        options = core.options
        events = core.events
        self.name = name
        policy = name == nil ? nil : core.options.reconnect
        unsafe place = .allocate(capacity: 1)
        // As long as `state` has it, or it is retired.
        unsafe place.initialize(to: UnsafeRawPointer(Unmanaged.passUnretained(core).toOpaque()))
        state = Locked(State(core: core))
        follow(core)
    }

    deinit { unsafe place.deallocate() }

    /// Ports that come over a link keep the client.
    func setOwner(_ owner: Client) {
        state.withLock { $0.owner = owner }
        let core = core
        core.ports.withLock { core.ports.retainedOwner = owner }
    }

    // MARK: The present link

    /// Runs `body`, which must not suspend, with the present core. Counts no reference.
    @inline(__always)
    func withCore<R, E: Error>(_ body: (ClientCore) throws(E) -> R) throws(E) -> R {
        guard let pinned = unsafe oro_pin(place) else { return try body(state.withLock { $0.core }) }
        defer { oro_unpin() }
        // What is pinned is not freed.
        return try unsafe Unmanaged<ClientCore>.fromOpaque(pinned).borrowed(body)
    }

    /// The present core.
    var core: ClientCore {
        guard let pinned = unsafe oro_pin(place) else { return state.withLock { $0.core } }
        defer { oro_unpin() }
        // What is pinned is not freed before it is retained.
        return unsafe Unmanaged<ClientCore>.fromOpaque(pinned).retain().takeRetainedValue()
    }

    var clientState: ClientState { state.withLock { $0.phase } }

    /// Why there is no link; `nil` while there is one.
    var ending: LinkError? {
        if core.link.isForeign { return .forked }
        let (core, phase, hasEnded) = state.withLock { ($0.core, $0.phase, $0.hasEnded) }
        switch phase {
        case .connected: return core.link.ending
        case .reconnecting(let why): return hasEnded ? why : core.link.ending
        case .closed(let why): return why
        }
    }

    /// What the links so far have seen that are over.
    var past: ClientStatistics { state.withLock { $0.past } }

    /// It connects again when its link ends.
    var comesBack: Bool { policy != nil }

    // MARK: Its end

    /// Hears of the end of this core's link.
    private func follow(_ core: ClientCore) {
        core.atDrain.withLock { $0 = { [weak self, weak core] in if let core { self?.drains(core) } } }
        // Descriptors that come are looked at also while nobody waits.
        if options.allowsDescriptors { core.attach() }
        core.onEnd { [weak self, weak core] why in
            guard let core else { return }
            if let self { self.ended(core, why) } else { core.events.close() }
        }
    }

    /// A client comes back for this reason: the host's process has ended, or it has drained.
    static func comesBack(_ why: LinkError, _ core: ClientCore) -> Bool {
        switch why {
        case .peerGone: true
        case .goodbye: core.isDraining.load(ordering: .relaxed)
        default: false
        }
    }

    /// The link of `core` is over. Any thread; may be called again.
    func ended(_ core: ClientCore, _ why: LinkError) {
        let now = oro_now()
        let (begins, isOver) = state.withLock { state -> (Bool, Bool) in
            if state.retired.contains(core) {
                // Its place was taken while the host was draining.
                note(core, &state.past)
                return (false, false)
            }
            guard state.core === core, !state.hasEnded else { return (false, false) }
            if case .closed = state.phase { return (false, false) }
            state.hasEnded = true
            guard policy != nil, ClientConnection.comesBack(why, core) else {
                state.enter(.closed(why))
                return (false, true)
            }
            // A draining host was said to end: the attempts go on.
            if case .reconnecting = state.phase {
                state.enter(.reconnecting(why))
                return (false, false)
            }
            begin(&state, why, now)
            return (true, false)
        }
        if isOver { return finish() }
        tell()
        if begins { attempt(.planned) }
        collect()
    }

    /// The host of `core` takes no requests any more, and finishes those it has.
    func drains(_ core: ClientCore) {
        guard policy != nil else { return }
        let begins = state.withLock { state in
            guard state.core === core, state.phase == .connected else { return false }
            begin(&state, .goodbye("the host is shutting down"), oro_now())
            return true
        }
        guard begins else { return }
        tell()
        attempt(.planned)
    }

    private func begin(_ state: inout State, _ why: LinkError, _ now: UInt64) {
        if let policy, now - state.core.link.start > policy.longestDelay.nanoseconds { state.attempts.failed = 0 }
        state.enter(.reconnecting(why))
        state.endedAt = now
    }

    /// Ends for good.
    func close(_ why: LinkError) {
        if core.link.isForeign { return }
        let (core, retired, isFirst) = state.withLock { state -> (ClientCore, [ClientCore], Bool) in
            if case .closed = state.phase { return (state.core, state.retired.cores, false) }
            state.enter(.closed(why))
            return (state.core, state.retired.cores, true)
        }
        for core in retired + [core] {
            core.fail(why)
            core.detach()
        }
        if isFirst { finish() }
    }

    /// It is closed.
    func finish() {
        let (waiting, watch) = state.withLock { ($0.waiters.takeAll(), $0.attempts.watch.take()) }
        // Dropped outside the lock.
        withExtendedLifetime(watch) {}
        for waiter in waiting { waiter.fire(isLate: false) }
        events.close()
        let core = core
        core.ports.endSubscriptions(IPCError(core.link.ending ?? .closed))
        tell()
    }

    // MARK: The next link

    /// The host, or another in its place, is there.
    func take(_ link: Link) throws(LinkError) {
        let before = core
        let reactor = before.background.withLock { $0 }
        let core = try ClientCore(link, options, events, comesBack: comesBack, after: before)
        let owner = state.withLock { $0.owner }
        if let owner { core.ports.withLock { core.ports.retainedOwner = owner } }
        let (waiting, watch, isTaken) = state.withLock { state -> ([LinkWaiter], SocketWait?, Bool) in
            state.attempts.isRunning = false
            guard case .reconnecting = state.phase else { return ([], nil, false) }
            state.retired.add(state.core)
            if state.hasEnded { note(state.core, &state.past) }
            state.core = core
            state.hasEnded = false
            state.enter(.connected)
            // What is put there lives until it is retired, and then as long as it is pinned.
            unsafe oro_place_set(place, UnsafeRawPointer(Unmanaged.passUnretained(core).toOpaque()))
            return (state.waiters.takeAll(), state.attempts.connected(), true)
        }
        // Dropped outside the lock.
        withExtendedLifetime(watch) {}
        guard isTaken else {
            core.fail(.closed)
            return
        }
        // Its background thread, or the loop that turns it, is this one's too.
        if let reactor { core.attach(to: reactor) }
        follow(core)
        // Its host drains: nobody else hears of the end.
        if !before.link.isOver { before.attach() }
        if events.isListened { core.listeningChanged() }
        before.ports.moveSubscriptions(to: core.ports)
        tell()
        for waiter in waiting { waiter.fire(isLate: false) }
        collect()
    }

    private func note(_ core: ClientCore, _ past: inout ClientStatistics) {
        past.lateResults += core.late.load(ordering: .relaxed)
        past.copiedBytes += core.copiedBytes
        past.directMessages += core.directs.sent.now
    }
}
