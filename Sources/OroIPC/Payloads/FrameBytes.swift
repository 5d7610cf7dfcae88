// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

// A frame and the payload behind it, as the bytes of a record.
extension Frame {
    /// Measures the frame with `payload` at its end. Throws `tooLarge` when whoever is at the other side of `link`
    /// takes no message of that size, `overLimit`, and `unencodable`.
    mutating func measure(with payload: Bytes?, for link: Link) throws(LinkError) -> FrameSize {
        setInline(payload)
        do throws(FrameError) {
            var limits = FrameLimits.default
            limits.maxFrameBytes = link.peerMessageBytes
            return try measure(limits: limits)
        } catch {
            switch error {
            case .overLimit(.frameBytes, let value, let limit):
                throw .tooLarge(bytes: value, limit: limit, setting: "the peer's LinkLimits.messageBytes")
            case .overLimit: throw .overLimit(error.description)
            default: throw .unencodable(error.description)
            }
        }
    }

    /// `payload` is going to stand at the end of the frame, which says so where it has no bytes.
    mutating func setInline(_ payload: Bytes?) {
        payloadBytes = payload?.count ?? 0
        hasEmptyPayload = payload?.isEmptyPayload == true
    }

    /// Writes the frame and `payload` to the start of `bytes`, which are `size.frameBytes` or more; it was measured
    /// with the payload.
    func write(_ size: FrameSize, _ payload: Bytes?, into bytes: UnsafeMutableRawBufferPointer) {
        let start = unsafe write(size, into: bytes)
        // The frame was measured with room for the payload at its end.
        unsafe payload?.withUnsafeBytes { source in
            unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[start...]).copyMemory(from: source)
        }
    }
}
