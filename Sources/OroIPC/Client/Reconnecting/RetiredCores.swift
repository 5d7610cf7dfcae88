// SPDX-License-Identifier: Apache-2.0

import CSupport

/// Cores that were replaced: a call may still use one, or wait there for what a draining host is at work on.
struct RetiredCores {
    private(set) var cores: [ClientCore] = []
    /// Somebody looks at them again soon.
    var hasTimer = false

    func contains(_ core: ClientCore) -> Bool { cores.contains { $0 === core } }

    mutating func add(_ core: ClientCore) { cores.append(core) }

    /// Those whose link is over, and that no call uses.
    mutating func takeUnused() -> [ClientCore] {
        var free: [ClientCore] = []
        cores.removeAll { core in
            guard core.link.isOver, unsafe !oro_pinned(Unmanaged.passUnretained(core).toOpaque()) else { return false }
            free.append(core)
            return true
        }
        return free
    }

    /// True for the one that is to look again: some are left, and nobody does yet.
    mutating func beginsTimer() -> Bool {
        if cores.isEmpty || hasTimer { return false }
        hasTimer = true
        return true
    }
}

extension ClientConnection {
    /// Lets go of replaced cores that nobody uses any more.
    func collect() {
        let (free, looksAgain) = state.withLock { ($0.retired.takeUnused(), $0.retired.beginsTimer()) }
        for core in free { core.detach() }
        guard looksAgain else { return }
        let reactor = try? ClientReactor.shared(options)
        reactor?.run(at: oro_now() + ClientConnection.collectionPause) { [weak self] in
            self?.state.withLock { $0.retired.hasTimer = false }
            self?.collect()
        }
    }

    /// Nanoseconds between two looks at replaced cores that are in use.
    private static let collectionPause: UInt64 = 100_000_000
}
