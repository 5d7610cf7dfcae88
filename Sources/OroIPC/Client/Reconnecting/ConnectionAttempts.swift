// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroLink

/// What a client that has no link does to get one.
struct ConnectionAttempts {
    /// Why an attempt is made.
    enum Cause {
        /// The link has just ended, or a pause is over.
        case planned
        /// A request waits, or the folder is being watched from now on: no reason for longer pauses.
        case wanted
        /// A socket has come to be, on which its host is about to listen.
        case appeared
    }

    /// Planned ones that have failed since the last link that lived long.
    var failed = 0
    /// One is being made.
    var isRunning = false
    private var cause = Cause.planned
    /// A socket has come to be meanwhile.
    private var hasAppeared = false
    /// How often to look again at once at a socket that has come to be.
    private var looks = 0
    /// Of the timer that makes the next; an earlier one does nothing.
    private var timer = 0
    private var isPlanned = false
    /// Tells of sockets that come to be.
    var watch: SocketWait?

    /// A socket is there a moment before its host listens on it.
    private static let mostLooks = 10
    private static let lookPause: UInt64 = 300_000

    /// What is to be done after one has failed.
    enum Next {
        case now
        /// Once more at this time (`oro_now`), for the same reason.
        case look(at: UInt64)
        /// After a pause (nanoseconds); the number is for ``isDue(_:)``.
        case pause(UInt64, timer: Int)
        /// The next one is planned already.
        case nothing
    }

    /// False: one is being made.
    mutating func begin(_ cause: Cause) -> Bool {
        if isRunning {
            if cause == .appeared { hasAppeared = true }
            return false
        }
        isRunning = true
        self.cause = cause
        if cause == .appeared { looks = ConnectionAttempts.mostLooks }
        return true
    }

    /// The one that was made has failed.
    mutating func fail(_ policy: ReconnectPolicy) -> Next {
        isRunning = false
        if hasAppeared {
            hasAppeared = false
            return .now
        }
        if looks > 0 {
            looks -= 1
            return .look(at: oro_now() + ConnectionAttempts.lookPause)
        }
        if isPlanned { return .nothing }
        isPlanned = true
        timer += 1
        defer { if cause == .planned { failed += 1 } }
        return .pause(policy.delay(after: failed), timer: timer)
    }

    /// The pause is over; false: somebody has connected meanwhile.
    mutating func isDue(_ timer: Int) -> Bool {
        guard timer == self.timer, isPlanned else { return false }
        isPlanned = false
        return true
    }

    /// There is a link again. What is watched no longer is dropped by the caller, outside the lock.
    mutating func connected() -> SocketWait? {
        defer { self = ConnectionAttempts(failed: failed, timer: timer) }
        return watch
    }

    init(failed: Int = 0, timer: Int = 0) {
        self.failed = failed
        self.timer = timer
    }
}

extension ClientConnection {
    func attempt(_ cause: ConnectionAttempts.Cause) {
        let begins = state.withLock { state in
            guard case .reconnecting = state.phase else { return false }
            return state.attempts.begin(cause)
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
        let next = state.withLock { state -> ConnectionAttempts.Next? in
            guard case .reconnecting = state.phase, let policy else {
                state.attempts.isRunning = false
                return .nothing
            }
            let gone = oro_now() - state.endedAt
            if ClientConnection.isFinal(why) || reactor == nil
                || policy.giveUpAfter.map({ gone >= $0.nanoseconds }) == true
            {
                state.attempts.isRunning = false
                state.enter(.closed(why))
                return nil
            }
            return state.attempts.fail(policy)
        }
        guard let next else {
            close(why)
            return finish()
        }
        // Also when somebody is there who drains, or ends while the link is made: the next may be there already.
        if let reactor { watchFolder(reactor) }
        switch next {
        case .now: return attempt(.appeared)
        case .look(let time): reactor?.run(at: time) { [weak self] in self?.attempt(.wanted) }
        case .pause(let delay, let timer):
            reactor?.run(at: oro_now() + delay) { [weak self] in self?.tryAgain(timer) }
        case .nothing: break
        }
        // Whoever had time for this attempt alone.
        sweep(upTo: oro_now() + ClientConnection.grace)
    }

    /// No further attempt is worth while.
    private static func isFinal(_ why: LinkError) -> Bool {
        switch why {
        case .refused(.denied), .refused(.version), .refused(.malformed), .badName, .badOptions, .closed: true
        default: false
        }
    }

    private func tryAgain(_ timer: Int) {
        if state.withLock({ $0.attempts.isDue(timer) }) { attempt(.planned) }
        collect()
    }

    /// Has the folder tell when a socket comes to be in it. Where it cannot there are the pauses.
    private func watchFolder(_ reactor: ClientReactor) {
        guard let name else { return }
        let isNeeded = state.withLock { state in
            guard case .reconnecting = state.phase else { return false }
            return state.attempts.watch?.isOver != false
        }
        guard isNeeded else { return }
        let folder = SocketFolder(options.folder)
        guard let file = try? folder.socketFile(name) else { return }
        let watch = SocketWait(reactor, folder: folder.path, file: file) { [weak self] cause in self?.attempt(cause) }
        let before = state.withLock { state -> SocketWait? in
            guard case .reconnecting = state.phase else { return watch }
            defer { state.attempts.watch = watch }
            return state.attempts.watch
        }
        // Dropped outside the lock.
        withExtendedLifetime(before) {}
        watch.begin()
    }
}
