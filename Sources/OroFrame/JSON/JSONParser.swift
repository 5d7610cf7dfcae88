// SPDX-License-Identifier: Apache-2.0

/// Why a text is not JSON, or not within the limits.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong at the offset.
    public enum Problem: Hashable, Sendable {
        /// The text ends inside a value, or has none.
        case unexpectedEnd
        /// This byte cannot stand here.
        case unexpectedByte(UInt8)
        /// A backslash is not followed by one of JSON's escapes.
        case badEscape
        /// A character below U+0020 stands in a string unescaped.
        case controlCharacter(UInt8)
        /// A number with a leading zero, or without digits where some must be.
        case badNumber
        /// A number with fraction or exponent beyond the range of a double.
        case numberOutOfRange
        /// An integer of more digits than a bigint within ``FrameLimits/maxBigIntBytes`` can have.
        case tooManyDigits(limit: Int)
        /// Arrays and objects nested deeper than ``FrameLimits/maxDepth``.
        case tooDeep(limit: Int)
        /// More elements and members than ``FrameLimits/maxItems``.
        case tooManyItems(limit: Int)
    }

    /// What is wrong.
    public let problem: Problem
    /// Where, in UTF-8 bytes from the text's start.
    public let offset: Int

    public var description: String {
        let what =
            switch problem {
            case .unexpectedEnd: "unexpected end"
            case .unexpectedByte(let byte) where (0x21...0x7E).contains(byte):
                "unexpected '\(Character(UnicodeScalar(byte)))'"
            case .unexpectedByte(let byte): "unexpected byte 0x\(String(byte, radix: 16))"
            case .badEscape: "malformed escape"
            case .controlCharacter(let byte): "unescaped control character 0x\(String(byte, radix: 16))"
            case .badNumber: "malformed number"
            case .numberOutOfRange: "number out of range"
            case .tooManyDigits(let limit): "an integer of more than \(limit) digits"
            case .tooDeep(let limit): "nested deeper than \(limit) levels"
            case .tooManyItems(let limit): "more than \(limit) elements and members"
            }
        return "JSON: \(what) at offset \(offset)"
    }
}

extension Value {
    /// Reads a JSON text (RFC 8259).
    ///
    /// Integers become `int` when they fit 64 bits and `bigint` when not, exactly; numbers with fraction or exponent
    /// become `double`, and so does `-0`. A lone surrogate (`"\ud800"`) becomes U+FFFD. Of two members with one name
    /// the last one counts, in the place of the first. O(n), and O(n^1.59) in the length of a large integer; `limits`
    /// bounds that length, the depth and the number of items.
    public init(json text: String, limits: FrameLimits = .default) throws(JSONError) {
        var parser = JSONParser(text.utf8.span, limits: limits)
        self = try parser.document()
    }
}

/// One pass over a text, by recursive descent no deeper than the limit.
private struct JSONParser: ~Escapable {
    private let text: Span<UInt8>
    private let limits: FrameLimits
    private var next = 0
    private var depth = 0
    private var items = 0

    @_lifetime(copy text)
    init(_ text: Span<UInt8>, limits: FrameLimits) {
        self.text = text
        self.limits = limits
    }

    @_lifetime(self: copy self)
    mutating func document() throws(JSONError) -> Value {
        let value = try self.value()
        skipSpace()
        if let byte = peek() { throw fail(.unexpectedByte(byte)) }
        return value
    }

    @_lifetime(self: copy self)
    private mutating func value() throws(JSONError) -> Value {
        skipSpace()
        guard let byte = peek() else { throw fail(.unexpectedEnd) }
        switch byte {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw fail(.unexpectedByte(byte))
        }
    }

    @_lifetime(self: copy self)
    private mutating func array() throws(JSONError) -> Value {
        try enter()
        var elements: [Value] = []
        if skip(past: UInt8(ascii: "]")) {
            depth -= 1
            return .array(elements)
        }
        repeat {
            try addItem()
            elements.append(try value())
        } while try separator(or: UInt8(ascii: "]"))
        depth -= 1
        return .array(elements)
    }

    @_lifetime(self: copy self)
    private mutating func object() throws(JSONError) -> Value {
        try enter()
        var members: NamedValues<Value> = [:]
        if skip(past: UInt8(ascii: "}")) {
            depth -= 1
            return .object(members)
        }
        repeat {
            try addItem()
            skipSpace()
            guard peek() == UInt8(ascii: "\"") else { throw failHere() }
            let key = try string()
            guard skip(past: UInt8(ascii: ":")) else { throw failHere() }
            members[key] = try value()
        } while try separator(or: UInt8(ascii: "}"))
        depth -= 1
        return .object(members)
    }

    /// Past the opening bracket, one level down.
    @_lifetime(self: copy self)
    private mutating func enter() throws(JSONError) {
        guard depth < limits.maxDepth else { throw fail(.tooDeep(limit: limits.maxDepth)) }
        depth += 1
        next += 1
    }

    @_lifetime(self: copy self)
    private mutating func addItem() throws(JSONError) {
        guard items < limits.maxItems else { throw fail(.tooManyItems(limit: limits.maxItems)) }
        items += 1
    }

    /// Past a comma (true) or the closing bracket (false).
    @_lifetime(self: copy self)
    private mutating func separator(or close: UInt8) throws(JSONError) -> Bool {
        if skip(past: UInt8(ascii: ",")) { return true }
        if skip(past: close) { return false }
        throw failHere()
    }

