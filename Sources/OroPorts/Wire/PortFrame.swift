// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

// Frames of ports: kind and port say what a frame is about, and the field *deadline* is a count.
// `docs/wire-format.md` has the table.

extension Frame {
    /// A frame about the port with this number.
    package init(_ kind: FrameKind, port number: UInt64, count: UInt32 = 0) {
        self.init(kind)
        deadline = count
        ticket = number
    }
}

/// In the field *route* of a message, beside the number of its parts: what else came before it.
package enum PortParts {
    /// A frame of transferred ports.
    package static let transfersBit: UInt16 = 1 << 15
    /// The same for descriptors.
    package static let descriptorsBit: UInt16 = 1 << 14
}

/// What a peer said about ports, in one frame or several.
package enum PortFrame<Port: TransferredPort> {
    case open(UInt64, name: String, PortOpening)
    case channel(UInt64, UInt64)
    case message(Parcel<Port>)
    case consumed(UInt64, count: SequenceNumber)
    case close(UInt64, reason: String?)
    case direct(DirectChannelFrame)
    /// To be claimed from the link, and given to the reader.
    case descriptors(first: SequenceNumber, count: Int)
    case returned(SequenceNumber)
}

/// Writes messages of ports: parts, ports, and then the message itself.
package enum PortWriter {
    /// `send` sends one frame. `firstDescriptor`: where the message's descriptors were passed to the receiver, the
    /// number of the first; `nil`: those it has do not come along.
    @_specialize(where Port == PostedPort)
    @_specialize(where Port == DeliveredPort)
    @_specialize(where Port == Never)
    package static func write<Port: TransferredPort>(
        _ message: Parcel<Port>, firstDescriptor: UInt64? = nil, _ send: (Frame, Bytes?) throws(LinkError) -> Void
    ) throws(LinkError) {
        let buffers = message.content.allBuffers
        for (index, buffer) in buffers.dropLast().enumerated() {
            try send(Frame(.portPart, port: message.number, count: UInt32(index)), buffer)
        }
        var frame = Frame(.portMessage, port: message.number, count: message.consumed)
        frame.seq = Seq(message.seq.value)
        frame.route = UInt16(max(0, buffers.count - 1))
        if !message.transferred.isEmpty {
            var transfer = Frame(.portTransfer, port: message.number)
            transfer.value = .array(message.transferred.map { .array($0.row.map { .int(Int64(bitPattern: $0)) }) })
            try send(transfer, nil)
            frame.route |= PortParts.transfersBit
        }
        if let descriptors = message.content.descriptors {
            try send(claim(firstDescriptor, descriptors, for: message.number), nil)
            frame.route |= PortParts.descriptorsBit
        }
        switch message.content.form {
        case .value(let value): frame.value = value
        case .encoded(let encoded): frame.encoded = encoded
        case .short(let short): frame.encoded = short.encoded
        case .frame(let storage): frame.encoded = storage.encodedValue
        }
        try send(frame, buffers.last)
    }

    /// Names descriptors that were passed; with `nil` says that they do not come along. On its own, without a message,
    /// it lets them go at the other side.
    package static func claim(_ first: UInt64?, _ descriptors: TransferredDescriptors, for number: UInt64) -> Frame {
        guard let first else { return Frame(.portDescriptors, port: number) }
        var frame = Frame(.portDescriptors, port: number, count: UInt32(descriptors.list.count))
        frame.seq = Seq(first)
        return frame
    }
}

