// SPDX-License-Identifier: Apache-2.0

import CSupport

/// Who a peer is, as the kernel reports it for the socket (`SO_PEERCRED`), and as its host calls it.
public struct PeerIdentity: Sendable, Hashable {
    /// Process id as seen from here; 0 when the peer lives in a PID namespace that cannot be seen from here.
    public let processID: Int32
    public let userID: UInt32
    public let groupID: UInt32
    /// What the host has called the connection when it made it for a child process or took it over; no peer can choose
    /// its own. `nil` for a client that came by the host's name, and in a client.
    public package(set) var label: String?

    /// This process.
    public static var current: PeerIdentity {
        PeerIdentity(processID: oro_process_id(), userID: oro_user_id(), groupID: oro_group_id())
    }

    init(processID: Int32, userID: UInt32, groupID: UInt32) {
        self.processID = processID
        self.userID = userID
        self.groupID = groupID
    }

    package init(of socket: borrowing Descriptor) throws(LinkError) {
        var (pid, uid, gid): (Int32, UInt32, UInt32) = (0, 0, 0)
        let status = unsafe oro_peer_credentials(socket.number, &pid, &uid, &gid)
        guard status == 0 else { throw .system(call: "SO_PEERCRED", errno: -status) }
        processID = pid
        userID = uid
        groupID = gid
    }
}

extension PeerIdentity: CustomStringConvertible {
    /// As errors and logs name it: `process 4711 of user 1000`, with its label behind where it has one.
    public var description: String {
        "process \(processID) of user \(userID)" + (label.map { " ('\($0)')" } ?? "")
    }
}
