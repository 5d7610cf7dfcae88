// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import OroIPC
import OroTool

/// How to reach a host: the part of the command line that all clients share.
struct ConnectOptions: ParsableArguments {
    @Argument(help: "The host's name.")
    var name: String

    @Option(help: ArgumentHelp("The folder of the host's socket.", valueName: "dir"))
    var folder: String?

    /// The link.
    func connect(idle: IdlePolicy = .adaptive) throws -> Client {
        var options = ClientOptions()
        options.folder = folder
        options.idle = idle
        do throws(LinkError) {
            return try Client.connect(name, options: options)
        } catch {
            throw ToolError(error)
        }
    }
}

extension IdlePolicy: ExpressibleByArgument {}
extension WakeBackend: ExpressibleByArgument {}
