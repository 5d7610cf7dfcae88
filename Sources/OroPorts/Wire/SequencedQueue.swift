// SPDX-License-Identifier: Apache-2.0

import DequeModule
import OroFrame

/// Something with a place in a sequence, for which whoever keeps it pays.
package protocol Sequenced {
    var seq: SequenceNumber { get }
    /// Bytes of memory.
    var cost: Int { get }
}

/// Messages in the order of their sequence numbers, from the first that was not taken.
///
/// The one ledger of what waits: the inbox of a port, what a direct channel retains or has early, and what the broker
/// keeps for a port. Numbers may be missing between two messages, but none comes twice, and none goes back.
package struct SequencedQueue<Element: Sequenced> {
    private var elements: Deque<Element> = []
    /// Everything below this sequence number was taken.
    package private(set) var taken: UInt64
    /// What all that waits costs together: bytes.
    package private(set) var cost = 0

    package init(taken: UInt64 = 0) { self.taken = taken }

    package var count: Int { elements.count }
    package var isEmpty: Bool { elements.isEmpty }
    package var first: Element? { elements.first }
    /// The sequence number after the last message, taken or not.
    package var end: UInt64 { elements.last.map { $0.seq.value + 1 } ?? taken }

    /// The message at `index` from the front; `index` is below ``count``.
    package subscript(index: Int) -> Element { elements[index] }

    /// UNTRUSTED: adds a message at the end. False, and not added, when its number is below ``end``.
    package mutating func append(_ element: Element) -> Bool {
        guard element.seq.value >= end else { return false }
        cost += element.cost
        elements.append(element)
        return true
    }

    /// Takes the first message; with it all numbers up to its own count as taken.
    package mutating func popFirst() -> Element? {
        guard let element = elements.popFirst() else { return nil }
        cost -= element.cost
        taken = element.seq.value + 1
        return element
    }

    /// Everything below `count` was taken; a count that goes back changes nothing. Calls `body` with each message that
    /// goes, in order.
    package mutating func take(below count: UInt64, _ body: (Element) -> Void = { _ in }) {
        guard count > taken else { return }
        while let first = elements.first, first.seq.value < count {
            elements.removeFirst()
            cost -= first.cost
            body(first)
        }
        taken = count
    }

    /// What waits, which then waits here no more. ``taken`` stays.
    package mutating func removeAll() -> Deque<Element> {
        defer {
            elements = []
            cost = 0
        }
        return elements
    }

    package func forEach(_ body: (Element) -> Void) { elements.forEach(body) }
}
