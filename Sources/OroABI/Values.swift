// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroFrame
import OroIPC

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A value that C handed in: none, one that is a tree here, or one that is encoded already.
enum GivenValue {
    case none
    case tree(Value)
    case encoded(EncodedValue)

    init(_ pointer: UnsafePointer<oroipc_value>?) throws(Failure) {
        guard let pointer = unsafe pointer else {
            self = .none
            return
        }
        // C says that it points to a value.
        unsafe try self.init(unsafe pointer.pointee)
    }

    init(_ given: oroipc_value) throws(Failure) {
        switch unsafe Int(given.kind) {
        case OROIPC_NONE: self = .none
        case OROIPC_NULL: self = .tree(.null)
        case OROIPC_BOOLEAN: self = unsafe .tree(.bool(given.integer != 0))
        case OROIPC_INTEGER: self = unsafe .tree(.int(given.integer))
        case OROIPC_NUMBER: self = unsafe .tree(.double(given.number))
        case OROIPC_TEXT: self = unsafe .tree(.string(try GivenValue.text(given)))
        case OROIPC_JSON:
            let text = unsafe try GivenValue.text(given)
            do throws(JSONError) {
                self = .tree(try Value(json: text))
            } catch {
                throw Failure(OROIPC_MALFORMED, "the value is not JSON: \(error)")
            }
        case OROIPC_ENCODED:
            guard let encoded = try unsafe encodedValue(given.data, given.size) else { throw .null("data") }
            self = .encoded(encoded)
        default: throw unsafe .invalid("\(given.kind) is no kind of value")
        }
    }

    private static func text(_ given: oroipc_value) throws(Failure) -> String {
        guard let data = unsafe given.data else { throw .null("data") }
        let size = unsafe given.size
        // C says that the text ends with a zero byte (SIZE_MAX, which is -1 here), or has so many.
        let count = unsafe size == -1 ? strlen(data.assumingMemoryBound(to: CChar.self)) : size
        guard (0...mostBytes).contains(count) else { throw Failure(OROIPC_TOO_LARGE, "the value is too long") }
        return try unsafe OroABI.text(data, count, "data")
    }

    /// The tree, whatever it was.
    func tree() throws(Failure) -> Value? {
        switch self {
        case .none: return nil
        case .tree(let value): return value
        case .encoded(let encoded):
            do throws(FrameError) { return try encoded.decode() } catch { throw Failure(OROIPC_MALFORMED, "\(error)") }
        }
    }
}

/// More bytes than any address space has room for beside others: a size beyond is a mistake.
let mostBytes = 1 << 46

extension oroipc_value {
    /// No value.
    static var none: oroipc_value { unsafe oroipc_value() }

    init(_ kind: Int, _ kept: Texts.Kept) {
        unsafe self.init()
        unsafe self.kind = Int32(kind)
        unsafe data = UnsafeRawPointer(kept.base)
        unsafe size = kept.count
    }
}

/// Puts a value into `out`, as C wants it; NULL, and OROIPC_NONE, when `find` finds none.
///
/// `part`: where texts are kept.
func answer(
    _ out: UnsafeMutablePointer<oroipc_value>?, as form: Int32, _ texts: Texts, _ part: Texts.Part,
    _ find: () throws(Failure) -> Value?
) -> oroipc_status {
    guard let out = unsafe out else { return Failure.null("out").status(recorded: true) }
    // C says that it points to a value.
    unsafe out.pointee = .none
    return status { () throws(Failure) in
        guard let value = try find() else { throw Failure(OROIPC_NOT_FOUND, "there is no such value") }
        unsafe out.pointee = try shown(value, as: form, texts, part)
    }
}

private func shown(
    _ value: Value, as form: Int32, _ texts: Texts, _ part: Texts.Part
) throws(Failure) -> oroipc_value {
    func kept(_ kind: Int, _ make: () -> Texts.Kept?) throws(Failure) -> oroipc_value {
        guard let kept = texts.keep(part, make) else { throw Failure(OROIPC_SYSTEM, "no memory") }
        return unsafe oroipc_value(kind, kept)
    }
    switch (Int(form), value) {
    case (OROIPC_NATIVE, .null): return unsafe oroipc_value(scalar: OROIPC_NULL)
    case (OROIPC_NATIVE, .bool(let bool)): return unsafe oroipc_value(scalar: OROIPC_BOOLEAN, integer: bool ? 1 : 0)
    case (OROIPC_NATIVE, .int(let int)): return unsafe oroipc_value(scalar: OROIPC_INTEGER, integer: int)
    case (OROIPC_NATIVE, .double(let double)): return unsafe oroipc_value(scalar: OROIPC_NUMBER, number: double)
    case (OROIPC_NATIVE, .string(let text)), (OROIPC_TEXT, .string(let text)):
        return unsafe try kept(OROIPC_TEXT) { Texts.Kept(text) }
    case (OROIPC_TEXT, _): return unsafe try kept(OROIPC_TEXT) { Texts.Kept(value.json()) }
    case (OROIPC_NATIVE, _), (OROIPC_JSON, _): return unsafe try kept(OROIPC_JSON) { Texts.Kept(value.json()) }
    case (OROIPC_ENCODED, _):
        return unsafe try kept(OROIPC_ENCODED) {
            guard let bytes = try? value.encoded() else { return nil }
            return unsafe bytes.withUnsafeBytes { buffer in unsafe Texts.Kept(buffer) }
        }
    default: throw .invalid("\(form) is no form of a value")
    }
}

extension oroipc_value {
    fileprivate init(scalar kind: Int, integer: Int64 = 0, number: Double = 0) {
        unsafe self.init()
        unsafe self.kind = Int32(kind)
        unsafe self.integer = integer
        unsafe self.number = number
    }

    /// An encoded value that is kept by what it was read from.
    init(_ part: EncodedPart) {
        unsafe self.init()
        unsafe kind = Int32(OROIPC_ENCODED)
        unsafe data = part.base
        unsafe size = part.count
    }
}
