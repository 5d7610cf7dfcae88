// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import OroPorts

/// Broadcasts for clients that speak only requests: they subscribe and post with these routes, and hear what others
/// post as the event `broadcastchannelmessage`. They and the ports of ``IPCBroadcastChannel`` hear each other.
enum BroadcastRoutes {
    /// They answer on the host's thread, where broadcasts are known, in the order they came.
    static func all(of core: HostCore) -> [Router.Route] {
        /// `answer` is given what to call with the answer, once.
        func route(
            _ name: String,
            _ answer: @escaping @Sendable (HostCore, Message, @escaping (Swift.Result<Value, IPCError>) -> Void) -> Void
        ) -> Router.Route {
            Router.ReplyRoute(name) { [weak core] message, reply in
                let isTaken = core?.reactor.submit { [weak core] in
                    guard let core else { return }
                    answer(core, message) { result in
                        // Nobody may wait any more.
                        switch result {
                        case .success(let value): try? reply.send(value)
                        case .failure(let error): try? reply.fail(error)
                        }
                    }
                }
                if isTaken != true { throw IPCError.hostGone }
            }
        }
        func route(
            _ name: String, _ answer: @escaping @Sendable (HostCore, Message) throws(IPCError) -> Value
        ) -> Router.Route {
            route(name) { core, message, reply in
                do throws(IPCError) {
                    try message.checkParameters(core.options.builtInParameterBytes)
                    try mayBroadcast(core)
                    reply(.success(try answer(core, message)))
                } catch {
                    reply(.failure(error))
                }
            }
        }
        return [
            route("broadcast_channel.subscribe", subscribe), route("broadcast_channel.unsubscribe", unsubscribe),
            route("broadcast_channel.postMessage", post),
            // What the reference host calls the same.
            route("broadcast_channel.queuedResponseMessage", post),
        ]
    }

    private static func mayBroadcast(_ core: HostCore) throws(IPCError) {
        guard core.options.ports.allowsBroadcasts else { throw .notAllowed("this host has no broadcasts") }
    }

    /// `{name, origin, token}`: answers `{origin, name, id}`. Without an origin it is the usual one.
    private static func subscribe(_ core: HostCore, _ message: Message) throws(IPCError) -> Value {
        guard let client = message.client, client.isConnected else {
            throw .notAllowed("only clients subscribe with requests; the host has IPCBroadcastChannel(_:in:)")
        }
        let most = core.options.ports.portsPerLink
        guard core.hub.listeners.count(of: client.id) < most else {
            throw IPCError(.quotaExceeded, "more than \(most) subscriptions (HostOptions.ports.portsPerLink)")
        }
        let listener = BroadcastListeners.Listener(
            name: try name(message), origin: try origin(message),
            token: try token(message),
            client: client,
            hasRoom: { [weak core] in
                guard let core, let host = core.links[client.id] else { return false }
                return host.link.waitingBytes(in: 0) < core.options.ports.broadcastBytesPerLink
            },
            send: { [weak core] outgoing in
                guard let core, let host = core.links[client.id] else { return false }
                return core.deliver(outgoing, to: host)
            })
        core.hub.listeners.add(listener)
        return listener.value
    }

    /// `{id}`: answers what it takes back.
    private static func unsubscribe(_ core: HostCore, _ message: Message) throws(IPCError) -> Value {
        guard let value = message.scalar("id"), !value.isNull else { throw .expecting("id") }
        // A client may have read the digits as a number. An id has 64 bits.
        let id: String
        switch value {
        case .string(let text): id = text
        case .int(let number): id = String(number)
        case .bigint(let number) where number.magnitude.bitWidth <= 64: id = number.decimalText
        default: throw .invalid("id")
        }
        guard let client = message.client, let listener = core.hub.listeners.remove(id, of: client.id) else {
            throw IPCError(.notFound, "No subscription found")
        }
        return listener.value
    }

    /// `{name, origin, token, data}`: answers the message as others hear it, when it has gone to all of them. `data` is
    /// a text of JSON, or any value.
    private static func post(
        _ core: HostCore, _ message: Message, _ reply: @escaping (Swift.Result<Value, IPCError>) -> Void
    ) {
        do throws(IPCError) {
            try mayBroadcast(core)
            let most = core.options.ports.broadcastRequestBytes
            guard message.storage.header.valueBytes <= most else {
                throw IPCError(
                    .quotaExceeded,
                    "\(message.storage.header.valueBytes) bytes posted with a request; at most \(most) (HostOptions.ports.broadcastRequestBytes)"
                )
            }
            let (name, origin) = (try name(message), try origin(message))
            guard let given = message["data"] else { throw .expecting("data") }
            let data = given.string.flatMap { try? Value(json: $0) } ?? given
            let said = BroadcastForm.message(origin: origin, data: StructuredValue(data).inflatingBuffers())
            let posted = BroadcastMessage(
                name: name, origin: origin, content: try PortContent(said.value, transfer: []), data: data,
                client: message.client?.id, token: try token(message) ?? .null)
            core.hub.post(posted, for: message.client?.id ?? 0) { count in
                reply(
                    count > 0
                        ? .success(posted.value(data)) : .failure(IPCError(.notFound, "No subscribers")))
            }
        } catch {
            reply(.failure(error))
        }
    }

    private static func name(_ message: Message) throws(IPCError) -> String {
        let name = try message.string("name")
        guard name.utf8.count <= 255 else { throw .invalid("name") }
        return name
    }

    /// What a client calls itself: any value of at most 255 bytes, encoded. It is kept with each subscription, and
    /// compared.
    private static func token(_ message: Message) throws(IPCError) -> Value? {
        guard let token = try message.short("token", most: 255), !token.isNull else { return nil }
        // Of a message that was made here nothing is encoded.
        guard let count = try? token.encodedCount(), count <= 255 else { throw .invalid("token") }
        return token
    }

    /// The one that the host has fixed for the client, or that the message says.
    private static func origin(_ message: Message) throws(IPCError) -> String {
        if let fixed = message.client?.broadcastOrigin { return fixed }
        guard let value = message.scalar("origin"), !value.isNull else { return IPCBroadcastChannel.usualOrigin }
        guard let origin = value.string, origin.utf8.count <= 255 else { throw .invalid("origin") }
        return origin
    }
}
