// SPDX-License-Identifier: Apache-2.0

import BigInt
import Foundation
import OroBase
import OroIPC
import Testing

// The tables of errors, one row a case. Left out: stack traces and the `caller` argument (a Swift error has no stack),
// the property `signal` of an AbortError (an error here is a value), subclassing (ModuleNotFoundError is a class of its
// own).
struct ErrorTests {
    // MARK: Classes

    static let table: [(IPCError.Class, name: String, code: Value?, number: Int?)] = [
        (.abort, "AbortError", "ABORT_ERR", 20), (.badRequest, "BadRequestError", "BAD_REQUEST_ERR", 0),
        (.encoding, "EncodingError", "ENCODING_ERR", 32),
        (
            .finalizationRegistryCallback, "FinalizationRegistryCallbackError", "FINALIZATION_REGISTRY_CALLBACK_ERR", 0
        ),
        (.illegalConstructor, "IllegalConstructorError", "ILLEGAL_CONSTRUCTOR_ERR", 0),
        (.indexSize, "IndexSizeError", "INDEX_SIZE_ERR", 1), (.internal, "InternalError", "INTERNAL_ERR", 0),
        (.invalidAccess, "InvalidAccessError", "INVALID_ACCESS_ERR", 15),
        (.network, "NetworkError", "NETWORK_ERR", 19), (.notAllowed, "NotAllowedError", "NOT_ALLOWED_ERR", 31),
        (.notFound, "NotFoundError", "NOT_FOUND_ERR", 8),
        (.moduleNotFound, "ModuleNotFoundError", "MODULE_NOT_FOUND", 8),
        (.notSupported, "NotSupportedError", "NOT_SUPPORTED_ERR", 9),
        (.operation, "OperationError", "OPERATION_ERR", 30), (.security, "SecurityError", "SECURITY_ERR", 18),
        (.timeout, "TimeoutError", "TIMEOUT_ERR", 23), (.error, "Error", nil, nil), (.type, "TypeError", nil, nil),
        (.range, "RangeError", nil, nil), (.uri, "URIError", nil, nil), (.aggregate, "AggregateError", nil, nil),
        (.domException, "DOMException", nil, nil),
        (.geolocationPosition, "GeolocationPositionError", nil, nil), (.syntax, "SyntaxError", nil, nil),
        (.quotaExceeded, "QuotaExceededError", "QUOTA_EXCEEDED_ERR", 22),
        (.invalidState, "InvalidStateError", "INVALID_STATE_ERR", 11),
    ]

    @Test("a class has its name, code and number", arguments: 0..<table.count)
    func classes(_ index: Int) {
        let (kind, name, code, number) = ErrorTests.table[index]
        let error = IPCError(kind, "m")
        #expect(error.name == name && error.code == code && kind.number == number && error.kind == kind)
        #expect(error.description == "\(name): m" && error.message == "m")
        #expect(IPCError(name: name, message: "m") == error)
    }

    @Test("every class is in the table") func allClasses() {
        #expect(Set(ErrorTests.table.map(\.0)) == Set(IPCError.Class.allCases))
    }

    @Test("a class's code is fixed, only an InternalError's is not")
    func codes() {
        #expect(IPCError(.notFound, "m", code: "OTHER").code == "NOT_FOUND_ERR")
        #expect(IPCError(name: "TimeoutError", message: "m", code: 7).code == "TIMEOUT_ERR")
        #expect(IPCError(.internal, "m", code: "OTHER").code == "OTHER")
        #expect(IPCError(.range, "m", code: "E_FAR").code == "E_FAR")
        #expect(IPCError(message: "m").code == nil)
    }

    @Test("an AbortError takes its message from the reason")
    func abort() {
        #expect(IPCError.abort().message == "The operation was aborted")
        #expect(IPCError.abort("stop").message == "stop")
        for (reason, message) in [
            (nil, "This operation was aborted"), ("why", "why"), ("", "The operation was aborted"),
        ] as [(String?, String)] {
            let controller = AbortController()
            controller.abort(reason)
            #expect(IPCError.abort(controller.signal) == .abort(message))
        }
        #expect(IPCError.abort(AbortController().signal).message == "The operation was aborted")
    }

