// SPDX-License-Identifier: Apache-2.0

public import OrderedCollections
import OroBase
import OroFrame

// Headers out of whatever holds some: `Headers.from` of the module.
extension Headers {
    /// What a text says, a header a line: `name: value`. Lines without a colon, a name or a value are left out.
    ///
    /// Throws a `TypeError` for a name or a value that no header can have.
    public static func from(_ text: String) throws(IPCError) -> Headers {
        var headers = Headers()
        for line in text.unicodeScalars.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let name = line[..<colon].trimming(isSpace)
            let value = line[line.index(after: colon)...].trimming(isSpace)
            if !name.isEmpty && !value.isEmpty { try headers.append(String(name), String(value)) }
        }
        return headers
    }

    /// The same for lines.
    public static func from(_ lines: [String]) throws(IPCError) -> Headers {
        try from(lines.joined(separator: "\n"))
    }

    /// These pairs, in order.
    public static func from(_ pairs: [(String, String)]) throws(IPCError) -> Headers { try Headers(pairs) }

    /// These members.
    public static func from(_ members: [String: String]) throws(IPCError) -> Headers {
        // Two names that differ only in case become one: their order must not be that of a hash.
        try Headers(members.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }

    /// These members, in order.
    public static func from(_ members: OrderedDictionary<String, String>) throws(IPCError) -> Headers {
        try Headers(members.map { ($0.key, $0.value) })
    }

    /// A copy.
    public static func from(_ headers: Headers) -> Headers { headers }

    /// What a value says, by the first rule that fits:
    ///
    /// 1. an object with a member `headers` that is an object or an array: that member;
    /// 2. an array of arrays: pairs;
    /// 3. any other array: lines;
    /// 4. an object: its members;
    /// 5. a text, or bytes, which are one in UTF-8: lines;
    /// 6. anything else: none.
    public static func from(_ value: Value?) throws(IPCError) -> Headers {
        switch value {
        case .object(let members):
            switch members["headers"] {
            case .object, .array: return try from(members["headers"])
            default: return try Headers(members.map { ($0.key, text($0.value)) })
            }
        case .array(let elements):
            guard case .array = elements.first else { return try from(elements.map(text)) }
            var headers = Headers()
            for element in elements {
                guard case .array(let pair) = element, pair.count == 2 else {
                    throw .type(
                        "a pair of a header is an array of a name and a value, not of \(element.array?.count ?? 0) elements"
                    )
                }
                try headers.append(text(pair[0]), text(pair[1]))
            }
            return headers
        case .string(let text): return try from(text)
        case .bytes(let bytes): return try from(String(decoding: bytes, as: UTF8.self))
        default: return Headers()
        }
    }

    /// A value as the text of a header: a string is itself, an array its elements with commas, the rest is JSON.
    private static func text(_ value: Value) -> String {
        switch value {
        case .string(let text): text
        case .array(let elements): elements.map(text).joined(separator: ",")
        default: value.json()
        }
    }

    /// What JavaScript trims.
    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "\u{FEFF}" || (scalar.properties.isWhitespace && scalar != "\u{85}")
    }
}

extension Headers {
    /// UNTRUSTED: those of a frame. Each is checked as if it were our own; those that cannot be are left out.
    init(possibleOf storage: FrameStorage) {
        self.init()
        guard storage.header.flags.contains(.hasHeaders) else { return }
        try? storage.view.forEachHeader { (name, value) in try? append(name, value) }
    }

    /// UNTRUSTED: those of a frame; `nil` when it has none. Throws an `EncodingError` where they are not what headers
    /// can be.
    init?(received storage: FrameStorage) throws(IPCError) {
        guard storage.header.flags.contains(.hasHeaders) else { return nil }
        var pairs: [(String, String)] = []
        do throws(FrameError) {
            try storage.view.forEachHeader { (name, value) throws(FrameError) in pairs.append((name, value)) }
        } catch {
            throw IPCError(.encoding, "\(error)")
        }
        do throws(IPCError) {
            try self.init(pairs)
        } catch {
            throw IPCError(.encoding, error.message)
        }
    }
}
