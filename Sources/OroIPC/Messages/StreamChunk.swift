// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

/// A piece of a stream: some bytes, or a named event.
public struct StreamChunk: Sendable, Hashable {
    /// The event's name, at most 255 bytes of UTF-8; `nil` when the chunk is no event.
    public var name: String?
    /// The value that came with it; `nil` when there is none.
    public var value: Value?
    /// The bytes; `nil` when there are none. A chunk without name and value always has bytes, perhaps none of them.
    public var bytes: Bytes?
    /// The headers of the answer, which the first chunk may have; one that has nothing else says only these. `nil` when
    /// there are none.
    public var headers: Headers?

    /// The value, where it is encoded already.
    private var encoded: EncodedValue?

    public init(name: String? = nil, value: Value? = nil, bytes: Bytes? = nil, headers: Headers? = nil) {
        self.name = name
        self.value = value
        self.bytes = bytes
        self.headers = headers
    }

    /// What carries a typed element.
    init(_ content: TypedContent) {
        encoded = content.encoded
        bytes = content.bytes
    }

    /// What a peer sent. Throws an `EncodingError` where it is not what a chunk can be.
    init(_ storage: FrameStorage) throws(IPCError) {
        bytes = storage.payload
        if storage.header.flags.contains(.hasHeaders) { headers = Headers(possibleOf: storage) }
        do throws(FrameError) {
            let view = try storage.view
            name = try view.name()
            value = try view.value()?.decode()
        } catch {
            throw IPCError(.encoding, "\(error)")
        }
        if name == nil && value == nil && bytes == nil && storage.header.kind == .chunk { bytes = Bytes([]) }
    }

    /// Encodes a value of many parts. One that cannot be encoded stays: whoever sends it says why.
    mutating func encodeIfLong() {
        guard let long = value, long.isLong, let bytes = try? EncodedValue(long) else { return }
        (value, encoded) = (nil, bytes)
    }

    /// The frame that carries it, for the request with this ticket.
    func frame(_ ticket: UInt64) -> Frame {
        var frame = Frame(.chunk)
        frame.ticket = ticket
        frame.name = name
        frame.value = value
        frame.encoded = encoded
        frame.headers = headers?.pairs
        frame.setInline(bytes)
        return frame
    }
}

extension StreamChunk {
    /// What takes long, on the thread of whoever has made it: as of a result.
    mutating func prepare(for arena: Arena) {
        if let placed = try? arena.placed(bytes) { bytes = placed }
        encodeIfLong()
    }
}

extension IPCError {
    /// Why the stream or the request that `storage` ends has failed; `nil` when it has not.
    init?(ending storage: FrameStorage) {
        guard storage.header.flags.contains(.failed) else { return nil }
        do throws(FrameError) {
            self.init(received: try storage.view.value()?.decode())
        } catch {
            self.init(.encoding, "\(error)")
        }
    }
}
