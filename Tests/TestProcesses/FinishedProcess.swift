// SPDX-License-Identifier: Apache-2.0

import CTestSupport

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A program that was run to its end: what it wrote and how it ended.
///
/// Foundation's `Process` is not used by the tests: it leaks some hundred bytes for each run, and LeakSanitizer reports
/// them.
@safe public struct FinishedProcess: Sendable {
    /// The exit code, or 128 and the signal that killed it.
    public let status: Int32
    /// What it wrote to its standard output, and with `joiningErrors` to its standard error.
    public let output: [UInt8]

    public var text: String { String(decoding: output, as: UTF8.self) }

    /// Runs `words[0]`, which is looked up in `PATH`, with the other words as its arguments. It reads `input`, and must
    /// have read all of it before it writes more than a pipe holds (64 KiB).
    public init(_ words: [String], input: [UInt8] = [], joiningErrors: Bool = false) throws {
        let shell = ["sh", "-c", joiningErrors ? "exec \"$@\" 2>&1" : "exec \"$@\"", "sh"] + words
        // Copies of the words, freed below; NULL ends the list.
        let list = unsafe shell.map { unsafe strdup($0) } + [nil]
        defer { unsafe list.forEach { unsafe free($0) } }
        var child = oro_child()
        let started = unsafe oro_spawn("/bin/sh", list, nil, 0, &child)
        guard started == 0 else { throw SpawnFailure(errno: -started) }
        FinishedProcess.write(input, to: child.input)
        close(child.input)
        output = FinishedProcess.readAll(child.output)
        close(child.output)
        status = oro_reap(child.pid)
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes[done...].withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            // A program that has ended, or reads no more: its status says the rest.
            if count < 0 && errno != EINTR { return }
            if count > 0 { done += count }
        }
    }

    private static func readAll(_ descriptor: Int32) -> [UInt8] {
        var all: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe piece.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return all }
            all += piece[..<count]
        }
    }
}

/// A program could not be started.
public struct SpawnFailure: Error {
    public let errno: Int32
}