    @_lifetime(self: copy self)
    private mutating func word(_ word: String, _ value: Value) throws(JSONError) -> Value {
        for byte in word.utf8 {
            guard peek() == byte else { throw failHere() }
            next += 1
        }
        return value
    }
}

extension JSONParser {
    @_lifetime(self: copy self)
    fileprivate mutating func number() throws(JSONError) -> Value {
        let start = next
        let isNegative = peek() == UInt8(ascii: "-")
        if isNegative { next += 1 }
        let firstDigit = next
        try digits()
        let integerEnd = next
        if text[firstDigit] == UInt8(ascii: "0") && integerEnd - firstDigit > 1 {
            throw JSONError(problem: .badNumber, offset: firstDigit)
        }
        var isInteger = true
        if peek() == UInt8(ascii: ".") {
            isInteger = false
            next += 1
            try digits()
        }
        if let byte = peek(), byte | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            next += 1
            if let sign = peek(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { next += 1 }
            try digits()
        }
        let digits = String(copying: text.extracting(start..<next))
        guard isInteger else {
            guard let number = Double(digits), number.isFinite else {
                throw JSONError(problem: .numberOutOfRange, offset: start)
            }
            return .double(number)
        }
        // An integer has no sign at zero.
        if isNegative, integerEnd - firstDigit == 1, text[firstDigit] == UInt8(ascii: "0") { return .double(-0.0) }
        if let number = Int64(digits) { return .int(number) }
        // log10(256) = 2.4082…, rounded up so that every bigint within its limit can be read back.
        let limit = limits.maxBigIntBytes * 241 / 100 + 1
        guard integerEnd - firstDigit <= limit,
            let number = DecimalText.number(text.extracting(firstDigit..<integerEnd), isNegative: isNegative)
        else {
            throw JSONError(problem: .tooManyDigits(limit: limit), offset: start)
        }
        return .bigint(number)
    }

    /// Past one or more digits.
    @_lifetime(self: copy self)
    private mutating func digits() throws(JSONError) {
        let start = next
        while let byte = peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { next += 1 }
        if next == start { throw fail(.badNumber) }
    }

    @_lifetime(self: copy self)
    fileprivate mutating func string() throws(JSONError) -> String {
        next += 1
        var output = ""
        var plain = next
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "\""):
                output += String(copying: text.extracting(plain..<next))
                next += 1
                return output
            case UInt8(ascii: "\\"):
                output += String(copying: text.extracting(plain..<next))
                output.unicodeScalars.append(try escape())
                plain = next
            case 0..<0x20: throw fail(.controlCharacter(byte))
            default: next += 1
            }
        }
        throw fail(.unexpectedEnd)
    }

    /// Past one escape, or two that are a surrogate pair.
    @_lifetime(self: copy self)
    private mutating func escape() throws(JSONError) -> UnicodeScalar {
        let start = next
        next += 1
        guard let byte = peek() else { throw fail(.unexpectedEnd) }
        next += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return UnicodeScalar(byte)
        case UInt8(ascii: "b"): return "\u{08}"
        case UInt8(ascii: "f"): return "\u{0C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw JSONError(problem: .badEscape, offset: start)
        }
        let high = try hexUnit(of: start)
        guard UTF16.isLeadSurrogate(high) else { return UnicodeScalar(high) ?? "\u{FFFD}" }
        // A low surrogate may follow; anything else is an escape of its own, read again.
        let second = next
        guard peek() == UInt8(ascii: "\\"), second + 1 < text.count, text[second + 1] == UInt8(ascii: "u")
        else {
            return "\u{FFFD}"
        }
        next += 2
        let low = try hexUnit(of: second)
        guard UTF16.isTrailSurrogate(low) else {
            next = second
            return "\u{FFFD}"
        }
        return UTF16.decode(UTF16.EncodedScalar([high, low]))
    }

    /// Past the four hexadecimal digits of the escape at `start`.
    @_lifetime(self: copy self)
    private mutating func hexUnit(of start: Int) throws(JSONError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = peek() else { throw fail(.unexpectedEnd) }
            guard let digit = JSONParser.hexDigit(byte) else {
                throw JSONError(problem: .badEscape, offset: start)
            }
            unit = unit << 4 | UInt16(digit)
            next += 1
        }
        return unit
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private func peek() -> UInt8? {
        next < text.count ? text[next] : nil
    }

    @_lifetime(self: copy self)
    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { next += 1 }
    }

    /// Past white space and then this byte, if it is the next one.
    @_lifetime(self: copy self)
    private mutating func skip(past byte: UInt8) -> Bool {
        skipSpace()
        guard peek() == byte else { return false }
        next += 1
        return true
    }

    private func fail(_ problem: JSONError.Problem) -> JSONError {
        JSONError(problem: problem, offset: next)
    }

    private func failHere() -> JSONError {
        fail(peek().map { .unexpectedByte($0) } ?? .unexpectedEnd)
    }
}

extension String {
    /// A part of a valid text, cut between scalars.
    fileprivate init(copying bytes: Span<UInt8>) {
        // The buffer is valid in the closure, which copies it.
        self = unsafe bytes.withUnsafeBufferPointer { buffer in
            // As above.
            unsafe String(decoding: buffer, as: UTF8.self)
        }
    }
}
