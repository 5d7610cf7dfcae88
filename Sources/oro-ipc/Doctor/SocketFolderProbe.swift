// SPDX-License-Identifier: Apache-2.0

import CTool
import Glibc
import OroIPC
import OroTool

/// Looks at the folder of the sockets, without making it.
enum SocketFolderProbe {
    /// The rule of the engine: `$XDG_RUNTIME_DIR/oro-ipc`, else `/tmp/oro-ipc-UID`.
    private static var usual: String {
        // A string of the environment, which nobody changes here.
        if let runtime = unsafe getenv("XDG_RUNTIME_DIR"), unsafe runtime.pointee != 0 {
            return unsafe String(cString: runtime) + "/oro-ipc"
        }
        return "/tmp/oro-ipc-\(geteuid())"
    }

    static func finding(_ wanted: String?) -> Finding {
        let path = wanted ?? usual
        var status = stat()
        func finding(_ state: Finding.State, _ what: String, _ advice: String? = nil) -> Finding {
            Finding(name: "socket folder", state: state, detail: "\(path) \(what)", advice: advice, isNeeded: true)
        }
        // Fills the structure.
        guard unsafe lstat(path, &status) == 0 else {
            guard errno == ENOENT else { return finding(.missing, "cannot be looked at: \(FileFailure(errno).text)") }
            let parent = parent(of: path)
            // A C string for the call.
            guard unsafe access(parent, W_OK | X_OK) == 0 else {
                return finding(
                    .missing, "does not exist, and \(parent) does not let us make it (\(FileFailure(errno).name))",
                    "set XDG_RUNTIME_DIR to a folder of yours, or name one with --folder")
            }
            return finding(.works, "does not exist yet: the first host makes it")
        }
        let mode = "0" + String(status.st_mode & 0o7777, radix: 8)
        let seen = "exists, owner \(status.st_uid), mode \(mode)"
        if status.st_mode & S_IFMT != S_IFDIR { return finding(.missing, "is not a folder", "remove it") }
        if status.st_uid != geteuid() {
            return finding(
                .missing, "\(seen): it belongs to another user", "have it removed, or name another with --folder")
        }
        if status.st_mode & 0o077 != 0 {
            return finding(.missing, "\(seen): others have access", "chmod 700 \(path)")
        }
        // A name of 64 characters and `.sock`, in a socket address of 108 bytes with its end.
        let longest = 107 - path.utf8.count - "/.sock".utf8.count
        let advice = longest < 64 ? "its path is long: names of hosts may have \(max(0, longest)) characters" : nil
        return finding(longest < 1 ? .missing : .works, seen, advice)
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
