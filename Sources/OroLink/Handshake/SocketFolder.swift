// SPDX-License-Identifier: Apache-2.0

import CSupport

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Where named hosts have their sockets: `$XDG_RUNTIME_DIR/oro-ipc`, or `/tmp/oro-ipc-UID` without that variable.
package struct SocketFolder: Sendable {
    package let path: String

    package init(_ path: String? = nil) {
        if let path {
            self.path = path
        } else if let runtime = unsafe getenv("XDG_RUNTIME_DIR"), unsafe runtime.pointee != 0 {
            self.path = unsafe String(cString: runtime) + "/oro-ipc"
        } else {
            self.path = "/tmp/oro-ipc-\(oro_user_id())"
        }
    }

    /// The socket of this name, checked to fit a socket address.
    package func socketPath(_ name: String) throws(LinkError) -> String {
        let allowed = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard allowed, (1...64).contains(name.utf8.count), name.utf8.first != UInt8(ascii: ".") else {
            throw .badName(name)
        }
        // As the system would read it, another folder.
        guard !self.path.utf8.contains(0) else {
            throw .folder(path: self.path, reason: "its path has a zero character in it")
        }
        let path = "\(self.path)/\(name).sock"
        guard path.utf8.count < 108 else {
            throw .folder(path: self.path, reason: "its path is too long for a socket (107 bytes with the name)")
        }
        return path
    }

    /// The file of that socket in the folder. Throws as ``socketPath(_:)``.
    package func socketFile(_ name: String) throws(LinkError) -> String {
        String(try socketPath(name).dropFirst(path.count + 1))
    }

    /// Opens the folder, after making it when `create`, and checks that it is ours alone.
    package func open(create: Bool) throws(LinkError) -> Descriptor {
        if create {
            let made = unsafe oro_make_directory(path)
            guard made == 0 else { throw .folder(path: path, reason: SocketFolder.text(-made)) }
        }
        let opened = unsafe oro_open_directory(path)
        switch opened {
        case -EPERM: throw .folder(path: path, reason: "it belongs to another user")
        case Int32(ORO_DIRECTORY_OPEN_TO_OTHERS):
            throw .folder(path: path, reason: "others have access to it; make it private: chmod 700 \(path)")
        case ..<0: throw .folder(path: path, reason: SocketFolder.text(-opened))
        default: return Descriptor(opened)
        }
    }

    static func text(_ errno: Int32) -> String { unsafe String(cString: strerror(errno)) }

    /// Listens under `name`. The leftover socket of a dead host is replaced, that of a living one is respected.
    ///
    /// Who starts or stops holds the lock of the folder meanwhile (`flock`, given back by the kernel at death), so that
    /// looking whether the old host lives and taking its place are one step. Nothing but the socket is left on disk.
    package func listen(_ name: String, backlog: Int32) throws(LinkError) -> ListeningSocket {
        let path = try socketPath(name)
        let folder = try open(create: true)
        let locked = oro_lock_directory(folder.number)
        guard locked == 0 else { throw .system(call: "flock", errno: -locked) }
        // The lock lasts as long as the descriptor: until the socket listens.
        defer { oro_unlock_directory(folder.number) }
        let probe = unsafe oro_socket_connect(path, 0)
        switch probe {
        case -ENOENT: break
        case -ECONNREFUSED: _ = unsafe oro_unlink(path)
        case 0...:
            let isDead = SocketFolder.listenerIsDead(probe)
            oro_close(probe)
            guard isDead else { throw .nameTaken(name: name) }
            _ = unsafe oro_unlink(path)
        // A full backlog: somebody lives there.
        case -EAGAIN: throw .nameTaken(name: name)
        default: throw .system(call: "connect", errno: -probe)
        }
        // Its queue holds whoever was not accepted, and what they sent.
        let socket = unsafe try Descriptor(checking: oro_socket_listen(path, backlog), "listen", .received)
        let file = SocketFile(path)
        guard let file else { throw .system(call: "lstat", errno: ENOENT) }
        return ListeningSocket(socket: socket, file: file, name: name, process: oro_process_id())
    }

    /// Whoever listens at the other end of `probe` has died. The kernel takes a process's io_uring down after the
    /// process, and until then the ring's poll keeps the listening socket open.
    private static func listenerIsDead(_ probe: Int32) -> Bool {
        var (pid, uid, gid): (Int32, UInt32, UInt32) = (0, 0, 0)
        guard unsafe oro_peer_credentials(probe, &pid, &uid, &gid) == 0 else { return false }
        let process = oro_peer_pidfd(probe, pid)
        if process == -ESRCH { return pid > 0 }
        guard process >= 0 else { return false }
        defer { oro_close(process) }
        return oro_poll_one(process, Int16(POLLIN), 0) == 1
    }

    /// Removes the socket file of a host that stops, where it is still that host's: somebody may have removed it, and
    /// another host have taken the name. The listening socket must still be open, so that its file's number is no
    /// other's.
    package func remove(_ socket: borrowing ListeningSocket) {
        guard let path = try? socketPath(socket.name), let folder = try? open(create: false) else { return }
        _ = oro_lock_directory(folder.number)
        if SocketFile(path) == socket.file { _ = unsafe oro_unlink(path) }
        oro_unlock_directory(folder.number)
    }

    /// Removes the socket file of a host that has died, where a child of it keeps the socket open: else all who connect
    /// would wait there, and fill its queue.
    private func removeLeftover(_ path: String) {
        guard let folder = try? open(create: false), oro_lock_directory(folder.number) == 0 else { return }
        defer { oro_unlock_directory(folder.number) }
        // Under the lock nobody takes the name meanwhile; somebody may have before.
        let probe = unsafe oro_socket_connect(path, 0)
        guard probe >= 0 else { return }
        let isDead = SocketFolder.listenerIsDead(probe)
        oro_close(probe)
        if isDead { _ = unsafe oro_unlink(path) }
    }

    /// A socket connected to the host of this name. Where many wait to be accepted, waits for a place among them.
    func connect(_ name: String, timeoutMilliseconds: Int32) throws(LinkError) -> Descriptor {
        let path = try socketPath(name)
        // In a folder that others can write to, anybody could be the host of this name.
        let opened = unsafe oro_open_directory(self.path)
        if opened == -ENOENT { throw .notListening(name: name, path: path) }
        if opened >= 0 { oro_close(opened) } else { _ = try open(create: false) }
        let number = unsafe oro_socket_connect(path, timeoutMilliseconds)
        switch number {
        case -ENOENT, -ECONNREFUSED: throw .notListening(name: name, path: path)
        case -EAGAIN: throw .refused(.busy)
        default: break
        }
        let socket = try Descriptor(checking: number, "connect", .socket)
        // A child that a host has forked keeps its listening socket, and connecting to it still works.
        if SocketFolder.listenerIsDead(socket.number) {
            removeLeftover(path)
            throw .notListening(name: name, path: path)
        }
        return socket
    }
}

/// Which file a socket has in its folder.
package struct SocketFile: Equatable, Sendable {
    private var device: UInt64 = 0
    private var inode: UInt64 = 0

    /// `nil`: there is none.
    package init?(_ path: String) {
        guard unsafe oro_file_identity(path, &device, &inode) == 0 else { return nil }
    }
}

/// The socket that a host listens on under its name.
package struct ListeningSocket: ~Copyable {
    let socket: Descriptor
    package let file: SocketFile
    let name: String
    let process: Int32

    package var number: Int32 { socket.number }

    /// Nobody is accepted any more, in no process that has this socket: children that the host has forked have it too.
    /// In such a child nothing.
    package func shutDown() { if process == oro_process_id() { oro_socket_shutdown(socket.number) } }

    /// This process is the one that listens, and no child of it.
    package var isOwn: Bool { process == oro_process_id() }
}
