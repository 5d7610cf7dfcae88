import CSupport
import OroFrame
import OroLink

// Requests on their way out: a frame in one record, in several, or waiting for room.
extension ClientCore {
    /// Tasks change threads; their messages keep their order by going through one ring.
    var isInTask: Bool { unsafe withUnsafeCurrentTask { unsafe $0 != nil } }

    /// A request on its way.
    struct Request {
        var kind: FrameKind
        var command: String
        var value: Value?
        var bytes: Bytes?
        var seq: Seq
        var ticket: UInt64
        /// Milliseconds since the link's start, 0 = none.
        var deadline: UInt32
        var flags: FrameFlags = []
    }

    /// Writes a request to `ring`, which is the caller's. With `mayBlock` it waits for room as long as it takes; else
    /// the background thread writes what does not fit now.
    @inline(__always)
    func send(_ request: borrowing Request, ring: Int, mayBlock: Bool) throws(LinkError) {
        let payload = request.bytes?.count ?? 0
        // The plain case: a command sent before, no value, a seq of 64 bits, one record.
        let number = unsafe rings[ring].numbers.recall(request.command)
        if number != 0, request.value == nil, let seq = request.seq.small, !link.isBackedUp(ring),
            FrameHeader.byteCount + payload <= link.recordLimit(of: ring)
        {
            let header = FrameHeader(
                kind: request.kind, flags: request.flags, route: number, deadline: request.deadline,
                ticket: request.ticket, seq: seq, payloadBytes: UInt32(payload))
            let bytes = request.bytes
            let outcome = unsafe try link.write(ring, count: FrameHeader.byteCount + payload) { place in
                unsafe bytes?.withUnsafeBytes { bytes in
                    // The record has `payload` bytes behind the header.
                    if let source = bytes.baseAddress { unsafe oro_put(place + 32, source, payload) }
                }
                unsafe header.write(to: place)
            }
            if case .sent = outcome { return }
        }
        try sendInFull(request, ring: ring, mayBlock: mayBlock)
    }

    /// A request of any shape.
    func sendInFull(_ request: borrowing Request, ring: Int, mayBlock: Bool) throws(LinkError) {
        var frame = Frame(request.kind)
        switch unsafe rings[ring].numbers.lookUp(request.command) {
        case .known(let number): frame.route = number
        case .unnumbered: frame.name = request.command
        case .new(let number):
            var name = Frame(.name)
            name.route = number
            name.name = request.command
            try write(name, nil, ring: ring, mayBlock: mayBlock)
            unsafe rings[ring].numbers.announce(request.command, number)
            frame.route = number
        }
        frame.seq = request.seq
        frame.ticket = request.ticket
        frame.deadline = request.deadline
        frame.value = request.value
        frame.requestFlags = request.flags
        frame.payloadBytes = request.bytes?.count ?? 0
        try write(frame, request.bytes, ring: ring, mayBlock: mayBlock)
    }

    func write(_ frame: Frame, _ payload: Bytes?, ring: Int, mayBlock: Bool) throws(LinkError) {
        let size: FrameSize
        do throws(FrameError) {
            var limits = FrameLimits.default
            limits.maxFrameBytes = link.peerMessageBytes
            size = try frame.measure(limits: limits)
        } catch {
            if case .overLimit(.frameBytes, let value, let limit) = error {
                throw .tooLarge(bytes: value, limit: limit)
            }
            throw .unencodable(error.description)
        }
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: size.frameBytes, alignment: 64)
        let start = unsafe frame.write(size, into: bytes)
        unsafe payload?.withUnsafeBytes { source in
            unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[start...]).copyMemory(from: source)
        }
        var sent = 0
        if !link.isBackedUp(ring) {
            do throws(LinkError) {
                while try unsafe !link.writeSome(ring, UnsafeRawBufferPointer(bytes), from: &sent) {
                    guard mayBlock else { break }
                    try waitForRoom(ring)
                }
            } catch {
                unsafe bytes.deallocate()
                throw error
            }
            if sent == size.frameBytes {
                unsafe bytes.deallocate()
                return
            }
        }
        guard sent > 0 || link.waitingBytes(in: ring) + size.frameBytes <= options.waitingBytes else {
            unsafe bytes.deallocate()
            throw .busy
        }
        unsafe link.enqueue(ring, WaitingMessage(adopting: bytes, sent: sent))
        // Whoever sleeps on the link has to watch for room from now on.
        attach()
        background.withLock { $0 }?.look(self)
        kick()
    }

    /// Waits until there is room in the caller's ring, reading meanwhile: two sides that are both full do not wait for
    /// each other.
    func waitForRoom(_ ring: Int) throws(LinkError) {
        // The host makes room in eighths of the ring: while it is awake, polling sees it soon.
        let began = oro_ticks()
        var looks = 0
        while true {
            if link.roomCame(in: ring) { return }
            if link.isOver { throw link.ending ?? .closed }
            looks += 1
            let sleeps =
                options.idle == .park || (looks & 63 == 0 && link.sharesProcessor)
                || (options.idle == .adaptive && oro_ticks() &- began > briefly)
            if !sleeps && looks & 255 != 0 {
                oro_spin_pause()
                continue
            }
            // Now and then, and before a sleep, what comes in is read: two full sides must not wait for each other.
            guard takeRole() else {
                // Somebody else reads, and room is seen by looking.
                let word = Word()
                word.wait(while: word.now, nanoseconds: 50_000)
                continue
            }
            do throws(LinkError) {
                var spare = FrameStorage()
                let count = try receive(&spare, mine: 0).count
                if sleeps && count == 0 {
                    if link.arm(room: true) && !link.hasSomething(orRoomIn: ring) {
                        try sleepOnLink(nanoseconds: .max)
                    }
                    link.disarm()
                }
            } catch {
                failAfterReading(error)
                giveUpRole()
                throw error
            }
            giveUpRole()
        }
    }
}
