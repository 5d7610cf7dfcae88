// SPDX-License-Identifier: Apache-2.0

/// Members in the order they came, from which any goes in constant time, and which may be walked with pauses: who comes
/// or goes meanwhile changes nothing for the others.
struct OrderedMembers<Member: AnyObject> {
    private var entries: ContiguousArray<(order: UInt64, member: Member?)> = []
    private var next: UInt64 = 1
    /// How often entries of those who are gone were taken out.
    private var compactions: UInt64 = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// Its place, by which it goes again.
    mutating func append(_ member: Member) -> UInt64 {
        defer { next += 1 }
        entries.append((next, member))
        count += 1
        return next
    }

    /// O(log n), and now and then O(n) for as many that went.
    mutating func remove(_ order: UInt64) {
        let index = position(of: order)
        guard entries.indices.contains(index), entries[index].order == order, entries[index].member != nil else {
            return
        }
        entries[index].member = nil
        count -= 1
        guard entries.count > 2 * count + 32 else { return }
        entries.removeAll { $0.member == nil }
        compactions += 1
    }

    /// A walk over those who are there now.
    struct Walk {
        fileprivate var order: UInt64 = 0
        fileprivate var index = 0
        fileprivate var compactions: UInt64
        fileprivate let end: UInt64
    }

    var walk: Walk { Walk(compactions: compactions, end: next) }

    /// The next that is still there; `nil` at the end.
    func next(_ walk: inout Walk) -> Member? {
        if walk.compactions != compactions {
            walk.compactions = compactions
            walk.index = position(of: walk.order)
        }
        while walk.index < entries.count, entries[walk.index].order < walk.end {
            let entry = entries[walk.index]
            walk.index += 1
            walk.order = entry.order + 1
            if let member = entry.member { return member }
        }
        return nil
    }

    /// Of the first entry that is not before `order`.
    private func position(of order: UInt64) -> Int {
        var range = entries.indices
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            range = entries[middle].order < order ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return range.lowerBound
    }
}
