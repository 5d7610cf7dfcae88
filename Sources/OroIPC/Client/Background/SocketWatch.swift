// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroLink
import Synchronization

/// Tells a client that the socket of its host has come to be, as long as somebody has this.
final class SocketWait: Sendable {
    private let reactor: ClientReactor
    let folder: String
    let file: String
    private let action: @Sendable (ConnectionAttempts.Cause) -> Void
    private let over = Atomic(false)

    /// `action` is called on the reactor's thread: once when the folder is being watched (what came to be before that
    /// is there now), and each time the file comes to be.
    init(
        _ reactor: ClientReactor, folder: String, file: String,
        _ action: @escaping @Sendable (ConnectionAttempts.Cause) -> Void
    ) {
        self.reactor = reactor
        self.folder = folder
        self.file = file
        self.action = action
    }

    func begin() { reactor.await(self) }

    /// Nothing more is told: the folder is not there any more, or the system cannot watch it.
    var isOver: Bool { over.load(ordering: .relaxed) }

    fileprivate func end() { over.store(true, ordering: .relaxed) }

    fileprivate func tell(_ cause: ConnectionAttempts.Cause) { action(cause) }

    deinit { reactor.stopAwaiting(ObjectIdentifier(self)) }
}

/// The folders in which clients wait for sockets: one descriptor for all of them, open while somebody waits. Belongs to
/// the reactor's thread.
struct SocketWatch: ~Copyable {
    private struct Waiter {
        weak var wait: SocketWait?
        let folder: Int32
        let file: String
    }

    private var folders: FolderWatch?
    private var waiters: [ObjectIdentifier: Waiter] = [:]
    /// Under which the descriptor is watched.
    private(set) var key: UInt64 = 0

    /// `key` where a descriptor is opened now: whoever calls watches it under that.
    mutating func add(_ wait: SocketWait, key: UInt64, _ watch: (Int32) throws(LinkError) -> Void) {
        do throws(LinkError) {
            if folders == nil {
                let opened = try FolderWatch()
                try watch(opened.number)
                self.key = key
                folders = consume opened
            }
        } catch {
            return wait.end()
        }
        guard let folder = folders?.add(wait.folder) else { return wait.end() }
        waiters[ObjectIdentifier(wait)] = Waiter(wait: wait, folder: folder, file: wait.file)
        wait.tell(.wanted)
    }

    mutating func remove(_ id: ObjectIdentifier) {
        guard let waiter = waiters.removeValue(forKey: id) else { return }
        if !waiters.values.contains(where: { $0.folder == waiter.folder }) { folders?.remove(waiter.folder) }
    }

    /// Nobody waits: the descriptor is closed, behind `forget`.
    mutating func closeIfUnused(_ forget: (UInt64) -> Void) {
        guard folders != nil, waiters.isEmpty else { return }
        forget(key)
        key = 0
        folders = nil
    }

    /// Reads what has happened. True: there is more.
    mutating func readFolders() -> Bool {
        var news: [FolderWatch.News] = []
        let mayBeMore = folders?.read { news.append($0) } ?? false
        for one in news {
            switch one {
            case .file(let folder, let name):
                tell(.appeared) { $0.folder == folder && $0.file == name }
            case .gone(let folder):
                for (id, waiter) in waiters where waiter.folder == folder {
                    waiters[id] = nil
                    waiter.wait?.end()
                }
            case .lost: tell(.appeared) { _ in true }
            }
        }
        return mayBeMore
    }

    private func tell(_ cause: ConnectionAttempts.Cause, _ isMeant: (Waiter) -> Bool) {
        for waiter in waiters.values where isMeant(waiter) { waiter.wait?.tell(cause) }
    }
}
