// SPDX-License-Identifier: Apache-2.0

extension ValueView {
    /// Throws as ``decode(limits:)`` does, and makes nothing: for whoever reads the value where it lies, in memory that
    /// nobody changes any more. O(n).
    package func check(limits: FrameLimits = .default) throws(FrameError) {
        var checker = ValueChecker(budget: ValueBudget(limits))
        try checker.check(self)
    }
}

/// Checks one value; recursion is no deeper than the budget.
private struct ValueChecker {
    var budget: ValueBudget

    mutating func check(_ view: borrowing ValueView) throws(FrameError) {
        switch view.kind {
        case .null, .bool, .int, .double, .bytes: break
        case .string: try checkText(view)
        case .bigint: try checkBigInt(view)
        case .array:
            try budget.enter(view.count)
            try view.forEachElement { (element) throws(FrameError) in try check(element) }
            budget.leave()
        case .object:
            try budget.enter(view.count)
            var keys = Keys()
            try view.forEachMember { (name, value) throws(FrameError) in
                try checkText(name)
                guard keys.insert(name.content) else {
                    throw .duplicateKey(offset: name.origin - name.token.headerBytes)
                }
                try check(value)
            }
            budget.leave()
        }
    }

    private func checkText(_ view: borrowing ValueView) throws(FrameError) {
        guard UTF8Text.isValidUTF8(view.content) else { throw .invalidUTF8(.value, offset: view.origin) }
    }

    private func checkBigInt(_ view: borrowing ValueView) throws(FrameError) {
        let count = view.content.byteCount
        try budget.check(bigIntBytes: count)
        let isNegative = view.token.bits != 0
        // Inside, where there is a byte.
        let isShortest =
            count == 0 ? !isNegative : unsafe view.content.unsafeLoad(fromByteOffset: count - 1, as: UInt8.self) != 0
        guard isShortest else { throw .notCanonical(offset: view.origin - view.token.headerBytes) }
    }

    /// The names of an object's members.
    private struct Keys {
        private var all: Set<[UInt8]> = []

        /// False: it is there already.
        mutating func insert(_ name: RawSpan) -> Bool {
            // The buffer is valid in the closure, which copies it.
            all.insert(unsafe name.withUnsafeBytes { buffer in unsafe [UInt8](buffer) }).inserted
        }
    }
}
