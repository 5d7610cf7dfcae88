// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroFrame
import OroIPC

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

// Nodes of structured values: how C adds them, and how it reads them. `oroipc_node` has a member for everything that a
// node of some kind has.

// MARK: Adding

extension StructuredHandle {
    /// Adds a node, or puts it in the place of another.
    fileprivate func put(_ given: oroipc_node, at number: Int?) throws(Failure) -> Int {
        try build { builder throws(Failure) in
            if let number, number >= builder.count { throw .invalid("there is no node \(number)") }
            let node: StructuredGraph.Node
            switch unsafe Int(given.kind) {
            case OROIPC_NODE_BUFFER:
                guard let bytes = unsafe BytesHandle.at(given.bytes) else { throw .null("bytes") }
                node = builder.node(buffer: bytes.bytes)
            case OROIPC_NODE_PORT:
                guard let handle = unsafe PortHandle.at(given.port) else { throw .null("port") }
                let (said, index) = builder.node(port: try handle.transferable)
                keep(handle, at: index)
                node = said
            default: node = try unsafe NodeInput(given, builder).node()
            }
            guard let number else { return builder.add(node: node).index }
            builder[StructuredGraph.Reference(number)] = node
            return number
        }
    }
}

/// A node as C describes it, while it is read: neither a buffer nor a port. C says what its pointers lead to.
@safe private struct NodeInput {
    private let given: oroipc_node
    private let builder: StructuredBuilder
    /// How many parts it has.
    private let count: Int

    init(_ given: oroipc_node, _ builder: StructuredBuilder) throws(Failure) {
        unsafe self.given = given
        self.builder = builder
        count = unsafe given.count
        if unsafe count > 0 && given.parts == nil { throw .null("parts") }
        guard (0...mostNodes).contains(count) else {
            throw Failure(OROIPC_TOO_LARGE, "\(count) parts are too many")
        }
    }

    func node() throws(Failure) -> StructuredGraph.Node {
        switch unsafe Int(given.kind) {
        case OROIPC_NODE_UNDEFINED: .undefined
        case OROIPC_NODE_NULL: .null
        case OROIPC_NODE_BOOLEAN: unsafe .bool(given.integer != 0)
        case OROIPC_NODE_INTEGER: unsafe .int(given.integer)
        case OROIPC_NODE_NUMBER: unsafe .double(given.number)
        case OROIPC_NODE_DATE: unsafe .date(given.number)
        case OROIPC_NODE_BIGINT: try bigInt()
        case OROIPC_NODE_TEXT: .string(try text())
        case OROIPC_NODE_REGEXP: .regexp(source: try text(), flags: try more())
        case OROIPC_NODE_ERROR: try error()
        case OROIPC_NODE_BOXED: .boxed(try onlyPart(of: "an object of a primitive"))
        case OROIPC_NODE_ARRAY: try array()
        case OROIPC_NODE_SET: .set(try references())
        case OROIPC_NODE_MAP: try map()
        case OROIPC_NODE_OBJECT: try object()
        case OROIPC_NODE_VIEW: try view()
        default: throw unsafe .invalid("\(given.kind) is no kind of node")
        }
    }

    // MARK: Kinds

    private func bigInt() throws(Failure) -> StructuredGraph.Node {
        let digits = try text()
        guard let node = StructuredGraph.Node.decimal(digits) else {
            throw .invalid("'\(digits.prefix(64))' is no integer")
        }
        return node
    }

    private func error() throws(Failure) -> StructuredGraph.Node {
        let stack = unsafe given.stack == nil ? nil : try unsafe NodeInput.text(given.stack, given.stack_size)
        let cause = count == 0 ? nil : try onlyPart(of: "an error")
        return .error(.init(name: try text(), message: try more(), stack: stack, cause: cause))
    }

