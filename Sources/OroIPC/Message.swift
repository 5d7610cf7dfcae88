import OroFrame

/// A command as a handler receives it: its name, its sequence number, a value and bytes.
///
/// Everything is read from a private copy of what the client sent: it cannot change any more. Reading one member of the
/// value does not decode the others.
public struct Message: Sendable {
    @usableFromInline let storage: FrameStorage

    @inlinable
    init(_ storage: FrameStorage) { self.storage = storage }

    /// The command's name, as the host spells it.
    @inlinable public var name: String {
        unsafe storage.fields.pointee.route?._withUnsafeGuaranteedRef { $0.name } ?? ""
    }

    /// The same as ``name``.
    @inlinable public var command: String { name }

    /// The client's number for this request.
    public var seq: Seq { (try? storage.view.seq()) ?? Seq(storage.header.seq) }

    /// The bytes that came with the command, `nil` when there are none.
    @inlinable public var bytes: Bytes? { storage.payload }

    /// The request's body, where it has one that comes in chunks; always `nil` in a synchronous handler.
    public var body: MessageBody? { storage.header.flags.contains(.hasBody) ? storage.body : nil }

    /// True when the command came without a value.
    @inlinable public var isValueless: Bool { unsafe storage.fields.pointee.header.valueBytes == 0 }

    /// The value, decoded; `nil` when there is none. Throws when what the client sent is not a value. O(n).
    public func decodeValue() throws(FrameError) -> Value? {
        if isValueless { return nil }
        return try storage.view.value()?.decode()
    }

    /// The value, decoded; `nil` when there is none or it is malformed. O(n).
    public var value: Value? { try? decodeValue() }

    /// The member `key` of an object value; `nil` when it is absent. Decodes that member only.
    public subscript(key: String) -> Value? {
        if isValueless { return nil }
        do {
            guard let value = try storage.view.value(), let member = try value.member(key) else { return nil }
            return try member.decode()
        } catch {
            return nil
        }
    }

    /// The text of member `key`, or an error that says it is missing.
    public func string(_ key: String) throws(IPCError) -> String {
        guard let text = self[key]?.string, !text.isEmpty else {
            throw IPCError(message: "Expecting '\(key)' in parameters")
        }
        return text
    }
}
