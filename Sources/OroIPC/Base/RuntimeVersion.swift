// SPDX-License-Identifier: Apache-2.0

/// What a host shows of its version in `platform.primordials`.
public struct RuntimeVersion: Sendable, Hashable {
    /// As in semantic versioning: `1.2.3`.
    public var short: String
    /// Eight hex digits of the commit; zeros in a build that does not know it.
    public var hash: String
    /// Both.
    public var full: String { "\(short) (\(hash))" }

    public init(short: String, hash: String = "00000000") {
        self.short = short
        self.hash = hash
    }

    /// Of this library, and of everything made from it: the one place where it is written. `tools/check-docs` compares
    /// what cannot read it from here.
    package static let text: StaticString = "0.1.0"

    /// This library.
    public static let library = RuntimeVersion(short: "\(text)")
}
