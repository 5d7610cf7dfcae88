// SPDX-License-Identifier: Apache-2.0

/// A URI as the URL Standard reads one whose scheme is not special, such as `ipc:`.
///
/// Hosts are opaque: their case is kept, and what is not ASCII is percent-encoded. Unlike those of `http:` they may be
/// empty, and there is no default port. A part that is absent and one that is empty are two things: `ipc://a?` has a
/// query.
package struct URI: Hashable, Sendable {
    package enum Path: Hashable, Sendable {
        /// `ipc:text`: no slashes that mean anything.
        case opaque(String)
        /// Each is behind a slash.
        case segments([String])
    }

    /// In lower case, without the colon.
    package var scheme = ""
    package var username = ""
    package var password = ""
    /// Encoded, without the port; an IPv6 address is in brackets.
    package var host: String?
    package var port: UInt16?
    package var path = Path.segments([])
    /// Without the question mark, encoded.
    package var query: String?
    /// Without the hash, encoded.
    package var fragment: String?

    /// Reads a text. White space and control characters around it are dropped, tabs and line breaks everywhere. O(n).
    package init(_ text: String) throws(URIError) { self = try URIParser.parse(Array(text.utf8)) }

    init() {}

    /// `scheme://host?query`. Neither part is looked at: what needs encoding is encoded.
    package init(scheme: String, host: String, query: String?) {
        self.scheme = scheme
        self.host = host
        self.query = query
    }
}

extension URI {
    /// The whole, as text. Reading it gives this URI again. O(n).
    package var href: String {
        var text = scheme + ":"
        if let host {
            text += "//"
            if !username.isEmpty || !password.isEmpty {
                text += username
                if !password.isEmpty { text += ":" + password }
                text += "@"
            }
            text += host
            if let port { text += ":\(port)" }
        } else if case .segments(let segments) = path, segments.count > 1, segments[0].isEmpty {
            // Else the path's two slashes would begin a host.
            text += "/."
        }
        text += pathname
        if let query { text += "?" + query }
        if let fragment { text += "#" + fragment }
        return text
    }

    /// The path, with its slashes.
    package var pathname: String {
        switch path {
        case .opaque(let text): text
        case .segments(let segments): segments.reduce(into: "") { $0 += "/" + $1 }
        }
    }

    /// The host and, where there is one, `:` and the port; empty without a host.
    package var hostAndPort: String { (host ?? "") + (port.map { ":\($0)" } ?? "") }

    /// `?` and the query; empty where that is.
    package var search: String { query.map { $0.isEmpty ? "" : "?" + $0 } ?? "" }

    /// `#` and the fragment; empty where that is.
    package var hash: String { fragment.map { $0.isEmpty ? "" : "#" + $0 } ?? "" }
}
