// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CTool
import Logging
import OroIPC
import OroTool

/// `oro-ipc serve`: a host with a few useful routes.
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve commands under a name until Ctrl-C.",
        discussion: """
            Routes: ping, platform.primordials, diagnostics.*; with --root also fs.stat, fs.readFile and fs.readdir below that
            folder, which nothing escapes: '..' and symbolic links that lead out of it are errors (EXDEV).

              oro-ipc serve demo --root /usr/include
              oro-ipc request demo fs.stat '{"path": "stdio.h"}'
              oro-ipc serve --idle park --backend epoll
            """)

    @Argument(
        help: ArgumentHelp(
            "The name clients call the host by: 1 to 64 of A-Z a-z 0-9 . _ - (default: oro)", valueName: "name"))
    var positionalName: String?

    @Option(name: .customLong("name"), help: "The same, as an option.")
    var optionalName: String?

    private var name: String { positionalName ?? optionalName ?? "oro" }

    @Option(help: ArgumentHelp("Serve the files below this folder.", valueName: "dir"))
    var root: String?

    @Option(help: "What the host's thread does while nothing comes.")
    var idle = IdlePolicy.adaptive

    @Option(help: "How the host sleeps. (default: io_uring where it works, else epoll)")
    var backend: WakeBackend?

    @Option(help: ArgumentHelp("The folder of the socket.", valueName: "dir"))
    var folder: String?

    @Flag(help: ArgumentHelp("Stop when standard input ends.", visibility: .hidden))
    var leash = false

    func validate() throws {
        if positionalName != nil && optionalName != nil { throw ValidationError("the name is given twice") }
    }

    func run() throws {
        tool_catch_stop()
        let host = try makeHost()
        if let root {
            do throws(FileFailure) {
                FileRoutes(root: try RootFolder(root)).map(on: host.router)
            } catch {
                throw ToolError(.usage, "the root '\(String(showing: root))' cannot be used: \(error.text)")
            }
        }
        do throws(LinkError) { try host.start() } catch { throw ToolError(.failed, error.description) }
        // `demo` waits for this line. A reader that has gone must not keep the host from taking its socket away.
        StandardStream.output.tell("serving '\(name)' (\(host.backend.rawValue), \(idle.rawValue)); Ctrl-C stops it")
        _ = tool_wait_for_stop(leash ? 0 : -1, -1)
        host.stop()
    }

    private func makeHost() throws -> Host {
        var options = HostOptions()
        options.idle = idle
        options.backend = backend
        options.folder = folder
        // For `oro-ipc port`.
        options.ports.allowsMeetings = true
        // Clients that break the protocol, and the like; routine is not told.
        options.logger = Logger(label: "oro-ipc", factory: { label in StreamLogHandler.standardError(label: label) })
        options.logger.logLevel = .warning
        do throws(LinkError) {
            return try Host(name: name, options: options)
        } catch {
            if case .badName = error { throw ToolError(error) }
            throw ToolError(.failed, error.description)
        }
    }
}
