import Foundation
import OroIPC
import Synchronization

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

    private static let starting = Mutex(())

    /// Starts the tool. One at a time, and with pipes that no other child inherits: else each would wait for the end of
    /// what another still holds open.
    static func start(_ process: Process, input: Pipe, output: Pipe, errors: Pipe? = nil) throws {
        process.executableURL = URL(fileURLWithPath: path)
        process.standardInput = input
        process.standardOutput = output
        if let errors { process.standardError = errors }
        try starting.withLock { _ in
            for pipe in [input, output, errors].compactMap({ $0 }) {
                for handle in [pipe.fileHandleForReading, pipe.fileHandleForWriting] {
                    _ = fcntl(handle.fileDescriptor, F_SETFD, FD_CLOEXEC)
                }
            }
            try process.run()
        }
    }

    /// Runs the tool to its end.
    static func run(_ arguments: [String], input: [UInt8] = [], backend: String? = nil) throws -> Outcome {
        let process = Process()
        process.arguments = arguments
        if let backend {
            process.environment = ProcessInfo.processInfo.environment.merging(["ORO_IPC_BACKEND": backend]) { $1 }
        }
        let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
        try start(process, input: stdin, output: stdout, errors: stderr)
        stdin.fileHandleForWriting.write(Data(input))
        try stdin.fileHandleForWriting.close()
        let output = stdout.fileHandleForReading.readDataToEndOfFile()
        let errors = stderr.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(
            code: process.terminationStatus, output: String(decoding: output, as: UTF8.self),
            errors: String(decoding: errors, as: UTF8.self), bytes: [UInt8](output))
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
        // By the shell's tool, because Foundation stumbles over names that are not UTF-8.
        let remove = Process()
        remove.executableURL = URL(fileURLWithPath: "/bin/rm")
        remove.arguments = ["-rf", path]
        try? remove.run()
        remove.waitUntilExit()
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
    let process = Process()
    let root: TemporaryFolder
    private let sockets: TemporaryFolder
    private let leash = Pipe()
    let output = Pipe()

    init(_ root: TemporaryFolder, _ options: [String] = []) throws {
        self.root = root
        sockets = try TemporaryFolder()
        process.arguments = ["serve", "--name", "t", "--leash", "--root", root.path, "--folder", sockets.path] + options
        try ToolProcess.start(process, input: leash, output: output)
        // It says when it serves.
        var line = Data()
        while line.last != UInt8(ascii: "\n") {
            let more = output.fileHandleForReading.availableData
            if more.isEmpty { throw POSIXError(.ECHILD) }
            line += more
        }
    }

    deinit {
        try? leash.fileHandleForWriting.close()
        process.waitUntilExit()
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
