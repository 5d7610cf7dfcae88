// SPDX-License-Identifier: Apache-2.0

/// Memories for payloads that many peers are shown, used for one payload after the other: a peer keeps a memory mapped
/// that it knows, so the next payload in it costs neither side anything but the message.
///
/// Those of one topic are never used for another: a peer sees everything that is written to a memory it was shown.
// Sendable: everything is in `state`.
package final class MemoryPool: Sendable {
    /// Bytes of all its memories together, those that are leased included.
    private let most: Int
    private let state = Locked(State())

    private struct State {
        /// Those nobody has, the one that came back last at the end.
        var free: [(topic: String, memory: OwnMemory)] = []
        var bytes = 0
    }

    package init(most: Int) { self.most = most }

    /// A memory of at least `count` bytes, to be written by the caller alone. `nil`: the system has none, or too much
    /// is leased.
    package func take(_ count: Int, for topic: String) -> MemoryLease? {
        let bytes = OwnMemory.room(max(1, count), huge: false)
        let (found, mayMake) = state.withLock { state -> (OwnMemory?, Bool) in
            let index = state.free.lastIndex { topic == $0.topic && (bytes...4 * bytes).contains($0.memory.bytes) }
            if let index { return (state.free.remove(at: index).memory, false) }
            while state.bytes + bytes > most, !state.free.isEmpty {
                state.bytes -= state.free.removeFirst().memory.bytes
            }
            guard state.bytes + bytes <= most else { return (nil, false) }
            state.bytes += bytes
            return (nil, true)
        }
        if let found { return MemoryLease(found, topic, self) }
        guard mayMake else { return nil }
        do throws(LinkError) {
            return MemoryLease(try OwnMemory.create(bytes: bytes), topic, self)
        } catch {
            state.withLock { $0.bytes -= bytes }
            return nil
        }
    }

    fileprivate func giveBack(_ memory: OwnMemory, _ topic: String) {
        state.withLock { $0.free.append((topic, memory)) }
    }
}

/// One payload in a memory of a pool. When nobody has this any more, no message here and no peer, the memory is free
/// for the next.
package final class MemoryLease: Sendable {
    package let memory: OwnMemory
    private let topic: String
    private let pool: MemoryPool

    fileprivate init(_ memory: OwnMemory, _ topic: String, _ pool: MemoryPool) {
        self.memory = memory
        self.topic = topic
        self.pool = pool
    }

    deinit { pool.giveBack(memory, topic) }
}