    private func array() throws(Failure) -> StructuredGraph.Node {
        var elements: [StructuredGraph.Reference?] = []
        for index in 0..<count {
            elements.append(unsafe given.parts[index] == OROIPC_HOLE ? nil : try reference(index))
        }
        return .array(elements)
    }

    private func map() throws(Failure) -> StructuredGraph.Node {
        guard count % 2 == 0 else { throw .invalid("a map's last key has no value") }
        let parts = try references()
        return .map(stride(from: 0, to: count, by: 2).map { .init(key: parts[$0], value: parts[$0 + 1]) })
    }

    private func object() throws(Failure) -> StructuredGraph.Node {
        if unsafe count > 0 && given.names == nil { throw .null("names") }
        var members = NamedValues<StructuredGraph.Reference>()
        for index in 0..<count {
            guard let name = unsafe given.names[index] else { throw .null("a name") }
            let size = unsafe given.name_sizes == nil ? 0 : given.name_sizes[index]
            members[try unsafe NodeInput.text(name, size)] = try reference(index)
        }
        return .object(members)
    }

    private func view() throws(Failure) -> StructuredGraph.Node {
        let buffer = try onlyPart(of: "a view")
        guard let kind = unsafe StructuredGraph.ViewKind(rawValue: Int(given.view)) else {
            throw unsafe .invalid("\(given.view) is no kind of view")
        }
        let (offset, length) = unsafe (given.offset, given.length)
        let bytes: Int
        switch builder[buffer] {
        case .buffer(_, let count): bytes = count
        case .inlineBuffer(let inline): bytes = inline.count
        default: throw .invalid("a view of something that is no buffer")
        }
        guard offset >= 0, length >= 0, offset <= bytes, length <= (bytes - offset) / kind.elementBytes else {
            throw .invalid("the view is not inside its buffer")
        }
        guard kind == .dataView || offset % kind.elementBytes == 0 else {
            throw .invalid("the view is not aligned")
        }
        return .view(kind, buffer: buffer, offset: offset, length: length)
    }

    // MARK: Parts and texts

    private func reference(_ index: Int) throws(Failure) -> StructuredGraph.Reference {
        let part = unsafe Int(given.parts[index])
        guard part < builder.count else { throw .invalid("there is no node \(part)") }
        return StructuredGraph.Reference(part)
    }

    private func onlyPart(of what: String) throws(Failure) -> StructuredGraph.Reference {
        guard count == 1 else { throw .invalid("\(what) has one part, not \(count)") }
        return try reference(0)
    }

    private func references() throws(Failure) -> [StructuredGraph.Reference] {
        var all: [StructuredGraph.Reference] = []
        for index in 0..<count { all.append(try reference(index)) }
        return all
    }

    private func text() throws(Failure) -> String { try unsafe NodeInput.text(given.text, given.text_size) }
    private func more() throws(Failure) -> String { try unsafe NodeInput.text(given.more, given.more_size) }

    /// A text of `size` bytes, or with 0 up to its zero byte; empty for NULL.
    private static func text(_ base: UnsafePointer<CChar>?, _ size: Int) throws(Failure) -> String {
        guard let base = unsafe base else { return "" }
        // C says that it ends with a zero byte, or has so many.
        let count = unsafe size == 0 ? strlen(base) : size
        guard (0...mostBytes).contains(count) else { throw Failure(OROIPC_TOO_LARGE, "a text is too long") }
        return try unsafe OroABI.text(base, count, "text")
    }
}

/// More than any message has room for.
private let mostNodes = 1 << 20

@c @implementation
public func oroipc_structured_add(
    _ structured: OpaquePointer?, _ node: UnsafePointer<oroipc_node>?, _ out: UnsafeMutablePointer<UInt32>?
) -> oroipc_status {
    // C says that it points to a number, or is NULL.
    if let out = unsafe out { unsafe out.pointee = .max }
    return status { () throws(Failure) in
        let handle = try unsafe StructuredHandle.required(structured)
        guard let node = unsafe node else { throw .null("node") }
        let added = try unsafe handle.put(whole(node, "node", oroipc_node()), at: nil)
        if let out = unsafe out { unsafe out.pointee = UInt32(added) }
    }
}

