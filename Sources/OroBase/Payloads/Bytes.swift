// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroLink

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The payload of a message or a result. Sharing and slicing do not copy.
///
/// ```swift
/// let reply = client.sendSync("fs.readFile", ["path": "notes.txt"])
/// reply.bytes?.count            // 1 234
/// reply.bytes!.span             // the bytes, where they lie: in the memory of the host that read the file
/// [UInt8](reply.bytes!)         // a copy
/// ```
///
/// Bytes that a peer lent lie in the peer's memory, which is mapped here for reading. They are given back when the last
/// reference goes, on whatever thread, and stay readable when the peer has died. Unless ``isImmutable`` says otherwise
/// **the peer can still change them**: who checks something and then relies on it makes a ``copy()`` first.
// Sendable: `owner` keeps the memory alive; this process writes to it no more.
@safe public struct Bytes: @unchecked Sendable {
    /// What keeps the memory alive. One reference, so that a copy costs one count.
    @usableFromInline package let owner: AnyObject
    @usableFromInline package let base: UnsafeRawPointer
    /// The count, and above it what kind of memory it is. Private memory has no bits there: whoever compares this with
    /// what fits into a frame finds that nothing else does.
    @usableFromInline package let sizeWord: Int

    @usableFromInline package static var countBits: Int { 48 }

    /// Whose memory the bytes lie in; decides what ``Bytes/owner`` is.
    @usableFromInline package enum Place: Int {
        /// This process's own: a received frame, or the storage of an array.
        case ours = 0
        /// A block of a link's arena: `OwnBlock`.
        case block
        /// A memfd any link can pass on: `OwnMemory`.
        case memory
        /// The peer's, lent: `BorrowedBlock`.
        case borrowed
        /// A memory that was used before, and is shown to many: `MemoryLease`.
        case leased
        /// Nowhere: ``Bytes/empty``.
        case nowhere
        /// The peer's, lent, and mapped again for writing: `PrivateBlock`.
        case written
    }

    @inlinable
    package init(owner: AnyObject, base: UnsafeRawPointer, count: Int) {
        self.owner = owner
        unsafe self.base = base
        sizeWord = count
    }

    @inlinable
    package init(owner: AnyObject, base: UnsafeRawPointer, sizeWord: Int) {
        self.owner = owner
        unsafe self.base = base
        self.sizeWord = sizeWord
    }

    @inlinable package init(_ owner: AnyObject, _ base: UnsafeRawPointer, _ count: Int, in place: Place) {
        unsafe self.init(owner: owner, base: base, sizeWord: count | place.rawValue << Bytes.countBits)
    }

    /// What a peer has lent.
    package init(_ borrowed: BorrowedBlock) {
        unsafe self.init(borrowed, borrowed.base, borrowed.count, in: .borrowed)
    }

    @inlinable package var place: Place {
        // Whoever made it put one of them there.
        Place(rawValue: sizeWord >> Bytes.countBits)!
    }

    /// How many bytes there are.
    @inlinable public var count: Int { sizeWord & ((1 << Bytes.countBits) - 1) }

    /// Bytes that are already in an array; they are not copied.
    public init(_ array: [UInt8]) {
        // An array is one reference to its storage, whose elements stay where they are and, as long as somebody else
        // holds the storage too, do not change: a mutation of the array copies first.
        let storage = unsafe unsafeBitCast(array, to: AnyObject.self)
        let base = unsafe array.withUnsafeBytes { elements in elements.baseAddress }
        unsafe self.init(
            owner: storage, base: base ?? UnsafeRawPointer(Unmanaged.passUnretained(storage).toOpaque()),
            count: array.count)
    }

    /// A payload of no bytes, which travels as one: whoever gets it sees that there is one, and that it is empty. Other
    /// bytes of which there are none are no payload.
    public static let empty: Bytes = {
        let owner = NoBytes()
        // Never read: there are no bytes.
        return unsafe Bytes(owner, UnsafeRawPointer(Unmanaged.passUnretained(owner).toOpaque()), 0, in: .nowhere)
    }()

