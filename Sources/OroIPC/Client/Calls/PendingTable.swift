// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import Synchronization

extension Outcome {
    /// As a call of `verb` tells it: whoever keeps the deadlines does not know who asked.
    func of(_ verb: CallVerb) -> Outcome {
        guard case .error(let error) = self, error == .timedOut(.request) else { return self }
        return .error(.timedOut(verb))
    }
}

/// A thread that waits for one result.
final class ThreadWaiter: Sendable {
    /// The ticket it waits for; 0: for none.
    let ticket = Atomic<UInt64>(0)
    /// What it sleeps on when another thread receives for it.
    let word = Word()
    let outcome = Locked<Outcome?>(nil)
}

/// The requests that wait for their results in asynchronous calls, and in threads without a ring of their own.
///
/// A ticket is an index into the table and a generation: a result finds its request without hashing, and a late result
/// cannot be taken for that of a later request in the same place. Finished entries are used again.
struct PendingTable: ~Copyable {
    /// Tickets below this index belong to the threads that own a ring.
    static let firstIndex = 16

    @safe private struct Entry {
        var generation: UInt32 = 0
        var isTaken = false
        var seq = Seq(0)
        var isOwnSeq = false
        var outcome: Outcome?
        var continuation: UnsafeContinuation<Outcome, Never>?
        var thread: ThreadWaiter?
        var streams: RequestStreams?
        var callback: PendingCallback?
        var canBeResolved = false
        var nextFree: UInt32 = 0
    }

    /// Bits of a ticket that hold the index; above them is the number of the link, so that no ticket of one link is
    /// taken for one of the client's next.
    private static let indexBits: UInt64 = 24
    /// Most requests that wait.
    static let most = 1 << indexBits - firstIndex - 1

    private let link: UInt64
    private var entries: [Entry] = []
    private var firstFree: UInt32?
    private var deadlines = DeadlineWheel(now: 0)
    /// Seqs that callers chose.
    private var chosen: Set<Seq> = []
    private(set) var count = 0
    /// What a request was resolved with that polls for its result.
    private var early: (seq: Seq, value: Value?)?

    init(link: UInt8 = 0) { self.link = UInt64(link) << PendingTable.indexBits }

    static func index(_ ticket: UInt64) -> Int { Int(ticket & (1 << indexBits - 1)) - firstIndex }

    private func ticket(at index: Int) -> UInt64 {
        UInt64(entries[index].generation) << 32 | link | UInt64(index + PendingTable.firstIndex)
    }

    /// A place for one request; `nil` when `seq` was chosen by the caller and is in flight already.
    /// `deadline` in milliseconds since the link's start.
    mutating func take(
        _ seq: Seq, isChosen: Bool, deadline: UInt64?, thread: ThreadWaiter? = nil, streams: RequestStreams? = nil,
        callback: PendingCallback? = nil, canBeResolved: Bool = false
    ) -> UInt64? {
        if isChosen && !chosen.insert(seq).inserted { return nil }
        let index = takeIndex()
        entries[index].generation &+= 1
        entries[index].isTaken = true
        entries[index].seq = seq
        entries[index].isOwnSeq = isChosen
        entries[index].outcome = nil
        unsafe entries[index].continuation = nil
        entries[index].thread = thread
        entries[index].streams = streams
        entries[index].callback = callback
        entries[index].canBeResolved = canBeResolved
        count += 1
        if let deadline { deadlines.set(UInt32(index), at: deadline) }
        return ticket(at: index)
    }

    private mutating func takeIndex() -> Int {
        guard let free = firstFree else {
            entries.append(Entry())
            return entries.count - 1
        }
        let index = Int(free)
        firstFree = entries[index].nextFree == .max ? nil : entries[index].nextFree
        return index
    }

    /// A ticket that stands for nothing yet. Whoever has it may use its place for one request after another, raising
    /// the generation (``next(_:)``) for each, without the table; until one has to wait (``settle(_:seq:deadline:)``).
    mutating func reserve() -> UInt64 {
        ticket(at: takeIndex())
    }

    /// The next request's ticket in the same reserved place.
    static func next(_ ticket: UInt64) -> UInt64 { ticket &+ 1 << 32 }

    /// A request in a reserved place, sent already, waits for its result from now on.
    mutating func settle(_ ticket: UInt64, seq: Seq, deadline: UInt64?, canBeResolved: Bool) {
        let index = PendingTable.index(ticket)
        entries[index].generation = UInt32(truncatingIfNeeded: ticket >> 32)
        entries[index].isTaken = true
        entries[index].seq = seq
        entries[index].isOwnSeq = false
        unsafe entries[index].continuation = nil
        entries[index].canBeResolved = canBeResolved
        count += 1
        if canBeResolved, let early, early.seq == seq {
            entries[index].outcome = .resolved(early.value)
            self.early = nil
        } else if let deadline {
            deadlines.set(UInt32(index), at: deadline)
        }
    }

