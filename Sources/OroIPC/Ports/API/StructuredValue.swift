// SPDX-License-Identifier: Apache-2.0

public import BigInt
import OroBase
public import OroFrame

/// What a message of a port or a broadcast says: any value JavaScript's structured clone knows, with bytes and ports in
/// it.
///
/// ```swift
/// try port.postMessage(["kind": "frame", "pixels": .bytes(bytes), "at": .date(milliseconds)])
///
/// for try await message in port.messages {
///     message.data["kind"]?.string          // "frame"
///     message.data["pixels"]?.bytes?.count  // where they lie, not copied
/// }
/// ```
///
/// It may hold shared references and cycles: those are made with a ``StructuredBuilder``. A part of a value is a value
/// of its own that shares everything with the whole.
public struct StructuredValue: Sendable {
    /// The things it consists of.
    public let graph: StructuredGraph
    /// Which of them it is.
    public let root: StructuredGraph.Reference
    /// The buffers its graph names by number.
    public var buffers: [Bytes] { held.array }
    let held: BytesList
    /// The ports its graph names by number.
    public let ports: [IPCMessagePort]
    /// The file descriptors its graph names by number.
    public let descriptors: [IPCFileDescriptor]

    init(
        graph: StructuredGraph, root: StructuredGraph.Reference, buffers: [Bytes] = [], ports: [IPCMessagePort] = [],
        descriptors: [IPCFileDescriptor] = []
    ) {
        self.init(graph: graph, root: root, held: BytesList(buffers), ports: ports, descriptors: descriptors)
    }

    init(
        graph: StructuredGraph, root: StructuredGraph.Reference, held: BytesList, ports: [IPCMessagePort] = [],
        descriptors: [IPCFileDescriptor] = []
    ) {
        self.graph = graph
        self.root = root
        self.held = held
        self.ports = ports
        self.descriptors = descriptors
    }

    private init(node: StructuredGraph.Node) {
        self.init(graph: StructuredGraph(single: node), root: .init(0), held: .none)
    }
}

// MARK: - Making values

extension StructuredValue {
    /// JavaScript's `undefined`.
    public static var undefined: StructuredValue { StructuredValue(node: .undefined) }
    /// `null`.
    public static var null: StructuredValue { StructuredValue(node: .null) }
    public static func bool(_ value: Bool) -> StructuredValue { StructuredValue(node: .bool(value)) }
    public static func int(_ value: Int64) -> StructuredValue { StructuredValue(node: .int(value)) }
    public static func double(_ value: Double) -> StructuredValue { StructuredValue(node: .double(value)) }
    public static func bigint(_ value: BigInt) -> StructuredValue { StructuredValue(node: .bigint(value)) }
    public static func string(_ text: String) -> StructuredValue { StructuredValue(node: .string(text)) }
    /// A date, in milliseconds since 1970.
    public static func date(_ milliseconds: Double) -> StructuredValue { StructuredValue(node: .date(milliseconds)) }
    public static func regexp(_ source: String, flags: String = "") -> StructuredValue {
        StructuredValue(node: .regexp(source: source, flags: flags))
    }

    /// An error object.
    public static func error(_ error: IPCError) -> StructuredValue {
        StructuredValue(node: .error(.init(name: error.name, message: error.message)))
    }

    /// Bytes: a `Uint8Array` over all of them in JavaScript. They are not copied: those of a ``Loan``, and sealed ones,
    /// reach the peer where they lie.
    public static func bytes(_ bytes: Bytes) -> StructuredValue {
        StructuredValue.view(.uint8, of: bytes)
    }

    /// An `ArrayBuffer`.
    public static func buffer(_ bytes: Bytes) -> StructuredValue {
        StructuredValue(
            graph: StructuredGraph(single: .buffer(0, count: bytes.count)), root: .init(0), held: .one(bytes))
    }

    /// A typed array, or `DataView`, of `length` elements from byte `offset` of `bytes` on; without `length` of all
    /// that follow. They must lie inside, and `offset` be a multiple of the element's length.
    public static func view(
        _ kind: StructuredGraph.ViewKind, of bytes: Bytes, offset: Int = 0, length: Int? = nil
    ) -> StructuredValue {
        let length = length ?? (bytes.count - offset) / kind.elementBytes
        precondition(
            offset >= 0 && length >= 0 && offset <= bytes.count
                && length <= (bytes.count - offset) / kind.elementBytes, "the view is not inside its bytes")
        precondition(kind == .dataView || offset % kind.elementBytes == 0, "the view is not aligned")
        return StructuredValue(
            graph: StructuredGraph(view: kind, of: bytes.count, offset: offset, length: length), root: .init(0),
            held: .one(bytes))
    }

