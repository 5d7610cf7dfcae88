// SPDX-License-Identifier: Apache-2.0

import BigInt
import Foundation
import OroFrame
import Testing

@Suite("Codable")
struct CodableTests {
    struct Stat: Codable, Hashable {
        var path: String
        var size: Int64
        var ratio: Double
        var isFolder: Bool
        var digest: [UInt8]
        var comment: String?
    }

    enum Shape: Codable, Hashable {
        case point
        case circle(radius: Double)
        case line(Int, Int)
        indirect case group([Shape])
    }

    class Base: Codable, Hashable {
        var name = "base"
        init() {}
        static func == (left: Base, right: Base) -> Bool { left.name == right.name }
        func hash(into hasher: inout Hasher) { hasher.combine(name) }
    }

    final class Derived: Base {
        var level = 3
        override init() { super.init() }
        enum Keys: String, CodingKey { case level }
        required init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Keys.self)
            level = try container.decode(Int.self, forKey: .level)
            try super.init(from: try container.superDecoder())
        }
        override func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode(level, forKey: .level)
            try super.encode(to: container.superEncoder())
        }
    }

    struct Everything: Codable, Hashable {
        var int8 = Int8.min, int16 = Int16.max, int32 = Int32.min, int64 = Int64.max
        var uint8 = UInt8.max, uint16 = UInt16.max, uint32 = UInt32.max, uint64 = UInt64.max
        var int128 = Int128.min, uint128 = UInt128.max
        var float = Float(0.1), double = Double.greatestFiniteMagnitude, infinite = -Double.infinity
        var big = BigInt(1) << 200, magnitude = BigUInt(1) << 100
        var text = "€ 😀", empty = "", yes = true
        var none: Int?, some: Int? = 7
        var list = [1, -1, 300], nested = [[String]](repeating: ["a", "b"], count: 2), holes: [Int?] = [nil, 2]
        var byName = ["a": 1, "b": 2], byNumber = [1: "x", -5: "y"], byShape: [Shape: Int] = [.point: 1]
        var set: Set<Int> = [1, 2, 3]
        var data = Data([0, 255, 7]), bytes: [UInt8] = [1, 2]
        var date = Date(timeIntervalSinceReferenceDate: 0.5), url = URL(string: "https://example.org/a?b")!
        var id = UUID(uuid: (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16))
        var decimal = Decimal(string: "1.25")!
        var shapes: [Shape] = [.point, .circle(radius: 1.5), .line(1, 2), .group([.point, .group([])])]
        var object = Derived()
        var value: Value = ["a": [1, nil, 2.5], "b": .bigint(5), "c": .bytes([1])]
        var range = 1..<5
    }

    @Test("everything comes back as it was")
    func roundTrip() throws {
        let all = Everything()
        let bytes = try ValueEncoder().encode(all)
        let back = try ValueDecoder().decode(Everything.self, from: bytes)
        #expect(back == all)
        #expect(back.object.level == 3 && back.object.name == "base")
    }

    @Test("what is encoded is one value in its only encoding")
    func canonical() throws {
        let bytes = try ValueEncoder().encode(Everything())
        #expect(try Value(encoded: bytes).encoded() == bytes)
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let encode: @Sendable () throws -> Value
        let value: Value

        init(_ name: String, _ encoded: some Encodable & Sendable, _ value: Value) {
            testDescription = name
            encode = { try Value(encoding: encoded) }
            self.value = value
        }
    }

    @Test(
        "each type becomes the value that fits it best",
        arguments: [
            Row("true", true, true), Row("text", "a", "a"), Row("a small integer", 5, 5),
            Row("UInt64 within Int64", UInt64(5), 5),
            Row("UInt64 beyond Int64", UInt64.max, .bigint(BigInt(UInt64.max))),
            Row("Int128 within Int64", Int128(-5), -5),
            Row("Int128 beyond Int64", Int128(Int64.min) - 1, .bigint(BigInt(Int64.min) - 1)),
            Row("BigInt, also a small one", BigInt(5), .bigint(5)), Row("Float", Float(0.5), 0.5),
            Row("NaN", Double.nan, .double(.nan)),
            Row("[UInt8]", [UInt8]([1, 255]), .bytes([1, 255])), Row("no bytes", [UInt8](), .bytes([])),
            Row("Data", Data([1, 255]), .bytes([1, 255])), Row("empty Data", Data(), .bytes([])),
            Row("[Int8]", [Int8]([1, -1]), [1, -1]), Row("an optional in an array", [1, nil], [1, nil]),
            Row("nil", Int?.none, nil), Row("an absent member", ["a": Int?.none].mapValues { [$0] }, ["a": [nil]]),
            Row("keys that are integers", [7: true], ["7": true]),
            Row("other keys", [true: 1], [true, 1]),
            Row("an enum with values", Shape.line(1, 2), ["line": ["_0": 1, "_1": 2]]),
            Row("an enum without", Shape.point, ["point": [:]]),
            Row(
                "a struct in the order of its members",
                Stat(path: "a", size: 1, ratio: 0.5, isFolder: false, digest: [7], comment: nil),
                ["path": "a", "size": 1, "ratio": 0.5, "isFolder": false, "digest": .bytes([7])]),
            Row("a struct without members", Empty(), [:]), Row("a Value", Value.array([nil, 1.5]), [nil, 1.5]),
        ])
    func mapping(_ row: Row) throws { #expect(try row.encode() == row.value) }

    struct Empty: Codable, Equatable {}

    @Test("members keep the order in which they are encoded")
    func order() throws {
        let bytes = try ValueEncoder().encode(
            Stat(path: "a", size: 1, ratio: 0.5, isFolder: true, digest: [], comment: "c"))
        let names = try #require(try Value(encoded: bytes).object?.keys)
        #expect(Array(names) == ["path", "size", "ratio", "isFolder", "digest", "comment"])
    }

    @Test("long texts, arrays and objects take wider lengths, at every level")
    func widths() throws {
        for count in [0, 1, 31, 32, 83, 84, 85, 86, 127, 128, 255, 256, 257, 21_844, 21_845, 65_535, 65_536, 70_000] {
            let text = String(repeating: "x", count: count)
            let numbers = Array(repeating: 300, count: count)
            let encoded = try ValueEncoder().encode([[text]: numbers])
            #expect(try ValueDecoder().decode([[String]: [Int]].self, from: encoded) == [[text]: numbers])
            #expect(try Value(encoded: encoded).encoded() == encoded)
            let bytes = [UInt8](repeating: 7, count: count)
            #expect(try ValueDecoder().decode(Data.self, from: try ValueEncoder().encode(Data(bytes))) == Data(bytes))
        }
    }

    @Test("a million numbers, and ten thousand names")
    func large() throws {
        let numbers = (0..<1_000_000).map { $0 &* 2_654_435_761 % 1_000_003 }
        let encoded = try ValueEncoder().encode(numbers)
        #expect(try ValueDecoder().decode([Int].self, from: encoded) == numbers)
        let names = Dictionary(uniqueKeysWithValues: (0..<10_000).map { ("name \($0)", $0) })
        #expect(try ValueDecoder().decode([String: Int].self, from: try ValueEncoder().encode(names)) == names)
    }

    @Test("generated values come back through Codable, and are encoded to the bytes of the tree")
    func generatedValues() throws {
        var random = SeededGenerator(seed: 31)
        for _ in 0..<5_000 {
            let value = random.value(depth: 3)
            let bytes = try ValueEncoder().encode(Wrapped(value: value, list: [value]))
            #expect(bytes == (try Value.object(["value": value, "list": [value]]).encoded()))
            #expect(try ValueDecoder().decode(Wrapped.self, from: bytes) == Wrapped(value: value, list: [value]))
        }
    }

    struct Wrapped: Codable, Equatable {
        var value: Value
        var list: [Value]
    }
}

