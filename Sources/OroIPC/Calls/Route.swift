// SPDX-License-Identifier: Apache-2.0

/// A command with the types of its request and its response, for the host that answers it and the clients that call it:
/// what does not fit does not compile.
///
/// ```swift
/// // Shared by both programs:
/// struct StatRequest: Codable { var path: String }
/// struct Stat: Codable { var size: Int64 }
/// let stat = Route<StatRequest, Stat>("fs.stat")
///
/// host.router.map(stat) { request in Stat(size: try size(of: request.path)) }
/// print(try await client.call(stat, StatRequest(path: "notes.txt")).size)
/// ```
///
/// Either type may be `Void`, which is no value; ``Bytes``, which are the payload; ``WithBytes``, which is both; or
/// anything `Codable`. On the wire a typed route is one like others: untyped calls reach it, and the other way round.
public struct Route<Request, Response>: Sendable {
    /// The command.
    public let name: String
    /// The handler may run more than once for one request without harm: each call is as with
    /// ``CallOptions/isIdempotent``.
    public let isIdempotent: Bool

    /// A route with this command: 1 to 255 of `A-Z a-z 0-9 . _ -`.
    public init(_ name: String, isIdempotent: Bool = false) {
        self.name = name
        self.isIdempotent = isIdempotent
    }

    /// The options of a call of it.
    func options(_ options: CallOptions?) -> CallOptions? {
        guard isIdempotent else { return options }
        var options = options ?? CallOptions()
        options.isIdempotent = true
        return options
    }
}

/// A command with the types of its request and of the elements it answers with, one chunk each.
///
/// ```swift
/// let tail = StreamRoute<TailRequest, Line>("logs.tail")
///
/// host.router.map(tail) { request, lines in
///     for await line in log.lines(request.count) { try await lines.send(line) }
/// }
/// for try await line in try client.stream(tail, TailRequest(count: 10)) { print(line.text) }
/// ```
///
/// What the types may be: see ``Route``.
public struct StreamRoute<Request, Element>: Sendable {
    /// The command.
    public let name: String

    /// A route with this command: 1 to 255 of `A-Z a-z 0-9 . _ -`.
    public init(_ name: String) { self.name = name }
}
