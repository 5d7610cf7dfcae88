// SPDX-License-Identifier: Apache-2.0

import OroLink
import Synchronization

/// Lets somebody who waits for results be told to stop waiting.
///
/// ```swift
/// let abort = AbortController()
/// async let result = client.request("slow", options: .init(signal: abort.signal))
/// abort.abort("no longer needed")
/// await result.err   // AbortError: no longer needed
/// ```
public final class AbortController: Sendable {
    /// What to hand to requests.
    public let signal = AbortSignal()

    public init() {}

    /// Aborts everything that has the signal. Only the first call counts.
    public func abort(_ reason: String? = nil) { signal.fire(reason ?? "This operation was aborted") }
}

/// Tells that its ``AbortController`` was used. Any number of requests may share one.
public final class AbortSignal: Sendable {
    private struct State {
        var reason: String?
        var listeners: [UInt64: @Sendable (String) -> Void] = [:]
        var next: UInt64 = 0
    }
    private let state = Locked(State())

    package init() {}

    /// Why it was aborted; `nil` as long as it was not.
    public var reason: String? { state.withLock { $0.reason } }

    /// True once it was aborted.
    public var isAborted: Bool { reason != nil }

    fileprivate func fire(_ reason: String) {
        let listeners = state.withLock { state in
            if state.reason != nil { return [UInt64: @Sendable (String) -> Void]() }
            state.reason = reason
            defer { state.listeners = [:] }
            return state.listeners
        }
        for listener in listeners.values { listener(reason) }
    }

    /// Calls `listener` once when the signal is aborted; at once when it already was. The token takes it back.
    package func listen(_ listener: @escaping @Sendable (String) -> Void) -> UInt64 {
        let (token, reason) = state.withLock { state in
            state.next += 1
            if state.reason == nil { state.listeners[state.next] = listener }
            return (state.next, state.reason)
        }
        if let reason { listener(reason) }
        return token
    }

    package func unlisten(_ token: UInt64) { _ = state.withLock { $0.listeners.removeValue(forKey: token) } }
}
