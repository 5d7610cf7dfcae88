// SPDX-License-Identifier: Apache-2.0

import BigInt
import OroIPC

/// A pattern that inputs of any size are made of, so that the worst of a small size can be tried at a large one.
struct Pattern {
    /// What the input consists of, again and again.
    var tokens: [Int]
    /// What stands once around it, by number: see each subject.
    var wrapping: Int

    static func random(tokens: Int, wrappings: Int, _ random: inout some RandomNumberGenerator) -> Pattern {
        Pattern(
            tokens: (0..<Int.random(in: 1...4, using: &random)).map { _ in Int.random(in: 0..<tokens, using: &random) },
            wrapping: Int.random(in: 0..<wrappings, using: &random))
    }

    /// One step away.
    func changed(tokens count: Int, wrappings: Int, _ random: inout some RandomNumberGenerator) -> Pattern {
        var pattern = self
        let place = Int.random(in: 0..<tokens.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0 where tokens.count < 8: pattern.tokens.insert(Int.random(in: 0..<count, using: &random), at: place)
        case 1 where tokens.count > 1: pattern.tokens.remove(at: place)
        case 2: pattern.wrapping = Int.random(in: 0..<wrappings, using: &random)
        default: pattern.tokens[place] = Int.random(in: 0..<count, using: &random)
        }
        return pattern
    }
}

/// A language of inputs: tokens that are repeated, and what may stand around them.
struct Grammar {
    var tokens: [[UInt8]]
    var wrappings: [(open: [UInt8], between: [UInt8], close: [UInt8])]

    /// Texts.
    init(_ tokens: [String], _ wrappings: [(String, String, String)] = [("", "", "")]) {
        self.tokens = tokens.map { Array($0.utf8) }
        self.wrappings = wrappings.map { (Array($0.0.utf8), Array($0.1.utf8), Array($0.2.utf8)) }
    }

    /// An input of about `count` bytes.
    func bytes(_ pattern: Pattern, _ count: Int) -> [UInt8] {
        let (open, between, close) = wrappings[pattern.wrapping]
        var bytes = open
        let unit = pattern.tokens.flatMap { tokens[$0] }
        while bytes.count + unit.count + between.count + close.count <= count || bytes.count == open.count {
            if bytes.count > open.count { bytes += between }
            bytes += unit
        }
        return bytes + close
    }

    static let marks = ["\u{315}", "\u{300}", "\u{5AE}", "\u{316}"]

    static let json = Grammar(
        [
            "null", "0", "[]", "{}", "[[[[]]]]", "\"a\"", "-0.1e-5", "1e308", "\"\\u00e9\"", "\"\\ud83d\\ude00\"", "\"",
            "\\\\", "\u{315}\u{300}", "9", "0.", "123456789012345678901234567890",
            String(repeating: "7", count: 4000), "\"" + String(repeating: "\u{5AE}\u{316}", count: 200) + "\"",
        ],
        [
            ("[", ",", "]"), ("\"", "", "\""), ("[\"", "\",\"", "\"]"), ("", "", ""), ("[", "", "]"),
            ("{\"a", "\":0,\"a", "\":0}"), ("[{\"a\":", "},{\"a\":", "}]"), ("0.", "", "1"), ("1", "", "e-400"),
        ])

    static let uri = Grammar(
        ["a", "/", "..", ".", "%2e", "%", "%41", ":", "@", "[", "]", "?", "#", "\u{E9}", "\t", " ", "\u{300}", "0"],
        [
            ("ipc://a", "", ""), ("ipc://a/", "/", ""), ("ipc://", "", "@b"), ("ipc:", "", ""), ("ipc://a?", "", ""),
            ("ipc://[", "", "]"),
        ])

    static let form = Grammar(
        ["a", "=", "&", "%41", "%", "+", "%F0%9F%98%80", "\u{300}", "1", "b=1&", "a=1&"],
        [("", "", ""), ("a=", "&a=", ""), ("a", "=1&a", "")])

    static let headers = Grammar(
        ["a", ":", "\n", "\r\n", " ", "a: b\n", "set-cookie: a\n", "b: \u{E9}\n", "\u{FEFF}", "a:", "\t", "\u{300}"],
        [("", "", ""), ("a: ", "", "\n"), ("a: x", "\na: x", "\n"), ("", "\u{2003}", "")])

    static let base64 = Grammar(["A", "+/", "=", "-_", "\n", "\u{300}", "AAAA", " "])

    static let digits = Grammar(
        ["1", "9", "0", "000", "R", "-", " ", "n", "a", "9876543210"],
        [("", "", ""), ("R-", "", "n"), ("0x", "", ""), (" ", "", " ")])

    static let text = Grammar(
        ["a", "\u{E9}", "\u{1F600}", "\u{1100}\u{1161}", "\u{FB1D}"] + marks, [("", "", ""), ("a", "", "b")])
}

/// The same for values: tokens are values, wrappings ways to put them together.
enum ValueGrammar {
    static let leaves: [@Sendable (Int) -> Value] = [
        { _ in .null }, { .int(Int64($0)) }, { _ in [:] }, { _ in [] }, { _ in [[[[]]]] }, { _ in ["": 0] },
        { _ in .bigint(0) }, { .bigint(BigInt($0)) }, { _ in .bigint(big) }, { _ in .bigint(-(big >> 64_000)) },
        { _ in .double(1.1e-300) },
        { _ in .string(marks) }, { _ in .string("a") }, { .bytes([UInt8](repeating: 7, count: $0 % 64)) },
        { ["a\($0)": .string("b")] }, { _ in [0, [2, 0]] }, { _ in [2, 0] }, { _ in [0] }, { _ in [4, 1, 2] },
        { _ in [9, 1, [8, .bytes([1, 2, 3])], 0, 3] },
        { _ in [7, "Error", "m", nil] }, { _ in ["__type__": "Buffer", "data": "AAAA"] }, { _ in [13, 5] },
    ]
    static let wrappings = 9
    static let big = (BigInt(1) << (8 * FrameLimits.default.maxBigIntBytes)) - 1
    static let marks = String(repeating: Grammar.marks.joined(), count: 64)

    /// A value whose encoding has about `count` bytes.
    static func value(_ pattern: Pattern, _ count: Int) -> Value {
        var elements: [Value] = []
        var bytes = 0
        while bytes < count && elements.count < FrameLimits.default.maxItems / 8 {
            for token in pattern.tokens {
                let leaf = leaves[token](elements.count)
                bytes += ((try? leaf.encodedCount()) ?? 0) + keyBytes(pattern.wrapping)
                elements.append(leaf)
            }
        }
        func members(_ name: (Int) -> String) -> Value {
            .object(NamedValues(elements.enumerated().map { (name($0.offset), $0.element) }))
        }
        return switch pattern.wrapping {
        case 0: .array(elements)
        case 1: members { "\($0)" }
        case 2: members { "\($0)" + marks }
        case 3: members { marks + "\($0)" }
        case 4: members { String(repeating: "x", count: 60) + "\($0)" }
        case 5: ["value": .array(elements)]
        case 6: .array([.int(0)] + elements)
        case 7: .array([.int(0)] + elements.map { [0, $0, $0] })
        default: .array(elements.map { [$0] })
        }
    }

    private static func keyBytes(_ wrapping: Int) -> Int {
        switch wrapping {
        case 1: 6
        case 2, 3: marks.utf8.count + 6
        case 4: 66
        case 7: 6
        case 8: 3
        default: 0
        }
    }
}
