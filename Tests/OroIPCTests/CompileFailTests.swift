// SPDX-License-Identifier: Apache-2.0

import Testing

/// What the compiler must refuse: it is the compiler that keeps spans from outliving their memory, both ends of a typed
/// route to its types, and bindings to verbs there are.
@Suite("The compiler refuses")
struct CompileFailTests {
    struct Snippet: Sendable, CustomTestStringConvertible {
        let name: String
        let code: String
        /// Part of the error that has to come.
        let error: String
        var testDescription: String { name }
    }

    /// What host and client of a typed route share.
    private static let shared = """
        struct Request: Codable { var path: String }
        struct Response: Codable { var size: Int }
        let route = Route<Request, Response>("fs.stat")
        let lines = StreamRoute<Request, String>("lines")

        """

    static let good = [
        Snippet(
            name: "a binding with verbs by paths",
            code: """
                func bind(_ client: Client) -> Binding {
                    client.createBinding("fs", .init(default: .request, verbs: ["fs.write": .write]))
                }
                """, error: ""),
        Snippet(
            name: "a typed route that is answered and called with its types",
            code: shared + """
                func serve(_ host: Host, _ client: Client) async throws -> Int {
                    host.router.map(route) { request in Response(size: request.path.count) }
                    host.router.map(lines) { request, stream in try await stream.send(request.path) }
                    for try await line in try client.stream(lines, Request(path: "a")) { print(line) }
                    return try await client.call(route, Request(path: "a")).size
                }
                """, error: ""),
        Snippet(
            name: "reading a span while its bytes are there",
            code: """
                func sum(_ bytes: Bytes) -> Int {
                    let span = bytes.span
                    var sum = 0
                    for index in 0..<span.byteCount { sum += Int(span.unsafeLoad(fromByteOffset: index, as: UInt8.self)) }
                    return sum
                }
                """, error: ""),
        Snippet(
            name: "a span that is lent on with its bytes",
            code: """
                @_lifetime(borrow bytes)
                func view(_ bytes: borrowing Bytes) -> RawSpan { bytes.span }
                """, error: ""),
        Snippet(
            name: "filling a loan and then sending it",
            code: """
                func fill(_ client: Client) throws -> Bytes {
                    var loan = try client.loan(10)
                    var span = loan.mutableBytes
                    span.storeBytes(of: 1, toByteOffset: 0, as: UInt8.self)
                    return loan.bytes()
                }
                """, error: ""),
    ]

    static let bad = [
        Snippet(
            name: "a typed route that is called with another request",
            code: shared + """
                func call(_ client: Client) async throws { _ = try await client.call(route, "notes.txt") }
                """, error: "cannot convert value of type 'String' to expected argument type 'Request'"),
        Snippet(
            name: "a typed route's response that is taken for another",
            code: shared + """
                func call(_ client: Client) throws -> String { try client.callSync(route, Request(path: "a")) }
                """, error: "cannot convert return expression of type 'Response' to return type 'String'"),
        Snippet(
            name: "a handler that answers another response",
            code: shared + """
                func serve(_ host: Host) {
                    host.router.map(route) { (request: Request) -> String in request.path }
                }
                """, error: "declared closure result 'String' is incompatible with contextual type 'Response'"),
        Snippet(
            name: "a handler that takes another request",
            code: shared + """
                func serve(_ host: Host) {
                    host.router.map(route, async: { (path: String) in Response(size: path.count) })
                }
                """, error: "cannot convert value of type 'Route<Request, Response>' to expected argument type"),
        Snippet(
            name: "an element of another type in a typed stream",
            code: shared + """
                func serve(_ host: Host) {
                    host.router.map(lines) { (request: Request, stream: TypedReplyStream<Int>) in try await stream.send(1) }
                }
                """, error: "cannot convert value of type '@Sendable (Request, TypedReplyStream<Int>)"),
        Snippet(
            name: "a binding with a verb that is none",
            code: """
                func bind(_ client: Client) -> Binding { client.createBinding("fs", .init(default: .nope)) }
                """, error: "type 'Binding.Verb' has no member 'nope'"),
        Snippet(
            name: "a span that leaves the function without its bytes",
            code: """
                @_lifetime(immortal)
                func escape() -> RawSpan {
                    let bytes = Bytes([1, 2, 3])
                    return bytes.span
                }
                """, error: "lifetime-dependent value escapes its scope"),
        Snippet(
            name: "a span that is read after its bytes are gone",
            code: """
                func outlive() -> Int {
                    let span: RawSpan
                    do {
                        let bytes = Bytes([1, 2, 3])
                        span = bytes.span
                    }
                    return span.byteCount
                }
                """, error: "lifetime-dependent variable 'span' escapes its scope"),
        Snippet(
            name: "a span that is read after its bytes were consumed",
            code: """
                func late(_ bytes: consuming Bytes) -> Int {
                    let span = bytes.span
                    let other = consume bytes
                    _ = other
                    return span.byteCount
                }
                """, error: "'bytes' used after consume"),
        Snippet(
            name: "writing to a loan after it was consumed",
            code: """
                func keep(_ client: Client) throws -> Bytes {
                    var loan = try client.loan(10)
                    var span = loan.mutableBytes
                    let bytes = loan.bytes()
                    span.storeBytes(of: 1, toByteOffset: 0, as: UInt8.self)
                    return bytes
                }
                """, error: "overlapping accesses to 'loan'"),
        Snippet(
            name: "a loan that is sent twice",
            code: """
                func twice(_ client: Client) throws -> [Bytes] {
                    let loan = try client.loan(10)
                    return [loan.bytes(), loan.bytes()]
                }
                """, error: "'loan' consumed more than once"),
        Snippet(
            name: "a loan with two owners",
            code: """
                func both(_ loan: consuming Loan) -> Loan {
                    let copy = loan
                    _ = loan.bytes()
                    return copy
                }
                """, error: "'loan' consumed more than once"),
    ]

    @Test("nothing that keeps the rules", arguments: good)
    func compiles(_ snippet: Snippet) async throws {
        let (status, errors) = try Compiler.compile("import OroIPC\n\(snippet.code)\n")
        #expect(status == 0, "\(errors)")
    }

    @Test("what would outlive its memory, have two owners, or not fit a route", arguments: bad)
    func isRefused(_ snippet: Snippet) async throws {
        let (status, errors) = try Compiler.compile("import OroIPC\n\(snippet.code)\n")
        #expect(status != 0, "it compiles")
        #expect(errors.contains("error: \(snippet.error)"), "\(errors)")
    }
}
