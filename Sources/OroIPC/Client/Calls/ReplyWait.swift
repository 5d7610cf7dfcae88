// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame
import OroLink
import Synchronization

/// The wait of a thread for one result, as long as it takes: as the receiver while there is no other, else asleep until
/// the receiver has the result or is done.
struct ReplyWait: ~Copyable {
    private let core: ClientCore
    private let waiter: ThreadWaiter
    private let ticket: UInt64
    /// Milliseconds since the link's start.
    private let deadline: UInt64?
    private let command: String
    /// The ring whose waiter this is; `nil`: one of the table's.
    private let ring: Int?
    private let thread: ThreadWait
    private var spare: FrameStorage

    init(
        _ core: ClientCore, _ waiter: ThreadWaiter, _ ticket: UInt64, _ deadline: UInt64?, _ command: String,
        ring: Int?
    ) {
        self.core = core
        self.waiter = waiter
        self.ticket = ticket
        self.deadline = deadline
        self.command = command
        self.ring = ring
        thread = ThreadWait(core, waiter, ticket: ticket, ring: ring)
        spare = core.freshStorage
    }

    /// Longest sleep of a thread that is not the receiver, in nanoseconds: so much later at most it notices what nobody
    /// has told it.
    private static let longestSleep: UInt64 = 100_000_000
    /// How often a thread that polls comes by ``IdleStrategy`` before it reads the socket and lets others run: each
    /// time is 64 polls.
    private static let pollsOfSocket = 64

    /// The result, once it is there; the error, once there will be none.
    mutating func result() -> Result {
        // The receiver may have handed over to this thread while its result was being delivered.
        defer { core.receiverLock.handOverIfFree() }
        // The deadline has passed, and what had come by then is looked for once more.
        var isLastLook = false
        while true {
            if let outcome = takeOutcome() { return result(of: outcome) }
            if core.link.isOver { return giveUp(core.lost(core.delivery(ticket))) }
            var left = UInt64.max
            if let deadline {
                let now = core.elapsedMilliseconds
                if now >= deadline && isLastLook { return giveUp(.timedOut(.sendSync)) }
                isLastLook = now >= deadline
                left = isLastLook ? 0 : (deadline - now) * 1_000_000
            }
            if let receiver = core.takeReceiver() {
                if receive(receiver, left) { return Result(spare, command, link: core.link.id) }
            } else if isLastLook {
                continue
            } else {
                core.receiverLock.sleep(waiter, nanoseconds: min(left, ReplyWait.longestSleep)) {
                    core.link.isOver || hasOutcome
                }
            }
            if thread.isWatched { oro_wait_test_cancel() }
        }
    }

    private var hasOutcome: Bool { waiter.outcome.withLock { $0 != nil } }

    private func takeOutcome() -> Outcome? { waiter.outcome.withLock { $0.take() } }

    /// What another thread has left for this one.
    private func result(of outcome: Outcome) -> Result {
        guard case .error(var error) = outcome else { return Result(outcome, command, link: core.link.id) }
        if error.kind == .abort { core.sendAbort(ticket, error) }
        // Whoever told it does not own the ring that the request may still be in.
        if error.delivery == .unknown { error.delivery = core.delivery(ticket) }
        return Result(err: error, source: command)
    }

    /// Ends the call with `error`, unless its result has come this very moment.
    private func giveUp(_ error: IPCError) -> Result {
        if ring == nil {
            core.complete(ticket, seq: nil, .error(error))
            if let outcome = takeOutcome(), case .frame = outcome {
                return Result(outcome, command, link: core.link.id)
            }
        } else if !waiter.ticket.compareExchange(
            expected: ticket, desired: 0, ordering: .acquiringAndReleasing
        ).exchanged {
            // Its result is being delivered.
            while true {
                if let outcome = takeOutcome() { return Result(outcome, command, link: core.link.id) }
                oro_spin_pause()
            }
        }
        core.sendAbort(ticket, error)
        return Result(err: error, source: command)
    }

    // MARK: As the receiver

    /// Receives until the result has come, or it is time to look around. True: it is in `spare`.
    private mutating func receive(_ receiver: consuming Receiver, _ left: UInt64) -> Bool {
        thread.isReceiving(true)
        defer { thread.isReceiving(false) }
        do throws(LinkError) {
            try wait(receiver, left)
        } catch {
            core.failAfterReading(receiver, error)
        }
        guard ring != nil, spare.header.ticket == ticket, waiter.ticket.load(ordering: .relaxed) == ticket else {
            return false
        }
        waiter.ticket.store(0, ordering: .relaxed)
        return true
    }

    private mutating func wait(_ receiver: borrowing Receiver, _ left: UInt64) throws(LinkError) {
        let link = core.link
        link.reportProcessor()
        // UNTRUSTED: a host, or another client, that sends without end does not keep this thread beyond its deadline.
        // Once that has passed, what the rings can hold is still read.
        let end = left == .max ? .max : oro_ticks() &+ min(left, 1 << 40) / 1000 &* oro_ticks_per_us()
        var rounds = link.roundsToEmpty(limit: ClientCore.messagesAtOnce)
        var polls = 0
        _ = unsafe try receiver.state.pointee.strategy.wait(
            poll: { () throws(LinkError) in
                let (count, gotMine) = try core.receive(
                    receiver, &spare, mine: ring == nil ? ClientCore.nobody : ticket, until: left == 0 ? .max : end)
                if gotMine || hasOutcome { return .arrived }
                if link.isOver { return .over }
                if left == 0 {
                    rounds -= 1
                    if rounds < 0 { return .over }
                } else if end != .max, oro_ticks() > end {
                    return .over
                }
                if link.hasWaiting, try core.pumpWaiting() { return .progress }
                return core.pollDirects(receiver) || count > 0 ? .progress : .nothing
            },
            spin: { link.spin($0) },
            sharesProcessor: {
                link.reportProcessor()
                return link.sharesProcessor
            },
            housekeep: { () throws(LinkError) in
                polls += 1
                if polls % ReplyWait.pollsOfSocket != 0 { return true }
                // Polling for long: hear of the peer's end, keep deadlines, let others run.
                try link.readSocket()
                oro_yield()
                return false
            },
            park: { () throws(LinkError) in
                guard core.armLink(receiver) else { return left == .max ? .found : .over }
                let sleeps = !hasOutcome
                if sleeps {
                    try core.sleepOnLink(receiver, nanoseconds: left, isCancellable: thread.isWatched)
                }
                core.disarmLink(receiver)
                return sleeps ? .slept(isOver: left != .max) : .found
            })
    }
}
