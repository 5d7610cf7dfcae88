// SPDX-License-Identifier: Apache-2.0

import DequeModule
import OroFrame

/// Something with a place in a sequence, for which whoever keeps it pays.
protocol Sequenced {
    var seq: SequenceNumber { get }
    /// Bytes of memory.
    var cost: Int { get }
}

/// Messages in the order of their sequence numbers, from the first that was not taken.
///
/// The one ledger of what waits: the inbox of a port, what a direct channel retains or has early, and what the broker
/// keeps for a port. Numbers may be missing between two messages, but none comes twice, and none goes back.
struct SequencedQueue<Element: Sequenced> {
    private var elements: Deque<Element> = []
    /// Everything below this sequence number was taken.
    private(set) var taken: UInt64
    /// What all that waits costs together: bytes.
    private(set) var cost = 0

    init(taken: UInt64 = 0) { self.taken = taken }

    var count: Int { elements.count }
    var isEmpty: Bool { elements.isEmpty }
    var first: Element? { elements.first }
    /// The sequence number after the last message, taken or not.
    var end: UInt64 { elements.last.map { $0.seq.value + 1 } ?? taken }

    /// The message at `index` from the front; `index` is below ``count``.
    subscript(index: Int) -> Element { elements[index] }

    /// UNTRUSTED: adds a message at the end. False, and not added, when its number is below ``end``.
    mutating func append(_ element: Element) -> Bool {
        guard element.seq.value >= end else { return false }
        cost += element.cost
        elements.append(element)
        return true
    }

    /// Takes the first message; with it all numbers up to its own count as taken.
    mutating func popFirst() -> Element? {
        guard let element = elements.popFirst() else { return nil }
        cost -= element.cost
        taken = element.seq.value + 1
        return element
    }

    /// Everything below `count` was taken; a count that goes back changes nothing. Calls `body` with each message that
    /// goes, in order.
    mutating func take(below count: UInt64, _ body: (Element) -> Void = { _ in }) {
        guard count > taken else { return }
        while let first = elements.first, first.seq.value < count {
            elements.removeFirst()
            cost -= first.cost
            body(first)
        }
        taken = count
    }

    /// What waits, which then waits here no more. ``taken`` stays.
    mutating func removeAll() -> Deque<Element> {
        defer {
            elements = []
            cost = 0
        }
        return elements
    }

    func forEach(_ body: (Element) -> Void) { elements.forEach(body) }
}
