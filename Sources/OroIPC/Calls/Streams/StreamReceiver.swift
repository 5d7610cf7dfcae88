// SPDX-License-Identifier: Apache-2.0

import DequeModule
import OroBase
import OroFrame
import OroLink

/// The receiving half of a stream: chunks that have come, who waits for the next one, and the credit its sender has.
///
/// At most `window` chunks are on their way or wait here: whoever reads gives credit for as many as it took. Used for
/// the answer by the client, for a request's body by the host.
final class StreamReceiver: Sendable {
    /// Chunks of an answer on their way at once where nobody says otherwise.
    static let usualWindow = 256
    /// Chunks of a body on their way at once. Bodies are files and the like, whose chunks are long: more of them would
    /// not be faster.
    static let bodyWindow = 16
    static let windows = 1...1024

    enum Item {
        case chunk(FrameStorage)
        /// No more comes, for this reason if there is one; the reason is told once.
        case end(IPCError?)
    }

    /// What became of a chunk that came.
    enum Arrival {
        case kept
        /// Nobody reads any more: dropped.
        case late
        /// Its sender had no credit for it.
        case unexpected
    }

    private struct State {
        var chunks: Deque<FrameStorage> = []
        /// The last that was read, and those before it whose memory is free for what comes.
        var last: FrameStorage?
        var free: [FrameStorage] = []
        /// Chunks the sender may still send.
        var credit = 0
        /// Chunks read for which no credit was given again, and their bytes.
        var taken = 0
        var takenBytes = 0
        var isOpen = false
        var isGivenUp = false
        /// What follows the last chunk; `nil` while more may come.
        var ending: Ending?
        var reader: Waiter?

        /// A reader would find something.
        var isReady: Bool { !chunks.isEmpty || ending != nil }

        mutating func takeReader() -> Waiter? {
            defer { reader = nil }
            return reader
        }

        /// What was read is so much that its sender may wait for credit before half a window was read.
        var isLong: Bool { taken >= StreamSender.fewUnread / 2 && takenBytes >= StreamSender.mostUnread / 2 }

        /// The next chunk. Its memory is used again where its reader has kept nothing of it.
        mutating func popFirst() -> FrameStorage? {
            let last = last.take()
            guard let chunk = chunks.popFirst() else { return nil }
            if let last, free.count < StreamReceiver.mostFree { free.append(last) }
            // One with bytes is most often kept, and may be large.
            if chunk.header.payloadBytes == 0 { self.last = chunk }
            return chunk
        }
    }

    /// Chunks whose memory is kept.
    private static let mostFree = 128

    private struct Ending {
        var error: IPCError?
    }

    private let state = Locked(State())
    private let window: Int

    /// What errors are about that were made on this side; `nil`: they do not say.
    private let subject: CallSubject?

    init(window: Int, about subject: CallSubject? = nil) {
        self.window = window
        self.subject = subject
    }

    /// The credit to be given first, where it is not given by the first ``next(_:)``.
    func open() -> Int {
        state.withLock { state in
            state.isOpen = true
            state.credit = window
        }
        return window
    }

    // MARK: For whoever reads the link

    /// A chunk has come. Who waits for it is told at the end of `run`. `spare` gets memory of a chunk that was read,
    /// for the next that comes.
    func take(_ storage: FrameStorage, _ run: inout ReadRun, spare: inout FrameStorage?) -> Arrival {
        state.withLock { state in
            guard state.credit > 0 else { return .unexpected }
            state.credit -= 1
            if state.ending != nil { return .late }
            state.chunks.append(storage)
            if let reader = state.takeReader() { run.wake(reader) }
            if spare == nil { spare = state.free.popLast() }
            return .kept
        }
    }

    /// A chunk has come that there is no memory for. False: its sender had no credit for it.
    func drop() -> Bool {
        state.withLock { state in
            guard state.credit > 0 else { return false }
            state.credit -= 1
            return true
        }
    }

