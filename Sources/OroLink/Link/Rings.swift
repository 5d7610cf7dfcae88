// SPDX-License-Identifier: Apache-2.0

import CSupport

/// One ring this side writes. Belongs to one thread, or to a lock, at a time (``Link/withRing(shared:_:)``).
@usableFromInline
@safe package struct OutRing {
    @usableFromInline package var writer = unsafe oro_writer()
    /// Longest payload of one record.
    @usableFromInline package var recordLimit = 0
    /// Messages that wait for room, oldest first; while there are some, nothing else is written.
    @usableFromInline package var waiting: [WaitingMessage?] = []
    /// How many of them, from the front, are written and gone.
    var written = 0
    var waitingBytes = 0
}

/// A message that did not fit its ring at once.
@usableFromInline
@safe package final class WaitingMessage {
    private let memory: PrivateMemory
    var bytes: UnsafeMutableRawBufferPointer { unsafe memory.buffer }
    /// Length of all of it.
    package var count: Int { unsafe bytes.count }
    package var sent = 0
    /// What it names of this side's arena.
    let lent: Lent?
    private var charge: ByteCharge?

    /// Takes over `memory`; `sent` bytes of it are written already.
    package init(_ memory: consuming PrivateMemory, sent: Int, lent: Lent? = nil) {
        self.memory = memory
        self.lent = lent
        self.sent = sent
    }

    /// As long as it waits, its memory is charged to this account. False: there is no room in that.
    package func charge(to account: ByteAccount) -> Bool {
        charge = unsafe ByteCharge(bytes.count + WaitingMessage.fixedCost, to: account)
        return charge != nil
    }

    /// The same for one of which a part is written already: the rest has to follow.
    package func chargeAnyway(to account: ByteAccount) {
        charge = unsafe ByteCharge(anyway: bytes.count + WaitingMessage.fixedCost, to: account)
    }

    /// What a message costs besides its bytes.
    private static let fixedCost = 256
}

/// One ring the peer writes.
@usableFromInline
@safe package struct InRing {
    @usableFromInline package var reader = unsafe oro_reader()
    /// A message in several records, as far as it has come.
    package var assembly = Assembly()
    /// Longest message that is taken.
    @usableFromInline let longest: Int

    init(longest: Int) { self.longest = longest }
}

/// A message as the drain hands it over.
@usableFromInline
@safe package struct Incoming {
    /// Number of the ring it came through.
    @usableFromInline package let ring: Int
    /// UNTRUSTED: in a ring these bytes lie in the peer's segment: copy, then look.
    @usableFromInline package let bytes: UnsafeRawPointer
    @usableFromInline package let count: Int
    /// Whose memory the bytes are.
    @usableFromInline package let place: Place

    @usableFromInline
    package enum Place: UInt8 {
        /// The peer's.
        case ring
        /// Private memory that now belongs to the receiver, who frees it. It is charged to the link's account.
        case owned
        /// Private memory of the link's, with the first bytes of a message that its account had no room for.
        case refused
    }

    /// A message that did not come through a ring, in memory of 64 bytes more than `count`, which belongs to the
    /// receiver.
    package init(owning memory: consuming PrivateMemory, count: Int) {
        unsafe self.init(ring: 0, bytes: UnsafeRawPointer(memory.release()), count: count, place: .owned)
    }

    @inlinable init(ring: Int, bytes: UnsafeRawPointer, count: Int, place: Place) {
        self.ring = ring
        unsafe self.bytes = bytes
        self.count = count
        self.place = place
    }
}

/// What a try to send came to.
@usableFromInline
package enum SendOutcome {
    /// Written and, where needed, signalled.
    case sent
    /// No room now.
    case full
}
