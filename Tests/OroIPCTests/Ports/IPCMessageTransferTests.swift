// SPDX-License-Identifier: Apache-2.0

import OroBase
import Testing

@testable import OroIPC

// The tables of the behaviour's sections 14 and 15, with the fixes of section 20 (16: cycles, 24: the bytes a view
// shows, and empty buffers, 30: the caller's object stays as it is).
//
// Left out, because Swift has no such thing: what responds to the serialize symbol; ports of the platform and their
// bridge; a type that is a class with `from` or a constructor, for which a function stands; a registered type that is
// no function; members inherited by an object. The classes of section 15 that are not looked into are here maps, sets,
// dates and errors.
@Suite("findIPCMessageTransfers and inflateIPCMessageTransfers")
struct IPCMessageTransferTests {
    private static let tag: StructuredValue = ["__type__": "Buffer", "data": "aGk="]

    private func find(_ value: StructuredValue) -> (found: StructuredValue, transfers: [IPCTransfer]) {
        var transfers: [IPCTransfer] = []
        let found = findIPCMessageTransfers(&transfers, value)
        return (found, transfers)
    }

    // MARK: Section 15

    @Test(
        "a buffer or a view becomes a tag with the bytes it shows",
        arguments: [
            (StructuredValue.buffer([0x68, 0x69]), "aGk=", 2),
            (.bytes([0x68, 0x69]), "aGk=", 2),
            (.view(.nodeBuffer, of: [0x68, 0x69]), "aGk=", 2),
            // Of a view the bytes it shows; what is handed over is the whole buffer.
            (.view(.uint16, of: [1, 2, 3, 4, 5, 6], offset: 2, length: 1), "AwQ=", 6),
            (.view(.float64, of: Bytes([UInt8](repeating: 1, count: 16)), offset: 8), "AQEBAQEBAQE=", 16),
            (.view(.dataView, of: [9, 0x68, 0x69], offset: 1, length: 2), "aGk=", 3),
            (.buffer([]), "", 0),
        ] as [(StructuredValue, String, Int)])
    func buffers(_ value: StructuredValue, _ text: String, _ count: Int) {
        let (found, transfers) = find(value)
        #expect(found.description == (["__type__": "Buffer", "data": .string(text)] as StructuredValue).description)
        #expect(transfers.map { $0.bytes?.count } == [count])
    }

