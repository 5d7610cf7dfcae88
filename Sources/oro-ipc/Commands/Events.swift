// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import OroIPC
import OroTool

/// `oro-ipc events`: what a host tells without being asked.
struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the events of a host as they come, until it ends.",
        discussion: """
            Each is printed as in an event stream: 'event: NAME', 'data: …' for each line of its text or value, and an empty
            line. A push, which is a result nobody asked for, is an event named 'data'.

              oro-ipc events demo
              oro-ipc events demo logs.line --count 10
            """)

    @OptionGroup var host: ConnectOptions

    @Argument(help: "Only events of this name.")
    var name = "*"

    @Option(help: ArgumentHelp("End after so many.", valueName: "count"))
    var count: Int?

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count must be at least 1.") }
    }

    func run() async throws {
        let client = try host.connect()
        var left = count ?? .max
        for await event in client.events.stream(name) {
            let chunk = StreamChunk(name: event.name, value: event.detail, bytes: event.bytes)
            StandardStream.output.write(Stream.text(chunk))
            left -= 1
            if left == 0 { return }
        }
        guard case .goodbye(let reason)? = client.ending else {
            throw ToolError(.failed, client.ending?.description ?? "the link is over")
        }
        StandardStream.error.line("oro-ipc: the host has ended the link: \(String(showing: reason))")
    }
}
