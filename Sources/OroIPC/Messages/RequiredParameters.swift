// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame

// Parameters that must be there, or must be right: the errors every route gives in the same words.
extension IPCError {
    /// A parameter that a route needs is missing or empty.
    public static func expecting(_ name: String) -> IPCError { IPCError(message: "Expecting '\(name)' in parameters") }

    /// A parameter is not what it has to be.
    public static func invalid(_ name: String) -> IPCError {
        IPCError(message: "Invalid '\(name)' given in parameters")
    }

    /// A number is not in its range.
    public static func outOfRange(_ name: String, _ range: ClosedRange<Int>) -> IPCError {
        IPCError(.range, "'\(name)' must be between \(range.lowerBound) and \(range.upperBound)")
    }
}

extension Message {
    /// The integer of member `key`: a number, or a text that is one. Throws ``IPCError/expecting(_:)`` when it is
    /// missing, ``IPCError/invalid(_:)`` when it is none.
    public func int(_ key: String) throws(IPCError) -> Int {
        guard let value = scalar(key), !value.isNull, value != "" else { throw .expecting(key) }
        return try Message.int(value, key)
    }

    /// The same with a range, and perhaps a number to take when it is missing. Throws ``IPCError/outOfRange(_:_:)``
    /// when it is not in the range.
    public func int(_ key: String, in range: ClosedRange<Int>, default otherwise: Int? = nil) throws(IPCError) -> Int {
        if let otherwise, scalar(key)?.isNull ?? true { return otherwise }
        let number = try int(key)
        guard range.contains(number) else { throw .outOfRange(key, range) }
        return number
    }

    private static func int(_ value: Value, _ key: String) throws(IPCError) -> Int {
        if let number = value.int.flatMap({ Int(exactly: $0) }) { return number }
        if let text = value.string, let number = Int(text) { return number }
        if let number = value.double.flatMap({ Int(exactly: $0) }) { return number }
        throw .invalid(key)
    }
}
