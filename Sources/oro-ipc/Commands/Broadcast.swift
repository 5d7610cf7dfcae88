// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import OroIPC
import OroTool

/// `oro-ipc broadcast`: one message to everybody who listens.
struct Broadcast: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Post a value to a broadcast channel.",
        discussion: """
              oro-ipc broadcast demo news '{"headline": "hello"}'
            """)

    @OptionGroup var host: ConnectOptions

    @Argument(help: "The name of the channel.")
    var channel: String

    @Argument(help: "The value, as JSON.")
    var json: String

    @Option(help: "For whom: an origin, or '*' for all.")
    var origin = IPCBroadcastChannel.usualOrigin

    func validate() throws {
        do { _ = try Value(json: json) } catch { throw ValidationError("The value is not JSON: \(error)") }
    }

    func run() async throws {
        let client = try host.connect()
        let channel = try IPCBroadcastChannel(channel, origin: origin, over: client)
        try channel.postMessage(StructuredValue(try Value(json: json)))
        // It takes the same way: when it is answered the message has been passed on.
        if let error = await client.request("ping").err { throw ToolError(.failed, "\(error)") }
    }
}
