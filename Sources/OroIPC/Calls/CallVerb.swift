// SPDX-License-Identifier: Apache-2.0

import OroBase

/// The function that a call was made with; errors and debug output name it.
enum CallVerb: String, Sendable, CustomStringConvertible {
    case send, sendSync, request, write, call, stream

    var description: String { rawValue }

    /// `resolve` of the module completes it: calls by `send` are events named by their seq there, all others are not.
    var canBeResolved: Bool { self == .send }
}

extension IPCError {
    /// What a call by `verb` comes to when its timeout is over first; ``about(_:)`` says which call that was.
    static func timedOut(_ verb: CallVerb) -> IPCError { .timeout("ipc.\(verb) timed out") }
}
