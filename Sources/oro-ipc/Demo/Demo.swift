// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CTool
import Glibc
import OroIPC
import OroTool

/// `oro-ipc demo`: two processes read a folder, one through the other.
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read a folder through a host process, and compare every byte with the files themselves.",
        discussion: """
            Starts a host process that serves the folder, walks it from this process with many requests in flight, and
            compares all names, sizes, types and bytes with what this process reads directly. Symbolic links are not
            followed. Exit code 0: everything agreed.

              oro-ipc demo
              oro-ipc demo ~/projects --in-flight 128
              oro-ipc demo /etc --json
            """)

    @Argument(help: ArgumentHelp("The folder.", valueName: "dir"))
    var folder = "/usr/include"

    @Option(help: "Most requests at once.")
    var inFlight = 32

    @Option(help: ArgumentHelp("The folder of the host's socket.", valueName: "dir"))
    var socketFolder: String?

    @Flag(help: "Print JSON; times are in nanoseconds.")
    var json = false

    func validate() throws {
        guard (1...4096).contains(inFlight) else { throw ValidationError("--in-flight must be between 1 and 4096.") }
    }

    func run() async throws {
        tool_catch_stop()
        let direct: DirectFolder
        do throws(FileFailure) { direct = try DirectFolder(folder) } catch {
            throw ToolError(.usage, "'\(String(showing: folder))' cannot be read: \(error.text)")
        }
        let name = "demo-\(getpid())"
        let host = try OwnProcess.host(name, serving: folder, folder: socketFolder)
        // The process must be gone before this one is, whatever happens.
        defer { host.stop() }
        var options = ClientOptions()
        options.folder = socketFolder
        let client: Client
        do throws(LinkError) {
            client = try await Client.connect(name, options: options)
        } catch {
            throw ToolError(error)
        }
        defer { client.close() }
        let report = try await walk(client, direct, host)
        if json {
            StandardStream.output.line(report.value.json())
        } else {
            StandardStream.output.write(report.text)
        }
        if !report.agreed { throw ToolError(.failed) }
    }

    private func walk(_ client: Client, _ direct: DirectFolder, _ host: OwnProcess) async throws -> DemoReport {
        let hostBefore = try await EngineCounters(client)
        let progress = ProgressBar(isQuiet: json)
        let before = Diagnostics.systemCalls
        let start = monotonicNanoseconds()
        let walk = Task { try await TreeWalk(client, direct, inFlight: inFlight, progress: progress).run() }
        // Shows the progress, and hears Ctrl-C, which the walk itself would not.
        let ticker = Task {
            while !Task.isCancelled {
                if tool_stop_signal() != 0 { return walk.cancel() }
                progress.show()
                try? await Task.sleep(for: .milliseconds(100))
            }
        }
        let outcome = await walk.result
        ticker.cancel()
        _ = await ticker.value
        progress.clear()
        if tool_stop_signal() != 0 { throw ToolError(.interrupted, "interrupted") }
        let tally = try outcome.get()
        let seconds = Double(monotonicNanoseconds() - start) / 1e9
        let clientCalls = Diagnostics.systemCalls - before
        let hostAfter = try await EngineCounters(client)
        return DemoReport(
            folder: folder, tally: tally, seconds: seconds, inFlight: inFlight, hostBackend: hostAfter.backend,
            clientBackend: client.backend?.rawValue ?? "none",
            hostSystemCalls: hostAfter.systemCalls - hostBefore.systemCalls, clientSystemCalls: clientCalls,
            copiedBytes: hostAfter.copiedBytes + UInt64(clamping: client.statistics.copiedBytes))
    }
}

/// What the engine of the host process says about itself.
struct EngineCounters {
    var systemCalls: UInt64
    /// Payload bytes copied in user space.
    var copiedBytes: UInt64
    var backend: String

    init(_ client: Client) async throws {
        let result = await client.request("diagnostics.query", options: .deadline)
        guard let calls = result.data?["systemCalls"]?.int, let copied = result.data?["copiedBytes"]?.int,
            let backend = result.data?["backend"]?.string
        else {
            throw ToolError(.failed, "the host does not say what it does: \(result.err?.description ?? "no data")")
        }
        systemCalls = UInt64(clamping: calls)
        copiedBytes = UInt64(clamping: copied)
        self.backend = backend
    }
}
