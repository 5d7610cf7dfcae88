// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroURI

/// Why something is no message.
public enum MessageError: Error, Hashable, Sendable {
    /// The text, cut to 256 characters, is not a URL; `reason` says what is wrong with it.
    case invalidURL(String, reason: String)
    /// It is a URL with another scheme; `found` with its colon.
    case wrongProtocol(found: String)
    /// An object without a text as its `command`.
    case noCommand
    /// A value of this kind is not a list of parameters.
    case notParameters(ValueKind)
}

extension MessageError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .invalidURL(let text, let reason): "Invalid URL: '\(text)': \(reason)"
        case .wrongProtocol(let found): "Invalid protocol in input. Expected '\(Message.PROTOCOL)' but got '\(found)'"
        case .noCommand: "Invalid input: an object needs a text as its member 'command'"
        case .notParameters(let kind):
            "Invalid parameters: expected an object, an array of pairs or the text of a query but got \(kind);"
                + " a bare value is the parameter 'value'"
        }
    }
}

extension MessageError {
    init(_ error: URIError, _ text: String) {
        if case .specialScheme(let scheme) = error {
            self = .wrongProtocol(found: scheme + ":")
        } else {
            self = .invalidURL(String(text.prefix(256)), reason: error.description)
        }
    }
}

extension IPCError {
    /// A `TypeError` that says the same.
    public init(_ error: MessageError) { self = .type(error.description) }
}
