// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame

// In JavaScript these are the buffers whose memory a message hands over. Swift hands nothing over: bytes are shared, or
// lent in blocks. What is left of it is the question which bytes a value or a message carries, for somebody who wants
// to place them elsewhere (in blocks, in files) or to know how many there are.

/// `transfers`, followed by the bytes inside `value`, depth first and in order. Nothing is copied. Bytes that lie in
/// the same memory, whole, are listed once, `transfers` included. O(n).
public func findMessageTransfers(_ transfers: [Bytes], _ value: Value?) -> [Bytes] {
    var found = TransferList(transfers)
    value.map { found.add(inside: $0) }
    return found.list
}

extension TransferList {
    fileprivate mutating func add(inside value: Value) {
        // Not by recursion: a value made in this process may be of any depth.
        var rest = [value]
        while let next = rest.popLast() {
            switch next {
            case .bytes(let bytes): add(Bytes(bytes))
            case .array(let elements): rest.append(contentsOf: elements.reversed())
            case .object(let members): rest.append(contentsOf: members.values.reversed())
            default: break
            }
        }
    }
}

/// `transfers`, followed by the bytes of `message` and those inside its value.
public func findMessageTransfers(_ transfers: [Bytes], _ message: Message) -> [Bytes] {
    var found = TransferList(transfers)
    if let bytes = message.bytes { found.add(bytes) }
    for value in message.exactValues { found.add(inside: value) }
    return found.list
}

/// Bytes by where they lie.
private struct TransferList {
    private struct Place: Hashable {
        let address: UInt
        let count: Int

        init(_ bytes: Bytes) {
            // Only compared.
            unsafe address = UInt(bitPattern: bytes.base)
            count = bytes.count
        }
    }

    private(set) var list: [Bytes]
    private var places: Set<Place>

    init(_ list: [Bytes]) {
        self.list = list
        places = Set(list.lazy.map { Place($0) })
    }

    mutating func add(_ bytes: Bytes) {
        if places.insert(Place(bytes)).inserted { list.append(bytes) }
    }
}
