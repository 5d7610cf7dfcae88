// SPDX-License-Identifier: Apache-2.0

import CSupport

/// What a poll has found.
@usableFromInline
package enum PollOutcome {
    case nothing
    /// Something, but not what the thread waits for.
    case progress
    /// What the thread waits for.
    case arrived
    /// The wait is over, although nothing came: its link has ended, or its time.
    case over
}

/// How a thread has parked.
@usableFromInline
package enum ParkOutcome {
    /// Not at all: something was found after the sleep was announced.
    case found
    /// It slept. `isOver`: whoever waits looks around before it polls again.
    case slept(isOver: Bool)
    /// Not at all: the wait goes on elsewhere.
    case over
}

extension IdleStrategy {
    /// The loop of everything that waits: polls, and while polls find nothing spins, keeps house and parks as this
    /// strategy says. True when `poll` found what the thread waits for; false when the wait is over without.
    ///
    /// - `poll` looks at everything once: it reads and does what there is to do.
    /// - `spin` looks at the words that change first, so many times, and ends early, with true, when one has changed.
    /// - `sharesProcessor`: polling would keep the peer from running. Asked once in 64 polls.
    /// - `housekeep` is called once in 64 polls of a long wait. False: the wait is over.
    /// - `park` announces the sleep, looks once more, and sleeps.
    @inlinable @inline(__always)
    package mutating func wait<Failure: Error>(
        poll: () throws(Failure) -> PollOutcome, spin: (Int) -> Bool, sharesProcessor: () -> Bool,
        housekeep: () throws(Failure) -> Bool, park: () throws(Failure) -> ParkOutcome
    ) throws(Failure) -> Bool {
        while true {
            switch try poll() {
            case .arrived:
                arrived()
                return true
            case .progress:
                arrived()
                continue
            case .over: return false
            case .nothing: break
            }
            if spin(pollsAtOnce) { continue }
            switch next(sharesProcessor: sharesProcessor) {
            case .spin: continue
            case .housekeep: if try !housekeep() { return false }
            case .park:
                let began = oro_ticks()
                switch try park() {
                case .found: arrived()
                case .slept(let isOver):
                    slept(oro_ticks() &- began)
                    if isOver { return false }
                case .over: return false
                }
            }
        }
    }
}