    private final class NoBytes: Sendable {}

    /// It is ``empty``.
    @inlinable package var isEmptyPayload: Bool { place == .nowhere }

    /// A copy of any other bytes.
    public init(copying bytes: some Sequence<UInt8>) { self.init([UInt8](bytes)) }

    /// The UTF-8 text of a string.
    public init(utf8 text: String) { self.init([UInt8](text.utf8)) }

    /// Calls `body` with the bytes in place; the buffer is valid until it returns.
    @inlinable
    public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        defer { extendLifetime(owner) }
        // `owner` keeps the memory alive.
        return try unsafe body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// The bytes in place; the compiler does not let the span outlive this value.
    public var span: RawSpan {
        @_lifetime(borrow self)
        get {
            // As above, and the span's lifetime is bound to this value, which holds the owner.
            let buffer = unsafe UnsafeRawBufferPointer(start: base, count: count)
            return unsafe _overrideLifetime(buffer.bytes, borrowing: self)
        }
    }

    /// A part of these bytes, which is not copied. `range` must lie inside `0..<count`. The whole is given back when
    /// the last part is gone.
    public func extracting(_ range: Range<Int>) -> Bytes {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "the range is not inside the bytes")
        // Inside the memory: checked above.
        return unsafe Bytes(owner, base + range.lowerBound, range.count, in: place)
    }

    /// The bytes in private memory, where nobody else can change them; the peer's block is not held by the copy. O(n).
    public func copy() -> Bytes { Bytes([UInt8](self)) }

    /// Nobody can change the bytes any more, no peer and nobody here: they are private, or in memory sealed against
    /// writing.
    public var isImmutable: Bool {
        switch place {
        case .ours, .block, .leased, .nowhere: true
        // As `place` says.
        case .memory: unsafe unsafeDowncast(owner, to: OwnMemory.self).isImmutable
        case .borrowed: unsafe unsafeDowncast(owner, to: BorrowedBlock.self).isImmutable
        case .written: false
        }
    }

    /// All of a block that a peer has lent, in a mapping that its only holder may write to; `nil` for other bytes, and
    /// where the block's memory cannot be mapped again. Throws where the system does not map it.
    package func mappedPrivately() throws(LinkError) -> (Bytes, base: UnsafeMutableRawPointer)? {
        guard place == .borrowed else { return nil }
        // As `place` says.
        let block = unsafe unsafeDowncast(owner, to: BorrowedBlock.self)
        guard block.count == count, let own = try block.mapPrivately() else { return nil }
        return unsafe (Bytes(own, own.base, count, in: .written), own.base)
    }

    /// The bytes lie in memory of a peer, and are given back when the last reference goes.
    @inlinable public var isBorrowed: Bool { place == .borrowed }

    /// The bytes as text, or `nil` when they are not valid UTF-8.
    public var utf8String: String? {
        // What is checked must be what is used: bytes that can change are copied first.
        if !isImmutable { return copy().utf8String }
        return unsafe withUnsafeBytes { buffer in unsafe String(validating: buffer, as: UTF8.self) }
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

extension String {
    /// The bytes as text; `nil` when they are not valid UTF-8.
    public init?(validating bytes: Bytes) {
        guard let text = bytes.utf8String else { return nil }
        self = text
    }
}

extension Bytes: Hashable {
    /// The same bytes, wherever they lie. O(n).
    public static func == (left: Bytes, right: Bytes) -> Bool {
        guard left.count == right.count else { return false }
        return unsafe left.withUnsafeBytes { left in
            unsafe right.withUnsafeBytes { right in
                guard let from = left.baseAddress, let to = right.baseAddress else { return true }
                // Both have that many bytes.
                return unsafe from == to || memcmp(from, to, left.count) == 0
            }
        }
    }

    public func hash(into hasher: inout Hasher) {
        unsafe withUnsafeBytes { buffer in unsafe hasher.combine(bytes: buffer) }
    }
}

extension Bytes: ExpressibleByArrayLiteral {
    public init(arrayLiteral elements: UInt8...) { self.init(elements) }
}
