// SPDX-License-Identifier: Apache-2.0

import OroFrame

// Handlers with types of their own.
//
// A request that is not of the route's type never reaches the handler: the caller gets a `TypeError`, or an
// `EncodingError` when the bytes are no value; both say where.
extension Router {
    /// Answers a route with `handler`, which runs on the host's thread: for what takes microseconds.
    @_disfavoredOverload
    public func map<Request: Decodable & Sendable, Response: Encodable & Sendable>(
        _ route: OroIPC.Route<Request, Response>, _ handler: @escaping @Sendable (Request) throws -> Response
    ) {
        map(route.name) { message in try Result(encoding: handler(try message.decode(Request.self))) }
    }

    /// The same for a route that takes nothing.
    @_disfavoredOverload
    public func map<Response: Encodable & Sendable>(
        _ route: OroIPC.Route<Void, Response>, _ handler: @escaping @Sendable () throws -> Response
    ) {
        map(route.name) { _ in try Result(encoding: handler()) }
    }

    /// The same for a route that answers nothing.
    @_disfavoredOverload
    public func map<Request: Decodable & Sendable>(
        _ route: OroIPC.Route<Request, Void>, _ handler: @escaping @Sendable (Request) throws -> Void
    ) {
        map(route.name) { message in
            try handler(try message.decode(Request.self))
            return Result()
        }
    }

    /// The same for a route that takes and answers nothing.
    @_disfavoredOverload
    public func map(_ route: OroIPC.Route<Void, Void>, _ handler: @escaping @Sendable () throws -> Void) {
        map(route.name) { _ in
            try handler()
            return Result()
        }
    }

    /// Answers a route with `handler`, which runs in a task.
    public func map<Request: Decodable & Sendable, Response: Encodable & Sendable>(
        _ route: OroIPC.Route<Request, Response>, async handler: @escaping @Sendable (Request) async throws -> Response
    ) {
        map(route.name, async: { message in try Result(encoding: await handler(try message.decode(Request.self))) })
    }

    /// The same for a route that takes nothing.
    public func map<Response: Encodable & Sendable>(
        _ route: OroIPC.Route<Void, Response>, async handler: @escaping @Sendable () async throws -> Response
    ) {
        map(route.name, async: { _ in try Result(encoding: await handler()) })
    }

    /// The same for a route that answers nothing.
    public func map<Request: Decodable & Sendable>(
        _ route: OroIPC.Route<Request, Void>, async handler: @escaping @Sendable (Request) async throws -> Void
    ) {
        map(
            route.name,
            async: { message in
                try await handler(try message.decode(Request.self))
                return Result()
            })
    }

    /// The same for a route that takes and answers nothing.
    public func map(_ route: OroIPC.Route<Void, Void>, async handler: @escaping @Sendable () async throws -> Void) {
        map(
            route.name,
            async: { _ in
                try await handler()
                return Result()
            })
    }

    /// Answers a route with the elements that `handler` sends, from a task.
    public func map<Request: Decodable & Sendable, Element: Encodable & Sendable>(
        _ route: OroIPC.StreamRoute<Request, Element>,
        _ handler: @escaping @Sendable (Request, TypedReplyStream<Element>) async throws -> Void
    ) {
        map(
            route.name,
            stream: { message, stream in
                try await handler(try message.decode(Request.self), TypedReplyStream(stream))
            })
    }

    /// The same for a route that takes nothing.
    public func map<Element: Encodable & Sendable>(
        _ route: OroIPC.StreamRoute<Void, Element>,
        _ handler: @escaping @Sendable (TypedReplyStream<Element>) async throws -> Void
    ) {
        map(route.name, stream: { _, stream in try await handler(TypedReplyStream(stream)) })
    }
}
