// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite("bench")
struct BenchTests {
    @Test("names of benches, of the family of payloads and of its members are known, others are not")
    func names() throws {
        for (name, code) in [
            ("loan-1MiB-touch8", Int32(0)), ("loan-1MiB-full", 0), ("copy-1MiB", 0), ("rtt-payload-64", 0),
            ("rtt-payload-4K-park", 0), ("rtt-payload-65", 2), ("rtt-payload-1T", 2), ("rtt-payload-", 2),
            ("rtt-payload-4K-spin", 2), ("nothing", 2), ("broadcast-1MiB-1", 0), ("broadcast-1MiB-2", 2),
        ] {
            let outcome = try ToolProcess.run(["bench", "--quick", "--json", name])
            #expect(outcome.code == code, "\(name): \(outcome.errors)")
            guard code == 0 else { continue }
            let result = outcome.json["results"]?[0]
            #expect(result?["name"]?.string == name)
            for key in ["p50", "p99", "raw_p50", "ratio", "bytes", "line_ns"] { #expect(result?[key] != nil, "\(key)") }
        }
    }

    @Test("--plot writes plots of the families and the figures, in a folder that it makes")
    func plots() throws {
        let folder = try TemporaryFolder()
        let plots = folder.path + "/plots"
        let outcome = try ToolProcess.run(["bench", "--quick", "--plot", plots])
        #expect(outcome.code == 0, "\(outcome.errors)")
        for name in ["payload-latency.svg", "payload-throughput.svg", "broadcast.svg"] {
            let data = try Data(contentsOf: URL(fileURLWithPath: "\(plots)/\(name)"))
            let parser = XMLParser(data: data)
            let counter = Counter()
            parser.delegate = counter
            #expect(parser.parse(), "\(name)")
            #expect(counter.elements["svg"] == 1)
            #expect(counter.elements["polyline", default: 0] >= 4)
        }
        let figures = try String(contentsOfFile: plots + "/bench.json", encoding: .utf8)
        let results = try Value(json: figures)["results"]
        // 64 bytes to 64 KiB, both policies.
        #expect(results?[13]?["name"]?.string == "rtt-payload-64K-park")
        #expect(results?[13]?["bytes"]?.int == 65536)
        #expect(results?[17]?["name"]?.string == "broadcast-1MiB-64")
        #expect(results?[17]?["further_ns"]?.double != nil)
        #expect(results?.array?.count == 18)
    }

    @Test("--plot with a folder that cannot be made is wrong usage, before anything is measured")
    func noFolder() throws {
        let outcome = try ToolProcess.run(["bench", "--quick", "--plot", "/nonexistent/plots"])
        #expect(outcome.code == 2)
        #expect(outcome.output.isEmpty)
    }

    /// Counts the elements of a document.
    private final class Counter: NSObject, XMLParserDelegate {
        var elements: [String: Int] = [:]

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String]
        ) {
            elements[name, default: 0] += 1
        }
    }
}
