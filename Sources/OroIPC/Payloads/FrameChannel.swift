// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame
import OroLink

/// A link as the code that sends frames sees it: every frame leaves through one of the functions below.
///
/// A frame that fits one record is written where the peer reads it. A longer one, or one for which there is no room, is
/// encoded in memory of its own, written in parts, and kept until there is room for the rest.
protocol FrameChannel: AnyObject {
    var link: Link { get }

    /// Payload bytes were copied in user space, on their way to `ring`.
    func noteCopied(_ bytes: Int, to ring: Int)

    /// Waits until there is room in `ring`, as long as that takes. Returns false at once where the sender does not
    /// wait.
    func waitForRoom(_ ring: Int) throws(LinkError) -> Bool

    /// Keeps a message until there is room for it. Throws when it may not wait; then nothing is kept.
    func keep(_ message: WaitingMessage, for ring: Int) throws(FrameFailure)
}

/// Why a frame was not sent.
enum FrameFailure: Error {
    /// This frame cannot be sent, and others can.
    case frame(LinkError)
    /// The link is closed, or has to be.
    case link(LinkError)

    var reason: LinkError {
        switch self {
        case .frame(let reason), .link(let reason): reason
        }
    }
}

/// A value to be sent, in one of its two forms, or none.
enum OutgoingValue {
    /// Says in `header` how long the value is that is encoded behind it. False: it cannot be encoded.
    @inline(__always)
    static func measure(_ value: Value?, _ encoded: EncodedValue?, into header: inout FrameHeader) -> Bool {
        if let encoded { return measure(encoded, into: &header) }
        guard let value else { return true }
        return measure(value, into: &header)
    }

    private static func measure(_ encoded: EncodedValue, into header: inout FrameHeader) -> Bool {
        guard let count = UInt32(exactly: encoded.bytes.count) else { return false }
        header.valueBytes = count
        if encoded.isPairs { header.flags.insert(.pairs) }
        return true
    }

    private static func measure(_ value: Value, into header: inout FrameHeader) -> Bool {
        guard let count = try? value.encodedCount(), let bytes = UInt32(exactly: count) else { return false }
        header.valueBytes = bytes
        return true
    }

    /// Writes the encoding; `destination` is as long as was measured.
    @inline(__always)
    static func encode(_ value: Value?, _ encoded: EncodedValue?, into destination: UnsafeMutableRawBufferPointer) {
        if let encoded {
            // As the caller says.
            unsafe encoded.bytes.withUnsafeBytes { source in unsafe destination.copyMemory(from: source) }
        } else if let value {
            // As the caller says, and `encode` checks.
            unsafe value.encode(into: destination)
        }
    }
}

