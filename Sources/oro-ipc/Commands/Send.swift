// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import OroIPC
import OroTool

/// `oro-ipc send`: a command with or without bytes.
struct Send: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send a command, with bytes if wanted, and print its result.",
        discussion: """
            Waits for the result as long as it takes, unless --timeout says otherwise.

              oro-ipc send demo ping
              oro-ipc send demo fs.readFile '{"path": "stdio.h"}' --out stdio.h
              tar c . | oro-ipc send demo backup.store '{"name": "today"}' --bytes -
            """)

    @OptionGroup var call: CallArguments

    @Option(help: ArgumentHelp("Send the bytes of this file; - is standard input.", valueName: "file"))
    var bytes: String?

    func validate() throws { try call.check() }

    func run() throws {
        let payload = try bytes.map { Bytes(try WholeFile.read($0)) }
        try call.perform(payload, timeoutMilliseconds: call.timeout ?? 0)
    }
}

/// `oro-ipc request`: a command whose result is wanted within a time.
struct Request: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask for a result, and print it.",
        discussion: """
            Gives up after \(TIMEOUT) ms, or what --timeout says; 0 waits as long as it takes.

              oro-ipc request demo platform.primordials
              oro-ipc request demo fs.readdir '{"path": "linux"}' --json
              oro-ipc request demo fs.readFile '{"path": "stdio.h", "length": 100}'
            """)

    @OptionGroup var call: CallArguments

    func validate() throws { try call.check() }

    func run() throws { try call.perform(nil, timeoutMilliseconds: call.timeout ?? TIMEOUT) }
}

/// What `send` and `request` have in common.
struct CallArguments: ParsableArguments {
    @OptionGroup var host: ConnectOptions

    @Argument(help: "The command.")
    var command: String

    @Argument(help: "Its value, as JSON.")
    var json: String?

    @Option(help: ArgumentHelp("Give up after so many milliseconds; 0: never.", valueName: "ms"))
    var timeout: Int?

    @Flag(name: .customLong("json"), help: "Print the result as JSON, bytes in base64.")
    var printsJSON = false

    @Option(help: ArgumentHelp("Write the bytes of the result to this file.", valueName: "file"))
    var out: String?

    /// What the command line cannot mean.
    func check() throws {
        if let timeout, timeout < 0 { throw ValidationError("--timeout must not be negative.") }
        do { _ = try value } catch { throw ValidationError("The value is not JSON: \(error)") }
    }

    private var value: Value? {
        get throws { try json.map { try Value(json: $0) } }
    }

    /// Connects, calls, prints; ends with exit code 1 when the result is an error.
    func perform(_ bytes: Bytes?, timeoutMilliseconds: Int) throws {
        let value = try value
        let client = try host.connect()
        let options = timeoutMilliseconds > 0 ? CallOptions(timeout: .milliseconds(timeoutMilliseconds)) : nil
        let result = client.sendSync(command, value, bytes: bytes, options: options)
        client.close()
        try ResultOutput(json: printsJSON, file: out).print(result)
    }
}
