// SPDX-License-Identifier: Apache-2.0

import CTool
import Glibc
import OroTool

/// The folder of the demo as this process sees it, without any host.
final class DirectFolder: Sendable {
    private let folder: OpenFile

    init(_ path: String) throws(FileFailure) {
        let path = try cString(Array(path.utf8))
        // Ends with zero.
        folder = try OpenFile(checking: unsafe tool_open_plain(AT_FDCWD, path, true))
    }

    /// The names in a directory, in the order of their bytes.
    func list(_ path: [UInt8]) throws(FileFailure) -> [DirectoryEntry] { try open(path, isDirectory: true).list() }

    /// The status of a name; a symbolic link is not followed.
    func status(_ path: [UInt8]) throws(FileFailure) -> tool_status {
        let path = try cString(path)
        var status = tool_status()
        // The path ends with zero; the structure is filled.
        let outcome = unsafe tool_status_at(folder.number, path, &status)
        guard outcome == 0 else { throw FileFailure(-outcome) }
        return status
    }

    /// A regular file, open for reading.
    func openRegular(_ path: [UInt8]) throws(FileFailure) -> OpenFile {
        try RootFolder.requireRegular(try status(path))
        return try open(path, isDirectory: false)
    }

    private func open(_ path: [UInt8], isDirectory: Bool) throws(FileFailure) -> OpenFile {
        let path = try cString(path)
        // Ends with zero.
        return try OpenFile(checking: unsafe tool_open_plain(folder.number, path, isDirectory))
    }
}