@Suite("Containers of Codable")
struct CodableContainerTests {
    struct Custom: Encodable {
        let body: (any Encoder) throws -> Void
        func encode(to encoder: any Encoder) throws { try body(encoder) }
    }

    enum Key: String, CodingKey { case a, b, c, d }

    private func value(_ body: @escaping (any Encoder) throws -> Void) throws -> Value {
        let bytes = try ValueEncoder().encode(["x": Custom(body: body)])
        let value = try Value(encoded: bytes)
        #expect(try value.encoded() == bytes)
        return try #require(value["x"])
    }

    @Test("nested containers may be written to in any order, also after their parents")
    func interleaved() throws {
        let encoded = try value { encoder in
            var outer = encoder.container(keyedBy: Key.self)
            var first = outer.nestedContainer(keyedBy: Key.self, forKey: .a)
            var second = outer.nestedUnkeyedContainer(forKey: .b)
            try first.encode(1, forKey: .a)
            try outer.encode("between", forKey: .c)
            try second.encode(2)
            var third = second.nestedUnkeyedContainer()
            try second.encode(3)
            try first.encode(4, forKey: .b)
            try third.encode(String(repeating: "long", count: 100))
            let above = outer.superEncoder(forKey: .d)
            try third.encodeNil()
            var last = above.singleValueContainer()
            try last.encode(5)
        }
        let long = Value.string(String(repeating: "long", count: 100))
        #expect(encoded == ["a": ["a": 1, "b": 4], "b": [2, [long, nil], 3], "c": "between", "d": 5])
    }

