// SPDX-License-Identifier: Apache-2.0

/// Which routes something is for: one, all that begin alike, or all.
///
/// `fs.stat` names one route, `fs.*` all that begin with `fs.`, `*` all. Case does not count.
public struct RoutePattern: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    private let text: String
    private let isPrefix: Bool

    public init(_ pattern: String) {
        let lowered = pattern.lowercased()
        isPrefix = lowered.hasSuffix("*")
        text = isPrefix ? String(lowered.dropLast()) : lowered
    }

    public init(stringLiteral pattern: String) { self.init(pattern) }

    /// The pattern in lower case.
    public var description: String { isPrefix ? text + "*" : text }

    /// True when the route `name` is one of them.
    public func matches(_ name: String) -> Bool {
        let name = name.lowercased()
        return isPrefix ? name.hasPrefix(text) : name == text
    }
}
