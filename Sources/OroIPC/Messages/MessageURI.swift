// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroURI

// A message as the URI it is. Each of these builds it anew: O(n).
extension Message {
    /// The whole URI. Of a received message with the window and the number of the request, which its parameters do not
    /// have: `ipc://fs.stat?path=%2Ftmp&index=0&seq=R5`.
    public var href: String { uri.href }

    var uri: URI {
        guard let made = storage.made else { return URI(name, received) }
        guard made.seq == nil else { return URI(name, received) }
        switch made.origin {
        case .name(let name): return URI(name, made.parameters?.query)
        case .uri(var uri):
            uri.query = made.query ?? made.parameters?.query
            return uri
        }
    }

    /// The query of a request that came over a link.
    private var received: String {
        var parameters = (try? storage.parameters()) ?? Parameters()
        parameters.set("index", .int(Int64(index)))
        if let seq { parameters.set("seq", .string(seq.rText)) }
        return parameters.query
    }

    /// `ipc:`
    public var `protocol`: String { Message.PROTOCOL }
    /// The credentials' first part, encoded; empty without.
    public var username: String { uri.username }
    /// The credentials' second part, encoded; empty without.
    public var password: String { uri.password }
    /// The host, which is the name, and its port.
    public var host: String { uri.hostAndPort }
    /// The host, which is the name; empty where the name is the path.
    public var hostname: String { uri.host ?? "" }
    /// The port's digits; empty without one. It is not part of the name.
    public var port: String { uri.port.map(String.init) ?? "" }
    /// The path, encoded.
    public var pathname: String { uri.pathname }
    /// `?` and the query; empty without parameters.
    public var search: String { uri.search }
    /// `#` and the fragment; empty without one.
    public var hash: String { uri.hash }
    /// `null`: a URI of this scheme has no origin.
    public var origin: String { "null" }
}

extension URI {
    /// `ipc://name?query`. The name needs no encoding.
    fileprivate init(_ name: String, _ query: String?) {
        self.init(scheme: "ipc", host: name, query: query)
    }
}

extension Message: CustomStringConvertible {
    /// The same as ``href``.
    public var description: String { href }
}

/// The text of its URI, without the bytes.
extension Message: Codable {
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(href)
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        self = try Message(container.decode(String.self))
    }
}