    @Test("a container that is asked for again goes on; what asks for nothing is an empty object")
    func again() throws {
        let encoded = try value { encoder in
            var first = encoder.container(keyedBy: Key.self)
            try first.encode(1, forKey: .a)
            var second = encoder.container(keyedBy: Key.self)
            try second.encode(Custom { _ in }, forKey: .b)
            try first.encode(Custom { _ = $0.unkeyedContainer() }, forKey: .c)
        }
        #expect(encoded == ["a": 1, "b": [:], "c": []])
    }

    @Test("of two members with one name the later one counts, also where the names differ in their form only")
    func repeatedNames() throws {
        let encoded = try value { encoder in
            var container = encoder.container(keyedBy: Key.self)
            var early = container.nestedUnkeyedContainer(forKey: .a)
            try container.encode("kept", forKey: .b)
            var late = container.nestedUnkeyedContainer(forKey: .c)
            try container.encode([1, 2], forKey: .a)
            try early.encode("lost")
            try late.encode("kept")
        }
        #expect(encoded == ["b": "kept", "c": ["kept"], "a": [1, 2]])
        let names = (0..<100).map { "name \($0 % 60)" } + ["\u{E9}", "e\u{301}", "K", "\u{212A}"]
        let many = try value { encoder in
            var container = encoder.container(keyedBy: AnyName.self)
            for (index, name) in names.enumerated() { try container.encode(index, forKey: AnyName(name)) }
        }
        #expect(many.object?.count == 64)
        #expect(many["name 39"] == 99 && many["name 40"] == 40 && many["\u{E9}"] == 100 && many["K"] == 102)
        // One text to Swift's `String`, two to JavaScript, and to values.
        #expect(many["e\u{301}"] == 101 && many["\u{212A}"] == 103)
    }

