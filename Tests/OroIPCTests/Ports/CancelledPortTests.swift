import OroIPC
import Testing

/// Tasks that are cancelled at any instant of their waiting at a port.
@Suite("Tasks that are cancelled at a port")
struct CancelledPortTests {
    private func next(_ port: IPCMessagePort) async -> IPCMessageEvent? {
        var messages = port.messages.makeAsyncIterator()
        return await messages.next()
    }

    @Test("a task that is cancelled as it begins to wait for a message goes on", .timeLimit(.minutes(1)))
    func receives() async throws {
        let channel = IPCMessageChannel()
        for _ in 0..<20_000 {
            let waiting = Task { await next(channel.port2) }
            waiting.cancel()
            #expect(await waiting.value == nil)
        }
        try channel.port1.postMessage("later")
        #expect(await next(channel.port2)?.data.string == "later")
    }

    @Test("a task that is cancelled as it begins to wait for room goes on", .timeLimit(.minutes(1)))
    func posts() async throws {
        let channel = IPCMessageChannel()
        #expect(throws: IPCError.self) { while true { try channel.port1.postMessage(1) } }
        for _ in 0..<20_000 {
            let waiting = Task { try await channel.port1.post(2) }
            waiting.cancel()
            let error = await #expect(throws: IPCError.self) { try await waiting.value }
            guard error?.kind == .abort else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
        #expect(await next(channel.port2)?.data.int == 1)
    }
}
