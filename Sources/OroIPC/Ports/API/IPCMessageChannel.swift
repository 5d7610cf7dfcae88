// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroLink
import OroPorts

/// Two ports that are the two ends of a new conversation.
///
/// ```swift
/// let channel = IPCMessageChannel()
/// try chat.postMessage(["reply": .port(channel.port2)], transfer: [channel.port2])
/// for await answer in channel.port1.messages { … }
/// ```
public struct IPCMessageChannel: Sendable {
    /// A random number of 64 bits in decimal digits.
    public let id: String
    public let port1: IPCMessagePort
    public let port2: IPCMessagePort

    /// A channel of this process; it becomes known to others when one of its ports is sent to them.
    public init() {
        id = "\(LocalPort.randomID())"
        let ends = (
            LocalPort(node: .local, id: LocalPort.randomID()),
            LocalPort(node: .local, id: LocalPort.randomID())
        )
        (port1, port2) = PortNode.local.withLock {
            ends.0.other = ends.1
            ends.1.other = ends.0
            return (ends.0.own(), ends.1.own())
        }
    }
}

extension IPCMessagePort {
    private struct Weak {
        weak var port: IPCMessagePort?
    }

    private static let registry = Locked<[UInt64: Weak]>([:])

    /// The ports this process has, by their ids: those that are neither closed nor given away.
    public static var ports: [String: IPCMessagePort] {
        let all = registry.withLock { $0.values.compactMap(\.port) }
        return Dictionary(all.map { ($0.id, $0) }) { first, _ in first }
    }

    static func register(_ port: IPCMessagePort) { registry.withLock { $0[port.endpoint.id] = Weak(port: port) } }

    static func unregister(_ port: IPCMessagePort) {
        registry.withLock { registry in
            if registry[port.endpoint.id]?.port === port { registry[port.endpoint.id] = nil }
        }
    }

    /// The port of this process that has this id; else a new one that nobody is at the other end of.
    public static func create(id: String? = nil) -> IPCMessagePort {
        let number = id.flatMap { UInt64($0) } ?? LocalPort.randomID()
        if id != nil, let port = registry.withLock({ $0[number]?.port }), !port.closed { return port }
        return PortNode.local.withLock { LocalPort(node: .local, id: number).own() }
    }

    /// The same as ``create(id:)``.
    public static func from(id: String? = nil) -> IPCMessagePort { create(id: id) }

    /// Takes its end away from `port`, which does nothing any more, and gives it to the port that is returned, not
    /// started and without listeners. One that is closed, or given away already, is returned as it is.
    public static func transfer(_ port: IPCMessagePort) -> IPCMessagePort {
        let endpoint = port.endpoint
        return endpoint.withLock { _ in
            guard endpoint.isOwned(by: port) else { return port }
            endpoint.disown()
            return endpoint.own()
        }
    }
}
