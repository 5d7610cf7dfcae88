// SPDX-License-Identifier: Apache-2.0

import CSupport

/// The other side's half of a handshake.
struct Accepted: ~Copyable {
    let offer: Offer
    let segment: Mapping

    /// UNTRUSTED: the offer's bounds, the number of the descriptors, the segment's seals and size are checked.
    init(_ packet: Packet, _ descriptors: inout Descriptors) throws(LinkError) {
        let offer = try Offer(packet)
        guard descriptors.count == 1, let memory = descriptors.take() else {
            throw .violation("a handshake brings a segment, nothing else")
        }
        self.init(offer, try Segment.accept(memory, head: Ring.head, ring: offer.ringBytes))
    }

    /// UNTRUSTED: the same of a client that was introduced, with the socket that it wants to be sent to.
    init(_ packet: Packet, _ descriptors: inout Descriptors, outbox: inout Descriptor?) throws(LinkError) {
        let offer = try Offer(packet)
        guard descriptors.count == 2, let memory = descriptors.take(), let socket = descriptors.take() else {
            throw .violation("an offer brings a segment and a socket, nothing else")
        }
        guard oro_is_packet_socket(socket.number) else {
            throw .violation("an offer with something else than a socket")
        }
        outbox = consume socket
        self.init(offer, try Segment.accept(memory, head: Ring.head, ring: offer.ringBytes))
    }

    private init(_ offer: Offer, _ segment: consuming Mapping) {
        self.offer = offer
        self.segment = segment
    }
}
