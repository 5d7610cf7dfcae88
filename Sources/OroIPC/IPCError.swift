import OroFrame
import OroLink

/// What went wrong with a request: the error inside a ``Result``.
///
/// `name` and `code` are those of the module `oro:errors`; `extra` holds whatever else the error carried (`url`, …).
public struct IPCError: Error, Hashable, Sendable {
    /// The class of error, such as `NotFoundError`.
    public var name: String
    /// What happened, for people.
    public var message: String
    /// The code, such as `NOT_FOUND_ERR`; empty when there is none.
    public var code: String
    /// Further members, by name.
    public var extra: [String: Value]

    public init(name: String = "Error", message: String, code: String = "", extra: [String: Value] = [:]) {
        self.name = name
        self.message = message
        self.code = code
        self.extra = extra
    }

    /// No route of this name.
    public static func notFound(_ message: String = "Not found", url: String? = nil) -> IPCError {
        let extra: [String: Value] = if let url { ["url": .string(url)] } else { [:] }
        return IPCError(name: "NotFoundError", message: message, code: "NOT_FOUND_ERR", extra: extra)
    }

    /// The deadline passed.
    public static func timeout(_ message: String) -> IPCError {
        IPCError(name: "TimeoutError", message: message, code: "TIMEOUT_ERR")
    }

    /// The caller gave up.
    public static func abort(_ message: String = "The operation was aborted") -> IPCError {
        IPCError(name: "AbortError", message: message, code: "ABORT_ERR")
    }

    /// The peer is gone, or the link was broken.
    public static func network(_ message: String) -> IPCError {
        IPCError(name: "NetworkError", message: message, code: "NETWORK_ERR")
    }

    /// An argument that cannot be.
    public static func type(_ message: String) -> IPCError { IPCError(name: "TypeError", message: message) }

    /// Not allowed: a policy or a limit forbids it.
    public static func notAllowed(_ message: String) -> IPCError {
        IPCError(name: "NotAllowedError", message: message, code: "NOT_ALLOWED_ERR")
    }

    /// A request with this seq waits already.
    static func inFlight(_ seq: Seq) -> IPCError {
        IPCError(
            name: "InvalidAccessError", message: "a request with seq \(seq) is in flight", code: "INVALID_ACCESS_ERR")
    }

    /// A limit on requests is reached.
    static func tooMany(_ limit: Int) -> IPCError {
        IPCError(name: "QuotaExceededError", message: "more than \(limit) requests at once")
    }

    /// As an error of a link is told to those who wait for results.
    init(_ error: LinkError) {
        switch error {
        case .timedOut: self = .timeout("timed out")
        case .unencodable(let what): self = .type(what)
        case .tooLarge: self = IPCError(name: "RangeError", message: error.description)
        case .busy, .noBlocks: self = IPCError(name: "QuotaExceededError", message: error.description)
        default: self = .network(error.description)
        }
    }
}

extension IPCError: CustomStringConvertible {
    /// `NotFoundError: Not found`.
    public var description: String { "\(name): \(message)" }
}

extension IPCError {
    /// The members in the order of the wire: type, message, code, and the others.
    var value: Value {
        var members: Value = ["type": .string(name), "message": .string(message)]
        guard case .object(var object) = members else { return members }
        if !code.isEmpty { object["code"] = .string(code) }
        for (key, value) in extra.sorted(by: { $0.key < $1.key }) where object[key] == nil { object[key] = value }
        members = .object(object)
        return members
    }

    /// What a peer sent as an error. A text is the message; other kinds give an error without one.
    init(_ value: Value) {
        self.init(message: "")
        switch value {
        case .string(let text): message = text
        case .object(let members):
            for (key, value) in members {
                switch (key, value) {
                case ("type", .string(let text)): name = text
                case ("message", .string(let text)): message = text
                case ("code", .string(let text)): code = text
                default: extra[key] = value
                }
            }
        default: break
        }
    }
}
