import OroFrame
import OroLink

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
    private var all: [TextKey: Listener] = [:]
    /// Their ids by name, in the order they came.
    private var names: [TextKey: [String]] = [:]
    /// How many each client has.
    private(set) var counts: [UInt64: Int] = [:]

    static let event = "broadcastchannelmessage"

    final class Listener {
        let id = Result.freshID()
        let name: String
        let origin: String
        /// What its client calls itself there: it does not hear what it posts under that name.
        let token: Value?
        fileprivate let client: ConnectedClient
        /// Hands an event over; false: there was no room for it.
        fileprivate let tell: (Outgoing) -> Bool
        fileprivate var missed: Int64 = 0

        init(
            name: String, origin: String, token: Value?, client: ConnectedClient, tell: @escaping (Outgoing) -> Bool
        ) {
            self.name = name
            self.origin = origin
            self.token = token
            self.client = client
            self.tell = tell
        }

        var value: Value { ["origin": .string(origin), "name": .string(name), "id": .string(id)] }

        /// Nobody hears what he has posted himself. Where he has said no token, that is everything his client posts without
        /// one; what is posted with one comes, and says whose it is.
        fileprivate func hears(_ message: BroadcastMessage) -> Bool {
            guard message.isFor(origin) else { return false }
            if client.id != message.client { return true }
            return !message.token.isNull && message.token != token
        }
    }

    mutating func add(_ listener: Listener) {
        all[listener.id] = listener
        names[listener.name, default: []].append(listener.id)
        counts[listener.client.id, default: 0] += 1
    }

    /// Takes back a subscription of this client; `nil` when it has none of this id.
    mutating func remove(_ id: String, of client: UInt64) -> Listener? {
        guard let listener = all[id], listener.client.id == client else { return nil }
        all[id] = nil
        names[listener.name]?.removeAll { TextKey.areSame($0, id) }
        if names[listener.name]?.isEmpty == true { names[listener.name] = nil }
        counts[client, default: 1] -= 1
        if counts[client] == 0 { counts[client] = nil }
        return listener
    }

    /// The client is gone.
    mutating func remove(client: UInt64) {
        guard counts[client] != nil else { return }
        for listener in all.values where listener.client.id == client { _ = remove(listener.id, of: client) }
    }

    /// Tells all whom it is for. Answers how many there are.
    @discardableResult
    func hear(_ message: BroadcastMessage) -> Int {
        let listeners = (names[message.name] ?? []).compactMap { all[$0] }.filter { $0.hears(message) }
        if listeners.isEmpty { return 0 }
        var failure: Value = .null
        var data = message.data
        if data == nil {
            data = message.content.broadcastData
            if data == nil {
                failure = IPCError.dataClone("what was posted has no form in JSON").value
            }
        }
        let told = message.value(data ?? .null)
        for listener in listeners { tell(listener, message, told, failure) }
        return listeners.count
    }

    private func tell(_ listener: Listener, _ message: BroadcastMessage, _ told: Value, _ failure: Value) {
        var detail: Value.Members = [
            "subscription": listener.value, "message": told, "origin": .string(message.origin),
            "name": .string(message.name), "id": .string(message.id),
        ]
        if listener.missed > 0 { detail["missed"] = .int(listener.missed) }
        let event: Value = ["source": "broadcast_channel.subscribe", "data": .object(detail), "err": failure]
        if let outgoing = try? Outgoing.event(
            BroadcastListeners.event, event, nil, nil, limit: listener.client.messageBytes),
            listener.tell(outgoing)
        {
            listener.missed = 0
        } else {
            listener.missed += 1
        }
    }
}

extension PortContent {
    /// UNTRUSTED: what a broadcast says, as JSON would. `nil`: it has no form there.
    fileprivate var broadcastData: Value? {
        guard let said = try? decode(ports: []), case .message(_, let data) = BroadcastForm(said) else { return nil }
        return data.jsonValue
    }
}
