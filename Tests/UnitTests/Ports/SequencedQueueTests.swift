// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroPorts
import Testing

@testable import OroIPC

@Suite("The queue of a port's messages, and the window of its sender")
struct SequencedQueueTests {
    /// A message that costs ten times its number.
    private struct Item: Sequenced {
        var seq: SequenceNumber
        var cost: Int { 10 * Int(seq.value) }

        init(_ seq: UInt64) { self.seq = SequenceNumber(own: seq) }
    }

    private func queue(_ numbers: [UInt64], taken: UInt64 = 0) -> SequencedQueue<Item> {
        var queue = SequencedQueue<Item>(taken: taken)
        for number in numbers { add(number, to: &queue) }
        return queue
    }

    private func add(_ number: UInt64, to queue: inout SequencedQueue<Item>, isAdded: Bool = true) {
        let added = queue.append(Item(number))
        #expect(added == isAdded, "\(number)")
    }

    private func all(_ queue: SequencedQueue<Item>) -> [UInt64] {
        var numbers: [UInt64] = []
        queue.forEach { numbers.append($0.seq.value) }
        return numbers
    }

    @Test("only what comes behind the last message is added, wherever the queue began")
    func order() {
        var queue = queue([3, 4, 7], taken: 3)
        for number: UInt64 in 0...7 { add(number, to: &queue, isAdded: false) }
        #expect(all(queue) == [3, 4, 7] && queue.end == 8 && queue.cost == 140 && queue[1].seq.value == 4)
        add(8, to: &queue)
        var empty = SequencedQueue<Item>(taken: 5)
        #expect(empty.end == 5)
        add(4, to: &empty, isAdded: false)
        add(5, to: &empty)
    }

    /// Every subset of four messages, taken one by one or up to a count, in every mixture of three steps.
    @Test("what was taken, what waits and what it costs agree after every sequence of steps")
    func taking() {
        for subset: UInt64 in 0..<16 {
            let numbers = ([1, 2, 3, 4] as [UInt64]).filter { subset >> ($0 - 1) & 1 == 1 }
            for steps in 0..<(7 * 7 * 7) {
                var queue = queue(numbers)
                var expected = numbers
                var taken: UInt64 = 0
                for step in [steps % 7, steps / 7 % 7, steps / 49] {
                    if step == 6 {
                        let first = queue.popFirst()?.seq.value
                        #expect(first == expected.first)
                        if let first { taken = first + 1 }
                        expected = Array(expected.dropFirst())
                    } else {
                        let count = UInt64(step)
                        var gone: [UInt64] = []
                        queue.take(below: count) { gone.append($0.seq.value) }
                        #expect(gone == expected.filter { $0 < count })
                        expected.removeAll { $0 < count }
                        taken = max(taken, count)
                    }
                    var end = taken
                    if let last = expected.last { end = last + 1 }
                    let cost: Int = expected.reduce(0) { (sum: Int, number: UInt64) -> Int in sum + 10 * Int(number) }
                    #expect(all(queue) == expected && queue.count == expected.count)
                    #expect(queue.taken == taken && queue.end == end && queue.cost == cost)
                }
            }
        }
    }

    @Test("what is removed waits no more, and was not taken")
    func removing() {
        var queue = queue([2, 3], taken: 1)
        let removed = queue.removeAll().map(\.seq.value)
        #expect(removed == [2, 3])
        #expect(queue.isEmpty && queue.cost == 0 && queue.taken == 1 && queue.end == 1)
    }

    /// Every mixture of sending and acknowledging up to five messages, beside a model that only adds up.
    @Test("a window knows what is under way after every sequence of sends and acknowledgements")
    func window() {
        for earlier: UInt64 in 0...2 {
            for steps in 0..<(8 * 8 * 8 * 8) {
                // Some of what an earlier owner sent is still under way.
                var window = SendWindow(sent: 2, acknowledged: earlier)
                var sent: [Int] = [0, 0]
                var acknowledged = earlier
                for digit in [steps % 8, steps / 8 % 8, steps / 64 % 8, steps / 512] {
                    if digit == 7 {
                        let cost = 100 + sent.count
                        window.note(sent: cost)
                        sent.append(cost)
                    } else {
                        let count = UInt64(digit)
                        let isNew = count > acknowledged && count <= UInt64(sent.count)
                        let changed = window.acknowledge(count)
                        #expect(changed == isNew)
                        if isNew { acknowledged = count }
                    }
                    let count = UInt64(sent.count)
                    let cost: Int = sent[Int(acknowledged)...].reduce(0, +)
                    #expect(window.sent == count && window.acknowledged == acknowledged)
                    #expect(window.waiting == count - acknowledged && window.cost == cost)
                }
            }
        }
    }

    @Test("a window is full by number or by bytes, and never for the first message")
    func full() {
        var window = SendWindow()
        #expect(!window.isFull(messages: 1, bytes: 0))
        window.note(sent: 10)
        #expect(window.isFull(messages: 1, bytes: 100) && window.isFull(messages: 2, bytes: 10))
        #expect(!window.isFull(messages: 2, bytes: 11))
        let changed = window.acknowledge(1)
        #expect(changed && !window.isFull(messages: 1, bytes: 0))
    }

    @Test(
        "the low bits of a count give the whole, up to where they wrap",
        arguments: [0, 1, 5, (1 << 32) - 1, 1 << 32, (1 << 40) + 3, (1 << 61) - 1] as [UInt64])
    func lowBits(_ known: UInt64) {
        for ahead: UInt64 in [0, 1, 1024, (1 << 32) - 1] {
            #expect(SendWindow.count(low: SendWindow.low(known + ahead), from: known) == known + ahead)
        }
        #expect(SendWindow.count(low: SendWindow.low(known + (1 << 32)), from: known) == known, "a whole turn is lost")
    }
}
