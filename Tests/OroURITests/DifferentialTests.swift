// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroURI
import TestGenerators
import Testing

/// The same generated texts through this implementation and node's.
@Suite("URIs against node's URL")
struct DifferentialTests {
    static let count = 120_000
    static let batch = 10_000

    @Test("node is one of the versions the rules were taken from")
    func version() throws {
        let version = try NodeURLs.version()
        #expect(version.hasPrefix("v18.") || version.hasPrefix("v20."), "node is \(version)")
    }

    @Test("120 000 URIs: whether they are any, every part, the whole, and the pairs of their queries")
    func uris() throws {
        var generator = SeededGenerator(seed: 0x0521)
        var accepted = 0
        for _ in 0..<DifferentialTests.count / DifferentialTests.batch {
            let texts = (0..<DifferentialTests.batch).map { _ in generator.uri() }
            let expected = try NodeURLs.answers("urls", texts.map { Value.string($0).json() })
            try #require(expected.count == texts.count)
            var differences = 0
            for (text, expected) in zip(texts, expected) {
                let found = Self.describe(text)
                if found != "null" { accepted += 1 }
                if found == expected || Self.describe(text, asNodeMistakesIt: true) == expected { continue }
                differences += 1
                if differences < 10 {
                    Issue.record("\(Value.string(text).json())\n  here: \(found)\n  node: \(expected)")
                }
            }
            #expect(differences == 0)
        }
        // A generator that makes nothing but errors would prove little.
        #expect(accepted > DifferentialTests.count / 4)
        #expect(accepted < DifferentialTests.count * 9 / 10)
    }

    @Test("120 000 forms: their pairs in order, and the form made of these")
    func forms() throws {
        var generator = SeededGenerator(seed: 0xF0F0)
        for _ in 0..<DifferentialTests.count / DifferentialTests.batch {
            // A question mark in front is not part of the query; the other constructor of JavaScript's would drop it.
            let texts = (0..<DifferentialTests.batch).map { _ in generator.form() }.filter { !$0.hasPrefix("?") }
            // Node's decoder cuts characters to bytes where a part is not UTF-8, so it is given everything in ASCII.
            let expected = try NodeURLs.answers(
                "forms", texts.map { Value.string(PercentEncoding.encode($0.utf8, .control)).json() })
            try #require(expected.count == texts.count)
            var differences = 0
            for (text, expected) in zip(texts, expected) {
                let pairs = FormURLEncoded.parse(text)
                let found = Self.json(pairs.flatMap { [$0.name, $0.value] } + [FormURLEncoded.serialize(pairs)])
                guard found != expected else { continue }
                differences += 1
                if differences < 10 {
                    Issue.record("\(Value.string(text).json())\n  here: \(found)\n  node: \(expected)")
                }
            }
            #expect(differences == 0)
        }
    }

    /// A URI as node's program describes it.
    ///
    /// Node 20 has one mistake, which the standard does not: a path that two dots at its end leave empty, such as that
    /// of `ipc://a/..`, loses its slash.
    private static func describe(_ text: String, asNodeMistakesIt: Bool = false) -> String {
        guard var uri = try? URI(text) else { return "null" }
        if asNodeMistakesIt {
            let beforeQuery = text.unicodeScalars.prefix { $0 != "?" && $0 != "#" }
            let end = String(String.UnicodeScalarView(beforeQuery.filter { $0.value > 0x20 })).lowercased()
                .replacing("%2e", with: ".")
            guard uri.pathname == "/", end.hasSuffix("/..") || end.contains("/../") else { return "null" }
            uri.path = .segments([])
        }
        let pairs = FormURLEncoded.parse(uri.query ?? "")
        let parts = [
            uri.href, uri.scheme + ":", uri.username, uri.password, uri.hostAndPort, uri.host ?? "",
            uri.port.map(String.init) ?? "", uri.pathname, uri.search, uri.hash, FormURLEncoded.serialize(pairs),
        ]
        return json(parts + pairs.flatMap { [$0.name, $0.value] })
    }

    private static func json(_ texts: [String]) -> String { Value.array(texts.map { .string($0) }).json() }
}
