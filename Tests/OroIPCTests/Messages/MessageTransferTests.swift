// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroIPC
import Testing

// The table of the behaviour's section 10.1. Left out: DataViews, SharedArrayBuffers and Maps, which Swift does not
// have, and cyclic objects, which a `Value` cannot be.
@Suite("findMessageTransfers")
struct MessageTransferTests {
    @Test("bytes are found in order, wherever they are, behind those that were there")
    func order() {
        let (a, b, c): ([UInt8], [UInt8], [UInt8]) = ([1], [2, 2], [3, 3, 3])
        let value: Value = ["a": .bytes(a), "b": [.bytes(b), "text", ["c": .bytes(c)]], "d": 5]
        #expect(findMessageTransfers([[9]], value) == [[9], Bytes(a), Bytes(b), Bytes(c)])
        #expect(findMessageTransfers([[9]], Value.null) == [[9]])
        #expect(findMessageTransfers([], nil) == [])
    }

    @Test("the same memory is found once, equal bytes elsewhere are others")
    func once() {
        let shared: [UInt8] = [1, 2, 3]
        let copy = shared.map { $0 }
        let value: Value = [.bytes(shared), .bytes(shared), .bytes(copy)]
        #expect(findMessageTransfers([], value).count == 2)
        #expect(findMessageTransfers([Bytes(shared)], value).count == 2)
    }

    @Test("a message's own bytes come first")
    func message() throws {
        let message = try Message.from("t", ["a": .bytes([1]), "b": .bytes([2])], bytes: [0])
        #expect(findMessageTransfers([], message) == [[0], [1], [2]])
        #expect(findMessageTransfers([], try Message.from("t")) == [])
    }

    @Test("depth is no matter")
    func deep() {
        var value: Value = .bytes([1])
        for _ in 0..<10_000 { value = [value] }
        #expect(findMessageTransfers([], value) == [[1]])
        // A value this deep is taken apart level by level: releasing it whole would recurse.
        while case .array(let elements) = value, let first = elements.first { value = first }
    }
}
