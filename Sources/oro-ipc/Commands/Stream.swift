// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import OroIPC
import OroTool

/// `oro-ipc stream`: a command whose answer comes in chunks.
struct Stream: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask for a stream, and print its events and chunks as they come.",
        discussion: """
            Each is printed as in an event stream: 'event: NAME' when it has a name, 'data: …' for each line of its text
            or value, and an empty line. With --raw the bytes alone are written, as they are. --timeout is for the first
            chunk or the end. A route without chunks gives its result as one.

              oro-ipc stream demo diagnostics.stream.sse '{"count": 3, "interval": 500, "name": "tick"}'
              oro-ipc stream demo diagnostics.stream.chunks '{"chunks": 4, "chunkSize": 1024}' --raw | wc -c
            """)

    @OptionGroup var host: ConnectOptions

    @Argument(help: "The command.")
    var command: String

    @Argument(help: "Its value, as JSON.")
    var json: String?

    @Flag(help: "Write the bytes of the chunks and nothing else.")
    var raw = false

    @Option(help: ArgumentHelp("Wait so many milliseconds for the first chunk; 0: for ever.", valueName: "ms"))
    var timeout = 0

    @Option(help: ArgumentHelp("Most chunks on their way at once, 1 to 1024.", valueName: "count"))
    var window = 256

    func validate() throws {
        if timeout < 0 { throw ValidationError("--timeout must not be negative.") }
        if !(1...1024).contains(window) { throw ValidationError("--window must be between 1 and 1024.") }
        do { _ = try value } catch { throw ValidationError("The value is not JSON: \(error)") }
    }

    private var value: Value? {
        get throws { try json.map { try Value(json: $0) } }
    }

    func run() async throws {
        let client = try host.connect()
        let options = timeout > 0 ? CallOptions(timeout: .milliseconds(timeout)) : nil
        do {
            for try await chunk in client.stream(command, try value, options: options, window: window) {
                if raw { Stream.writeBytes(chunk) } else { StandardStream.output.write(Stream.text(chunk)) }
            }
        } catch let error as IPCError {
            throw ToolError(.failed, String(showing: ResultOutput.describe(error)))
        }
    }

    private static func writeBytes(_ chunk: StreamChunk) {
        // Valid until the closure returns.
        unsafe chunk.bytes?.withUnsafeBytes { unsafe StandardStream.output.write($0) }
    }

    /// The chunk as an event stream has it. Empty for one that says nothing.
    static func text(_ chunk: StreamChunk) -> String {
        var text = ""
        if let name = chunk.name, !name.isEmpty { text += "event: \(String(showing: name))\n" }
        if let value = chunk.value { text += lines("data: ", value.string ?? value.json()) }
        if let bytes = chunk.bytes, !bytes.isEmpty {
            if let content = bytes.utf8String {
                text += lines("data: ", content)
            } else {
                // A comment in an event stream.
                text += ": \(Units.count(bytes.count)) bytes, not a text; --raw writes them\n"
            }
        }
        return text.isEmpty ? "" : text + "\n"
    }

    /// `prefix` before each line; a line ends with LF, CR or both, as in an event stream.
    private static func lines(_ prefix: String, _ text: String) -> String {
        text.split(omittingEmptySubsequences: false) { ["\n", "\r", "\r\n"].contains($0) }
            .map { "\(prefix)\(StandardStream.output.isTerminal ? String(showing: String($0)) : String($0))\n" }
            .joined()
    }
}
