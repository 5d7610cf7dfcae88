// SPDX-License-Identifier: Apache-2.0

import OroFrame
import Testing

@Suite struct NamedValuesTests {
    /// One text to Swift's `String`, two to everybody who compares bytes.
    private static let composed = "\u{E9}"
    private static let decomposed = "e\u{301}"

    @Test("names are compared by their bytes, at every lookup")
    func comparedByBytes() throws {
        let (one, two) = (NamedValuesTests.composed, NamedValuesTests.decomposed)
        var members: NamedValues<Value> = [:]
        members[one] = 1
        members[two] = 2
        #expect(members.count == 2 && members[one] == 1 && members[two] == 2)
        #expect(members.keys.map { Array($0.utf8) } == [Array(one.utf8), Array(two.utf8)])
        #expect(members.keys.contains(two) && members.index(forKey: two) == 1)
        #expect(members.removeValue(forKey: one) == 1 && members[one] == nil && members[two] == 2)
        #expect(Value.string(one) != Value.string(two))
        #expect(Set<Value>([.string(one), .string(two)]).count == 2)
        #expect((["\u{E9}": 1] as Value) != ["e\u{301}": 1])
    }

    @Test("an object with two names that are canonically equal is decoded, read from JSON, and encoded, with both")
    func bothNamesStay() throws {
        let (one, two) = (NamedValuesTests.composed, NamedValuesTests.decomposed)
        let value = try Value(json: "{\"\(one)\":1,\"\(two)\":2}")
        #expect(value.object?.count == 2)
        let bytes = try value.encoded()
        #expect(try Value(encoded: bytes) == value)
        // Bytes have no padding that could leak.
        let view = try unsafe ValueView(bytes.span.bytes)
        #expect(try view.member(two)?.int == 2)
    }

    @Test("the last of two of one name counts, in the place of the first")
    func repeated() {
        let members = NamedValues([("a", 1), ("b", 2), ("a", 3)])
        #expect(Array(members.keys) == ["a", "b"] && Array(members.values) == [3, 2])
        #expect(NamedValues([("a", 3), ("b", 2)]) == members)
        #expect(NamedValues([("b", 2), ("a", 3)]) != members)
    }

    @Test("few that are looked through and many that have an index are the same, whatever is done to them")
    func asAModel() {
        var random = SystemRandomNumberGenerator()
        for most in [3, 15, 16, 17, 18, 40] {
            var members = NamedValues<Int>()
            // In order, and looked through.
            var model: [(key: String, value: Int)] = []
            for step in 0..<2000 {
                let name = "n\(Int.random(in: 0..<most, using: &random))"
                let place = model.firstIndex { $0.key == name }
                switch Int.random(in: 0..<4, using: &random) {
                case 0:
                    #expect(members.removeValue(forKey: name) == place.map { model.remove(at: $0).value })
                case 1:
                    members[name, default: 0] += 1
                    if let place { model[place].value += 1 } else { model.append((name, 1)) }
                case 2:
                    #expect(members.updateIfPresent(name) { $0 = step } == (place != nil))
                    if let place { model[place].value = step }
                default:
                    #expect(members.updateValue(step, forKey: name) == place.map { model[$0].value })
                    if let place { model[place].value = step } else { model.append((name, step)) }
                }
                #expect(members.index(forKey: name) == model.firstIndex { $0.key == name })
                if step % 50 == 0 {
                    #expect(Array(members.keys) == model.map(\.key) && Array(members.values) == model.map(\.value))
                    #expect(members == NamedValues(model.map { ($0.key, $0.value) }))
                    #expect(Set([members, NamedValues(model.map { ($0.key, $0.value) })]).count == 1)
                    #expect(members.mapValues { -$0 }[name] == model.first { $0.key == name }.map { -$0.value })
                }
            }
        }
    }

    @Test("changed in place, mapped, and described")
    func changes() {
        var members: NamedValues<[Int]> = ["a": [1]]
        members["a", default: []].append(2)
        members["b", default: []].append(3)
        members["a"]?.append(4)
        #expect(members.updateValue([5], forKey: "b") == [3])
        #expect(members["a"] == [1, 2, 4] && members["b"] == [5] && members["c"] == nil)
        #expect(members.mapValues(\.count) == ["a": 3, "b": 1])
        #expect(members.description == #"["a": [1, 2, 4], "b": [5]]"#)
        members["a"] = nil
        #expect(members.count == 1 && members.first?.key == "b")
    }

    struct Named: Codable, Equatable { var names: [String: Int] }

    @Test("a type gets no name and no text with more combining marks in a row than the limit, a value gets any")
    func combiningMarks() throws {
        let limit = FrameLimits.default.maxCombiningMarks
        for base in ["a", "\u{1F600}"] {
            let fits =
                base + String(repeating: "\u{301}", count: limit) + "b" + String(repeating: "\u{316}", count: limit)
            let name = base + String(repeating: "\u{301}", count: limit + 1)
            let good: Value = ["names": [fits: 1]]
            #expect(try ValueDecoder().decode(Named.self, from: good.encoded()).names.count == 1)
            for bad: Value in [
                ["names": [name: 1]], .object(["names": .object(NamedValues((0..<30).map { ("\($0)" + name, 1) }))]),
            ] {
                let bytes = try bad.encoded()
                #expect(try Value(encoded: bytes) == bad)
                let error = #expect(throws: DecodingError.self) {
                    try ValueDecoder().decode(Named.self, from: bytes)
                }
                guard case .dataCorrupted(let context)? = error else { continue }
                #expect(
                    context.underlyingError as? FrameError
                        == .overLimit(.combiningMarks, value: limit + 1, limit: limit))
            }
            #expect(throws: DecodingError.self) {
                try ValueDecoder().decode(String.self, from: Value.string(name).encoded())
            }
            #expect(throws: DecodingError.self) {
                try ValueDecoder().decode([String].self, from: Value.array([.string(name)]).encoded())
            }
        }
    }
}
