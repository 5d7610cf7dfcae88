// SPDX-License-Identifier: Apache-2.0

import OroFrame

extension IPCError {
    /// The classes of errors of the module `oro:errors`, and those of the language that a peer can send.
    ///
    /// ```swift
    /// throw IPCError(.notFound, "no file 'a.txt'")
    /// if result.err?.kind == .timeout { … }
    /// ```
    ///
    /// Errors of the system are not among them: each has the name of its number (``errno(_:_:)``).
    public enum Class: String, Sendable, CaseIterable {
        case error = "Error"
        case abort = "AbortError"
        case aggregate = "AggregateError"
        case encoding = "EncodingError"
        case geolocationPosition = "GeolocationPositionError"
        case indexSize = "IndexSizeError"
        case `internal` = "InternalError"
        case domException = "DOMException"
        case invalidAccess = "InvalidAccessError"
        case network = "NetworkError"
        case notAllowed = "NotAllowedError"
        case notFound = "NotFoundError"
        case notSupported = "NotSupportedError"
        case operation = "OperationError"
        case range = "RangeError"
        case timeout = "TimeoutError"
        case type = "TypeError"
        case uri = "URIError"
        case security = "SecurityError"
        case badRequest = "BadRequestError"
        case finalizationRegistryCallback = "FinalizationRegistryCallbackError"
        case illegalConstructor = "IllegalConstructorError"
        /// A module was not found; `extra["requireStack"]` says who asked for it.
        case moduleNotFound = "ModuleNotFoundError"
        case syntax = "SyntaxError"
        /// A limit is reached: of requests at once, of bytes that wait, of blocks on loan.
        case quotaExceeded = "QuotaExceededError"
        /// What was asked for cannot be done any more, or not yet.
        case invalidState = "InvalidStateError"

        /// The class of this name; `nil` when it is none. A name from a peer is compared as bytes.
        package static func named(_ name: String) -> Class? { byName[name] }

        private static let byName: [TextKey: Class] = Dictionary(
            uniqueKeysWithValues: allCases.map { (TextKey($0.rawValue), $0) })

        /// Such as `NotFoundError`.
        public var name: String { rawValue }

        /// The class's code, such as `NOT_FOUND_ERR`; `nil` when it has none.
        public var code: String? { codes?.text }

        /// The class's number, such as 8; `nil` when it has none.
        public var number: Int? { codes?.number }

        private var codes: (text: String, number: Int)? {
            switch self {
            case .abort: ("ABORT_ERR", 20)
            case .badRequest: ("BAD_REQUEST_ERR", 0)
            case .encoding: ("ENCODING_ERR", 32)
            case .finalizationRegistryCallback: ("FINALIZATION_REGISTRY_CALLBACK_ERR", 0)
            case .illegalConstructor: ("ILLEGAL_CONSTRUCTOR_ERR", 0)
            case .indexSize: ("INDEX_SIZE_ERR", 1)
            case .internal: ("INTERNAL_ERR", 0)
            case .invalidAccess: ("INVALID_ACCESS_ERR", 15)
            case .invalidState: ("INVALID_STATE_ERR", 11)
            case .moduleNotFound: ("MODULE_NOT_FOUND", 8)
            case .network: ("NETWORK_ERR", 19)
            case .notAllowed: ("NOT_ALLOWED_ERR", 31)
            case .notFound: ("NOT_FOUND_ERR", 8)
            case .notSupported: ("NOT_SUPPORTED_ERR", 9)
            case .operation: ("OPERATION_ERR", 30)
            case .quotaExceeded: ("QUOTA_EXCEEDED_ERR", 22)
            case .security: ("SECURITY_ERR", 18)
            case .timeout: ("TIMEOUT_ERR", 23)
            case .aggregate, .domException, .error, .geolocationPosition, .range, .syntax, .type, .uri: nil
            }
        }

        /// The code is the class's, whatever else is given.
        package var hasFixedCode: Bool { code != nil && self != .internal }

        /// A peer names it by its `type`. The others are told by a `name`.
        package var isSentAsType: Bool {
            switch self {
            case .error, .finalizationRegistryCallback, .illegalConstructor, .moduleNotFound, .syntax, .quotaExceeded,
                .invalidState:
                false
            default: true
            }
        }

        /// The class that a number selects: the first that has it.
        package static func numbered(_ number: Int) -> Class? {
            allCases.first { $0.isSentAsType && $0.number == number }
        }
    }
}
