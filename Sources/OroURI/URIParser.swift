// SPDX-License-Identifier: Apache-2.0

/// The basic URL parser (URL Standard, section 4.4) for a whole text with a scheme that is not special.
///
/// Everything that means something in a URI is ASCII, so this works on bytes: those of other characters are only ever
/// copied or percent-encoded. Each part of the standard's state machine that can be reached here is a function or a
/// line.
struct URIParser {
    /// The text as it is read: nothing around it, no tabs and line breaks in it.
    private let text: [UInt8]
    private var next = 0
    private var uri = URI()

    static func parse(_ text: [UInt8]) throws(URIError) -> URI {
        var parser = URIParser(text)
        try parser.run()
        return parser.uri
    }

    private init(_ text: [UInt8]) {
        let isAround: (UInt8) -> Bool = { $0 <= 0x20 }
        let start = text.firstIndex { !isAround($0) } ?? text.endIndex
        let end = text.lastIndex { !isAround($0) }.map { $0 + 1 } ?? start
        let isDropped: (UInt8) -> Bool = { $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
        // Mostly there is nothing of this.
        let isWhole = end - start == text.count && !text.contains(where: isDropped)
        self.text = isWhole ? text : text[start..<end].filter { !isDropped($0) }
    }

    private mutating func run() throws(URIError) {
        try scheme()
        if take("/") {
            if take("/") {
                try authority()
                if take("/") { path() }
            } else {
                path()
            }
        } else {
            uri.path = .opaque(PercentEncoding.encode(upTo(URIParser.pathEnds), .control))
        }
        if take("?") { uri.query = PercentEncoding.encode(upTo(URIParser.queryEnds), .query) }
        if take("#") { uri.fragment = PercentEncoding.encode(text[next...], .fragment) }
    }

    // MARK: Parts

    /// Beside letters and digits.
    private static let inSchemes = ASCIISet("+-.")
    /// The standard's forbidden host code points. (Tabs and line breaks are gone before.)
    private static let forbiddenInHosts = ASCIISet("\0 #/:<>?@[\\]^|")
    private static let authorityEnds = ASCIISet("/?#")
    private static let pathEnds = ASCIISet("?#")
    private static let queryEnds = ASCIISet("#")
    private static let special = ["http", "https", "ws", "wss", "ftp", "file"]

    private mutating func scheme() throws(URIError) {
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")), let first = text.first, first.isLetter,
            text[..<colon].allSatisfy({ $0.isLetter || $0.isDigit || URIParser.inSchemes.contains($0) })
        else { throw .noScheme }
        uri.scheme = String(decoding: text[..<colon].map { $0.isLetter ? $0 | 0x20 : $0 }, as: UTF8.self)
        if URIParser.special.contains(uri.scheme) { throw .specialScheme(uri.scheme) }
        next = colon + 1
    }

    /// Credentials, host and port.
    private mutating func authority() throws(URIError) {
        var rest = upTo(URIParser.authorityEnds)
        if let at = rest.lastIndex(of: UInt8(ascii: "@")) {
            let credentials = rest[..<at]
            let colon = credentials.firstIndex(of: UInt8(ascii: ":")) ?? at
            uri.username = PercentEncoding.encode(credentials[..<colon], .userinfo)
            uri.password = PercentEncoding.encode(credentials[min(colon + 1, at)..<at], .userinfo)
            rest = rest[(at + 1)...]
            if rest.isEmpty { throw .noHost }
        }
        // The colons of an IPv6 address stand in brackets.
        var inBrackets = false
        var end = rest.startIndex
        scan: while end < rest.endIndex {
            switch rest[end] {
            case UInt8(ascii: "["): inBrackets = true
            case UInt8(ascii: "]"): inBrackets = false
            case UInt8(ascii: ":") where !inBrackets: break scan
            default: break
            }
            end += 1
        }
        if end < rest.endIndex {
            if end == rest.startIndex { throw .noHost }
            uri.host = try URIParser.host(rest[..<end])
            uri.port = try URIParser.port(rest[(end + 1)...])
        } else {
            uri.host = try URIParser.host(rest)
        }
    }

    private static func host(_ text: ArraySlice<UInt8>) throws(URIError) -> String {
        if text.first == UInt8(ascii: "[") {
            guard text.count > 1, text.last == UInt8(ascii: "]"),
                let address = IPv6Address(text[(text.startIndex + 1)..<(text.endIndex - 1)])
            else { throw .badAddress }
            return "[\(address)]"
        }
        if let wrong = text.first(where: forbiddenInHosts.contains) { throw .badHost(wrong) }
        return PercentEncoding.encode(text, .control)
    }

    /// The number; `nil` where nothing is behind the colon.
    private static func port(_ digits: ArraySlice<UInt8>) throws(URIError) -> UInt16? {
        var port: UInt32 = 0
        for byte in digits {
            guard byte.isDigit else { throw .badPort }
            port = port * 10 + UInt32(byte - UInt8(ascii: "0"))
            guard port <= UInt16.max else { throw .badPort }
        }
        return digits.isEmpty ? nil : UInt16(port)
    }

    /// The segments behind the first slash, which was taken; dots mean here and up.
    private mutating func path() {
        let whole = upTo(URIParser.pathEnds)
        var segments: [String] = []
        let parts = whole.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            let isLast = index == parts.count - 1
            switch URIParser.dots(part) {
            case 0: segments.append(PercentEncoding.encode(part, .path))
            case 1: if isLast { segments.append("") }
            default:
                _ = segments.popLast()
                if isLast { segments.append("") }
            }
        }
        uri.path = .segments(segments)
    }

    /// 1 for a segment that is a dot, 2 for one that is two dots, each of which may be written `%2e`; else 0.
    private static func dots(_ segment: ArraySlice<UInt8>) -> Int {
        if segment.count > 6 { return 0 }
        var rest = segment
        var count = 0
        while let first = rest.first {
            if first == UInt8(ascii: ".") {
                rest = rest.dropFirst()
            } else if rest.count > 2, rest.starts(with: "%2".utf8),
                rest[rest.startIndex + 2] | 0x20 == UInt8(ascii: "e")
            {
                rest = rest.dropFirst(3)
            } else {
                return 0
            }
            count += 1
        }
        return count > 2 ? 0 : count
    }

    // MARK: Reading

    /// Past this character, if it is the next one.
    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next < text.count, text[next] == UInt8(ascii: character) else { return false }
        next += 1
        return true
    }

    /// Everything before the first of these characters, or the end.
    private mutating func upTo(_ ends: ASCIISet) -> ArraySlice<UInt8> {
        let start = next
        next = text[start...].firstIndex(where: ends.contains) ?? text.count
        return text[start..<next]
    }
}

extension UInt8 {
    fileprivate var isLetter: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        default: false
        }
    }

    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
