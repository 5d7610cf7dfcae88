// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroBase
import OroIPC
import OroIPCFoundation
import Testing

// The tables of the behaviour's section 7, with the corrections of its section 20.
//
// Left out, as Swift has nothing like it: enumerable properties, spreading and assignment to accessors (7.1; `summary`
// is the snapshot), symbols and cyclic values (7.5), and inputs and parameters that are `undefined`, Maps,
// URLSearchParams of another kind, or objects without a prototype (7.3). `{}` as input gives no message named
// `undefined` but an error.
//
// Otherwise than in the tables: parameters given with a message, a text that has a query, or a URL are taken, also as a
// text; of some of these the original ignores them (7.3). Integers are exact where JavaScript rounds them, and numbers
// beyond every double stay text (7.5).
@Suite("Message")
struct MessageTests {
    struct Made: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let make: @Sendable () throws -> Message
        let href: String
        let bytes: Bytes?

        init(
            _ description: String, _ href: String, bytes: Bytes? = nil, _ make: @escaping @Sendable () throws -> Message
        ) {
            testDescription = description
            self.make = make
            self.href = href
            self.bytes = bytes
        }
    }

    // MARK: 7.1, 7.2

    @Test("a message is its URI, as text and as JSON")
    func identity() throws {
        #expect(Message.PROTOCOL == "ipc:")
        let message = try Message("ipc://foo?a=b")
        #expect("\(message)" == "ipc://foo?a=b")
        #expect(String(decoding: try JSONEncoder().encode([message]), as: UTF8.self) == #"["ipc:\/\/foo?a=b"]"#)
        #expect(
            try JSONDecoder().decode([Message].self, from: Data(#"["ipc://foo?a=b"]"#.utf8))[0].href == message.href)
        #expect(message.bytes == nil)
        #expect(try Message("ipc://foo", bytes: [1, 2]).bytes == [1, 2])
    }

    @Test("the constructor takes URIs of its scheme and no others")
    func constructor() {
        let error = #expect(throws: MessageError.self) { try Message("http://x") }
        #expect(error == .wrongProtocol(found: "http:"))
        #expect(error?.description == "Invalid protocol in input. Expected 'ipc:' but got 'http:'")
        #expect(throws: MessageError.wrongProtocol(found: "foo:")) { try Message("foo://x") }
        #expect(throws: MessageError.self) { try Message("test") }
        #expect(IPCError(MessageError.noCommand).name == "TypeError")
    }

    @Test(
        "the name is the host, or the path without the slashes in front",
        arguments: [
            ("ipc://foo?x=1", "foo"), ("ipc://foo/bar", "foo"), ("ipc://u:p@foo:80/p", "foo"), ("ipc://a%20b", "a%20b"),
            ("ipc://ünï", "%C3%BCn%C3%AF"), ("ipc:foo", "foo"), ("ipc:/foo", "foo"), ("ipc:///foo", "foo"),
            ("ipc:////foo", "foo"), ("IPC://Foo", "Foo"), ("ipc://", ""), ("ipc:foo/bar?x", "foo/bar"),
        ])
    func name(uri: String, name: String) throws {
        let message = try Message(uri)
        #expect(message.name == name)
        #expect(message.command == name)
    }

    @Test("a message has the parts of a URL")
    func parts() throws {
        let message = try Message("ipc://u:p@foo:80/p/../q?a=1#h")
        #expect(message.protocol == "ipc:" && message.origin == "null")
        #expect(message.username == "u" && message.password == "p")
        #expect(message.host == "foo:80" && message.hostname == "foo" && message.port == "80")
        #expect(message.pathname == "/q" && message.search == "?a=1" && message.hash == "#h")
        let named = try Message.from("foo", ["a": 1])
        #expect(named.host == "foo" && named.pathname == "" && named.search == "?a=1" && named.hash == "")
    }

    // MARK: 7.3

    static let made = [
        Made("'test'", "ipc://test") { try .from("test") },
        Made("'test', {foo}", "ipc://test?foo=bar") { try .from("test", ["foo": "bar"]) },
        Made("a URI", "ipc://test?a=1") { try .from("ipc://test?a=1") },
        Made("a URI and {b}", "ipc://test?a=1&b=2") { try .from("ipc://test?a=1", ["b": 2]) },
        Made("a URI and a later a", "ipc://test?a=2&b=1") { try .from("ipc://test?a=1&b=1&a=3", ["a": 2]) },
        Made("a name with a query, and {b}", "ipc://test?a=1&b=2") { try .from("test?a=1", ["b": 2]) },
        Made("''", "ipc://") { try .from("") },
        Made("null", "ipc://null") { try .from(Value.null) },
        Made("5", "ipc://5") { try .from(5 as Value) },
        Made("'http://x'", "ipc://http//x") { try .from("http://x") },
        Made("'IPC://Test'", "ipc://IPC//Test") { try .from("IPC://Test") },
        Made("'a/b/c'", "ipc://a/b/c") { try .from("a/b/c") },
        Made("bytes of a text", "ipc://t?a=1") { try .from(Bytes(utf8: "ipc://t?a=1")) },
        Made("an array of bytes of a text", "ipc://t?a=1") { try .from(Array("ipc://t?a=1".utf8)) },
        Made("a value that is bytes of a text", "ipc://t?a=1") { try .from(Value.bytes(Array("ipc://t?a=1".utf8))) },
        Made("a part of a text", "ipc://t") { try .from("xt".dropFirst()) },
        Made("a query", "ipc://t?a=1&b=2") { try .from("t", "a=1&b=2") },
        Made("a query with its question mark", "ipc://t?a=1&b=2") { try .from("t", "?a=1&b=2") },
        Made("an array of pairs", "ipc://t?a=1&a=2&b=x") { try .from("t", [["a", 1], ["a", 2], ["b", "x"]]) },
        Made("pairs", "ipc://t?a=1&a=2") { try .from("t", pairs: [("a", 1), ("a", 2)]) },
        Made("values of every kind", "ipc://t?a=%7B%22x%22%3A1%7D&b=%5B1%2C2%5D&c=null&e=x+y&f=true&g=1.5") {
            try .from("t", ["a": ["x": 1], "b": [1, 2], "c": nil, "e": "x y", "f": true, "g": 1.5])
        },
        Made("what JSON does not know", "ipc://t?a=NaN&b=-Infinity&c=hi&d=1.0") {
            try .from("t", ["a": .double(.nan), "b": .double(-.infinity), "c": .bytes([104, 105]), "d": 1.0])
        },
        Made("{}", "ipc://t?") { try .from("t", [:]) },
        Made("null parameters", "ipc://t") { try .from("t", .null) },
        Made("bytes as parameters", "ipc://t", bytes: [1, 2]) { try .from("t", .bytes([1, 2])) },
        Made("{a} and bytes", "ipc://t?a=1", bytes: Bytes(utf8: "hello")) {
            try .from("t", ["a": 1], bytes: Bytes(utf8: "hello"))
        },
        Made("bytes alone", "ipc://t", bytes: [104, 105]) { try .from("t", bytes: [104, 105]) },
        Made("no bytes", "ipc://t?") { try .from("t", [:], bytes: []) },
        Made("a command and two lots of parameters", "ipc://t?a=1&b=2") {
            try .from(["command": "t", "params": ["a": 1]] as Value, ["b": 2])
        },
        Made("a command, a URI, and the second parameters win", "ipc://t?c=1&a=3") {
            try .from(["command": "ipc://t?c=1", "protocol": "ipc:", "params": "a=1"] as Value, ["a": 3])
        },
        Made("a command and a query", "ipc://t?a=1&b=2") {
            try .from(["command": "t", "params": ["a": 1]] as Value, "b=2")
        },
        Made("a command alone", "ipc://t?") { try .from(["command": "t"] as Value) },
        Made("a message", "ipc://t?a=1", bytes: [7]) { try .from(Message.from("t", ["a": 1], bytes: [7])) },
        Made("a message and null", "ipc://t?a=1", bytes: [7]) {
            try .from(Message.from("t", ["a": 1], bytes: [7]), .null)
        },
        Made("a message and other bytes", "ipc://t?a=1", bytes: [8]) {
            try .from(Message.from("t", ["a": 1], bytes: [7]), bytes: [8])
        },
        Made("a message and bytes as parameters", "ipc://t?a=1", bytes: [8]) {
            try .from(Message.from("t", ["a": 1], bytes: [7]), .bytes([8]))
        },
        Made("a message and parameters", "ipc://t?a=%7B%22x%22%3A1%7D&b=2") {
            try .from(Message.from("t", ["a": 1]), ["a": ["x": 1], "b": 2])
        },
        Made("a message and a query", "ipc://t?a=2") { try .from(Message.from("t", ["a": 1]), "a=2") },
        Made("a URL of its scheme", "ipc://t?a=1") { try .from(URL(string: "ipc://t?a=1")!) },
        Made("a URL of its scheme, and parameters", "ipc://t?a=1&b=2") {
            try .from(URL(string: "ipc://t?a=1")!, ["b": 2])
        },
        Made("another URL", "ipc://http//u.v/?q=1") { try .from(URL(string: "http://u.v/?q=1")!) },
        Made("a query as it was written", "ipc://t?a=%7e+%20") { try .from("t?a=%7e+%20") },
    ]

    @Test("a message is made of anything that names one", arguments: made)
    func from(row: Made) throws {
        let message = try row.make()
        #expect(message.href == row.href)
        #expect(message.bytes == row.bytes)
    }

    @Test("what names none is refused")
    func refused() {
        for text in ["ipc:test", "a b", "a^b", "a<b"] {
            let error = #expect(throws: MessageError.self) { try Message.from(text) }
            #expect(error?.description.hasPrefix("Invalid URL") == true)
        }
        #expect(throws: MessageError.noCommand) { try Message.from([:] as Value) }
        #expect(throws: MessageError.wrongProtocol(found: "foo:")) {
            try Message.from(["command": "t", "protocol": "foo:"] as Value)
        }
        #expect(throws: MessageError.notParameters(.int)) { try Message.from("t", 5) }
        #expect(throws: MessageError.notParameters(.array)) { try Message.from("t", [1, 2]) }
        #expect(throws: MessageError.notParameters(.array)) { try Message.from("t", [["a", 1, 2]]) }
    }

    @Test("a message's path, port and fragment stay, whatever is done to its parameters")
    func otherParts() throws {
        var message = try Message.from("ipc://u@foo:80/p?a=1#h", ["b": 2])
        #expect(message.href == "ipc://u@foo:80/p?a=1&b=2#h")
        message.delete("a")
        message.delete("b")
        #expect(message.href == "ipc://u@foo:80/p#h")
    }

    @Test(
        "a valid input starts like a URI and goes on",
        arguments: [
            ("ipc://a", true), ("ipc://a b", true), ("ipc://", false), ("test", false), ("ipc:x", false),
            ("IPC://x", false),
            ("", false),
        ])
    func isValidInput(text: String, isValid: Bool) throws {
        #expect(Message.isValidInput(text) == isValid)
        #expect(Message.isValidInput(Bytes(utf8: text)) == isValid)
        #expect(Message.isValidInput(Value.null) == false)
        #expect(Message.isValidInput(try Message.from("test")))
    }

    // MARK: 7.5

    struct Query: CustomTestStringConvertible, Sendable {
        let query: String
        let get: Value?
        var testDescription: String { query }

        init(_ query: String, _ get: Value?) {
            self.query = query
            self.get = get
        }
    }

    static let queries = [
        Query("x=1", nil), Query("k=", ""), Query("k", ""), Query("k=abc", "abc"), Query("k=null", "null"),
        Query(#"k="""#, ""), Query("k=true", true), Query("k=false", false), Query("k=0", 0), Query("k=1", 1),
        Query(#"k={"a":1}"#, ["a": 1]), Query("k=[1]", [1]), Query("k=9007199254740993", 9_007_199_254_740_993),
        Query("k=1&k=2", 1), Query("k=a+b", "a b"), Query("k=a%20b", "a b"), Query("k=a%2Bb", "a+b"),
        Query("k=%zz", "%zz"), Query("K=1", nil), Query("%6B=1", 1), Query("k=%FF", "\u{FFFD}"), Query("k=1#&k=2", 1),
        Query("k=a=b", "a=b"), Query("k=%2541", "%41"),
    ]

    @Test("a parameter is the JSON it says, or its text; all ways to ask agree", arguments: queries)
    func get(row: Query) throws {
        let message = try Message("ipc://t?\(row.query)")
        #expect(message.get("k") == row.get)
        #expect(message.get("k", default: 7) == row.get ?? 7)
        #expect(message.has("k") == (row.get != nil))
        #expect(message.keys.contains("k") == (row.get != nil))
        guard let expected = row.get else { return }
        let index = try #require(message.keys.firstIndex(of: "k"))
        #expect(message.values[index] == expected)
        #expect(message.entries[index].value == expected)
        let hasTwo = message.keys.count > 1
        #expect(message.params["k"] == (hasTwo ? 2 : expected))
        #expect(message.rawParams["k"] == (hasTwo ? "2" : message.text("k")))
    }

    @Test("the empty name is a name")
    func emptyName() throws {
        let message = try Message("ipc://t?=1")
        #expect(message.get("") == 1)
        #expect(message.keys == [""])
    }

    @Test("set replaces the first and removes the others; delete says whether there were any")
    func changing() throws {
        var message = try Message("ipc://t?a=1&b=2&a=3")
        let before = message
        message.set("a", ["x": [1, nil]])
        #expect(message.href == "ipc://t?a=%7B%22x%22%3A%5B1%2Cnull%5D%7D&b=2")
        message.set("c", .null)
        message.set("d", .bigint(1))
        #expect(message.search.hasSuffix("&c=null&d=1"))
        message.append("b", "x")
        #expect(message.keys == ["a", "b", "c", "d", "b"])
        let deleted = message.delete("b")
        let deletedAgain = message.delete("b")
        #expect(deleted && !deletedAgain)
        message["a"] = nil
        message["c"] = "z"
        #expect(message.href == "ipc://t?c=z&d=1")
        #expect(before.href == "ipc://t?a=1&b=2&a=3", "a copy is not changed")
    }

    @Test("values are kept as they are, however often they are looked at")
    func exact() throws {
        let message = try Message.from(
            "t", ["text": "5", "number": 5, "big": .bigint(5), "bytes": .bytes([0, 255]), "null": nil])
        #expect(message["text"] == "5" && message.get("text") == 5 && message.text("text") == "5")
        #expect(message["big"] == .bigint(5) && message["bytes"] == .bytes([0, 255]))
        #expect(message["null"] == .null && message.get("null") == .null && message.text("null") == "null")
        #expect(message["absent"] == nil && message.text("absent", default: "x") == "x")
    }

    @Test(
        "index is the number its parameter starts with",
        arguments: [
            ("x", -1), ("index=", -1), ("index=abc", -1), ("index=null", -1), ("index=true", -1), ("index=1e400", -1),
            ("index=3", 3), ("index=-3", -3), ("index=1.9", 1), ("index=1e3", 1000), ("index=0x10", 16),
            ("index=12abc", 12),
            ("index=[7]", 7), ("index=1&index=2", 1), ("index=99999999999999999999", -1),
        ])
    func index(query: String, index: Int) throws {
        #expect(try Message("ipc://t?\(query)").index == index)
    }

    @Test(
        "seq is the number of its parameter, and the parameter says how it was written",
        arguments: [
            ("x", nil, nil), ("seq=R1", 1, "R1"), ("seq=1", 1, 1), ("seq=", nil, ""), ("seq=-1", -1, -1),
            ("seq=abc", nil, "abc"),
        ] as [(String, Seq?, Value?)])
    func seq(query: String, seq: Seq?, get: Value?) throws {
        let message = try Message("ipc://t?\(query)")
        #expect(message.seq == seq)
        #expect(message.get("seq") == get)
    }

    @Test(
        "value is the parameter of that name, json what its text says",
        arguments: [
            ("x", nil, nil), ("value=5", 5, 5), ("value=false", false, false), ("value=hello", "hello", nil),
            (#"value={"a":1}"#, ["a": 1], ["a": 1]), ("value=[1]", [1], [1]), (#"value="5""#, "5", "5"),
        ] as [(String, Value?, Value?)])
    func value(query: String, value: Value?, json: Value?) throws {
        let message = try Message("ipc://t?\(query)")
        #expect(message.value == value)
        #expect(message.json == json)
    }

    @Test("id is the text of its parameter")
    func id() throws {
        #expect(try Message("ipc://t?id=5").id == "5")
        #expect(try Message.from("t", ["id": 5]).id == "5")
        #expect(try Message("ipc://t").id == nil)
    }

    @Test("a summary has everything but the bytes")
    func summary() throws {
        let message = try Message.from("t", ["a": 1, "seq": "R1", "index": 2, "id": 5, "value": "v"])
        #expect(
            message.summary == [
                "name": "t", "value": "v", "index": 2, "href": "ipc://t?a=1&seq=R1&index=2&id=5&value=v", "seq": "R1",
                "data": ["a": 1, "seq": "R1", "index": 2, "id": 5, "value": "v"],
            ])
    }

    @Test("a Foundation URL is the same URI")
    func url() throws {
        #expect(URL(try Message.from("t", ["a": "x y"]))?.absoluteString == "ipc://t?a=x+y")
    }
}
