// SPDX-License-Identifier: Apache-2.0

extension StructuredGraph {
    /// The value as a reader of JavaScript would write it: `{"list": #1[1, #1], "when": Date(0)}`. `#n` before an
    /// object that occurs again is its number, and `#n` alone is that object.
    package func description(of root: Reference) -> String {
        var writer = StructuredWriter(graph: self)
        writer.findRepeated(root)
        return writer.text(root)
    }
}

private struct StructuredWriter {
    let graph: StructuredGraph
    private var seen: Set<StructuredGraph.Reference> = []
    private var repeated: Set<StructuredGraph.Reference> = []
    private var numbers: [StructuredGraph.Reference: Int] = [:]

    init(graph: StructuredGraph) { self.graph = graph }

    private func parts(_ node: StructuredGraph.Node) -> [StructuredGraph.Reference] {
        switch node {
        case .boxed(let inner): [inner]
        case .error(let error): error.cause.map { [$0] } ?? []
        case .array(let elements): elements.compactMap { $0 }
        case .object(let members): Array(members.values)
        case .map(let pairs): pairs.flatMap { [$0.key, $0.value] }
        case .set(let elements): elements
        case .view(_, let buffer, _, _): [buffer]
        default: []
        }
    }

    mutating func findRepeated(_ root: StructuredGraph.Reference) {
        var waiting = [root]
        while let next = waiting.popLast() {
            if !seen.insert(next).inserted {
                repeated.insert(next)
                continue
            }
            waiting += parts(graph[next])
        }
    }

    mutating func text(_ reference: StructuredGraph.Reference) -> String {
        var prefix = ""
        if repeated.contains(reference) {
            if let number = numbers[reference] { return "#\(number)" }
            numbers[reference] = numbers.count
            prefix = "#\(numbers.count - 1)"
        }
        return prefix + body(graph[reference])
    }

    private mutating func body(_ node: StructuredGraph.Node) -> String {
        switch node {
        case .undefined: "undefined"
        case .null: "null"
        case .bool(let value): "\(value)"
        case .int(let value): "\(value)"
        case .double(let value): "\(value)"
        case .bigint(let value): "\(value.decimalText)n"
        case .string(let text): Value.string(text).json()
        case .date(let milliseconds): "Date(\(milliseconds))"
        case .regexp(let source, let flags): "/\(source)/\(flags)"
        case .error(let error):
            "\(error.name)(\(Value.string(error.message).json())\(error.stack.map { ", stack: \(Value.string($0).json())" } ?? ""))"
                + (error.cause.map { " cause \(text($0))" } ?? "")
        case .boxed(let inner): "Object(\(text(inner)))"
        case .array(let elements): "[" + list(elements) + "]"
        case .set(let elements): "Set {" + list(elements) + "}"
        case .map(let pairs): "Map {" + mapText(pairs) + "}"
        case .object(let members): "{" + objectText(members.map { ($0.key, $0.value) }) + "}"
        case .inlineBuffer(let bytes): "ArrayBuffer(" + bytes.map { hex($0) }.joined(separator: " ") + ")"
        case .buffer(let index, let count): "ArrayBuffer(buffer \(index), \(count) bytes)"
        case .view(let kind, let buffer, let offset, let length):
            "\(kind.className)(\(text(buffer)), \(offset), \(length))"
        case .port(let index): "MessagePort(\(index))"
        case .descriptor(let index): "Descriptor(\(index))"
        }
    }

    private func hex(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return text.utf8.count == 1 ? "0" + text : text
    }

    private mutating func list(_ elements: [StructuredGraph.Reference?]) -> String {
        var texts: [String] = []
        for element in elements { texts.append(element.map { text($0) } ?? "") }
        return texts.joined(separator: ", ")
    }

    private mutating func mapText(_ pairs: [StructuredGraph.Pair]) -> String {
        var texts: [String] = []
        for pair in pairs { texts.append("\(text(pair.key)) => \(text(pair.value))") }
        return texts.joined(separator: ", ")
    }

    private mutating func objectText(_ members: [(String, StructuredGraph.Reference)]) -> String {
        var texts: [String] = []
        for (name, member) in members { texts.append("\(Value.string(name).json()): \(text(member))") }
        return texts.joined(separator: ", ")
    }
}
