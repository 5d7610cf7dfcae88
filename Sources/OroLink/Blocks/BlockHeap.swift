// SPDX-License-Identifier: Apache-2.0

import DequeModule

/// Which stretches of which memories are taken, and which are free. Knows numbers only; counts in units.
///
/// A two-level segregated fit (Masmano, Ripoll, Crespo, Real, 2004): lists of free stretches by size, 16 for each power
/// of two, and two levels of bits that say which lists are not empty. Taking and giving back are O(1), and neighbours
/// that are free become one. The bookkeeping stands outside the memory, which a peer can read.
///
/// What was given back waits a while as it is, before it joins its free neighbours, so that traffic of one size neither
/// joins nor divides. Usually the newest is taken first: its lines are near. With ``coolingUnits`` the oldest is, and
/// only after so much else was given back, that the peer's caches have let its lines go.
///
/// What is wasted: a taken stretch is as long as was asked for. A free stretch is found when it is at least 1/16 longer
/// than asked for, or the first of its list; so at most a sixteenth of it is passed over for being in the list below.
struct BlockHeap {
    static let none: Int32 = -1
    private static let steps = 16

    private struct Stretch {
        var memory: Int32
        var start: Int
        var count: Int
        /// Neighbours in the same memory.
        var before = none
        var after = none
        /// Others in the same list, when it is free.
        var previousFree = none
        var nextFree = none
        var isFree = false
        /// All of its memory, and never divided.
        var isWhole = false
        /// Who has it: its owner here, and each loan to the peer.
        var holders = 0
    }

    private var stretches: [Stretch] = []
    private var unused: [Int32] = []
    private var heads = [Int32](repeating: none, count: 48 * steps)
    /// A bit for each row of lists that has one that is not empty, and for each of a row's lists.
    private var rows: UInt64 = 0
    private var columns = [UInt16](repeating: 0, count: 48)
    /// Given back, and not joined yet; the newest is the last.
    private var recent: Deque<Int32> = []
    private var recentUnits = 0
    /// Most of them, without ``coolingUnits``.
    private static let mostRecent = 8
    /// Grains that are given back before one of them is taken again; 0: the newest is taken first.
    var coolingUnits = 0

    // MARK: Memories

    /// `memory` has `count` free units.
    mutating func add(memory: Int32, count: Int) { insert(make(Stretch(memory: memory, start: 0, count: count))) }

    /// `memory` is one stretch of `count` units, taken, which is not divided. Its number.
    mutating func addWhole(memory: Int32, count: Int) -> Int32 {
        make(Stretch(memory: memory, start: 0, count: count, isWhole: true, holders: 1))
    }

    /// Forgets a memory that is one free stretch.
    mutating func remove(_ id: Int32) {
        if stretches[Int(id)].isFree { unlink(id) }
        unused.append(id)
    }

    // MARK: Stretches

    /// A stretch of `count` units, with one holder; `nil` when there is none, or, where it may grow, none that has
    /// cooled.
    mutating func take(_ count: Int, mayGrow: Bool = false) -> Int32? {
        if let id = takeRecent(count) { return id }
        if let id = find(count) { return cut(id, count) }
        if mayGrow && recentUnits < coolingUnits { return nil }
        // What waits makes way, the oldest first.
        while let id = recent.popFirst() {
            recentUnits -= stretches[Int(id)].count
            _ = join(id)
            if let found = find(count) { return cut(found, count) }
        }
        return nil
    }

    /// What was given back last, where it has `count` units.
    func newest(_ count: Int) -> Int32? {
        guard let id = recent.last, stretches[Int(id)].count == count else { return nil }
        return id
    }

    /// One of `count` units that waits to be joined, as ``coolingUnits`` says.
    private mutating func takeRecent(_ count: Int) -> Int32? {
        if coolingUnits > 0 {
            guard recentUnits >= coolingUnits, let id = recent.first, stretches[Int(id)].count == count else {
                return nil
            }
            recent.removeFirst()
            return takeBack(id)
        }
        var index = recent.count - 1
        while index >= 0 {
            let id = recent[index]
            if stretches[Int(id)].count == count {
                recent.remove(at: index)
                return takeBack(id)
            }
            index -= 1
        }
        return nil
    }

    private mutating func takeBack(_ id: Int32) -> Int32 {
        recentUnits -= stretches[Int(id)].count
        stretches[Int(id)].holders = 1
        return id
    }

    /// Takes `count` units of a free stretch.
    private mutating func cut(_ id: Int32, _ count: Int) -> Int32 {
        unlink(id)
        let rest = stretches[Int(id)].count - count
        if rest > 0 {
            let found = stretches[Int(id)]
            let tail = make(
                Stretch(
                    memory: found.memory, start: found.start + count, count: rest, before: id, after: found.after))
            if found.after != BlockHeap.none { stretches[Int(found.after)].before = tail }
            stretches[Int(id)].after = tail
            stretches[Int(id)].count = count
            insert(tail)
        }
        stretches[Int(id)].holders = 1
        return id
    }

    mutating func hold(_ id: Int32) { stretches[Int(id)].holders += 1 }

    /// One holder less. True when that was the last.
    mutating func drop(_ id: Int32) -> Bool {
        stretches[Int(id)].holders -= 1
        return stretches[Int(id)].holders == 0
    }

