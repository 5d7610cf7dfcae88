// SPDX-License-Identifier: Apache-2.0

public import BigInt

/// What a structured value is made of: everything JavaScript's structured clone knows, shared references and cycles
/// included.
///
/// The things a value consists of are *nodes*, which refer to each other by number. So a graph is a plain value: it is
/// copied, sent to other threads and thrown away as one, whatever cycles are in it. What lies outside of it, buffers,
/// ports and file descriptors, it names by number too; whoever carries the graph carries those.
///
/// The encoding is drawn in `docs/structured-values.md`.
public struct StructuredGraph: Sendable {
    /// A node of a graph. Means nothing in another graph.
    public struct Reference: Hashable, Sendable {
        package let index: Int
        package init(_ index: Int) { self.index = index }
    }

    /// One thing.
    public enum Node: Sendable {
        case undefined
        case null
        case bool(Bool)
        case int(Int64)
        case double(Double)
        case bigint(BigInt)
        case string(String)
        /// Milliseconds since 1970; NaN is an invalid date.
        case date(Double)
        case regexp(source: String, flags: String)
        case error(ErrorNode)
        /// A primitive in an object: `new Number(5)`.
        case boxed(Reference)
        /// `nil` is a hole.
        case array([Reference?])
        case object(NamedValues<Reference>)
        case map([Pair])
        case set([Reference])
        /// An array buffer whose bytes stand in the value itself.
        case inlineBuffer([UInt8])
        /// An array buffer that is carried beside the value.
        case buffer(Int, count: Int)
        /// A typed array or `DataView`: `length` elements of a buffer from byte `offset` on.
        case view(ViewKind, buffer: Reference, offset: Int, length: Int)
        /// A message port that is carried beside the value.
        case port(Int)
        /// A file descriptor that is carried beside the value.
        case descriptor(Int)
    }

    /// An entry of a map.
    public struct Pair: Hashable, Sendable {
        public var key: Reference
        public var value: Reference

        public init(key: Reference, value: Reference) {
            self.key = key
            self.value = value
        }
    }

    /// An error object.
    public struct ErrorNode: Hashable, Sendable {
        public var name: String
        public var message: String
        public var stack: String?
        public var cause: Reference?

        public init(name: String = "Error", message: String, stack: String? = nil, cause: Reference? = nil) {
            self.name = name
            self.message = message
            self.stack = stack
            self.cause = cause
        }
    }

    /// How a view reads its buffer. The number is the one on the wire.
    public enum ViewKind: Int, Sendable, Hashable, CaseIterable {
        case int8 = 0
        case uint8, uint8Clamped, int16, uint16, int32, uint32, float32, float64, bigInt64, bigUint64, dataView
        case float16
        /// Node's `Buffer`, which is a `Uint8Array`.
        case nodeBuffer

        /// Bytes of an element.
        public var elementBytes: Int {
            switch self {
            case .int8, .uint8, .uint8Clamped, .dataView, .nodeBuffer: 1
            case .int16, .uint16, .float16: 2
            case .int32, .uint32, .float32: 4
            case .float64, .bigInt64, .bigUint64: 8
            }
        }

        /// The name of the JavaScript class.
        public var className: String {
            switch self {
            case .int8: "Int8Array"
            case .uint8: "Uint8Array"
            case .uint8Clamped: "Uint8ClampedArray"
            case .int16: "Int16Array"
            case .uint16: "Uint16Array"
            case .int32: "Int32Array"
            case .uint32: "Uint32Array"
            case .float32: "Float32Array"
            case .float64: "Float64Array"
            case .bigInt64: "BigInt64Array"
            case .bigUint64: "BigUint64Array"
            case .dataView: "DataView"
            case .float16: "Float16Array"
            case .nodeBuffer: "Buffer"
            }
        }
    }

    /// Graphs of one small thing stand in place, without memory of their own.
    private enum Storage: Sendable {
        case nodes([Node])
        /// Node 0, and no other.
        case single(Node)
        /// Node 0 is a view of node 1, which is buffer 0.
        case view(ViewKind, bytes: Int, offset: Int, length: Int)
    }
    private var storage = Storage.nodes([])

    public init() {}

    /// Just this node, which refers to no other.
    package init(single node: Node) { storage = .single(node) }

