// SPDX-License-Identifier: Apache-2.0

import OroIPC
import OroLink

/// How many more chunks of a stream or a body C takes.
final class StreamDemand: Sendable {
    private struct State {
        var count = 0
        /// Who goes on when there is more; kept here meanwhile.
        var waiting: ChunksToC?
        var isOver = false
    }

    private let state = Locked(State())
    /// Called when the last has been handed over.
    private let whenOver: @Sendable () -> Void

    init(whenOver: @escaping @Sendable () -> Void = {}) { self.whenOver = whenOver }

    /// Takes one. False: there is none, and `reader` begins again when there is.
    func use(_ reader: ChunksToC) -> Bool {
        state.withLock { state in
            guard state.count > 0 else {
                if !state.isOver { state.waiting = reader }
                return false
            }
            if state.count != .max { state.count -= 1 }
            return true
        }
    }

    /// The one that was taken was for nothing.
    func giveBack() { state.withLock { state in if state.count != .max { state.count += 1 } } }

    /// C takes `count` more; `.max`: all that come.
    func add(_ count: Int) {
        let reader = state.withLock { state -> ChunksToC? in
            state.count = count >= .max - state.count ? .max : state.count + count
            defer { state.waiting = nil }
            return state.isOver ? nil : state.waiting
        }
        reader?.begin()
    }

    /// The last has been handed over.
    func end() {
        drop()
        whenOver()
    }

    /// Nobody takes any more: whoever waits here is not kept.
    func drop() {
        let reader = state.withLock { state -> ChunksToC? in
            state.isOver = true
            defer { state.waiting = nil }
            return state.waiting
        }
        withExtendedLifetime(reader) {}
    }
}

/// The streams of a client whose chunks C takes as it likes, by ticket.
final class StreamDemands: Sendable {
    private let open = Locked<[UInt64: StreamDemand]>([:])

    func begin(_ ticket: UInt64) -> StreamDemand {
        let demand = StreamDemand { [weak self] in self?.forget(ticket) }
        open.withLock { $0[ticket] = demand }
        return demand
    }

    func of(_ ticket: UInt64) -> StreamDemand? { open.withLock { $0[ticket] } }

    /// The client goes, and with it all of them.
    func drop() {
        let all = open.withLock { open in
            defer { open = [:] }
            return open
        }
        for demand in all.values { demand.drop() }
    }

    func forget(_ ticket: UInt64) { _ = open.withLock { $0.removeValue(forKey: ticket) } }
}
