// SPDX-License-Identifier: Apache-2.0

import CSupport
import Testing

@testable import OroLink

@Suite("The heap of blocks")
struct BlockHeapTests {
    private struct Taken {
        let id: Int32
        let memory: Int
        let range: Range<Int>
        var holders: Int
    }

    /// Stretches, free and taken, that the heap knows.
    private func stretches(_ heap: BlockHeap) throws -> Int {
        let parts = Dictionary(
            uniqueKeysWithValues: Mirror(reflecting: heap).children.map { ($0.label ?? "", $0.value) })
        let all = try #require(parts["stretches"] as? any Collection)
        let unused = try #require(parts["unused"] as? [Int32])
        return all.count - unused.count
    }

    /// Longest run of units that nobody has.
    private func longestGap(_ units: [Bool]) -> Int {
        var longest = 0, run = 0
        for isTaken in units {
            run = isTaken ? 0 : run + 1
            longest = max(longest, run)
        }
        return longest
    }

    @Test("never gives a unit twice, and joins all that comes back", arguments: [1, 2, 3] as [UInt64])
    func randomSteps(_ seed: UInt64) throws {
        let memories = 3, units = 4096
        var heap = BlockHeap()
        for memory in 0..<memories { heap.add(memory: Int32(memory), count: units) }
        // The naive model: who has each unit.
        var isTaken = [[Bool]](repeating: [Bool](repeating: false, count: units), count: memories)
        var held: [Taken] = []
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        func random(_ limit: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(limit))
        }
        var overlaps = 0, wrong = 0, misses = 0, lostRoom = 0
        func give(_ index: Int) {
            held[index].holders -= 1
            let isLast = heap.drop(held[index].id)
            if isLast != (held[index].holders == 0) { wrong += 1 }
            guard isLast else { return }
            let gone = held.remove(at: index)
            for unit in gone.range { isTaken[gone.memory][unit] = false }
            if random(4) == 0 { _ = heap.giveJoined(gone.id) } else { heap.give(gone.id) }
        }
        for step in 0..<100_000 {
            // It fills up, and empties again.
            if random(100) < (step / 5000 % 2 == 0 ? 60 : 40) || held.isEmpty {
                // Mostly small ones.
                let count = 1 + random(1 + random(random(20) == 0 ? 2000 : 200))
                guard let id = heap.take(count) else {
                    misses += 1
                    // Only a sixteenth may be passed over.
                    if isTaken.map(longestGap).max()! > count + count / 16 + 1 { lostRoom += 1 }
                    continue
                }
                let start = heap.start(of: id), memory = heap.memory(of: id)
                if heap.count(of: id) != count || start < 0 || start + count > units { wrong += 1 }
                if isTaken[memory][start..<start + count].contains(true) { overlaps += 1 }
                for unit in start..<start + count { isTaken[memory][unit] = true }
                let more = random(3)
                for _ in 0..<more { heap.hold(id) }
                held.append(Taken(id: id, memory: memory, range: start..<start + count, holders: 1 + more))
            } else {
                give(random(held.count))
            }
        }
        #expect(overlaps == 0 && wrong == 0 && lostRoom == 0, "\(overlaps) \(wrong) \(lostRoom)")
        #expect(misses > 100, "it was never full")
        while !held.isEmpty { give(random(held.count)) }
        heap.settle()
        // One free stretch for each memory, however much happened.
        #expect(try stretches(heap) == memories)
        let whole = (0..<memories).map { _ in heap.take(units) }
        #expect(Set(whole.compactMap { $0.map { heap.memory(of: $0) } }) == [0, 1, 2])
        let none = heap.take(1)
        #expect(none == nil)
        for id in whole.compactMap({ $0 }) {
            #expect(heap.isAll(id))
            let isLast = heap.drop(id)
            #expect(isLast)
            heap.remove(heap.giveJoined(id))
        }
        #expect(try stretches(heap) == 0)
    }

    @Test("the newest of what was given back is taken first, and room is found although nothing was joined")
    func recent() {
        var heap = BlockHeap()
        heap.add(memory: 0, count: 100)
        let taken = (0..<10).compactMap { _ in heap.take(10) }
        for id in taken {
            let isLast = heap.drop(id)
            #expect(isLast)
            heap.give(id)
        }
        let again = heap.take(10)
        #expect(again == taken.last)
        let none = heap.take(100)
        #expect(none == nil)
        let most = heap.take(90)
        #expect(most.map { heap.count(of: $0) } == 90)
    }

    @Test(
        "while blocks cool the oldest is taken, and only when enough was given back since; a full heap does not wait for it"
    )
    func cooling() {
        var heap = BlockHeap()
        heap.add(memory: 0, count: 60)
        let taken = (0..<4).compactMap { _ in heap.take(10) }
        heap.coolingUnits = 30
        func give(_ id: Int32) {
            let isLast = heap.drop(id)
            #expect(isLast)
            heap.give(id)
        }
        give(taken[0])
        give(taken[1])
        // Twenty units cool, twenty are free: those come first.
        let fresh = [heap.take(10, mayGrow: true), heap.take(10, mayGrow: true)]
        #expect(Set(fresh.compactMap { $0 }).isDisjoint(with: taken) && !fresh.contains(nil))
        let tired = heap.take(10, mayGrow: true)
        #expect(tired == nil, "more memory is wanted before they have cooled")
        let needed = heap.take(10)
        #expect(needed == taken[0], "unless there can be none")
        give(taken[2])
        give(taken[3])
        let cooled = heap.take(10, mayGrow: true)
        #expect(cooled == taken[1])
        heap.coolingUnits = 0
        let newest = heap.take(10)
        #expect(newest == taken[3])
    }

    @Test("locality changes with several samples of one kind, not with one")
    func locality() {
        var locality = ReaderLocality()
        let near: UInt64 = 50 * oro_ticks_per_us() / 1000, far = 300 * oro_ticks_per_us() / 1000
        for _ in 0..<3 { locality.note(far) }
        locality.note(10_000 * oro_ticks_per_us())
        #expect(!locality.isFar)
        locality.note(far)
        #expect(locality.isFar)
        for _ in 0..<7 { locality.note(near) }
        #expect(locality.isFar)
        locality.note(near)
        #expect(!locality.isFar)
    }

    @Test("a line that is sampled keeps its content")
    func feeling() {
        var word: UInt64 = 0x0123_4567_89AB_CDEF
        let ticks = oro_line_ticks(&word)
        #expect(word == 0x0123_4567_89AB_CDEF && ticks > 0)
    }

    @Test("a streaming copy copies every byte, whatever the length")
    func streaming() {
        for count in [0, 1, 15, 63, 64, 65, 1000, 4096, 70_001] {
            let source = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
            let place = UnsafeMutableRawBufferPointer.allocate(byteCount: count + 64, alignment: 128)
            defer { place.deallocate() }
            place.initializeMemory(as: UInt8.self, repeating: 0xEE)
            source.withUnsafeBytes {
                oro_copy_streaming(place.baseAddress!, $0.baseAddress ?? UnsafeRawPointer(place.baseAddress!), count)
            }
            #expect(Array(place[..<count]) == source && place[count...].allSatisfy { $0 == 0xEE })
        }
    }

    @Test("a memory that is one block is never divided")
    func whole() {
        var heap = BlockHeap()
        let id = heap.addWhole(memory: 7, count: 1000)
        let none = heap.take(1)
        #expect(none == nil)
        #expect(heap.isWhole(id) && heap.isAll(id) && heap.memory(of: id) == 7 && heap.count(of: id) == 1000)
        heap.hold(id)
        let drops = [heap.drop(id), heap.drop(id)]
        #expect(drops == [false, true])
        heap.remove(id)
        heap.add(memory: 8, count: 10)
        let next = heap.take(10)
        #expect(next.map { heap.memory(of: $0) } == 8)
    }
}