    /// A view of buffer 0, which has `bytes` bytes; its root is node 0.
    package init(view kind: ViewKind, of bytes: Int, offset: Int, length: Int) {
        storage = .view(kind, bytes: bytes, offset: offset, length: length)
    }

    /// How many nodes there are.
    public var count: Int {
        switch storage {
        case .nodes(let nodes): nodes.count
        case .single: 1
        case .view: 2
        }
    }

    /// The node. `reference` must be one of this graph's.
    public subscript(reference: Reference) -> Node {
        get {
            switch storage {
            case .nodes(let nodes): return nodes[reference.index]
            case .single(let node):
                precondition(reference.index == 0, "a reference of another graph")
                return node
            case .view(let kind, let bytes, let offset, let length):
                precondition(0...1 ~= reference.index, "a reference of another graph")
                return reference.index == 1
                    ? .buffer(0, count: bytes) : .view(kind, buffer: Reference(1), offset: offset, length: length)
            }
        }
        set { withNodes { $0[reference.index] = newValue } }
    }

    /// A further node; what it refers to must be there, or come later through the subscript.
    public mutating func add(_ node: Node) -> Reference {
        withNodes { nodes in
            nodes.append(node)
            return Reference(nodes.count - 1)
        }
    }

    private mutating func withNodes<R>(_ body: (inout [Node]) -> R) -> R {
        var nodes: [Node]
        if case .nodes(let known) = storage {
            nodes = known
        } else {
            nodes = (0..<count).map { self[Reference($0)] }
        }
        // So that the array is nobody else's while it changes.
        storage = .nodes([])
        defer { storage = .nodes(nodes) }
        return body(&nodes)
    }

    /// Takes over all nodes of another graph, and answers how its references and carried things are called here. O(n).
    package mutating func merge(
        _ other: StructuredGraph, buffers: Int, ports: Int, descriptors: Int
    ) -> (Reference) -> Reference {
        let base = count
        func moved(_ reference: Reference) -> Reference { Reference(reference.index + base) }
        for index in 0..<other.count {
            let node = other[Reference(index)]
            let movedNode: Node =
                switch node {
                case .boxed(let inner): .boxed(moved(inner))
                case .error(let error):
                    .error(
                        ErrorNode(
                            name: error.name, message: error.message, stack: error.stack,
                            cause: error.cause.map(moved)))
                case .array(let elements): .array(elements.map { $0.map(moved) })
                case .object(let members): .object(members.mapValues(moved))
                case .map(let pairs): .map(pairs.map { Pair(key: moved($0.key), value: moved($0.value)) })
                case .set(let elements): .set(elements.map(moved))
                case .buffer(let index, let count): .buffer(index + buffers, count: count)
                case .view(let kind, let buffer, let offset, let length):
                    .view(kind, buffer: moved(buffer), offset: offset, length: length)
                case .port(let index): .port(index + ports)
                case .descriptor(let index): .descriptor(index + descriptors)
                default: node
                }
            _ = add(movedNode)
        }
        return moved
    }
}

extension StructuredGraph.Node {
    /// A big integer of its decimal digits; `nil` when they are none.
    package static func decimal(_ text: String) -> StructuredGraph.Node? {
        BigInt(decimal: text).map { .bigint($0) }
    }
}

/// Why something is no structured value, or cannot be encoded as one.
public enum StructuredError: Error, Hashable, Sendable {
    /// An array of the encoding begins with a number that names no form.
    case unknownForm(Int64)
    /// What a form consists of is not what it must be; the text says which and why.
    case malformed(String)
    /// It has more levels, or more things in it, than a frame may have.
    case tooDeep(limit: Int)
    case tooMany(limit: Int)
    /// A port or descriptor stands in the value, and is not in the transfer list.
    case notCarried(String)
    /// It names file descriptors, and none came along.
    case withoutDescriptors
}

extension StructuredError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unknownForm(let form): "no structured value begins with \(form)"
        case .malformed(let what): "malformed structured value: \(what)"
        case .tooDeep(let limit): "a structured value has more than \(limit) levels"
        case .tooMany(let limit): "a structured value has more than \(limit) elements and members"
        case .notCarried(let what): "a \(what) in the value is not in the transfer list"
        case .withoutDescriptors: "its file descriptors did not come along: whoever gets them has to allow that"
        }
    }
}
