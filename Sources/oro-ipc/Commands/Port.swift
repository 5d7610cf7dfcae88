// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import OroIPC
import OroTool
import Synchronization

/// `oro-ipc port`: a conversation between two terminals.
struct Port: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Talk with whoever says the same name, line by line.",
        discussion: """
            Whoever comes first waits. Each line that is typed is a text for the other; what he says is printed. Ends when
            standard input does, or the other leaves.

              oro-ipc port demo table-4         in one terminal, and in another
            """)

    @OptionGroup var host: ConnectOptions

    @Argument(help: "The name to meet under.")
    var meeting: String

    func run() async throws {
        let client = try host.connect()
        let port = try client.meet(meeting)
        let reason = Reason()
        port.onclose = { event in reason.error.withLock { $0 = event.error } }
        let printing = Task {
            for await event in port.messages {
                StandardStream.output.line(String(showing: event.data.string ?? event.data.description))
            }
        }
        let reading = Task.detached {
            for await line in Port.lines {
                // Waits where the other is slow to read.
                try await port.post(.string(line))
            }
            port.close()
        }
        await printing.value
        reading.cancel()
        if let ending = client.ending, ending != .closed { throw ToolError(ending) }
        if let reason = reason.error.withLock({ $0 }) { throw ToolError(.failed, reason.description) }
    }

    /// Why the port was closed, where the other did not simply leave.
    private final class Reason: Sendable {
        let error = Mutex<IPCError?>(nil)
    }

    /// Lines of standard input, read in a thread of its own, because that blocks.
    private static var lines: AsyncStream<String> {
        AsyncStream { continuation in
            Task.detached {
                try await PlainThread.run {
                    while let line = readLine() { continuation.yield(line) }
                    continuation.finish()
                }
            }
        }
    }
}
