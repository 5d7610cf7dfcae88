// SPDX-License-Identifier: Apache-2.0

import OroFrame
public import OroLink

/// What the owner of ports tells the broker. From a client these are frames (`PortFrame.swift`), in the host calls.
enum PortCommand: Sendable {
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
enum PortOpening: Sendable {
    /// What the host listens with, ``Host/acceptPorts(_:_:)``.
    case host
    /// The next client that says the same name.
    case pairing
    /// The hub: it is a subscription to this name.
    case broadcast(origin: String, BroadcastKeeping)

    /// As a frame has it.
    var value: Value {
        switch self {
        case .host: .int(0)
        case .pairing: .int(1)
        case .broadcast(let origin, let keeping): .array([.int(2), .string(origin), .int(keeping.rawValue)])
        }
    }

    /// UNTRUSTED.
    init?(_ value: Value) {
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
enum PortEvent: Sendable {
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
struct PortContent: Sendable {
    enum Form: Sendable {
        /// As it came: value and last buffer stand in the frame.
        case frame(FrameStorage)
        case value(Value)
        case encoded(EncodedValue)
        /// One small thing, which stands in place.
        case short(ShortStructured)
    }
    var form: Form
    /// Buffers, in the order of their numbers; without the one in a frame.
    var buffers = BytesList.none
    /// `nil`, or none: none came, or none may come.
    var descriptors: TransferredDescriptors?

    /// What it counts for in the books of who has to keep it: bytes of private memory.
    var cost: Int {
        var sum = 64
        for buffer in buffers where buffer.place == .ours { sum += buffer.count }
        if let descriptors { sum += descriptors.list.count * PortLimits.descriptorCost }
        guard case .frame(let storage) = form else { return sum }
        let header = storage.header
        sum += Int(header.valueBytes)
        return header.flags.contains(.lent) ? sum : sum + Int(header.payloadBytes)
    }

    /// It holds memory, or descriptors, of somebody else's.
    var isBorrowed: Bool {
        if descriptors != nil { return true }
        if case .frame(let storage) = form, storage.header.flags.contains(.lent) { return true }
        return buffers.contains { $0.isBorrowed }
    }

    /// All buffers.
    var allBuffers: BytesList {
        guard case .frame(let storage) = form, let payload = storage.payload else { return buffers }
        return buffers.isEmpty ? .one(payload) : BytesList(buffers.array + [payload])
    }

    init(form: Form, buffers: BytesList) {
        self.form = form
        self.buffers = buffers
    }

    init(form: Form, buffers: [Bytes] = []) {
        self.init(form: form, buffers: buffers.isEmpty ? .none : BytesList(buffers))
    }

    static let smallBuffer = 1024

    /// A message that its receiver finds to be none.
    static var unreadable: PortContent { PortContent(form: .value(.array([.int(-1)]))) }
}

/// Bounds of ports and channels that both sides know.
enum PortLimits {
    /// Messages of one direction of a channel that were posted and not taken yet; a further one has to wait.
    static let window: UInt64 = 1024
    /// Bytes of private memory of these; one message may always be posted.
    static let windowBytes = 4 << 20
    /// Buffers beside one message.
    static let buffers = 64
    /// Bytes of the name that a port is opened under.
    static let name = 1...255
    /// Ports that one message transfers.
    static let transferred = 256
    /// Descriptors that one message carries, and what each counts for: 64 fill a port.
    static let descriptors = 16
    static let descriptorCost = 64 << 10
    /// How long a post that does not wait waits all the same for room for descriptors: nanoseconds.
    static let descriptorMoment: UInt64 = 100_000_000
    /// An owner says that it has taken messages after so many, or so many bytes.
    static let reportAfter: UInt64 = 128
    static let reportAfterBytes = 256 << 10
}

/// Who opened a port.
public struct PortClient: Sendable, Hashable {
    /// The link it came over; random, and never another client's.
    public let id: UInt64
    /// Who that is, as the kernel says; `nil` for the host itself.
    public let identity: PeerIdentity?
}
