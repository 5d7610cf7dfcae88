// SPDX-License-Identifier: Apache-2.0

import OroIPC

/// What a client tries a behaviour on: a host with the commands of ``Fixture``, wherever it runs.
public struct Subject: Sendable {
    /// A new client of the host. At most ``Behaviour/clients`` of them.
    public let connect: @Sendable (ClientOptions) throws -> Client
    public let options: ClientOptions

    public init(options: ClientOptions, connect: @escaping @Sendable (ClientOptions) throws -> Client) {
        self.options = options
        self.connect = connect
    }

    func client(_ options: ClientOptions? = nil) throws -> Client { try connect(options ?? self.options) }

    /// One that ends with its link, and does not wait for another host.
    func clientOfOneLink() throws -> Client {
        var options = options
        options.reconnect = nil
        return try connect(options)
    }
}

/// Something that must hold on every backend and topology.
public struct Behaviour: Sendable, CustomStringConvertible {
    public let name: String
    /// How many clients it needs at most.
    public let clients: Int
    /// The host does not survive it.
    public let endsHost: Bool
    public let run: @Sendable (Subject) async throws -> Void

    public var description: String { name }

    init(
        _ name: String, clients: Int = 1, endsHost: Bool = false,
        _ run: @escaping @Sendable (Subject) async throws -> Void
    ) {
        self.name = name
        self.clients = clients
        self.endsHost = endsHost
        self.run = run
    }

    /// Those of single calls and of streams, none of which blocks its thread.
    public static let cooperative: [Behaviour] = answers + names + sequence + givingUp + handlers + payloads + streams

    public static let all: [Behaviour] =
        answers + results + callOptions + bindings + names + sequence + givingUp + handlers + payloads + blocks + crowds
        + streams
        + bodies + events + replies + endings + streamEndings + ports + shutdowns + broadcasts + broadcastRequests
        + transfers + structured + descriptors
}
