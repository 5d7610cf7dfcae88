// SPDX-License-Identifier: Apache-2.0

/// Who is told of a client's states, and which they have not heard of yet.
struct StateObservers {
    final class Observer: Sendable {
        let action: @Sendable (ClientState) -> Void
        init(_ action: @escaping @Sendable (ClientState) -> Void) { self.action = action }
    }

    private var observers: [UInt64: Observer] = [:]
    private var untold: [ClientState] = []

    var haveAllHeard: Bool { untold.isEmpty }

    mutating func note(_ state: ClientState) { untold.append(state) }

    mutating func add(_ token: UInt64, _ action: @escaping @Sendable (ClientState) -> Void) {
        observers[token] = Observer(action)
    }

    /// What it holds is dropped by the caller, outside the lock.
    mutating func remove(_ token: UInt64) -> Observer? { observers.removeValue(forKey: token) }

    /// The next state to be told, and to whom, in the order in which they came; `nil`: all have heard all.
    mutating func next() -> (ClientState, [Observer])? {
        if untold.isEmpty { return nil }
        return (untold.removeFirst(), observers.sorted { $0.key < $1.key }.map { $0.value })
    }
}

extension ClientConnection {
    func observe(_ action: @escaping @Sendable (ClientState) -> Void) -> UInt64 {
        tell()
        return telling.withLock { _ in
            let (token, now) = state.withLock { state -> (UInt64, ClientState?) in
                let token = state.next()
                state.observers.add(token, action)
                return (token, state.observers.haveAllHeard ? state.phase : nil)
            }
            // Else it is told of what comes now.
            if let now { action(now) }
            return token
        }
    }

    func stopObserving(_ token: UInt64) {
        // Dropped outside the lock.
        let observer = state.withLock { $0.observers.remove(token) }
        withExtendedLifetime(observer) {}
    }

    /// Tells everybody of the states that came.
    func tell() {
        telling.withLock { _ in
            while true {
                guard let (phase, observers) = state.withLock({ $0.observers.next() }) else { return }
                for observer in observers { observer.action(phase) }
            }
        }
    }
}
