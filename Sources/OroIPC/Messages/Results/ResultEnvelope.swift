// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroLink

// A result as one value, for those who pass results on as such: behaviour of `oro:ipc` hosts. On a link error, data,
// source and bytes are fields of their own, and nothing is guessed from what a value looks like.
extension Result {
    /// `{source, token, id}` with `err` or `data`: the error if there is one, else the data if there is any.
    ///
    /// - `source` is the command, `token` the caller's own (`null` without one), `id` a decimal text.
    /// - An error, or data that is an object, with members named `source`, `token` or `id`, has these stand in the
    ///   place of the envelope's own.
    public func envelope(
        source: String? = nil, token: String? = nil, id: UInt64 = .random(in: 0 ... .max)
    ) -> Value {
        var members: Value.Members = [
            "source": (source ?? self.source).map { .string($0) } ?? .null, "token": Result.tokenValue(token),
            "id": .string("\(id)"),
        ]
        guard let (key, content) = err.map({ ("err", $0.value) }) ?? data.map({ ("data", $0) }) else {
            return .object(members)
        }
        members[key] = content
        for key in ["source", "token", "id"] { if let own = content[key] { members[key] = own } }
        return .object(members)
    }

    /// A whole value that a handler has made itself: an object with `source`, and `data` or `err`, gets `source`,
    /// `token` and `id` set; any other value stays as it is.
    public static func addressed(
        _ value: Value, source: String, token: String? = nil, id: UInt64 = .random(in: 0 ... .max)
    ) -> Value {
        guard case .object(var members) = value, members["source"] != nil,
            members["data"] != nil || members["err"] != nil
        else { return value }
        members["source"] = .string(source)
        members["token"] = tokenValue(token)
        members["id"] = .string("\(id)")
        return .object(members)
    }

    private static func tokenValue(_ token: String?) -> Value {
        guard let token, !token.isEmpty else { return .null }
        return .string(token)
    }
}
