import OroFrame
import OroLink

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

    /// A block of `count` bytes for the result, to be filled and returned without a copy. Does not wait; for a synchronous
    /// handler.
    ///
    /// Throws `noBlocks`, which names the client, when it has as many bytes or blocks as it may and gives none back;
    /// `tooLarge`; and why the link is over when it is.
    public func loan(_ count: Int) throws(LinkError) -> Loan { Loan(try arena().take(count)) }

    /// The same, waiting at most `wait` for a block. The handler is suspended meanwhile.
    public func loan(
        _ count: Int, waitingAtMost wait: Duration = .milliseconds(TIMEOUT)
    ) async throws(LinkError) -> Loan {
        let arena = try arena()
        return Loan(try await arena.whenFree(until: .now + wait) { () throws(LinkError) in try arena.take(count) })
    }

    private func arena() throws(LinkError) -> Arena {
        guard let arena = client?.arena else { throw .closed }
        return arena
    }

    /// Who sent it: to be told something later. `nil` when the host's own code did (``Host/invoke(_:_:bytes:)``).
    public var client: ConnectedClient? { unsafe storage.fields.pointee.client }

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
