// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroFrame
import OroIPC
import OroURI

/// `worst`: looks for the input that costs a decoder or a built-in route the most time a byte, by climbing from many
/// random patterns, and prints what the worst costs at 64 KiB and at 1 MiB: in linear work the two are alike. The
/// memory is what a decoded value takes, in bytes for each byte of input.
func worst(_ arguments: Arguments) async throws {
    let steps = arguments.number("steps", 120)
    let only = arguments.text("only")
    var random = Seeded(state: UInt64(arguments.number("seed", 1)))
    print("| what | worst input | ns a byte, 64 KiB | ns a byte, 1 MiB | memory |")
    print("| --- | --- | ---: | ---: | ---: |")
    for subject in try MeasuredReader.all(backend: arguments.backend)
    where only == nil || subject.name.contains(only ?? "") {
        let (pattern, _) = climb(subject, steps, &random)
        let small = cost(subject, pattern, 64 << 10)
        let large = cost(subject, pattern, subject.largest)
        let memory =
            mostMemory(subject).map { "\(String(format: "%.0f", $0.bytes)): \(subject.describe($0.pattern))" } ?? ""
        print(
            "| \(subject.name) | \(subject.describe(pattern)) | \(String(format: "%.1f", small)) | \(String(format: "%.1f", large)) | \(memory) |"
        )
    }
}

/// The pattern whose value takes the most memory, and how much: bytes for each byte of input.
private func mostMemory(_ subject: MeasuredReader) -> (bytes: Double, pattern: Pattern)? {
    guard let memory = subject.memory else { return nil }
    var most: (bytes: Double, pattern: Pattern)?
    for wrapping in 0..<subject.wrappings {
        for token in 0..<subject.tokens {
            let pattern = Pattern(tokens: [token], wrapping: wrapping)
            let bytes = memory(pattern, 64 << 10)
            if bytes > most?.bytes ?? 0 { most = (bytes, pattern) }
        }
    }
    return most
}

/// The worst pattern that was met at 8 KiB.
private func climb(_ subject: MeasuredReader, _ steps: Int, _ random: inout Seeded) -> (Pattern, Double) {
    var best = Pattern(tokens: [0], wrapping: 0)
    var worst = cost(subject, best, 8 << 10)
    func consider(_ pattern: Pattern) {
        // Looked at again, as another process may have been in the way.
        guard cost(subject, pattern, 8 << 10) > worst else { return }
        let again = cost(subject, pattern, 8 << 10)
        if again > worst { (best, worst) = (pattern, again) }
    }
    // Each token, and each wrapping, by itself first.
    for wrapping in 0..<subject.wrappings {
        for token in 0..<subject.tokens { consider(Pattern(tokens: [token], wrapping: wrapping)) }
    }
    for step in 0..<steps {
        consider(
            step % 4 == 0
                ? .random(tokens: subject.tokens, wrappings: subject.wrappings, &random)
                : best.changed(tokens: subject.tokens, wrappings: subject.wrappings, &random))
    }
    return (best, worst)
}

/// Nanoseconds for each byte of an input of this size: the least of some tries.
private func cost(_ subject: MeasuredReader, _ pattern: Pattern, _ count: Int) -> Double {
    let (bytes, run) = subject.prepare(pattern, count)
    if bytes == 0 { return 0 }
    var least = UInt64.max
    for _ in 0..<3 {
        let start = oro_clock_ns()
        run()
        least = min(least, oro_clock_ns() - start)
    }
    return Double(least) / Double(bytes)
}

/// xorshift.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        var mixed = state
        mixed ^= mixed >> 33
        mixed = mixed &* 0xFF51_AFD7_ED55_8CCD
        return mixed ^ mixed >> 33
    }
}

/// Something that reads what a peer sends.
private struct MeasuredReader {
    let name: String
    let tokens: Int
    let wrappings: Int
    let describe: (Pattern) -> String
    /// An input of about so many bytes: how many it has, and what reads it.
    let prepare: (Pattern, Int) -> (Int, () -> Void)
    var memory: ((Pattern, Int) -> Double)?
    /// More it does not take.
    var largest = 1 << 20

    static func text(_ name: String, _ grammar: Grammar, _ read: @escaping (String) -> Void) -> MeasuredReader {
        MeasuredReader(
            name: name, tokens: grammar.tokens.count, wrappings: grammar.wrappings.count,
            describe: { pattern in
                let (open, between, close) = grammar.wrappings[pattern.wrapping]
                let unit = pattern.tokens.flatMap { grammar.tokens[$0] }
                return [open, unit, between, close].map { show($0) }.joined(separator: " ")
            },
            prepare: { pattern, count in
                let bytes = grammar.bytes(pattern, count)
                let text = String(decoding: bytes, as: UTF8.self)
                return (bytes.count, { read(text) })
            })
    }

    private static func show(_ bytes: [UInt8]) -> String {
        let text = String(decoding: bytes.prefix(24), as: UTF8.self)
        let plain = text.unicodeScalars.map { scalar in
            scalar.value < 0x7F && scalar.value > 0x20 && scalar != "|"
                ? String(scalar) : "\\u{\(String(scalar.value, radix: 16))}"
        }.joined()
        return "`\(plain)\(bytes.count > 24 ? "…" : "")`"
    }

