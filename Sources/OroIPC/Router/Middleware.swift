// SPDX-License-Identifier: Apache-2.0

import OroLink

/// Something that happens around the handlers of routes: access control, logs, metrics.
///
/// ```swift
/// struct Slow: Middleware {
///     func after(_ call: RouteCall, _ result: inout Result) {
///         if call.duration > .milliseconds(50) { print("\(call.name) took \(call.duration)") }
///     }
/// }
/// host.router.use(Slow())
/// ```
///
/// Of several the first is outermost: its ``before(_:)`` runs first and its ``after(_:_:)`` last. They run where the
/// handler runs, outside of all locks: for a synchronous route on the host's thread, so they must be quick.
public protocol Middleware: Sendable {
    /// Before the handler. A result answers in its place, an error likewise; `nil` lets the call go on.
    func before(_ call: RouteCall) throws -> Result?
    /// After the handler, or whatever answered in its place; for those whose ``Middleware/before(_:)`` let the call go
    /// on. May change the result. Of a stream it sees an empty result, or the error, when it ends.
    func after(_ call: RouteCall, _ result: inout Result)
}

extension Middleware {
    public func before(_ call: RouteCall) throws -> Result? { nil }
    public func after(_ call: RouteCall, _ result: inout Result) {}
}

/// The same, where it has to wait for something: for a permission that somebody else gives.
public protocol AsyncMiddleware: Sendable {
    /// See ``Middleware/before(_:)``.
    func before(_ call: RouteCall) async throws -> Result?
    /// See ``Middleware/after(_:_:)``.
    func after(_ call: RouteCall, _ result: inout Result) async
}

extension AsyncMiddleware {
    public func before(_ call: RouteCall) async throws -> Result? { nil }
    public func after(_ call: RouteCall, _ result: inout Result) async {}
}

/// A message on its way through a route, as middleware sees it.
public struct RouteCall: Sendable {
    /// The route, as it was mapped.
    public let name: String
    /// What the client sent.
    public let message: Message
    /// When the host began with it.
    public let start: ContinuousClock.Instant

    init(_ name: String, _ message: Message) {
        self.name = name
        self.message = message
        start = .now
    }

    /// Who sent it; `nil` when the host's own code did.
    public var client: ConnectedClient? { message.client }

    /// The process that sent it, as the kernel says; this one for the host's own code.
    public var peer: PeerIdentity { client?.peer ?? .current }

    /// How long it has taken so far.
    public var duration: Duration { start.duration(to: .now) }
}
