// SPDX-License-Identifier: Apache-2.0

/// An encoded graph, and which buffers beside it it names, in the order of their new numbers.
package struct StructuredEncoding: Sendable {
    package var value: Value
    package var buffers: [Int] = []
}

extension StructuredGraph {
    /// What can be reached from `root`, as a value of the wire. `inline` answers the bytes of a buffer that is to stand
    /// in the value; `port` and `descriptor` the number by which one is carried, `nil` when it is not. O(n).
    package func encoded(
        from root: Reference, limits: FrameLimits = .default, inline: (Int) -> [UInt8]? = { _ in nil },
        port: (Int) -> Int? = { $0 }, descriptor: (Int) -> Int? = { $0 }
    ) throws(StructuredError) -> StructuredEncoding {
        // The closures do not outlive this call: the encoder is gone when it returns.
        try withoutActuallyEscaping(inline) { (inline) throws(StructuredError) in
            try withoutActuallyEscaping(port) { (port) throws(StructuredError) in
                try withoutActuallyEscaping(descriptor) { (descriptor) throws(StructuredError) in
                    var encoder = StructuredEncoder(
                        graph: self, limits: limits, inline: inline, port: port, descriptor: descriptor)
                    let value = try encoder.encode(root)
                    return StructuredEncoding(value: value, buffers: encoder.buffers)
                }
            }
        }
    }
}

/// Encodes one graph; recursion is no deeper than the limit.
private struct StructuredEncoder {
    let graph: StructuredGraph
    let limits: FrameLimits
    /// The numbers of the objects whose encodings have begun.
    private var numbers: [StructuredGraph.Reference: Int64] = [:]
    private(set) var buffers: [Int] = []
    private let inline: (Int) -> [UInt8]?
    private let port: (Int) -> Int?
    private let descriptor: (Int) -> Int?
    private var depth = 0
    private var items = 0

    init(
        graph: StructuredGraph, limits: FrameLimits, inline: @escaping (Int) -> [UInt8]?,
        port: @escaping (Int) -> Int?, descriptor: @escaping (Int) -> Int?
    ) {
        self.graph = graph
        self.limits = limits
        self.inline = inline
        self.port = port
        self.descriptor = descriptor
    }

    private func form(_ form: StructuredForm, _ parts: Value...) -> Value { .array([.int(form.rawValue)] + parts) }

    mutating func encode(_ reference: StructuredGraph.Reference) throws(StructuredError) -> Value {
        switch graph[reference] {
        case .undefined: return form(.undefined)
        case .null: return .null
        case .bool(let value): return .bool(value)
        case .int(let value): return .int(value)
        case .double(let value): return .double(value)
        case .bigint(let value): return .bigint(value)
        case .string(let text): return .string(text)
        default: break
        }
        if let number = numbers[reference] { return form(.again, .int(number)) }
        numbers[reference] = Int64(numbers.count)
        depth += 1
        // A form is one level of the value, and its parts are the next.
        guard depth < limits.maxDepth else { throw .tooDeep(limit: limits.maxDepth - 1) }
        defer { depth -= 1 }
        return try encode(object: graph[reference])
    }

    private mutating func encode(object node: StructuredGraph.Node) throws(StructuredError) -> Value {
        switch node {
        case .date(let milliseconds): return form(.date, .double(milliseconds))
        case .regexp(let source, let flags): return form(.regexp, .string(source), .string(flags))
        case .boxed(let inner): return form(.boxed, try encode(inner))
        case .error(let error):
            var parts: [Value] = [
                .int(StructuredForm.error.rawValue), .string(error.name), .string(error.message),
                error.stack.map { .string($0) } ?? .null,
            ]
            if let cause = error.cause { parts.append(try encode(cause)) }
            return .array(parts)
        case .array(let elements):
            return try list(.array, elements)
        case .set(let elements): return try list(.set, elements)
        case .map(let pairs): return try list(.map, pairs.flatMap { [$0.key, $0.value] })
        case .object(let members):
            try count(members.count)
            var encoded = NamedValues<Value>(minimumCapacity: members.count)
            for (name, member) in members { encoded[name] = try encode(member) }
            return .object(encoded)
        case .inlineBuffer(let bytes): return form(.buffer, .bytes(bytes))
        case .buffer(let index, let count):
            if let bytes = inline(index) { return form(.buffer, .bytes(bytes)) }
            buffers.append(index)
            return form(.buffer, .int(Int64(buffers.count - 1)), .int(Int64(count)))
        case .view(let kind, let buffer, let offset, let length):
            return form(
                .view, .int(Int64(kind.rawValue)), try encode(buffer), .int(Int64(offset)),
                .int(Int64(length)))
        case .port(let index):
            guard let number = port(index) else { throw .notCarried("port") }
            return form(.port, .int(Int64(number)))
        case .descriptor(let index):
            guard let number = descriptor(index) else { throw .notCarried("descriptor") }
            return form(.descriptor, .int(Int64(number)))
        case .undefined, .null, .bool, .int, .double, .bigint, .string:
            // Encoded before.
            return .null
        }
    }

    private mutating func list(
        _ form: StructuredForm, _ elements: [StructuredGraph.Reference?]
    ) throws(StructuredError) -> Value {
        try count(elements.count)
        var parts: [Value] = []
        parts.reserveCapacity(elements.count + 1)
        parts.append(.int(form.rawValue))
        for element in elements {
            if let element {
                parts.append(try encode(element))
            } else {
                parts.append(self.form(.hole))
            }
        }
        return .array(parts)
    }

    private mutating func count(_ more: Int) throws(StructuredError) {
        items += more
        guard items <= limits.maxItems else { throw .tooMany(limit: limits.maxItems) }
    }
}
