// SPDX-License-Identifier: Apache-2.0

/// Deadlines of numbered things: setting, clearing and expiring one are O(1), and nothing is scanned.
///
/// A hashed timing wheel (Varghese and Lauck, 1987, scheme 6) of 4 096 slots of one millisecond; a deadline further
/// away is looked at once each turn of the wheel. Expires at most one millisecond late. Not thread-safe.
package struct DeadlineWheel {
    private static let slots = 4096
    private static let none = UInt32.max

    /// First entry of each slot's list.
    private var heads = [UInt32](repeating: none, count: slots)
    /// One bit for each slot that has entries: the next deadline is found in 64 steps.
    private var occupied = [UInt64](repeating: 0, count: slots / 64)
    private var entries: [Entry] = []
    private var now: UInt64
    package private(set) var count = 0

    private struct Entry {
        var deadline: UInt64 = 0
        var next = none
        var previous = none
        var isSet = false
    }

    /// `now` in milliseconds of any clock that only goes forward.
    package init(now: UInt64) { self.now = now }

    /// Sets the deadline of thing number `index`, in milliseconds of the same clock. It must have none.
    package mutating func set(_ index: UInt32, at deadline: UInt64) {
        while entries.count <= Int(index) { entries.append(Entry()) }
        let deadline = max(deadline, now + 1)
        let slot = Int(deadline % UInt64(DeadlineWheel.slots))
        let head = heads[slot]
        entries[Int(index)] = Entry(deadline: deadline, next: head, previous: DeadlineWheel.none, isSet: true)
        if head != DeadlineWheel.none { entries[Int(head)].previous = index }
        heads[slot] = index
        occupied[slot / 64] |= 1 << (slot % 64)
        count += 1
    }

    /// Clears the deadline of thing number `index`, if it has one.
    package mutating func clear(_ index: UInt32) {
        guard Int(index) < entries.count, entries[Int(index)].isSet else { return }
        let entry = entries[Int(index)]
        entries[Int(index)].isSet = false
        count -= 1
        if entry.next != DeadlineWheel.none { entries[Int(entry.next)].previous = entry.previous }
        if entry.previous != DeadlineWheel.none {
            entries[Int(entry.previous)].next = entry.next
        } else {
            let slot = Int(entry.deadline % UInt64(DeadlineWheel.slots))
            heads[slot] = entry.next
            if entry.next == DeadlineWheel.none { occupied[slot / 64] &= ~(1 << (slot % 64)) }
        }
    }

    /// The time of the next look that is due: no deadline expires before it. `nil` without deadlines.
    package var next: UInt64? {
        if count == 0 { return nil }
        let start = Int((now + 1) % UInt64(DeadlineWheel.slots))
        // From the slot after now, all around, word by word.
        var word = start / 64
        var bits = occupied[word] & (~0 << (start % 64))
        for _ in 0...DeadlineWheel.slots / 64 {
            if bits != 0 {
                let slot = word * 64 + bits.trailingZeroBitCount
                let distance = (slot - start + DeadlineWheel.slots) % DeadlineWheel.slots
                return now + 1 + UInt64(distance)
            }
            word = (word + 1) % occupied.count
            bits = occupied[word]
        }
        return nil
    }

    /// Moves to `time` and answers, in no particular order, the things whose deadline has passed; they have none then.
    package mutating func advance(to time: UInt64) -> [UInt32] {
        guard time > now else { return [] }
        var expired: [UInt32] = []
        let steps = min(time - now, UInt64(DeadlineWheel.slots))
        let first = now + 1
        now = time
        if count == 0 { return [] }
        for step in 0..<steps {
            let slot = Int((first + step) % UInt64(DeadlineWheel.slots))
            if occupied[slot / 64] & (1 << (slot % 64)) == 0 { continue }
            var index = heads[slot]
            while index != DeadlineWheel.none {
                let entry = entries[Int(index)]
                if entry.deadline <= time {
                    clear(index)
                    expired.append(index)
                }
                index = entry.next
            }
        }
        return expired
    }
}
