// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame

/// What a caller wants an answer to be; ``CallOptions/responseType``.
///
/// A result's data and its bytes are two things, and an error is a third: none is ever mistaken for another, and an
/// error stays as it is whatever was asked for.
public enum ResponseType: Sendable, Hashable {
    /// As the host sent it.
    case any
    /// `data` is a text: the bytes as UTF-8, where malformed parts become U+FFFD; without bytes the data, as JSON
    /// unless it is a text.
    case text
    /// `data` is what the bytes say as JSON; bytes that are no JSON are an `EncodingError`. Without bytes the data as
    /// it is.
    case json
    /// `bytes` are there: those the host sent, or else those of the data, a text as UTF-8, other values as JSON;
    /// perhaps none.
    case bytes
}

extension Result {
    /// The result as `type` says.
    func shaped(_ type: ResponseType) -> Result {
        if type == .any || !isOK { return self }
        var result = self
        switch (type, bytes) {
        case (.text, let bytes?):
            result.data = .string(bytes.utf8String ?? String(decoding: [UInt8](bytes), as: UTF8.self))
        case (.text, nil): if let data, data.string == nil { result.data = .string(data.json()) }
        case (.json, let bytes?):
            do throws(JSONError) {
                result.data = try Value(json: String(decoding: [UInt8](bytes), as: UTF8.self))
            } catch {
                result.err = IPCError(.encoding, "the answer to '\(source ?? "")' is not JSON: \(error)")
                result.data = nil
                result.bytes = nil
            }
        case (.bytes, nil): result.bytes = Bytes(data.map { $0.bytes ?? Array(($0.string ?? $0.json()).utf8) } ?? [])
        default: break
        }
        return result
    }
}
