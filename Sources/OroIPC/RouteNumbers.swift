import OroFrame

/// A client's numbers for command names on one ring: a name travels once, then its number does.
struct RouteNumbers {
    /// Most names a ring may number; further ones travel with each request.
    static let most = 4096

    private var numbers: [String: UInt16] = [:]
    /// The last few names by the very bits of their `String`. A string's bits are its text (up to 15 bytes) or its
    /// storage's address and length; the cache keeps the string, so an address cannot be given to another text.
    private var recent: [(name: String, low: UInt64, high: UInt64, number: UInt16)] = []

    enum Lookup {
        case known(UInt16)
        /// Tell the host first.
        case new(UInt16)
        /// The table is full: send the name itself.
        case unnumbered
    }

    @inline(__always)
    private static func bits(_ name: String) -> (low: UInt64, high: UInt64) {
        // `String` is two words without padding on 64-bit platforms; the bits are only compared.
        unsafe unsafeBitCast(name, to: (UInt64, UInt64).self)
    }

    /// The number of `name`; O(1) and without hashing for names used lately.
    mutating func lookUp(_ name: String) -> Lookup {
        let (low, high) = RouteNumbers.bits(name)
        for entry in recent where entry.low == low && entry.high == high { return .known(entry.number) }
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
        let (low, high) = RouteNumbers.bits(name)
        if recent.count >= 8 { recent.removeLast() }
        recent.insert((name, low, high, number), at: 0)
    }
}
