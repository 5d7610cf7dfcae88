// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC

// Values of every kind, made at random: with shared things, cycles, views of shared buffers, false values, holes. Left
// out: that a transferred buffer is gone at its sender. Swift hands no buffer over: bytes are constant, and both sides
// share or copy them.

extension Behaviour {
    static let structured: [Behaviour] = PortPair.Way.allCases.map { way in
        Behaviour("any structured value comes as it was posted, \(way.rawValue)", clients: 2) { subject in
            let (pair, clients) = try await PortPair.make(way, subject)
            let seed = UInt64.random(in: 0 ... .max)
            var random = RandomStructure(seed: seed)
            for number in 0..<200 {
                let value = random.value()
                try await pair.one.post(value)
                guard let event = await pair.other.next() else { throw Unexpected("closed at \(number), seed \(seed)") }
                var comparison = Comparison()
                try expect(
                    event.type == "message" && comparison.isSame(value, event.data),
                    "seed \(seed), \(number): \(event.type) \(value) became \(event.data)")
            }
            _ = clients
        }
    }
}

/// Makes values from one number.
private struct RandomStructure: RandomNumberGenerator {
    private var state: UInt64
    private var builder = StructuredBuilder()
    /// Things that may be met again.
    private var made: [StructuredGraph.Reference] = []
    private var buffers: [(StructuredGraph.Reference, Int)] = []

    init(seed: UInt64) { state = seed }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    private mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }

    mutating func value() -> StructuredValue {
        builder = StructuredBuilder()
        (made, buffers) = ([], [])
        let root = thing(5)
        return builder.finish(root)
    }

    private mutating func text() -> String {
        ["", "a", "__proto__", "\u{1F600} €", "\0", String(repeating: "long ", count: below(400))][below(6)]
    }

    private mutating func thing(_ depth: Int) -> StructuredGraph.Reference {
        if !made.isEmpty, below(8) == 0 { return made[below(made.count)] }
        switch below(depth == 0 ? 9 : 15) {
        case 0: return builder.add(node: [.undefined, .null, .bool(false), .bool(true), .string(text())][below(5)])
        case 1: return builder.add(node: .int([0, 1, -1, 127, 128, -33, 1 << 40, .max, .min][below(9)]))
        case 2:
            return builder.add(
                node: .double(
                    [
                        -0.0, 0.5, .nan, .infinity, -.infinity, Double.leastNonzeroMagnitude, 1e300,
                        Double(below(1000)) / 7,
                    ][below(8)]))
        case 3:
            let shift = below(2000)
            return builder.add(node: .bigint(below(2) == 0 ? -(1 << shift) : 1 << shift))
        case 4: return keep(.date([0, -1, .nan, 8.64e15, Double(below(1 << 40))][below(5)]))
        case 5: return keep(.regexp(source: text(), flags: ["", "g", "giu"][below(3)]))
        case 6:
            let inner = builder.add(node: [.int(5), .bool(false), .string(text()), .bigint(7)][below(4)])
            return keep(.boxed(inner))
        case 7, 8: return view()
        case 9:
            let cause = below(2) == 0 ? nil : thing(depth - 1)
            return keep(
                .error(.init(name: "RangeError", message: text(), stack: below(2) == 0 ? nil : text(), cause: cause)))
        case 10:
            // Last, so that what is in it may refer to it.
            let map = keep(.map([]))
            builder[map] = .map((0..<below(4)).map { _ in .init(key: thing(depth - 1), value: thing(depth - 1)) })
            return map
        case 11:
            let set = keep(.set([]))
            builder[set] = .set((0..<below(4)).map { _ in thing(depth - 1) })
            return set
        case 12:
            let object = keep(.object([:]))
            var members: [(String, StructuredGraph.Reference)] = []
            for index in 0..<below(5) { members.append((index == 0 ? text() : "m\(index)", thing(depth - 1))) }
            builder[object] = .object(.init(members))
            return object
        default:
            let array = keep(.array([]))
            builder[array] = .array((0..<below(6)).map { _ in below(6) == 0 ? nil : thing(depth - 1) })
            return array
        }
    }

    private mutating func keep(_ node: StructuredGraph.Node) -> StructuredGraph.Reference {
        made.append(builder.add(node: node))
        return made[made.count - 1]
    }

    /// A buffer, or a view of one: of a new one, or of one that others look at.
    private mutating func view() -> StructuredGraph.Reference {
        if buffers.isEmpty || below(2) == 0 {
            let count = [0, 1, 8, 64, 1024, 1025, 9000, 40_000][below(8)]
            let buffer = builder.add(buffer: Bytes(pattern(count, seed: next() % 1000)))
            buffers.append((buffer, count))
            made.append(buffer)
        }
        let (buffer, count) = buffers[below(buffers.count)]
        if below(3) == 0 { return buffer }
        let kind = StructuredGraph.ViewKind.allCases[below(StructuredGraph.ViewKind.allCases.count)]
        let width = kind.elementBytes
        let offset = below(count / width + 1) * width
        return keep(.view(kind, buffer: buffer, offset: offset, length: below((count - offset) / width + 1)))
    }
}

