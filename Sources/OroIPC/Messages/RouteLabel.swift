// SPDX-License-Identifier: Apache-2.0

/// A route's name. It is what a message keeps of its route: a handler may keep the message.
@usableFromInline
final class RouteLabel: Sendable {
    @usableFromInline let name: String

    init(_ name: String) { self.name = name }
}
