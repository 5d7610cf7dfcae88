// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import OroPorts

/// A broadcast as an event for those who listen with requests: what is the same for all of them is encoded once.
final class BroadcastEvent {
    /// `nil`: it is too much for any frame.
    private let shared: EncodedMembers?
    private let failure: Value

    /// Of what was posted at a port, at most `most` bytes are decoded: that is done on the host's thread, and at once.
    init(_ message: BroadcastMessage, most: Int) {
        let bytes = message.data == nil ? message.content.encodedBytes : 0
        let data = message.data ?? (bytes <= most ? message.content.broadcastData : nil)
        let why =
            bytes > most
            ? IPCError(
                .quotaExceeded,
                "a broadcast of \(bytes) bytes; subscriptions by request hear at most \(most) (HostOptions.ports.broadcastRequestBytes)"
            )
            : IPCError.dataClone("what was posted has no form in JSON")
        failure = data == nil ? why.value : .null
        shared = try? BroadcastEvent.members(of: message, message.value(data ?? .null))
    }

    private static func members(of message: BroadcastMessage, _ told: Value) throws(FrameError) -> EncodedMembers {
        let members: [(String, Value)] = [
            ("message", told), ("origin", .string(message.origin)), ("name", .string(message.name)),
            ("id", .string(message.id)),
        ]
        // Within the limits of a frame also where it stands in the event, beside what is each listener's own.
        let own: Value = ["origin": .null, "name": .null, "id": .null]
        var sample: Value.Members = ["subscription": own, "missed": .null]
        for (name, value) in members { sample[name] = value }
        _ = try (["source": .null, "data": .object(sample), "err": .null] as Value).encodedCount()
        var shared = EncodedMembers()
        for (name, value) in members { try shared.append(name, value) }
        return shared
    }

    /// The event for one listener; `nil`: it is longer than its client accepts, or than any frame.
    func outgoing(for listener: BroadcastListeners.Listener) -> EncodedEvent? {
        guard let shared else { return nil }
        do {
            var detail = EncodedMembers()
            try detail.append("subscription", listener.value)
            detail.append(shared)
            if listener.missed > 0 { try detail.append("missed", .int(listener.missed)) }
            var event = EncodedMembers()
            try event.append("source", "broadcast_channel.subscribe")
            try event.append("data", detail.object)
            try event.append("err", failure)
            return try EncodedEvent.event(
                BroadcastListeners.event, encoded: event.object, limit: listener.client.messageBytes)
        } catch {
            return nil
        }
    }
}

extension PortContent {
    /// Bytes of its value and its buffers, wherever they lie.
    fileprivate var encodedBytes: Int {
        let buffers = allBuffers.reduce(0) { $0 + $1.count }
        return switch form {
        case .frame(let storage): buffers + Int(storage.header.valueBytes)
        case .encoded(let encoded): buffers + encoded.bytes.count
        // Of this process's own program.
        case .value, .short: buffers
        }
    }

    /// UNTRUSTED: what a broadcast says, as JSON would. `nil`: it has no form there.
    fileprivate var broadcastData: Value? {
        guard let said = try? decode(ports: []), case .message(_, let data) = BroadcastForm(said) else { return nil }
        return data.jsonValue
    }
}
