// SPDX-License-Identifier: Apache-2.0

import CTool
import Glibc
import OroIPC

/// A process of our own that runs a command of this tool and says a line when it is ready.
///
/// It holds a pipe to us as its standard input and stops when that ends: however we end, it does too.
package final class OwnProcess {
    package let processID: Int32
    private var leash: Int32
    private var output: Int32
    private var isOver = false

    /// Starts it and waits until it is ready. Its complaints go to our standard error.
    package init(_ words: [String]) throws {
        // Copies for the call, freed after it; NULL ends the list.
        let arguments = unsafe (["oro-ipc"] + words).map { unsafe strdup($0) } + [nil]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        (leash, output) = (-1, -1)
        processID = unsafe tool_spawn("/proc/self/exe", arguments, &leash, &output)
        guard processID > 0 else {
            throw ToolError(.failed, "no process can be started for '\(words[0])': \(FileFailure(-processID).text)")
        }
        guard hears(within: 20_000) else {
            let code = stop()
            throw ToolError(.failed, "the process of '\(words[0])' did not get ready (exit code \(code))")
        }
    }

    /// A host of the folder `root`, under this name.
    package static func host(_ name: String, serving root: String, folder: String?) throws -> OwnProcess {
        try OwnProcess(
            ["serve", "--leash", "--name=\(name)", "--root=\(root)"] + (folder.map { ["--folder=\($0)"] } ?? []))
    }

    deinit { stop() }

    /// True when it said a line.
    private func hears(within milliseconds: Int32) -> Bool {
        var line = [CChar](repeating: 0, count: 512)
        // The array has room for that many.
        return unsafe tool_read_line(output, &line, 512, milliseconds) > 0
    }

    /// Ends it, by force when it does not within two seconds, and answers its exit code. May be called again.
    @discardableResult
    package func stop() -> Int32 {
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