    struct AnyName: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { return nil }
    }

    @Test("nothing stays of a member or element whose encoding throws")
    func rollback() throws {
        struct Broken: Error {}
        let encoded = try value { encoder in
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(1, forKey: .a)
            let broken = Custom { encoder in
                var inner = encoder.container(keyedBy: Key.self)
                _ = inner.nestedContainer(keyedBy: Key.self, forKey: .c)
                try inner.encode("half", forKey: .a)
                throw Broken()
            }
            #expect(throws: Broken.self) { try container.encode(broken, forKey: .a) }
            #expect(throws: Broken.self) { try container.encode(broken, forKey: .b) }
            var list = container.nestedUnkeyedContainer(forKey: .c)
            #expect(throws: Broken.self) { try list.encode(broken) }
            try list.encode("whole")
            try container.encode(2, forKey: .b)
        }
        #expect(encoded == ["a": 1, "c": ["whole"], "b": 2])
    }

    @Test("bytes in an array that has other elements are elements, too")
    func bytesAmongOthers() throws {
        let encoded = try value { encoder in
            var list = encoder.unkeyedContainer()
            try list.encode(contentsOf: [1, 200] as [UInt8])
            #expect(list.count == 2)
            try list.encode(contentsOf: AnySequence([3] as [UInt8]))
            #expect(list.count == 3)
            try list.encode("x")
            try list.encode(contentsOf: [4] as [UInt8])
            #expect(list.count == 5)
        }
        #expect(encoded == [1, 200, 3, "x", 4])
    }

    @Test("a value that is encoded twice, in two shapes, or while an element of it is, is an error with its path")
    func misuse() throws {
        let rows: [(String, (any Encoder) throws -> Void)] = [
            (
                "object and array",
                {
                    var object = $0.container(keyedBy: Key.self)
                    try object.encode(1, forKey: .a)
                    _ = $0.unkeyedContainer()
                }
            ),
            (
                "two values",
                {
                    var single = $0.singleValueContainer()
                    try single.encode(1)
                    try single.encode(2)
                }
            ),
            (
                "a value and an object",
                {
                    try 1.encode(to: $0)
                    _ = $0.container(keyedBy: Key.self)
                }
            ),
            (
                "an object that its own member writes to",
                { encoder in
                    var object = encoder.container(keyedBy: Key.self)
                    var copy = object
                    try object.encode(Custom { _ in try copy.encode(1, forKey: .b) }, forKey: .a)
                }
            ),
        ]
        for (name, body) in rows {
            let error = try #require(throws: EncodingError.self, "\(name)") {
                try ValueEncoder().encode(["x": Custom(body: body)])
            }
            #expect(error.context?.codingPath.first?.stringValue == "x", "\(name)")
        }
    }

    /// Reads and writes by nested containers, in which whole values stand.
    private struct Tree: Codable {
        var isBroken = false

        init() {}

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            var list = try container.nestedUnkeyedContainer(forKey: .a)
            _ = try list.decode([[String: [CodableTests.Stat]]].self)
            let inner = try list.nestedContainer(keyedBy: Key.self).nestedContainer(keyedBy: Key.self, forKey: .b)
            _ = try inner.decode([CodableTests.Stat].self, forKey: .c)
            _ = try [[Int?]](from: container.superDecoder(forKey: .d))
        }

        func encode(to encoder: any Encoder) throws {
            let stat = CodableTests.Stat(path: "/", size: 1, ratio: 1, isFolder: true, digest: [1], comment: nil)
            var container = encoder.container(keyedBy: Key.self)
            var list = container.nestedUnkeyedContainer(forKey: .a)
            try list.encode([["x": [stat]]])
            var outer = list.nestedContainer(keyedBy: Key.self)
            var inner = outer.nestedContainer(keyedBy: Key.self, forKey: .b)
            try inner.encode([stat, stat], forKey: .c)
            if isBroken { throw CancellationError() }
            try ([[1, nil]] as [[Int?]]).encode(to: container.superEncoder(forKey: .d))
        }
    }

    @Test("nothing is kept of an encoding or decoding that has ended, well or not", arguments: [false, true])
    func released(isBroken: Bool) throws {
        final class Witness: Sendable {}
        weak var witness: Witness?
        do {
            let object = Witness()
            witness = object
            var (encoder, decoder) = (ValueEncoder(), ValueDecoder())
            let key = try #require(CodingUserInfoKey(rawValue: "witness"))
            encoder.userInfo[key] = object
            decoder.userInfo[key] = object
            var tree = Tree()
            let encoded = try encoder.encode([tree])
            if isBroken {
                tree.isBroken = true
                #expect(throws: CancellationError.self) { try encoder.encode(["x": [tree]]) }
                #expect(throws: DecodingError.self) { try decoder.decode([[Tree]].self, from: encoded) }
            } else {
                #expect(try decoder.decode([Tree].self, from: encoded).count == 1)
            }
        }
        #expect(witness == nil)
    }

    @Test("an encoder or decoder that is kept finds nothing to write to or read from")
    func kept() throws {
        var container: KeyedEncodingContainer<Key>?
        let writing = Custom { encoder in
            var object = encoder.container(keyedBy: Key.self)
            try object.encode("text", forKey: .a)
            container = object
        }
        let bytes = try ValueEncoder().encode([writing, writing])
        #expect(try Value(encoded: bytes) == [["a": "text"], ["a": "text"]])
        let error = try #require(throws: EncodingError.self) { try container?.encode(1, forKey: .b) }
        #expect(error.context?.debugDescription == "it is written to after its encoding has ended")
        // It refers to its encoder, which refers to what it encoded: a circle.
        container = nil

        // One thread only.
        final class Kept: @unchecked Sendable {
            var decoder: (any Decoder)?
            static let key = CodingUserInfoKey(rawValue: "kept")!
        }
        struct Keeping: Decodable {
            init(from decoder: any Decoder) throws { (decoder.userInfo[Kept.key] as? Kept)?.decoder = decoder }
        }
        let kept = Kept()
        var decoder = ValueDecoder()
        decoder.userInfo[Kept.key] = kept
        _ = try decoder.decode([Keeping].self, from: bytes)
        #expect(throws: DecodingError.self) { try kept.decoder?.container(keyedBy: Key.self) }
        // As above: the decoder refers to the user info.
        kept.decoder = nil
    }

    @Test("userInfo reaches both sides")
    func userInfo() throws {
        struct Tagged: Codable {
            var tag: String?
            init() {}
            static let key = CodingUserInfoKey(rawValue: "tag")!
            func encode(to encoder: any Encoder) throws {
                try (encoder.userInfo[Tagged.key] as? String).encode(to: encoder)
            }
            init(from decoder: any Decoder) throws { tag = decoder.userInfo[Tagged.key] as? String }
        }
        var encoder = ValueEncoder()
        encoder.userInfo[Tagged.key] = "out"
        #expect(try Value(encoded: encoder.encode([Tagged()])) == ["out"])
        var decoder = ValueDecoder()
        decoder.userInfo[Tagged.key] = "in"
        #expect(try decoder.decode([Tagged].self, from: [0xD8, 1, 1, 0xC0])[0].tag == "in")
    }
}

