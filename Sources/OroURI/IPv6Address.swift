// SPDX-License-Identifier: Apache-2.0

/// An IPv6 address as it stands in brackets in a URI (URL Standard, section 3.5).
struct IPv6Address: Hashable, Sendable {
    private var pieces = [UInt16](repeating: 0, count: 8)

    /// Reads an address; `nil` when it is none. The last 32 bits may be written as an IPv4 address.
    init?(_ text: ArraySlice<UInt8>) {
        var rest = text
        var count = 0
        var compress: Int?
        if rest.first == UInt8(ascii: ":") {
            guard rest.starts(with: "::".utf8) else { return nil }
            rest = rest.dropFirst(2)
            count = 1
            compress = 1
        }
        while !rest.isEmpty {
            if count == 8 { return nil }
            if rest.first == UInt8(ascii: ":") {
                if compress != nil { return nil }
                rest = rest.dropFirst()
                // It stands for one piece at least.
                count += 1
                compress = count
                continue
            }
            let digits = rest.prefix(4).prefix { PercentEncoding.value($0) != nil }
            let behind = rest[digits.endIndex...]
            if behind.first == UInt8(ascii: ".") {
                guard !digits.isEmpty, count <= 6, let dotted = IPv6Address.dotted(rest) else { return nil }
                pieces[count] = UInt16(truncatingIfNeeded: dotted >> 16)
                pieces[count + 1] = UInt16(truncatingIfNeeded: dotted)
                count += 2
                break
            }
            pieces[count] = digits.reduce(0) { $0 << 4 | UInt16(PercentEncoding.value($1) ?? 0) }
            count += 1
            rest = behind
            if rest.first == UInt8(ascii: ":") {
                rest = rest.dropFirst()
                if rest.isEmpty { return nil }
            } else if !rest.isEmpty {
                return nil
            }
        }
        if let compress {
            // What stands behind `::` is moved to the end.
            let tail = pieces[compress..<count]
            pieces.replaceSubrange(
                compress..., with: [UInt16](repeating: 0, count: 8 - compress - tail.count) + tail)
        } else if count != 8 {
            return nil
        }
    }

    /// Four decimal numbers up to 255, without needless zeros in front.
    private static func dotted(_ text: ArraySlice<UInt8>) -> UInt32? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.allSatisfy(\.isDigit),
                part.count == 1 || part.first != UInt8(ascii: "0")
            else { return nil }
            let number = part.reduce(UInt32(0)) { $0 * 10 + UInt32($1 - UInt8(ascii: "0")) }
            guard number <= 255 else { return nil }
            address = address << 8 | number
        }
        return address
    }
}

extension IPv6Address: CustomStringConvertible {
    /// The shortest form: the first of the longest runs of at least two zeros is `::`.
    var description: String {
        var text = ""
        let zeros = longestZeros
        var index = 0
        while index < 8 {
            if let zeros, index == zeros.lowerBound {
                text += index == 0 ? "::" : ":"
                index = zeros.upperBound
                continue
            }
            text += String(pieces[index], radix: 16)
            if index < 7 { text += ":" }
            index += 1
        }
        return text
    }

    private var longestZeros: Range<Int>? {
        var best: Range<Int>?
        var start = 0
        while start < 8 {
            guard pieces[start] == 0 else {
                start += 1
                continue
            }
            let end = pieces[start...].firstIndex { $0 != 0 } ?? 8
            if end - start > max(best?.count ?? 0, 1) { best = start..<end }
            start = end
        }
        return best
    }
}
