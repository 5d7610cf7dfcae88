import CTool
import Glibc
import OroIPC

/// A process of our own that runs `oro-ipc serve`.
///
/// It holds a pipe to us as its standard input and stops when that ends: however we end, it does too.
final class HostProcess {
    let name: String
    let processID: Int32
    private var leash: Int32
    private var output: Int32
    private var isOver = false

    /// Starts a host and waits until it serves. Its complaints go to our standard error.
    init(serving root: String, folder: String?) throws {
        name = "demo-\(getpid())"
        var arguments = ["oro-ipc", "serve", "--leash", "--name=\(name)", "--root=\(root)"]
        if let folder { arguments.append("--folder=\(folder)") }
        // Copies for the call, freed after it; NULL ends the list.
        let words = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        (leash, output) = (-1, -1)
        processID = unsafe tool_spawn("/proc/self/exe", words, &leash, &output)
        guard processID > 0 else {
            throw ToolError(.failed, "the host process cannot be started: \(FileFailure(-processID).text)")
        }
        guard hears(within: 20_000) else {
            let code = stop()
            throw ToolError(.failed, "the host process did not start to serve (exit code \(code))")
        }
    }

    deinit { stop() }

    /// True when the host said that it serves.
    private func hears(within milliseconds: Int32) -> Bool {
        var line = [CChar](repeating: 0, count: 512)
        // The array has room for that many.
        return unsafe tool_read_line(output, &line, 512, milliseconds) > 0
    }

    /// Ends the host, by force when it does not within two seconds, and answers its exit code. May be called again.
    @discardableResult
    func stop() -> Int32 {
        if isOver { return 0 }
        isOver = true
        tool_close(leash)
        // Its standard output ends when it does.
        _ = hears(within: 2000)
        kill(processID, SIGKILL)
        tool_close(output)
        return tool_wait_child(processID)
    }
}
