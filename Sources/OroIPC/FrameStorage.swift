import CSupport
import OroFrame
import OroLink

/// A frame copied out of a ring into private memory: what messages, results and their bytes refer to.
///
/// Reused for the next frame when nobody refers to it any more, so that a steady exchange of small messages allocates
/// nothing.
// Sendable: written by the one thread that made or reused it, before anybody else has a reference; constant afterwards.
@usableFromInline
final class FrameStorage: @unchecked Sendable {
    @usableFromInline var base: UnsafeMutableRawPointer
    @usableFromInline var room: Int
    @usableFromInline var count = 0
    @usableFromInline var header = FrameHeader(kind: .goodbye)
    /// Where the payload starts; it reaches to the end.
    @usableFromInline var payloadStart = 0
    /// The command's name as the route has it; set by the host.
    @usableFromInline var name = ""

    @usableFromInline static let smallestRoom = 256
    /// A larger block is not kept for reuse.
    @usableFromInline static let largestKept = 1 << 16

    @usableFromInline
    init() {
        room = FrameStorage.smallestRoom
        unsafe base = .allocate(byteCount: FrameStorage.smallestRoom + 64, alignment: 64)
    }

    deinit { unsafe base.deallocate() }

    /// Takes over what came: copies from a ring, or adopts memory that is ours already.
    @inline(__always)
    func fill(_ incoming: Incoming) {
        count = incoming.count
        if incoming.owned {
            unsafe base.deallocate()
            unsafe base = UnsafeMutableRawPointer(mutating: incoming.bytes)
            room = incoming.count
        } else {
            if count > room { grow() }
            // Both sides have room for the count rounded up: the ring is mapped twice, `base` has 64 bytes more.
            unsafe oro_take(base, incoming.bytes, count)
        }
    }

    func grow() {
        unsafe base.deallocate()
        room = max(count, 2 * room)
        unsafe base = .allocate(byteCount: room + 64, alignment: 64)
    }

    /// Whether the block is worth keeping for another frame.
    var isSmall: Bool { room <= FrameStorage.largestKept }

    @inlinable
    var buffer: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: count) }

    @usableFromInline
    var view: FrameView {
        @_lifetime(borrow self)
        get throws(FrameError) {
            // The memory lives, unchanged, as long as this object.
            let span = unsafe _overrideLifetime(buffer.bytes, borrowing: self)
            return try FrameView(span)
        }
    }
}
