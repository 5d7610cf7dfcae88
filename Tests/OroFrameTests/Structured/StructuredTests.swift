// SPDX-License-Identifier: Apache-2.0

import OroFrame
import Testing

@Suite("Structured values")
struct StructuredTests {
    private static let document = "structured-values.md"
    private static let buffers = [16, 16]

    private func decode(_ value: Value) throws(StructuredError) -> (StructuredGraph, StructuredGraph.Reference) {
        let (graph, root) = try StructuredGraph.decode(
            value, buffers: StructuredTests.buffers, ports: 2, descriptors: 2)
        return (graph, root)
    }

    @Test("the document has its tables")
    func tables() {
        #expect(GoldenVector.table("Structured values", of: StructuredTests.document).count >= 25)
        #expect(GoldenVector.table("Refused structured values", of: StructuredTests.document).count >= 20)
    }

    @Test(
        "documented bytes are the documented value, and it encodes to them",
        arguments: GoldenVector.table("Structured values", of: document))
    func vector(_ vector: GoldenVector) throws {
        let (graph, root) = try decode(try Value(encoded: vector.bytes))
        #expect(graph.description(of: root) == vector.meaning)
        #expect(try graph.encoded(from: root).value.encoded() == vector.bytes)
    }

    @Test(
        "documented junk is refused with the documented error",
        arguments: GoldenVector.table("Refused structured values", of: document))
    func refused(_ vector: GoldenVector) throws {
        let value = try Value(encoded: vector.bytes)
        let error = #expect(throws: StructuredError.self) { _ = try decode(value) }
        #expect(error?.description == vector.meaning)
    }

    @Test("any value is a structured value or an error, and what is one encodes to what it came from")
    func totality() throws {
        var random = SystemRandomNumberGenerator()
        var accepted = 0
        for _ in 0..<20_000 {
            let value = junk(4, using: &random)
            guard let (graph, root) = try? decode(value) else { continue }
            accepted += 1
            _ = graph.description(of: root)
            let again = try graph.encoded(from: root, port: { $0 }, descriptor: { $0 })
            // Buffers are numbered anew, in their order.
            let lengths = again.buffers.map { StructuredTests.buffers[$0] }
            let (copy, copyRoot) = try StructuredGraph.decode(
                again.value, buffers: lengths, ports: 2, descriptors: 2)
            #expect(try copy.encoded(from: copyRoot).value == again.value)
        }
        #expect(accepted > 1000)
    }

    /// Values whose arrays mostly begin with a form.
    private func junk(_ depth: Int, using random: inout some RandomNumberGenerator) -> Value {
        switch Int.random(in: 0..<(depth == 0 ? 5 : 9), using: &random) {
        case 0: return .int(Int64.random(in: -1...16, using: &random))
        case 1: return .string(["", "a", "g"].randomElement(using: &random) ?? "")
        case 2: return .double(Double.random(in: -1...1, using: &random))
        case 3: return [.null, .bool(true), .bigint(5)].randomElement(using: &random) ?? .null
        case 4: return .bytes([1, 2, 3, 4])
        case 5: return ["a": junk(depth - 1, using: &random), "b": junk(depth - 1, using: &random)]
        default:
            let count = Int.random(in: 0...5, using: &random)
            let parts = (0..<count).map { _ in junk(depth - 1, using: &random) }
            return .array([.int(Int64.random(in: 0...13, using: &random))] + parts)
        }
    }

    /// Small things, as they are and with buffer 0, which has 16 bytes.
    private static let small: [(String, StructuredGraph)] = [
        ("undefined", StructuredGraph(single: .undefined)), ("null", StructuredGraph(single: .null)),
        ("true", StructuredGraph(single: .bool(true))), ("-7", StructuredGraph(single: .int(-7))),
        ("large", StructuredGraph(single: .int(.max))), ("1.5", StructuredGraph(single: .double(1.5))),
        ("text", StructuredGraph(single: .string("größer"))),
        ("longest text", StructuredGraph(single: .string(String(repeating: "a", count: 31)))),
        ("buffer", StructuredGraph(single: .buffer(0, count: 16))),
        ("bytes", StructuredGraph(view: .uint8, of: 16, offset: 0, length: 16)),
        ("part", StructuredGraph(view: .uint16, of: 16, offset: 2, length: 5)),
        ("data view", StructuredGraph(view: .dataView, of: 16, offset: 1, length: 3)),
    ]

    @Test("one small thing is in place what it is in general, to its last byte", arguments: small)
    func short(_ name: String, _ graph: StructuredGraph) throws {
        let root = StructuredGraph.Reference(0)
        let short = try #require(ShortStructured(graph, from: root))
        let general = try graph.encoded(from: root)
        let bytes = try general.value.encoded()
        #expect(short.encoded.bytes == bytes)
        #expect(short.count == bytes.count && short.namesBuffer == !general.buffers.isEmpty)
        // What is no small thing to a reader goes the general way.
        guard let again = short.graph(buffer: 16) else {
            #expect(name == "undefined")
            return
        }
        #expect(again.description(of: root) == graph.description(of: root))
        #expect(short.namesBuffer == (short.graph(buffer: 15) == nil))
    }

    @Test("what is no small thing is not encoded in place")
    func notShort() {
        var graph = StructuredGraph()
        let roots = [
            graph.add(.string(String(repeating: "a", count: 32))), graph.add(.array([])),
            graph.add(.buffer(1, count: 16)), graph.add(.buffer(0, count: 0)), graph.add(.port(0)), graph.add(.date(0)),
            graph.add(.bigint(1)),
        ]
        for root in roots { #expect(ShortStructured(graph, from: root) == nil) }
    }

    @Test("bytes that are a small thing to the short decoder are the same thing to the general one", arguments: small)
    func shortJunk(_ name: String, _ graph: StructuredGraph) throws {
        let bytes = try #require(ShortStructured(graph, from: .init(0))).encoded.bytes
        var accepted = 0
        for index in bytes.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = bytes
                changed[index] = byte
                // Bytes have no padding.
                guard let short = unsafe StructuredGraph.decode(short: changed.span.bytes, buffer: 16) else {
                    continue
                }
                accepted += 1
                let (general, root) = try StructuredGraph.decode(Value(encoded: changed), buffers: [16])
                #expect(short.description(of: .init(0)) == general.description(of: root))
            }
        }
        #expect(accepted > 0 || name == "undefined")
    }

    @Test("a value with more levels than a frame may have is refused, at once")
    func depth() throws {
        var graph = StructuredGraph()
        var root = graph.add(.null)
        for _ in 0..<62 { root = graph.add(.array([root])) }
        #expect(try graph.encoded(from: root).value.encoded().isEmpty == false)
        for _ in 0..<10_000 { root = graph.add(.array([root])) }
        let error = #expect(throws: StructuredError.self) { _ = try graph.encoded(from: root) }
        #expect(error == .tooDeep(limit: 63))
    }
}