/// Puts together what a peer says about ports on one ring.
package struct PortReader<Port: TransferredPort> {
    package init() {}

    private var number: UInt64 = 0
    private var parts: [Bytes] = []
    private var transferred: [Port] = []
    private var descriptors: TransferredDescriptors?
    /// Of the last port that came along from a host: the host counts on.
    private var lastNumber: UInt64 = 0

    /// UNTRUSTED: every field is checked for its form; what numbers stand for is for the caller to know. `nil`: more is
    /// to come.
    @_specialize(where Port == PostedPort)
    @_specialize(where Port == DeliveredPort)
    @_specialize(where Port == Never)
    package mutating func read(_ storage: any ReceivedFrame) throws(LinkError) -> PortFrame<Port>? {
        let header = storage.header
        guard header.flags.subtracting(PortReader.flags(of: header.kind)).isEmpty,
            header.route == 0 || header.kind == .portMessage
        else { throw .violation("a frame of ports with parts that do not belong there") }
        let count = header.deadline
        switch header.kind {
        case .portPart: try readPart(storage, index: count)
        case .portTransfer:
            if header.ticket != number { begin(header.ticket) }
            transferred = try rows(storage)
        case .portMessage: return .message(try readMessage(storage, consumed: count))
        case .portOpen: return try readOpening(storage)
        case .portChannel: return .channel(header.ticket, header.seq)
        case .portConsumed: return .consumed(header.ticket, count: try sequence(header.seq))
        case .portClose:
            let reason = (try? storage.shortValue(most: PortReader.reasonBytes))?.string
            return .close(header.ticket, reason: reason)
        case .portDirect: return .direct(try DirectChannelFrame(storage))
        case .portDescriptors:
            try readDescriptors(header, count: count)
            if count > 0 { return .descriptors(first: try sequence(header.seq), count: Int(count)) }
        case .portReturned: return .returned(try sequence(header.seq))
        default: throw .violation("a frame that is not about ports: \(header.kind)")
        }
        return nil
    }

    /// The flags a frame of this kind may have.
    private static func flags(of kind: FrameKind) -> FrameFlags {
        switch kind {
        case .portPart, .portMessage: .lent
        case .portOpen: .inlineName
        default: []
        }
    }

    /// UNTRUSTED: one of a message's buffers, in front of it.
    private mutating func readPart(_ storage: any ReceivedFrame, index: UInt32) throws(LinkError) {
        if index == 0 { begin(storage.header.ticket) }
        guard storage.header.ticket == number, parts.count == index, index < PortLimits.buffers,
            let payload = storage.payload
        else { throw .violation("a buffer out of turn, too many, or none") }
        parts.append(payload)
    }

    /// UNTRUSTED: a message, behind the buffers, ports and descriptors that belong to it.
    private mutating func readMessage(_ storage: any ReceivedFrame, consumed: UInt32) throws(LinkError) -> Parcel<Port>
    {
        let header = storage.header
        // UNTRUSTED: 14 bits, compared with how many buffers have come.
        let wanted = Int(header.route & ~(PortParts.transfersBit | PortParts.descriptorsBit))
        let hasPorts = header.route & PortParts.transfersBit != 0
        let hasDescriptors = header.route & PortParts.descriptorsBit != 0
        let isNext = header.ticket == number
        defer { begin(0) }
        guard header.valueBytes > 0, wanted == 0 || (isNext && wanted == parts.count),
            !hasPorts || (isNext && !transferred.isEmpty), !hasDescriptors || (isNext && descriptors != nil)
        else { throw .violation("a message without the buffers, ports or descriptors that belong to it") }
        if hasPorts, Port.isNumberedBySender { try checkNumbers() }
        var content = PortContent(form: .frame(storage), buffers: wanted == 0 ? [] : parts)
        if hasDescriptors { content.descriptors = descriptors }
        return Parcel(
            number: header.ticket, seq: try sequence(header.seq), consumed: consumed, content: content,
            transferred: hasPorts ? transferred : [])
    }

    /// UNTRUSTED: a client asks for a port by its name.
    private func readOpening(_ storage: any ReceivedFrame) throws(LinkError) -> PortFrame<Port> {
        do {
            let mode = try storage.shortValue(most: PortReader.openingBytes) ?? .null
            guard let name = try storage.view.name(), PortLimits.name.contains(name.utf8.count),
                let opening = PortOpening(mode)
            else {
                throw LinkError.violation(
                    "a port is opened without a name of \(PortLimits.name) bytes, or in an unknown way")
            }
            return .open(storage.header.ticket, name: name, opening)
        } catch {
            throw error as? LinkError ?? .violation("a malformed frame: \(error)")
        }
    }

    /// UNTRUSTED: descriptors that a message will name. Those of a message that never came are let go.
    private mutating func readDescriptors(_ header: FrameHeader, count: UInt32) throws(LinkError) {
        if header.ticket != number { begin(header.ticket) }
        guard count <= PortLimits.descriptors else { throw .violation("too many descriptors for one message") }
        // With a count of 0 the message's receiver acknowledges it at once; until then they are kept elsewhere.
        descriptors = count == 0 ? TransferredDescriptors([]) : nil
    }

    /// UNTRUSTED: the same of a message that is one frame, without ports: most are. `nil`: it is something else.
    @_specialize(where Port == PostedPort)
    @_specialize(where Port == DeliveredPort)
    @_specialize(where Port == Never)
    package mutating func readPlain(_ storage: any ReceivedFrame) throws(LinkError) -> Parcel<Port>? {
        let header = storage.header
        guard header.kind == .portMessage, header.flags.isEmpty, header.route == 0, header.valueBytes > 0
        else { return nil }
        if number != 0 || !parts.isEmpty || !transferred.isEmpty || descriptors != nil { begin(0) }
        return Parcel(
            number: header.ticket, seq: try sequence(header.seq), consumed: header.deadline,
            content: PortContent(form: .frame(storage)))
    }

    /// The descriptors it has read of last were claimed: they go with the message that comes next.
    package mutating func attach(_ claimed: TransferredDescriptors) { descriptors = claimed }

    /// Most bytes of what an opening, a reason, and rows of ports are encoded in.
    private static var openingBytes: Int { 1024 }
    private static var reasonBytes: Int { 64 << 10 }
    private static var rowsBytes: Int { 16 + PortLimits.transferred * (3 + 5 * 9) }

    private func sequence(_ number: UInt64) throws(LinkError) -> SequenceNumber {
        guard let sequence = SequenceNumber(number) else {
            throw .violation("a count of \(number) in a frame of ports; all are below \(SequenceNumber.bound)")
        }
        return sequence
    }

    /// A host's numbers are even, and each is greater than all before: so none is a port's that is there.
    private mutating func checkNumbers() throws(LinkError) {
        for port in transferred {
            guard port.number & 1 == 0, port.number > lastNumber else {
                throw .violation("a port's number out of turn: \(port.number)")
            }
            lastNumber = port.number
        }
    }

    private mutating func begin(_ number: UInt64) {
        self.number = number
        parts = []
        transferred = []
        descriptors = nil
    }

    private func rows(_ storage: any ReceivedFrame) throws(LinkError) -> [Port] {
        guard case .array(let rows) = (try? storage.shortValue(most: PortReader.rowsBytes)) ?? .null,
            (1...PortLimits.transferred).contains(rows.count)
        else { throw .violation("a list of ports that is none, or too long") }
        var all: [Port] = []
        for row in rows {
            guard case .array(let numbers) = row, numbers.count == Port.columns else {
                throw .violation("a port without its numbers")
            }
            var flat: [UInt64] = []
            for number in numbers {
                guard case .int(let number) = number else { throw .violation("a port without its numbers") }
                flat.append(UInt64(bitPattern: number))
            }
            all.append(try Port(row: flat))
        }
        return all
    }
}
