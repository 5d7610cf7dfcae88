import OroFrame
import OroLink

/// What a request came to: an error, or data and bytes.
///
/// ```swift
/// let result = client.sendSync("ping")
/// if let error = result.err { print(error) } else { print(result.data ?? .null) }
/// ```
// Sendable: what `owner` keeps alive is constant, as in ``Bytes``.
@safe public struct Result: @unchecked Sendable {
    // The bytes, in parts: dropping a result without them then costs one comparison.
    @usableFromInline var owner: AnyObject?
    @usableFromInline var base: UnsafeRawPointer?
    @usableFromInline var extent: Int

    /// The bytes; `nil` when there are none.
    @inlinable public var bytes: Bytes? {
        get {
            guard let owner, let base = unsafe base else { return nil }
            // The owner keeps them alive: the three came from one `Bytes`.
            return unsafe Bytes(owner: owner, base: base, extent: extent)
        }
        set {
            owner = newValue?.owner
            unsafe base = newValue?.base
            extent = newValue?.extent ?? 0
        }
    }

    /// The command this answers, as its caller spelled it; `nil` in a handler.
    public var source: String?

    /// Error and data, apart, so that a result of bytes alone stays small and cheap to pass on.
    @usableFromInline var content: Content?

    @usableFromInline
    final class Content: Sendable {
        /// As it came, or was encoded; what has been looked at is known.
        private enum Form: Sendable {
            case known(IPCError?, Value?)
            case frame(FrameStorage)
            case encoded(EncodedValue)
        }

        private let form: Locked<Form>

        init(_ error: IPCError?, _ data: Value?) {
            form = Locked(.known(error, data))
        }

        init(_ storage: FrameStorage) { form = Locked(.frame(storage)) }

        init(_ encoded: EncodedValue) { form = Locked(.encoded(encoded)) }

        /// Decoded at the first look. What cannot be decoded is an error.
        var known: (error: IPCError?, data: Value?) {
            form.withLock { form in
                if case .known(let error, let data) = form { return (error, data) }
                let (error, data) = Content.decode(form)
                form = .known(error, data)
                return (error, data)
            }
        }

        private static func decode(_ form: Form) -> (IPCError?, Value?) {
            do throws(FrameError) {
                switch form {
                case .known(let error, let data): return (error, data)
                case .encoded(let encoded): return (nil, try encoded.decode())
                case .frame(let storage):
                    let value = try storage.view.value()?.decode()
                    return storage.header.flags.contains(.failed) ? (IPCError(received: value), nil) : (nil, value)
                }
            } catch {
                return (IPCError(.encoding, "\(error)"), nil)
            }
        }

        /// The frame of a result that was received and not looked at.
        var frame: FrameStorage? {
            form.withLock { form in if case .frame(let storage) = form { storage } else { nil } }
        }

        /// The value of a handler's result, where it was encoded before.
        var encoded: EncodedValue? {
            form.withLock { form in if case .encoded(let encoded) = form { encoded } else { nil } }
        }
    }

    /// The error; `nil` when the request succeeded.
    public var err: IPCError? {
        get { content?.known.error }
        set { content = newValue == nil && data == nil ? nil : Content(newValue, data) }
    }

    /// The data; `nil` when there is none.
    public var data: Value? {
        get { content?.known.data }
        set { content = err == nil && newValue == nil ? nil : Content(err, newValue) }
    }

    /// Success, with data.
    public init(data: Value?, bytes: Bytes? = nil, source: String? = nil) {
        self.init(bytes, source)
        if let data { content = Content(nil, data) }
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
        extent = bytes?.extent ?? 0
        self.source = source
        content = nil
    }

    /// Failure.
    public init(err: IPCError, source: String? = nil) {
        self.init(nil, source)
        content = Content(err, nil)
    }

    /// Failure, from any error, as ``maybeMakeError(_:)-(Error?)`` makes it.
    public init(catching error: any Error) {
        self.init(err: IPCError(catching: error))
    }

    /// What a host sent in answer to `command`. A value that cannot be decoded is an error of the result.
    @inline(__always)
    init(_ storage: FrameStorage, _ command: String) {
        self.init(storage.takePayload(), command)
        let header = storage.header
        if header.valueBytes > 0 || header.flags.contains(.failed) { content = Content(storage) }
    }

    /// Success, with a value that is encoded already.
    init(_ encoded: EncodedValue, bytes: Bytes? = nil) {
        self.init(bytes, nil)
        content = Content(encoded)
    }

    /// The value, where it was encoded before.
    var encoded: EncodedValue? { content?.encoded }

    init(_ outcome: Outcome, _ command: String) {
        switch outcome {
        case .frame(let storage): self.init(storage, command)
        case .error(let error): self.init(err: error, source: command)
        }
    }

    /// True without error.
    public var isOK: Bool { encoded != nil || content?.known.error == nil }

    /// Only bytes, or nothing at all.
    @inline(__always)
    borrowing func isPlain() -> Bool { content == nil }

    /// Where the bytes lie, as long as this value lives. For the hot path, which counts no references. Bytes in shared memory
    /// seem to be more than any frame holds (``Bytes/extent``).
    @inline(__always)
    borrowing func unguardedPayload() -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base, count: extent)
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
/// Milliseconds a request waits for its result when it is to have a deadline and none is given.
public let TIMEOUT = 32_000
