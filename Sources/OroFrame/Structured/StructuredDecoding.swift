// SPDX-License-Identifier: Apache-2.0

extension StructuredGraph {
    /// The graph that `value`, which was decoded within the limits of a frame, stands for, and its root.
    ///
    /// UNTRUSTED: total: any value gives a graph or an error. `buffers` are the lengths of the buffers that came beside
    /// it; each port and descriptor may be named once. O(n).
    package static func decode(
        _ value: Value, buffers: [Int] = [], ports: Int = 0, descriptors: Int = 0
    ) throws(StructuredError) -> (graph: StructuredGraph, root: Reference) {
        var decoder = StructuredDecoder(buffers: buffers, ports: ports, descriptors: descriptors)
        let root = try decoder.decode(value)
        try decoder.checkViews()
        return (decoder.graph, root)
    }
}

/// Decodes one value, whose depth is bounded by that of a frame.
private struct StructuredDecoder {
    private(set) var graph = StructuredGraph()
    private let buffers: [Int]
    private var portIsFree: [Bool]
    private var descriptorIsFree: [Bool]
    /// The objects whose encodings have begun, in that order.
    private var objects: [StructuredGraph.Reference] = []

    init(buffers: [Int], ports: Int, descriptors: Int) {
        self.buffers = buffers
        portIsFree = Array(repeating: true, count: ports)
        descriptorIsFree = Array(repeating: true, count: descriptors)
    }

    mutating func decode(_ value: Value) throws(StructuredError) -> StructuredGraph.Reference {
        switch value {
        case .null: return graph.add(.null)
        case .bool(let value): return graph.add(.bool(value))
        case .int(let value): return graph.add(.int(value))
        case .double(let value): return graph.add(.double(value))
        case .bigint(let value): return graph.add(.bigint(value))
        case .string(let text): return graph.add(.string(text))
        case .bytes: throw .malformed("bytes outside of a buffer")
        case .object(let members):
            let object = begin()
            var decoded = NamedValues<StructuredGraph.Reference>(minimumCapacity: members.count)
            for (name, member) in members { decoded[name] = try decode(member) }
            graph[object] = .object(decoded)
            return object
        case .array(let parts): return try decode(parts)
        }
    }

    /// A new object; what it is is said later, so that its own parts can refer to it.
    private mutating func begin() -> StructuredGraph.Reference {
        let object = graph.add(.undefined)
        objects.append(object)
        return object
    }

    private mutating func decode(_ parts: [Value]) throws(StructuredError) -> StructuredGraph.Reference {
        guard case .int(let number) = parts.first ?? .null else { throw .malformed("an array without a form") }
        guard let form = StructuredForm(rawValue: number) else { throw .unknownForm(number) }
        switch form {
        case .undefined:
            try require(parts, 1, "undefined")
            return graph.add(.undefined)
        case .again:
            try require(parts, 2, "a reference")
            guard case .int(let number) = parts[1], let index = Int(exactly: number), objects.indices.contains(index)
            else { throw .malformed("a reference to an object that has not begun") }
            return objects[index]
        case .hole: throw .malformed("a hole outside of an array")
        default: break
        }
        let object = begin()
        graph[object] = try node(form, parts)
        return object
    }

    private mutating func node(
        _ form: StructuredForm, _ parts: [Value]
    ) throws(StructuredError) -> StructuredGraph.Node {
        switch form {
        case .array: return .array(try elements(parts, mayHaveHoles: true))
        case .set: return .set(try elements(parts, mayHaveHoles: false).compactMap { $0 })
        case .map:
            let flat = try elements(parts, mayHaveHoles: false).compactMap { $0 }
            guard flat.count % 2 == 0 else { throw .malformed("a map whose last key has no value") }
            return .map(
                stride(from: 0, to: flat.count, by: 2).map {
                    StructuredGraph.Pair(key: flat[$0], value: flat[$0 + 1])
                })
        case .date:
            try require(parts, 2, "a date")
            guard case .double(let milliseconds) = parts[1] else { throw .malformed("a date that is no double") }
            return .date(milliseconds)
        case .regexp:
            try require(parts, 3, "a regular expression")
            guard case .string(let source) = parts[1], case .string(let flags) = parts[2] else {
                throw .malformed("a regular expression without its texts")
            }
            return .regexp(source: source, flags: flags)
        case .error: return .error(try error(parts))
        case .boxed:
            try require(parts, 2, "an object of a primitive")
            switch parts[1] {
            case .bool, .int, .double, .bigint, .string: return .boxed(try decode(parts[1]))
            default: throw .malformed("an object of something that is no primitive")
            }
        case .buffer: return try buffer(parts)
        case .view: return try view(parts)
        case .port:
            return .port(try takeNumber(parts, "port", &portIsFree))
        case .descriptor:
            if descriptorIsFree.isEmpty { throw .withoutDescriptors }
            return .descriptor(try takeNumber(parts, "descriptor", &descriptorIsFree))
        case .undefined, .again, .hole: throw .malformed("a form that is no object")
        }
    }

