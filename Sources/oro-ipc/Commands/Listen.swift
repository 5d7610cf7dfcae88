// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import OroIPC
import OroTool

/// `oro-ipc listen`: what is posted to a broadcast channel, line by line.
struct Listen: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print what is posted to a broadcast channel.",
        discussion: """
            One line for each message, as JSON where it has a form there, else as JavaScript would write it. Messages that were
            missed are told on standard error.

              oro-ipc listen demo news
              oro-ipc listen demo prices --latest --count 1
            """)

    @OptionGroup var host: ConnectOptions

    @Argument(help: "The name of the channel.")
    var channel: String

    @Option(help: "The origin to listen for.")
    var origin = IPCBroadcastChannel.usualOrigin

    @Flag(help: "Only the last of what came while the one before was printed.")
    var latest = false

    @Option(help: "End after so many messages.")
    var count: Int?

    func run() async throws {
        let channel = try IPCBroadcastChannel(
            channel, origin: origin, over: try host.connect(), keeping: latest ? .latest : .all)
        var left = count ?? .max
        if left <= 0 { return }
        for await event in channel.messages {
            if event.type == "missed" {
                StandardStream.error.line("missed \(event.data.int ?? 0) messages")
                continue
            }
            StandardStream.output.line(String(showing: event.data.value?.json() ?? event.data.description))
            left -= 1
            if left == 0 { return }
        }
        throw ToolError(.failed, "the channel was closed")
    }
}