extension FrameChannel {
    /// Writes a frame that consists of header, value and payload, in one record. With `hold` it stays unseen until
    /// ``Link/flush(_:)``. Returns false, and has written nothing, when the frame is of another shape or there is no
    /// room: ``write(_:_:ring:)`` does all the rest.
    ///
    /// `header`: its `valueBytes` are those that `encode` writes, into a buffer of that length; the payload's length is
    /// set here. `payload`: the payload's bytes as ``Result/unguardedPayload()`` gives them, which the caller keeps
    /// alive; `bytes`: the same, asked for when they do not lie in private memory.
    @inline(__always)
    func writeAtOnce(
        _ header: FrameHeader, _ payload: UnsafeRawBufferPointer, _ bytes: @autoclosure () -> Bytes?, ring: Int,
        hold: Bool = false, _ encode: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(LinkError) -> Bool {
        if link.isBackedUp(ring) { return false }
        // Bytes in shared memory seem to be more than any record holds (`Bytes.sizeWord`).
        if payload.count > Link.inlineBytes {
            guard let bytes = bytes() else { return false }
            return unsafe try writeLent(header, bytes, ring: ring, hold: hold, encode)
        }
        let valueBytes = Int(header.valueBytes)
        let count = FrameHeader.byteCount + valueBytes + payload.count
        guard count <= link.recordLimit(of: ring) else { return false }
        var header = header
        header.payloadBytes = UInt32(truncatingIfNeeded: payload.count)
        while true {
            let outcome = unsafe try link.write(ring, count: count, hold: hold) { place in
                // The record has room for header, value and payload.
                let body = unsafe place + FrameHeader.byteCount
                if let source = payload.baseAddress { unsafe oro_put(body + valueBytes, source, payload.count) }
                if valueBytes > 0 { unsafe encode(.init(start: body, count: valueBytes)) }
                unsafe header.write(to: place)
            }
            if case .sent = outcome {
                noteCopied(payload.count, to: ring)
                return true
            }
            guard try waitForRoom(ring) else { return false }
        }
    }

    /// The same with a payload that lies where the peer can be shown it.
    private func writeLent(
        _ header: FrameHeader, _ payload: Bytes, ring: Int, hold: Bool,
        _ encode: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(LinkError) -> Bool {
        let valueBytes = Int(header.valueBytes)
        let count = FrameHeader.byteCount + valueBytes + BlockReference.byteCount
        guard count <= link.recordLimit(of: ring), link.arena.canLend(payload) else { return false }
        let lent: Lent
        do throws(LinkError) {
            guard let found = try link.arena.lend(payload) else { return false }
            lent = found
        } catch .noBlocks, .busy, .system, .overBudget {
            return false
        }
        var header = header
        header.flags.insert(.lent)
        header.payloadBytes = UInt32(BlockReference.byteCount)
        do throws(LinkError) {
            let outcome = unsafe try link.write(ring, count: count, hold: hold) { place in
                // The record has room for header, value and reference.
                let body = unsafe place + FrameHeader.byteCount
                unsafe BlockReference(lent).write(to: body + valueBytes)
                if valueBytes > 0 { unsafe encode(.init(start: body, count: valueBytes)) }
                unsafe header.write(to: place)
                link.arena.commit(lent)
            }
            if case .sent = outcome { return true }
        } catch {
            link.arena.takeBack(lent)
            throw error
        }
        link.arena.takeBack(lent)
        return false
    }

    /// Writes a frame of any shape. A payload that lies where the peer can be shown it is lent, another is copied.
    func write(_ plain: Frame, _ payload: Bytes?, ring: Int) throws(FrameFailure) {
        var frame = plain
        var lent: Lent?
        // Why the payload is not lent, where it could be.
        var refusal: LinkError?
        do throws(LinkError) {
            if let payload { lent = try link.arena.lend(payload) }
        } catch {
            switch error {
            // In parts through the ring then, if it is not too long for that.
            case .noBlocks, .busy, .tooLarge, .system, .overBudget: refusal = error
            default: throw .link(error)
            }
        }
        let inline = lent == nil ? payload : nil
        frame.block = lent.map { BlockReference($0) }
        do throws(FrameFailure) {
            let size: FrameSize
            do throws(LinkError) {
                size = try frame.measure(with: inline, for: link)
            } catch {
                throw .frame(refusal ?? error)
            }
            let measured = frame
            unsafe try write(count: size.frameBytes, lent, copies: inline?.count ?? 0, ring: ring) { bytes in
                unsafe measured.write(size, inline, into: bytes)
            }
        } catch {
            if let lent { link.arena.takeBack(lent) }
            throw error
        }
    }

    /// Writes a frame of `count` bytes, which `fill` writes; of these `copies` are copied from a payload.
    private func write(
        count: Int, _ lent: Lent?, copies: Int, ring: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(FrameFailure) {
        do throws(LinkError) {
            while true {
                if unsafe try writeRecord(count: count, lent, ring: ring, fill) { return noteCopied(copies, to: ring) }
                if link.isBackedUp(ring) || count > link.recordLimit(of: ring) { break }
                guard try waitForRoom(ring) else { break }
            }
        } catch {
            throw .link(error)
        }
        try unsafe writeInParts(count: count, lent, copies: copies, ring: ring, fill)
    }

    /// Writes a frame in one record. Returns false, and has written nothing, when it is longer or there is no room.
    func writeRecord(
        count: Int, _ lent: Lent?, ring: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(LinkError) -> Bool {
        guard !link.isBackedUp(ring), count <= link.recordLimit(of: ring) else { return false }
        let outcome = unsafe try link.write(ring, count: count) { place in
            // The record has that many bytes.
            unsafe fill(UnsafeMutableRawBufferPointer(start: place, count: count))
            if let lent { link.arena.commit(lent) }
        }
        return outcome == .sent
    }

    /// Writes a frame by way of memory of its own, as far as there is room; the rest is kept.
    func writeInParts(
        count: Int, _ lent: Lent?, copies: Int, ring: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(FrameFailure) {
        let memory = PrivateMemory(count)
        unsafe fill(memory.buffer)
        // Into the frame, and from there into the ring.
        noteCopied(2 * copies, to: ring)
        var sent = 0
        do throws(LinkError) {
            if !link.isBackedUp(ring) {
                while unsafe try !link.writeSome(ring, memory.bytes, from: &sent, lent: lent) {
                    guard try waitForRoom(ring) else { break }
                }
                if sent == count { return }
            }
        } catch {
            throw .link(error)
        }
        try keep(WaitingMessage(memory, sent: sent, lent: lent), for: ring)
    }
}
