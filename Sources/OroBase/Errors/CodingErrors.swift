// SPDX-License-Identifier: Apache-2.0

import OroFrame

extension IPCError {
    /// Why `what`, such as `the request of 'fs.stat'`, cannot be encoded or decoded.
    ///
    /// A `TypeError` when the value is not of the type; an `EncodingError` when the bytes are no value, or something is
    /// over a limit. The message says where; the member `path` says it again (`options.modes[2]`).
    package init(coding error: any Error, _ what: String) {
        let context: (path: [any CodingKey], text: String, underlying: (any Error)?)
        switch error {
        case let error as IPCError:
            self = error
            return
        case DecodingError.typeMismatch(_, let found), DecodingError.valueNotFound(_, let found),
            DecodingError.keyNotFound(_, let found), DecodingError.dataCorrupted(let found):
            context = (found.codingPath, found.debugDescription, found.underlyingError)
        case EncodingError.invalidValue(_, let found):
            context = (found.codingPath, found.debugDescription, found.underlyingError)
        default:
            self.init(message: "\(what): \(error)")
            return
        }
        let path = context.path.text
        let message = "\(what): \(path.isEmpty ? "" : "\(path): ")\(context.text)"
        if context.underlying is FrameError {
            self.init(name: "EncodingError", message: message, code: "ENCODING_ERR")
        } else {
            self = .type(message)
        }
        if !path.isEmpty { extra["path"] = .string(path) }
    }
}

extension [any CodingKey] {
    /// Names between points, places in brackets.
    fileprivate var text: String {
        reduce(into: "") { text, key in
            if let index = key.intValue, key.stringValue == "\(index)" {
                text += "[\(index)]"
            } else {
                text += (text.isEmpty ? "" : ".") + key.stringValue
            }
        }
    }
}
