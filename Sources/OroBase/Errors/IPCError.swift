// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroLink

/// What went wrong with a request: the error inside a ``Result``.
///
/// ```swift
/// let result = await client.request("fs.open", ["path": "a.txt"], options: .deadline)
/// switch result.err?.kind {
/// case nil where result.err?.errno == Int(ENOENT): print("no such file")
/// case .timeout: print("the host did not answer in time")
/// default: print(result.err ?? result.data ?? .null)
/// }
/// ```
///
/// `name` and `code` are those of the module `oro:errors`; `extra` holds whatever else the error carried.
public struct IPCError: Error, Hashable, Sendable {
    /// The class of error, such as `NotFoundError`; of an error of the system its name, such as `ENOENT`.
    public var name: String
    /// What happened, for people.
    public var message: String
    /// The code: a text such as `NOT_FOUND_ERR`, the number of an error of the system, or whatever a peer sent; `nil`
    /// when there is none.
    public var code: Value?
    /// Further members, by name, of which the order means nothing: `url`, …. A `type` here is what a peer called an
    /// error that is of no class known here.
    public var extra: Value.Members

    /// An error of any name. Where it is a class that has a code of its own, that is the code; only an `InternalError`
    /// may have another.
    public init(name: String = "Error", message: String, code: Value? = nil, extra: Value.Members = [:]) {
        self.name = name
        self.message = message
        self.extra = extra
        let kind = Class.named(name)
        let own = kind?.code.map { Value.string($0) }
        self.code = kind?.hasFixedCode == true ? own : code ?? own
    }

    /// An error of a class.
    public init(_ kind: Class, _ message: String, code: Value? = nil, extra: Value.Members = [:]) {
        self.init(name: kind.name, message: message, code: code, extra: extra)
    }

    /// An error of the system: `ENOENT` with code 2. Without a message it is the usual one.
    ///
    /// A number that Linux does not have gives a `SystemError`.
    public static func errno(_ number: Int, _ message: String? = nil) -> IPCError {
        IPCError(
            name: Errno.name(number) ?? "SystemError",
            message: message ?? Errno.message(number) ?? "System error \(number)", code: .int(Int64(number)))
    }

    // MARK: Looking

    /// The class; `nil` for errors of the system, and for names that are none of the classes.
    public var kind: Class? { Class.named(name) }

    /// The number of an error of the system; `nil` when it is none.
    public var errno: Int? {
        guard let number = code?.int, TextKey.areSame(name, Errno.name(Int(number)) ?? "SystemError") else {
            return nil
        }
        return Int(number)
    }

    /// The URI of the request, where the error carries it.
    public var url: String? { extra["url"]?.string }

    /// What a peer called an error that is of no class known here; `nil` otherwise.
    public var type: String? { extra["type"]?.string }

    /// Message, name, type and code, empty where there is none, and then the other members.
    public var json: Value {
        var members: Value.Members = [
            "message": .string(message), "name": .string(name), "type": extra["type"] ?? "", "code": code ?? "",
        ]
        for (key, value) in extra.inOrderOfNames where members[key] == nil { members[key] = value }
        return .object(members)
    }

    // MARK: Classes

    /// No route of this name.
    public static func notFound(_ message: String = "Not found", url: String? = nil) -> IPCError {
        let extra: Value.Members = if let url { ["url": .string(url)] } else { [:] }
        return IPCError(.notFound, message, extra: extra)
    }

    /// The deadline passed.
    public static func timeout(_ message: String) -> IPCError { IPCError(.timeout, message) }

    package static let abortMessage = "The operation was aborted"

    /// The caller gave up. An empty reason is none.
    public static func abort(_ reason: String = "") -> IPCError {
        IPCError(.abort, reason.isEmpty ? abortMessage : reason)
    }

    /// What a request ends with whose signal was aborted: with the reason as its message, or the default.
    public static func abort(_ signal: AbortSignal) -> IPCError { abort(signal.reason ?? "") }

    /// The peer is gone, or the link was broken.
    public static func network(_ message: String) -> IPCError { IPCError(.network, message) }

    /// An argument that cannot be.
    public static func type(_ message: String) -> IPCError { IPCError(.type, message) }

    /// Not allowed: a policy or a limit forbids it.
    public static func notAllowed(_ message: String) -> IPCError { IPCError(.notAllowed, message) }

    /// A request with this seq waits already.
    package static func inFlight(_ seq: Seq) -> IPCError {
        IPCError(.invalidAccess, "a request with seq \(seq) is in flight")
    }

    /// A limit on requests is reached.
    package static func tooMany(_ limit: Int) -> IPCError {
        IPCError(.quotaExceeded, "more than \(limit) requests at once (ClientOptions.pendingRequests)")
    }

    /// As an error of a link is told to those who wait for results.
    package init(_ error: LinkError) {
        switch error {
        case .timedOut: self = .timeout(error.description)
        case .unencodable(let what): self = .type(what)
        case .tooLarge, .overLimit: self = IPCError(.range, error.description)
        case .busy, .noBlocks, .overBudget, .overQuota: self = IPCError(.quotaExceeded, error.description)
        case .forked, .wouldBlock: self = IPCError(.invalidState, error.description)
        case .cancelled: self = .abort(error.description)
        default: self = .network(error.description)
        }
    }
}

extension IPCError: CustomStringConvertible {
    /// `NotFoundError: Not found`; without a message the name alone.
    public var description: String { message.isEmpty ? name : "\(name): \(message)" }
}

extension IPCError {
    /// The same name, message, code and further members, these in any order. Texts are compared by their bytes.
    public static func == (left: IPCError, right: IPCError) -> Bool {
        TextKey.areSame(left.name, right.name) && TextKey.areSame(left.message, right.message)
            && left.code == right.code
            && Value.object(left.extra) == Value.object(right.extra)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(TextKey(name))
        hasher.combine(TextKey(message))
        hasher.combine(code)
        hasher.combine(Value.object(extra))
    }
}
