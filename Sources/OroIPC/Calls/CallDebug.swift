// SPDX-License-Identifier: Apache-2.0

import Logging
import OroLink
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Whether calls log what they do, and where: what is behind ``IPC/debug``. One for the whole process.
enum CallDebug {
    /// What the calls look at.
    static let isOn = Atomic<Bool>(false)

    struct State {
        /// What somebody chose; `nil`: nobody, and the environment decides.
        var chosen: Bool?
        var environment = false
        var logger = Logger(label: "oro-ipc.debug")

        var isOn: Bool { chosen ?? environment }
    }

    static let state: Locked<State> = {
        var state = State()
        // A C string, or NULL.
        if let text = unsafe getenv("ORO_DEBUG_IPC").map({ unsafe String(cString: $0) }) {
            state.environment = !text.isEmpty && text != "0"
        }
        isOn.store(state.isOn, ordering: .relaxed)
        return Locked(state)
    }()

    /// Once, before the first call of a client.
    static func readEnvironment() { state.withLock { _ in } }

    static func choose(_ isWanted: Bool?) {
        state.withLock { state in
            state.chosen = isWanted
            isOn.store(state.isOn, ordering: .relaxed)
        }
    }

    static func log(_ message: @autoclosure () -> String, _ details: @autoclosure () -> [String: String?]) {
        guard isOn.load(ordering: .relaxed) else { return }
        let metadata = details().compactMapValues { $0.map { Logger.MetadataValue.string($0) } }
        state.withLock { $0.logger }.debug("\(message())", metadata: metadata)
    }
}
