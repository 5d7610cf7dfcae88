import OroFrame

/// The payload of a message or a result. Sharing and slicing do not copy.
///
/// ```swift
/// let reply = client.sendSync("fs.readFile", ["path": "notes.txt"])
/// reply.bytes?.count            // 1 234
/// [UInt8](reply.bytes!)         // a copy
/// ```
// Sendable: the memory is constant as long as `owner` lives.
@safe public struct Bytes: @unchecked Sendable {
    /// What keeps the memory alive: a received frame, or the storage of an array. One reference, so that a copy costs one
    /// count.
    @usableFromInline let owner: AnyObject
    @usableFromInline let base: UnsafeRawPointer
    /// How many bytes there are.
    public let count: Int

    @inlinable
    init(owner: AnyObject, base: UnsafeRawPointer, count: Int) {
        self.owner = owner
        unsafe self.base = base
        self.count = count
    }

    /// Bytes that are already in an array; they are not copied.
    public init(_ array: [UInt8]) {
        // An array is one reference to its storage, whose elements stay where they are and, as long as somebody else holds
        // the storage too, do not change: a mutation of the array copies first.
        let storage = unsafe unsafeBitCast(array, to: AnyObject.self)
        let base = unsafe array.withUnsafeBytes { elements in elements.baseAddress }
        unsafe self.init(
            owner: storage, base: base ?? UnsafeRawPointer(Unmanaged.passUnretained(storage).toOpaque()),
            count: array.count)
    }

    /// A copy of any other bytes.
    public init(copying bytes: some Sequence<UInt8>) { self.init([UInt8](bytes)) }

    /// The UTF-8 text of a string.
    public init(utf8 text: String) { self.init([UInt8](text.utf8)) }

    /// Calls `body` with the bytes in place; the buffer is valid until it returns.
    @inlinable
    public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        defer { extendLifetime(owner) }
        // `owner` keeps the memory alive and constant.
        return try unsafe body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// The bytes in place; the span cannot outlive this value.
    public var span: RawSpan {
        @_lifetime(borrow self)
        get {
            // As above, and the span's lifetime is bound to this value, which holds the owner.
            let buffer = unsafe UnsafeRawBufferPointer(start: base, count: count)
            return unsafe _overrideLifetime(buffer.bytes, borrowing: self)
        }
    }

    /// A part of these bytes, which is not copied. `range` must lie inside `0..<count`.
    public func extracting(_ range: Range<Int>) -> Bytes {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "the range is not inside the bytes")
        // Inside the memory: checked above.
        return unsafe Bytes(owner: owner, base: base + range.lowerBound, count: range.count)
    }

    /// The bytes as text, or `nil` when they are not valid UTF-8.
    public var utf8String: String? {
        unsafe withUnsafeBytes { buffer in unsafe String(validating: buffer, as: UTF8.self) }
    }

    /// True when there are none.
    @inlinable public var isEmpty: Bool { count == 0 }
}

extension [UInt8] {
    /// A copy of the bytes.
    public init(_ bytes: Bytes) {
        self = unsafe bytes.withUnsafeBytes { buffer in unsafe [UInt8](buffer) }
    }
}

extension Bytes: Hashable {
    /// The same bytes, wherever they lie. O(n).
    public static func == (left: Bytes, right: Bytes) -> Bool {
        guard left.count == right.count else { return false }
        return unsafe left.withUnsafeBytes { left in
            unsafe right.withUnsafeBytes { right in unsafe left.elementsEqual(right) }
        }
    }

    public func hash(into hasher: inout Hasher) {
        unsafe withUnsafeBytes { buffer in unsafe hasher.combine(bytes: buffer) }
    }
}

extension Bytes: ExpressibleByArrayLiteral {
    public init(arrayLiteral elements: UInt8...) { self.init(elements) }
}
