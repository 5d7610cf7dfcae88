// SPDX-License-Identifier: Apache-2.0

import OroConformance
import OroIPC
import Testing

// The table of the behaviour's section 9. Left out: parameters of workers and of documents' meta tags, which only
// realms with these have; class instances, Maps and symbols; keys that look like numbers, which JavaScript sorts. As
// its section 20 asks, arrays and objects are JSON.
@Suite("IPCSearchParams", .serialized)
struct IPCSearchParamsTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let params: Value?
        let nonce: Value?
        /// `R#` for the next number.
        let text: String
        var testDescription: String { "\(params?.json() ?? "nil"), \(nonce?.json() ?? "nil")" }

        init(_ params: Value?, _ text: String, nonce: Value? = nil) {
            self.params = params
            self.text = text
            self.nonce = nonce
        }
    }

    static let rows = [
        Row(nil, "index=0&seq=R#"),
        Row(.null, "index=0&seq=R#&value=null"),
        Row("", "index=0&seq=R#&value="),
        Row("x y", "index=0&seq=R#&value=x%20y"),
        Row([1, 2], "index=0&seq=R#&value=%5B1%2C2%5D"),
        Row(.bytes([104, 105]), "index=0&seq=R#&value=hi"),
        Row(true, "index=0&seq=R#&value=true"),
        Row(5, "index=0&seq=R#&value=5"),
        Row([:], "index=0&seq=R#"),
        Row(["foo": "bar"], "foo=bar&index=0&seq=R#"),
        Row(["a": ["b": 1], "c": [1]], "a=%7B%22b%22%3A1%7D&c=%5B1%5D&index=0&seq=R#"),
        Row(["a": "b+c d"], "a=b%2Bc%20d&index=0&seq=R#"),
        Row(["a": nil], "a=null&index=0&seq=R#"),
        Row(["seq": 7], "seq=7&index=0"),
        Row(["seq": "R9"], "seq=R9&index=0"),
        Row(["seq": nil, "a": 1], "seq=R#&a=1&index=0"),
        Row(["index": 4, "a": 1], "index=0&a=1&seq=R#"),
        Row(["a": 1], "a=1&index=0&seq=R#&nonce=123", nonce: 123),
        Row(["a": 1], "a=1&index=0&seq=R#", nonce: 0),
        Row(["a": 1], "a=1&index=0&seq=R#", nonce: ""),
        Row(["nonce": "mine"], "nonce=mine&index=0&seq=R#"),
    ]

    @Test("a request's query has the caller's parameters, then those of the engine", arguments: rows)
    func table(row: Row) throws {
        let host = try Host.embedded()
        defer { host.stop() }
        let client = try host.connect()
        for number in 1...2 {
            let params = IPCSearchParams(row.params, nonce: row.nonce, client: client)
            let expected = row.text.replacing("R#", with: "R\(number)") + "&runtime-frame-type=top-level"
            #expect(params.description == expected)
        }
    }

    @Test("without a client the process counts, and a number that is given uses none up")
    func count() throws {
        let first = try #require(IPCSearchParams().get("seq").map { parseSeq($0) })
        #expect(IPCSearchParams(["seq": "R1"]).get("seq") == "R1")
        #expect(IPCSearchParams().get("seq") == "R\(Int(first) + 1)")
    }

    @Test("it is a list of pairs that can be changed, and a message's parameters")
    func list() throws {
        var params = IPCSearchParams(["b": 1, "seq": 1])
        params.append("b", "2")
        params.append("ä", "3")
        #expect(params.getAll("b") == ["1", "2"] && params.get("b") == "1" && params.has("index") && !params.has("x"))
        params.sort()
        #expect(params.map(\.name) == ["b", "b", "index", "runtime-frame-type", "seq", "ä"])
        params.set("b", "4")
        params.delete("runtime-frame-type")
        #expect(params.map(\.value) == ["4", "0", "1", "3"])
        #expect(try Message.from("t", params).href == "ipc://t?b=4&index=0&seq=1&%C3%A4=3")
    }
}
