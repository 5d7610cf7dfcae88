// SPDX-License-Identifier: Apache-2.0

/// An encoded value, looked at where it lies: nothing is decoded but what is asked for.
///
/// ```swift
/// let view = try ValueView(encoded.span.bytes)
/// if let path = view["path"]?.string { … }   // steps over the other members in O(1) each
/// ```
///
/// A view cannot outlive the bytes it was made from; the compiler sees to it. Any bytes may be viewed: a damaged
/// member answers `nil`, or throws, when it is looked at. Creating a view, and all its properties but `string`,
/// `decode` and what they return, neither allocate nor take longer than the number of siblings stepped over.
public struct ValueView: ~Escapable {
    @usableFromInline let content: RawSpan
    @usableFromInline let token: ValueToken
    /// Where `content` stands in the outermost value.
    @usableFromInline let origin: Int

    /// A view of the value that `encoded` consists of, exactly.
    @_lifetime(copy encoded)
    @inlinable
    public init(_ encoded: RawSpan) throws(FrameError) {
        let token = try ValueToken.read(encoded, at: 0, origin: 0)
        guard token.totalBytes == encoded.byteCount else {
            throw .trailingBytes(
                .value, offset: token.totalBytes, count: encoded.byteCount - token.totalBytes)
        }
        self.init(encoded, at: 0, token: token, origin: 0)
    }

    /// The value of this token, whose content stands at `origin` of the outermost value.
    @_lifetime(copy content)
    init(_ content: RawSpan, token: ValueToken, origin: Int) {
        self.content = content
        self.token = token
        self.origin = origin
    }

    /// The value of this token at `start` of `bytes`, which stand at `origin` of the outermost value.
    @_lifetime(copy bytes)
    @inlinable
    init(_ bytes: RawSpan, at start: Int, token: ValueToken, origin: Int) {
        let first = start + token.headerBytes
        content = bytes.extracting(first..<first + token.contentBytes)
        self.token = token
        self.origin = origin + first
    }
}

extension ValueView {
    /// Which case of ``Value`` this is.
    @inlinable public var kind: ValueKind { token.kind }

    /// Bytes of its encoding.
    package var encodedBytes: Int { token.totalBytes }

    /// Decoding it allocates nothing.
    package var isBrief: Bool {
        switch token.kind {
        case .null, .bool, .int, .double: true
        case .string: content.byteCount < 16
        default: false
        }
    }

    /// Whether this is `null`.
    @inlinable public var isNull: Bool { token.kind == .null }

    /// The truth value, if this is one.
    @inlinable public var bool: Bool? { token.kind == .bool ? token.bits != 0 : nil }

    /// The integer, if this is an `int`. (A `bigint` has to be decoded.)
    @inlinable public var int: Int64? { token.kind == .int ? Int64(bitPattern: token.bits) : nil }

    /// The number as a double, if this is a `double`, or an `int` that a double holds exactly.
    @inlinable public var double: Double? {
        switch token.kind {
        case .double: Double(bitPattern: token.bits)
        case .int: Double(exactly: Int64(bitPattern: token.bits))
        default: nil
        }
    }

    /// The text, if this is one in valid UTF-8. Allocates above 15 bytes.
    public var string: String? { token.kind == .string ? UTF8Text.string(content) : nil }

    /// The bytes of a text (not validated) or of `bytes`, in place.
    ///
    /// Whoever wrote them may still change them; copy first what you check and then use.
    @inlinable public var rawBytes: RawSpan? {
        @_lifetime(copy self)
        get { token.kind == .string || token.kind == .bytes ? content : nil }
    }

    /// How many elements an array, members an object, bytes a text or `bytes` has; 0 for everything else.
    @inlinable public var count: Int {
        switch token.kind {
        case .array, .object: Int(truncatingIfNeeded: token.bits)
        case .string, .bytes: content.byteCount
        default: 0
        }
    }

