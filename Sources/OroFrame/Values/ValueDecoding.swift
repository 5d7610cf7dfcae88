// SPDX-License-Identifier: Apache-2.0

import BigInt

extension Value {
    /// The value that `encoded` consists of, exactly.
    public init(encoded: RawSpan, limits: FrameLimits = .default) throws(FrameError) {
        self = try ValueView(encoded).decode(limits: limits)
    }

    /// The value that `encoded` consists of, exactly.
    public init(encoded: [UInt8], limits: FrameLimits = .default) throws(FrameError) {
        // Bytes have no padding that could leak.
        try unsafe self.init(encoded: encoded.span.bytes, limits: limits)
    }
}

extension ValueView {
    /// A part of a larger value; answers how many items there are with this part.
    func decode(budget: ValueBudget) throws(FrameError) -> (value: Value, items: Int) {
        var decoder = TreeDecoder(budget: budget)
        return (try decoder.decode(self), decoder.budget.items)
    }

    /// The value in memory of its own, all of it checked. O(n); memory and depth are bounded by `limits`.
    public func decode(limits: FrameLimits = .default) throws(FrameError) -> Value {
        var decoder = TreeDecoder(budget: ValueBudget(limits))
        return try decoder.decode(self)
    }
}

/// Decodes one value; recursion is no deeper than the budget.
private struct TreeDecoder {
    var budget: ValueBudget

    mutating func decode(_ view: borrowing ValueView) throws(FrameError) -> Value {
        switch view.kind {
        case .null: .null
        case .bool: .bool(view.token.bits != 0)
        case .int: .int(Int64(bitPattern: view.token.bits))
        case .double: .double(Double(bitPattern: view.token.bits))
        case .bigint: .bigint(try bigint(view))
        case .string: .string(try string(view))
        case .bytes: .bytes(bytes(view.content))
        case .array: try array(view)
        case .object: try object(view)
        }
    }

    private func string(_ view: borrowing ValueView) throws(FrameError) -> String {
        guard let text = UTF8Text.string(view.content) else {
            throw .invalidUTF8(.value, offset: view.origin)
        }
        return text
    }

    private func bytes(_ content: RawSpan) -> [UInt8] {
        // The buffer is valid in the closure, which copies it.
        unsafe content.withUnsafeBytes { buffer in unsafe [UInt8](buffer) }
    }

    private func bigint(_ view: borrowing ValueView) throws(FrameError) -> BigInt {
        let count = view.content.byteCount
        try budget.check(bigIntBytes: count)
        // Private, as the shortest form is checked on what is then used.
        let magnitude = bytes(view.content)
        let isNegative = view.token.bits != 0
        // No leading zero byte, and zero has no sign.
        guard magnitude.last.map({ $0 != 0 }) ?? !isNegative else {
            throw .notCanonical(offset: view.origin - view.token.headerBytes)
        }
        var words = [UInt](repeating: 0, count: (count + 7) / 8)
        for (index, byte) in magnitude.enumerated() { words[index / 8] |= UInt(byte) << UInt(index % 8 * 8) }
        return BigInt(sign: isNegative ? .minus : .plus, magnitude: BigUInt(words: words))
    }

    private mutating func array(_ view: borrowing ValueView) throws(FrameError) -> Value {
        try budget.enter(view.count)
        var elements: [Value] = []
        elements.reserveCapacity(view.count)
        try view.forEachElement { (element) throws(FrameError) in elements.append(try decode(element)) }
        budget.leave()
        return .array(elements)
    }

    private mutating func object(_ view: borrowing ValueView) throws(FrameError) -> Value {
        try budget.enter(view.count)
        var members = NamedValues<Value>(minimumCapacity: view.count)
        try view.forEachMember { (name, value) throws(FrameError) in
            let key = try string(name)
            guard members.updateValue(try decode(value), forKey: key) == nil else {
                throw .duplicateKey(offset: name.origin - name.token.headerBytes)
            }
        }
        budget.leave()
        return .object(members)
    }
}
