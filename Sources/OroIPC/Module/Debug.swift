import Logging
import OroLink
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The key of the switch in ``IPC/debug``.
public let kDebugEnabled = "oro.runtime.ipc.debug.enabled"

extension IPC {
    /// Says what calls do, through swift-log, while it is switched on. For the whole process.
    ///
    /// ```swift
    /// IPC.debug(true)          // on; answers what it is now
    /// IPC.debug()              // true
    /// IPC.debug.log("mine")
    /// ```
    ///
    /// Until somebody switches it, the environment variable `ORO_DEBUG_IPC` says what it is: on, when it is neither empty
    /// nor `0`.
    public static let debug = Debug()

    /// The type of ``IPC/debug``.
    public struct Debug: Sendable {
        /// What the calls look at.
        static let isOn = Atomic<Bool>(false)

        private struct State {
            var chosen: Bool?
            var environment = false
            var logger = Logger(label: "oro-ipc.debug")

            var isOn: Bool { chosen ?? environment }
        }

        private static let state: Locked<State> = {
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

        /// Switches it on or off; without an argument it stays as it is. Answers what it is.
        @discardableResult
        public func callAsFunction(_ enable: Bool? = nil) -> Bool {
            if let enable { self[kDebugEnabled] = enable }
            return enabled
        }

        /// It is on.
        public var enabled: Bool {
            get { Debug.state.withLock { $0.isOn } }
            nonmutating set { self[kDebugEnabled] = newValue }
        }

        /// What somebody chose, under ``kDebugEnabled``; `nil`: nobody, and the environment decides. Other keys have no value.
        public subscript(key: String) -> Bool? {
            get { key == kDebugEnabled ? Debug.state.withLock { $0.chosen } : nil }
            nonmutating set {
                guard key == kDebugEnabled else { return }
                Debug.state.withLock { state in
                    state.chosen = newValue
                    Debug.isOn.store(state.isOn, ordering: .relaxed)
                }
            }
        }

        /// Where it goes: level debug, unless the logger's own level is above that.
        public var logger: Logger {
            get { Debug.state.withLock { $0.logger } }
            nonmutating set { Debug.state.withLock { $0.logger = newValue } }
        }

        /// Logs a message while it is on.
        public func log(_ message: @autoclosure () -> String) { log(message(), [:]) }

        func log(_ message: @autoclosure () -> String, _ details: @autoclosure () -> [String: String?]) {
            guard Debug.isOn.load(ordering: .relaxed) else { return }
            let metadata = details().compactMapValues { $0.map { Logger.MetadataValue.string($0) } }
            logger.debug("\(message())", metadata: metadata)
        }
    }
}
