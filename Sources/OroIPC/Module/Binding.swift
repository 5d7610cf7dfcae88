// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

/// Commands written as calls; made by ``Client/createBinding(_:_:)``.
///
/// ```swift
/// let fs = client.createBinding("fs")
/// let stat = try await fs.stat("/etc/hosts").data           // send("fs.stat", "/etc/hosts")
/// let part = try await fs.read(path: "a.txt", offset: 10)   // send("fs.read", ["path": "a.txt", "offset": 10])
/// ```
///
/// Each member is a binding with a longer path: it may be kept, and called any number of times.
@dynamicMemberLookup @dynamicCallable
public struct Binding: Sendable {
    /// How the commands of a binding are sent.
    public enum Verb: String, Sendable, CaseIterable {
        case send, sendSync, request, write
    }

    /// Which verb sends which command, by its whole path: `["fs.write": .write]`.
    public struct Context: Sendable {
        /// The verb of paths that are not in ``verbs``.
        public var `default`: Verb
        public var verbs: [String: Verb]
        /// The options of every call.
        public var options: CallOptions?

        public init(default: Verb = .send, verbs: [String: Verb] = [:], options: CallOptions? = nil) {
            self.default = `default`
            self.verbs = verbs
            self.options = options
        }
    }

    private let client: Client?
    private let path: String
    private let context: Context

    /// `client` is `nil` for the shared one.
    init(_ client: Client?, _ path: String?, _ context: Context) {
        self.client = client
        self.path = path ?? ""
        self.context = context
    }

    /// The binding of `path.name`.
    public subscript(dynamicMember name: String) -> Binding { self[name] }

    /// The same, for names that Swift cannot write.
    public subscript(name: String) -> Binding {
        Binding(client, path.isEmpty ? name : "\(path).\(name)", context)
    }

    /// The same, for numbers.
    public subscript(index: Int) -> Binding { self[String(index)] }

    /// Sends the command: without arguments, or with a value. Throws the result's error, so that the result has none.
    @discardableResult
    public func dynamicallyCall(withArguments arguments: [Value]) async throws(IPCError) -> Result {
        try await dynamicallyCall(withArguments: arguments as [any BindingArgument])
    }

    /// Sends the command: without arguments, with a value, with bytes, or with both. Throws the result's error, so that
    /// the result has none; a `TypeError` for more arguments.
    @discardableResult @_disfavoredOverload
    public func dynamicallyCall(withArguments arguments: [any BindingArgument]) async throws(IPCError) -> Result {
        var content = Content(path)
        for argument in arguments {
            if let given = argument as? Bytes { try content.take(given) } else { try content.take(argument.value) }
        }
        return try await call(content.value, content.bytes)
    }

    /// Sends the command with an object of the arguments.
    @discardableResult
    public func dynamicallyCall(
        withKeywordArguments arguments: KeyValuePairs<String, Value>
    ) async throws(IPCError) -> Result {
        var content = Content(path)
        for (name, value) in arguments { try content.take(value, name) }
        return try await call(content.value, content.bytes)
    }

    /// Sends the command with an object of the arguments. Bytes are sent as such, whatever their name.
    @discardableResult @_disfavoredOverload
    public func dynamicallyCall(
        withKeywordArguments arguments: KeyValuePairs<String, any BindingArgument>
    ) async throws(IPCError) -> Result {
        var content = Content(path)
        for (name, argument) in arguments {
            if let given = argument as? Bytes {
                try content.take(given)
            } else {
                try content.take(argument.value, name)
            }
        }
        return try await call(content.value, content.bytes)
    }

    /// What a call sends, argument by argument.
    private struct Content {
        let path: String
        private(set) var value: Value?
        private(set) var bytes: Bytes?

        init(_ path: String) { self.path = path }

        mutating func take(_ bytes: Bytes) throws(IPCError) {
            if self.bytes != nil { throw .type("'\(path)' takes bytes once") }
            self.bytes = bytes
        }

        mutating func take(_ value: Value) throws(IPCError) {
            if self.value != nil {
                throw .type("'\(path)' takes one value: give several names, or put them into an array")
            }
            self.value = value
        }

        mutating func take(_ value: Value, _ name: String) throws(IPCError) {
            if name.isEmpty { return try take(value) }
            var members: Value.Members = [:]
            if let taken = self.value {
                guard let object = taken.object else {
                    throw .type("'\(path)' takes one value, or values that all have names")
                }
                members = object
            }
            if members.updateValue(value, forKey: name) != nil { throw .type("'\(path)' has '\(name)' twice") }
            self.value = .object(members)
        }
    }

    private func call(_ value: Value?, _ bytes: Bytes?) async throws(IPCError) -> Result {
        let client = if let client { client } else { try IPC.client() }
        let verb = context.verbs[path] ?? context.default
        let result: Result =
            switch verb {
            case .send: await client.call(path, value, bytes, context.options, verb: .send)
            case .request: await client.call(path, value, bytes, context.options, verb: .request)
            case .write: await client.call(path, value, bytes, context.options, verb: .write)
            case .sendSync: client.callSync(path, value, bytes, context.options)
            }
        if let error = result.err { throw error }
        return result
    }
}

/// What a ``Binding`` is called with: a ``Value``, a text, a number, a truth value, arrays and dictionaries of them, or
/// ``Bytes``.
public protocol BindingArgument: Sendable {
    /// As a value.
    var value: Value { get }
}

extension Value: BindingArgument {
    public var value: Value { self }
}

extension String: BindingArgument {
    public var value: Value { .string(self) }
}

extension Bool: BindingArgument {
    public var value: Value { .bool(self) }
}

extension Double: BindingArgument {
    public var value: Value { .double(self) }
}

extension Int: BindingArgument {
    public var value: Value { .int(Int64(self)) }
}

extension Int64: BindingArgument {
    public var value: Value { .int(self) }
}

extension Bytes: BindingArgument {
    public var value: Value { .bytes([UInt8](self)) }
}

extension Array: BindingArgument where Element: BindingArgument {
    public var value: Value { .array(map(\.value)) }
}

extension Dictionary: BindingArgument where Key == String, Value: BindingArgument {
    public var value: OroFrame.Value {
        .object(NamedValues(map { ($0.key, $0.value.value) }))
    }
}

extension Client {
    /// Commands below `domain`, written as calls: see ``Binding``. Without a domain the first member begins the path.
    public func createBinding(
        _ domain: String? = nil, _ context: Binding.Context = Binding.Context()
    ) -> Binding {
        Binding(self, domain, context)
    }
}