    /// Nobody has the stretch any more.
    mutating func give(_ id: Int32) {
        recent.append(id)
        recentUnits += stretches[Int(id)].count
        while coolingUnits == 0, recent.count > BlockHeap.mostRecent, let oldest = recent.popFirst() {
            recentUnits -= stretches[Int(oldest)].count
            _ = join(oldest)
        }
    }

    /// The same, at once. Answers the stretch it is part of now; whether that is all of its memory ``isAll(_:)`` tells.
    mutating func giveJoined(_ id: Int32) -> Int32 {
        settle()
        return join(id)
    }

    /// Joins what waits to be.
    mutating func settle() {
        while let id = recent.popLast() { _ = join(id) }
        recentUnits = 0
    }

    private mutating func join(_ id: Int32) -> Int32 {
        var id = id
        let (before, after) = (stretches[Int(id)].before, stretches[Int(id)].after)
        if after != BlockHeap.none, stretches[Int(after)].isFree {
            unlink(after)
            stretches[Int(id)].count += stretches[Int(after)].count
            link(id, stretches[Int(after)].after)
            unused.append(after)
        }
        if before != BlockHeap.none, stretches[Int(before)].isFree {
            unlink(before)
            stretches[Int(before)].count += stretches[Int(id)].count
            link(before, stretches[Int(id)].after)
            unused.append(id)
            id = before
        }
        insert(id)
        return id
    }

    /// A memory nobody has anything of: the free stretch that is all of it. O(n), for when no other can be opened.
    mutating func idle() -> Int32? {
        settle()
        return stretches.indices.first { stretches[$0].isFree && isAll(Int32($0)) }.map { Int32($0) }
    }

    func isAll(_ id: Int32) -> Bool {
        stretches[Int(id)].before == BlockHeap.none && stretches[Int(id)].after == BlockHeap.none
    }
    func isWhole(_ id: Int32) -> Bool { stretches[Int(id)].isWhole }
    func memory(of id: Int32) -> Int { Int(stretches[Int(id)].memory) }
    func start(of id: Int32) -> Int { stretches[Int(id)].start }
    func count(of id: Int32) -> Int { stretches[Int(id)].count }

    // MARK: Lists

    private mutating func make(_ stretch: Stretch) -> Int32 {
        if let id = unused.popLast() {
            stretches[Int(id)] = stretch
            return id
        }
        stretches.append(stretch)
        return Int32(stretches.count - 1)
    }

    private mutating func link(_ id: Int32, _ after: Int32) {
        stretches[Int(id)].after = after
        if after != BlockHeap.none { stretches[Int(after)].before = id }
    }

    /// The list in which a stretch of `count` units stands.
    private static func list(_ count: Int) -> (row: Int, column: Int) {
        if count < steps { return (0, count) }
        let power = Int.bitWidth - 1 - count.leadingZeroBitCount
        return (power - 3, (count >> (power - 4)) - steps)
    }

    /// A free stretch of at least `count` units.
    private func find(_ count: Int) -> Int32? {
        let (exactRow, exactColumn) = BlockHeap.list(count)
        let exact = heads[exactRow * BlockHeap.steps + exactColumn]
        if exact != BlockHeap.none, stretches[Int(exact)].count >= count { return exact }
        // From the next list on every stretch is long enough.
        let next = exactRow * BlockHeap.steps + exactColumn + 1
        var row = next / BlockHeap.steps
        guard row < columns.count else { return nil }
        var bits = columns[row] & (~0 << UInt16(next % BlockHeap.steps))
        if bits == 0 {
            let above = row + 1 < columns.count ? rows & (~0 << UInt64(row + 1)) : 0
            if above == 0 { return nil }
            row = above.trailingZeroBitCount
            bits = columns[row]
        }
        return heads[row * BlockHeap.steps + bits.trailingZeroBitCount]
    }

    private mutating func insert(_ id: Int32) {
        let (row, column) = BlockHeap.list(stretches[Int(id)].count)
        let head = heads[row * BlockHeap.steps + column]
        stretches[Int(id)].isFree = true
        stretches[Int(id)].previousFree = BlockHeap.none
        stretches[Int(id)].nextFree = head
        if head != BlockHeap.none { stretches[Int(head)].previousFree = id }
        heads[row * BlockHeap.steps + column] = id
        rows |= 1 << UInt64(row)
        columns[row] |= 1 << UInt16(column)
    }

    private mutating func unlink(_ id: Int32) {
        let stretch = stretches[Int(id)]
        stretches[Int(id)].isFree = false
        if stretch.nextFree != BlockHeap.none { stretches[Int(stretch.nextFree)].previousFree = stretch.previousFree }
        if stretch.previousFree != BlockHeap.none {
            stretches[Int(stretch.previousFree)].nextFree = stretch.nextFree
            return
        }
        let (row, column) = BlockHeap.list(stretch.count)
        heads[row * BlockHeap.steps + column] = stretch.nextFree
        if stretch.nextFree == BlockHeap.none {
            columns[row] &= ~(1 << UInt16(column))
            if columns[row] == 0 { rows &= ~(1 << UInt64(row)) }
        }
    }
}
