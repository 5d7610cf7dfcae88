// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame

// Calls with types of one's own, which are encoded into the frame, and decoded from it, directly.
extension Client {
    /// Sends a command and waits for its result, with any types.
    ///
    /// ```swift
    /// let stat = try await client.request("fs.stat", StatRequest(path: "notes.txt"), as: Stat.self)
    /// ```
    ///
    /// Throws the result's error; a `TypeError` or an `EncodingError`, which say where, when `value` cannot be encoded
    /// or the result is not of `type`.
    public func request<T: Decodable>(
        _ command: String, _ value: some Encodable, as type: T.Type, options: CallOptions? = nil
    ) async throws(IPCError) -> T {
        let content = try TypedContent(value, Client.request(command))
        return try await call(command, nil, content.bytes, options, verb: .request, encoded: content.encoded)
            .decode(type)
    }

    /// The same with bytes beside the value.
    public func write<T: Decodable>(
        _ command: String, _ value: some Encodable, _ bytes: Bytes, as type: T.Type, options: CallOptions? = nil
    ) async throws(IPCError) -> T {
        let content = try TypedContent(value, Client.request(command))
        return try await call(command, nil, bytes, options, verb: .write, encoded: content.encoded).decode(type)
    }

    /// The same, blocking the calling thread. Not for tasks.
    public func sendSync<T: Decodable>(
        _ command: String, _ value: some Encodable, bytes: Bytes? = nil, as type: T.Type, options: CallOptions? = nil
    ) throws(IPCError) -> T {
        let content = try TypedContent(value, Client.request(command))
        return try callSync(command, nil, bytes ?? content.bytes, options, encoded: content.encoded).decode(type)
    }

    private static func request(_ command: String) -> String { "the request of '\(command)'" }

    // MARK: Routes

    /// Calls a route and waits for its response. Throws as ``request(_:_:as:options:)``.
    public func call<Request: Encodable, Response: Decodable>(
        _ route: Route<Request, Response>, _ request: Request, options: CallOptions? = nil
    ) async throws(IPCError) -> Response {
        try await result(route.name, try TypedContent(request, Client.request(route.name)), route.options(options))
            .decode(
                Response.self)
    }

    /// Calls a route that takes nothing.
    public func call<Response: Decodable>(
        _ route: Route<Void, Response>, options: CallOptions? = nil
    ) async throws(IPCError) -> Response {
        try await result(route.name, nil, route.options(options)).decode(Response.self)
    }

    /// Calls a route that answers nothing, and waits until it has.
    public func call<Request: Encodable>(
        _ route: Route<Request, Void>, _ request: Request, options: CallOptions? = nil
    ) async throws(IPCError) {
        try await result(route.name, try TypedContent(request, Client.request(route.name)), route.options(options))
            .check()
    }

    /// Calls a route that takes and answers nothing, and waits until it has.
    public func call(_ route: Route<Void, Void>, options: CallOptions? = nil) async throws(IPCError) {
        try await result(route.name, nil, route.options(options)).check()
    }

    private func result(_ command: String, _ content: TypedContent?, _ options: CallOptions?) async -> Result {
        await call(command, nil, content?.bytes, options, verb: .call, encoded: content?.encoded)
    }

    /// Calls a route and blocks the calling thread until its response is there. Not for tasks.
    public func callSync<Request: Encodable, Response: Decodable>(
        _ route: Route<Request, Response>, _ request: Request, options: CallOptions? = nil
    ) throws(IPCError) -> Response {
        try resultSync(route.name, try TypedContent(request, Client.request(route.name)), route.options(options))
            .decode(Response.self)
    }

    /// The same for a route that takes nothing.
    public func callSync<Response: Decodable>(
        _ route: Route<Void, Response>, options: CallOptions? = nil
    ) throws(IPCError) -> Response {
        try resultSync(route.name, nil, route.options(options)).decode(Response.self)
    }

    /// The same for a route that answers nothing.
    public func callSync<Request: Encodable>(
        _ route: Route<Request, Void>, _ request: Request, options: CallOptions? = nil
    ) throws(IPCError) {
        try resultSync(route.name, try TypedContent(request, Client.request(route.name)), route.options(options))
            .check()
    }

    /// The same for a route that takes and answers nothing.
    public func callSync(_ route: Route<Void, Void>, options: CallOptions? = nil) throws(IPCError) {
        try resultSync(route.name, nil, route.options(options)).check()
    }

    private func resultSync(_ command: String, _ content: TypedContent?, _ options: CallOptions?) -> Result {
        callSync(command, nil, content?.bytes, options, encoded: content?.encoded)
    }
}

extension Result {
    /// Throws the error, if there is one. A success is not decoded.
    fileprivate func check() throws(IPCError) {
        if let frame = content?.frame, !frame.header.flags.contains(.failed) { return }
        if let err { throw err }
    }
}
