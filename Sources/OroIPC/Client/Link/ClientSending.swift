// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame
import OroLink

// Requests on their way out.
extension ClientCore {
    /// Tasks change threads; their messages keep their order by going through one ring.
    var isInTask: Bool { oro_in_task() }

    /// Writes a request or a post to `ring`, which is the caller's. A thread waits for room in a ring of its own as
    /// long as that takes; what does not fit another now is written by the background thread.
    ///
    /// `encoded`: in place of `value`. `deadline`: milliseconds since the link's start, 0 = none. `isHeld`: shown to
    /// the host together with what comes after it.
    @inline(__always)
    func send(
        _ kind: FrameKind, _ command: String, _ value: Value?, _ encoded: EncodedValue?, _ bytes: Bytes?,
        _ headers: Headers?, seq: Seq, ticket: UInt64, deadline: UInt32, flags: FrameFlags = [], isHeld: Bool = false,
        ring: Int
    ) throws(LinkError) {
        let number = unsafe rings[ring].numbers.recall(command)
        if number != 0, headers == nil, let small = seq.small {
            var header = FrameHeader(
                kind: kind, flags: flags, route: number, deadline: deadline, ticket: ticket, seq: small)
            if OutgoingValue.measure(value, encoded, into: &header) {
                let payload = unsafe UnsafeRawBufferPointer(start: bytes?.base, count: bytes?.sizeWord ?? 0)
                let isWritten = unsafe try writeAtOnce(header, payload, bytes, ring: ring, hold: isHeld) { place in
                    unsafe OutgoingValue.encode(value, encoded, into: place)
                }
                if isWritten { return }
            }
        }
        var frame = Frame(kind)
        frame.seq = seq
        frame.ticket = ticket
        frame.deadline = deadline
        frame.requestFlags = flags
        try sendInFull(frame, command, value, encoded, bytes, headers, isHeld: isHeld, ring: ring)
    }

    /// The same for any shape; `plain` has what else is to be said.
    @inline(never)
    private func sendInFull(
        _ plain: Frame, _ command: String, _ value: Value?, _ encoded: EncodedValue?, _ bytes: Bytes?,
        _ headers: Headers?, isHeld: Bool, ring: Int
    ) throws(LinkError) {
        if isHeld { link.flush(ring) }
        var frame = plain
        switch unsafe rings[ring].numbers.lookUp(command) {
        case .known(let number): frame.route = number
        case .unnumbered: frame.name = command
        case .new(let number):
            var name = Frame(.name)
            name.route = number
            name.name = command
            try write(name, nil, to: ring)
            unsafe rings[ring].numbers.announce(command, number)
            frame.route = number
        }
        frame.value = value
        frame.encoded = encoded
        frame.headers = headers?.pairs
        try write(frame, try placed(bytes, .copy, nil), to: ring)
    }

    /// Writes a frame of any shape to `ring`, which is the caller's.
    func write(_ frame: Frame, _ payload: Bytes?, to ring: Int) throws(LinkError) {
        do throws(FrameFailure) {
            try write(frame, payload, ring: ring)
        } catch {
            throw error.reason
        }
    }

    /// A block, after waiting for one until `limit` (`oro_now`), which is asked for when none is free. Blocks the
    /// calling thread.
    func takeBlock(_ count: Int, until limit: @autoclosure () -> UInt64) throws(LinkError) -> OwnBlock {
        if link.isForeign { throw .forked }
        let arena = link.arena
        var deadline: UInt64?
        // Where blocks come back stands on the socket, which nobody may have read yet.
        if arena.expectsReleaseRing, let receiver = takeReceiver() {
            if link.socketHasNews { try? link.readSocket() }
            receiver.release()
        }
        while true {
            let seen = arena.changes
            do throws(LinkError) {
                return try arena.take(count)
            } catch {
                switch error {
                case .noBlocks, .busy: break
                default: throw error
                }
                if deadline == nil { deadline = limit() }
                if oro_now() >= deadline! { throw error }
            }
            // A block that another thread of this process gives up must end the sleep, too.
            let token = arena.whenChanged(from: seen, isServed: true) { [weak self] in self?.wakeUp() }
            defer { arena.cancelWait(token) }
            try waitForPeer(until: deadline!, nil) { arena.changes != seen || arena.hasReleases }
        }
    }

