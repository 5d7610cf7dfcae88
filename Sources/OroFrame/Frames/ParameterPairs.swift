// SPDX-License-Identifier: Apache-2.0

// Parameters of which two have one name, which an object cannot say: an array of names and values in turn.
extension EncodedValue {
    /// The array for these pairs. Throws what encoding a value does.
    package init(pairs: [(name: String, value: Value)]) throws(FrameError) {
        let flat = pairs.flatMap { [.string($0.name), $0.value] }
        self.init(wellFormed: try Value.array(flat).encoded())
        isPairs = true
    }
}

extension FrameView {
    /// The pairs, where ``FrameFlags/pairs`` says that the value is some. O(n).
    package func pairs() throws(FrameError) -> [(name: String, value: Value)] {
        guard let view = try value(), case .array(let flat) = try view.decode(), flat.count.isMultiple(of: 2) else {
            throw .notPairs
        }
        var pairs: [(name: String, value: Value)] = []
        pairs.reserveCapacity(flat.count / 2)
        for index in stride(from: 0, to: flat.count, by: 2) {
            guard case .string(let name) = flat[index] else { throw .notPairs }
            pairs.append((name, flat[index + 1]))
        }
        return pairs
    }
}
