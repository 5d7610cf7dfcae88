// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import OroBench
import OroIPC
import OroTool

/// The command `oro-ipc`.
struct Tool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "oro-ipc",
        abstract: "Commands between processes, over shared memory.",
        discussion: """
            A host serves commands under a name, clients call them.

              oro-ipc doctor                                  what works on this machine
              oro-ipc demo                                    a host and a client read /usr/include
              oro-ipc serve demo --root .              a host
              oro-ipc request demo ping                       a call
              oro-ipc request demo fs.readdir '{"path": "."}'

            Exit codes: 0 success, 1 the result is an error, 2 wrong usage, 3 no link to the host.
            """,
        version: RuntimeVersion.library.full,
        subcommands: [
            Serve.self, Send.self, Request.self, Stream.self, Listen.self, Broadcast.self, Port.self, Events.self,
            Ping.self, Bench.self, BenchPeerCommand.self, BenchSubscribersCommand.self,
            BenchTalkerCommand.self, Doctor.self,
            Demo.self,
        ])
}

/// Where the process starts. Not `Tool` itself, because the exit codes of this tool are its own.
///
/// Commands that block run on the main thread and in no task, as a thread of a program that knows no tasks would: the
/// engine gives such a thread a ring of its own.
@main
enum Main {
    static func main() {
        do {
            var command = try Tool.parseAsRoot()
            guard let asynchronous = command as? any AsyncParsableCommand else { return try command.run() }
            // Only the task touches it from here on.
            nonisolated(unsafe) var running = asynchronous
            Task.detached {
                do {
                    // See above.
                    try unsafe await running.run()
                    exit(0)
                } catch {
                    finish(error)
                }
            }
            while true { pause() }
        } catch {
            finish(error)
        }
    }

    private static func finish(_ error: any Error) -> Never {
        switch error {
        case let error as ToolError:
            if !error.message.isEmpty { StandardStream.error.line("oro-ipc: \(error.message)") }
            Tool.exit(withError: ExitCode(error.code.rawValue))
        case is ExitCode: Tool.exit(withError: error)
        default:
            guard Tool.exitCode(for: error) == .validationFailure else { Tool.exit(withError: error) }
            StandardStream.error.line(Tool.fullMessage(for: error))
            Tool.exit(withError: ExitCode(ToolError.Code.usage.rawValue))
        }
    }
}
