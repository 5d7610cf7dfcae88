// SPDX-License-Identifier: Apache-2.0

/// Times of many calls, for people to read.
struct Latencies: CustomStringConvertible {
    private let sorted: [UInt64]

    /// In nanoseconds.
    init(_ times: [UInt64]) { sorted = times.sorted() }

    /// In microseconds.
    func at(_ part: Double) -> Int {
        sorted.isEmpty ? -1 : Int(sorted[Int(Double(sorted.count - 1) * part)] / 1000)
    }

    var description: String { "p50 \(at(0.5)) us, p99 \(at(0.99)) us, max \(at(1)) us" }
}
