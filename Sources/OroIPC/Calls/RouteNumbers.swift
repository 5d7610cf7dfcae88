// SPDX-License-Identifier: Apache-2.0

/// A client's numbers for command names on one ring: a name travels once, then its number does.
@safe struct RouteNumbers: ~Copyable {
    /// Most names a ring may number; further ones travel with each request.
    static let most = 4096

    private var numbers: [String: UInt16] = [:]

    /// The last few names by the very bits of their `String`: its text (up to 15 bytes), or its storage's address and
    /// length. `kept` holds the strings, so an address cannot be given to another text meanwhile.
    private let recent: UnsafeMutablePointer<Recent>
    private var kept = [String](repeating: "", count: slots)
    private static let slots = 8

    private struct Recent {
        var low: UInt64 = 0
        var high: UInt64 = 0
        /// 0: none.
        var number: UInt16 = 0
    }

    enum Lookup {
        case known(UInt16)
        /// Tell the host first.
        case new(UInt16)
        /// The table is full: send the name itself.
        case unnumbered
    }

    init() {
        unsafe recent = .allocate(capacity: RouteNumbers.slots)
        unsafe recent.initialize(repeating: Recent(), count: RouteNumbers.slots)
    }

    deinit { unsafe recent.deallocate() }

    @inline(__always)
    private static func bits(_ name: borrowing String) -> (low: UInt64, high: UInt64) {
        // `String` is two words without padding on 64-bit platforms; the bits are only compared.
        unsafe unsafeBitCast(copy name, to: (UInt64, UInt64).self)
    }

    @inline(__always)
    private static func slot(_ bits: (low: UInt64, high: UInt64)) -> Int {
        Int(truncatingIfNeeded: ((bits.low ^ bits.high) &* 0x9E37_79B9_7F4A_7C15) >> 61)
    }

    /// The number of a name used lately; 0 when it is not known here.
    @inline(__always)
    borrowing func recall(_ name: borrowing String) -> UInt16 {
        let bits = RouteNumbers.bits(name)
        let entry = unsafe recent[RouteNumbers.slot(bits)]
        return entry.low == bits.low && entry.high == bits.high ? entry.number : 0
    }

    /// The number of `name`. O(1).
    mutating func lookUp(_ name: String) -> Lookup {
        let recalled = recall(name)
        if recalled != 0 { return .known(recalled) }
        if let number = numbers[name] {
            remember(name, number)
            return .known(number)
        }
        guard numbers.count < RouteNumbers.most else { return .unnumbered }
        return .new(UInt16(numbers.count + 1))
    }

    /// The host has been told.
    mutating func announce(_ name: String, _ number: UInt16) {
        numbers[name] = number
        remember(name, number)
    }

    private mutating func remember(_ name: String, _ number: UInt16) {
        let bits = RouteNumbers.bits(name)
        let slot = RouteNumbers.slot(bits)
        kept[slot] = name
        unsafe recent[slot] = Recent(low: bits.low, high: bits.high, number: number)
    }
}
