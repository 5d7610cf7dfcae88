// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import OroPorts

/// Something that was posted to all who listen to a name.
struct BroadcastMessage {
    let name: String
    /// For whom it is; `*`: for all.
    let origin: String
    /// `[origin, data]`, as ports say it.
    let content: PortContent
    /// What was posted, where it came with a request; else it is read from `content`.
    var data: Value?
    /// Who posted it, and what he calls himself: where it came with a request.
    var client: UInt64?
    var token: Value = .null
    let id = Result.freshID()

    /// Who is shown memory with a payload of this topic is shown all that is written to it later: those it is for, and
    /// nobody else.
    var topic: String { "\(origin.utf8.count) \(origin)\(name)" }

    func isFor(_ origin: String) -> Bool {
        TextKey.areSame(self.origin, "*") || TextKey.areSame(self.origin, origin)
    }

    /// As it is told to whoever posted it, and to those who listen with requests.
    func value(_ data: Value) -> Value {
        ["origin": .string(origin), "token": token, "name": .string(name), "data": data, "id": .string(id)]
    }
}

/// Clients that subscribe to broadcasts with requests, and hear them as events. Belongs to the host's thread.
struct BroadcastListeners {
    /// Those of each client, by their ids.
    private var clients: [UInt64: [TextKey: Listener]] = [:]
    private var topics: [TextKey: Topic] = [:]

    static let event = "broadcastchannelmessage"

    /// All who listen to one name.
    final class Topic {
        var members = OrderedMembers<Listener>()
    }

    final class Listener {
        let id = Result.freshID()
        let name: String
        let origin: String
        /// What its client calls itself there: it does not hear what it posts under that name.
        let token: Value?
        let client: ConnectedClient
        /// Whether its client's link has room for an event.
        let hasRoom: () -> Bool
        /// Hands an event over; false: there was no room for it.
        private let send: (EncodedEvent) -> Bool
        var missed: Int64 = 0
        fileprivate var order: UInt64 = 0

        init(
            name: String, origin: String, token: Value?, client: ConnectedClient, hasRoom: @escaping () -> Bool,
            send: @escaping (EncodedEvent) -> Bool
        ) {
            self.name = name
            self.origin = origin
            self.token = token
            self.client = client
            self.hasRoom = hasRoom
            self.send = send
        }

        var value: Value { ["origin": .string(origin), "name": .string(name), "id": .string(id)] }

        /// Nobody hears what he has posted himself. Where he has said no token, that is everything his client posts
        /// without one; what is posted with one comes, and says whose it is.
        func hears(_ message: BroadcastMessage) -> Bool {
            guard message.isFor(origin) else { return false }
            if client.id != message.client { return true }
            return !message.token.isNull && message.token != token
        }

        /// Tells it, and how many it has missed before.
        func tell(_ event: BroadcastEvent) {
            if let outgoing = event.outgoing(for: self), send(outgoing) { missed = 0 } else { missed += 1 }
        }
    }

    func count(of client: UInt64) -> Int { clients[client]?.count ?? 0 }

    func topic(_ name: String) -> Topic? { topics[TextKey(name)] }

    mutating func add(_ listener: Listener) {
        let topic = topics[TextKey(listener.name)] ?? Topic()
        topics[TextKey(listener.name)] = topic
        listener.order = topic.members.append(listener)
        clients[listener.client.id, default: [:]][TextKey(listener.id)] = listener
    }

    /// Takes back a subscription of this client; `nil` when it has none of this id.
    mutating func remove(_ id: String, of client: UInt64) -> Listener? {
        guard let listener = clients[client]?.removeValue(forKey: TextKey(id)) else { return nil }
        if clients[client]?.isEmpty == true { clients[client] = nil }
        leave(listener)
        return listener
    }

    private mutating func leave(_ listener: Listener) {
        guard let topic = topics[TextKey(listener.name)] else { return }
        topic.members.remove(listener.order)
        if topic.members.isEmpty { topics[TextKey(listener.name)] = nil }
    }

    /// The client is gone, and with it all its subscriptions: those, for ``BroadcastListenerRemoval``.
    mutating func take(client: UInt64) -> [Listener] {
        clients.removeValue(forKey: client).map { Array($0.values) } ?? []
    }

    /// One of those.
    mutating func forget(_ listener: Listener) { leave(listener) }
}

/// The end of a client that listens with requests.
final class BroadcastListenerRemoval: SlicedWork {
    private unowned let hub: BroadcastHub
    private let client: UInt64
    private var left: [BroadcastListeners.Listener]?

    init(_ hub: BroadcastHub, _ client: UInt64) {
        self.hub = hub
        self.client = client
    }

    func goOn(_ slice: Slice) -> Bool {
        if left == nil { left = hub.listeners.take(client: client) }
        while let listener = left?.popLast() {
            hub.listeners.forget(listener)
            if slice.isOver { break }
        }
        return left?.isEmpty == false
    }
}
