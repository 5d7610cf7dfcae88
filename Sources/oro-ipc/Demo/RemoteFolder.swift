// SPDX-License-Identifier: Apache-2.0

import CTool
import OroIPC
import OroTool

/// The folder of the demo as the host tells it. One for each thing that is looked at; it counts its requests.
struct RemoteFolder {
    let client: Client
    /// How long each request took, in nanoseconds.
    private(set) var latencies: [UInt64] = []

    init(_ client: Client) { self.client = client }

    /// What the host said instead of an answer.
    struct Refusal: Error {
        let error: IPCError
        /// The errno, when the host's file system refused.
        var errno: Int32? { error.errno.map { Int32($0) } }
    }

    /// Names asked for at once.
    private static let page = 4096

    mutating func list(_ path: [UInt8]) async throws(Refusal) -> [DirectoryEntry] {
        var entries: [DirectoryEntry] = []
        while true {
            let answer = try await ask(
                "fs.readdir", path, ["offset": .int(Int64(entries.count)), "limit": .int(Int64(RemoteFolder.page))])
            guard let page = answer.data?.array else { throw RemoteFolder.strange(answer) }
            for value in page {
                guard let name = value["bytes"]?.bytes ?? value["name"]?.string.map({ Array($0.utf8) }),
                    let type = FileType.allCases.first(where: { $0.text == value["type"]?.string })
                else { throw RemoteFolder.strange(answer) }
                entries.append(DirectoryEntry(name: name, type: type))
            }
            if page.count < RemoteFolder.page { return entries }
        }
    }

    mutating func status(_ path: [UInt8]) async throws(Refusal) -> tool_status {
        let answer = try await ask("fs.stat", path, ["follow": false])
        guard let data = answer.data, let size = data["size"]?.int, let mode = data["mode"]?.int,
            let mtime = data["mtime"]?.int, let ino = data["ino"]?.int, let nlink = data["nlink"]?.int,
            let type = FileType.allCases.first(where: { $0.text == data["type"]?.string })
        else { throw RemoteFolder.strange(answer) }
        return tool_status(
            size: UInt64(clamping: size), inode: UInt64(clamping: ino), links: UInt64(clamping: nlink),
            modified_ns: mtime, mode: UInt32(clamping: mode), type: type.rawValue)
    }

    /// At most `count` bytes; `nil` at the end of the file.
    mutating func read(_ path: [UInt8], at offset: UInt64, _ count: Int) async throws(Refusal) -> Bytes? {
        let answer = try await ask(
            "fs.readFile", path, ["offset": .int(Int64(clamping: offset)), "length": .int(Int64(count))])
        if answer.bytes == nil, answer.data?["size"] == nil { throw RemoteFolder.strange(answer) }
        return answer.bytes.flatMap { $0.isEmpty ? nil : $0 }
    }

    private mutating func ask(_ command: String, _ path: [UInt8], _ more: Value) async throws(Refusal) -> Result {
        let name = String(validating: path, as: UTF8.self).map { Value.string($0) } ?? .bytes(path)
        var parameters: Value = ["path": name]
        for (key, value) in more.object ?? [:] { parameters.set(key, value) }
        let start = monotonicNanoseconds()
        let answer = await client.request(command, parameters, options: .deadline)
        latencies.append(monotonicNanoseconds() - start)
        if let error = answer.err { throw Refusal(error: error) }
        return answer
    }

    private static func strange(_ answer: Result) -> Refusal {
        Refusal(error: IPCError(.encoding, "not an answer to \(answer.source ?? "the command")"))
    }
}
