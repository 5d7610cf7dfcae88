// SPDX-License-Identifier: Apache-2.0

extension BidirectionalCollection {
    /// Without the elements at both ends that `isSpace` says yes to.
    @inlinable package func trimming(_ isSpace: (Element) -> Bool) -> SubSequence {
        guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else {
            return self[endIndex...]
        }
        return self[first...last]
    }
}
