// SPDX-License-Identifier: Apache-2.0

/// What a frame is: byte 0 of its header.
@usableFromInline
package enum FrameKind: Hashable, Sendable, CaseIterable {
    /// Asks for a result.
    case request
    /// Answers a request, or is pushed with the seq -1.
    case result
    /// Something happened; nobody answers.
    case event
    /// A request that wants no result.
    case post
    /// The asker no longer wants the result; the value is the reason.
    case abort
    /// A piece of a stream.
    case chunk
    /// A stream's end.
    case end
    /// From now on this route number means this name, on this ring.
    case name
    /// The sender ends the link; the value, if any, is the reason.
    case goodbye
    /// The sender may be sent this many more chunks of a stream (in the place of the deadline).
    case credit
    /// The host takes no requests any more, and finishes those it has.
    case drain
    // What owners of ports and their broker tell each other.
    /// A new port, whose other end goes to whoever answers to this name.
    case portOpen
    /// A new channel; both ends belong to the sender.
    case portChannel
    /// A buffer of the next message, other than its last.
    case portPart
    /// Ports that go with the next message.
    case portTransfer
    case portMessage
    /// So many messages that came to this port were taken.
    case portConsumed
    case portClose
    /// A step of a direct channel, named in the count.
    case portDirect
    /// Descriptors that go with the next message.
    case portDescriptors
    /// How many of the other side's descriptors have been let go: a client's that were posted, or a host's that were
    /// passed on.
    case portReturned

    /// It is about a port.
    @inlinable package var isOfPorts: Bool { byte >= 17 }

    /// The kind with this byte on the wire, or `nil` when there is none.
    @inlinable
    package init?(byte: UInt8) {
        switch byte {
        case 1: self = .request
        case 2: self = .result
        case 3: self = .event
        case 4: self = .post
        case 5: self = .abort
        case 6: self = .chunk
        case 7: self = .end
        case 10: self = .name
        case 11: self = .goodbye
        case 12: self = .credit
        case 13: self = .drain
        case 17: self = .portOpen
        case 18: self = .portChannel
        case 19: self = .portPart
        case 20: self = .portTransfer
        case 21: self = .portMessage
        case 22: self = .portConsumed
        case 23: self = .portClose
        case 24: self = .portDirect
        case 25: self = .portDescriptors
        case 26: self = .portReturned
        default: return nil
        }
    }

    /// The byte on the wire.
    @inlinable
    package var byte: UInt8 {
        switch self {
        case .request: 1
        case .result: 2
        case .event: 3
        case .post: 4
        case .abort: 5
        case .chunk: 6
        case .end: 7
        case .name: 10
        case .goodbye: 11
        case .credit: 12
        case .drain: 13
        case .portOpen: 17
        case .portChannel: 18
        case .portPart: 19
        case .portTransfer: 20
        case .portMessage: 21
        case .portConsumed: 22
        case .portClose: 23
        case .portDirect: 24
        case .portDescriptors: 25
        case .portReturned: 26
        }
    }
}

/// Byte 1 of a frame's header: which optional parts its body has.
@usableFromInline
package struct FrameFlags: OptionSet, Hashable, Sendable {
    @usableFromInline package let rawValue: UInt8

    @inlinable
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The seq does not fit 64 bits, or is negative: its decimal text stands in the body.
    @inlinable package static var wideSeq: FrameFlags { FrameFlags(rawValue: 1 << 0) }
    /// The command's name stands in the body.
    @inlinable package static var inlineName: FrameFlags { FrameFlags(rawValue: 1 << 1) }
    /// A result, or a stream's end, whose value is an error object.
    @inlinable package static var failed: FrameFlags { FrameFlags(rawValue: 1 << 2) }
    /// A request or a post whose value is an array of names and values in turn: parameters of which two have one name.
    @inlinable package static var pairs: FrameFlags { FrameFlags(rawValue: 1 << 2) }
    /// The name of the result's or event's source stands in the body.
    @inlinable package static var hasSource: FrameFlags { FrameFlags(rawValue: 1 << 3) }
    /// Header pairs stand in the body.
    @inlinable package static var hasHeaders: FrameFlags { FrameFlags(rawValue: 1 << 4) }

    /// The payload is not the bytes themselves but a ``BlockReference``: where they lie.
    @inlinable package static var lent: FrameFlags { FrameFlags(rawValue: 1 << 5) }
    /// A request whose answer may be a stream.
    @inlinable package static var takesStream: FrameFlags { FrameFlags(rawValue: 1 << 6) }
    /// A request whose body follows as a stream.
    @inlinable package static var hasBody: FrameFlags { FrameFlags(rawValue: 1 << 7) }

    /// The flags that only a request can have.
    @inlinable package static var ofRequests: FrameFlags { FrameFlags(rawValue: 0xC0) }
    /// Failed, headers, source: what makes a result more than bytes. A constant, because a literal of several
    /// allocates.
    @inlinable package static var ofResults: FrameFlags { FrameFlags(rawValue: 0x1C) }
    /// The flags that add a part to the body.
    @inlinable package static var parts: FrameFlags { FrameFlags(rawValue: 0x1B) }
}
