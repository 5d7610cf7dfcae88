// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
public import OroLink

/// What the owner of ports tells the broker. From a client these are frames (`PortFrame.swift`), in the host calls.
package enum PortCommand: Sendable {
    /// A new port, whose other end goes to whoever answers to this name.
    case open(UInt64, name: String, PortOpening)
    /// A new channel; both ends belong to the sender.
    case channel(UInt64, UInt64)
    case message(Parcel<PostedPort>)
    /// So many messages that came to this port were taken by its owner.
    case consumed(UInt64, count: SequenceNumber)
    case close(UInt64)
    case direct(DirectChannelFrame)
    /// So many descriptors in all, of those that the broker passed on, have been taken in.
    case claimed(SequenceNumber)
}

/// Who is to get the other end of a port that is opened by name.
package enum PortOpening: Sendable {
    /// What the host listens with, ``Host/acceptPorts(_:_:)``.
    case host
    /// The next client that says the same name.
    case pairing
    /// The hub: it is a subscription to this name.
    case broadcast(origin: String, BroadcastKeeping)

    /// As a frame has it.
    package var value: Value {
        switch self {
        case .host: .int(0)
        case .pairing: .int(1)
        case .broadcast(let origin, let keeping): .array([.int(2), .string(origin), .int(keeping.rawValue)])
        }
    }

    /// UNTRUSTED.
    package init?(_ value: Value) {
        switch value {
        case .int(0): self = .host
        case .int(1): self = .pairing
        case .array(let parts):
            guard parts.count == 3, parts[0] == .int(2), case .string(let origin) = parts[1], origin.utf8.count <= 255,
                case .int(let number) = parts[2], let keeping = BroadcastKeeping(rawValue: number)
            else { return nil }
            self = .broadcast(origin: origin, keeping)
        default: return nil
        }
    }
}

/// What the broker notifies the owner of ports of.
package enum PortEvent: Sendable {
    case message(Parcel<DeliveredPort>)
    case consumed(UInt64, count: SequenceNumber)
    /// The other end is closed, after so many messages in all; `nil`: nobody knows how many there were.
    case closed(UInt64, reason: String?)
    /// Somebody opened a port by name; this is its other end.
    case opened(UInt64, name: String, PortClient)
    case direct(DirectChannelFrame)
    /// There is room for further descriptors.
    case descriptorRoom
}

/// What a message says, encoded.
package struct PortContent: Sendable {
    package enum Form: Sendable {
        /// As it came: value and last buffer stand in the frame.
        case frame(any ReceivedFrame)
        case value(Value)
        case encoded(EncodedValue)
        /// One small thing, which stands in place.
        case short(ShortStructured)
    }
    package var form: Form
    /// Buffers, in the order of their numbers; without the one in a frame.
    package var buffers = BytesList.none
    /// `nil`, or none: none came, or none may come.
    package var descriptors: TransferredDescriptors?

    /// What it counts for in the books of who has to keep it: bytes of private memory.
    package var cost: Int {
        var sum = 64
        for buffer in buffers where buffer.place == .ours { sum += buffer.count }
        if let descriptors { sum += descriptors.list.count * PortLimits.descriptorCost }
        guard case .frame(let storage) = form else { return sum }
        let header = storage.header
        sum += Int(header.valueBytes)
        return header.flags.contains(.lent) ? sum : sum + Int(header.payloadBytes)
    }

    /// It holds memory, or descriptors, of somebody else's.
    package var isBorrowed: Bool {
        if descriptors != nil { return true }
        if case .frame(let storage) = form, storage.header.flags.contains(.lent) { return true }
        return buffers.contains { $0.isBorrowed }
    }

    /// All buffers.
    package var allBuffers: BytesList {
        guard case .frame(let storage) = form, let payload = storage.payload else { return buffers }
        return buffers.isEmpty ? .one(payload) : BytesList(buffers.array + [payload])
    }

    package init(form: Form, buffers: BytesList) {
        self.form = form
        self.buffers = buffers
    }

    package init(form: Form, buffers: [Bytes] = []) {
        self.init(form: form, buffers: buffers.isEmpty ? .none : BytesList(buffers))
    }

    package static let smallBuffer = 1024

    /// A message that its receiver finds to be none.
    package static var unreadable: PortContent { PortContent(form: .value(.array([.int(-1)]))) }
}

/// Bounds of ports and channels that both sides know.
package enum PortLimits {
    /// Messages of one direction of a channel that were posted and not taken yet; a further one has to wait.
    package static let window: UInt64 = 1024
    /// Bytes of private memory of these; one message may always be posted.
    package static let windowBytes = 4 << 20
    /// Buffers beside one message.
    package static let buffers = 64
    /// Bytes of the name that a port is opened under.
    package static let name = 1...255
    /// Ports that one message transfers.
    package static let transferred = 256
    /// Descriptors that one message carries, and what each counts for: 64 fill a port.
    package static let descriptors = 16
    package static let descriptorCost = 64 << 10
    /// How long a post that does not wait waits all the same for room for descriptors: nanoseconds.
    package static let descriptorMoment: UInt64 = 100_000_000
    /// An owner says that it has taken messages after so many, or so many bytes.
    package static let reportAfter: UInt64 = 128
    package static let reportAfterBytes = 256 << 10
}

/// Who opened a port.
public struct PortClient: Sendable, Hashable {
    /// The link it came over; random, and never another client's.
    public let id: UInt64
    /// Who that is, as the kernel says; `nil` for the host itself.
    public let identity: PeerIdentity?

    package init(id: UInt64, identity: PeerIdentity?) {
        self.id = id
        self.identity = identity
    }
}