    /// A port, which has to be in the transfer list as well.
    public static func port(_ port: IPCMessagePort) -> StructuredValue {
        var graph = StructuredGraph()
        let root = graph.add(.port(0))
        return StructuredValue(graph: graph, root: root, ports: [port])
    }

    /// A file descriptor. The other side gets one of its own, if it and the host take descriptors
    /// (``ClientOptions/allowsDescriptors``, ``PortOptions/allowsDescriptors``).
    public static func descriptor(_ descriptor: IPCFileDescriptor) -> StructuredValue {
        var graph = StructuredGraph()
        let root = graph.add(.descriptor(0))
        return StructuredValue(graph: graph, root: root, descriptors: [descriptor])
    }

    public static func array(_ elements: [StructuredValue]) -> StructuredValue {
        var builder = StructuredBuilder()
        let elements = elements.map { builder.add($0) }
        let root = builder.add(node: .array(elements))
        return builder.finish(root)
    }

    /// Of two members with one name the last one counts, in the place of the first.
    public static func object(_ members: [(String, StructuredValue)]) -> StructuredValue {
        var builder = StructuredBuilder()
        var object = NamedValues<StructuredGraph.Reference>()
        for (name, member) in members { object[name] = builder.add(member) }
        let root = builder.add(node: .object(object))
        return builder.finish(root)
    }

    public static func map(_ pairs: [(StructuredValue, StructuredValue)]) -> StructuredValue {
        var builder = StructuredBuilder()
        let pairs = pairs.map { StructuredGraph.Pair(key: builder.add($0.0), value: builder.add($0.1)) }
        let root = builder.add(node: .map(pairs))
        return builder.finish(root)
    }

    public static func set(_ elements: [StructuredValue]) -> StructuredValue {
        var builder = StructuredBuilder()
        let elements = elements.map { builder.add($0) }
        let root = builder.add(node: .set(elements))
        return builder.finish(root)
    }

    /// The same as a value of messages and results says; its bytes become `Uint8Array`s. O(n).
    public init(_ value: OroFrame.Value) {
        var builder = StructuredBuilder()
        let root = builder.add(value: value)
        self = builder.finish(root)
    }
}

extension StructuredValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByStringInterpolation,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(nilLiteral: ()) { self = .null }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .int(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: StructuredValue...) { self = .array(elements) }
    public init(dictionaryLiteral members: (String, StructuredValue)...) { self = .object(members) }
}

// MARK: - Looking at values

extension StructuredValue {
    /// What it is.
    public var node: StructuredGraph.Node { graph[root] }

    /// A part of it; `reference` is one of its graph's.
    package func part(_ reference: StructuredGraph.Reference) -> StructuredValue {
        StructuredValue(graph: graph, root: reference, held: held, ports: ports, descriptors: descriptors)
    }

    public var isUndefined: Bool { if case .undefined = node { true } else { false } }
    public var isNull: Bool { if case .null = node { true } else { false } }
    public var bool: Bool? { if case .bool(let value) = node { value } else { nil } }
    /// The integer; also a double or big integer that is one.
    public var int: Int64? {
        switch node {
        case .int(let value): value
        case .double(let value): Int64(exactly: value)
        case .bigint(let value): Int64(exactly: value)
        default: nil
        }
    }
    public var double: Double? {
        switch node {
        case .double(let value): value
        case .int(let value): Double(exactly: value)
        default: nil
        }
    }
    public var bigint: BigInt? { if case .bigint(let value) = node { value } else { nil } }
    public var string: String? { if case .string(let text) = node { text } else { nil } }
    /// A date's milliseconds since 1970.
    public var date: Double? { if case .date(let milliseconds) = node { milliseconds } else { nil } }
    /// The bytes of a buffer, or those that a view shows, where they lie.
    public var bytes: Bytes? {
        switch node {
        case .inlineBuffer(let bytes): return Bytes(bytes)
        case .buffer(let index, _): return held[index]
        case .view(let kind, let buffer, let offset, let length):
            return part(buffer).bytes?.extracting(offset..<offset + length * kind.elementBytes)
        default: return nil
        }
    }
    /// The port, if this is one.
    public var port: IPCMessagePort? { if case .port(let index) = node { ports[index] } else { nil } }
    /// The file descriptor, if this is one.
    public var descriptor: IPCFileDescriptor? {
        if case .descriptor(let index) = node, descriptors.indices.contains(index) { descriptors[index] } else { nil }
    }
    /// Elements of an array (`undefined` for a hole) or a set, in order.
    public var elements: [StructuredValue]? {
        switch node {
        case .array(let elements): elements.map { $0.map(part) ?? .undefined }
        case .set(let elements): elements.map(part)
        default: nil
        }
    }
    /// Members of an object, in order.
    public var members: [(name: String, value: StructuredValue)]? {
        guard case .object(let members) = node else { return nil }
        return members.map { (name: $0.key, value: part($0.value)) }
    }
    /// Entries of a map, in order.
    public var entries: [(key: StructuredValue, value: StructuredValue)]? {
        guard case .map(let pairs) = node else { return nil }
        return pairs.map { (key: part($0.key), value: part($0.value)) }
    }

