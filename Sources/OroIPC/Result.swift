import OroFrame

/// What a request came to: an error, or data and bytes.
///
/// ```swift
/// let result = client.sendSync("ping")
/// if let error = result.err { print(error) } else { print(result.data ?? .null) }
/// ```
public struct Result: Sendable {
    /// The error; `nil` when the request succeeded.
    public var err: IPCError? {
        get { failure?.error }
        set { failure = newValue.map(Failure.init) }
    }
    /// The data; `nil` when there is none.
    public var data: Value?
    /// The bytes; `nil` when there are none.
    public var bytes: Bytes?
    /// The command this answers, as its caller spelled it; `nil` in a handler.
    public var source: String?

    /// Boxed, so that a result without error stays small.
    private var failure: Failure?

    private final class Failure: Sendable {
        let error: IPCError
        init(_ error: IPCError) { self.error = error }
    }

    /// Success, with or without data and bytes.
    @inlinable
    public init(data: Value? = nil, bytes: Bytes? = nil, source: String? = nil) {
        self.init(data, bytes, source)
    }

    @inline(__always)
    @usableFromInline
    init(_ data: Value?, _ bytes: Bytes?, _ source: String?) {
        self.data = data
        self.bytes = bytes
        self.source = source
    }

    /// Failure.
    public init(err: IPCError, source: String? = nil) {
        self.init(nil, nil, source)
        self.err = err
    }

    /// Failure, from any error: an ``IPCError`` as it is, others by their description.
    public init(catching error: any Error) {
        self.init(err: error as? IPCError ?? IPCError(message: "\(error)"))
    }

    /// What a host sent in answer to `command`. A value that cannot be decoded is an error of the result.
    @inline(__always)
    init(_ storage: FrameStorage, _ command: String) {
        self.init(nil, storage.payload, command)
        let header = storage.header
        if header.valueBytes > 0 || header.flags.contains(.failed) { decode(storage) }
    }

    private mutating func decode(_ storage: FrameStorage) {
        do throws(FrameError) {
            let value = try storage.view.value()?.decode()
            if storage.header.flags.contains(.failed) {
                err = IPCError(value ?? .null)
            } else {
                data = value
            }
        } catch {
            err = IPCError(name: "EncodingError", message: "\(error)", code: "ENCODING_ERR")
        }
    }

    init(_ outcome: Outcome, _ command: String) {
        switch outcome {
        case .frame(let storage): self.init(storage, command)
        case .error(let error): self.init(err: error, source: command)
        }
    }

    /// True without error.
    @inlinable public var isOK: Bool { !hasFailed }

    @usableFromInline var hasFailed: Bool { failure != nil }

    /// Only bytes, or nothing at all.
    @inline(__always)
    borrowing func isPlain() -> Bool {
        if failure != nil { return false }
        if case .some = data { return false }
        return true
    }

    /// Where the bytes lie, as long as this value lives.
    @inline(__always)
    borrowing func unguardedPayload() -> UnsafeRawBufferPointer {
        switch bytes {
        case .some(let bytes): return unsafe bytes.unguardedBuffer()
        case nil: return unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        }
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
