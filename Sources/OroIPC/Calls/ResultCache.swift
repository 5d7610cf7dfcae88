// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroLink
import OrderedCollections

/// Results of calls with ``CallOptions/cache``: one for each command with its parameters, never an error. When there
/// are as many as there may be, the oldest goes.
struct ResultCache: ~Copyable {
    struct Key: Hashable, Sendable {
        let command: String
        /// The encoding with the members of each object in the order of their names: parameters are the same in any
        /// order.
        let parameters: [UInt8]

        /// `nil` where the value cannot be sent, or decoded.
        init?(_ command: String, _ value: Value?, _ encoded: EncodedValue?) {
            self.command = command
            do throws(FrameError) {
                let value = if let encoded { try encoded.decode() } else { value }
                parameters = try value?.inOrder.encoded() ?? []
            } catch {
                return nil
            }
        }
    }

    private var results: OrderedDictionary<Key, Result> = [:]
    private let most: Int

    init(most: Int) { self.most = most }

    subscript(key: Key) -> Result? { results[key] }

    /// Keeps a result. Bytes in the host's memory are copied: the host is to have its block back.
    mutating func keep(_ result: Result, for key: Key) {
        guard result.isOK, most > 0 else { return }
        var result = result
        if let bytes = result.bytes, bytes.isBorrowed { result.bytes = bytes.copy() }
        if results[key] == nil, results.count == most { results.removeFirst() }
        results[key] = result
    }

    mutating func removeAll() { results = [:] }
}

extension Value {
    /// The same value, the members of its objects by name.
    fileprivate var inOrder: Value {
        switch self {
        case .array(let elements): .array(elements.map(\.inOrder))
        case .object(let members):
            .object(
                Value.Members(
                    members.map { ($0.key, $0.value.inOrder) }.sorted {
                        $0.0.utf8.lexicographicallyPrecedes($1.0.utf8)
                    }))
        default: self
        }
    }
}
