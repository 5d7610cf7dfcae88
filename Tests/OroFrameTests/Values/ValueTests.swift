// SPDX-License-Identifier: Apache-2.0

import BigInt
import OroFrame
import Testing

@Suite struct ValueTests {
    @Test("objects are equal, and hash alike, whatever the order of their members")
    func objectEquality() {
        let left: Value = ["a": 1, "b": ["c": 2, "d": nil]]
        let right: Value = ["b": ["d": nil, "c": 2], "a": 1]
        #expect(left == right)
        #expect(left.hashValue == right.hashValue)
        #expect(left != ["a": 1])
        #expect(left != ["a": 1, "b": ["c": 2, "e": nil]])
        #expect(Value.array([1, 2]) != [2, 1])
    }

    @Test("a value is long that has some hundred parts, or some kilobytes, however they are put together")
    func isLong() {
        let shorts: [Value] = [
            .null, 1, .bigint(BigInt(1) << 100_000), .string(String(repeating: "a", count: 16_000)),
            .bytes([UInt8](repeating: 0, count: 16_000)), .array(Array(repeating: 1, count: 200)),
            .object(["a": .array([]), "b": .object([:])]),
        ]
        for value in shorts { #expect(!value.isLong, "\(value.kind)") }
        var deep: Value = .array([])
        for _ in 0..<300 { deep = .array([deep]) }
        let longs: [Value] = [
            .bigint(BigInt(1) << 200_000), .string(String(repeating: "a", count: 17_000)),
            .bytes([UInt8](repeating: 0, count: 17_000)), .array(Array(repeating: 1, count: 300)), deep,
            .object(.init((0..<300).map { ("\($0)", .null) })),
            .object([String(repeating: "a", count: 17_000): .null]),
            .array(Array(repeating: .array(Array(repeating: 1, count: 20)), count: 20)),
        ]
        for value in longs { #expect(value.isLong, "\(value.kind)") }
    }

    @Test("kinds never mix")
    func kindsAreDistinct() {
        #expect(Set<Value>([1, 1.0, .bigint(1), true, "1"]).count == 5)
    }

    @Test("doubles compare as the keys of a JavaScript Map")
    func doubleEquality() {
        #expect(Value.double(.nan) == .double(-.nan))
        #expect(Value.double(.nan).hashValue == Value.double(.signalingNaN).hashValue)
        #expect(Value.double(0) == .double(-0.0))
        #expect(Value.double(0).hashValue == Value.double(-0.0).hashValue)
    }

    @Test("accessors answer nil for another kind, and convert only what stays exact")
    func accessors() {
        #expect(Value.int(5).int == 5)
        #expect(Value.bigint(5).int == 5)
        #expect(Value.bigint(BigInt(1) << 64).int == nil)
        #expect(Value.int(-5).bigint == -5)
        #expect(Value.int(5).double == 5)
        #expect(Value.int(.max).double == nil)
        #expect(Value.double(1).int == nil)
        #expect(Value.string("s").string == "s")
        #expect(Value.bool(true).bool == true)
        #expect(Value.bytes([1]).bytes == [1])
        #expect(Value.array([1]).array == [1])
        #expect(Value.null.isNull)
        for value in [Value.null, [1], ["a": 1]] {
            #expect(value.int == nil && value.string == nil && value.bool == nil && value.double == nil)
        }
    }

    @Test("subscripts answer nil for what is not there and never trap")
    func subscripts() {
        let value: Value = ["list": [10, 20], "list2": 1]
        #expect(value["list"]?[1] == 20)
        #expect(value["list"]?[2] == nil)
        #expect(value["list"]?[-1] == nil)
        #expect(value["none"] == nil)
        #expect(value[0] == nil)
        #expect(Value.null["list"] == nil)
    }

    @Test("an object literal with a name twice keeps the last value in the first place")
    func duplicateLiteral() {
        let value: Value = ["a": 1, "b": 2, "a": 3]
        #expect(value.object?.map(\.key) == ["a", "b"])
        #expect(value["a"] == 3)
    }

    @Test("a value is no larger than a string and its tag")
    func size() {
        #expect(MemoryLayout<Value>.size <= 17)
        #expect(MemoryLayout<Seq>.size <= 9)
    }
}
