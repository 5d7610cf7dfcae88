// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

/// What a request came to: an error, or data and bytes.
///
/// ```swift
/// let result = client.sendSync("ping")
/// if let error = result.err { print(error) } else { print(result.data ?? .null) }
///
/// let (err, data, source, headers) = client.sendSync("ping").tuple
/// ```
///
/// An error excludes data and bytes: a host that answers with an error sends nothing else but headers.
// Sendable: what `owner` keeps alive is constant, as in ``Bytes``.
@safe public struct Result: @unchecked Sendable {
    // The bytes, in parts: dropping a result without them then costs one comparison.
    @usableFromInline var owner: AnyObject?
    @usableFromInline var base: UnsafeRawPointer?
    @usableFromInline var sizeWord: Int

    /// The bytes; `nil` when there are none.
    @inlinable public var bytes: Bytes? {
        get {
            guard let owner, let base = unsafe base else { return nil }
            // The owner keeps them alive: the three came from one `Bytes`.
            return unsafe Bytes(owner: owner, base: base, sizeWord: sizeWord)
        }
        set {
            owner = newValue?.owner
            unsafe base = newValue?.base
            sizeWord = newValue?.sizeWord ?? 0
        }
    }

    /// The command this answers, as its caller spelled it, unless the handler said otherwise; `nil` in a handler.
    public var source: String?

    /// The data of a result that has nothing else but bytes and a source; there is no ``content`` then.
    @usableFromInline var value: Value?

    /// Error, data and headers, apart, so that a result without them stays cheap to make and to pass on.
    @usableFromInline var content: Content?

    /// What ``id`` is made of when somebody asks for it; 0: nothing.
    @usableFromInline var idSeed: UInt64 = 0

    /// The error; `nil` when the request succeeded.
    public var err: IPCError? {
        get { content?.known.error }
        set { set(newValue, data) }
    }

    /// The data; `nil` when there is none.
    public var data: Value? {
        get { content == nil ? value : content?.known.data }
        set { set(err, newValue) }
    }

    private mutating func set(_ error: IPCError?, _ data: Value?) {
        content = error == nil && content?.hasExtras != true ? nil : Content(error, data, like: content)
        value = content == nil ? data : nil
    }

    /// All but bytes and source, in one form; `nil`: nothing.
    var wholeContent: Content? { content ?? value.map { Content(data: $0) } }

    /// Takes another content, which says all but bytes and source.
    mutating func setContent(_ content: Content?) {
        self.content = content
        value = nil
    }

    /// The headers; `nil` when there are none. A handler's travel with its result.
    public var headers: Headers? {
        get { content?.headers }
        set { setContent(Content(wholeContent, headers: newValue, id: content?.id)) }
    }

    /// The result's number, an unsigned integer of 64 bits as decimal text: the same on both sides, and no other's.
    /// `nil` for a result that was made here without one.
    public var id: String? {
        get { content?.id ?? (idSeed == 0 ? nil : ResultID.text(ResultID.number(idSeed))) }
        set {
            idSeed = 0
            setContent(Content(wholeContent, headers: headers, id: newValue))
        }
    }

    /// A result with everything. An empty `source` is none. `id` may be ``freshID()``.
    public init(
        id: String?, err: IPCError? = nil, data: Value? = nil, source: String? = nil, headers: Headers? = nil,
        bytes: Bytes? = nil
    ) {
        self.init(bytes, source?.isEmpty == true ? nil : source)
        content = Content(Content(err, data, like: nil), headers: headers, id: id)
    }

    /// A random id.
    public static func freshID() -> String { ResultID.text(.random(in: 1 ... .max)) }

    /// Success, with data.
    public init(data: Value?, bytes: Bytes? = nil, source: String? = nil) {
        self.init(bytes, source)
        value = data
    }

    /// Success, with bytes or with nothing. Does not allocate.
    @inlinable
    public init(bytes: Bytes? = nil) {
        self.init(bytes, nil)
    }

    @usableFromInline @inline(__always)
    init(_ bytes: Bytes?, _ source: String?) {
        owner = bytes?.owner
        unsafe base = bytes?.base
        sizeWord = bytes?.sizeWord ?? 0
        self.source = source
        value = nil
        content = nil
    }

    /// Failure.
    public init(err: IPCError, source: String? = nil) {
        self.init(nil, source)
        content = Content(err, nil, like: nil)
    }

    /// Failure, from any error, as `maybeMakeError` makes it.
    public init(catching error: any Error) {
        self.init(err: IPCError(catching: error))
    }

    /// What a host sent in answer to `command`, on the link of this id. What cannot be decoded is an error of the
    /// result.
    @inline(__always)
    init(_ storage: FrameStorage, _ command: String, link: UInt64) {
        self.init(storage.takePayload(), command)
        let header = storage.header
        idSeed = ResultID.seed(link: link, ticket: header.ticket, seq: header.seq)
        if header.valueBytes > 0 || !header.flags.isDisjoint(with: .ofResults) {
            readContent(storage)
        }
    }

    private mutating func readContent(_ storage: FrameStorage) {
        do throws(FrameError) {
            let view = try storage.view
            // A number is decoded here and now: then nothing refers to the frame, which is used for the next.
            if storage.header.flags.isDisjoint(with: .ofResults), let data = try view.value(), data.isBrief {
                return value = try data.decode()
            }
            if let name = try view.source(), !name.isEmpty { source = name }
        } catch {
            return content = Content(IPCError(.encoding, "\(error)"), nil, like: nil)
        }
        do throws(IPCError) {
            content = Content(storage, try Headers(received: storage))
        } catch {
            content = Content(error, nil, like: nil)
        }
    }

    /// Success, with a value that is encoded already.
    init(_ encoded: EncodedValue, bytes: Bytes? = nil) {
        self.init(bytes, nil)
        content = Content(encoded)
    }

    /// The value, where it was encoded before.
    var encoded: EncodedValue? { content?.encoded }

    init(_ outcome: Outcome, _ command: String, link: UInt64) {
        switch outcome {
        case .frame(let storage): self.init(storage, command, link: link)
        case .error(let error): self.init(err: error, source: command)
        case .resolved(let value): self = Result.from(value, source: command)
        }
    }

    /// True without error.
    public var isOK: Bool { encoded != nil || content?.known.error == nil }

    /// ``OK`` or ``ERROR``.
    public var status: Int { isOK ? OK : ERROR }

    /// It has nothing but bytes and ``value``.
    @inline(__always)
    borrowing func isPlain() -> Bool { content == nil && source == nil }

    /// Where the bytes lie, as long as this value lives. For the hot path, which counts no references. Bytes in shared
    /// memory seem to be more than any frame holds (``Bytes/sizeWord``).
    @inline(__always)
    borrowing func unguardedPayload() -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base, count: sizeWord)
    }

    /// The data, or the error thrown.
    public func get() throws(IPCError) -> Value? {
        if let err { throw err }
        return data
    }
}

/// Status of a result that succeeded.
public let OK = 0
/// Status of a result that failed.
public let ERROR = 1