@Suite("Errors of Codable")
struct CodableErrorTests {
    struct Request: Codable, Equatable {
        struct Options: Codable, Equatable {
            var modes: [UInt8?]
            var size: Int16?
        }
        var path: String
        var options: Options?
        var ratio: Float?
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let value: Value
        let path: String
        let what: String
        var testDescription: String { "\(value)" }
    }

    @Test(
        "say where and what",
        arguments: [
            Row(value: [:], path: "path", what: "missing"),
            Row(value: 5, path: "", what: "found int"),
            Row(value: ["path": 5], path: "path", what: "expected String, found int"),
            Row(value: ["path": nil], path: "path", what: "expected String, found null"),
            Row(value: ["path": "", "options": "x"], path: "options", what: "found string"),
            Row(value: ["path": "", "options": [:]], path: "options.modes", what: "missing"),
            Row(
                value: ["path": "", "options": ["modes": [1, 2, 256]]], path: "options.modes.2",
                what: "256 does not fit UInt8"),
            Row(
                value: ["path": "", "options": ["modes": [-1]]], path: "options.modes.0", what: "-1 does not fit UInt8"),
            Row(
                value: ["path": "", "options": ["modes": [1, "2"]]], path: "options.modes.1",
                what: "expected UInt8, found string"),
            Row(
                value: ["path": "", "options": ["modes": [], "size": 0.5]], path: "options.size",
                what: "0.5 does not fit Int16"),
            Row(
                value: ["path": "", "options": ["modes": [], "size": .bigint(BigInt(1) << 70)]], path: "options.size",
                what: "does not fit Int16"),
            Row(value: ["path": "", "ratio": 1e300], path: "ratio", what: "does not fit Float"),
            Row(value: ["path": "", "ratio": true], path: "ratio", what: "found bool"),
        ])
    func decoding(_ row: Row) throws {
        let bytes = try row.value.encoded()
        let error = try #require(throws: DecodingError.self) { try ValueDecoder().decode(Request.self, from: bytes) }
        let context = try #require(error.context)
        #expect(context.codingPath.map(\.stringValue).joined(separator: ".") == row.path)
        #expect(context.debugDescription.contains(row.what), "\(context.debugDescription)")
    }

