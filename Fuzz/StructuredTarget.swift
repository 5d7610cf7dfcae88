// SPDX-License-Identifier: Apache-2.0

import OroFrame

/// A structured value that decodes is encoded in a form that stays the same from then on.
enum StructuredTarget {
    static func check(_ input: [UInt8]) {
        guard let value = try? Value(encoded: input),
            let (graph, root) = try? StructuredGraph.decode(value, buffers: [16, 5], ports: 2, descriptors: 1)
        else { return }
        _ = graph.description(of: root)
        // Not every buffer is named, and so buffers have new numbers.
        guard let first = try? graph.encoded(from: root) else { return }
        let lengths = first.buffers.map { [16, 5][$0] }
        guard let (again, top) = try? StructuredGraph.decode(first.value, buffers: lengths, ports: 2, descriptors: 1)
        else {
            return require(false, "what was encoded cannot be decoded: \(first.value)")
        }
        let second = try? again.encoded(from: top)
        require(
            second?.value == first.value, "encoded again it is \(String(describing: second?.value)), not \(first.value)"
        )
    }
}
