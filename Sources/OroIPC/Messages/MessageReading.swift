// SPDX-License-Identifier: Apache-2.0

public import OroFrame
import OroURI

// The parameters of a message, as `oro:ipc` reads and changes them.
extension Message {
    private var list: Parameters? { (try? storage.parameters()) ?? nil }

    /// The first parameter of this name: a text that is JSON, other than `null`, as what it says, everything else as it
    /// is. `fallback` when there is none of this name.
    public func get(_ key: String, default fallback: Value? = nil) -> Value? { self[key]?.parsed ?? fallback }

    /// The text of the first parameter of this name as it stands in a query, decoded once; `fallback` when there is
    /// none.
    public func text(_ key: String, default fallback: String = "") -> String { self[key]?.parameterText ?? fallback }

    /// There is a parameter of this name.
    public func has(_ key: String) -> Bool { self[key] != nil }

    /// The names of the parameters in order, with repetitions.
    public var keys: [String] { list?.pairs.map(\.name) ?? [] }

    /// The values of the parameters in order, each as ``get(_:default:)`` would give it.
    public var values: [Value] { list?.pairs.map(\.value.parsed) ?? [] }

    /// The parameters in order, each value as ``get(_:default:)`` would give it.
    public var entries: [(key: String, value: Value)] { list?.pairs.map { ($0.name, $0.value.parsed) } ?? [] }

    /// The parameters by name, each value as ``get(_:default:)`` would give it; of those with one name the last.
    public var params: NamedValues<Value> {
        entries.reduce(into: [:]) { $0[$1.key] = $1.value }
    }

    /// The texts of the parameters as they stand in a query, decoded, by name; of those with one name the last.
    public var rawParams: NamedValues<String> {
        (list?.pairs ?? []).reduce(into: [:]) { $0[$1.name] = $1.value.parameterText }
    }

    // MARK: Changing

    /// Gives the first parameter of this name a value, and removes others of this name; a new one comes last.
    public mutating func set(_ key: String, _ value: Value) {
        change { $0.change { $0.set(key, value) } }
    }

    /// Adds a parameter at the end, whether or not there is one of this name.
    public mutating func append(_ key: String, _ value: Value) {
        change { $0.change { $0.append(key, value) } }
    }

    /// Removes all parameters of this name. False when there was none.
    @discardableResult
    public mutating func delete(_ key: String) -> Bool {
        guard has(key) else { return false }
        return change { $0.change { $0.delete(key) } }
    }

    /// Takes over parameters: they replace those of the same names.
    mutating func merge(_ others: Parameters) {
        change { made in
            // None at all is an empty query, too: `ipc://name?`.
            if others.pairs.isEmpty {
                if made.parameters == nil { made.parameters = others }
            } else {
                made.change { $0.merge(others) }
            }
        }
    }
}

// Parameters that mean something.
extension Message {
    /// The values of all parameters, as they were sent.
    var exactValues: [Value] { ((try? storage.parameters()) ?? nil)?.pairs.map(\.value) ?? [] }

    /// The parameter `value` as ``get(_:default:)`` gives it: of an object its member `value`, else the whole value;
    /// `nil` without one.
    public var value: Value? { self.get("value") }

    /// What the text of the parameter `value` says as JSON; `nil` without one, or when it is not JSON.
    public var json: Value? {
        guard let value = self["value"], let json = parseJSON(value.parameterText), !json.isNull else { return nil }
        return json
    }

    /// The text of the parameter `id`; `nil` without one.
    public var id: String? { self["id"]?.parameterText }

    /// The number of the request. Of a message made here that of the parameter `seq`, written as a ``Seq``; `nil`
    /// without one.
    public var seq: Seq? {
        guard let made = storage.made else { return storage.seq }
        if let seq = made.seq { return seq }
        guard let parameter = made.parameters?.first("seq") else { return nil }
        return try? Seq(parameter.parameterText)
    }

    /// The window the message is for or from; -1 when it does not say, or says nothing that starts with a number.
    ///
    /// A client has one window, 0, and cannot speak for another: a received message has this index, whatever its
    /// parameter `index` says.
    public var index: Int {
        guard let made = storage.made, made.seq == nil else { return 0 }
        guard let parameter = get("index") else { return -1 }
        // A number too large for any is no index; it is a text, as JSON does not have it.
        if let text = parameter.string, let number = Double(text), !number.isFinite { return -1 }
        let number = integerPrefix(of: parameter.scriptText)
        return number.isNaN ? -1 : Int(exactly: number) ?? -1
    }

    /// What a log wants to know: `name`, `value`, `index`, `href`, `seq`, and all parameters as `data`. Without the
    /// bytes.
    public var summary: Value {
        [
            "name": .string(name), "value": value ?? .null, "index": .int(Int64(index)), "href": .string(href),
            "seq": seq.map { .string($0.rText) } ?? .null, "data": .object(params),
        ]
    }
}
