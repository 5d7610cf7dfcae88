// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroFrame
import OroLink

// Commands without a result, one by one or in a batch.
extension ClientCore {
    /// A command without a result.
    func post(
        _ command: String, _ value: Value?, _ bytes: Bytes?, headers: Headers? = nil, encoded: EncodedValue? = nil,
        seq: Seq? = nil
    ) throws(LinkError) {
        if link.isOver { throw link.ending ?? .closed }
        let bytes = try placed(bytes, .copy, nil)
        try link.withRing(shared: isInTask) { (ring) throws(LinkError) in
            try postOne(command, value, bytes, headers: headers, ring: ring, encoded: encoded, seq: seq)
        }
    }

    /// One of many whose value, or number, is of another kind than ``postHeld(_:_:_:_:)`` writes.
    func postHeld(_ ring: Int, _ message: OutgoingMessage) throws(LinkError) {
        link.flush(ring)
        try postOne(
            message.command, message.value, try placed(message.bytes, .copy, nil), headers: message.headers, ring: ring,
            encoded: message.encoded, seq: message.seq)
    }

    /// One of many commands without a result: written, but shown to the host together with those after it.
    @inline(__always)
    func postHeld(_ ring: Int, _ command: String, _ value: Value?, _ bytes: borrowing Bytes?) throws(LinkError) {
        let number = unsafe rings[ring].numbers.recall(command)
        if number != 0, value == nil, !link.isBackedUp(ring), let seq = takeSeq().small {
            let payload: UnsafeRawBufferPointer
            switch bytes {
            // Bytes in shared memory seem to be more than any record holds.
            case .some(let bytes): unsafe payload = UnsafeRawBufferPointer(start: bytes.base, count: bytes.extent)
            case nil: unsafe payload = UnsafeRawBufferPointer(start: nil, count: 0)
            }
            let count = FrameHeader.byteCount + payload.count
            if payload.count <= Link.inlineBytes, count <= link.recordLimit(of: ring) {
                let header = FrameHeader(
                    kind: .post, route: number, seq: seq, payloadBytes: UInt32(truncatingIfNeeded: payload.count))
                while true {
                    let outcome = unsafe try link.write(ring, count: count, hold: true) { place in
                        // The record has room for the payload behind the header; the caller keeps the payload alive.
                        if let source = payload.baseAddress {
                            unsafe oro_put(place + 32, source, payload.count)
                        }
                        unsafe header.write(to: place)
                    }
                    if case .sent = outcome {
                        unsafe rings[ring].copied.note(payload.count)
                        return
                    }
                    // With the lock of the shared ring nobody waits: who reads may need it.
                    guard link.ownRing == ring else { break }
                    try waitForRoom(ring)
                }
            }
            if let bytes = copy bytes {
                let header = FrameHeader(kind: .post, route: number, seq: seq)
                if try writeLent(header, bytes, ring: ring, hold: true) { return }
            }
        }
        link.flush(ring)
        try postOne(command, value, try placed(copy bytes, .copy, nil), ring: ring)
    }

    func postOne(
        _ command: String, _ value: Value?, _ bytes: Bytes?, headers: Headers? = nil, ring: Int,
        encoded: EncodedValue? = nil, seq: Seq? = nil
    ) throws(LinkError) {
        guard CommandName.isValid(command) else { throw .unencodable("'\(command.prefix(64))' is not a command") }
        let request = Request(
            kind: .post, command: command, value: value, encoded: encoded, bytes: bytes, seq: seq ?? takeSeq(),
            ticket: 0, deadline: 0, headers: headers)
        try send(request, ring: ring, mayBlock: link.ownRing == ring)
    }

    /// Runs `body` with a ring that is the caller's meanwhile, and shows the host everything at the end.
    func batch<R>(_ body: (Int) throws(LinkError) -> R) throws(LinkError) -> R {
        if link.isOver { throw link.ending ?? .closed }
        return try link.withRing(shared: isInTask) { (ring) throws(LinkError) in
            defer { link.flush(ring) }
            return try body(ring)
        }
    }
}
