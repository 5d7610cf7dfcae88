// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroLink

/// Middleware that decides by who calls which routes may be called.
///
/// ```swift
/// host.router.use(AccessControl([
///     .allow("*", users: [0, 1000]),
///     .deny("fs.write*") { $0.processID == guest },
///     .allow("ping"),
/// ]))
/// ```
///
/// The last rule that is about a call decides; where none is, it is refused. Who is refused gets a `NotAllowedError`,
/// and neither listeners nor handlers see the message. The host's own code may call everything. Who may connect at all
/// is decided before, by ``HostOptions/policy``.
public struct AccessControl: Middleware {
    /// Who may, or may not, call which routes.
    public struct Rule: Sendable {
        let isAllowed: Bool
        let routes: RoutePattern
        let isAbout: @Sendable (PeerIdentity) -> Bool

        /// Calls of these routes are allowed: to everybody, or to processes of these users.
        public static func allow(_ routes: RoutePattern, users: Set<UInt32>? = nil) -> Rule {
            allow(routes) { users?.contains($0.userID) ?? true }
        }

        /// Calls of these routes are refused: to everybody, or to processes of these users.
        public static func deny(_ routes: RoutePattern, users: Set<UInt32>? = nil) -> Rule {
            deny(routes) { users?.contains($0.userID) ?? true }
        }

        /// Calls of these routes are allowed to clients that the host has given one of these labels
        /// (``Host/makePeer(label:)``).
        public static func allow(_ routes: RoutePattern, labels: Set<String>) -> Rule {
            allow(routes) { $0.label.map(labels.contains) ?? false }
        }

        /// Calls of these routes are refused to such clients.
        public static func deny(_ routes: RoutePattern, labels: Set<String>) -> Rule {
            deny(routes) { $0.label.map(labels.contains) ?? false }
        }

        /// The same for the processes that `isAbout` says.
        public static func allow(_ routes: RoutePattern, _ isAbout: @escaping @Sendable (PeerIdentity) -> Bool) -> Rule
        {
            Rule(isAllowed: true, routes: routes, isAbout: isAbout)
        }

        /// The same for the processes that `isAbout` says.
        public static func deny(_ routes: RoutePattern, _ isAbout: @escaping @Sendable (PeerIdentity) -> Bool) -> Rule {
            Rule(isAllowed: false, routes: routes, isAbout: isAbout)
        }
    }

    private let rules: [Rule]

    /// The later of two rules about one call decides.
    public init(_ rules: [Rule]) { self.rules = rules }

    public func before(_ call: RouteCall) throws -> Result? {
        guard let client = call.client else { return nil }
        let rule = rules.last { $0.routes.matches(call.name) && $0.isAbout(client.peer) }
        if rule?.isAllowed == true { return nil }
        throw IPCError.notAllowed("'\(call.name)' is not allowed to \(client.peer)")
    }
}
