// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

/// An event or a push on its way to one client or to many: encoded once.
// Sendable: what `encoded` holds is written before anybody else has it.
struct EncodedEvent: Sendable {
    /// All of the frame where the payload stands in it; else for those who cannot be lent it.
    let frame: Frame
    var bytes: Bytes?
    let encoded: EncodedFrame

    /// The frame of an event.
    static func event(
        _ name: String, _ value: Value?, _ bytes: Bytes?, _ headers: Headers?, limit: Int
    ) throws(IPCError) -> EncodedEvent {
        if name.isEmpty { throw .type("an event needs a name") }
        return try EncodedEvent(Frame(.event, name: name, value: value, headers: headers?.pairs), bytes, limit)
    }

    /// The same with a value that is encoded.
    static func event(_ name: String, encoded: EncodedValue, limit: Int) throws(IPCError) -> EncodedEvent {
        var frame = Frame(.event, name: name)
        frame.encoded = encoded
        return try EncodedEvent(frame, nil, limit)
    }

    /// The frame of a result that nobody asked for.
    static func push(
        _ value: Value?, _ bytes: Bytes?, _ headers: Headers?, limit: Int
    ) throws(IPCError) -> EncodedEvent {
        try EncodedEvent(Frame(.result, seq: Seq(-1), value: value, headers: headers?.pairs), bytes, limit)
    }

    private init(_ frame: Frame, _ bytes: Bytes?, _ limit: Int) throws(IPCError) {
        self.frame = frame
        self.bytes = bytes.flatMap { $0.isEmpty && !$0.isEmptyPayload ? nil : $0 }
        do throws(FrameError) {
            encoded = try EncodedFrame(frame, self.bytes, limit)
        } catch {
            switch error {
            case .overLimit:
                throw IPCError(.range, "the event does not fit a message: \(error)")
            default: throw .type("the event cannot be sent: \(error)")
            }
        }
    }

    /// Bytes of memory it holds, without a payload in a block.
    var cost: Int { encoded.count }
}

/// A frame as bytes, which any number of links copy into their rings.
// Sendable: written in the initializer, constant afterwards.
@safe final class EncodedFrame: @unchecked Sendable {
    private let base: UnsafeMutableRawBufferPointer
    /// The payload does not stand in it; the last bytes are for each link's own reference to it.
    let isLent: Bool

    let count: Int

    init(_ plain: Frame, _ bytes: Bytes?, _ limit: Int) throws(FrameError) {
        var frame = plain
        isLent = (bytes?.count ?? 0) > Link.inlineBytes
        if isLent {
            // The place for each link's own.
            frame.block = BlockReference(Lent(slot: 0, serial: 0, loan: 0, offset: 0, count: 0))
        } else {
            frame.setInline(bytes)
        }
        var limits = FrameLimits.default
        limits.maxFrameBytes = limit
        let size = try frame.measure(limits: limits)
        count = size.frameBytes
        unsafe base = .allocate(byteCount: size.frameBytes, alignment: 64)
        let start = unsafe frame.write(size, into: base)
        if !isLent, let bytes {
            unsafe bytes.withUnsafeBytes { source in
                // The frame was measured with room for them at its end.
                unsafe UnsafeMutableRawBufferPointer(rebasing: base[start...]).copyMemory(from: source)
            }
        }
    }

    deinit { unsafe base.deallocate() }

    /// Copies it to `place`, which has room for ``count`` bytes.
    func copy(to place: UnsafeMutableRawPointer, _ reference: BlockReference?) {
        if let source = unsafe base.baseAddress { unsafe place.copyMemory(from: source, byteCount: count) }
        if let reference { unsafe reference.write(to: place + count - BlockReference.byteCount) }
    }
}