    @Test("arrays and objects are looked into, in order, and the caller's stay as they are")
    func inside() {
        let port = IPCMessageChannel().port1
        let value: StructuredValue = [
            "a": [.buffer([1]), 5, ["b": .bytes([2, 2])]], "p": .port(port), "n": nil, "z": .undefined,
        ]
        let before = value.description
        let (found, transfers) = find(value)
        #expect(value.description == before)
        #expect(
            found.description
                == ([
                    "a": [
                        ["__type__": "Buffer", "data": "AQ=="], 5, ["b": ["__type__": "Buffer", "data": "AgI="]],
                    ], "p": .port(port), "n": nil, "z": .undefined,
                ] as StructuredValue).description)
        #expect(transfers.map { $0.bytes?.count ?? -1 } == [1, 2, -1])
        #expect(transfers.last?.port === port)
        #expect(found["p"]?.port === port)
    }

    @Test("what was in the list stays in front, and each thing is in it once")
    func once() {
        let (shared, port) = (Bytes([1, 2, 3]), IPCMessageChannel().port1)
        var transfers: [IPCTransfer] = [.port(port)]
        _ = findIPCMessageTransfers(
            &transfers, [.buffer(shared), .view(.uint8, of: shared, offset: 1), .port(port), .buffer([1, 2, 3])])
        #expect(transfers.count == 3)
        #expect(transfers.first?.port === port)
    }

    @Test(
        "everything else is itself, and so is what is in it",
        arguments: [
            .undefined, nil, true, 5, 1.5, "text", .bigint(7), .date(5), .regexp("a"),
            .error(IPCError(message: "m")), .map([(.string("k"), .buffer([1]))]), .set([.buffer([1])]),
        ] as [StructuredValue])
    func itself(_ value: StructuredValue) {
        let (found, transfers) = find(value)
        #expect(found.description == value.description)
        #expect(transfers.isEmpty)
    }

    @Test("cycles and shared things are looked at once, and stay what they are")
    func cycles() throws {
        var builder = StructuredBuilder()
        let buffer = builder.add(.buffer([0x68, 0x69]))
        let list = builder.add(node: .array([]))
        builder[list] = .array([list, buffer, buffer])
        let (found, transfers) = find(builder.finish(list))
        #expect(transfers.count == 1)
        let inner = try #require(found[0])
        #expect(inner.isSame(as: found))
        #expect(found[1]?["data"]?.string == "aGk=")
        #expect(try #require(found[1]).isSame(as: try #require(found[2])))
    }

    @Test("depth is no matter")
    func deep() {
        var builder = StructuredBuilder()
        var root = builder.add(.buffer([1]))
        for _ in 0..<100_000 { root = builder.add(node: .array([root])) }
        #expect(find(builder.finish(root)).transfers.count == 1)
    }

    // MARK: Section 14

    @Test("a tag becomes a buffer, wherever it is; the caller's value stays as it is")
    func inflate() {
        let value: StructuredValue = ["a": IPCMessageTransferTests.tag, "l": [1, IPCMessageTransferTests.tag]]
        let inflated = inflateIPCMessageTransfers(value)
        #expect(inflated["a"]?.bytes == Bytes(Array("hi".utf8)))
        #expect(inflated["l"]?[1]?.bytes == Bytes(Array("hi".utf8)))
        guard case .view(.nodeBuffer, _, _, _)? = inflated["a"]?.node else {
            Issue.record("no Node buffer: \(inflated)")
            return
        }
        #expect(value["a"]?["data"]?.string == "aGk=")
    }

    @Test("an empty buffer is one")
    func empty() {
        #expect(inflateIPCMessageTransfers(["__type__": "Buffer", "data": ""]).bytes == Bytes([UInt8]()))
    }

    @Test(
        "what says too little, or is of no known type, is itself",
        arguments: [
            ["__type__": "IPCMessagePort"], ["__type__": "IPCMessagePort", "id": ""],
            ["__type__": "IPCMessagePort", "id": 0], ["__type__": "IPCMessagePort", "id": nil],
            ["__type__": "Buffer"], ["__type__": "Buffer", "data": nil], ["__type__": "Buffer", "data": 5],
            ["__type__": "X", "v": 1], ["__type__": 5], "text", 5, nil, .undefined, .bytes([1]),
            .map([(.string("k"), IPCMessageTransferTests.tag)]), .set([IPCMessageTransferTests.tag]), .date(1),
        ] as [StructuredValue])
    func stays(_ value: StructuredValue) {
        #expect(inflateIPCMessageTransfers(value).description == value.description)
    }

    @Test("a port's tag is the port of this process with that id, or a new one with it")
    func ports() {
        // A port whose other end nobody has is closed.
        let channel = IPCMessageChannel()
        let (port, other) = (channel.port1, channel.port2)
        #expect(inflateIPCMessageTransfers(["__type__": "IPCMessagePort", "id": .string(port.id)]).port === port)
        #expect(!other.closed)
        let id = UInt64.random(in: 1 ... .max)
        let made = inflateIPCMessageTransfers([["__type__": "IPCMessagePort", "id": .string("\(id)")]])
        #expect(made[0]?.port?.id == "\(id)")
        #expect(IPCMessagePort.ports["\(id)"] === made[0]?.port)
    }

    @Test("a type of the caller's comes first, gets the object as it is, and is not looked into")
    func types() {
        let types: [String: (StructuredValue) -> StructuredValue] = [
            "X": { ["made of": $0["v"] ?? .undefined, "again": IPCMessageTransferTests.tag] },
            "Buffer": { _ in "mine" },
        ]
        let inflated = inflateIPCMessageTransfers(
            ["x": ["__type__": "X", "v": ["__type__": "X"]], "b": IPCMessageTransferTests.tag], types)
        #expect(
            inflated.description
                == ([
                    "x": ["made of": ["__type__": "X"], "again": IPCMessageTransferTests.tag], "b": "mine",
                ] as StructuredValue).description)
    }

    @Test("a cycle with a tag in it is inflated, and stays a cycle")
    func inflateCycle() throws {
        var builder = StructuredBuilder()
        let tag = builder.add(IPCMessageTransferTests.tag)
        let object = builder.add(node: .object([:]))
        builder[object] = .object(["self": object, "b": tag])
        let inflated = inflateIPCMessageTransfers(builder.finish(object))
        #expect(try #require(inflated["self"]).isSame(as: inflated))
        #expect(inflated["b"]?.bytes == Bytes(Array("hi".utf8)))
    }

    @Test("what was found is inflated to the same bytes", arguments: [0, 1, 2, 3, 4, 57, 1000])
    func roundTrip(_ count: Int) {
        let bytes = Bytes((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) })
        #expect(inflateIPCMessageTransfers(find(.buffer(bytes)).found).bytes == bytes)
    }

    @Test(
        "base64 is read as JavaScript's Buffer reads it",
        arguments: [
            ("aGk", "hi"), ("aGk=", "hi"), ("a G\nk=", "hi"), ("aGk=aGk=", "hi"), ("=bad", ""), ("a", ""),
            ("-_-_", "\u{fb}\u{ff}\u{bf}"), ("+/+/", "\u{fb}\u{ff}\u{bf}"), ("%%%%", ""),
        ])
    func lenient(_ text: String, _ meaning: String) {
        let inflated = inflateIPCMessageTransfers(["__type__": "Buffer", "data": .string(text)])
        #expect(inflated.bytes.map { [UInt8]($0) } == meaning.unicodeScalars.map { UInt8($0.value) })
    }
}

@Suite("Structured values as plain ones")
struct StructuredPlainTests {
    @Test("what is shared on every level is counted, not said for ever")
    func shared() {
        var builder = StructuredBuilder()
        var node = builder.add(1)
        for _ in 0..<60 { node = builder.add(node: .array([node, node])) }
        #expect(builder.finish(node).value == nil)
    }

    @Test("a buffer or a text that is said a hundred times has no plain form when that is too long")
    func sharedBytes() {
        let parts: [StructuredValue] = [
            .bytes(Bytes([UInt8](repeating: 1, count: 1 << 20))), .string(String(repeating: "x", count: 1 << 20)),
        ]
        for part in parts {
            var builder = StructuredBuilder()
            let one = builder.add(part)
            #expect(builder.finish(builder.add(node: .array([one, one]))).value?[1] != nil)
            var many = StructuredBuilder()
            let other = many.add(part)
            let whole = many.finish(many.add(node: .array(.init(repeating: other, count: 100))))
            #expect(whole.value == nil && whole.jsonValue == nil)
        }
    }

    @Test("a plain value is the same, also with shared parts; a cycle is none")
    func plain() {
        var builder = StructuredBuilder()
        let one = builder.add(["x": 1])
        let list = builder.add(node: .array([one, one]))
        #expect(builder.finish(list).value == [["x": 1], ["x": 1]])
        builder[list] = .array([list])
        #expect(builder.finish(list).value == nil)
        #expect((["a": .undefined, "b": nil] as StructuredValue).value == ["b": nil])
        #expect(StructuredValue.date(1).value == nil)
    }
}
