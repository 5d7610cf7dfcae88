// SPDX-License-Identifier: Apache-2.0

/// Some buffers. Mostly there is none, or one: that takes no memory for a list.
@usableFromInline package enum BytesList: Sendable {
    case none
    case one(Bytes)
    case many([Bytes])

    @inlinable package init(_ array: [Bytes]) {
        switch array.count {
        case 0: self = .none
        case 1: self = .one(array[0])
        default: self = .many(array)
        }
    }

    @inlinable package var array: [Bytes] {
        switch self {
        case .none: []
        case .one(let bytes): [bytes]
        case .many(let array): array
        }
    }
}

extension BytesList: RandomAccessCollection {
    @inlinable package var startIndex: Int { 0 }
    @inlinable package var endIndex: Int {
        switch self {
        case .none: 0
        case .one: 1
        case .many(let array): array.count
        }
    }

    @inlinable package subscript(index: Int) -> Bytes {
        switch self {
        case .one(let bytes) where index == 0: return bytes
        case .many(let array): return array[index]
        case .none, .one: preconditionFailure("there is no buffer \(index)")
        }
    }
}
