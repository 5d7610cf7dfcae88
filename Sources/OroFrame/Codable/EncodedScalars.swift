// SPDX-License-Identifier: Apache-2.0

import BigInt

// Values that are no containers, and trees.
extension ElementEncoder {
    /// Writes `value` if it is of a type that has a form of its own here; answers whether it has.
    @inline(__always)
    func write<T: Encodable>(known value: T) throws(FrameError) -> Bool {
        // Comparisons of metatypes: the casts are tried only where they succeed.
        if T.self == String.self, let value = value as? String {
            try tape.append(value)
        } else if T.self == Int.self, let value = value as? Int {
            try tape.append(Int64(value))
        } else if T.self == Double.self, let value = value as? Double {
            try tape.append(value)
        } else if T.self == [UInt8].self, let value = value as? [UInt8] {
            // Bytes have no padding that could leak.
            unsafe try tape.append(value.span.bytes)
        } else if T.self == Value.self, let value = value as? Value {
            try write(tree: value)
        } else if T.self == BigInt.self, let value = value as? BigInt {
            try tape.append(value, budget: budget)
        } else if T.self == BigUInt.self, let value = value as? BigUInt {
            try tape.append(BigInt(value), budget: budget)
        } else {
            return false
        }
        return true
    }

    /// Writes a tree, within what is left of the limits.
    func write(tree value: Value) throws(FrameError) {
        let (count, items) = try value.encodedCount(budget: budget)
        encoding.items = items
        try tape.append(value, count: count)
    }

    /// Writes bytes.
    package func write(bytes: RawSpan) throws(FrameError) { try tape.append(bytes) }

    /// Writes an integer of any width: an `int` where it fits, else a `bigint`.
    func write(integer value: some BinaryInteger) throws(FrameError) {
        if let small = Int64(exactly: value) {
            try tape.append(small)
        } else {
            try tape.append(BigInt(value), budget: budget)
        }
    }
}
