// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC

/// The built tool, run as a user would.
struct ToolProcess {
    /// The tool lies beside the test bundle.
    static let path: String = {
        let here = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: here).deletingLastPathComponent().appendingPathComponent("oro-ipc").path
    }()

    struct Outcome {
        var code: Int32
        var output: String
        var errors: String
        var bytes: [UInt8]
        /// The output as JSON.
        var json: Value { (try? Value(json: output)) ?? .null }
    }

    /// Runs the tool to its end.
    static func run(
        _ arguments: [String], program: String = path, input: [UInt8] = [], backend: String? = nil
    ) throws -> Outcome {
        // Into files, so that neither side ever waits for the other to read.
        let files = try TemporaryFolder()
        try files.file("input", input)
        let child = try Child(
            arguments, program: program, input: .file("\(files.path)/input"), output: .file("\(files.path)/output"),
            errors: "\(files.path)/errors", backend: backend)
        let code = child.wait()
        func bytes(_ name: String) throws -> [UInt8] {
            [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(files.path)/\(name)")))
        }
        let (output, errors) = (try bytes("output"), try bytes("errors"))
        return Outcome(
            code: code, output: String(decoding: output, as: UTF8.self),
            errors: String(decoding: errors, as: UTF8.self), bytes: output)
    }
}

/// A child process that runs the tool. Its signals are blocked where those of the thread that starts it are.
final class Child {
    enum Stream {
        case file(String)
        /// This process has the other end.
        case pipe
    }

    let processID: pid_t
    /// This process's ends of the pipes, -1 where there is none.
    private(set) var input: Int32 = -1
    private(set) var output: Int32 = -1
    private var code: Int32?

    init(
        _ arguments: [String], program: String = ToolProcess.path, input: Stream, output: Stream, errors: String?,
        backend: String? = nil
    ) throws {
        func pipe() throws -> (Int32, Int32) {
            var ends: [Int32] = [-1, -1]
            // Sockets, because those are close-on-exec from the start: no other child may hold an end open. Fills both.
            let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
            guard unsafe socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw POSIXError(.EMFILE) }
            return (ends[0], ends[1])
        }
        var theirs: [Int32] = []
        switch input {
        case .file(let path): theirs.append(unsafe open(path, O_RDONLY | O_CLOEXEC))
        case .pipe:
            let (read, write) = try pipe()
            theirs.append(read)
            self.input = write
        }
        switch output {
        case .file(let path): theirs.append(unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))
        case .pipe:
            let (read, write) = try pipe()
            theirs.append(write)
            self.output = read
        }
        if let errors { theirs.append(unsafe open(errors, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)) }
        defer { for descriptor in theirs { close(descriptor) } }
        // Copies of the words, freed below; NULL ends each list. The actions are initialized before they are used.
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        for (number, descriptor) in theirs.enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
        }
        var environment = ProcessInfo.processInfo.environment
        if let backend { environment["ORO_IPC_BACKEND"] = backend }
        let words = unsafe (["oro-ipc"] + arguments).map { unsafe strdup($0) } + [nil]
        let settings = unsafe environment.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
        var pid: pid_t = -1
        let status = unsafe posix_spawn(&pid, program, &actions, nil, words, settings)
        unsafe posix_spawn_file_actions_destroy(&actions)
        unsafe (words + settings).forEach { unsafe free($0) }
        processID = pid
        guard status == 0 else { throw POSIXError(.ENOENT) }
    }

    deinit {
        // A child that watches its input ends with it.
        if input >= 0 { close(input) }
        if output >= 0 { close(output) }
        wait()
    }

    /// Waits for its end; the exit code, or 128 and the signal that killed it.
    @discardableResult
    func wait() -> Int32 {
        if let code { return code }
        var status: Int32 = 0
        // Fills the status.
        while unsafe waitpid(processID, &status, 0) < 0 && errno == EINTR {}
        let answer = status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
        code = answer
        return answer
    }

    /// Writes to its input.
    func say(_ text: String) {
        let bytes = Array(text.utf8)
        // As many bytes as there are.
        _ = unsafe write(input, bytes, bytes.count)
    }

    /// Everything up to the end of a line.
    func readLine() -> String {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        // Room for the one byte.
        while unsafe read(output, &byte, 1) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
        return String(decoding: line, as: UTF8.self)
    }
}

/// A folder that goes away with its owner.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/oro-tool-XXXXXX".utf8CString)
        // Replaces the X in place; the array ends with zero.
        let made = unsafe mkdtemp(&template) != nil
        guard made else { throw POSIXError(.EACCES) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        // Foundation stumbles over names that are not UTF-8.
        let words = unsafe (["rm", "-rf", path] as [String]).map { unsafe strdup($0) } + [nil]
        var pid: pid_t = -1
        var status: Int32 = 0
        // NULL ends the list of words; whoever is started is waited for, and the words are freed.
        if unsafe posix_spawn(&pid, "/bin/rm", nil, nil, words, nil) == 0 { unsafe waitpid(pid, &status, 0) }
        unsafe words.forEach { unsafe free($0) }
    }

    func file(_ name: String, _ bytes: [UInt8] = []) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    }

    func folder(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: "\(path)/\(name)", withIntermediateDirectories: true)
    }

    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: "\(path)/\(name)", withDestinationPath: target)
    }

    /// An empty file whose name is any bytes.
    func file(named name: [UInt8]) throws {
        let path = Array("\(path)/".utf8) + name + [0]
        // Ends with zero.
        let descriptor = unsafe open(path.map { CChar(bitPattern: $0) }, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        guard descriptor >= 0 else { throw POSIXError(.EINVAL) }
        close(descriptor)
    }
}

/// A running `oro-ipc serve`. It ends with its owner, and with this process, whose pipe it listens to.
final class ServeProcess {
    let child: Child
    private let root: TemporaryFolder
    private let sockets: TemporaryFolder

    init(_ root: TemporaryFolder, _ options: [String] = []) throws {
        self.root = root
        sockets = try TemporaryFolder()
        let arguments = ["serve", "--name", "t", "--leash", "--root", root.path, "--folder", sockets.path]
        child = try Child(arguments + options, input: .pipe, output: .pipe, errors: nil)
        // It says when it serves.
        guard child.readLine().hasPrefix("serving") else { throw POSIXError(.ECHILD) }
    }

    var socketPath: String { "\(sockets.path)/t.sock" }
    var socketFolder: String { sockets.path }

    /// Runs `verb t … --folder …` against this host.
    func call(_ verb: String, _ arguments: [String], input: [UInt8] = []) throws -> ToolProcess.Outcome {
        try ToolProcess.run([verb, "t"] + arguments + ["--folder", sockets.path], input: input)
    }

    /// Asks, and answers the JSON of the result.
    func ask(_ command: String, _ value: String? = nil) throws -> Value {
        try call("request", [command] + (value.map { [$0] } ?? []) + ["--json"]).json
    }
}