    @Test("an error of the system has the name and the text of its number")
    func system() {
        #expect(IPCError.errno(2).name == "ENOENT" && IPCError.errno(2).code == 2)
        #expect(IPCError.errno(2).message == "No such file or directory" && IPCError.errno(2).errno == 2)
        #expect(IPCError.errno(13, "no").message == "no")
        #expect(IPCError.errno(9999).name == "SystemError" && IPCError.errno(9999).errno == 9999)
        #expect(IPCError(name: "Other", message: "", code: 2).errno == nil)
        #expect(Errno.name(110) == "ETIMEDOUT" && Errno.name(133) == "EHWPOISON" && Errno.number("EAGAIN") == 11)
        for number in [-1, 0, 41, 58, 134, .max, .min] { #expect(Errno.name(number) == nil, "\(number)") }
        for number in 1...133 {
            guard let name = Errno.name(number) else { continue }
            #expect(Errno.number(name) == number)
            #expect(Errno.message(number) == String(cString: strerror(Int32(number))))
        }
    }

    // MARK: maybeMakeError

    static let made: [(Value?, IPCError?)] = [
        (nil, nil), (.null, nil), (0, nil), (.double(-0.0), nil), (.double(.nan), nil), ("", nil), (false, nil),
        (.bigint(0), nil),
        (["message": "m"], IPCError(message: "m")),
        (
            ["type": "NotFoundError", "message": "Not found", "url": "ipc://x/"],
            IPCError(.notFound, "Not found", extra: ["url": "ipc://x/"])
        ),
        (["type": "NotFoundError", "message": "m", "code": 7], IPCError(.notFound, "m")),
        (["type": "NotFoundError", "message": "m", "name": "Mine"], IPCError(.notFound, "m")),
        (["type": "InternalError", "code": "ECUSTOM"], IPCError(.internal, "", code: "ECUSTOM")),
        (["type": "InternalError", "message": "m"], IPCError(.internal, "m")),
        (["type": "AbortError"], IPCError(.abort, "The operation was aborted")),
        (["type": "AbortError", "message": "why"], IPCError(.abort, "why")),
        (["type": "TimeoutError", "message": "t"], IPCError(.timeout, "t")),
        (["code": -2], IPCError(name: "ENOENT", message: "No such file or directory", code: 2)),
        (["code": "-2"], IPCError(name: "ENOENT", message: "No such file or directory", code: 2)),
        (["code": .double(-2)], .errno(2)), (["code": .bigint(-2)], .errno(2)),
        (
            ["code": -2, "message": "m", "path": "/x"],
            IPCError(name: "ENOENT", message: "m", code: 2, extra: ["path": "/x"])
        ),
        (["code": -2, "type": "TypeError"], .errno(2)),
        (["code": 2], IPCError(message: "", code: 2)),
        (["code": 8], IPCError(.notFound, "")), (["code": 20], .abort()), (["code": 23], IPCError(.timeout, "")),
        (["code": 1], IPCError(.indexSize, "")), (["code": 0], IPCError(.internal, "", code: 0)),
        (["code": .double(8)], IPCError(.notFound, "")),
        (["code": .bigint(8)], IPCError(message: "", code: .bigint(8))),
        (["code": "8"], IPCError(message: "", code: "8")), (["type": 8, "message": "m"], IPCError(.notFound, "m")),
        (["type": "Nope", "code": 8], IPCError(.notFound, "")),
        (["code": "NOT_FOUND_ERR"], IPCError(message: "", code: "NOT_FOUND_ERR")),
        (["code": -9999], IPCError(message: "", code: -9999)), (["code": nil], IPCError(message: "")),
        (["type": "SecurityError", "message": "m"], IPCError(.security, "m")),
        (["type": "BadRequestError", "message": "m"], IPCError(.badRequest, "m")),
        (["type": "SyntaxError", "message": "m"], IPCError(message: "m", extra: ["type": "SyntaxError"])),
        (["type": "Nope", "message": "m"], IPCError(message: "m", extra: ["type": "Nope"])),
        (["name": "Mine", "message": "m"], IPCError(name: "Mine", message: "m")),
        (["type": nil, "message": "m"], IPCError(message: "m")), (["type": "Error"], IPCError(message: "")),
        ("boom", IPCError(message: "boom")),
        (5, IPCError(message: "")), (true, IPCError(message: "")), (.array([]), IPCError(message: "")),
        (.array([1, 2]), IPCError(message: "")), (.bytes([1]), IPCError(message: "")),
        (.object([:]), IPCError(message: "")),
        (["type": "TypeError", "message": "m"], IPCError(.type, "m")), (["type": "RangeError"], IPCError(.range, "")),
        (["type": "URIError"], IPCError(.uri, "")), (["type": "AggregateError"], IPCError(.aggregate, "")),
        (["type": "TypeError", "code": "E"], IPCError(.type, "", code: "E")),
        (["type": "NetworkError", "message": "m"], IPCError(.network, "m")),
        (["type": "DOMException", "message": "m"], IPCError(.domException, "m")),
        (["type": "toString"], IPCError(message: "", extra: ["type": "toString"])),
        (["type": "__proto__"], IPCError(message: "", extra: ["type": "__proto__"])),
        (
            ["message": 5, "id": 1, "source": "s", "cause": ["x": 1]],
            IPCError(message: "5", extra: ["id": 1, "source": "s", "cause": ["x": 1]])
        ),
    ]

    @Test("maybeMakeError decides by the table", arguments: 0..<made.count)
    func make(_ index: Int) {
        let (value, error) = ErrorTests.made[index]
        let made = maybeMakeError(value)
        #expect(made == error, "\(value as Any): \(made?.extra as Any), \(made?.code as Any)")
    }

    @Test("an error is itself; others become errors")
    func errors() {
        let error = IPCError(.range, "m")
        #expect(maybeMakeError(error) == error)
        #expect(maybeMakeError(nil as (any Error)?) == nil)
        #expect(maybeMakeError(CancellationError()) == .abort())
        #expect(maybeMakeError(LinkError.peerGone)?.kind == .network)
        struct Other: Error {}
        #expect(maybeMakeError(Other()) == IPCError(message: "Other()"))
    }

    @Test("JSON has message, name, type and code, and then the rest")
    func json() {
        #expect(
            IPCError(.notFound, "m", extra: ["url": "u"]).json.json()
                == #"{"message":"m","name":"NotFoundError","type":"","code":"NOT_FOUND_ERR","url":"u"}"#)
        #expect(IPCError(message: "m").json.json() == #"{"message":"m","name":"Error","type":"","code":""}"#)
        #expect(maybeMakeError(["type": "Nope"])?.json["type"] == "Nope")
        #expect(IPCError.errno(2).json["code"] == 2)
    }
}
