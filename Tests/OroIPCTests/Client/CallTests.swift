// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroConformance
import OroIPC
import Synchronization
import Testing

// Which call has what: sections 3, 11.1 and 11.5 of the module's description, every function of the module with every
// way to fail. Shapes of answers (11.7), the cache (11.9), timeouts' texts and the seqs that failures use up are among
// the behaviours of the conformance suite.
//
// Left out: what makes a call slow or different in a browser: `ready` first (a client is connected), the nonce, the
// extension handler (11.8), the XHR patch (11.10), HTTP's statuses (11.7). `sendSync` repairs no arguments (11.6):
// types tell a body from options. Without a value none is sent, where the module's `sendSync` sends an empty text.
@Suite("Calls", .timeLimit(.minutes(1)))
struct CallTests {
    enum Verb: String, CaseIterable { case send, sendSync, request, write }

    private func call(
        _ verb: Verb, _ client: Client, _ command: String, _ value: Value? = nil, _ options: CallOptions? = nil
    ) async throws -> Result {
        switch verb {
        case .send: await client.send(command, value, options: options)
        case .sendSync: try await onThread { client.sendSync(command, value, options: options) }
        case .request: await client.request(command, value, options: options)
        case .write: await client.write(command, value, [], options: options)
        }
    }

    @Test("the constants are those of the module")
    func constants() {
        #expect(OK == 0 && ERROR == 1 && TIMEOUT == 32_000)
        #expect(CallOptions.deadline.timeout == .milliseconds(32_000))
        #expect(CallOptions().timeout == nil && CallOptions().signal == nil && !CallOptions().cache)
    }

    @Test("a call succeeds with the host's data, and its command as the source", arguments: Verb.allCases)
    func succeeds(_ verb: Verb) async throws {
        let held = try HeldRequests()
        held.host.router.map("echo") { message in Result(data: message.wholeValue, bytes: message.bytes) }
        for value in [nil, .null, "", 0, ["a": 1]] as [Value?] {
            let result = try await call(verb, held.client, "Echo", value)
            #expect(result.err == nil && result.data == value && result.source == "Echo" && result.bytes == nil)
        }
    }

    enum Failure: CaseIterable { case abortedBefore, abortedMeanwhile, timeout, linkOver, linkEnds, unknown, badName }

    @Test("a failure is the result's, never thrown", arguments: Verb.allCases, Failure.allCases)
    func fails(_ verb: Verb, _ failure: Failure) async throws {
        let held = try HeldRequests()
        let client = held.client
        let controller = AbortController()
        let wanted: (kind: IPCError.Class, message: String)
        let result: Result
        switch failure {
        case .abortedBefore:
            controller.abort("why")
            result = try await call(verb, client, "held", nil, CallOptions(signal: controller.signal))
            wanted = (.abort, "why")
        case .abortedMeanwhile:
            async let pending = call(verb, client, "held", nil, CallOptions(signal: controller.signal))
            let arrival = try await held.arrival()
            controller.abort()
            result = try await pending
            wanted = (.abort, "This operation was aborted")
            try await until("the handler has heard") { arrival.reply?.isCancelled == true }
        case .timeout:
            result = try await call(verb, client, "held", nil, CallOptions(timeout: .milliseconds(5)))
            wanted = (.timeout, "ipc.\(verb) timed out: 'held' gave no answer within 5 ms")
        case .linkOver:
            client.close()
            result = try await call(verb, client, "held")
            wanted = (.network, "closed")
        case .linkEnds:
            async let pending = call(verb, client, "held")
            _ = try await held.arrival()
            client.close()
            result = try await pending
            wanted = (.network, "closed")
        case .unknown:
            result = try await call(verb, client, "no.such")
            wanted = (.notFound, "Not found")
        case .badName:
            result = try await call(verb, client, "no such?a=1")
            wanted = (.type, "command")
        }
        #expect(result.err?.kind == wanted.kind && result.err?.message.contains(wanted.message) == true, "\(result)")
        #expect(result.data == nil && result.bytes == nil && result.status == ERROR)
        #expect(result.source == (failure == .unknown ? "no.such" : failure == .badName ? "no such?a=1" : "held"))
    }

    @Test("a cache keeps the results of calls without bytes", arguments: Verb.allCases)
    func caches(_ verb: Verb) async throws {
        let held = try HeldRequests()
        held.host.router.map("seq") { message in Result(data: message.seq.map { .string($0.rText) }) }
        var seen: [Value?] = []
        for _ in 0..<2 {
            let options = CallOptions(cache: true)
            let bytes: Bytes = [1]
            switch verb {
            case .write: seen.append(await held.client.write("seq", nil, bytes, options: options).data)
            default: seen.append(try await call(verb, held.client, "seq", nil, options).data)
            }
        }
        #expect(seen == (verb == .write ? ["R1", "R2"] : ["R1", "R1"]))
    }

    @Test("only the timeout that is given counts: none by default, and zero has passed", arguments: Verb.allCases)
    func timeouts(_ verb: Verb) async throws {
        let held = try HeldRequests()
        let none = try await call(verb, held.client, "held", nil, CallOptions(timeout: .zero))
        #expect(none.err?.kind == .timeout)
        held.host.router.map("left") { message in Result(data: .bool(message.timeLeft != nil)) }
        #expect(try await call(verb, held.client, "left").data == false)
        #expect(try await call(verb, held.client, "left", nil, .deadline).data == true)
    }

    /// The host tells without pause what nobody wants to know. A thread that waits reads it, and keeps its deadline.
    @Test("a deadline is kept while the host floods", arguments: [IdlePolicy.adaptive, .spin])
    func flood(_ idle: IdlePolicy) async throws {
        let host = try Host.embedded()
        let isOver = Atomic<Bool>(false)
        host.router.map(
            "never",
            async: { _ in
                try await Task.sleep(for: .seconds(600))
                return Result()
            })
        var options = ClientOptions()
        options.idle = idle
        let client = try await host.connect(options: options)
        #expect(client.sendSync("ping").isOK)
        async let flood: Void = onThreads(2) { _ in
            while !isOver.load(ordering: .relaxed) { try host.push(.int(1)) }
        }
        try await onThread {
            for _ in 0..<5 {
                try expectEqual(
                    client.sendSync("never", options: CallOptions(timeout: .milliseconds(20))).err?.kind, .timeout)
            }
        }
        isOver.store(true, ordering: .relaxed)
        try await flood
        host.stop()
    }
}
