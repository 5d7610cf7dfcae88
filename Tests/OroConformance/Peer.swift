// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation

/// A process started for a test: `oro-test-peer` with some arguments.
public final class Peer: @unchecked Sendable {
    public let pid: pid_t
    public let input: Int32
    private let output: UnsafeMutablePointer<FILE>
    private var ended: Int32?
    private var inputIsOpen = true
    private let lock = NSLock()

    /// The peer's executable: beside this one, or where the environment's `ORO_TEST_PEER` says, such as one of a
    /// release build.
    public static var path: String {
        if let other = ProcessInfo.processInfo.environment["ORO_TEST_PEER"] { return other }
        let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return ((own ?? "") as NSString).deletingLastPathComponent + "/oro-test-peer"
    }

    /// Starts it; `fds` become its descriptors 10, 11, … and are closed here.
    public init(_ arguments: [String], fds: [Int32] = [], traced: Bool = false) throws {
        var child = oro_child()
        var argv: [UnsafeMutablePointer<CChar>?] = (["oro-test-peer"] + arguments).map { strdup($0) }
        argv.append(nil)
        defer { for text in argv { free(text) } }
        let status =
            traced
            ? oro_spawn_traced(Peer.path, argv, fds, Int32(fds.count), &child)
            : oro_spawn(Peer.path, argv, fds, Int32(fds.count), &child)
        for fd in fds { close(fd) }
        guard status == 0 else { throw Unexpected("could not start \(Peer.path): \(status)") }
        pid = child.pid
        input = child.input
        output = fdopen(child.output, "r")
    }

    /// The next line it prints; `nil` at its end.
    public func line() -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        guard fgets(&buffer, Int32(buffer.count), output) != nil else { return nil }
        var text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if text.hasSuffix("\n") { text.removeLast() }
        return text
    }

    /// Reads lines until one starts with `prefix`, and answers it.
    @discardableResult
    public func line(starting prefix: String) throws -> String {
        var seen: [String] = []
        while let line = line() {
            if line.hasPrefix(prefix) { return line }
            seen.append(line)
        }
        throw Unexpected("the peer ended without '\(prefix)': \(seen.suffix(8))")
    }

    /// All it prints until its end.
    public func rest() -> [String] {
        var lines: [String] = []
        while let line = line() { lines.append(line) }
        return lines
    }

    public func say(_ text: String) { _ = (text + "\n").withCString { write(input, $0, strlen($0)) } }

    public func kill(_ signal: Int32 = SIGKILL) { Foundation.kill(pid, signal) }

    public var hasEnded: Bool { oro_has_ended(pid) == 1 }

    /// It was reaped by somebody else: the tracer.
    public func wasReaped() { lock.withLock { ended = 0 } }

    /// Closes its standard input, which tells it to end.
    public func closeInput() {
        lock.withLock {
            if inputIsOpen { close(input) }
            inputIsOpen = false
        }
    }

    /// Tells it to end and waits for it: its exit status.
    @discardableResult
    public func finish() -> Int32 {
        closeInput()
        return lock.withLock {
            if let ended { return ended }
            let status = oro_reap(pid)
            ended = status
            return status
        }
    }

    deinit {
        if lock.withLock({ ended == nil }) { kill() }
        finish()
        fclose(output)
    }
}

/// A folder for sockets that goes away with the value.
public final class TemporaryFolder: Sendable {
    public let path: String

    public init() throws {
        var template = Array("/tmp/oro-t-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Unexpected("no temporary folder") }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    public var entries: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