/// Whether two values are the same, with the same things shared in both.
private struct Comparison {
    private var partners: [StructuredGraph.Reference: StructuredGraph.Reference] = [:]

    mutating func isSame(_ one: StructuredValue, _ other: StructuredValue) -> Bool {
        switch (one.node, other.node) {
        case (.undefined, .undefined), (.null, .null): return true
        case (.bool(let a), .bool(let b)): return a == b
        case (.int(let a), .int(let b)): return a == b
        case (.double(let a), .double(let b)): return a.bitPattern == b.bitPattern || (a.isNaN && b.isNaN)
        case (.bigint(let a), .bigint(let b)): return a == b
        case (.string(let a), .string(let b)): return a == b
        default: break
        }
        if let partner = partners[one.root] { return partner == other.root }
        partners[one.root] = other.root
        switch (one.node, other.node) {
        case (.date(let a), .date(let b)): return a == b || (a.isNaN && b.isNaN)
        case (.regexp(let a, let flags), .regexp(let b, let others)): return a == b && flags == others
        case (.boxed(let a), .boxed(let b)): return isSame(one.at(a), other.at(b))
        case (.error(let a), .error(let b)):
            guard a.name == b.name, a.message == b.message, a.stack == b.stack else { return false }
            guard let cause = a.cause, let otherCause = b.cause else { return a.cause == nil && b.cause == nil }
            return isSame(one.at(cause), other.at(otherCause))
        case (.array(let a), .array(let b)):
            guard a.count == b.count else { return false }
            for (x, y) in zip(a, b) {
                guard let x, let y else {
                    if x == nil && y == nil { continue }
                    return false
                }
                if !isSame(one.at(x), other.at(y)) { return false }
            }
            return true
        case (.set(let a), .set(let b)):
            return a.count == b.count && zip(a, b).allSatisfy { isSame(one.at($0), other.at($1)) }
        case (.map(let a), .map(let b)):
            return a.count == b.count
                && zip(a, b).allSatisfy {
                    isSame(one.at($0.key), other.at($1.key)) && isSame(one.at($0.value), other.at($1.value))
                }
        case (.object(let a), .object(let b)):
            return Array(a.keys) == Array(b.keys)
                && zip(a.values, b.values).allSatisfy { isSame(one.at($0), other.at($1)) }
        case (.view(let kind, let a, let offset, let length), .view(let otherKind, let b, let start, let count)):
            return kind == otherKind && offset == start && length == count && isSame(one.at(a), other.at(b))
        case (.buffer, .buffer), (.buffer, .inlineBuffer), (.inlineBuffer, .inlineBuffer):
            return one.bytes == other.bytes
        default: return false
        }
    }
}

extension StructuredValue {
    fileprivate func at(_ reference: StructuredGraph.Reference) -> StructuredValue { part(reference) }
}
