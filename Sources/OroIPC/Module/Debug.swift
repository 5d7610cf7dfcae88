// SPDX-License-Identifier: Apache-2.0

import Logging

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
    /// Until somebody switches it, the environment variable `ORO_DEBUG_IPC` says what it is: on, when it is neither
    /// empty nor `0`.
    public static let debug = Debug()

    /// The type of ``IPC/debug``.
    public struct Debug: Sendable {
        /// Switches it on or off; without an argument it stays as it is. Answers what it is.
        @discardableResult
        public func callAsFunction(_ enable: Bool? = nil) -> Bool {
            if let enable { self[kDebugEnabled] = enable }
            return enabled
        }

        /// It is on.
        public var enabled: Bool {
            get { CallDebug.state.withLock { $0.isOn } }
            nonmutating set { self[kDebugEnabled] = newValue }
        }

        /// What somebody chose, under ``kDebugEnabled``; `nil`: nobody, and the environment decides. Other keys have no
        /// value.
        public subscript(key: String) -> Bool? {
            get { key == kDebugEnabled ? CallDebug.state.withLock { $0.chosen } : nil }
            nonmutating set {
                guard key == kDebugEnabled else { return }
                CallDebug.choose(newValue)
            }
        }

        /// Where it goes: level debug, unless the logger's own level is above that.
        public var logger: Logger {
            get { CallDebug.state.withLock { $0.logger } }
            nonmutating set { CallDebug.state.withLock { $0.logger = newValue } }
        }

        /// Logs a message while it is on.
        public func log(_ message: @autoclosure () -> String) { CallDebug.log(message(), [:]) }
    }
}
