// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroIPC
import Testing

// The tables of `Result`, one row a case. Left out, since Swift has no such thing: functions and symbols as data, a
// result without data being one element shorter (`nil` is null here, not undefined), a number as `id` (ids are texts).
struct ResultTests {
    struct Row: Sendable {
        var value: Value?
        var err: Value?
        var source: String?
        var id: String?
        var made: (err: IPCError?, data: Value?, source: String?)

        init(
            _ value: Value?, err: Value? = Optional.none, source: String? = nil, id: String? = nil,
            error: IPCError? = nil, data: Value? = Optional.none, from: String? = nil
        ) {
            self.value = value
            self.err = err
            self.source = source
            self.id = id
            made = (error, data, from)
        }
    }

    static let rows: [Row] = [
        Row(Optional.none), Row(.null, data: .null), Row(5, data: 5), Row(0, data: 0), Row("", data: ""),
        Row("hi", data: "hi"), Row(true, data: true), Row(false, data: false), Row(.bigint(5), data: .bigint(5)),
        Row([1, 2], data: [1, 2]), Row(.object([:]), data: .object([:])), Row(["a": 1], data: ["a": 1]),
        Row(["a": 1], source: "c", data: ["a": 1], from: "c"),
        Row(["data": 1], data: 1), Row(["data": 0], data: 0), Row(["data": false], data: false),
        Row(["data": ""], data: ""), Row(["data": nil], data: .null),
        Row(["data": nil, "source": "s"], data: .null, from: "s"),
        Row(["err": nil, "data": 1], data: 1), Row(["err": nil]), Row(["err": ""]), Row(["err": 0]),
        Row(["err": false]), Row(["err": .object([:])], error: IPCError(message: "")),
        Row(["err": ["message": "x"], "data": 1], error: IPCError(message: "x")),
        Row(["err": "x"], error: IPCError(message: "x")),
        // Only an object that has data or err is an envelope.
        Row(["id": 7], data: ["id": 7]), Row(["source": "s"], data: ["source": "s"]),
        Row(["id": 0, "a": 1], data: ["id": 0, "a": 1]), Row(["headers": ["a": 1]], data: ["headers": ["a": 1]]),
        Row(["id": 7, "data": 1], id: "7", data: 1),
        Row(["id": "12", "err": "x"], id: "12", error: IPCError(message: "x")),
        Row(["id": 0, "data": 1], data: 1), Row(["id": "", "data": 1], data: 1),
        Row(["source": 5, "data": 1], data: 1), Row(["source": "", "data": 1], source: "c", data: 1, from: "c"),
        Row(.null, err: ["message": "x"], error: IPCError(message: "x")),
        Row(Optional.none, err: ["message": "x"], source: "c", error: IPCError(message: "x"), from: "c"),
        Row(Optional.none, err: "cmd", from: "cmd"), Row(["data": 1], err: "cmd", data: 1, from: "cmd"),
        Row(["data": 1], err: "cmd", source: "s2", error: IPCError(message: "cmd"), from: "s2"),
        Row(["data": 1], err: ["message": "m"], source: "c", error: IPCError(message: "m"), from: "c"),
        Row(["err": "own"], err: ["message": "m"], source: "c", error: IPCError(message: "own"), from: "c"),
        Row(["data": 1, "source": "own"], source: "c", data: 1, from: "own"),
        Row(.bytes([1]), source: "c", data: .bytes([1]), from: "c"),
    ]

    @Test("Result.from decides by the table", arguments: rows)
    func from(_ row: Row) {
        let result =
            if let err = row.err {
                Result.from(row.value, err: err, source: row.source)
            } else {
                Result.from(row.value, source: row.source)
            }
        #expect(result.err == row.made.err)
        #expect(result.data == row.made.data)
        #expect(result.source == row.made.source)
        #expect(result.id == row.id)
        #expect(result.headers == nil)
        #expect(result.isOK == (row.made.err == nil) && result.status == (result.isOK ? OK : ERROR))
    }

    @Test("an error wins over another; a source is added")
    func errors() {
        let boom = IPCError(message: "boom")
        #expect(Result.from(boom).err == boom && Result.from(boom).data == nil && Result.from(boom).source == nil)
        let both = Result.from(boom, err: IPCError(message: "two"), source: "cmd")
        #expect(both.err == boom && both.source == "cmd")
        #expect(Result.from(CancellationError()).err == .abort())
    }

    @Test("headers come from the envelope, or else from the argument; impossible ones are a TypeError")
    func headers() throws {
        let given = try Headers.from("z: 1")
        #expect(Result.from(["data": 1], source: "c", headers: given).headers == given)
        #expect(try Result.from(["data": 1, "headers": ["a": "B"]], headers: given).headers == Headers.from("a: B"))
        #expect(Result.from(["data": 1, "headers": nil], headers: given).headers == given)
        let wrong = Result.from(["data": 1, "headers": ["a b": "B"]])
        #expect(wrong.err?.kind == .type && wrong.data == nil)
    }

    @Test("a result is itself, with what it did not have")
    func itself() throws {
        let bare = Result(id: "5", data: 1)
        let headers = try Headers.from("a: 1")
        let error = IPCError(message: "E")
        let filled = Result.from(bare, err: error, source: "c", headers: headers)
        #expect(filled.id == "5" && filled.err == error && filled.data == 1 && filled.source == "c")
        #expect(filled.headers == headers)
        let kept = Result.from(filled, err: IPCError(message: "F"), source: "d", headers: Headers())
        #expect(kept.err == error && kept.source == "c" && kept.headers == headers)
    }

    @Test("members are set one by one, and none takes another away")
    func members() throws {
        var result = Result(bytes: [1])
        result.headers = try Headers.from("a: 1")
        result.data = 5
        result.id = "77"
        result.source = "s"
        #expect(result.data == 5 && result.headers?["a"] == "1" && result.id == "77" && result.bytes == [1])
        result.err = IPCError(message: "x")
        #expect(result.headers?["a"] == "1" && result.id == "77" && result.err?.message == "x")
        result.err = nil
        result.headers = nil
        #expect(result.data == 5 && result.headers == nil && result.id == "77")
        result.id = nil
        result.data = nil
        #expect(result.id == nil && result.data == nil && result.isOK)
        #expect(Result(id: nil, source: "").source == nil)
        let fresh = (0..<100).map { _ in Result.freshID() }
        #expect(Set(fresh).count == 100 && fresh.allSatisfy { UInt64($0) != nil })
    }

    @Test("a result reads as a tuple, as a sequence, and by index")
    func access() throws {
        let result = Result(
            id: "1", err: IPCError(.notFound, "m"), data: 2, source: "s", headers: try Headers.from("a: 1"))
        let (err, data, source, headers) = result.tuple
        #expect(err?.kind == .notFound && data == 2 && source == "s" && headers?["a"] == "1")
        #expect(Array(result) == [result[0], 2, "s", ["a": "1"]] && result[0]["code"] == "NOT_FOUND_ERR")
        #expect(result.length == 4 && Array(Result()) == [.null, .null, .null, .null])
    }

    @Test("JSON has headers, source, data and err")
    func json() {
        #expect(Result().json.json() == #"{"headers":null,"source":null,"data":null,"err":null}"#)
        let failed = Result.from(["err": ["type": "NotFoundError", "message": "m", "url": "u"], "source": "q"])
        #expect(
            failed.json.json()
                == #"{"headers":null,"source":"q","data":null,"err":{"message":"m","name":"NotFoundError","type":"","#
                + #""code":"NOT_FOUND_ERR","url":"u"}}"#)
    }
}
