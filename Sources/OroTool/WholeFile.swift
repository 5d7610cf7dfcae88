// SPDX-License-Identifier: Apache-2.0

import CTool
import Glibc

/// Files the user names on the command line, read and written as a whole.
package enum WholeFile {
    /// The bytes of a file; `-` is standard input.
    package static func read(_ path: String) throws -> [UInt8] {
        // A C string for the call.
        let descriptor = path == "-" ? 0 : unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("read", path) }
        defer { if descriptor != 0 { close(descriptor) } }
        var bytes: [UInt8] = []
        while true {
            var got = 0
            // Whatever is counted as initialized has been written by the system call.
            let piece = unsafe [UInt8](unsafeUninitializedCapacity: 1 << 20) { buffer, filled in
                repeat {
                    got = unsafe Glibc.read(descriptor, buffer.baseAddress!, 1 << 20)
                } while got < 0 && errno == EINTR
                filled = max(0, got)
            }
            if got < 0 { throw failure("read", path) }
            if got == 0 { return bytes }
            bytes += piece
        }
    }

    /// Makes or replaces a file.
    package static func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws {
        // A C string for the call.
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw failure("written", path) }
        defer { close(descriptor) }
        guard let start = bytes.baseAddress else { return }
        // The buffer has that many bytes.
        guard unsafe tool_write_all(descriptor, start, bytes.count) else { throw failure("written", path) }
    }

    private static func failure(_ what: String, _ path: String) -> ToolError {
        ToolError(.usage, "'\(String(showing: path))' cannot be \(what): \(FileFailure(errno).text)")
    }
}