    static func value(_ name: String, keepsMemory: Bool = false, _ read: @escaping (Value, [UInt8]) -> Void)
        -> MeasuredReader
    {
        var subject = MeasuredReader(
            name: name, tokens: ValueGrammar.leaves.count, wrappings: ValueGrammar.wrappings,
            describe: { pattern in
                let leaves = pattern.tokens.map { String(ValueGrammar.leaves[$0](0).json().prefix(16)) }
                return
                    "`\(leaves.joined(separator: " ").map { $0.isASCII && $0 != "|" ? String($0) : "?" }.joined())`, way \(pattern.wrapping)"
            },
            prepare: { pattern, count in
                let value = ValueGrammar.value(pattern, count)
                guard let bytes = try? value.encoded() else { return (0, {}) }
                return (bytes.count, { read(value, bytes) })
            })
        if keepsMemory {
            subject.memory = { pattern, count in
                guard let bytes = try? ValueGrammar.value(pattern, count).encoded() else { return 0 }
                let before = oro_heap_bytes()
                let value = try? Value(encoded: bytes)
                let after = oro_heap_bytes()
                return withExtendedLifetime(value) { Double(after) - Double(before) } / Double(bytes.count)
            }
        }
        return subject
    }

    /// A built-in route, asked over a link.
    static func route(_ name: String, _ client: Client, _ most: Int, _ parameters: @escaping (Value) -> Value)
        -> MeasuredReader
    {
        var subject = value(name) { _, _ in }
        let inner = subject.prepare
        subject = MeasuredReader(
            name: name, tokens: subject.tokens, wrappings: subject.wrappings, describe: subject.describe,
            prepare: { pattern, count in
                guard inner(pattern, count).0 > 0 else { return (0, {}) }
                let whole = parameters(ValueGrammar.value(pattern, count))
                guard let bytes = try? whole.encoded(), bytes.count <= most else { return (0, {}) }
                return (bytes.count, { _ = client.sendSync(name, whole) })
            })
        subject.largest = most - 4096
        return subject
    }

    static func all(backend: WakeBackend?) throws -> [MeasuredReader] {
        var options = HostOptions()
        options.backend = backend
        let host = try Host.unnamed(options: options)
        try host.start()
        let client = try Client(descriptor: host.makePeer())
        kept.append(host)
        let most = options.builtInParameterBytes
        let texts: [MeasuredReader] = [
            .text("JSON", .json) { _ = try? Value(json: $0) },
            .text("`Value` of a text: hash and ==", .text) { text in
                _ = Set<Value>([.string(text), .string(text + "a")])
                _ = Value.string(text) == .string("a")
            },
            .text("URI", .uri) { _ = try? URI($0) },
            .text("message from a text", .uri) { _ = try? Message.from($0) },
            .text("form", .form) { _ = FormURLEncoded.parse($0) },
            .text("form written", .form) { text in _ = FormURLEncoded.serialize([(name: text, value: text)]) },
            .text("headers", .headers) { text in
                guard let headers = try? Headers.from(text) else { return }
                _ = (headers.count, headers.json, headers.text, headers.get("a"))
            },
            .text("base64", .base64) { _ = Base64.bytes($0) },
            .text("seq", .digits) { text in
                var limits = FrameLimits.default
                limits.maxSeqDigits = .max
                _ = try? Seq(text, limits: limits)
            },
        ]
        let values: [MeasuredReader] = [
            .value("value decoded", keepsMemory: true) { _, bytes in _ = try? Value(encoded: bytes) },
            .value("value hashed and compared") { value, _ in _ = Set<Value>([value, .array([value])]).contains(value)
            },
            .value("value encoded") { value, _ in _ = try? value.encoded() },
            .value("value as JSON") { value, _ in _ = value.json() },
            .value("structured value decoded") { value, _ in _ = try? StructuredGraph.decode(value) },
            .value("structured value as text") { value, _ in
                guard let (graph, root) = try? StructuredGraph.decode(value) else { return }
                _ = graph.description(of: root)
            },
            .value("structured value encoded") { value, _ in
                guard let (graph, root) = try? StructuredGraph.decode(value) else { return }
                _ = try? graph.encoded(from: root)
            },
            .value("value as a structured value, and back") { value, _ in _ = StructuredValue(value).value },
            .value("type decoded: names to anything") { _, bytes in
                _ = try? ValueDecoder().decode([String: Value].self, from: bytes)
            },
            .value("type decoded: list of texts") { _, bytes in
                _ = try? ValueDecoder().decode([String].self, from: bytes)
            },
            .value("type decoded: list of lists") { _, bytes in
                _ = try? ValueDecoder().decode([[Int]].self, from: bytes)
            },
            .value("parameters as a query") { value, _ in
                guard let message = try? Message.from("a", value.kind == .object ? value : ["value": value]) else {
                    return
                }
                _ = (message.href, message.params.count, message.keys)
            },
            .value("headers of a value") { value, _ in _ = try? Headers.from(value) },
            .value("result of a value") { value, _ in _ = Result.from(value) },
        ]
        let routes: [MeasuredReader] = [
            .route("ping", client, most) { $0 },
            .route("platform.event", client, most) { ["value": $0] },
            .route("diagnostics.query", client, most) { $0 },
            .route("broadcast_channel.subscribe", client, most) { ["name": "n", "token": $0, "origin": $0] },
            .route("broadcast_channel.unsubscribe", client, most) { ["id": $0] },
            .route("broadcast_channel.postMessage", client, most) { ["name": "n", "data": $0] },
        ]
        return texts + values + routes
    }

    nonisolated(unsafe) private static var kept: [OroIPC.Host] = []
}
