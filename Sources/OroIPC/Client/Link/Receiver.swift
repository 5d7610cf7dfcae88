// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import OroPorts

/// The right to receive for a client, which one thread has at a time, and the state that goes with it.
///
/// A value that cannot be copied: whoever has one is the receiver, and is it no more once the value has ended. What
/// reads the link takes one as its first parameter. ``ClientCore/takeReceiver()`` makes it.
@safe struct Receiver: ~Copyable {
    /// Outside of any object: no access of the hot path needs a check for exclusivity.
    let state: UnsafeMutablePointer<ReceiverState>
    /// Its methods have a reference of it while there is a receiver.
    private let core: Unmanaged<ClientCore>

    /// `core.receiverLock` is held, by this thread or for it.
    init(holding core: ClientCore) {
        unsafe state = core.receiverStorage.state
        unsafe self.core = .passUnretained(core)
    }

    /// Ends it. Where the background thread waits for news of the link, that is left armed.
    @inline(__always)
    consuming func release() {}

    /// Ends it and leaves the link as it is. True: the background thread wants it armed.
    @inline(__always)
    consuming func releaseAsItIs() -> Bool {
        let isWanted = unsafe core._withUnsafeGuaranteedRef { $0.receiverLock.release() }
        discard self
        return isWanted
    }

    /// For what the link calls back while its receiver reads it: the same, once more.
    static func calledBack<Failure: Error>(
        _ core: ClientCore, _ body: (borrowing Receiver) throws(Failure) -> Void
    ) throws(Failure) {
        let receiver = Receiver(holding: core)
        do throws(Failure) {
            try body(receiver)
        } catch {
            receiver.leaveHeld()
            throw error
        }
        receiver.leaveHeld()
    }

    private consuming func leaveHeld() { discard self }

    @inline(__always)
    deinit { unsafe core._withUnsafeGuaranteedRef { $0.endReceiving() } }
}

/// Where a client keeps that state. Only a ``Receiver`` opens it.
@safe struct ReceiverStorage: ~Copyable {
    fileprivate let state: UnsafeMutablePointer<ReceiverState>

    init(_ idle: IdlePolicy, _ account: ByteAccount) {
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: ReceiverState(idle, account))
    }

    deinit {
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }
}

/// What the receiver of a client works with, and nobody else.
struct ReceiverState: ~Copyable {
    var strategy: IdleStrategy
    /// The link says this side sleeps, for the background thread.
    var isArmed = false
    /// For what comes to tasks.
    var spare: FrameStorage
    /// What ended the link behind the last result, and that there is such.
    var ending: LinkError?
    var hasEnded = false
    /// A reserved place in the table, for calls that poll for their results; 0: there is none.
    var reserved: UInt64 = 0
    /// A message of a port that comes in several frames.
    var ports = PortReader<DeliveredPort>()
    /// Readers of streams and ports for whom something has come.
    var arrivals = ReadRun()
    /// Memory of a chunk that was read.
    var chunkSpare: FrameStorage?
    /// What the receiver sleeps with; made when it first does.
    var poller: Poller?
    /// The client's links with other clients.
    var directs = DirectLinkTable()

    init(_ idle: IdlePolicy, _ account: ByteAccount) {
        strategy = IdleStrategy(idle)
        spare = FrameStorage(account)
    }
}
