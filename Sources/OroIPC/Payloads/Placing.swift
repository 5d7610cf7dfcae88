// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import Synchronization

// Where a payload goes: into its frame, or into a block that the frame names.
extension Arena {
    /// The payload lies where the peer of this link can be shown it.
    func canLend(_ bytes: Bytes) -> Bool {
        switch bytes.place {
        case .ours, .borrowed, .nowhere, .written: false
        // As `place` says.
        case .block: unsafe unsafeDowncast(bytes.owner, to: OwnBlock.self).arena === self
        case .memory, .leased: true
        }
    }

    /// Lends a payload; `nil` when it does not lie in memory the peer can be shown.
    func lend(_ bytes: Bytes) throws(LinkError) -> Lent? {
        guard canLend(bytes), !bytes.isEmpty else { return nil }
        // As `place` says.
        if bytes.place == .block {
            let block = unsafe unsafeDowncast(bytes.owner, to: OwnBlock.self)
            return try lend(block, offset: unsafe bytes.base - UnsafeRawPointer(block.base), count: bytes.count)
        }
        if bytes.place == .leased {
            let lease = unsafe unsafeDowncast(bytes.owner, to: MemoryLease.self)
            return try lend(lease, offset: unsafe bytes.base - UnsafeRawPointer(lease.memory.base), count: bytes.count)
        }
        let memory = unsafe unsafeDowncast(bytes.owner, to: OwnMemory.self)
        return try lend(memory, offset: unsafe bytes.base - UnsafeRawPointer(memory.base), count: bytes.count)
    }

    /// A copy of a payload in a block of this link.
    func place(_ bytes: Bytes) throws(LinkError) -> Bytes { bytes.copied(to: try take(bytes.count)) }

    /// The payload has to be copied into a block before it can be lent.
    func wantsPlace(_ bytes: Bytes) -> Bool { bytes.count > Link.inlineBytes && !canLend(bytes) }

    /// The payload as it is sent: in a block where that is better and one is free, else as it is.
    func placed(_ bytes: Bytes?) throws(LinkError) -> Bytes? {
        guard let bytes, wantsPlace(bytes) else { return bytes }
        do throws(LinkError) {
            return try place(bytes)
        } catch .noBlocks, .busy, .tooLarge, .overQuota, .overBudget, .system {
            // In parts through the ring then, if it is not too long for that.
            return bytes
        }
    }
}

extension Bytes {
    /// A copy in `block`, which has as many bytes.
    func copied(to block: OwnBlock) -> Bytes {
        unsafe withUnsafeBytes { source in unsafe block.arena.copy(source, to: block) }
        return unsafe Bytes(block, UnsafeRawPointer(block.base), count, in: .block)
    }
}

extension Link {
    /// A payload of so many bytes, or fewer, is sent in its frame: copying it twice costs less than a block does
    /// (docs/performance.md).
    static var inlineBytes: Int { 8192 }

    /// As ``Arena/placed(_:)``.
    func placed(_ bytes: Bytes?) throws(LinkError) -> Bytes? { try arena.placed(bytes) }

    /// The payload in a block, after waiting for one where `whenFull` says so. In a task.
    func placed(_ bytes: Bytes?, _ whenFull: WhenFull, until deadline: ContinuousClock.Instant?) async throws(LinkError)
        -> Bytes?
    {
        let arena = arena
        guard let bytes, arena.wantsPlace(bytes) else { return bytes }
        return try await arena.whenFree(until: whenFull == .wait ? deadline : .now) { () throws(LinkError) in
            try arena.place(bytes)
        }
    }
}

extension Arena {
    /// Does something that needs a block; while none is free it suspends, until `deadline`, and tries again.
    func whenFree<R: Sendable>(
        until deadline: ContinuousClock.Instant?, _ body: () throws(LinkError) -> R
    ) async throws(LinkError) -> R {
        while true {
            let seen = changes
            do throws(LinkError) {
                return try body()
            } catch {
                switch error {
                case .noBlocks, .busy: break
                default: throw error
                }
                if Task.isCancelled { throw error }
                if let deadline, ContinuousClock.now >= deadline { throw error }
            }
            await change(from: seen, until: deadline)
        }
    }

    /// Suspends until a block may be free, the link is over, the task is cancelled, or `deadline`.
    private func change(from seen: Int, until deadline: ContinuousClock.Instant?) async {
        let pause = Pause()
        let token = whenChanged(from: seen) { pause.end() }
        let timer = deadline.map { deadline in
            Task {
                try? await Task.sleep(until: deadline)
                pause.end()
            }
        }
        await withTaskCancellationHandler {
            await pause.wait()
        } onCancel: {
            pause.end()
        }
        timer?.cancel()
        cancelWait(token)
    }
}

/// A suspension that ends once, maybe before it begins.
private final class Pause: Sendable {
    private struct State {
        var isOver = false
        var task: SuspendedTask?
    }
    private let state = Locked(State())

    func wait() async {
        await SuspendedTask.suspend { task in
            state.withLock { state in
                if !state.isOver { state.task = task }
                return !state.isOver
            }
        }
    }

    func end() {
        let task = state.withLock { state in
            state.isOver = true
            defer { state.task = nil }
            return state.task
        }
        task?.resume()
    }
}

extension BlockReference {
    /// As a frame says it.
    init(_ lent: Lent) {
        self.init(
            slot: lent.slot, serial: lent.serial, loan: lent.loan, offset: UInt64(lent.offset),
            count: UInt64(lent.count))
    }
}
