// SPDX-License-Identifier: Apache-2.0

import OroFrame

extension StructuredValue {
    /// The same as a value of messages and results; `nil` when it has no form there: dates, maps, sets, errors, ports,
    /// cycles, and `undefined` other than as a member, which is left out. Buffers and views become their bytes. A thing
    /// that is shared is written wherever it is met; `nil` when that is more than 16 times as many things, or 4 times
    /// as many bytes, as there are (256 and 64 KiB are always allowed), or more than a value may have. O(n), whatever
    /// is shared.
    public var value: OroFrame.Value? {
        var plain = PlainValue(whole: self, rule: .exactly)
        return plain.value(root)
    }

    /// What `JSON.stringify` would say of it, after ``findIPCMessageTransfers(_:_:)``: dates are texts, maps, sets and
    /// regular expressions are empty objects, `undefined` is left out, or is null. `nil` for cycles, and for more than
    /// ``value`` may have.
    var jsonValue: OroFrame.Value? {
        var plain = PlainValue(whole: self, rule: .asJSON)
        return plain.value(root)
    }
}

/// Makes a plain value of a graph. UNTRUSTED: a graph from a peer has few levels, but what is shared on each of them
/// would be written twice as often on the next: what is written is counted, and bounded by what came.
private struct PlainValue {
    enum Rule { case exactly, asJSON }

    let whole: StructuredValue
    let rule: Rule
    private var open: Set<StructuredGraph.Reference> = []
    private var items = 0
    /// Bytes of texts and buffers.
    private var bytes = 0
    private let mostItems: Int
    private let mostBytes: Int

    init(whole: StructuredValue, rule: Rule) {
        self.whole = whole
        self.rule = rule
        let limits = FrameLimits.default
        mostItems = min(limits.maxItems, 256 + 16 * whole.graph.count)
        mostBytes = min(limits.maxFrameBytes, 64 << 10 + 4 * whole.contentBytes)
    }

    mutating func value(_ reference: StructuredGraph.Reference) -> Value? {
        items += 1
        if items > mostItems { return nil }
        switch whole.graph[reference] {
        case .null: return .null
        case .bool(let value): return .bool(value)
        case .int(let value): return .int(value)
        case .double(let value): return .double(value)
        case .bigint(let value): return .bigint(value)
        case .string(let text): return takes(text.utf8.count) ? .string(text) : nil
        case .inlineBuffer, .buffer, .view: return buffer(reference)
        case .array(let elements): return inside(reference) { $0.array(elements) }
        case .object(let members): return inside(reference) { $0.object(members) }
        default: return rule == .asJSON ? json(reference) : nil
        }
    }

    /// So many bytes more are said.
    private mutating func takes(_ count: Int) -> Bool {
        bytes += count
        return bytes <= mostBytes
    }

    private mutating func buffer(_ reference: StructuredGraph.Reference) -> Value? {
        guard let shown = whole.part(reference).bytes else { return nil }
        switch rule {
        case .exactly: return takes(shown.count) ? .bytes([UInt8](shown)) : nil
        case .asJSON:
            return takes(Base64.length(shown.count))
                ? ["__type__": "Buffer", "data": .string(Base64.text([UInt8](shown)))] : nil
        }
    }

    /// `nil` in a cycle, and for more levels than a value may have.
    private mutating func inside(
        _ reference: StructuredGraph.Reference, _ body: (inout PlainValue) -> Value?
    ) -> Value? {
        guard open.count < FrameLimits.default.maxDepth, open.insert(reference).inserted else { return nil }
        defer { open.remove(reference) }
        return body(&self)
    }

    private mutating func array(_ elements: [StructuredGraph.Reference?]) -> Value? {
        var values: [Value] = []
        values.reserveCapacity(elements.count)
        for element in elements {
            if let element {
                guard let value = value(element) else { return nil }
                values.append(value)
            } else {
                guard rule == .asJSON else { return nil }
                values.append(.null)
            }
        }
        return .array(values)
    }

    private mutating func object(_ members: NamedValues<StructuredGraph.Reference>) -> Value? {
        var values = Value.Members()
        for (name, member) in members {
            if case .undefined = whole.graph[member] { continue }
            guard takes(name.utf8.count), let value = value(member) else { return nil }
            values[name] = value
        }
        return .object(values)
    }

    private mutating func json(_ reference: StructuredGraph.Reference) -> Value? {
        switch whole.graph[reference] {
        case .undefined: .null
        case .date(let milliseconds): ISODate.text(milliseconds).map { .string($0) } ?? .null
        case .boxed(let inner): value(inner)
        default: [:]
        }
    }
}

/// A point in time as `Date.prototype.toISOString` writes it.
enum ISODate {
    /// `milliseconds` since 1970; `nil` when that is no date of JavaScript's.
    static func text(_ milliseconds: Double) -> String? {
        guard abs(milliseconds) <= 8.64e15 else { return nil }
        let all = Int64(milliseconds)
        // Rounded down, also before 1970.
        let days = all / 86_400_000 - (all % 86_400_000 < 0 ? 1 : 0)
        let inDay = all - days * 86_400_000
        let (year, month, day) = date(days)
        let years = (0...9999).contains(year) ? digits(year, 4) : (year < 0 ? "-" : "+") + digits(abs(year), 6)
        let time = "\(digits(inDay / 3_600_000, 2)):\(digits(inDay / 60_000 % 60, 2)):\(digits(inDay / 1000 % 60, 2))"
        return "\(years)-\(digits(month, 2))-\(digits(day, 2))T\(time).\(digits(inDay % 1000, 3))Z"
    }

    private static func digits(_ number: Int64, _ count: Int) -> String {
        let text = "\(number)"
        return String(repeating: "0", count: max(0, count - text.count)) + text
    }

    /// The day of the Gregorian calendar that is so many days after 1970-01-01. Howard Hinnant's `civil_from_days`:
    /// years are counted from March, in eras of 400.
    private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let ofEra = shifted - era * 146_097
        let year = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * year + year / 4 - year / 100)
        let month = (5 * ofYear + 2) / 153
        let isLate = month >= 10
        return (year + era * 400 + (isLate ? 1 : 0), isLate ? month - 9 : month + 3, ofYear - (153 * month + 2) / 5 + 1)
    }
}

extension StructuredValue {
    /// Bytes of the texts and buffers of the whole graph, each once. O(n).
    fileprivate var contentBytes: Int {
        var sum = held.reduce(0) { $0 + $1.count }
        for index in 0..<graph.count {
            switch graph[.init(index)] {
            case .string(let text): sum += text.utf8.count
            case .inlineBuffer(let bytes): sum += bytes.count
            case .object(let members): for name in members.keys { sum += name.utf8.count }
            default: break
            }
        }
        return sum
    }
}
