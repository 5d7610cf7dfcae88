// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroLink

// Ports that go along with a message, as rows of numbers in a frame: checked here, before anybody counts with them.

extension PortPosting.Carried {
    /// As a frame has it.
    var row: [UInt64] { [number, consumed.value, id] }

    /// UNTRUSTED: a row of a client's.
    init(row: [UInt64]) throws(LinkError) {
        guard row.count == PortReader.columnsOfClient, let consumed = SequenceNumber(row[1]) else {
            throw .violation("a port goes along with counts that cannot be: \(row)")
        }
        self.init(number: row[0], consumed: consumed, id: row[2])
    }
}

extension PortDelivery.Carried {
    /// As a frame has it.
    var row: [UInt64] { [number, received.value, sent.value, acknowledged.value, id] }

    /// UNTRUSTED: a row of a host's.
    init(row: [UInt64]) throws(LinkError) {
        guard row.count == PortReader.columnsOfHost, let received = SequenceNumber(row[1]),
            let sent = SequenceNumber(row[2]), let acknowledged = SequenceNumber(row[3]), acknowledged <= sent
        else { throw .violation("a port comes along with counts that cannot be: \(row)") }
        self.init(number: row[0], received: received, sent: sent, acknowledged: acknowledged, id: row[4])
    }
}

extension Array where Element == [UInt64] {
    /// UNTRUSTED: all rows of a message from a client.
    func posted() throws(LinkError) -> [PortPosting.Carried] {
        try map { (row) throws(LinkError) in try PortPosting.Carried(row: row) }
    }

    /// UNTRUSTED: all rows of a message from a host.
    func delivered() throws(LinkError) -> [PortDelivery.Carried] {
        try map { (row) throws(LinkError) in try PortDelivery.Carried(row: row) }
    }
}

extension PortFrame {
    /// UNTRUSTED: what a client's frame asks of the broker. `nil`: it is about descriptors.
    func order() throws(LinkError) -> PortOrder? {
        switch self {
        case .open(let number, let name, let opening): .open(number, name: name, opening)
        case .channel(let first, let second): .channel(first, second)
        case .message(let message):
            .message(
                PortPosting(
                    number: message.number, seq: message.seq, consumed: message.consumed, content: message.content,
                    carried: try message.carried.posted()))
        case .consumed(let number, let count): .consumed(number, count: count)
        case .close(let number, _): .close(number)
        case .way(let frame): .way(frame)
        case .returned(let count): .claimed(count)
        case .descriptors: nil
        }
    }

    /// UNTRUSTED: what a host's frame says to an owner of ports. `nil`: it is about descriptors.
    func news() throws(LinkError) -> PortNews? {
        switch self {
        case .message(let message):
            .message(
                PortDelivery(
                    number: message.number, seq: message.seq, consumed: message.consumed, content: message.content,
                    carried: try message.carried.delivered()))
        case .consumed(let number, let count): .consumed(number, count: count)
        case .close(let number, let reason): .closed(number, reason: reason)
        case .way(let frame):
            if frame.step.isOfBroker {
                .way(frame)
            } else {
                throw .violation("a step of a direct way that is an owner's")
            }
        case .descriptors, .returned: nil
        case .open, .channel: throw .violation("an operation of ports that a host does not ask for")
        }
    }
}
