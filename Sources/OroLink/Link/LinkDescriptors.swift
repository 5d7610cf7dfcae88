// SPDX-License-Identifier: Apache-2.0

import DequeModule

// Descriptors that go along with messages. They come over the socket, each with its number among all of its direction,
// before the message that claims them by that number comes through a ring.
extension Link {
    /// Descriptors of one direction that were passed and are not known to have been let go by the other side.
    package static let descriptorsAtOnce = 64

    /// Those that came and were not claimed yet.
    struct ArrivedDescriptors {
        var first: UInt64 = 0
        var all: Deque<PassedDescriptor> = []

        var end: UInt64 { first + UInt64(all.count) }
    }

    /// Passes descriptors to the peer, of which this side keeps its own. Answers the number of the first; `nil`: the
    /// socket, or the kernel, has no room for them now. The caller sees to it that messages claim them in the order of
    /// these calls.
    package func pass(_ all: [PassedDescriptor]) throws(LinkError) -> UInt64? {
        try passed.withLock { (next) throws(LinkError) in
            let first = next
            for start in stride(from: 0, to: all.count, by: Packet.mostDescriptors) {
                let numbers = all[start..<min(start + Packet.mostDescriptors, all.count)].map(\.number)
                var packet = Packet(.descriptors)
                packet.append(UInt32(0))
                packet.append(next)
                // Those before it stay unclaimed, and go with the next that are claimed.
                guard try send(packet, numbers) else { return nil }
                next += UInt64(numbers.count)
            }
            return first
        }
    }

    /// How many were passed so far.
    package var passedDescriptors: UInt64 { passed.withLock { $0 } }

    /// UNTRUSTED: the descriptors from number `first` on, which a message names. Those before them that no message has
    /// claimed are closed: `skipped` is how many. By the receiver.
    package func claim(
        _ first: UInt64, count: Int
    ) throws(LinkError) -> (descriptors: [PassedDescriptor], skipped: Int) {
        // Passed before the message was written, but maybe not read yet.
        if arrived.end < first &+ UInt64(count) { try readAnnounced() }
        guard first >= arrived.first, first <= arrived.end, arrived.end - first >= UInt64(count) else {
            throw .violation("descriptors that were never passed")
        }
        let skipped = Int(first - arrived.first)
        arrived.all.removeFirst(skipped)
        let claimed = Array(arrived.all.prefix(count))
        arrived.all.removeFirst(count)
        arrived.first = first + UInt64(count)
        return (claimed, skipped)
    }

    /// UNTRUSTED: descriptors have come. All are closed when anything is wrong with one.
    func openPeerDescriptors(_ packet: Packet, _ descriptors: inout Descriptors) throws(LinkError) {
        guard takesDescriptors else { throw .violation("descriptors that nobody takes here") }
        guard packet.bytes.count == 16, packet.number(8) == arrived.end, descriptors.count > 0 else {
            throw .violation("descriptors out of turn, or none")
        }
        guard arrived.all.count + descriptors.count <= Link.descriptorsAtOnce else {
            throw .violation("more than \(Link.descriptorsAtOnce) descriptors that no message names")
        }
        while let descriptor = descriptors.take() {
            let charge = try budget?.charge(peer, descriptors: 1)
            do throws(DescriptorRefusal) {
                arrived.all.append(try PassedDescriptor(descriptor, charge))
            } catch {
                throw .violation("a descriptor that must not be passed: \(error)")
            }
        }
    }
}
