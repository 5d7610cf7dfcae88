// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC
import OroLink
import Synchronization

extension Fixture {
    /// The names under which the host takes ports.
    static func installPorts(on host: OroIPC.Host) {
        installTransfers(on: host.router)
        // Says everything again, ports included.
        host.acceptPorts("echo") { port, _ in
            port.onmessage = { event in try? port.postMessage(event.data, transfer: event.ports) }
        }
        // Says how many messages came, when it is told to by a text; does not take part otherwise.
        host.acceptPorts("count") { port, _ in
            let state = PortCount()
            port.onmessage = { event in
                if event.data.string == "how many" { try? port.postMessage(.int(state.value)) } else { state.add() }
            }
        }
        // Closes after the first message, and one of its own.
        host.acceptPorts("close") { port, _ in
            port.onmessage = { _ in
                try? port.postMessage("bye")
                port.close()
            }
        }
        // Takes a message only when it is told to by another conversation: is silent.
        host.acceptPorts("silent") { port, client in
            kept.withLock { $0["\(client.id)", default: []].append(port) }
            port.onclose = { _ in }
        }
        host.router.map("ports.count") { [weak host] _ in Result(data: .int(Int64(host?.statistics.ports ?? -1))) }
    }

    private static let kept = Locked<[String: [IPCMessagePort]]>([:])
}

private final class PortCount: Sendable {
    private let count = Atomic<Int64>(0)
    var value: Int64 { count.load(ordering: .relaxed) }
    func add() { count.add(1, ordering: .relaxed) }
}

/// The two ends of a conversation, both in the process of the test, and what is between them.
struct PortPair: Sendable {
    let one: IPCMessagePort
    let other: IPCMessagePort

    enum Way: String, CaseIterable {
        /// Nothing: the channel is known in this process alone.
        case process = "in one process"
        /// The host: one end has been there and came back.
        case host = "by way of the host"
        /// The host: the ends belong to two clients.
        case clients = "between two clients"
        /// Nothing: the two clients have a link of their own.
        case direct = "between two clients with a link of their own"
    }

    static func make(
        _ way: Way, _ subject: Subject, _ options: ClientOptions? = nil
    ) async throws -> (pair: PortPair, clients: [Client]) {
        switch way {
        case .process:
            let channel = IPCMessageChannel()
            return (PortPair(one: channel.port1, other: channel.port2), [])
        case .host:
            let client = try subject.client(options)
            let echo = try client.openPort("echo")
            let channel = IPCMessageChannel()
            try echo.postMessage(.port(channel.port2), transfer: [channel.port2])
            guard let back = await echo.next()?.data.port else { throw Unexpected("the port did not come back") }
            return (PortPair(one: channel.port1, other: back), [client])
        case .clients, .direct:
            let clients = [try subject.client(options), try subject.client(options)]
            let name = "pair \(UInt64.random(in: 0 ... .max))"
            let pair = PortPair(one: try clients[0].meet(name), other: try clients[1].meet(name))
            try await pair.greet()
            if way == .direct { try await pair.goDirect(clients) }
            return (pair, clients)
        }
    }
}

extension PortPair {
    /// Talks until both sides do so directly.
    private func goDirect(_ clients: [Client]) async throws {
        for _ in 0..<10_000 {
            try one.postMessage("ping")
            try expectEqual(await other.next()?.data.string, "ping")
            try other.postMessage("pong")
            try expectEqual(await one.next()?.data.string, "pong")
            if clients.allSatisfy({ $0.statistics.directMessages > 0 }) { return }
        }
        throw Unexpected("two clients never got a link of their own")
    }

    /// Both have come: who leaves a meeting before has met nobody.
    func greet() async throws {
        try one.postMessage("here")
        try other.postMessage("here")
        try expectEqual(await one.next()?.data.string, "here")
        try expectEqual(await other.next()?.data.string, "here")
    }
}

extension IPCMessagePort {
    /// The next message; `nil` at the end.
    func next() async -> IPCMessageEvent? {
        var iterator = messages.makeAsyncIterator()
        return await iterator.next()
    }

    /// The next `count` messages.
    func take(_ count: Int) async throws -> [IPCMessageEvent] {
        var events: [IPCMessageEvent] = []
        for await event in messages {
            events.append(event)
            if events.count == count { return events }
        }
        throw Unexpected("only \(events.count) of \(count) messages came")
    }

    /// The next `count` messages, which are numbers.
    func numbers(_ count: Int) async throws -> [Int64] { try await take(count).map { $0.data.int ?? -1 } }
}