    @Test("numbers are taken where they fit exactly, of whatever kind they are")
    func numbers() throws {
        #expect(try Value.bigint(5).decode(Int.self) == 5)
        #expect(try Value.double(5).decode(UInt8.self) == 5)
        #expect(try Value.int(5).decode(Double.self) == 5)
        #expect(try Value.double(0.1).decode(Float.self) == 0.1)
        #expect(try Value.double(.infinity).decode(Float.self) == .infinity)
        #expect(try Value.int(7).decode(BigInt.self) == 7)
        #expect(throws: DecodingError.self) { try Value.int(.max).decode(Double.self) }
        #expect(throws: DecodingError.self) { try Value.bigint(-1).decode(BigUInt.self) }
        #expect(try Value.bytes([1, 2]).decode([Int].self) == [1, 2])
        #expect(try Value.array([1, 2]).decode([UInt8].self) == [1, 2])
        #expect(try Value.array([1, 2]).decode(Data.self) == Data([1, 2]))
    }

    @Test("an array of doubles is taken as one, and what is none in it is told as in any array")
    func doubles() throws {
        let numbers = [0.5, -.infinity, 0, .greatestFiniteMagnitude]
        #expect(try ValueDecoder().decode([Double].self, from: ValueEncoder().encode(numbers)) == numbers)
        #expect(try Value.array([.double(0.5), 7, .double(2)]).decode([Double].self) == [0.5, 7, 2])
        #expect(try Value.array([]).decode([Double].self) == [])
        let error = try #require(throws: DecodingError.self) {
            try Value.object(["list": [.double(0.5), "x"]]).decode([String: [Double]].self)
        }
        #expect(error.context?.codingPath.map(\.stringValue) == ["list", "1"])

        var limits = FrameLimits.default
        limits.maxItems = 8
        let decoder = ValueDecoder(limits: limits)
        let lists = [[0.5, 1.5], [2.5, 3.5]]
        #expect(try decoder.decode([[Double]].self, from: ValueEncoder().encode(lists)) == lists)
        let refused = try #require(throws: DecodingError.self) {
            try decoder.decode([[Double]].self, from: ValueEncoder().encode(lists + [[4.5, 5.5]]))
        }
        #expect(refused.context?.underlyingError as? FrameError == .overLimit(.items, value: 9, limit: 8))
    }

    @Test("members that are not asked for are stepped over, whatever they are; whatever is opened is checked")
    func laziness() throws {
        struct Small: Codable { var a: Int }
        // {"a":1,"b":"\xff"}: b is not UTF-8.
        let damaged: [UInt8] = [0xDC, 7, 2, 0x81, 0x61, 1, 0x81, 0x62, 0x81, 0xFF]
        #expect(try ValueDecoder().decode(Small.self, from: damaged).a == 1)
        for (bytes, error) in [
            ([0xDC, 6, 2, 0x81, 0x61, 1, 0x81, 0x61, 2], FrameError.duplicateKey(offset: 6)),
            ([0xDC, 4, 1, 0x81, 0x61, 1, 2], .trailingBytes(.value, offset: 6, count: 1)),
            ([0xDC, 6, 2, 0x81, 0x61, 1, 0x81, 0xFF, 2], .invalidUTF8(.value, offset: 7)),
            ([0xDC, 2, 1, 1, 1], .keyNotString(offset: 3)),
        ] as [([UInt8], FrameError)] {
            let thrown = try #require(throws: DecodingError.self) { try ValueDecoder().decode(Small.self, from: bytes) }
            #expect(thrown.context?.underlyingError as? FrameError == error)
        }
    }

    @Test("limits hold on both sides, and say where they were passed")
    func limits() throws {
        indirect enum Deep: Codable, Equatable {
            case end
            case more(Deep)
            init(from decoder: any Decoder) throws {
                var list = try decoder.unkeyedContainer()
                self = list.isAtEnd ? .end : .more(try list.decode(Deep.self))
            }
            func encode(to encoder: any Encoder) throws {
                var list = encoder.unkeyedContainer()
                if case .more(let deep) = self { try list.encode(deep) }
            }
        }
        var deep = Deep.end
        for _ in 0..<63 { deep = .more(deep) }
        let bytes = try ValueEncoder().encode(deep)
        #expect(try ValueDecoder().decode(Deep.self, from: bytes) == deep)
        var error = try #require(throws: EncodingError.self) { try ValueEncoder().encode(Deep.more(deep)) }
        #expect(error.context?.underlyingError as? FrameError == .overLimit(.depth, value: 65, limit: 64))
        #expect(error.context?.codingPath.count == 64)
        let tooDeep: [UInt8] = [0xD8, UInt8(bytes.count), 1] + bytes
        let refused = try #require(throws: DecodingError.self) { try ValueDecoder().decode(Deep.self, from: tooDeep) }
        #expect(refused.context?.underlyingError as? FrameError == .overLimit(.depth, value: 65, limit: 64))

        var limits = FrameLimits.default
        limits.maxItems = 10
        limits.maxFrameBytes = 1000
        let encoder = ValueEncoder(limits: limits), decoder = ValueDecoder(limits: limits)
        #expect(try decoder.decode([Int].self, from: encoder.encode(Array(1...10))).count == 10)
        error = try #require(throws: EncodingError.self) { try encoder.encode(Array(1...11)) }
        #expect(error.context?.underlyingError as? FrameError == .overLimit(.items, value: 11, limit: 10))
        #expect(error.context?.codingPath.map(\.intValue) == [10])
        #expect(throws: EncodingError.self) { try encoder.encode(["a": Value.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])]) }
        #expect(throws: DecodingError.self) {
            try decoder.decode([Int].self, from: ValueEncoder().encode(Array(1...11)))
        }
        error = try #require(throws: EncodingError.self) {
            try encoder.encode(["a", String(repeating: "b", count: 1000)])
        }
        #expect(error.context?.codingPath.map(\.intValue) == [1])
        #expect(throws: EncodingError.self) { try encoder.encode(String(repeating: "b", count: 998)) }
        limits.maxBigIntBytes = 2
        #expect(throws: EncodingError.self) { try ValueEncoder(limits: limits).encode(BigInt(1) << 16) }
        #expect(throws: DecodingError.self) {
            try ValueDecoder(limits: limits).decode(BigInt.self, from: ValueEncoder().encode(BigInt(1) << 16))
        }
    }

    @Test("every truncation and 100 000 mutations of an encoded struct give a value or a DecodingError")
    func totality() throws {
        let request = CodableTests.Everything()
        let bytes = try ValueEncoder().encode(request)
        for count in 0..<bytes.count {
            #expect(throws: DecodingError.self) {
                try ValueDecoder().decode(CodableTests.Everything.self, from: Array(bytes.prefix(count)))
            }
        }
        var random = SeededGenerator(seed: 41)
        let small = try ValueEncoder().encode(
            Request(path: "a", options: .init(modes: [1, nil, 3], size: 300), ratio: 0.5))
        var decoded = 0
        for _ in 0..<100_000 {
            do {
                let value = try ValueDecoder().decode(Request.self, from: random.mutation(of: small))
                decoded += 1
                #expect(try ValueDecoder().decode(Request.self, from: ValueEncoder().encode(value)).path == value.path)
            } catch is DecodingError {
                continue
            }
        }
        #expect(decoded > 1_000)
    }
}

