import OroFrame

// In JavaScript these are the buffers whose memory a message hands over. Swift hands nothing over: bytes are shared, or lent in
// blocks. What is left of it is the question which bytes a value or a message carries, for somebody who wants to place them
// elsewhere (in blocks, in files) or to know how many there are.

/// `transfers`, followed by the bytes inside `value`, depth first and in order. Nothing is copied. Bytes that lie in the same
/// memory, whole, are listed once, `transfers` included. O(n · m) for m bytes.
public func findMessageTransfers(_ transfers: [Bytes], _ value: Value?) -> [Bytes] {
    var found = TransferList(transfers)
    // Not by recursion: a value made in this process may be of any depth.
    var rest = value.map { [$0] } ?? []
    while let next = rest.popLast() {
        switch next {
        case .bytes(let bytes): found.add(Bytes(bytes))
        case .array(let elements): rest.append(contentsOf: elements.reversed())
        case .object(let members): rest.append(contentsOf: members.values.reversed())
        default: break
        }
    }
    return found.list
}

/// `transfers`, followed by the bytes of `message` and those inside its value.
public func findMessageTransfers(_ transfers: [Bytes], _ message: Message) -> [Bytes] {
    var found = TransferList(transfers)
    if let bytes = message.bytes { found.add(bytes) }
    return message.exactValues.reduce(found.list) { findMessageTransfers($0, $1) }
}

/// Bytes by where they lie.
private struct TransferList {
    private(set) var list: [Bytes]

    init(_ list: [Bytes]) { self.list = list }

    mutating func add(_ bytes: Bytes) {
        if !list.contains(where: { unsafe $0.base == bytes.base && $0.count == bytes.count }) { list.append(bytes) }
    }
}
