// SPDX-License-Identifier: Apache-2.0

/// The encoding of a structured value that is one small thing: a scalar, a short text, or the one buffer beside it,
/// with or without a view. It stands in place, so that most small messages take no memory but their frame's.
///
/// The bytes are those that ``StructuredGraph/encoded(from:limits:inline:port:descriptor:)`` makes of the same value.
package struct ShortStructured: Sendable {
    /// The encoding stands at their end: it is written from its last byte to its first.
    private var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)
    /// Bytes of the encoding, 1 to 48.
    package let count: Int
    /// It names buffer 0.
    package let namesBuffer: Bool

    private static let room = 48

    /// `nil`: it is something else. Allocates nothing.
    package init?(_ graph: StructuredGraph, from root: StructuredGraph.Reference) {
        var front = ShortStructured.room
        let buffers = unsafe withUnsafeMutableBytes(of: &words) { place in
            // Valid in the closure; the span checks every store.
            var span = unsafe MutableRawSpan(_unsafeBytes: place)
            return span.prepend(short: graph[root], of: graph, &front)
        }
        guard let buffers else { return nil }
        count = ShortStructured.room - front
        namesBuffer = buffers > 0
    }

    /// Writes the `count` bytes.
    package func write(to destination: UnsafeMutableRawPointer) {
        // The caller vouches for `count` writable bytes.
        unsafe withUnsafeBytes { unsafe destination.copyMemory(from: $0.baseAddress!, byteCount: count) }
    }

    private func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        unsafe Swift.withUnsafeBytes(of: words) { place in
            // The last `count` of the 48 bytes.
            unsafe body(UnsafeRawBufferPointer(rebasing: place[(ShortStructured.room - count)...]))
        }
    }

    /// The same in memory of its own.
    package var encoded: EncodedValue {
        EncodedValue(wellFormed: unsafe withUnsafeBytes { bytes in unsafe [UInt8](bytes) })
    }

    /// What it says, where buffer 0 has so many bytes; its root is node 0. `nil`: it names a buffer of another length.
    package func graph(buffer: Int?) -> StructuredGraph? {
        unsafe withUnsafeBytes { bytes in
            // Valid in the closure, and the graph does not refer to it.
            unsafe StructuredGraph.decode(short: bytes.bytes, buffer: buffer)
        }
    }
}

extension MutableRawSpan {
    /// Answers how many buffers the thing names; `nil`, and nothing is said of what was written, when it is not small.
    fileprivate mutating func prepend(
        short node: StructuredGraph.Node, of graph: StructuredGraph, _ front: inout Int
    ) -> Int? {
        switch node {
        case .undefined:
            prepend(form: .undefined, &front)
            prepend(ValueTag.array, 1, count: 1, &front)
        case .null: prepend(Value.null, &front)
        case .bool(let value): prepend(Value.bool(value), &front)
        case .int(let value): prepend(int: value, &front)
        case .double(let value): prepend(double: value, &front)
        case .string(let text):
            guard text.utf8.count <= ValueTag.longestShortString else { return nil }
            prepend(string: text, &front)
        case .buffer(0, let count) where count > 0:
            prepend(buffer: count, &front)
            return 1
        case .view(let kind, let buffer, let offset, let length):
            guard case .buffer(0, let count) = graph[buffer], count > 0 else { return nil }
            // 36 bytes at most.
            let end = front
            prepend(int: Int64(length), &front)
            prepend(int: Int64(offset), &front)
            prepend(buffer: count, &front)
            prepend(int: Int64(kind.rawValue), &front)
            prepend(form: .view, &front)
            prepend(ValueTag.array, end - front, count: 5, &front)
            return 1
        default: return nil
        }
        return 0
    }

    private mutating func prepend(form: StructuredForm, _ front: inout Int) { prepend(int: form.rawValue, &front) }

    /// Buffer 0, of `count` bytes.
    private mutating func prepend(buffer count: Int, _ front: inout Int) {
        let end = front
        prepend(int: Int64(count), &front)
        prepend(int: 0, &front)
        prepend(form: .buffer, &front)
        prepend(ValueTag.array, end - front, count: 3, &front)
    }
}

extension StructuredGraph {
    /// The graph of an encoded value that is one small thing, as ``ShortStructured`` has it, and whose buffer 0, if
    /// there is one, has `buffer` bytes. Its root is node 0. `nil`: it is something else, or malformed, which the
    /// general decoder tells apart.
    ///
    /// UNTRUSTED: total, as that is. Allocates nothing but a long text.
    package static func decode(short bytes: RawSpan, buffer: Int?) -> StructuredGraph? {
        if let buffer, let graph = decode(view: bytes, of: buffer) { return graph }
        guard let view = try? ValueView(bytes) else { return nil }
        return decode(short: view, buffer: buffer)
    }