    /// Whether this is a text of exactly these bytes. Does not allocate.
    @inlinable
    public func isString(_ text: String) -> Bool {
        token.kind == .string && ValueView.equal(content, text)
    }

    @inlinable
    static func equal(_ bytes: RawSpan, _ text: String) -> Bool {
        let utf8 = text.utf8
        guard utf8.count == bytes.byteCount else { return false }
        let expected = utf8.span
        for offset in expected.indices
        // Inside both: they are equally long.
        where unsafe expected[unchecked: offset]
            != bytes.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
        { return false }
        return true
    }
}

extension ValueView {
    /// The first member whose name has exactly the bytes of `key`; `nil` when there is none or this is no object.
    /// Steps over the members before it.
    @_lifetime(copy self)
    @inlinable
    public func member(_ key: String) throws(FrameError) -> ValueView? {
        guard token.kind == .object else { return nil }
        var next = 0
        for _ in 0..<count {
            let name = try readKey(at: next)
            let start = next + name.totalBytes
            let value = try ValueToken.read(content, at: start, origin: origin)
            if ValueView.equal(content.extracting(next + name.headerBytes..<start), key) {
                return ValueView(content, at: start, token: value, origin: origin)
            }
            next = start + value.totalBytes
        }
        try requireEnd(at: next)
        return nil
    }

    /// The element at `index`; `nil` when there is none or this is no array. Steps over the elements before it.
    @_lifetime(copy self)
    @inlinable
    public func element(_ index: Int) throws(FrameError) -> ValueView? {
        guard token.kind == .array, index >= 0, index < count else { return nil }
        var next = 0
        for _ in 0..<index {
            next += try ValueToken.read(content, at: next, origin: origin).totalBytes
        }
        let value = try ValueToken.read(content, at: next, origin: origin)
        return ValueView(content, at: next, token: value, origin: origin)
    }

    /// As ``member(_:)``; `nil` also when the bytes on the way to it are damaged.
    @inlinable
    public subscript(key: String) -> ValueView? {
        @_lifetime(copy self)
        get {
            do { return try member(key) } catch { return nil }
        }
    }

    /// As ``element(_:)``; `nil` also when the bytes on the way to it are damaged.
    @inlinable
    public subscript(index: Int) -> ValueView? {
        @_lifetime(copy self)
        get {
            do { return try element(index) } catch { return nil }
        }
    }

    /// Visits the elements of an array in order; visits nothing when this is none.
    @inlinable
    public func forEachElement(_ visit: (ValueView) throws(FrameError) -> Void) throws(FrameError) {
        guard token.kind == .array else { return }
        var next = 0
        for _ in 0..<count {
            let value = try ValueToken.read(content, at: next, origin: origin)
            try visit(ValueView(content, at: next, token: value, origin: origin))
            next += value.totalBytes
        }
        try requireEnd(at: next)
    }

    /// Visits the members of an object in order, names as views of texts; visits nothing when this is none.
    @inlinable
    public func forEachMember(_ visit: (ValueView, ValueView) throws(FrameError) -> Void) throws(FrameError) {
        guard token.kind == .object else { return }
        var next = 0
        for _ in 0..<count {
            let name = try readKey(at: next)
            let start = next + name.totalBytes
            let value = try ValueToken.read(content, at: start, origin: origin)
            try visit(
                ValueView(content, at: next, token: name, origin: origin),
                ValueView(content, at: start, token: value, origin: origin))
            next = start + value.totalBytes
        }
        try requireEnd(at: next)
    }

    @inlinable
    func readKey(at start: Int) throws(FrameError) -> ValueToken {
        let name = try ValueToken.read(content, at: start, origin: origin)
        guard name.kind == .string else { throw .keyNotString(offset: origin + start) }
        return name
    }

    @inlinable
    func requireEnd(at end: Int) throws(FrameError) {
        guard end == content.byteCount else {
            throw .trailingBytes(.value, offset: origin + end, count: content.byteCount - end)
        }
    }
}
