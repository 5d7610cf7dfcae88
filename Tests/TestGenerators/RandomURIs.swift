// SPDX-License-Identifier: Apache-2.0

extension SeededGenerator {
    /// One of these.
    public mutating func pick<T>(_ choices: [T]) -> T { choices[Int.random(in: 0..<choices.count, using: &self)] }

    /// True once in `count` times.
    public mutating func once(in count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }

    /// A text for a URI parser: mostly shaped like a URI, then damaged in up to three places.
    public mutating func uri() -> String {
        var text = pick([
            "ipc:", "ipc:", "ipc:", "ipc:", "ipc:", "IPC:", "iPc:", "oro+x-1.y:", "data:", "", "1pc:", "ip c:",
        ])
        switch Int.random(in: 0..<8, using: &self) {
        case 0: text += piece()
        case 1: text += "/" + path()
        default: text += "//" + authority() + (once(in: 3) ? "" : path())
        }
        if !once(in: 3) { text += "?" + query() }
        if once(in: 3) { text += "#" + piece() + piece() }
        return mutated(text)
    }

    /// A text for a parser of forms, damaged like a URI.
    public mutating func form() -> String { mutated(query()) }

    /// Names and values in turn separated by `&` and `=`, sometimes too many or too few of them.
    public mutating func query() -> String {
        (0..<Int.random(in: 0..<5, using: &self)).map { _ in
            switch Int.random(in: 0..<8, using: &self) {
            case 0: piece()
            case 1: ""
            case 2: piece() + "=" + piece() + "=" + piece()
            default: piece() + "=" + piece()
            }
        }.joined(separator: "&")
    }

    private mutating func authority() -> String {
        var text = ""
        if once(in: 5) { text += piece() + (once(in: 2) ? ":" + piece() : "") + "@" }
        text += once(in: 8) ? address() : piece()
        if once(in: 4) { text += ":" + pick(["80", "0", "", "65535", "65536", "00080", "99999999999", "8a", " 1"]) }
        return text
    }

    private mutating func path() -> String {
        (0..<Int.random(in: 0..<5, using: &self)).reduce(into: "") { text, _ in
            text += "/" + pick([piece(), piece(), ".", "..", "%2e", ".%2E", "%2e%2e.", "", "...", "%2"])
        }
    }

    /// An IPv6 address in brackets, or what could pass for one.
    private mutating func address() -> String {
        if once(in: 4) {
            return "["
                + pick([
                    "", "::", ":::", "1::2::3", "::1.2.3.4", "1:2:3:4:5:6:7::", "::1.2.3", "::01.2.3.4", "%31::", "1",
                ])
                + "]"
        }
        let count = once(in: 4) ? Int.random(in: 0..<10, using: &self) : 8
        var pieces = (0..<count).map { _ in pick(["0", "0", "0", "1", "ff", "FFFF", "0abc", "00", "12345", "g"]) }
        if once(in: 2), !pieces.isEmpty {
            let start = Int.random(in: 0..<pieces.count, using: &self)
            let end = Int.random(in: start..<pieces.count, using: &self)
            pieces.replaceSubrange(start...end, with: [""])
        }
        if once(in: 4) {
            pieces.append(pick(["1.2.3.4", "255.255.255.255", "256.1.1.1", "1.2.3", "1.2.3.4.5", "0.00.1.1"]))
        }
        return "[" + pieces.joined(separator: ":") + pick(["]", "]", "]", "", "]x"])
    }

    /// A few characters of every kind that a URI treats in a way of its own.
    public mutating func piece() -> String {
        let words = [
            "a", "foo", "fs.stat", "Foo", "%41", "%zz", "%", "%2", "%00", "%FF", "%C3%A9", "%C3", "%ED%A0%80",
            "%F0%9F%98%80",
            "%EF%BB%BF", "%25", "%2541", "%2B", "+", " ", "  ", "ü", "é", "e\u{301}", "€", "😀", "\u{FFFD}", "\u{FEFF}",
            "\u{0}", "\u{1}",
            "\u{1F}", "\u{7F}", "\u{80}", "\u{A0}", "\u{2028}", "\u{10FFFF}", "\t", "\n", "\r\n", "\"", "'", "<", ">",
            "\\", "^", "`",
            "{", "}", "|", "~", "!", "$", "*", "(", ")", ",", ";", "[", "]", "R1", "{\"a\":1}", "index", "value",
            "null", "-",
        ]
        return (0..<Int.random(in: 0..<4, using: &self)).reduce(into: "") { text, _ in text += pick(words) }
    }

    /// The text with a few characters put in, taken out, replaced or moved.
    public mutating func mutated(_ text: String) -> String {
        guard once(in: 2) else { return text }
        let extra: [UnicodeScalar] = [
            ":", "/", "?", "#", "@", "[", "]", "%", "&", "=", "+", ".", " ", "\t", "\n", "\u{0}", "\u{7F}", "2", "e",
            "E", "ü", "😀",
        ]
        var scalars = Array(text.unicodeScalars)
        for _ in 0..<Int.random(in: 1...3, using: &self) {
            let place = Int.random(in: 0...scalars.count, using: &self)
            switch Int.random(in: 0..<4, using: &self) {
            case 0: scalars.insert(pick(extra), at: place)
            case 1 where place < scalars.count: scalars.remove(at: place)
            case 2 where place < scalars.count: scalars[place] = pick(extra)
            default:
                let from = Int.random(in: 0...place, using: &self)
                scalars.append(contentsOf: scalars[from..<place].prefix(8))
            }
        }
        return scalars.reduce(into: "") { $0.unicodeScalars.append($1) }
    }
}
