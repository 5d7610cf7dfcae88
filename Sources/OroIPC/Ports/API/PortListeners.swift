// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import OroPorts

/// What a port tells: a message, one that could not be read, or that the other end is closed.
public struct IPCMessageEvent: Sendable {
    /// `message`, `messageerror` or `close`; of one's own making anything.
    public let type: String
    /// What the message says.
    public let data: StructuredValue
    /// The ports that came with it, in the order of its transfer list.
    public let ports: [IPCMessagePort]
    /// Why a message could not be read, or why the other end is closed where it was not by its owner.
    public let error: IPCError?

    /// An event for ``IPCMessagePort/dispatchEvent(_:)``.
    public init(
        type: String, data: StructuredValue = .undefined, ports: [IPCMessagePort] = [], error: IPCError? = nil
    ) {
        self.type = type
        self.data = data
        self.ports = ports
        self.error = error
    }

    /// What was taken from a port: its message decoded, its ports given to whoever gets this. Without locks.
    init(_ taken: LocalPort.Taken) {
        switch taken {
        case .closed(let reason): self.init(type: "close", error: reason.map { .network($0) })
        case .message(let parcel):
            let ports = parcel.transferred.map { port in port.withLock { _ in port.own() } }
            do throws(IPCError) {
                self.init(type: "message", data: try parcel.content.decode(ports: ports), ports: ports)
            } catch {
                self.init(type: "messageerror", ports: ports, error: error)
            }
        }
    }
}

/// Who is told what happens at a port.
final class PortListeners: PortAudience {
    typealias Handler = @Sendable (IPCMessageEvent) -> Void

    private struct Listener {
        let token: UInt64
        let type: String
        let isOnce: Bool
        let handler: Handler
    }

    private struct State {
        var next: UInt64 = 1
        var listeners: [Listener] = []
        /// The handler of each of the properties `onmessage`, …, and its token among the listeners.
        var properties: [String: UInt64] = [:]
    }

    private let state = Locked(State())

    var isEmpty: Bool { state.withLock { $0.listeners.isEmpty } }

    func add(_ type: String, once isOnce: Bool, _ handler: @escaping Handler) -> UInt64 {
        state.withLock { state in
            let token = state.next
            state.next += 1
            state.listeners.append(Listener(token: token, type: type, isOnce: isOnce, handler: handler))
            return token
        }
    }

    /// What is removed is for the caller to let go of, where no lock is held.
    func remove(_ token: UInt64) -> Handler? {
        state.withLock { state in
            guard let index = state.listeners.firstIndex(where: { $0.token == token }) else { return nil }
            return state.listeners.remove(at: index).handler
        }
    }

    func removeAll() -> any Sendable {
        state.withLock { state -> [Handler] in
            defer {
                state.listeners = []
                state.properties = [:]
            }
            return state.listeners.map(\.handler)
        }
    }

    func receive(_ taken: LocalPort.Taken) { dispatch(IPCMessageEvent(taken)) }

    func property(_ type: String) -> Handler? {
        state.withLock { state in
            state.properties[type].flatMap { token in state.listeners.first { $0.token == token }?.handler }
        }
    }

    /// Replaces the handler of a property, in its place among the listeners; answers the one before.
    func setProperty(_ type: String, _ handler: Handler?) -> Handler? {
        let before = state.withLock { $0.properties.removeValue(forKey: type) }.flatMap { remove($0) }
        if let handler {
            let token = add(type, once: false, handler)
            state.withLock { $0.properties[type] = token }
        }
        return before
    }

    /// Tells those who listen to this type, in the order they came. True when there was one.
    @discardableResult
    func dispatch(_ event: IPCMessageEvent) -> Bool {
        let all = state.withLock { state in
            let all = state.listeners.filter { $0.type == event.type }
            state.listeners.removeAll { $0.isOnce && $0.type == event.type }
            return all
        }
        for listener in all { listener.handler(event) }
        return !all.isEmpty
    }
}
