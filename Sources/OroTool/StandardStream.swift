// SPDX-License-Identifier: Apache-2.0

import CTool
import Glibc

/// Standard output and standard error, unbuffered: a line is out when the call returns.
package enum StandardStream: Int32 {
    case output = 1
    case error = 2

    /// Writes a text and the end of the line.
    package func line(_ text: String) { write(text + "\n") }

    /// Writes a text. A reader that has gone (`| head`) ends the process quietly, as SIGPIPE would.
    package func write(_ text: String) {
        var text = text
        // The buffer is valid until the call returns.
        text.withUTF8 { unsafe write(UnsafeRawBufferPointer($0)) }
    }

    /// Writes bytes as they are. Where they cannot be written, the process ends: quietly when the reader has gone, and
    /// else with a line that says why.
    package func write(_ bytes: UnsafeRawBufferPointer) {
        if unsafe attempt(bytes) { return }
        let cause = errno
        guard self == .output else { exit(1) }
        if cause == EPIPE { exit(141) }
        // A text of the C library's, which nobody changes before the next call.
        let text = unsafe strerror(cause).map { unsafe String(cString: $0) } ?? "error \(cause)"
        StandardStream.error.tell("oro-ipc: standard output cannot be written to: \(text)")
        exit(ToolError.Code.failed.rawValue)
    }

    /// Writes a line to whoever reads it, and goes on when nobody does any more.
    package func tell(_ text: String) {
        var text = text + "\n"
        // The buffer is valid until the call returns.
        text.withUTF8 { _ = unsafe attempt(UnsafeRawBufferPointer($0)) }
    }

    private func attempt(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let start = bytes.baseAddress else { return true }
        // The buffer has that many bytes.
        return unsafe tool_write_all(rawValue, start, bytes.count)
    }

    /// True when a person looks at it.
    package var isTerminal: Bool { tool_is_terminal(rawValue) }

    /// Width of the terminal.
    package var columns: Int { Int(tool_columns(rawValue)) }
}

extension String {
    /// Bytes as a text that is safe to show: what is not UTF-8, and control characters that could steer a terminal,
    /// appear as `\n`, `\t` or `\x1B`.
    package init(showing bytes: some Sequence<UInt8>) {
        self = ""
        var decoder = UTF8()
        var rest = Array(bytes)[...]
        while let first = rest.first {
            var iterator = rest.makeIterator()
            guard case .scalarValue(let scalar) = decoder.decode(&iterator) else {
                self += String.hex(first)
                rest = rest.dropFirst()
                decoder = UTF8()
                continue
            }
            let length = UTF8.width(scalar)
            rest = rest.dropFirst(length)
            decoder = UTF8()
            switch scalar {
            case "\n": self += "\\n"
            case "\r": self += "\\r"
            case "\t": self += "\\t"
            case "\u{00}"..."\u{1F}", "\u{7F}": self += String.hex(UInt8(scalar.value))
            // C1 controls and the marks that turn the direction of writing.
            case "\u{80}"..."\u{9F}", "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}":
                self += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
            default: unicodeScalars.append(scalar)
            }
        }
    }

    /// The same for a text.
    package init(showing text: String) { self.init(showing: text.utf8) }

    private static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return byte < 16 ? "\\x0\(digits)" : "\\x\(digits)"
    }
}