    /// The stream has ended, for this reason of this side's if there is one. What came before is still read.
    func finish(_ error: IPCError?) { end(named(error)) }

    private func named(_ error: IPCError?) -> IPCError? {
        guard let subject else { return error }
        return error?.about(subject)
    }

    private func end(_ error: IPCError?) {
        let reader = state.withLock { state -> Waiter? in
            if state.ending != nil { return nil }
            state.ending = Ending(error: error)
            return state.takeReader()
        }
        reader?.resume()
    }

    /// The frame that ends it has come: an end, or the result of a route that does not answer in chunks.
    func finish(with storage: FrameStorage) {
        if storage.header.kind == .result && !storage.header.flags.contains(.failed) {
            state.withLock { state in if state.ending == nil { state.chunks.append(storage) } }
        }
        end(IPCError(ending: storage))
    }

    /// Chunks may still come: the sender has credit.
    var mayCome: Bool { state.withLock { $0.credit > 0 } }

    // MARK: For whoever reads the stream

    /// Nobody wants the chunks any more; those that wait are dropped.
    func giveUp(_ error: IPCError) {
        let (chunks, reader) = state.withLock { state -> (Deque<FrameStorage>, Waiter?) in
            let chunks = state.chunks
            state.chunks = []
            state.free = []
            state.isGivenUp = true
            if state.ending != nil { return (chunks, nil) }
            state.ending = Ending(error: named(error))
            return (chunks, state.takeReader())
        }
        reader?.resume()
        // Dropped outside the lock: their memory may go with them.
        withExtendedLifetime(chunks) {}
    }

    var isGivenUp: Bool { state.withLock { $0.isGivenUp } }

    /// The next chunk, or the end; waits for it. `grant` is called with the credit to be given to the sender.
    ///
    /// For one reader at a time; another gets an `InvalidStateError`. A cancelled task gives the stream up.
    nonisolated(nonsending) func next(_ grant: (Int) -> Void) async -> Item {
        while true {
            let (item, credit) = poll()
            if credit > 0 { grant(credit) }
            if let item { return item }
            await wait()
        }
    }

    private nonisolated(nonsending) func wait() async {
        await withTaskCancellationHandler {
            await SuspendedTask.suspend { task in
                state.withLock { state in
                    if state.isReady || state.reader != nil { return false }
                    state.reader = .task(task)
                    return true
                }
            }
        } onCancel: {
            giveUp(.abort())
        }
    }

    /// Calls `action` once, on whatever thread, when ``poll()`` finds something. False: it does now, or somebody else
    /// waits.
    func whenReady(_ action: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            if state.isReady || state.reader != nil { return false }
            state.reader = .callback(action)
            return true
        }
    }

    /// The next chunk, the end, or nothing yet; and the credit to be given to the sender.
    func poll() -> (Item?, credit: Int) {
        let isCancelled = Task.isCancelled
        return state.withLock { state in
            if state.reader != nil {
                let message = "somebody else reads this stream"
                return (.end(IPCError(.invalidState, message)), 0)
            }
            var grant = 0
            if !state.isOpen && state.ending == nil {
                state.isOpen = true
                grant = window
            }
            // A cancelled task goes to where its cancellation is handled.
            let chunk = isCancelled && !state.isGivenUp ? nil : state.popFirst()
            if let chunk {
                state.taken += 1
                state.takenBytes += chunk.byteCount
            }
            if state.taken >= max(1, window / 2) || state.isLong, state.ending == nil {
                grant += state.taken
                (state.taken, state.takenBytes) = (0, 0)
            }
            state.credit += grant
            if let chunk { return (.chunk(chunk), grant) }
            guard let ending = state.ending, state.chunks.isEmpty else { return (nil, grant) }
            state.ending = Ending(error: nil)
            return (.end(ending.error), grant)
        }
    }
}
