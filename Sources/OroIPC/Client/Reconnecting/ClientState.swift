// SPDX-License-Identifier: Apache-2.0

import OroLink

/// Whether a client has a link.
public enum ClientState: Sendable, Hashable {
    /// It has; requests reach the host.
    case connected
    /// The link has ended for this reason, or the host drains, and the client is connecting again.
    case reconnecting(LinkError)
    /// It is over, for this reason: the client was closed, or does not come back.
    case closed(LinkError)
}

extension Client {
    /// Whether the client has a link now, as far as is known: while nothing waits for the host, its end is noticed by
    /// the next request.
    public var state: ClientState { connection.clientState }

    /// The state now, and each that comes, until the client is closed. A background thread watches the link from now
    /// on. Of states that are not read the last 16 are kept.
    ///
    /// ```swift
    /// for await state in client.states {
    ///     if case .reconnecting(let why) = state { print("connecting again: \(why)") }
    /// }
    /// ```
    public var states: AsyncStream<ClientState> {
        let (states, continuation) = AsyncStream.makeStream(of: ClientState.self, bufferingPolicy: .bufferingNewest(16))
        let token = observe { state in
            continuation.yield(state)
            if case .closed = state { continuation.finish() }
        }
        continuation.onTermination = { [weak connection] _ in connection?.stopObserving(token) }
        return states
    }

    /// Calls `action` with the state now, and with each that comes, in order and one at a time, on whatever thread: it
    /// only hands on.
    @discardableResult
    package func observe(_ action: @escaping @Sendable (ClientState) -> Void) -> UInt64 {
        let token = connection.observe(action)
        let core = core
        if !core.link.isForeign { core.attach() }
        return token
    }

    /// Calls `action` once, on whatever thread, when the client is closed; at once when it is. It only hands on.
    package func onEnd(_ action: @escaping @Sendable () -> Void) {
        if isForeign { return }
        observe { state in if case .closed = state { action() } }
    }

    package func stopObserving(_ token: UInt64) { connection.stopObserving(token) }
}
