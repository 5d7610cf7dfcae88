// SPDX-License-Identifier: Apache-2.0

import CTool
import Glibc
import OroIPC
import OroTool

/// The routes `fs.stat`, `fs.readdir` and `fs.readFile`, all below one folder.
///
/// `path` is relative to that folder: a string, or bytes where a name is not UTF-8. `fs.stat` takes
/// microseconds and answers on the host's thread. The others answer from tasks: a large directory or file, or one on a
/// slow disk, must not keep the host from other clients.
struct FileRoutes: Sendable {
    let root: RootFolder

    /// Most bytes one answer carries; larger files are read in pieces.
    static let mostBytes = 1 << 30
    /// Most names one answer carries; larger directories are read in pages.
    static let mostEntries = 1 << 16

    /// Answers the routes.
    func map(on router: Router) {
        router.map("fs.stat") { try stat($0) }
        router.map("fs.readdir", async: { try readDirectory($0) })
        router.map("fs.readFile", async: { try await readFile($0) })
    }

    /// `{path, follow}`: the size, type, … of what `path` stands for, or with `follow: false` of a symbolic link
    /// itself.
    private func stat(_ message: Message) throws(IPCError) -> Result {
        let path = try path(message)
        let follow = message["follow"]?.bool ?? true
        do throws(FileFailure) {
            let status = try root.open(path, TOOL_OPEN_NAME, follow: follow).status()
            return Result(data: [
                "type": .string((FileType(rawValue: status.type) ?? .unknown).text),
                "size": .int(Int64(clamping: status.size)),
                "mode": .int(Int64(status.mode)),
                "mtime": .int(status.modified_ns),
                "ino": .int(Int64(clamping: status.inode)),
                "nlink": .int(Int64(clamping: status.links)),
            ])
        } catch {
            throw IPCError(error, describe(message, path))
        }
    }

    /// `{path, offset, limit}`: the names in a directory, in the order of their bytes, from number `offset` on, at most
    /// `limit`: fewer only at the end. Each is `{name, type}`. A name that is not UTF-8 shows its bad bytes as U+FFFD,
    /// and is there exactly as `bytes`.
    private func readDirectory(_ message: Message) throws(IPCError) -> Result {
        let path = try path(message)
        let offset = try number("offset", in: message, through: Int.max) ?? 0
        let limit = try number("limit", in: message, through: FileRoutes.mostEntries)
        let entries: [DirectoryEntry]
        do throws(FileFailure) {
            entries = try root.open(path, TOOL_OPEN_DIRECTORY).list()
        } catch {
            throw IPCError(error, describe(message, path))
        }
        let rest = entries.dropFirst(offset)
        guard limit != nil || rest.count <= FileRoutes.mostEntries else {
            let advice =
                "it has \(entries.count) entries, an answer carries \(FileRoutes.mostEntries): "
                + "ask for pages with 'offset' and 'limit'"
            throw IPCError.errno(Int(EFBIG), "\(describe(message, path)): \(advice)")
        }
        return Result(data: .array(rest.prefix(limit ?? rest.count).map(FileRoutes.value)))
    }

    private static func value(_ entry: DirectoryEntry) -> Value {
        let type = Value.string(entry.type.text)
        if let name = String(validating: entry.name, as: UTF8.self) { return ["name": .string(name), "type": type] }
        return [
            "name": .string(String(decoding: entry.name, as: UTF8.self)), "type": type, "bytes": .bytes(entry.name),
        ]
    }

    /// `{path, offset, length}`: the bytes of a regular file from `offset` on, at most `length`: fewer only at the end.
    /// Where there are none, the data says how large the file is, `{size}`; an empty file is an empty payload.
    ///
    /// The file is read straight into a block that the client then reads: no byte of it is copied in user space. A file
    /// larger than blocks usually are has a memfd of its own.
    private func readFile(_ message: Message) async throws -> Result {
        let path = try path(message)
        let offset = UInt64(try number("offset", in: message, through: Int.max) ?? 0)
        let length = try number("length", in: message, through: FileRoutes.mostBytes)
        do {
            let file = try root.openRegular(path)
            let size = try file.status().size
            let rest = size > offset ? size - offset : 0
            guard length != nil || rest <= UInt64(FileRoutes.mostBytes) else {
                let advice =
                    "it has \(size) bytes, an answer carries \(FileRoutes.mostBytes): "
                    + "ask for pieces with 'offset' and 'length'"
                return Result(
                    err: IPCError.errno(Int(EFBIG), "\(describe(message, path)): \(advice)"))
            }
            // What the file has, not what the caller asks for. Files of /proc say 0 and have contents nevertheless.
            let count =
                size > 0 ? Int(min(UInt64(length ?? Int.max), rest)) : min(length ?? Int.max, FileRoutes.unsized)
            let nothing =
                size == 0 && offset == 0
                ? Result(bytes: Bytes.empty) : Result(data: ["size": .int(Int64(clamping: size))])
            if count == 0 { return nothing }
            guard let bytes = try await load(count, of: file, at: offset, for: message) else { return nothing }
            return Result(bytes: bytes)
        } catch let error as FileFailure {
            throw IPCError(error, describe(message, path))
        } catch LinkError.system(_, let errno) {
            throw IPCError(FileFailure(errno), describe(message, path))
        }
    }

    /// At most `count` bytes of a file, in a block; `nil` when there are none.
    private func load(
        _ count: Int, of file: borrowing OpenFile, at offset: UInt64, for message: Message
    ) async throws(LinkError) -> Bytes? {
        var loan = try await message.loan(count)
        let got = try loan.fill(from: file.number, at: offset)
        if got == 0 { return nil }
        return loan.bytes(got)
    }

    /// Most bytes read at once of a file that does not say how many it has.
    private static let unsized = 1 << 20

    // MARK: Parameters

    /// The longest path that Linux takes, in bytes.
    private static let longestPath = 4095

    private func path(_ message: Message) throws(IPCError) -> [UInt8] {
        let path: [UInt8] =
            switch message["path"] {
            case .string(let text): Array(text.utf8)
            case .bytes(let bytes): bytes
            default: []
            }
        guard !path.isEmpty else { throw IPCError(message: "Expecting 'path' in parameters") }
        guard path.count <= FileRoutes.longestPath else {
            throw IPCError.errno(
                Int(ENAMETOOLONG), "\(message.name): 'path' has \(path.count) bytes; at most \(FileRoutes.longestPath)")
        }
        return path
    }

    private func number(_ key: String, in message: Message, through most: Int) throws(IPCError) -> Int? {
        guard let value = message[key], !value.isNull else { return nil }
        guard let number = value.int, (0...Int64(most)).contains(number) else {
            throw IPCError(.range, "'\(key)' must be between 0 and \(most)")
        }
        return Int(number)
    }

    private func describe(_ message: Message, _ path: [UInt8]) -> String {
        "\(message.name) '\(String(showing: path))'"
    }
}
