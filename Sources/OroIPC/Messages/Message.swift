// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

/// A command with its parameters and bytes: what a client sends, and what a handler receives.
///
/// ```swift
/// let message = try Message.from("fs.stat", ["path": "/etc/hosts"])
/// print(message)                          // ipc://fs.stat?path=%2Fetc%2Fhosts
/// let result = await client.request(message)
///
/// host.router.map("fs.stat") { message in
///     let path = try message.string("path")   // "/etc/hosts"
///     …
/// }
/// ```
///
/// A message is a URI of the scheme `ipc:`, but its text is built only when somebody asks for it ([the
/// guide](messages.md) says how values and text become each other). ``subscript(_:)``, ``wholeValue`` and
/// ``string(_:)`` give values exactly as they were sent; ``get(_:default:)``, ``value`` and the lists of parameters
/// read a text that is JSON as what it says, as `oro:ipc` does.
///
/// A received message is read from a private copy of what the client sent: it cannot change any more, and looking at
/// one member of the value does not decode the others. Copies share their contents until one of them is changed.
public struct Message: Sendable {
    @usableFromInline var storage: FrameStorage

    /// The scheme of a message's URI, with its colon.
    public static let PROTOCOL = "ipc:"

    @inlinable
    init(_ storage: FrameStorage) { self.storage = storage }

    /// The command's name: of a received message as the host spells it, else the host part of its URI, which stays as
    /// it is encoded, or without one the path.
    @inlinable public var name: String {
        unsafe storage.fields.pointee.label?._withUnsafeGuaranteedRef { $0.name } ?? storage.madeName
    }

    /// The same as ``name``.
    @inlinable public var command: String { name }

    /// The bytes that go with the command, `nil` when there are none.
    public var bytes: Bytes? {
        @inlinable get { storage.payload }
        set { change { $0.payload = newValue.flatMap { $0.isEmpty && !$0.isEmptyPayload ? nil : $0 } } }
    }

    /// A body follows in chunks.
    package var hasBody: Bool { storage.made == nil && storage.header.flags.contains(.hasBody) }

    /// Whoever asked takes an answer in chunks.
    package var takesStream: Bool { storage.made == nil && storage.header.flags.contains(.takesStream) }

    /// The headers that go with the command; of a received one those that can be headers. O(n).
    public var headers: Headers {
        get { storage.made?.headers ?? Headers(possibleOf: storage) }
        set { change { $0.headers = newValue } }
    }

    /// A block of `count` bytes for the result, to be filled and returned without a copy. Does not wait; for a
    /// synchronous handler.
    ///
    /// Throws `noBlocks`, which names the client, when it has as many bytes or blocks as it may and gives none back;
    /// `tooLarge`; `overQuota` when all links together have as much memory for blocks as they may
    /// (``HostOptions/blockBytes``); and why the link is over when it is.
    public func loan(_ count: Int) throws(LinkError) -> Loan { Loan(try arena().take(count)) }

    /// The same, waiting at most `wait` for a block. The handler is suspended meanwhile.
    public func loan(
        _ count: Int, waitingAtMost wait: Duration = .milliseconds(TIMEOUT)
    ) async throws(LinkError) -> Loan {
        let arena = try arena()
        return Loan(try await arena.whenFree(until: .now + wait) { () throws(LinkError) in try arena.take(count) })
    }

    private func arena() throws(LinkError) -> Arena {
        guard let arena = unsafe storage.fields.pointee.sender?.arena else { throw .closed }
        return arena
    }

    /// True when there is no value at all.
    @inlinable public var isValueless: Bool { unsafe storage.fields.pointee.header.valueBytes == 0 }

    /// The value as it was sent, whole; `nil` when there is none. Throws when what the client sent is not a value.
    /// O(n).
    public func decodeValue() throws(FrameError) -> Value? { try storage.whole() }

    /// The value as it was sent, whole: an object, whose members are the parameters, or any other value, which is the
    /// parameter `value`. Of parameters with one name the last counts. `nil` when there is no value, or it is
    /// malformed. O(n).
    public var wholeValue: Value? { try? decodeValue() }

    /// The first parameter of this name, exactly as it was sent; `nil` when there is none. Decodes nothing else.
    ///
    /// Setting it is ``set(_:_:)``, and setting it to `nil` is ``delete(_:)``.
    public subscript(key: String) -> Value? {
        get {
            first(key) { (view) throws(FrameError) in try view.decode() }
        }
        set {
            if let newValue { set(key, newValue) } else { delete(key) }
        }
    }

    /// The same for who wants no array and no object: of those that were received nothing is decoded, and what comes
    /// has no elements.
    func scalar(_ key: String) -> Value? {
        first(key) { (view) throws(FrameError) in
            switch view.kind {
            case .array: .array([])
            case .object: .object([:])
            default: try view.decode()
            }
        }
    }

    /// The same where its encoding has at most `most` bytes. Throws for a longer one, and decodes nothing of it.
    func short(_ key: String, most: Int) throws(IPCError) -> Value? {
        var isLong = false
        let value = first(key) { (view) throws(FrameError) in
            isLong = view.encodedBytes > most
            return isLong ? .null : try view.decode()
        }
        if isLong { throw .invalid(key) }
        return value
    }

    /// The first parameter of this name, by `decode` where it is encoded; `nil` without one, or where the bytes are
    /// damaged.
    private func first(_ key: String, _ decode: (ValueView) throws(FrameError) -> Value) -> Value? {
        if isValueless { return nil }
        if let made = storage.made { return made.parameters?.first(key) }
        do {
            guard let value = try storage.view.value() else { return nil }
            if storage.header.flags.contains(.pairs) { return try Message.first(key, ofPairs: value, decode) }
            guard value.kind == .object else { return key == "value" ? try decode(value) : nil }
            guard let member = try value.member(key) else { return nil }
            return try decode(member)
        } catch {
            return nil
        }
    }

    /// In an array of names and values in turn.
    private static func first(
        _ key: String, ofPairs pairs: borrowing ValueView, _ decode: (ValueView) throws(FrameError) -> Value
    ) throws(FrameError) -> Value? {
        var (isName, isFound) = (true, false)
        var found: Value?
        try pairs.forEachElement { (element) throws(FrameError) in
            if isName {
                isFound = element.isString(key)
            } else if isFound, found == nil {
                found = try decode(element)
            }
            isName.toggle()
        }
        return found
    }

    /// The text of a parameter, or an error that says it is missing.
    public func string(_ key: String) throws(IPCError) -> String {
        guard let text = scalar(key)?.string, !text.isEmpty else {
            throw IPCError(message: "Expecting '\(key)' in parameters")
        }
        return text
    }
}

/// Milliseconds a request waits for its result when it is to have a deadline and none is given.
public let TIMEOUT = 32_000