    private func require(_ parts: [Value], _ count: Int, _ what: String) throws(StructuredError) {
        guard parts.count == count else { throw .malformed("\(what) of \(parts.count) parts") }
    }

    private mutating func elements(
        _ parts: [Value], mayHaveHoles: Bool
    ) throws(StructuredError) -> [StructuredGraph.Reference?] {
        var elements: [StructuredGraph.Reference?] = []
        elements.reserveCapacity(parts.count - 1)
        for part in parts.dropFirst() {
            if mayHaveHoles, case .array(let inner) = part, inner == [.int(StructuredForm.hole.rawValue)] {
                elements.append(nil)
            } else {
                elements.append(try decode(part))
            }
        }
        return elements
    }

    private mutating func error(_ parts: [Value]) throws(StructuredError) -> StructuredGraph.ErrorNode {
        guard parts.count == 4 || parts.count == 5, case .string(let name) = parts[1],
            case .string(let message) = parts[2]
        else { throw .malformed("an error without name and message") }
        var error = StructuredGraph.ErrorNode(name: name, message: message)
        switch parts[3] {
        case .null: break
        case .string(let stack): error.stack = stack
        default: throw .malformed("an error's stack that is no text")
        }
        if parts.count == 5 { error.cause = try decode(parts[4]) }
        return error
    }

    private func buffer(_ parts: [Value]) throws(StructuredError) -> StructuredGraph.Node {
        if parts.count == 2, case .bytes(let bytes) = parts[1] { return .inlineBuffer(bytes) }
        guard parts.count == 3, case .int(let number) = parts[1], case .int(let count) = parts[2],
            let index = Int(exactly: number), buffers.indices.contains(index), Int64(buffers[index]) == count
        else { throw .malformed("a buffer that did not come, or of another length") }
        return .buffer(index, count: buffers[index])
    }

    private mutating func view(_ parts: [Value]) throws(StructuredError) -> StructuredGraph.Node {
        try require(parts, 5, "a view")
        guard case .int(let code) = parts[1], let kind = Int(exactly: code).flatMap(StructuredGraph.ViewKind.init),
            case .int(let offset) = parts[3], case .int(let length) = parts[4], offset >= 0, length >= 0,
            length <= Int64.max / 8
        else { throw .malformed("a view of an unknown kind, or of impossible numbers") }
        let buffer = try decode(parts[2])
        guard offset % Int64(kind.elementBytes) == 0 || kind == .dataView else {
            throw .malformed("a view that is not aligned")
        }
        return .view(kind, buffer: buffer, offset: Int(offset), length: Int(length))
    }

    private func takeNumber(
        _ parts: [Value], _ what: String, _ free: inout [Bool]
    ) throws(StructuredError) -> Int {
        guard parts.count == 2, case .int(let number) = parts[1], let index = Int(exactly: number),
            free.indices.contains(index), free[index]
        else { throw .malformed("a \(what) that did not come, or is named twice") }
        free[index] = false
        return index
    }

    /// Once everything is known: every view lies inside a buffer.
    func checkViews() throws(StructuredError) {
        for object in objects {
            guard case .view(let kind, let buffer, let offset, let length) = graph[object] else { continue }
            let count: Int
            switch graph[buffer] {
            case .inlineBuffer(let bytes): count = bytes.count
            case .buffer(_, let bytes): count = bytes
            default: throw .malformed("a view of something that is no buffer")
            }
            guard offset <= count, length <= (count - offset) / kind.elementBytes else {
                throw .malformed("a view beyond its buffer")
            }
        }
    }
}
