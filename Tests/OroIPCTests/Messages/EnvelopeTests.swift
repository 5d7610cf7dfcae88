// SPDX-License-Identifier: Apache-2.0

import OroBase
import Testing

@testable import OroIPC

// The rows of section 18.2 of the module's description.
//
// Left out: `seq` "-1" by default and `queuedResponse` (a push and its bytes have ways of their own); "response headers
// are copied to the result headers" (`Result.headers` are those of the result); Err and Data are Swift's initializers.
@Suite("Envelopes")
struct EnvelopeTests {
    private func error(_ message: String) -> Result { Result(err: IPCError(message: message)) }

    @Test("data, and an error, stand in an envelope with source, token and id")
    func shapes() {
        #expect(
            Result(data: "pong").envelope(source: "ping", id: 1234)
                == ["source": "ping", "token": .null, "id": "1234", "data": "pong"])
        let failed = error("Expecting 'name' in parameters").envelope(source: "x.y", token: "t", id: .max)
        #expect(failed["source"] == "x.y")
        #expect(failed["token"] == "t")
        #expect(failed["id"] == "18446744073709551615")
        #expect(failed["err"]?["message"] == "Expecting 'name' in parameters")
        #expect(failed["data"] == nil)
    }

    @Test("an empty success has neither, and an error wins over data")
    func emptyAndBoth() {
        #expect(Result().envelope(source: "s", token: "", id: 1) == ["source": "s", "token": .null, "id": "1"])
        var both = Result(data: 1)
        both.err = IPCError(message: "m")
        #expect(both.envelope(source: "s", id: 1)["data"] == nil)
        #expect(both.envelope(source: "s", id: 1)["err"]?["message"] == "m")
    }

    // Q 34.
    @Test("falsy data is data", arguments: [0, false, "", .null] as [Value])
    func falsy(_ data: Value) { #expect(Result(data: data).envelope(source: "s", id: 1)["data"] == data) }

    @Test("members of the data or the error named as those of the envelope replace them")
    func replaced() {
        let data: Value = ["id": 7, "token": "mine", "source": "other", "x": 1]
        let envelope = Result(data: data).envelope(source: "s", token: "t", id: 1)
        #expect(envelope["id"] == 7)
        #expect(envelope["token"] == "mine")
        #expect(envelope["source"] == "other")
        #expect(envelope["data"] == data)
        let failed = Result(err: IPCError(message: "m", extra: ["id": "9"])).envelope(source: "s", id: 1)
        #expect(failed["id"] == "9")
        #expect(failed["source"] == "s")
    }

    @Test("the source is the result's own where none is said, and ids are different")
    func defaults() {
        #expect(Result(data: 1, source: "cmd").envelope()["source"] == "cmd")
        #expect(Result().envelope()["source"] == .null)
        let ids = (0..<50).map { _ in Result().envelope()["id"]?.string }
        #expect(Set(ids).count == 50)
        #expect(ids.allSatisfy { UInt64($0 ?? "") != nil })
    }

    @Test(
        "a value that is an envelope is addressed; every other is emitted untouched",
        arguments: [
            (["source": "x", "data": 1], true), (["source": "x", "err": ["message": "m"], "id": 3], true),
            (["source": "x"], false), (["data": 1], false), (["err": 1], false), ([1, 2], false), ("text", false),
            (.null, false),
        ] as [(Value, Bool)])
    func whole(_ value: Value, _ isEnvelope: Bool) {
        let addressed = Result.addressed(value, source: "cmd", id: 5)
        guard isEnvelope else {
            #expect(addressed == value)
            return
        }
        #expect(addressed["source"] == "cmd")
        #expect(addressed["token"] == .null)
        #expect(addressed["id"] == "5")
        #expect(addressed["data"] == value["data"])
        #expect(addressed["err"] == value["err"])
    }

    @Test("required parameters are asked for in the same words everywhere")
    func parameters() throws {
        let host = try OroIPC.Host.embedded()
        defer { host.stop() }
        host.router.map("text") { Result(data: .string(try $0.string("name"))) }
        host.router.map("int") { Result(data: .int(Int64(try $0.int("n")))) }
        host.router.map("range") { Result(data: .int(Int64(try $0.int("n", in: 1...9, default: 5)))) }
        let client = try host.connect()
        let rows: [(String, Value?, Value?, String?)] = [
            ("text", ["name": "x"], "x", nil), ("text", nil, nil, "Expecting 'name' in parameters"),
            ("text", ["name": ""], nil, "Expecting 'name' in parameters"),
            ("int", ["n": 7], 7, nil), ("int", ["n": "-7"], -7, nil), ("int", ["n": 7.0], 7, nil),
            ("int", nil, nil, "Expecting 'n' in parameters"), ("int", ["n": ""], nil, "Expecting 'n' in parameters"),
            ("int", ["n": .null], nil, "Expecting 'n' in parameters"),
            ("int", ["n": "7x"], nil, "Invalid 'n' given in parameters"),
            ("int", ["n": 7.5], nil, "Invalid 'n' given in parameters"),
            ("int", ["n": [7]], nil, "Invalid 'n' given in parameters"),
            ("range", nil, 5, nil), ("range", ["n": 9], 9, nil),
            ("range", ["n": 10], nil, "'n' must be between 1 and 9"),
            ("range", ["n": "x"], nil, "Invalid 'n' given in parameters"),
        ]
        for (route, value, data, message) in rows {
            let result = client.sendSync(route, value)
            #expect(result.data == data, "\(route) \(String(describing: value))")
            #expect(result.err?.message == message, "\(route) \(String(describing: value))")
        }
    }
}
