// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroLink

/// One message of a port, from `postMessage` to the inbox at the other end: the one type that every hop passes on.
///
/// Only the ports that go with it are known in a different form at each hop: a ``PostedPort`` on its way to the broker,
/// a `BrokerPort` in the broker, a ``DeliveredPort`` on its way to the receiver, a `LocalPort` in an inbox, and none
/// (`Never`) over a direct link.
package struct Parcel<Port> {
    /// The port it is posted from, or delivered to, as the owner of that port calls it; over a direct link the token of
    /// the channel.
    package var number: UInt64
    /// Its place among all messages ever posted from its end of the channel, whoever posted them.
    package var seq: SequenceNumber
    /// How many messages the sender of this one has taken in the other direction: the low 32
    /// bits.
    package var consumed: UInt32
    package private(set) var content: PortContent
    /// The ports that are transferred with it.
    package private(set) var transferred: [Port]
    /// The bytes of private memory it counts for while somebody keeps it. Summed up once.
    package let cost: Int
    /// It came over a direct link.
    package var isDirect: Bool

    @_specialize(where Port == PostedPort)
    @_specialize(where Port == DeliveredPort)
    @_specialize(where Port == Never)
    package init(
        number: UInt64, seq: SequenceNumber, consumed: UInt32 = 0, content: PortContent, transferred: [Port] = []
    ) {
        self.init(
            number: number, seq: seq, consumed: consumed, content: content, transferred: transferred,
            cost: content.cost, isDirect: false)
    }

    private init(
        number: UInt64, seq: SequenceNumber, consumed: UInt32, content: PortContent, transferred: [Port],
        cost: Int, isDirect: Bool
    ) {
        self.number = number
        self.seq = seq
        self.consumed = consumed
        self.content = content
        self.transferred = transferred
        self.cost = cost
        self.isDirect = isDirect
    }

    /// The same message at the next hop, with its ports as they are known there.
    @_specialize(where Port == PostedPort, Other == Never)
    package func transferring<Other>(_ ports: [Other]) -> Parcel<Other> {
        Parcel<Other>(
            number: number, seq: seq, consumed: consumed, content: content, transferred: ports, cost: cost,
            isDirect: isDirect)
    }

    /// What its receiver gets in place of a message that cannot be passed on; the descriptors still go along.
    package var unreadable: Parcel {
        var content = PortContent.unreadable
        content.descriptors = self.content.descriptors
        return Parcel(
            number: number, seq: seq, consumed: consumed, content: content, transferred: transferred)
    }
}

extension Parcel: Sendable where Port: Sendable {}

extension Parcel: Sequenced {}

/// A port that leaves its owner with a message.
package struct PostedPort: Sendable {
    /// What its owner called it.
    package var number: UInt64
    /// How many messages that came to that port were taken: what comes after goes to its new owner. This is the cut at
    /// which a transfer divides what is on its way.
    package var consumed: SequenceNumber
    package var id: UInt64

    package init(number: UInt64, consumed: SequenceNumber, id: UInt64) {
        self.number = number
        self.consumed = consumed
        self.id = id
    }
}

/// A port that comes to its new owner with a message.
package struct DeliveredPort: Sendable {
    /// What its owner calls it from now on.
    package var number: UInt64
    /// The first message that will come.
    package var received: SequenceNumber
    /// Messages posted from that end so far, and how many of them were taken.
    package var sent: SequenceNumber
    package var acknowledged: SequenceNumber
    package var id: UInt64

    package init(
        number: UInt64, received: SequenceNumber, sent: SequenceNumber, acknowledged: SequenceNumber, id: UInt64
    ) {
        self.number = number
        self.received = received
        self.sent = sent
        self.acknowledged = acknowledged
        self.id = id
    }
}

/// A port as a frame names it: a row of numbers, checked where it is read, before anybody counts with them.
package protocol TransferredPort: Sendable {
    /// Numbers in a row.
    static var columns: Int { get }
    /// The sender chooses the number of the port, each greater than all before.
    static var isNumberedBySender: Bool { get }
    var number: UInt64 { get }
    /// As a frame has it.
    var row: [UInt64] { get }
    /// UNTRUSTED: ``columns`` numbers of a peer's.
    init(row: [UInt64]) throws(LinkError)
}

extension PostedPort: TransferredPort {
    package static let columns = 3
    package static let isNumberedBySender = false

    package var row: [UInt64] { [number, consumed.value, id] }

    package init(row: [UInt64]) throws(LinkError) {
        guard let consumed = SequenceNumber(row[1]) else {
            throw .violation("a port goes along with counts that cannot be: \(row)")
        }
        self.init(number: row[0], consumed: consumed, id: row[2])
    }
}

extension DeliveredPort: TransferredPort {
    package static let columns = 5
    package static let isNumberedBySender = true

    package var row: [UInt64] { [number, received.value, sent.value, acknowledged.value, id] }

    package init(row: [UInt64]) throws(LinkError) {
        guard let received = SequenceNumber(row[1]), let sent = SequenceNumber(row[2]),
            let acknowledged = SequenceNumber(row[3]), acknowledged <= sent
        else { throw .violation("a port comes along with counts that cannot be: \(row)") }
        self.init(number: row[0], received: received, sent: sent, acknowledged: acknowledged, id: row[4])
    }
}

/// No port goes over a direct link: the broker has to know the order of all that moves one.
extension Never: TransferredPort {
    package static var columns: Int { 0 }
    package static var isNumberedBySender: Bool { false }
    package var number: UInt64 { switch self {} }
    package var row: [UInt64] { switch self {} }
    package init(row: [UInt64]) throws(LinkError) { throw .violation("ports on a direct link") }
}
