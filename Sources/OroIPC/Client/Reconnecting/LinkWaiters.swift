// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroLink

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
    func fire(isLate: Bool) { action(isLate) }
}

/// Those who wait for a client's link.
struct LinkWaiters {
    private var waiting: [UInt64: LinkWaiter] = [:]
    /// When those are looked for whose time is over.
    private var nextSweep = UInt64.max

    /// When to look for those whose time is over, where that is earlier than was known.
    mutating func add(_ number: UInt64, _ waiter: LinkWaiter) -> UInt64? {
        waiting[number] = waiter
        guard waiter.deadline < nextSweep else { return nil }
        nextSweep = waiter.deadline
        return nextSweep
    }

    mutating func remove(_ number: UInt64) -> LinkWaiter? { waiting.removeValue(forKey: number) }

    mutating func takeAll() -> [LinkWaiter] {
        defer { waiting = [:] }
        return LinkWaiters.inOrder(waiting)
    }

    mutating func takeLate(by time: UInt64) -> [LinkWaiter] {
        let late = waiting.filter { $0.value.deadline <= time }
        for number in late.keys { waiting[number] = nil }
        return LinkWaiters.inOrder(late)
    }

    /// When to look next, not before `earliest`; `.max`: nobody waits.
    mutating func plan(_ earliest: UInt64) -> UInt64 {
        let first = waiting.values.reduce(UInt64.max) { min($0, $1.deadline) }
        nextSweep = first == .max ? .max : max(first, earliest)
        return nextSweep
    }

    private static func inOrder(_ waiting: [UInt64: LinkWaiter]) -> [LinkWaiter] {
        waiting.sorted { $0.key < $1.key }.map { $0.value }
    }
}

extension ClientConnection {
    /// Fires `waiter` once, on whatever thread, when there is a link, or the client is closed, or its time is over; at
    /// once, and returns `nil`, when there is nothing to wait for. The number is for ``forget(waiting:)``.
    func wait(_ waiter: LinkWaiter) -> UInt64? {
        let core = core
        // Maybe nobody has noticed yet.
        if core.link.isOver, !core.link.isForeign { ended(core, core.link.ending ?? .closed) }
        let (number, sweepsAt) = state.withLock { state -> (UInt64?, UInt64?) in
            guard case .reconnecting = state.phase else { return (nil, nil) }
            let number = state.next()
            return (number, state.waiters.add(number, waiter))
        }
        if let sweepsAt { sweep(at: sweepsAt) }
        // Somebody needs it now: no pause before the next attempt, if none is being made.
        if number != nil { attempt(.wanted) } else { waiter.fire(isLate: false) }
        return number
    }

    private func sweep(at time: UInt64) {
        guard let reactor = try? ClientReactor.shared(options) else { return }
        reactor.run(at: time) { [weak self] in self?.sweep() }
    }

    /// Tells those whose time is over, or is by then.
    func sweep(upTo time: UInt64? = nil) {
        let now = time ?? oro_now()
        let (late, next) = state.withLock { state in
            let late = state.waiters.takeLate(by: now)
            return (late, time == nil ? state.waiters.plan(now + ClientConnection.sweepPause) : .max)
        }
        for waiter in late { waiter.fire(isLate: true) }
        if next != .max { sweep(at: next) }
    }

    /// Nanoseconds that one attempt may take when requests wait no longer than for that.
    static let grace: UInt64 = 20_000_000
    /// Nanoseconds between two looks at those who wait: however many there are, they cost little.
    private static let sweepPause: UInt64 = 2_000_000

    /// Nobody waits with this number any more. False: the waiter was fired, or is being fired.
    @discardableResult
    func forget(waiting number: UInt64) -> Bool { state.withLock { $0.waiters.remove(number) } != nil }

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
        let wait = (policy?.callsWait ?? .zero).inMilliseconds
        return IPCError.network(
            "no link with the host '\(name ?? "")' within \(wait) (ReconnectPolicy.callsWait): \(why)"
        ).delivered(.notSent)
    }
}
