// SPDX-License-Identifier: Apache-2.0

import OroIPC

/// How a set of times is spread: the nearest-rank percentiles, which are all times that were really measured.
package struct Percentiles {
    /// Number of samples.
    package let count: Int
    /// Half of the samples are at most this. 0 without samples, as the others.
    package let p50: UInt64
    package let p99: UInt64
    package let p999: UInt64
    package let max: UInt64

    /// O(n log n).
    package init(samples: [UInt64]) {
        let sorted = samples.sorted()
        /// The smallest sample that at least `perMille` of 1 000 samples do not exceed.
        func rank(_ perMille: Int) -> UInt64 {
            sorted.isEmpty ? 0 : sorted[Swift.max(0, (sorted.count * perMille + 999) / 1000 - 1)]
        }
        count = sorted.count
        p50 = rank(500)
        p99 = rank(990)
        p999 = rank(999)
        max = sorted.last ?? 0
    }

    /// Nanoseconds as members of an object.
    package var value: Value {
        [
            "p50": .int(Int64(clamping: p50)), "p99": .int(Int64(clamping: p99)),
            "p999": .int(Int64(clamping: p999)), "max": .int(Int64(clamping: max)),
        ]
    }

    /// Nanoseconds for people: `p50 1.2 us   p99 8.9 us   p99.9 20 us   max 1.1 ms`.
    package var text: String {
        "p50 \(Units.time(p50))   p99 \(Units.time(p99))   p99.9 \(Units.time(p999))   max \(Units.time(max))"
    }
}