    /// The same for what most messages with bytes are, `[9, kind, [8, 0, bytes], offset, length]` with lengths of one
    /// byte, by the bytes of its tags. `nil`: it is not that.
    private static func decode(view bytes: RawSpan, of buffer: Int) -> StructuredGraph? {
        guard bytes.byteCount >= 13 else { return nil }
        // 10 bytes are there. Array, its length, 5 elements, form 9, kind; array, its length, 3 elements, form 8,
        // buffer 0.
        let head = unsafe UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self))
        let rest = unsafe UInt16(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt16.self))
        guard head & 0xFF00_FF00_FFFF_00FF == 0x0300_D800_0905_00D8, rest == 0x0008,
            Int(head >> 8 & 0xFF) == bytes.byteCount - 3,
            let kind = ViewKind(rawValue: Int(head >> 32 & 0xFF))
        else { return nil }
        var next = 10
        guard bytes.int(at: &next, origin: 0) == Int64(buffer), next == 8 + Int(head >> 48 & 0xFF),
            let offset = bytes.int(at: &next, origin: 0), let length = bytes.int(at: &next, origin: 0),
            next == bytes.byteCount
        else { return nil }
        return view(kind, of: buffer, offset: offset, length: length)
    }

    /// A view, if it lies inside its buffer.
    private static func view(_ kind: ViewKind, of buffer: Int, offset: Int64, length: Int64) -> StructuredGraph? {
        guard offset >= 0, length >= 0, offset <= buffer,
            length <= (Int64(buffer) - offset) / Int64(kind.elementBytes),
            offset % Int64(kind.elementBytes) == 0 || kind == .dataView
        else { return nil }
        return StructuredGraph(view: kind, of: buffer, offset: Int(offset), length: Int(length))
    }

    private static func decode(short view: ValueView, buffer: Int?) -> StructuredGraph? {
        switch view.kind {
        case .null: return StructuredGraph(single: .null)
        case .bool: return view.bool.map { StructuredGraph(single: .bool($0)) }
        case .int: return view.int.map { StructuredGraph(single: .int($0)) }
        case .double: return view.double.map { StructuredGraph(single: .double($0)) }
        case .string: return view.string.map { StructuredGraph(single: .string($0)) }
        case .array: break
        case .bigint, .bytes, .object: return nil
        }
        guard let buffer else { return nil }
        var next = 0
        switch view.form(at: &next) {
        case .buffer where view.namesBuffer(of: buffer): return StructuredGraph(single: .buffer(0, count: buffer))
        case .view where view.count == 5:
            guard let code = view.int(at: &next), let kind = Int(exactly: code).flatMap(ViewKind.init),
                view.stepOverBuffer(of: buffer, at: &next), let offset = view.int(at: &next),
                let length = view.int(at: &next), view.isEnd(next)
            else { return nil }
            return StructuredGraph.view(kind, of: buffer, offset: offset, length: length)
        default: return nil
        }
    }
}

// Elements one after the other, each from `next` on, which is moved behind it.
extension ValueView {
    fileprivate func int(at next: inout Int) -> Int64? { content.int(at: &next, origin: origin) }

    fileprivate func form(at next: inout Int) -> StructuredForm? {
        int(at: &next).flatMap { StructuredForm(rawValue: $0) }
    }

    fileprivate func isEnd(_ next: Int) -> Bool { next == content.byteCount }

    /// It is `[8, 0, bytes]`.
    fileprivate func namesBuffer(of bytes: Int) -> Bool {
        var next = 0
        return kind == .array && count == 3 && form(at: &next) == .buffer && int(at: &next) == 0
            && int(at: &next) == Int64(bytes) && isEnd(next)
    }

    fileprivate func stepOverBuffer(of bytes: Int, at next: inout Int) -> Bool {
        guard let token = try? ValueToken.read(content, at: next, origin: origin),
            ValueView(content, at: next, token: token, origin: origin).namesBuffer(of: bytes)
        else { return false }
        next += token.totalBytes
        return true
    }
}

extension RawSpan {
    /// The encoded integer at `next`; `nil` when there is none.
    @inline(__always)
    fileprivate func int(at next: inout Int, origin: Int) -> Int64? {
        // Most are small.
        if let tag = try? valueField(at: next, origin: origin) as UInt8, tag <= ValueTag.lastPositive {
            next += 1
            return Int64(tag)
        }
        return longInt(at: &next, origin: origin)
    }

    private func longInt(at next: inout Int, origin: Int) -> Int64? {
        guard let token = try? ValueToken.read(self, at: next, origin: origin), token.kind == .int else { return nil }
        next += token.totalBytes
        return Int64(bitPattern: token.bits)
    }
}
