// SPDX-License-Identifier: Apache-2.0

import OroIPC
import Synchronization
import Testing

/// A host that answers nothing by itself, and a client of it. Its routes tell of each request that has come: `held`, to
/// be answered with a `Reply`, `task` and `here`, whose handlers wait until they are cancelled, and `chunks`, which
/// answers in chunks.
final class HeldRequests: Sendable {
    struct Arrival: Sendable {
        let client: ConnectedClient
        let seq: Seq
        let reply: Reply?
    }

    let host: OroIPC.Host
    let client: Client
    let arrivals: AsyncStream<Arrival>
    /// Nobody drops a reply: that would be an answer.
    private let replies = Kept()

    private final class Kept: Sendable {
        let all = Mutex<[Reply]>([])
    }

    init(_ options: ClientOptions = ClientOptions()) throws {
        let (arrivals, arrive) = AsyncStream<Arrival>.makeStream()
        self.arrivals = arrivals
        host = try OroIPC.Host.embedded()
        client = try host.connect(options: options)
        let replies = replies
        @Sendable func tell(_ message: Message, _ reply: Reply? = nil) {
            guard let client = message.client, let seq = message.seq else { return }
            if let reply { replies.all.withLock { $0.append(reply) } }
            arrive.yield(Arrival(client: client, seq: seq, reply: reply))
        }
        host.router.map("held", reply: { message, reply in tell(message, reply) })
        for (name, executor) in [("task", HandlerExecutor.global), ("here", .reactor)] {
            host.router.map(
                name, on: executor,
                async: { message in
                    tell(message)
                    try await Task.sleep(for: .seconds(600))
                    return Result(data: "by itself")
                })
        }
        host.router.map(
            "chunks",
            stream: { message, _ in
                tell(message)
                try await Task.sleep(for: .seconds(600))
            })
    }

    deinit { host.stop() }

    /// The next request that has come.
    func arrival() async throws -> Arrival {
        var iterator = arrivals.makeAsyncIterator()
        return try #require(await iterator.next())
    }
}
