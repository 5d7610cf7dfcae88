// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroLink

/// What the engine counts about itself in this process.
public enum Diagnostics {
    /// System calls the engine has made in this process so far, on all threads; not those of handlers or of callers.
    ///
    /// Two processes that are both awake exchange small messages without any.
    public static var systemCalls: UInt64 { oro_syscalls() }
}

extension Client {
    /// How the background thread sleeps that serves this client's asynchronous calls; `nil` before the first of them.
    public var backend: WakeBackend? { core.background.withLock { $0?.backend } }
}