    /// Waits until the peer has done something, or `deadline`, reading meanwhile. `ring`: the caller's, where it waits
    /// for room in it.
    private func waitForPeer(until deadline: UInt64, _ ring: Int?, _ came: () -> Bool) throws(LinkError) {
        let wait = ThreadWait(self, ring: ring)
        var strategy = IdleStrategy(
            options.idle, expecting: ClientCore.roomGap, housekeepAfter: ClientCore.readsWhileWaiting)
        _ = try strategy.wait(
            poll: { () throws(LinkError) in
                if came() { return .arrived }
                if link.isOver { throw link.ending ?? .closed }
                return .nothing
            },
            spin: { polls in
                for _ in 0..<polls {
                    if came() { return true }
                    oro_spin_pause()
                }
                return false
            },
            sharesProcessor: { link.sharesProcessor },
            housekeep: { () throws(LinkError) in
                if deadline != .max, oro_now() >= deadline { return false }
                try readWhileWaiting(wait, sleepUntil: nil, ring, came)
                return true
            },
            park: { () throws(LinkError) in
                if deadline != .max, oro_now() >= deadline { return .over }
                try readWhileWaiting(wait, sleepUntil: deadline, ring, came)
                return .slept(isOver: false)
            })
    }

    /// Microseconds that a host may take to make room. It does so in eighths of the ring, and soon while it is awake.
    private static let roomGap: UInt64 = 100
    /// Microseconds after which a thread that waits for room reads as well.
    private static let readsWhileWaiting: UInt64 = 10
    /// Nanoseconds until room is looked for again where somebody else reads, and may have taken the signal of it.
    private static let looksForRoom: UInt64 = 50_000

    /// Reads what has come: two sides that are both full must not wait for each other. With `sleepUntil` (`oro_now`) it
    /// then sleeps, unless `came`.
    private func readWhileWaiting(
        _ wait: borrowing ThreadWait, sleepUntil deadline: UInt64?, _ ring: Int?, _ came: () -> Bool
    ) throws(LinkError) {
        guard let receiver = takeReceiver() else {
            if deadline == nil { return }
            let word = Word()
            return word.wait(while: word.now, nanoseconds: ClientCore.looksForRoom)
        }
        wait.isReceiving(true)
        defer { wait.isReceiving(false) }
        do throws(LinkError) {
            var spare = freshStorage
            let count = try receive(receiver, &spare, mine: ClientCore.nobody).count
            guard !pollDirects(receiver), count == 0, let deadline else { return }
            if link.arm(room: true), !link.hasSomething(orRoomIn: ring), armDirects(receiver), !came() {
                // A message of which a part is written is written to its end.
                try sleepOnLink(
                    receiver, nanoseconds: deadline == .max ? .max : deadline &- min(deadline, oro_now()),
                    isCancellable: ring == nil && wait.isWatched)
            }
            disarmLink(receiver)
        } catch {
            failAfterReading(receiver, error)
            throw error
        }
    }
}

extension ClientCore: FrameChannel {
    func noteCopied(_ bytes: Int, to ring: Int) { unsafe rings[ring].copied.note(bytes) }

    /// Reads meanwhile: two sides that are both full do not wait for each other. In a ring that is shared nobody waits:
    /// whoever reads may need its lock.
    func waitForRoom(_ ring: Int) throws(LinkError) -> Bool {
        guard link.ownRing == ring else { return false }
        try waitForPeer(until: .max, ring) { link.roomCame(in: ring) }
        return true
    }

    func keep(_ message: WaitingMessage, for ring: Int) throws(FrameFailure) {
        guard message.sent > 0 || link.waitingBytes(in: ring) + message.count <= options.waitingBytes else {
            throw .frame(.busy)
        }
        link.enqueue(ring, message)
        watchForRoom()
    }
}
