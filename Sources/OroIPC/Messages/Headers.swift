// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame

/// Headers of a result or an event, by the rules of Fetch: names without regard to case, values with theirs.
///
/// ```swift
/// var headers = try Headers.from("content-type: text/plain\r\netag: \"A1\"")
/// try headers.append("Accept", "a")
/// headers["Content-Type"]              // "text/plain"
/// for (name, value) in headers { … }   // sorted by name, lower-case; values of one name joined with ", "
/// ```
///
/// Each `set-cookie` stays an entry of its own. Names and values that Fetch does not allow are refused with a
/// `TypeError`.
public struct Headers: Sendable {
    /// Names in lower case, in the order they were added; one may stand there several times.
    private(set) var pairs: [(name: String, value: String)] = []

    static let cookie = "set-cookie"

    /// None.
    public init() {}

    /// These pairs, in order; a name that stands there again adds a value. Throws a `TypeError` that says which one is
    /// wrong.
    public init(_ pairs: some Sequence<(String, String)>) throws(IPCError) {
        for (name, value) in pairs { try append(name, value) }
    }

    // MARK: Looking

    /// The value of `name`; several joined with `, `. `nil` when there is none.
    public func get(_ name: String) -> String? {
        let name = name.lowercased()
        let values = pairs.lazy.filter { $0.name == name }.map(\.value)
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }

    /// The same as ``get(_:)``.
    public subscript(name: String) -> String? { self.get(name) }

    /// There is a value of `name`.
    public func has(_ name: String) -> Bool {
        let name = name.lowercased()
        return pairs.contains { $0.name == name }
    }

    /// Each value of `set-cookie`, in order.
    public func getSetCookie() -> [String] { pairs.filter { $0.name == Headers.cookie }.map(\.value) }

    /// What iterating gives: sorted by name, the values of one name joined with `, `, each `set-cookie` by itself. O(n
    /// log n).
    public var entries: [(name: String, value: String)] {
        var merged: NamedValues<String> = [:]
        for (name, value) in pairs where name != Headers.cookie {
            // In place: many values of one name take linear time.
            if merged.updateIfPresent(name, { $0 += ", " + value }) { continue }
            merged[name] = value
        }
        var entries = merged.map { (name: $0.key, value: $0.value) }
        entries += pairs.filter { $0.name == Headers.cookie }
        // Cookies keep their order: the sort is stable. Names are ASCII, and compared as their bytes are.
        entries.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        return entries
    }

    /// How many entries there are; each `set-cookie` counts. O(n).
    public var count: Int { Set(pairs.lazy.map(\.name).filter { $0 != Headers.cookie }).count + getSetCookie().count }

    /// The same as ``count``.
    public var length: Int { count }

    /// No entries.
    public var isEmpty: Bool { pairs.isEmpty }

    /// The entries as an object. Of several `set-cookie` the last one counts, or with `cookiesAsArray` all, as an
    /// array.
    public func json(cookiesAsArray: Bool = false) -> Value {
        var members: Value.Members = [:]
        for (name, value) in entries { members[name] = .string(value) }
        let cookies = getSetCookie()
        if cookiesAsArray, cookies.count > 1 { members[Headers.cookie] = .array(cookies.map { .string($0) }) }
        return .object(members)
    }

    /// The entries as an object.
    public var json: Value { json() }

    /// As HTTP writes them: `Content-Type: text/plain`, a line each, CRLF, and an empty line at the end.
    public var text: String {
        var text = ""
        for (name, value) in entries {
            let words = name.split(separator: "-", omittingEmptySubsequences: false)
            text += words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(separator: "-")
            text += ": \(value)\r\n"
        }
        return text + "\r\n"
    }

    // MARK: Changing

    /// Adds a value to those of `name`.
    public mutating func append(_ name: String, _ value: String) throws(IPCError) {
        pairs.append(try Headers.checked(name, value))
    }

    /// Makes `value` the only one of `name`.
    public mutating func set(_ name: String, _ value: String) throws(IPCError) {
        let pair = try Headers.checked(name, value)
        guard let first = pairs.firstIndex(where: { $0.name == pair.name }) else { return pairs.append(pair) }
        pairs[first].value = pair.value
        pairs[(first + 1)...].removeAll { $0.name == pair.name }
    }

    /// As a host collects headers for an answer: the only value of `name`, but one more of `set-cookie`.
    public mutating func setKeepingCookies(_ name: String, _ value: String) throws(IPCError) {
        if name.lowercased() == Headers.cookie { try append(name, value) } else { try set(name, value) }
    }

    /// Removes all values of `name`. False when there were none.
    @discardableResult
    public mutating func delete(_ name: String) -> Bool {
        let name = name.lowercased()
        let before = pairs.count
        pairs.removeAll { $0.name == name }
        return pairs.count < before
    }

    // MARK: The rules of Fetch

    /// Name and value as they are kept.
    private static func checked(_ name: String, _ value: String) throws(IPCError) -> (name: String, value: String) {
        guard !name.isEmpty, name.utf8.allSatisfy(isToken) else {
            throw .type("'\(name.prefix(64))' is not the name of a header: letters, digits and !#$%&'*+-.^_`|~ are")
        }
        let isSpace: (Unicode.Scalar) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\n" || $0 == "\r" }
        let trimmed = value.unicodeScalars.trimming(isSpace)
        guard trimmed.allSatisfy({ $0 != "\0" && $0 != "\n" && $0 != "\r" && $0.value < 0x100 }) else {
            throw .type("the value of header '\(name)' has a line break, a NUL, or a character beyond U+00FF")
        }
        return (name.lowercased(), String(trimmed))
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}

extension Headers: Sequence, CustomStringConvertible {
    public func makeIterator() -> Array<(name: String, value: String)>.Iterator { entries.makeIterator() }

    public var underestimatedCount: Int { 0 }

    /// `name: value`, one on a line.
    public var description: String { entries.map { "\($0.name): \($0.value)" }.joined(separator: "\n") }
}

extension Headers: Hashable {
    /// The same entries, in whatever order they were added.
    public static func == (left: Headers, right: Headers) -> Bool { left.entries.elementsEqual(right.entries, by: ==) }

    public func hash(into hasher: inout Hasher) {
        for (name, value) in entries {
            hasher.combine(name)
            hasher.combine(value)
        }
    }
}