@c @implementation
public func oroipc_structured_set(
    _ structured: OpaquePointer?, _ number: UInt32, _ node: UnsafePointer<oroipc_node>?
) -> oroipc_status {
    status { () throws(Failure) in
        let handle = try unsafe StructuredHandle.required(structured)
        guard let node = unsafe node else { throw .null("node") }
        _ = try unsafe handle.put(whole(node, "node", oroipc_node()), at: Int(number))
    }
}

@c @implementation
public func oroipc_structured_add_value(
    _ structured: OpaquePointer?, _ value: UnsafePointer<oroipc_value>?, _ out: UnsafeMutablePointer<UInt32>?
) -> oroipc_status {
    // C says that it points to a number, or is NULL.
    if let out = unsafe out { unsafe out.pointee = .max }
    return status { () throws(Failure) in
        let handle = try unsafe StructuredHandle.required(structured)
        let value = try unsafe GivenValue(value).tree()
        let added = try handle.build { builder throws(Failure) in
            value.map { builder.add(value: $0) } ?? builder.add(node: .undefined)
        }
        if let out = unsafe out { unsafe out.pointee = UInt32(added.index) }
    }
}

// MARK: Reading

@c @implementation
public func oroipc_structured_node(
    _ structured: OpaquePointer?, _ number: UInt32, _ out: UnsafeMutablePointer<oroipc_node>?
) -> oroipc_status {
    unsafe give(out, "out") { () throws(Failure) in
        let handle = try unsafe StructuredHandle.required(structured)
        let value = try handle.value()
        guard number < value.graph.count else { throw Failure(OROIPC_NOT_FOUND, "there is no node \(number)") }
        return try unsafe NodeForC(handle, value, Int(number)).shown()
    }
}

/// One node, as C is shown it. What it points to is kept by the handle.
@safe private struct NodeForC {
    private let handle: StructuredHandle
    private let value: StructuredValue
    private let number: Int
    private var shownNode = unsafe oroipc_node()

    init(_ handle: StructuredHandle, _ value: StructuredValue, _ number: Int) {
        self.handle = handle
        self.value = value
        self.number = number
    }

    private func kept(_ part: Texts.NodePart, _ make: () -> Texts.Kept?) throws(Failure) -> Texts.Kept {
        guard let kept = handle.texts.keep(.node(number, part), make) else { throw Failure(OROIPC_SYSTEM, "no memory") }
        return kept
    }

    private mutating func set(text: String) throws(Failure) {
        let kept = try kept(.text) { Texts.Kept(text) }
        unsafe (shownNode.text, shownNode.text_size) = unsafe (kept.text, kept.count)
    }

    private mutating func set(more: String) throws(Failure) {
        let kept = try kept(.more) { Texts.Kept(more) }
        unsafe (shownNode.more, shownNode.more_size) = unsafe (kept.text, kept.count)
    }

    private mutating func set(parts: [StructuredGraph.Reference?]) throws(Failure) {
        let numbers = parts.map { $0.map { UInt32($0.index) } ?? UInt32(OROIPC_HOLE) }
        let kept = try kept(.parts) { unsafe numbers.withUnsafeBytes { unsafe Texts.Kept($0) } }
        // Memory of `malloc` is aligned for everything, and holds these numbers.
        unsafe shownNode.parts = UnsafePointer(kept.base.assumingMemoryBound(to: UInt32.self))
        unsafe shownNode.count = numbers.count
    }

