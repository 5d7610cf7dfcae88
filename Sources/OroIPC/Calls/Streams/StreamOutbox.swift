// SPDX-License-Identifier: Apache-2.0

import DequeModule
import OroBase
import OroFrame
import OroLink
import Synchronization

/// Chunks and ends of one client's streams that wait until what was written before is in the ring. Belongs to the
/// host's thread.
struct StreamOutbox {
    struct Entry {
        var frame: Frame
        var bytes: Bytes?
        /// The handler it comes from.
        var serial: UInt64
        /// What it counts for in the stream's books and here: its frame, and its payload where that lies in a block.
        var cost = 0
        /// Of it, what is private memory.
        var privateBytes = 0
        /// While it waits because the client does not read.
        var charge: ByteCharge?
    }

    private var entries: Deque<Entry> = []
    /// What waits here, and what handlers have sent that the host's thread has not seen yet.
    let size = StreamOutboxSize()

    var isEmpty: Bool { entries.isEmpty }

    /// The cost was added to ``size`` when the handler sent it, and is taken away by whoever has taken it out.
    mutating func append(_ entry: Entry) { entries.append(entry) }

    mutating func popFirst() -> Entry? { entries.popFirst() }

    /// Charges `account` for the last one. False, and it is removed: there is no room in that.
    mutating func chargeLast(to account: ByteAccount) -> Bool {
        guard let last = entries.indices.last else { return true }
        guard let charge = ByteCharge(entries[last].privateBytes + StreamOutbox.fixedCost, to: account) else {
            size.change(by: -entries.removeLast().cost)
            return false
        }
        entries[last].charge = charge
        return true
    }

    /// What an entry costs besides its frame.
    private static let fixedCost = 256
}

/// What handlers have sent to one client, in order, since the host's thread looked last: it is told once of all that
/// has come until then.
final class StreamInbox: Sendable {
    private struct State {
        var entries: [StreamOutbox.Entry] = []
        /// The host's thread will look.
        var isTold = false
    }

    private let state = Locked(State())

    /// True: the host's thread is to be told.
    func append(_ entry: StreamOutbox.Entry) -> Bool {
        state.withLock { state in
            state.entries.append(entry)
            defer { state.isTold = true }
            return !state.isTold
        }
    }

    /// Takes all, and leaves the empty `run`, whose memory is used for what comes next.
    func takeAll(_ run: inout [StreamOutbox.Entry]) {
        state.withLock { state in
            swap(&state.entries, &run)
            state.isTold = false
        }
    }
}

/// How much waits in a client's outbox. Any thread.
final class StreamOutboxSize: Sendable {
    private let bytes = Atomic<Int>(0)
    /// With so much, or more, a stream sends nothing while something of its own waits.
    private static let most = 16 << 20

    func change(by count: Int) { bytes.add(count, ordering: .relaxed) }

    var isFull: Bool { bytes.load(ordering: .relaxed) >= StreamOutboxSize.most }
}
