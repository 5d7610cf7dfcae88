// SPDX-License-Identifier: Apache-2.0

import CSupport
import DequeModule

/// Work of the host's thread that goes on over turns, because all of it at once would keep others waiting.
package protocol SlicedWork: AnyObject {
    /// Does some of it, and stops soon after the slice is over. True: some is left.
    func goOn(_ slice: Slice) -> Bool
}

/// A stretch of time on the host's thread.
package struct Slice {
    private let end: UInt64

    /// `microseconds` from now on.
    package init(microseconds: UInt64) { end = oro_ticks() &+ microseconds &* oro_ticks_per_us() }

    /// Over after each step, however short: for tests, which see work at its every pause.
    package static let shortest = Slice(end: 0)

    private init(end: UInt64) { self.end = end }

    package var isOver: Bool { oro_ticks() > end }
}

/// What goes on in slices at a host: deliveries to many, and the end of what a client had.
///
/// The work of one client is done in the order in which it was added, and that of different clients in turn: so each
/// gets its share, however much one of them has. Belongs to the host's thread, which does not sleep while there is
/// some.
@usableFromInline package final class HostSlices {
    package init() {}

    private var work: [UInt64: Deque<any SlicedWork>] = [:]
    /// Clients that have some, in turn.
    private var turns: Deque<UInt64> = []
    @usableFromInline package private(set) var isEmpty = true

    /// For what belongs to no single client.
    package static let broker = UInt64.max
    /// For those who are not clients yet.
    package static let acceptor = UInt64.max - 1

    /// Time for all of it in one turn of the host's thread, and for one client before the next: microseconds.
    private static let turn: UInt64 = 100
    private static let share: UInt64 = 25

    /// With so much work of its own left, a client is not read from: what it sends would only make more of it.
    @usableFromInline static var mostWaiting: Int { 128 }

    /// A client has as much work waiting as it may.
    @inlinable @inline(__always)
    package func isFull(of client: UInt64) -> Bool { !isEmpty && count(of: client) >= HostSlices.mostWaiting }

    @inline(never) @usableFromInline
    func count(of client: UInt64) -> Int { work[client]?.count ?? 0 }

    package func add(_ item: any SlicedWork, for client: UInt64) {
        isEmpty = false
        if work[client, default: []].isEmpty { turns.append(client) }
        work[client, default: []].append(item)
    }

    /// One turn. True when there was something to do.
    @inlinable
    package func run() -> Bool { isEmpty ? false : runTurn() }

    @usableFromInline
    func runTurn() -> Bool {
        let turn = Slice(microseconds: HostSlices.turn)
        repeat { step(Slice(microseconds: HostSlices.share)) } while !isEmpty && !turn.isOver
        return true
    }

    /// One slice for the client whose turn it is.
    package func step(_ slice: Slice) {
        guard let client = turns.popFirst(), let item = work[client]?.first else { return }
        // What it does may add more for the same client.
        let hasMore = item.goOn(slice)
        if !hasMore { work[client]?.removeFirst() }
        if work[client]?.isEmpty == true {
            work[client] = nil
            isEmpty = turns.isEmpty
        } else {
            turns.append(client)
            isEmpty = false
        }
    }

    /// All of it, at once: the host has stopped.
    package func finish() { while !turns.isEmpty { step(Slice(microseconds: 1000)) } }
}
