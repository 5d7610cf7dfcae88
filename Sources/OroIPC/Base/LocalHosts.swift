// SPDX-License-Identifier: Apache-2.0

import OroLink

/// The hosts of this process that have a name: who connects to one of them on the thread that serves it would wait for
/// itself.
enum LocalHosts {
    private struct Known {
        weak var reactor: Reactor?
        let file: SocketFile
    }

    private static let all = Locked<[Known]>([])

    static let advice =
        "this thread serves the host, so it cannot wait for it: connect from a task (await Client.connect, "
        + "oroipc_client_connect_async), or on another thread"

    /// `reactor` serves the host that listens at `file`.
    static func add(_ reactor: Reactor, _ file: SocketFile) {
        all.withLock { all in
            all.removeAll { $0.reactor == nil }
            all.append(Known(reactor: reactor, file: file))
        }
    }

    /// Throws `wouldBlock` where the calling thread serves the host of this name.
    static func checkThread(_ name: String, _ folder: SocketFolder) throws(LinkError) {
        let hosts = all.withLock { all in all.compactMap { known in known.reactor.map { ($0, known.file) } } }
        if hosts.isEmpty { return }
        let file = SocketFile(try folder.socketPath(name))
        for (reactor, known) in hosts where known == file && reactor.isReactorThread && !reactor.isForeign {
            throw .wouldBlock(advice)
        }
    }
}
