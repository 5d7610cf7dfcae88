import CTool
import Glibc
import OroIPC

/// The routes `fs.stat`, `fs.readdir` and `fs.readFile`, all below one folder.
///
/// `path` is relative to that folder: a string, or bytes where a name is not UTF-8. `fs.stat` and `fs.readdir` take
/// microseconds and answer on the host's thread. `fs.readFile` answers from a task: a large file, or one on a slow disk,
/// must not keep the host from other clients.
struct FileRoutes: Sendable {
    let root: RootFolder

    /// Most bytes one answer carries; larger files are read in pieces.
    static let mostBytes = 64 << 20
    /// Most names one answer carries; larger directories are read in pages.
    static let mostEntries = 1 << 16

    /// Answers the routes.
    func map(on router: Router) {
        router.map("fs.stat") { try stat($0) }
        router.map("fs.readdir") { try readDirectory($0) }
        router.map("fs.readFile", async: { try readFile($0) })
    }

    /// `{path, follow}`: the size, type, … of what `path` stands for, or with `follow: false` of a symbolic link itself.
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
            throw IPCError(name: "EFBIG", message: "\(describe(message, path)): \(advice)", code: "\(EFBIG)")
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
    /// Where there are none, the data says how large the file is: `{size}`.
    private func readFile(_ message: Message) throws(IPCError) -> Result {
        let path = try path(message)
        let offset = UInt64(try number("offset", in: message, through: Int.max) ?? 0)
        let length = try number("length", in: message, through: FileRoutes.mostBytes)
        do throws(FileFailure) {
            let file = try root.openRegular(path)
            let size = try file.status().size
            let bytes = try FileRoutes.read(file, size, offset, atMost: length ?? FileRoutes.mostBytes + 1)
            guard length != nil || bytes.count <= FileRoutes.mostBytes else {
                let advice =
                    "it has \(size) bytes, an answer carries \(FileRoutes.mostBytes): "
                    + "ask for pieces with 'offset' and 'length'"
                return Result(
                    err: IPCError(name: "EFBIG", message: "\(describe(message, path)): \(advice)", code: "\(EFBIG)"))
            }
            if bytes.isEmpty { return Result(data: ["size": .int(Int64(clamping: size))]) }
            return Result(bytes: Bytes(bytes))
        } catch {
            throw IPCError(error, describe(message, path))
        }
    }

    /// Allocates what the file has, not what the caller asks for.
    private static func read(
        _ file: borrowing OpenFile, _ size: UInt64, _ offset: UInt64, atMost most: Int
    ) throws(FileFailure) -> [UInt8] {
        if size > 0 {
            guard offset < size else { return [] }
            return try file.read(Int(min(UInt64(most), size - offset)), at: offset)
        }
        // Files of /proc say 0 and have contents nevertheless.
        var bytes: [UInt8] = []
        while bytes.count < most {
            let piece = try file.read(min(1 << 16, most - bytes.count), at: offset + UInt64(bytes.count))
            if piece.isEmpty { break }
            bytes += piece
        }
        return bytes
    }

    // MARK: Parameters

    private func path(_ message: Message) throws(IPCError) -> [UInt8] {
        let path: [UInt8] =
            switch message["path"] {
            case .string(let text): Array(text.utf8)
            case .bytes(let bytes): bytes
            default: []
            }
        guard !path.isEmpty else { throw IPCError(message: "Expecting 'path' in parameters") }
        return path
    }

    private func number(_ key: String, in message: Message, through most: Int) throws(IPCError) -> Int? {
        guard let value = message[key], !value.isNull else { return nil }
        guard let number = value.int, (0...Int64(most)).contains(number) else {
            throw IPCError(name: "RangeError", message: "'\(key)' must be between 0 and \(most)")
        }
        return Int(number)
    }

    private func describe(_ message: Message, _ path: [UInt8]) -> String {
        "\(message.name) '\(String(showing: path))'"
    }
}