    /// The member of this name, if this is an object that has it.
    public subscript(name: String) -> StructuredValue? {
        guard case .object(let members) = node, let member = members[name] else { return nil }
        return part(member)
    }

    /// The element at this position, if this is an array that has it (`undefined` for a hole). Never traps.
    public subscript(index: Int) -> StructuredValue? {
        guard case .array(let elements) = node, elements.indices.contains(index) else { return nil }
        return elements[index].map(part) ?? .undefined
    }

    /// The two, which are parts of one value, are one object: shared, or met again in a cycle.
    public func isSame(as other: StructuredValue) -> Bool { root == other.root }
}

extension StructuredValue: CustomStringConvertible {
    /// As a reader of JavaScript would write it, for logs: see `docs/structured-values.md`.
    public var description: String { graph.description(of: root) }
}

/// Makes values with shared references and cycles.
///
/// ```swift
/// var builder = StructuredBuilder()
/// let list = builder.add(node: .array([]))
/// builder[list] = .array([builder.add(1), list])    // #0[1, #0]
/// let value = builder.finish(list)
/// ```
public struct StructuredBuilder: Sendable {
    private var graph = StructuredGraph()
    private var buffers: [Bytes] = []
    private var ports: [IPCMessagePort] = []
    private var descriptors: [IPCFileDescriptor] = []

    public init() {}

    /// How many nodes there are.
    package var count: Int { graph.count }

    /// All of a value, whose parts keep their names.
    init(_ value: StructuredValue) {
        graph = value.graph
        buffers = value.buffers
        ports = value.ports
        descriptors = value.descriptors
    }

    /// A further node; what it refers to must be of this builder.
    public mutating func add(node: StructuredGraph.Node) -> StructuredGraph.Reference { graph.add(node) }

    /// All of another value. O(n).
    public mutating func add(_ value: StructuredValue) -> StructuredGraph.Reference {
        let moved = graph.merge(value.graph, buffers: buffers.count, ports: ports.count, descriptors: descriptors.count)
        buffers += value.buffers
        ports += value.ports
        descriptors += value.descriptors
        return moved(value.root)
    }

    /// The same as a value of messages says. O(n).
    public mutating func add(value: Value) -> StructuredGraph.Reference {
        switch value {
        case .null: return graph.add(.null)
        case .bool(let value): return graph.add(.bool(value))
        case .int(let value): return graph.add(.int(value))
        case .double(let value): return graph.add(.double(value))
        case .bigint(let value): return graph.add(.bigint(value))
        case .string(let text): return graph.add(.string(text))
        case .bytes(let bytes): return add(.bytes(Bytes(bytes)))
        case .array(let elements):
            let elements = elements.map { add(value: $0) }
            return graph.add(.array(elements))
        case .object(let members):
            let members = members.mapValues { add(value: $0) }
            return graph.add(.object(members))
        }
    }

    /// What a node says, to be read or said again.
    public subscript(reference: StructuredGraph.Reference) -> StructuredGraph.Node {
        get { graph[reference] }
        set { graph[reference] = newValue }
    }

    /// A buffer for views to look at.
    public mutating func add(buffer bytes: Bytes) -> StructuredGraph.Reference { graph.add(node(buffer: bytes)) }

    /// What a node says that is this buffer; it is not added by that.
    package mutating func node(buffer bytes: Bytes) -> StructuredGraph.Node {
        buffers.append(bytes)
        return .buffer(buffers.count - 1, count: bytes.count)
    }

    /// What a node says that is this port, and which of the ports that is.
    package mutating func node(port: IPCMessagePort) -> (StructuredGraph.Node, index: Int) {
        ports.append(port)
        return (.port(ports.count - 1), ports.count - 1)
    }

    /// The value that `root` is. (It changes nothing; but were it not `mutating`, `finish(builder.add(…))` would
    /// compile, and leave out what was added.)
    public mutating func finish(_ root: StructuredGraph.Reference) -> StructuredValue {
        StructuredValue(graph: graph, root: root, buffers: buffers, ports: ports, descriptors: descriptors)
    }
}
