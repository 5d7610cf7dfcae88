// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroURI

/// What ``Message/from(_:_:bytes:)-(_,Value?,_)`` makes a message of: a text, the bytes of one, a message, a ``Value``,
/// and with `OroIPCFoundation` a `URL`.
public protocol MessageInput {
    /// As a text: a URI, or a name with what may follow it in a URI.
    var messageText: String { get }

    /// The message it is. By default what its text says.
    func makeMessage() throws(MessageError) -> Message
}

extension MessageInput {
    public func makeMessage() throws(MessageError) -> Message { try Message(text: messageText) }
}

extension String: MessageInput {
    public var messageText: String { self }
}

extension Substring: MessageInput {
    public var messageText: String { String(self) }
}

/// The bytes of a text in UTF-8; U+FFFD stands for what is none.
extension Array: MessageInput where Element == UInt8 {
    public var messageText: String { String(decoding: self, as: UTF8.self) }
}

/// The bytes of a text in UTF-8; U+FFFD stands for what is none.
extension Bytes: MessageInput {
    public var messageText: String { [UInt8](self).messageText }
}

extension Message: MessageInput {
    public var messageText: String { href }
    public func makeMessage() -> Message { self }
}

/// An object `{command, params?, protocol?}`; anything else is the text it is.
extension Value: MessageInput {
    public var messageText: String { parameterText }

    public func makeMessage() throws(MessageError) -> Message {
        guard case .object(let members) = self else { return try Message(text: messageText) }
        guard let command = members["command"]?.string else { throw .noCommand }
        if let scheme = members["protocol"], !scheme.isNull, scheme != .string(Message.PROTOCOL) {
            throw .wrongProtocol(found: scheme.parameterText)
        }
        var message = try Message(text: command)
        message.merge(
            try members["params"].flatMap { (params) throws(MessageError) in try Parameters(argument: params) }
                ?? Parameters())
        return message
    }
}

extension Message {
    /// A message from the text of its URI. Throws when it is none, or has another scheme than `ipc:`.
    public init(_ uri: String, bytes: Bytes? = nil) throws(MessageError) {
        self.init(try Message.parse(uri))
        if let bytes { self.bytes = bytes }
    }

    /// A message from a URI that starts with `ipc://`, or else from what follows that: a name, a path, a query.
    fileprivate init(text: String) throws(MessageError) {
        if text.utf8.starts(with: "ipc://".utf8) {
            self.init(try Message.parse(text))
        } else if CommandName.isValid(text) {
            self.init(name: text)
        } else {
            self.init(try Message.parse("ipc://" + text))
        }
    }

    private static func parse(_ text: String) throws(MessageError) -> URI {
        let uri: URI
        do throws(URIError) {
            uri = try URI(text)
        } catch {
            throw MessageError(error, text)
        }
        guard uri.scheme + ":" == PROTOCOL else { throw .wrongProtocol(found: uri.scheme + ":") }
        return uri
    }

    /// A message from whatever names one, parameters, and bytes.
    ///
    /// ```swift
    /// try Message.from("fs.stat", ["path": "/etc/hosts", "follow": true])
    /// try Message.from("ipc://fs.stat?path=/etc/hosts", "follow=true")
    /// try Message.from("log", [["line", 1], ["line", 2]])     // pairs: a name may repeat
    /// try Message.from(message, ["path": "/tmp"])               // a copy, with another path
    /// try Message.from("sum", bytes: data)
    /// ```
    ///
    /// `params` is an object, an array of pairs, the text of a query with or without `?`, or bytes, which then are the
    /// message's as if they were `bytes`. They replace those of the same names that `input` has. `null` and no `params`
    /// are the same.
    ///
    /// Throws when the input is no URI of the scheme `ipc:` and cannot be made one, or the parameters are none of
    /// these.
    public static func from(
        _ input: some MessageInput, _ params: Value? = nil, bytes: Bytes? = nil
    ) throws(MessageError) -> Message {
        var message = try input.makeMessage()
        switch params {
        case nil, .null?: break
        case .bytes(let payload)?: message.bytes = Bytes(payload)
        case let params?: message.merge(try Parameters(argument: params))
        }
        if let bytes, !bytes.isEmpty { message.bytes = bytes }
        return message
    }

    /// The same with the parameters of a query.
    public static func from(
        _ input: some MessageInput, _ params: IPCSearchParams, bytes: Bytes? = nil
    ) throws(MessageError) -> Message {
        try from(input, pairs: params.map { ($0.name, .string($0.value)) }, bytes: bytes)
    }

    /// The same with parameters in order; those with one name all stay.
    public static func from(
        _ input: some MessageInput, pairs: some Sequence<(String, Value)>, bytes: Bytes? = nil
    ) throws(MessageError) -> Message {
        var message = try input.makeMessage()
        message.merge(Parameters(pairs.map { (name: $0, value: $1) }))
        if let bytes, !bytes.isEmpty { message.bytes = bytes }
        return message
    }

    /// The text of `input` starts like a message's URI: with `ipc://` and something behind it. It may be none all the
    /// same.
    public static func isValidInput(_ input: some MessageInput) -> Bool {
        let text = input.messageText.utf8
        return text.starts(with: "ipc://".utf8) && text.count > 6
    }
}

extension Parameters {
    /// What a caller gave as parameters.
    fileprivate init(argument: Value) throws(MessageError) {
        switch argument {
        case .null: self.init()
        case .object: self.init(whole: argument)
        case .string(let query):
            self.init(query: query.utf8.first == UInt8(ascii: "?") ? String(Substring(query.utf8.dropFirst())) : query)
        case .array(let elements):
            var pairs: [(name: String, value: Value)] = []
            for element in elements {
                guard case .array(let pair) = element, pair.count == 2, case .string(let name) = pair[0] else {
                    throw .notParameters(.array)
                }
                pairs.append((name, pair[1]))
            }
            self.init(pairs)
        default: throw .notParameters(argument.kind)
        }
    }
}
