// SPDX-License-Identifier: Apache-2.0

import Benchmark
import CAllocations
import Foundation
import OroIPC
import OroIPCFoundation

/// Allocations of one iteration.
let allocations = BenchmarkMetric.custom("Allocations", polarity: .prefersSmaller, useScalingFactor: true)

/// A benchmark of `body`, which also counts what it allocates.
func measure(_ name: String, _ body: @escaping @Sendable () throws -> Void) {
    Benchmark(name) { benchmark in
        // Lazily made tables, caches of conformances.
        try body()
        for _ in benchmark.scaledIterations { try body() }
        benchmark.stopMeasurement()
        let before = bench_allocations()
        for _ in benchmark.scaledIterations { try body() }
        benchmark.measurement(allocations, Int(bench_allocations() - before))
    }
}

/// Encode and decode `sample` as a type, as a tree, and as JSON.
func compare<T: Codable & Sendable>(_ name: String, _ sample: T) throws {
    let encoded = try ValueEncoder().encode(sample), tree = try Value(encoded: encoded)
    let json = try JSONEncoder().encode(sample)
    measure("\(name): encode, Codable") { blackHole(try ValueEncoder().encode(sample)) }
    measure("\(name): encode, JSONEncoder") { blackHole(try JSONEncoder().encode(sample)) }
    measure("\(name): encode, tree") { blackHole(try tree.encoded()) }
    measure("\(name): decode, Codable") { blackHole(try ValueDecoder().decode(T.self, from: encoded)) }
    measure("\(name): decode, JSONDecoder") { blackHole(try JSONDecoder().decode(T.self, from: json)) }
    measure("\(name): decode, tree") { blackHole(try Value(encoded: encoded)) }
    measure("\(name): decode, JSONSerialization") { blackHole(try JSONSerialization.jsonObject(with: json)) }
    measure("\(name): decode, our JSON") { blackHole(try Value(json: String(decoding: json, as: UTF8.self))) }
}

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock, allocations], scalingFactor: .kilo, maxDuration: .seconds(1), maxIterations: 1_000)
    do {
        try compare("request", StatRequest())
        try compare("listing of 100", Listing())
        try compare("1000 doubles", Samples())
        try compare("64 KiB of bytes", Blob())

        let listing = Listing()
        let encoded = try ValueEncoder().encode(listing), json = try JSONEncoder().encode(listing)
        measure("one member of the last entry: a look at it") {
            let view = try ValueView(encoded.span.bytes)
            blackHole(view["entries"]?[99]?["size"]?.int)
        }
        struct Sizes: Codable, Sendable {
            struct Entry: Codable, Sendable { var size: Int64 }
            var entries: [Entry]
        }
        measure("one member of each entry: Codable") { blackHole(try ValueDecoder().decode(Sizes.self, from: encoded)) }
        measure("one member of each entry: JSONDecoder") { blackHole(try JSONDecoder().decode(Sizes.self, from: json)) }

        let uri = "ipc://fs.stat?path=%2Fhome%2Fada%2Fmeeting+notes.txt&follow=true&depth=3&fields=size%2Cmode"
        measure("URI: parse, Message") { blackHole(try Message(uri)) }
        measure("URI: parse, URL") { blackHole(URL(string: uri)) }
        measure("URI: one parameter, Message") { blackHole(try Message(uri).get("depth")) }
        measure("URI: one parameter, URLComponents") {
            blackHole(URLComponents(string: uri)?.queryItems?.first { $0.name == "depth" }?.value)
        }
        let parameters: Value = [
            "path": "/home/ada/meeting notes.txt", "follow": true, "depth": 3, "fields": "size,mode",
        ]
        measure("URI: a message made, its text not asked for") { blackHole(try Message.from("fs.stat", parameters)) }
        measure("URI: a message made and printed") { blackHole(try Message.from("fs.stat", parameters).href) }
        measure("URI: URLComponents made and printed") {
            var made = URLComponents()
            made.scheme = "ipc"
            made.host = "fs.stat"
            made.queryItems = [
                URLQueryItem(name: "path", value: "/home/ada/meeting notes.txt"),
                URLQueryItem(name: "follow", value: "true"),
                URLQueryItem(name: "depth", value: "3"), URLQueryItem(name: "fields", value: "size,mode"),
            ]
            blackHole(made.string)
        }
    } catch {
        fatalError("\(error)")
    }
}
