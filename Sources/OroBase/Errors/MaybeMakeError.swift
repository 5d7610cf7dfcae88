// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroLink

/// The error that a value of a peer's stands for; `nil` for what is none: nothing, `null`, `false`, zero, NaN, an empty
/// text.
///
/// A text is the message of an `Error`. An object has `message`, `type` or `name`, `code`, and further members, which
/// the error keeps as its ``IPCError/extra``. Its class is the first that fits:
///
/// 1. a `code` that is a negative number of the system (-2, or "-2"): that error, here `ENOENT` with code 2;
/// 2. a `type` that names a ``IPCError/Class`` that is sent so;
/// 3. a `type` or `code` that is the number of such a class: 8 for `NotFoundError`;
/// 4. `Error`, which keeps a `type` that is unknown here.
///
/// Numbers, `true`, bytes and arrays give an `Error` without a message.
public func maybeMakeError(_ value: Value?) -> IPCError? {
    guard let value, value.isTruthy else { return nil }
    switch value {
    case .string(let text): return IPCError(message: text)
    case .object(let members): return IPCError(members)
    default: return IPCError(message: "")
    }
}

/// The error as it is, if it is an ``IPCError``; the end of a cancelled task as an `AbortError`, the end of a link as
/// results tell it; any other by its description.
public func maybeMakeError(_ error: (any Error)?) -> IPCError? {
    switch error {
    case nil: nil
    case let error as IPCError: error
    case let error as LinkError: IPCError(error)
    case is CancellationError: .abort()
    case .some(let error): IPCError(message: "\(error)")
    }
}

extension IPCError {
    /// Any error that was thrown, as `maybeMakeError` makes it.
    package init(catching error: any Error) { self = maybeMakeError(error) ?? IPCError(message: "") }

    /// What a peer sent as an error. Even what is none, as it said that it failed.
    package init(received value: Value?) { self = maybeMakeError(value) ?? IPCError(message: "") }

    fileprivate init(_ members: Value.Members) {
        let type = members["type"].flatMap { $0.isTruthy ? Optional($0) : .none }
        let code = members["code"]
        let (number, kind) = (IPCError.systemNumber(code), IPCError.kind(type, code))
        if let number {
            self = .errno(number)
        } else if let kind {
            self.init(kind, kind == .abort ? IPCError.abortMessage : "")
        } else {
            self.init(message: "")
            if let type, type != "Error" { extra["type"] = type }
        }
        let isFixed = number != nil || kind?.hasFixedCode == true
        for (key, value) in members {
            switch (key, value) {
            case ("type", _): break
            case ("message", .null): break
            case ("message", .string(let text)): message = text
            case ("message", let other): message = other.json()
            case ("code", .null): break
            case ("code", let code): if !isFixed { self.code = code }
            // The classes with a code have their names for good.
            case ("name", .string(let text)): if !isFixed && kind != .internal { name = text }
            default: extra[key] = value
            }
        }
    }

    /// The class that `type` names, or else that `type` or `code` is the number of.
    private static func kind(_ type: Value?, _ code: Value?) -> Class? {
        if let name = type?.string, let kind = Class.named(name), kind.isSentAsType { return kind }
        return [type, code].lazy.compactMap { $0?.integer }.compactMap { Class.numbered($0) }.first
    }

    /// The error number, where `code` is its negative.
    private static func systemNumber(_ code: Value?) -> Int? {
        let negative: Int? =
            switch code {
            case .string(let text): Int(String(text.unicodeScalars.trimming { $0 == " " }))
            case .bigint: code?.int.map { Int($0) }
            default: code?.integer
            }
        guard let negative, negative < 0, negative > -4096, Errno.name(-negative) != nil else { return nil }
        return -negative
    }

    /// The members in the order of the wire: type or name, message, code, and the others.
    package var value: Value {
        var members: Value.Members = [:]
        var code = code
        if let number = errno, Errno.name(number) != nil {
            // Its name follows from that.
            code = .int(Int64(-number))
        } else if kind?.isSentAsType == true {
            members["type"] = .string(name)
        } else if kind != .error {
            members["name"] = .string(name)
        }
        members["message"] = .string(message)
        if let code { members["code"] = code }
        for (key, value) in extra.inOrderOfNames where members[key] == nil { members[key] = value }
        return .object(members)
    }
}

extension Value {
    /// What JavaScript takes for true.
    package var isTruthy: Bool {
        switch self {
        case .null: false
        case .bool(let value): value
        case .int(let number): number != 0
        case .bigint: int != 0
        case .double(let number): number != 0 && !number.isNaN
        case .string(let text): !text.isEmpty
        case .bytes, .array, .object: true
        }
    }

    /// The integer that a number of JavaScript is: an `int`, or a `double` without a fraction.
    fileprivate var integer: Int? {
        switch self {
        case .int(let number): Int(number)
        case .double(let number): Int(exactly: number)
        default: nil
        }
    }
}
