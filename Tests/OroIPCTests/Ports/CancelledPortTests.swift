// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import OroBase
import OroConformance
import OroIPC
import Synchronization
import Testing

/// Tasks that are cancelled at any instant of their waiting at a port.
@Suite("Tasks that are cancelled at a port")
struct CancelledPortTests {
    private func next(_ port: IPCMessagePort) async -> IPCMessageEvent? {
        var messages = port.messages.makeAsyncIterator()
        return await messages.next()
    }

    private final class Begun: Sendable { let value = Atomic<Int>(0) }

    /// Cancels a task that does `body`, from some nanoseconds to some microseconds after it began.
    private func cancelled<R: Sendable>(
        _ round: Int, _ body: @escaping @Sendable () async -> R
    ) async -> R {
        let begun = Begun()
        let task = Task {
            begun.value.store(1, ordering: .sequentiallyConsistent)
            return await body()
        }
        let limit = oro_clock_ns() + 100_000_000
        while begun.value.load(ordering: .sequentiallyConsistent) == 0, oro_clock_ns() < limit {}
        let end = oro_clock_ns() + UInt64(round % 100 * 40)
        while oro_clock_ns() < end {}
        task.cancel()
        return await task.value
    }

    @Test("a task that is cancelled while it begins to wait for a message goes on", .timeLimit(.minutes(1)))
    func receives() async throws {
        let channel = IPCMessageChannel()
        for round in 0..<20_000 {
            #expect(await cancelled(round) { await next(channel.port2) } == nil)
        }
        try channel.port1.postMessage("later")
        #expect(await next(channel.port2)?.data.string == "later")
    }

    @Test("a task that is cancelled while it begins to wait for room goes on", .timeLimit(.minutes(1)))
    func posts() async throws {
        let channel = IPCMessageChannel()
        #expect(throws: IPCError.self) { while true { try channel.port1.postMessage(1) } }
        for round in 0..<20_000 {
            let error: IPCError? = await cancelled(round) {
                do throws(IPCError) { try await channel.port1.post(2) } catch { return error }
                return nil
            }
            guard error?.kind == .abort else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
        #expect(await next(channel.port2)?.data.int == 1)
    }
}
