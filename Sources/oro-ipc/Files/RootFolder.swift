// SPDX-License-Identifier: Apache-2.0

import CTool
import Glibc
import OroIPC
import OroTool

/// An open descriptor, closed exactly once.
struct OpenFile: ~Copyable {
    let number: Int32

    /// Takes over the answer of a call that gives a descriptor or minus an errno.
    init(checking number: Int32) throws(FileFailure) {
        guard number >= 0 else { throw FileFailure(-number) }
        self.number = number
    }

    deinit { tool_close(number) }

    /// What it is.
    func status() throws(FileFailure) -> tool_status {
        var status = tool_status()
        // Fills the structure it is given.
        let outcome = unsafe tool_status_of(number, &status)
        guard outcome == 0 else { throw FileFailure(-outcome) }
        return status
    }

    /// At most `count` bytes from `offset` on: fewer only at the end.
    func read(_ count: Int, at offset: UInt64) throws(FileFailure) -> [UInt8] {
        var failure: FileFailure?
        // Whatever is counted as initialized has been written by the system call.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let got = unsafe tool_read_at(
                    number, buffer.baseAddress! + filled, count - filled, offset + UInt64(filled))
                if got < 0 { failure = FileFailure(Int32(-got)) }
                if got <= 0 { return }
                filled += got
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// The names in this directory, in the order of their bytes.
    func list() throws(FileFailure) -> [DirectoryEntry] {
        var records: UnsafeMutablePointer<UInt8>?
        let count = unsafe tool_list(number, &records)
        guard count >= 0 else { throw FileFailure(Int32(-count)) }
        defer { unsafe free(records) }
        // `count` bytes of whole records, as the header says.
        let bytes = unsafe UnsafeBufferPointer(start: records, count: count)
        var entries: [DirectoryEntry] = []
        var position = 0
        while position < count {
            let type = unsafe FileType(rawValue: UInt32(bytes[position])) ?? .unknown
            let length = unsafe Int(bytes[position + 1]) | Int(bytes[position + 2]) << 8
            let name = unsafe Array(bytes[position + 3..<position + 3 + length])
            entries.append(DirectoryEntry(name: name, type: type))
            position += 3 + length
        }
        return entries.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    }
}

/// One name of a directory.
struct DirectoryEntry: Hashable {
    /// Any bytes but `/` and zero.
    var name: [UInt8]
    var type: FileType
}

/// What a name stands for.
enum FileType: UInt32, CaseIterable {
    case unknown = 0
    case file, directory, symlink, fifo, socket, character, block

    /// As the routes say it.
    var text: String { "\(self)" }
}

extension IPCError {
    /// An error of the operating system: its name, and its number as the code.
    init(_ failure: FileFailure, _ what: String) {
        self = .errno(Int(failure.number), "\(what): \(failure.text)")
    }
}

/// A folder that files are opened below, and never outside of it: see `tool_open_below`.
final class RootFolder: Sendable {
    private let folder: OpenFile

    init(_ path: String) throws(FileFailure) {
        let path = try cString(Array(path.utf8))
        // Ends with zero.
        folder = try OpenFile(checking: unsafe tool_open_root(path))
    }

    /// Opens `path`, which consists of any bytes but zero, relative to the folder.
    func open(_ path: [UInt8], _ how: tool_open, follow: Bool = true) throws(FileFailure) -> OpenFile {
        let path = try cString(path)
        // Ends with zero.
        let number = unsafe tool_open_below(folder.number, path, how, follow)
        if number == -EXDEV { throw FileFailure(EXDEV, "It leads out of the root") }
        return try OpenFile(checking: number)
    }

    /// Opens a regular file for reading. Anything else is refused before it is opened, because opening alone does
    /// something to a FIFO or a device.
    func openRegular(_ path: [UInt8]) throws(FileFailure) -> OpenFile {
        try RootFolder.requireRegular(try open(path, TOOL_OPEN_NAME).status())
        let file = try open(path, TOOL_OPEN_FILE)
        // Once more: the name may stand for something else by now.
        try RootFolder.requireRegular(try file.status())
        return file
    }

    static func requireRegular(_ status: tool_status) throws(FileFailure) {
        switch FileType(rawValue: status.type) {
        case .file: return
        case .directory: throw FileFailure(EISDIR)
        default: throw FileFailure(EINVAL, "Not a regular file")
        }
    }
}

/// A path as a C string. A zero inside would cut it: EINVAL.
func cString(_ path: [UInt8]) throws(FileFailure) -> [CChar] {
    guard !path.contains(0) else { throw FileFailure(EINVAL, "A path has no zero byte") }
    return path.map { CChar(bitPattern: $0) } + [0]
}