@Suite("A value in other coders")
struct ValueInOtherCodersTests {
    @Test("goes through JSONEncoder and JSONDecoder")
    func json() throws {
        let value: Value = ["a": [1, nil, true, 2.5, "x"], "b": ["c": [:], "d": []], "e": .int(.min)]
        let data = try JSONEncoder().encode(value)
        #expect(try JSONDecoder().decode(Value.self, from: data) == value)
        #expect(try JSONDecoder().decode(Value.self, from: Data(value.json().utf8)) == value)
    }

    @Test("what JSON does not know is written as what comes closest")
    func approximations() throws {
        for (value, text) in [
            (Value.bigint(5), "[5]"), (.bigint(BigInt(UInt64.max)), "[18446744073709551615]"),
            (.bigint(BigInt(1) << 64), "[\"18446744073709551616\"]"), (.bytes([1, 2, 255]), "[\"AQL\\/\"]"),
        ] {
            #expect(String(decoding: try JSONEncoder().encode([value]), as: UTF8.self) == text)
        }
        #expect(
            try JSONDecoder().decode(Value.self, from: Data("18446744073709551615".utf8)) == .bigint(BigInt(UInt64.max))
        )
    }
}

extension DecodingError {
    var context: Context? {
        switch self {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
            .dataCorrupted(let context):
            context
        @unknown default: nil
        }
    }
}

extension EncodingError {
    var context: Context? { if case .invalidValue(_, let context) = self { context } else { nil } }
}
