// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Numbers for people.
package enum Units {
    /// Nanoseconds: `640 ns`, `12.3 us`, `4.56 ms`, `7.8 s`.
    package static func time(_ nanoseconds: UInt64) -> String {
        switch nanoseconds {
        case ..<1000: "\(nanoseconds) ns"
        case ..<1_000_000: "\(three(Double(nanoseconds) / 1e3)) us"
        case ..<1_000_000_000: "\(three(Double(nanoseconds) / 1e6)) ms"
        default: "\(three(Double(nanoseconds) / 1e9)) s"
        }
    }

    /// Bytes: `12 bytes`, `3.4 kB`, `56.7 MB`.
    package static func bytes(_ count: UInt64) -> String {
        switch count {
        case ..<1000: "\(count) bytes"
        case ..<1_000_000: "\(three(Double(count) / 1e3)) kB"
        case ..<1_000_000_000: "\(three(Double(count) / 1e6)) MB"
        default: "\(three(Double(count) / 1e9)) GB"
        }
    }

    /// Bytes in powers of 1024: `64 B`, `4 KiB`, `1 GiB`.
    package static func binary(_ count: UInt64) -> String {
        switch count {
        case ..<(1 << 10): "\(count) B"
        case ..<(1 << 20): "\(count >> 10) KiB"
        case ..<(1 << 30): "\(count >> 20) MiB"
        default: "\(count >> 30) GiB"
        }
    }

    /// A power of ten nanoseconds: `100 ns`, `10 µs`, `1 ms`, `1 s`.
    package static func power(_ nanoseconds: Double) -> String {
        switch nanoseconds.rounded() {
        case ..<1e3: "\(Int(nanoseconds.rounded())) ns"
        case ..<1e6: "\(Int((nanoseconds / 1e3).rounded())) µs"
        case ..<1e9: "\(Int((nanoseconds / 1e6).rounded())) ms"
        default: "\(Int((nanoseconds / 1e9).rounded())) s"
        }
    }

    /// A count with its digits in groups: `12 345`.
    package static func count(_ number: some BinaryInteger) -> String {
        var text = ""
        for (index, digit) in String(number).reversed().enumerated() {
            if index > 0, index % 3 == 0 { text.append(" ") }
            text.append(digit)
        }
        return String(text.reversed())
    }

    /// A number with about three significant digits.
    package static func three(_ number: Double) -> String {
        let digits = number < 10 ? 2 : number < 100 ? 1 : 0
        return fixed(number, digits)
    }

    /// A number with so many digits behind the point.
    package static func fixed(_ number: Double, _ digits: Int) -> String {
        var scale = 1
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int((number * Double(scale)).rounded())
        guard digits > 0 else { return String(scaled) }
        let fraction = String(scaled % scale)
        return "\(scaled / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
    }
}

/// Nanoseconds of a clock that only goes forward.
package func monotonicNanoseconds() -> UInt64 {
    var now = timespec()
    // The clock always exists.
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}
