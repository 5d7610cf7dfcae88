// SPDX-License-Identifier: Apache-2.0

import BigInt
import OroFrame
import Testing

@Suite struct JSONTests {
    @Test(
        "a value is written as compact JSON",
        arguments: [
            (Value.null, "null"), (true, "true"), (-5, "-5"), (1.5, "1.5"), (2.0, "2.0"), (-0.0, "-0.0"),
            (1e21, "1e+21"),
            (.double(.nan), "null"), (.double(.infinity), "null"),
            (.bigint(BigInt(1) << 64), "18446744073709551616"),
            (
                "a\"\\/\n\r\t\u{08}\u{0C}\u{01}\u{1F}é😀\u{7F}",
                #""a\"\\/\n\r\t\b\f\u0001\u001fé😀"# + "\u{7F}\""
            ),
            (.bytes([]), "\"\""), (.bytes([1]), "\"AQ==\""), (.bytes([1, 2]), "\"AQI=\""),
            (.bytes([0xFB, 0xEF, 0xFF]), "\"++//\""), (.bytes(Array("light w".utf8)), "\"bGlnaHQgdw==\""),
            ([], "[]"), ([1, [nil]], "[1,[null]]"), ([:], "{}"),
            (["b": 1, "a": ["": "x"]], #"{"b":1,"a":{"":"x"}}"#),
        ] as [(Value, String)])
    func written(value: Value, json: String) {
        #expect(value.json() == json)
    }

    @Test(
        "a JSON text is read as the value it means",
        arguments: [
            (" null ", .null), ("\t[ 1 ,\n2\r]", [1, 2]), ("-0", .double(-0.0)), ("9223372036854775807", .int(.max)),
            ("-9223372036854775808", .int(.min)), ("9223372036854775808", .bigint(BigInt(1) << 63)),
            ("-9223372036854775809", .bigint(-(BigInt(1) << 63) - 1)), ("1.0", 1.0), ("1e3", 1000.0),
            ("1E-3", 0.001),
            ("0.1", 0.1), ("-0.0", .double(-0.0)), ("1e-400", 0.0), (#""\u00e9\/""#, "é/"),
            (#""\ud83d\ude00""#, "😀"),
            (#""\ud83d""#, "\u{FFFD}"), (#""\ude00x""#, "\u{FFFD}x"), (#""\ud83d\u0041""#, "\u{FFFD}A"),
            (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"), (#""\ud83d\n""#, "\u{FFFD}\n"), (#""\u0000""#, "\u{0}"),
            (#"{"a":1,"b":2,"a":3}"#, ["a": 3, "b": 2]), (#"{ "" : { } }"#, ["": [:]]),
            ("\"\u{7F}€\"", "\u{7F}€"),
        ] as [(String, Value)])
    func read(json: String, value: Value) throws {
        #expect(try Value(json: json) == value)
    }

    @Test(
        "a malformed text is refused where it is malformed",
        arguments: [
            ("", .unexpectedEnd, 0), ("  ", .unexpectedEnd, 2), ("nul", .unexpectedEnd, 3),
            ("nulL", .unexpectedByte(0x4C), 3),
            ("True", .unexpectedByte(0x54), 0), ("1 2", .unexpectedByte(0x32), 2), ("[1", .unexpectedEnd, 2),
            ("[1 2]", .unexpectedByte(0x32), 3), ("[1,]", .unexpectedByte(0x5D), 3),
            ("[,1]", .unexpectedByte(0x2C), 1),
            ("]", .unexpectedByte(0x5D), 0), ("[1}", .unexpectedByte(0x7D), 2), ("{", .unexpectedEnd, 1),
            ("{1:2}", .unexpectedByte(0x31), 1), (#"{"a"}"#, .unexpectedByte(0x7D), 4),
            (#"{"a":}"#, .unexpectedByte(0x7D), 5),
            (#"{"a":1,}"#, .unexpectedByte(0x7D), 7), (#"{"a" 1}"#, .unexpectedByte(0x31), 5),
            ("\"a", .unexpectedEnd, 2),
            ("\"a\\", .unexpectedEnd, 3), (#""\x""#, .badEscape, 1), (#""\u12G4""#, .badEscape, 1),
            (#""\ud83d\u12""#, .badEscape, 7), (#""\u12"#, .unexpectedEnd, 5),
            ("\"\n\"", .controlCharacter(10), 1),
            ("01", .badNumber, 0), ("-", .badNumber, 1), ("-01", .badNumber, 1), ("1.", .badNumber, 2),
            ("1.e5", .badNumber, 2),
            ("1e", .badNumber, 2), ("1e+", .badNumber, 3), (".5", .unexpectedByte(0x2E), 0),
            ("+1", .unexpectedByte(0x2B), 0),
            ("1e400", .numberOutOfRange, 0), ("NaN", .unexpectedByte(0x4E), 0),
            ("\u{FEFF}1", .unexpectedByte(0xEF), 0),
            ("[1]x", .unexpectedByte(0x78), 3), ("'a'", .unexpectedByte(0x27), 0),
            ("//", .unexpectedByte(0x2F), 0),
        ] as [(String, JSONError.Problem, Int)])
    func refused(json: String, problem: JSONError.Problem, offset: Int) {
        let error = #expect(throws: JSONError.self) { try Value(json: json) }
        #expect(error?.problem == problem)
        #expect(error?.offset == offset)
    }

    @Test("a member named twice has the last value in the first place")
    func duplicateMembers() throws {
        #expect(try Value(json: #"{"a":1,"b":2,"a":3}"#).json() == #"{"a":3,"b":2}"#)
    }

    @Test("depth, items and digits are bounded")
    func limits() throws {
        let bomb = String(repeating: "[", count: 100_000)
        let error = #expect(throws: JSONError.self) { try Value(json: bomb) }
        #expect(error?.problem == .tooDeep(limit: 64))
        #expect(error?.offset == 64)
        let deepest = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(try Value(json: deepest).json() == deepest)
        var limits = FrameLimits()
        limits.maxItems = 2
        #expect(throws: JSONError.self) { try Value(json: "[1,2,3]", limits: limits) }
        #expect(throws: JSONError.self) { try Value(json: String(repeating: "9", count: 100_000)) }
    }

    @Test("the largest bigint a frame can carry is written and read back")
    func largestBigInt() throws {
        let largest = Value.bigint((BigInt(1) << (FrameLimits().maxBigIntBytes * 8)) - 1)
        #expect(try Value(json: largest.json()) == largest)
    }

    @Test("10 000 generated values come back from their JSON, but for what JSON cannot say")
    func roundTrip() throws {
        var random = SeededGenerator(seed: 10)
        for _ in 0..<10_000 {
            let value = random.value().jsonOnly
            let json = value.json()
            let read = try Value(json: json)
            #expect(read == value)
            #expect(read.json() == json)
        }
    }

    @Test("50 000 mutated texts are read or refused, never trap, and settle after one reading")
    func mutatedTexts() throws {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<5_000 {
            let original = Array(random.value(depth: 3).json().utf8)
            for _ in 0..<10 {
                let text = String(decoding: random.mutation(of: original), as: UTF8.self)
                guard let value = try? Value(json: text) else { continue }
                #expect(try Value(json: value.json()) == value)
            }
        }
    }
}

extension Value {
    /// What is left of a value in JSON.
    fileprivate var jsonOnly: Value {
        switch self {
        case .double(let value): value.isFinite ? self : .null
        case .bigint(let value): Int64(exactly: value).map { .int($0) } ?? self
        case .bytes: .null
        case .array(let elements): .array(elements.map(\.jsonOnly))
        case .object(let members): .object(members.mapValues(\.jsonOnly))
        default: self
        }
    }
}
