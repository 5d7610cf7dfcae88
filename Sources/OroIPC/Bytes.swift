import OroFrame

/// The payload of a message or a result. Sharing and slicing do not copy.
///
/// ```swift
/// let reply = client.sendSync("fs.readFile", ["path": "notes.txt"])
/// reply.bytes?.count            // 1 234
/// [UInt8](reply.bytes!)         // a copy
/// ```
public struct Bytes: Sendable {
    @usableFromInline
    enum Storage: Sendable {
        case array([UInt8])
        case frame(FrameStorage)
    }

    @usableFromInline let storage: Storage
    @usableFromInline let start: Int
    /// How many bytes there are.
    public let count: Int

    @inlinable
    init(storage: Storage, start: Int, count: Int) {
        self.storage = storage
        self.start = start
        self.count = count
    }

    /// Bytes that are already in an array; they are not copied.
    @inlinable
    public init(_ array: [UInt8]) {
        self.init(storage: .array(array), start: 0, count: array.count)
    }

    /// A copy of any other bytes.
    public init(copying bytes: some Sequence<UInt8>) { self.init([UInt8](bytes)) }

    /// The UTF-8 text of a string.
    public init(utf8 text: String) { self.init([UInt8](text.utf8)) }

    /// Calls `body` with the bytes in place; the buffer is valid until it returns.
    @inlinable
    public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        switch storage {
        case .array(let array):
            // The range is inside the array since the initializer.
            return try unsafe array.span.bytes.extracting(start..<start + count).withUnsafeBytes(body)
        case .frame(let frame):
            // The frame's memory lives and does not change as long as its object; the range is inside it.
            defer { extendLifetime(frame) }
            return try unsafe body(UnsafeRawBufferPointer(start: frame.fields.pointee.base + start, count: count))
        }
    }

    /// Where the bytes lie, as long as this value lives. For the hot path, which counts no references.
    @inline(__always)
    borrowing func unguardedBuffer() -> UnsafeRawBufferPointer {
        switch storage {
        case .array(let array):
            // An array's elements stay where they are as long as nobody changes it; this value's is constant.
            let base = unsafe array.withUnsafeBytes { unsafe $0.baseAddress }
            return unsafe UnsafeRawBufferPointer(start: base.map { $0 + start }, count: count)
        case .frame(let frame):
            return unsafe UnsafeRawBufferPointer(start: frame.fields.pointee.base + start, count: count)
        }
    }

    /// The bytes in place; the span cannot outlive this value.
    public var span: RawSpan {
        @_lifetime(borrow self)
        get {
            switch storage {
            case .array(let array):
                // `self` holds the array, so its memory outlives the span.
                return unsafe _overrideLifetime(array.span.bytes.extracting(start..<start + count), borrowing: self)
            case .frame(let frame):
                let buffer = unsafe UnsafeRawBufferPointer(start: frame.fields.pointee.base + start, count: count)
                return unsafe _overrideLifetime(buffer.bytes, borrowing: self)
            }
        }
    }

    /// A part of these bytes, which is not copied. `range` must lie inside `0..<count`.
    public func extracting(_ range: Range<Int>) -> Bytes {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "the range is not inside the bytes")
        return Bytes(storage: storage, start: start + range.lowerBound, count: range.count)
    }

    /// The bytes as text, or `nil` when they are not valid UTF-8.
    public var utf8String: String? {
        withUnsafeBytes { buffer in unsafe String(validating: buffer, as: UTF8.self) }
    }

    /// True when there are none.
    @inlinable public var isEmpty: Bool { count == 0 }
}

extension [UInt8] {
    /// A copy of the bytes.
    public init(_ bytes: Bytes) {
        self = bytes.withUnsafeBytes { buffer in unsafe [UInt8](buffer) }
    }
}

extension Bytes: Hashable {
    /// The same bytes, wherever they lie. O(n).
    public static func == (left: Bytes, right: Bytes) -> Bool {
        guard left.count == right.count else { return false }
        return left.withUnsafeBytes { left in
            right.withUnsafeBytes { right in unsafe left.elementsEqual(right) }
        }
    }

    public func hash(into hasher: inout Hasher) {
        withUnsafeBytes { buffer in unsafe hasher.combine(bytes: buffer) }
    }
}

extension Bytes: ExpressibleByArrayLiteral {
    public init(arrayLiteral elements: UInt8...) { self.init(elements) }
}
