// SPDX-License-Identifier: Apache-2.0

import OrderedCollections
import OroBase
import OroIPC
import Testing

// The table of `Headers`, one row a case. Left out, since Swift has no such thing: a fetch `Response`, an XHR (they
// give their headers as a text), a `Map` and `URLSearchParams` (dictionaries and pairs do), functions. Bytes, which the
// module would spread into an entry for each, are a text here.
struct HeadersTests {
    typealias Row = (input: Value?, entries: [String])

    static let rows: [Row] = [
        (nil, []), (.null, []), ("", []), (5, []), (true, []), (.array([]), []),
        (
            "Content-Type: Text/HTML\r\nX-A: 1\r\nX-A: 2\r\nbad\r\nx-empty:\r\n",
            ["content-type: Text/HTML", "x-a: 1, 2"]
        ),
        ("a: b:c", ["a: b:c"]),
        (": no name\n :\n\n  padded \t:\u{A0} v  \u{FEFF}", ["padded: v"]),
        ("set-cookie: A=1\nSet-Cookie: B=2", ["set-cookie: A=1", "set-cookie: B=2"]),
        ("z: 1\na: 2\nset-cookie: c\nset-cookie: b\nt: 3", ["a: 2", "set-cookie: c", "set-cookie: b", "t: 3", "z: 1"]),
        (["a: 1", " b:2 "], ["a: 1", "b: 2"]),
        ([5, "b:2"], ["b: 2"]),
        ([["a", "1"], ["b", "2"], ["a", 3]], ["a: 1, 3", "b: 2"]),
        (["A": "X", "b": 2], ["a: X", "b: 2"]),
        (["a": [1, "x"], "b": ["c": 1], "d": nil, "e": true], ["a: 1,x", "b: {\"c\":1}", "d: null", "e: true"]),
        (["headers": ["A": "X"]], ["a: X"]),
        (["headers": ["headers": ["A": "X"]]], ["a: X"]),
        (["headers": [["a", "1"]], "other": 1], ["a: 1"]),
        (["headers": "a: X"], ["headers: a: X"]),
        (["headers": nil], ["headers: null"]),
        (.bytes(Array("a: x".utf8)), ["a: x"]),
    ]

    @Test("Headers.from gives the table's entries", arguments: 0..<rows.count)
    func from(_ index: Int) throws {
        let row = HeadersTests.rows[index]
        let headers = try Headers.from(row.input)
        #expect(headers.map { "\($0.name): \($0.value)" } == row.entries)
        #expect(headers.length == row.entries.count && headers.count == row.entries.count)
        #expect(headers.isEmpty == row.entries.isEmpty)
    }

    @Test(
        "what Fetch refuses is a TypeError",
        arguments: [
            "a b: 1", "ä: 1", "a\u{0}: 1", "(a): 1", "a: x\u{0}y", "a: x\ry", "a: \u{100}", "a: 🦉",
            .array([["a"]]), .array([["a", "b", "c"]]), .array([["a", "1"], "b"]), .array([["", "1"]]),
            ["": "x"], ["a": "x\ny"],
        ] as [Value])
    func refused(_ input: Value) {
        #expect { try Headers.from(input) } throws: { ($0 as? IPCError)?.kind == .type }
    }

    @Test("every kind of Swift input is taken")
    func inputs() throws {
        let wanted = try Headers.from("a: X")
        #expect(try Headers.from(["a: X"]) == wanted)
        #expect(try Headers.from([("A", "X")]) == wanted)
        #expect(try Headers.from(["A": "X"] as [String: String]) == wanted)
        #expect(try Headers.from(["A": "X"] as OrderedDictionary) == wanted)
        #expect(Headers.from(wanted) == wanted)
        #expect(
            try Headers.from(["b": "1", "B": "2"] as [String: String]).get("b") == "2, 1", "sorted, so always the same")
    }

    @Test("looking and changing follow Fetch")
    func methods() throws {
        var headers = Headers()
        try headers.append("Accept", " a ")
        try headers.append("ACCEPT", "b")
        try headers.append("accept", "")
        #expect(headers.get("aCCept") == "a, b, " && headers["accept"] == "a, b, ")
        #expect(headers.get("none") == nil && headers["a b"] == nil && !headers.has("none") && headers.has("Accept"))
        try headers.append("x", "1")
        try headers.set("accept", "\t\r\nc\n")
        #expect(headers.get("accept") == "c")
        #expect(headers.map(\.name) == ["accept", "x"])
        try headers.append("Set-Cookie", "A=1")
        try headers.append("set-cookie", "B=2")
        #expect(headers.getSetCookie() == ["A=1", "B=2"] && headers.get("set-cookie") == "A=1, B=2")
        #expect(headers.length == 4)
        try headers.set("set-cookie", "C=3")
        #expect(headers.getSetCookie() == ["C=3"])
        #expect(headers.delete("ACCEPT") && !headers.delete("accept") && headers.length == 2)
    }

    @Test("JSON is an object of the entries; the last cookie wins, unless all are asked for")
    func json() throws {
        let headers = try Headers.from("b: 1\nb: 2\nset-cookie: A\nset-cookie: B\na: 3")
        #expect(headers.json.json() == #"{"a":"3","b":"1, 2","set-cookie":"B"}"#)
        #expect(headers.json(cookiesAsArray: true)["set-cookie"] == ["A", "B"])
        #expect(try Headers.from("set-cookie: A").json(cookiesAsArray: true)["set-cookie"] == "A")
        #expect(Headers().json == .object([:]))
    }

    @Test("a host's container: set replaces, cookies add up, the text is that of HTTP")
    func container() throws {
        var headers = Headers()
        try headers.setKeepingCookies("content-TYPE", "a")
        try headers.setKeepingCookies("Content-Type", "b")
        try headers.setKeepingCookies("Set-Cookie", "A=1")
        try headers.setKeepingCookies("set-cookie", "B=2")
        try headers.setKeepingCookies("etag", "\"x\"")
        #expect(
            headers.text == "Content-Type: b\r\nEtag: \"x\"\r\nSet-Cookie: A=1\r\nSet-Cookie: B=2\r\n\r\n")
        #expect(try Headers.from(headers.text) == headers)
        #expect(Headers().text == "\r\n")
    }

    @Test("headers are equal when their entries are")
    func equality() throws {
        #expect(try Headers.from("a: 1\nB: 2") == Headers.from("b: 2\nA: 1"))
        #expect(try Headers.from("a: 1\na: 2") == Headers.from("a: 1, 2"))
        #expect(try Headers.from("a: 1\na: 2") != Headers.from("a: 2\na: 1"))
        #expect(try Headers.from("set-cookie: A\nset-cookie: B") != Headers.from("set-cookie: B\nset-cookie: A"))
        #expect(try Set([Headers.from("a: 1\nb: 2"), Headers.from("b: 2\na: 1")]).count == 1)
    }
}
