// SPDX-License-Identifier: Apache-2.0

import OroIPC
import OroLink
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The text behind a `const char *`; `nil` for NULL. Throws where it is not UTF-8.
func text(_ pointer: UnsafePointer<CChar>?, _ what: String) throws(Failure) -> String? {
    guard let pointer = unsafe pointer else { return nil }
    // C says that it ends with a zero byte.
    return try unsafe text(pointer, strlen(pointer), what)
}

/// The same where it must not be NULL.
func required(_ pointer: UnsafePointer<CChar>?, _ what: String) throws(Failure) -> String {
    guard let text = try unsafe text(pointer, what) else { throw .null(what) }
    return text
}

/// `count` bytes of UTF-8.
func text(_ pointer: UnsafeRawPointer, _ count: Int, _ what: String) throws(Failure) -> String {
    // C says that there are so many.
    let buffer = unsafe UnsafeBufferPointer(start: pointer.assumingMemoryBound(to: UInt8.self), count: count)
    guard let text = unsafe String(validating: buffer, as: UTF8.self) else {
        throw .invalid("'\(what)' is not UTF-8")
    }
    return text
}

/// What a getter has answered once: it stays where it is until the handle changes or goes.
@safe final class Texts: @unchecked Sendable {
    // Sendable: what it keeps is behind a lock, and constant once it is there.

    /// What was asked for.
    enum Part: Hashable {
        case name, seq, uri, source, errorName, errorMessage, errorCode, id, reason, label, envelopeID
        case envelope(source: String?, token: String?, as: Int32)
        case value(key: String?, as: Int32)
        case error(as: Int32)
        case header(String), headerName(Int), headerValue(Int)
        case encoded
        /// Of a node of a structured value.
        case node(Int, NodePart)
    }

    /// What a node points to.
    enum NodePart: Hashable {
        case text, more, stack, parts, names, sizes, name(Int)
        case value(as: Int32)
    }

    /// Bytes in memory of their own, with a zero byte behind them.
    @safe struct Kept {
        let base: UnsafeMutableRawPointer
        let count: Int

        /// `nil` where there is no memory.
        init?(_ bytes: UnsafeRawBufferPointer) {
            guard let base = unsafe malloc(bytes.count + 1) else { return nil }
            unsafe self.base = base
            count = bytes.count
            if let source = bytes.baseAddress { unsafe base.copyMemory(from: source, byteCount: count) }
            unsafe base.storeBytes(of: 0, toByteOffset: count, as: UInt8.self)
        }

        init?(_ text: String) {
            var text = text
            let kept = text.withUTF8 { utf8 in unsafe Kept(UnsafeRawBufferPointer(utf8)) }
            guard let kept else { return nil }
            self = kept
        }

        /// Nobody reads it any more.
        func release() { unsafe free(base) }

        var text: UnsafePointer<CChar> { unsafe UnsafePointer(base.assumingMemoryBound(to: CChar.self)) }
    }

    private let all = Locked<[Part: Kept?]>([:])
    /// Something was asked for. A steady exchange of bytes never does, and takes no lock here.
    private let isUsed = Atomic(false)

    deinit { clear() }

    /// Frees everything. Nobody may be reading.
    @inline(__always)
    func clear() {
        if isUsed.load(ordering: .relaxed) { forget() }
    }

    private func forget() {
        isUsed.store(false, ordering: .relaxed)
        let kept = all.withLock { all in
            defer { all = [:] }
            return all
        }
        // Handed out by this object only, and C was told how long they live.
        for case let kept? in kept.values { kept.release() }
    }

    /// The bytes that `make` makes when they are first asked for; `nil` when there are none.
    func keep(_ part: Part, _ make: () -> Kept?) -> Kept? {
        all.withLock { all in
            if let kept = all[part] { return kept }
            let kept = make()
            all[part] = .some(kept)
            isUsed.store(true, ordering: .relaxed)
            return kept
        }
    }

    func text(_ part: Part, _ make: () -> String?) -> UnsafePointer<CChar>? {
        unsafe keep(part) { make().flatMap { Kept($0) } }?.text
    }
}
