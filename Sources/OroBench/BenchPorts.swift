// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroIPC
import OroTool

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What the bench of ports needs beside the two processes of every bench: a host, which sleeps, and a client of it in
/// each of the two, with a port between them.
struct BenchPorts {
    let host: Host
    let port: IPCMessagePort
    private let client: Client
    private let folder: String

    private static let name = "bench"

    /// Where the host of a driver with this process id is found.
    private static func folder(of process: Int32) -> String { "/tmp/oro-ipc-bench-\(process)" }

    private static func options(_ folder: String) -> ClientOptions {
        var options = ClientOptions()
        options.folder = folder
        options.idle = .spin
        return options
    }

    /// In the driver.
    init() throws {
        folder = BenchPorts.folder(of: getpid())
        // As in `end`.
        guard unsafe mkdir(folder, 0o700) == 0 || errno == EEXIST else {
            throw LinkError.system(call: "mkdir", errno: errno)
        }
        var options = HostOptions()
        options.folder = folder
        options.idle = .park
        options.ports.allowsMeetings = true
        host = try Host(name: BenchPorts.name, options: options)
        try host.start()
        client = try Client.connect(BenchPorts.name, options: BenchPorts.options(folder))
        port = try client.meet(BenchPorts.name)
    }

    /// The other end, in the peer.
    static func peer() throws -> IPCMessagePort {
        try Client.connect(name, options: options(folder(of: getppid()))).meet(name)
    }

    /// Messages went from client to client without the host.
    var isDirect: Bool { client.statistics.directMessages > 0 }

    func end() {
        port.close()
        client.close()
        host.stop()
        // A path, ended by zero, as long as the call takes.
        _ = unsafe rmdir(folder)
    }

    /// Says it all again, `count` times.
    static func echo(_ port: IPCMessagePort, _ count: UInt64) throws {
        for _ in 0..<count {
            guard let event = port.receive(), event.type == "message" else {
                throw ToolError(.failed, "the port is closed")
            }
            try port.postMessage(event.data)
        }
    }
}