    private mutating func set(names: [String]) throws(Failure) {
        var pointers: [UnsafePointer<CChar>?] = unsafe []
        var sizes: [Int] = []
        for (index, name) in names.enumerated() {
            let kept = try kept(.name(index)) { Texts.Kept(name) }
            unsafe pointers.append(kept.text)
            sizes.append(kept.count)
        }
        let keptNames = try kept(.names) { unsafe pointers.withUnsafeBytes { unsafe Texts.Kept($0) } }
        let keptSizes = try kept(.sizes) { unsafe sizes.withUnsafeBytes { unsafe Texts.Kept($0) } }
        // As above.
        unsafe shownNode.names = UnsafePointer(keptNames.base.assumingMemoryBound(to: UnsafePointer<CChar>?.self))
        unsafe shownNode.name_sizes = UnsafePointer(keptSizes.base.assumingMemoryBound(to: Int.self))
    }

    private mutating func set(kind: Int) { unsafe shownNode.kind = Int32(kind) }

    consuming func shown() throws(Failure) -> oroipc_node {
        var shown = self
        try shown.fill()
        return unsafe shown.shownNode
    }

    private mutating func fill() throws(Failure) {
        switch value.graph[StructuredGraph.Reference(number)] {
        case .undefined: set(kind: OROIPC_NODE_UNDEFINED)
        case .null: set(kind: OROIPC_NODE_NULL)
        case .bool(let bool):
            set(kind: OROIPC_NODE_BOOLEAN)
            unsafe shownNode.integer = bool ? 1 : 0
        case .int(let int):
            set(kind: OROIPC_NODE_INTEGER)
            unsafe shownNode.integer = int
        case .double(let double):
            set(kind: OROIPC_NODE_NUMBER)
            unsafe shownNode.number = double
        case .date(let milliseconds):
            set(kind: OROIPC_NODE_DATE)
            unsafe shownNode.number = milliseconds
        case .bigint(let bigint):
            set(kind: OROIPC_NODE_BIGINT)
            try set(text: "\(bigint)")
        case .string(let text):
            set(kind: OROIPC_NODE_TEXT)
            try set(text: text)
        case .regexp(let source, let flags):
            set(kind: OROIPC_NODE_REGEXP)
            try set(text: source)
            try set(more: flags)
        case .error(let error):
            set(kind: OROIPC_NODE_ERROR)
            try set(text: error.name)
            try set(more: error.message)
            if let stack = error.stack {
                let kept = try kept(.stack) { Texts.Kept(stack) }
                unsafe (shownNode.stack, shownNode.stack_size) = unsafe (kept.text, kept.count)
            }
            try set(parts: error.cause.map { [$0] } ?? [])
        case .boxed(let primitive):
            set(kind: OROIPC_NODE_BOXED)
            try set(parts: [primitive])
        case .array(let elements):
            set(kind: OROIPC_NODE_ARRAY)
            try set(parts: elements)
        case .set(let elements):
            set(kind: OROIPC_NODE_SET)
            try set(parts: elements)
        case .map(let pairs):
            set(kind: OROIPC_NODE_MAP)
            try set(parts: pairs.flatMap { [$0.key, $0.value] })
        case .object(let members):
            set(kind: OROIPC_NODE_OBJECT)
            try set(parts: Array(members.values))
            try set(names: Array(members.keys))
        case .inlineBuffer(let bytes):
            set(kind: OROIPC_NODE_BUFFER)
            unsafe shownNode.bytes = handle.bytes(number, Bytes(bytes)).lent
        case .buffer(let index, _):
            set(kind: OROIPC_NODE_BUFFER)
            unsafe shownNode.bytes = handle.bytes(number, value.buffers[index]).lent
        case .view(let kind, let buffer, let offset, let length):
            set(kind: OROIPC_NODE_VIEW)
            unsafe (shownNode.view, shownNode.offset, shownNode.length) = (Int32(kind.rawValue), offset, length)
            try set(parts: [buffer])
        case .port(let index):
            set(kind: OROIPC_NODE_PORT)
            unsafe shownNode.port = try handle.port(index, of: value.ports).lent
        case .descriptor: set(kind: OROIPC_NODE_DESCRIPTOR)
        }
    }
}
