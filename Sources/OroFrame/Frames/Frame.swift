// SPDX-License-Identifier: Apache-2.0

/// A frame to be sent: what it says, before it is bytes.
///
/// ```swift
/// let size = try frame.measure()          // checks the limits
/// let record = reserve(size.frameBytes)   // the very bytes the peer will read
/// let payload = frame.write(size, into: record)
/// record[payload...].copyBytes(from: encoded)  // `payloadBytes` bytes, for the caller to fill
/// ```
@usableFromInline
package struct Frame: Sendable {
    /// What the frame is.
    @usableFromInline package var kind: FrameKind
    /// The number that stands for the command's name; 0 when the name stands in the frame, or there is none.
    @usableFromInline package var route: UInt16
    /// Milliseconds since the link's start, 0 = never. In results: the status.
    @usableFromInline package var deadline: UInt32
    /// Chosen by the asker, returned in the result.
    @usableFromInline package var ticket: UInt64
    /// The seq of the request, of any size.
    @usableFromInline package var seq: Seq
    /// A result or an end whose value is an error object.
    @usableFromInline package var failed: Bool
    /// The command's name, to stand in the frame.
    @usableFromInline package var name: String?
    /// The source's name, where it is not the command.
    @usableFromInline package var source: String?
    /// The value; `nil` is no value (`undefined`).
    @usableFromInline package var value: Value?
    /// The same, where it is encoded already; `value` is not looked at then.
    @usableFromInline package var encoded: EncodedValue?
    /// `nil` and no pairs are two things: an empty section is sent for the latter.
    @usableFromInline package var headers: [(name: String, value: String)]?
    /// Length of the inline payload, not negative; its bytes are written by the caller.
    @usableFromInline package var payloadBytes: Int
    /// There is a payload, and it has no bytes.
    @usableFromInline package var hasEmptyPayload = false
    /// Where the payload lies when it is not in the frame; there is no inline payload then.
    @usableFromInline package var block: BlockReference?
    /// Flags that only a request can have.
    @usableFromInline package var requestFlags: FrameFlags = []

    /// A frame of this kind; whatever is not said is absent.
    @inlinable
    package init(
        _ kind: FrameKind, route: UInt16 = 0, deadline: UInt32 = 0, ticket: UInt64 = 0,
        seq: Seq = Seq(0 as UInt64),
        failed: Bool = false, name: String? = nil, source: String? = nil, value: Value? = nil,
        headers: [(name: String, value: String)]? = nil, payloadBytes: Int = 0
    ) {
        self.kind = kind
        self.route = route
        self.deadline = deadline
        self.ticket = ticket
        self.seq = seq
        self.failed = failed
        self.name = name
        self.source = source
        self.value = value
        self.headers = headers
        self.payloadBytes = payloadBytes
    }
}

/// What ``Frame/measure(limits:)`` found, for ``Frame/write(_:into:)`` of the same frame.
@usableFromInline
package struct FrameSize: Sendable {
    /// The header as it will be written.
    @usableFromInline package let header: FrameHeader
    /// Length of the whole frame, payload included.
    @usableFromInline package let frameBytes: Int

    @inlinable
    init(header: FrameHeader, frameBytes: Int) {
        self.header = header
        self.frameBytes = frameBytes
    }
}
