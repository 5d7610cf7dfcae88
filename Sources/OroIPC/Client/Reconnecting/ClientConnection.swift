// SPDX-License-Identifier: Apache-2.0

import CSupport
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
    private let name: String?
    private let policy: ReconnectPolicy?
    /// Leads to the present core.
    private let place: UnsafeMutablePointer<UnsafeRawPointer?>
    private let state: Locked<State>

    private struct State {
        var core: ClientCore
        private(set) var phase = ClientState.connected
        /// States that observers have not been told of.
        var untold: [ClientState] = []
        /// Replaced; a call may still use it, or wait there for what a draining host is at work on.
        var retired: [ClientCore] = []
        /// The present link is over; its host may be draining before that.
        var hasEnded = false
        /// Attempts that have failed since the last link that lived long.
        var failed = 0
        var isAttempting = false
        /// Of the timer that makes the next attempt: an earlier one does nothing.
        var timer = 0
        /// When the link that is missed has ended (`oro_now`).
        var endedAt: UInt64 = 0
        var observers: [UInt64: Observer] = [:]
        var waiting: [UInt64: LinkWaiter] = [:]
        /// When those are looked for whose time is over.
        var nextSweep = UInt64.max
        var calls: [UInt64: RepeatedCall] = [:]
        var last: UInt64 = 0
        /// What ended links have seen.
        var past = ClientStatistics()
        weak var owner: Client?

        mutating func enter(_ phase: ClientState) {
            self.phase = phase
            untold.append(phase)
        }

        mutating func next() -> UInt64 {
            last += 1
            return last
        }
    }

    /// Who is told of each state.
    private final class Observer: Sendable {
        let action: @Sendable (ClientState) -> Void
        init(_ action: @escaping @Sendable (ClientState) -> Void) { self.action = action }
    }

    /// States are told one at a time, in order.
    private let telling = Locked(())

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
            if state.retired.contains(where: { $0 === core }) {
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
        if begins { attempt() }
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
        attempt()
    }

    private func begin(_ state: inout State, _ why: LinkError, _ now: UInt64) {
        if let policy, now - state.core.link.start > policy.longestDelay.nanoseconds { state.failed = 0 }
        state.enter(.reconnecting(why))
        state.endedAt = now
    }

    /// Ends for good.
    func close(_ why: LinkError) {
        if core.link.isForeign { return }
        let (core, retired, isFirst) = state.withLock { state -> (ClientCore, [ClientCore], Bool) in
            if case .closed = state.phase { return (state.core, state.retired, false) }
            state.enter(.closed(why))
            return (state.core, state.retired, true)
        }
        for core in retired + [core] {
            core.fail(why)
            core.detach()
        }
        if isFirst { finish() }
    }

    /// It is closed.
    private func finish() {
        let waiting = state.withLock { state in
            defer { state.waiting = [:] }
            return state.waiting.values.map { $0 }
        }
        for waiter in waiting { waiter.fire(isLate: false) }
        events.close()
        let core = core
        core.ports.endSubscriptions(IPCError(core.link.ending ?? .closed))
        tell()
    }

    // MARK: Coming back

    private func attempt() {
        let begins = state.withLock { state in
            guard case .reconnecting = state.phase, !state.isAttempting else { return false }
            state.isAttempting = true
            state.timer += 1
            return true
        }
        guard begins, let name else { return }
        let reactor: ClientReactor
        let handshake: ClientHandshake
        do throws(LinkError) {
            reactor = try ClientReactor.shared(options)
            handshake = try Client.handshake(name, options)
        } catch {
            return failed(error, nil)
        }
        reactor.connect(handshake) { [weak self, weak reactor] outcome in
            guard let self else { return }
            switch outcome {
            case .success(let link):
                do throws(LinkError) { try self.take(link) } catch { self.failed(error, reactor) }
            case .failure(let error): self.failed(error, reactor)
            }
        }
    }

    /// An attempt has failed, or there is no thread that could make one.
    private func failed(_ why: LinkError, _ reactor: ClientReactor?) {
        let (next, timer) = state.withLock { state -> (UInt64?, Int) in
            state.isAttempting = false
            guard case .reconnecting = state.phase, let policy else { return (nil, 0) }
            let isFinal =
                switch why {
                case .refused(.denied), .refused(.version), .refused(.malformed), .badName, .badOptions, .closed: true
                default: false
                }
            let gone = oro_now() - state.endedAt
            if isFinal || reactor == nil || policy.giveUpAfter.map({ gone >= $0.nanoseconds }) == true {
                state.enter(.closed(why))
                return (0, 0)
            }
            defer { state.failed += 1 }
            return (policy.delay(after: state.failed), state.timer)
        }
        switch next {
        case nil: break
        case 0?:
            close(why)
            finish()
        case let delay?:
            reactor?.run(at: oro_now() + delay) { [weak self] in self?.tryAgain(timer) }
            // Whoever had time for this attempt alone.
            sweep(upTo: oro_now() + ClientConnection.grace)
        }
    }

    private func tryAgain(_ timer: Int) {
        if state.withLock({ $0.timer == timer }) { attempt() }
        collect()
    }

    /// The host, or another in its place, is there.
    private func take(_ link: Link) throws(LinkError) {
        let before = core
        let reactor = before.background.withLock { $0 }
        let core = try ClientCore(link, options, events, comesBack: comesBack, after: before)
        let owner = state.withLock { $0.owner }
        if let owner { core.ports.withLock { core.ports.retainedOwner = owner } }
        let (waiting, isTaken) = state.withLock { state -> ([LinkWaiter], Bool) in
            state.isAttempting = false
            guard case .reconnecting = state.phase else { return ([], false) }
            state.retired.append(state.core)
            if state.hasEnded { note(state.core, &state.past) }
            state.core = core
            state.hasEnded = false
            state.enter(.connected)
            // What is put there lives until it is retired, and then as long as it is pinned.
            unsafe oro_place_set(place, UnsafeRawPointer(Unmanaged.passUnretained(core).toOpaque()))
            defer { state.waiting = [:] }
            return (state.waiting.values.map { $0 }, true)
        }
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

    /// Lets go of replaced cores that nobody uses any more.
    private func collect() {
        let (free, isLeft) = state.withLock { state -> ([ClientCore], Bool) in
            var free: [ClientCore] = []
            state.retired.removeAll { core in
                guard core.link.isOver, unsafe !oro_pinned(Unmanaged.passUnretained(core).toOpaque()) else {
                    return false
                }
                free.append(core)
                return true
            }
            return (free, !state.retired.isEmpty)
        }
        for core in free { core.detach() }
        guard isLeft, let reactor = try? ClientReactor.shared(options) else { return }
        reactor.run(at: oro_now() + ClientConnection.collectionPause) { [weak self] in self?.collect() }
    }

    /// Nanoseconds between two looks at replaced cores that are in use.
    private static let collectionPause: UInt64 = 100_000_000

    // MARK: Observers

    func observe(_ action: @escaping @Sendable (ClientState) -> Void) -> UInt64 {
        tell()
        return telling.withLock { _ in
            let (token, now) = state.withLock { state -> (UInt64, ClientState?) in
                let token = state.next()
                state.observers[token] = Observer(action)
                return (token, state.untold.isEmpty ? state.phase : nil)
            }
            // Else it is told of what comes now.
            if let now { action(now) }
            return token
        }
    }

    func stopObserving(_ token: UInt64) {
        // Dropped outside the lock.
        let observer = state.withLock { $0.observers.removeValue(forKey: token) }
        withExtendedLifetime(observer) {}
    }

    /// Tells everybody of the states that came.
    private func tell() {
        telling.withLock { _ in
            while true {
                let (phase, observers) = state.withLock { state -> (ClientState?, [Observer]) in
                    let phase = state.untold.isEmpty ? nil : state.untold.removeFirst()
                    return (phase, state.observers.sorted { $0.key < $1.key }.map { $0.value })
                }
                guard let phase else { return }
                for observer in observers { observer.action(phase) }
            }
        }
    }

    // MARK: Waiting for a link

    /// Fires `waiter` once, on whatever thread, when there is a link, or the client is closed, or its time is over; at
    /// once, and returns `nil`, when there is nothing to wait for. The number is for ``forget(waiting:)``.
    func wait(_ waiter: LinkWaiter) -> UInt64? {
        let core = core
        // Maybe nobody has noticed yet.
        if core.link.isOver, !core.link.isForeign { ended(core, core.link.ending ?? .closed) }
        let (number, sweepsAt) = state.withLock { state -> (UInt64?, UInt64?) in
            guard case .reconnecting = state.phase else { return (nil, nil) }
            let number = state.next()
            state.waiting[number] = waiter
            guard waiter.deadline < state.nextSweep else { return (number, nil) }
            state.nextSweep = waiter.deadline
            return (number, waiter.deadline)
        }
        if let sweepsAt { sweep(at: sweepsAt) }
        // Somebody needs it now: no pause before the next attempt, if none is being made.
        if number != nil { attempt() }
        if number == nil { waiter.fire(isLate: false) }
        return number
    }

    private func sweep(at time: UInt64) {
        guard let reactor = try? ClientReactor.shared(options) else { return }
        reactor.run(at: time) { [weak self] in self?.sweep() }
    }

    /// Tells those whose time is over, or is by then.
    private func sweep(upTo time: UInt64? = nil) {
        let now = time ?? oro_now()
        let (late, next) = state.withLock { state -> ([LinkWaiter], UInt64) in
            let late = state.waiting.filter { $0.value.deadline <= now }
            for number in late.keys { state.waiting[number] = nil }
            let first = state.waiting.values.reduce(UInt64.max) { min($0, $1.deadline) }
            guard time == nil else { return (late.sorted { $0.key < $1.key }.map { $0.value }, .max) }
            state.nextSweep = first == .max ? .max : max(first, now + ClientConnection.sweepPause)
            return (late.sorted { $0.key < $1.key }.map { $0.value }, state.nextSweep)
        }
        for waiter in late { waiter.fire(isLate: true) }
        if next != .max { sweep(at: next) }
    }

    /// Nanoseconds that one attempt may take when requests wait no longer than for that.
    private static let grace: UInt64 = 20_000_000
    /// Nanoseconds between two looks at those who wait: however many there are, they cost little.
    private static let sweepPause: UInt64 = 2_000_000

    /// Nobody waits with this number any more. False: the waiter was fired, or is being fired.
    @discardableResult
    func forget(waiting number: UInt64) -> Bool { state.withLock { $0.waiting.removeValue(forKey: number) } != nil }

    // MARK: Calls that are sent again

    /// What the caller of a call knows it by that was not sent yet. No ticket of a link is such a number.
    func takeCallNumber() -> UInt64 {
        state.withLock { UInt64(UInt32(truncatingIfNeeded: $0.next())) << 32 | UInt64(UInt32.max) }
    }

    /// The call that its caller knows by this ticket is none of the present link's now.
    func remember(_ call: RepeatedCall, _ ticket: UInt64) { state.withLock { $0.calls[ticket] = call } }

    func forget(call ticket: UInt64) {
        // Dropped outside the lock.
        let call = state.withLock { $0.calls.removeValue(forKey: ticket) }
        withExtendedLifetime(call) {}
    }

    /// False: it is none of these calls.
    func giveUp(_ ticket: UInt64, _ error: IPCError) -> Bool {
        guard let call = state.withLock({ $0.calls[ticket] }) else { return false }
        call.giveUp(error)
        return true
    }

    /// Whether a request that came to this is to be sent again.
    func repeats(_ error: IPCError, on core: ObjectIdentifier, isIdempotent: Bool) -> Bool {
        guard policy != nil, let delivery = error.delivery, delivery != .unknown || isIdempotent else { return false }
        return state.withLock { state in
            switch state.phase {
            case .closed: false
            case .reconnecting: true
            // Nobody has noticed the link's end yet, or the link was replaced since then. What a host refuses that goes
            // on would be refused again.
            case .connected: delivery == .notSent || ObjectIdentifier(state.core) != core || state.core.link.isOver
            }
        }
    }

    /// How long a request that has begun at `start` waits for a link (`oro_now`), and whether its own timeout is why.
    func limit(_ timeout: Duration?, since start: UInt64) -> (time: UInt64, isTimeout: Bool) {
        let from = state.withLock { state in
            if case .reconnecting = state.phase { return state.endedAt }
            return oro_now()
        }
        // The host may be there again since the last attempt: one is made for this request.
        let patience = max(from + (policy?.callsWait.nanoseconds ?? 0), oro_now() + ClientConnection.grace)
        guard let timeout else { return (patience, false) }
        let end = start + timeout.nanoseconds
        return end < patience ? (end, true) : (patience, false)
    }

    /// The error of a request for which there was no link in time.
    var noLink: IPCError {
        let why = ending ?? .peerGone
        let wait = policy?.callsWait ?? .zero
        return IPCError.network("no link with the host '\(name ?? "")' within \(wait): \(why)").delivered(.notSent)
    }
}

/// Somebody who waits for a client's link, until a time (`oro_now`).
final class LinkWaiter: Sendable {
    let deadline: UInt64
    private let action: @Sendable (_ isLate: Bool) -> Void

    /// `action` only hands on.
    init(until deadline: UInt64, _ action: @escaping @Sendable (_ isLate: Bool) -> Void) {
        self.deadline = deadline
        self.action = action
    }

    /// By whoever has taken it out of those that wait.
    fileprivate func fire(isLate: Bool) { action(isLate) }
}