    /// The requests of this seq that `resolve` completes. O(n) for n requests: a call names its seq nowhere but here.
    func resolvable(_ seq: Seq) -> [UInt64] {
        entries.indices.filter { entries[$0].isTaken && entries[$0].canBeResolved && entries[$0].seq == seq }
            .map { ticket(at: $0) }
    }

    /// A request that polls for its result, and is not in the table yet, was resolved. At most one at a time polls.
    mutating func resolveEarly(_ seq: Seq, _ value: Value?) { early = (seq, value) }

    private func holds(_ ticket: UInt64) -> Int? {
        let index = PendingTable.index(ticket)
        guard ticket & (0xFF << PendingTable.indexBits) == link, entries.indices.contains(index),
            entries[index].isTaken,
            entries[index].generation == UInt32(truncatingIfNeeded: ticket >> 32)
        else { return nil }
        return index
    }

    /// Gives the place back.
    mutating func free(_ ticket: UInt64) {
        guard let index = holds(ticket) else { return }
        deadlines.clear(UInt32(index))
        if entries[index].isOwnSeq { chosen.remove(entries[index].seq) }
        entries[index].isTaken = false
        entries[index].outcome = nil
        entries[index].thread = nil
        entries[index].streams = nil
        entries[index].callback = nil
        entries[index].nextFree = firstFree ?? .max
        firstFree = UInt32(index)
        count -= 1
    }

    /// Whom to tell, outside the lock.
    @safe enum Listener {
        case continuation(UnsafeContinuation<Outcome, Never>)
        case thread(ThreadWaiter)
        case stream(RequestStreams)
        case callback(PendingCallback)
        /// It has not begun to wait; the outcome is kept for it.
        case nobodyYet
    }

    /// The request has its outcome. `nil`: it was given up (or never was), and a result for it is late.
    mutating func complete(_ ticket: UInt64, seq: Seq?, _ outcome: Outcome) -> Listener? {
        guard let index = holds(ticket), entries[index].outcome == nil else { return nil }
        if let seq, seq != entries[index].seq { return nil }
        deadlines.clear(UInt32(index))
        if let continuation = unsafe entries[index].continuation {
            free(ticket)
            return unsafe .continuation(continuation)
        }
        if let thread = entries[index].thread {
            free(ticket)
            return .thread(thread)
        }
        if let streams = entries[index].streams, streams.answer != nil {
            free(ticket)
            return .stream(streams)
        }
        if let callback = entries[index].callback {
            free(ticket)
            return .callback(callback)
        }
        entries[index].outcome = outcome
        return .nobodyYet
    }

    /// The outcome if it is there; the place is free then.
    mutating func poll(_ ticket: UInt64) -> Outcome? {
        guard let index = holds(ticket), let outcome = entries[index].outcome else { return nil }
        free(ticket)
        return outcome
    }

    /// Leaves a continuation to be resumed; or answers the outcome that is there already.
    mutating func wait(_ ticket: UInt64, _ continuation: UnsafeContinuation<Outcome, Never>) -> Outcome? {
        if let outcome = poll(ticket) { return outcome }
        guard let index = holds(ticket) else { return .error(.abort()) }
        unsafe entries[index].continuation = unsafe continuation
        return nil
    }

    /// The streams of a request in flight; `nil` when it has none or is over.
    func streams(_ ticket: UInt64) -> RequestStreams? {
        guard let index = holds(ticket) else { return nil }
        return entries[index].streams
    }

    /// A ticket in flight.
    func isTaken(_ ticket: UInt64) -> Bool { holds(ticket) != nil }

    /// The request has no deadline any more.
    mutating func clearDeadline(_ ticket: UInt64) {
        if let index = holds(ticket) { deadlines.clear(UInt32(index)) }
    }

    /// The request's seq is one of those in flight.
    func isInFlight(_ seq: Seq) -> Bool {
        chosen.contains(seq)
    }

    /// Looks through all entries: only for a seq that a caller chose among those the engine has given out.
    func isInFlightAmongOwn(_ seq: Seq) -> Bool { entries.contains { $0.isTaken && $0.seq == seq } }

    /// Tickets of requests whose deadline has passed at `now`.
    mutating func expire(_ now: UInt64) -> [UInt64] { deadlines.advance(to: now).map { ticket(at: Int($0)) } }

    /// When to look for expired ones next, in milliseconds; `nil` without deadlines.
    var nextDeadline: UInt64? { deadlines.next }

    /// All tickets in flight.
    var tickets: [UInt64] {
        entries.indices.filter { entries[$0].isTaken }.map { ticket(at: $0) }
    }
}
