// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC
import Synchronization

/// The commands with which behaviours look into handlers: where they run, what they see of the request.
struct HandlerFixture {
    let router: Router

    /// `name` on the host's own thread, and on Swift's as `name.elsewhere`.
    private func both(_ name: String, _ handler: @escaping Router.AsyncHandler) {
        router.map(name, on: .reactor, async: handler)
        router.map(name + ".elsewhere", on: .global, async: handler)
    }

    func install() {
        router.map("thread") { _ in Result(data: threadNumber()) }
        both("handler.echo") { message in Result(data: message.value, bytes: message.bytes) }
        both("handler.thread") { message in
            let before = threadNumber()
            if message["waits"]?.bool == true { try await Task.sleep(for: .milliseconds(1)) }
            return Result(data: [before, threadNumber()])
        }
        both("handler.isCancelled") { _ in Result(data: .bool(Task.isCancelled)) }
        both("handler.fail") { message in
            if message["waits"]?.bool == true { try await Task.sleep(for: .milliseconds(1)) }
            throw IPCError(name: "RangeError", message: "as asked")
        }
        // Waits until it is cancelled, and says how it knows.
        let told = Atomics()
        both("handler.wait") { message in
            told.waiting.add(1, ordering: .relaxed)
            await withTaskCancellationHandler {
                while !Task.isCancelled { try? await Task.sleep(for: .seconds(60)) }
            } onCancel: {
                told.cancelled.add(1, ordering: .relaxed)
            }
            return Result(data: "too late")
        }
        router.map("handler.counts") { _ in
            Result(data: [
                .int(Int64(told.waiting.load(ordering: .relaxed))),
                .int(Int64(told.cancelled.load(ordering: .relaxed))),
            ])
        }
        both("handler.children") { message in
            let count = Int64(message.amount("count"))
            async let first: Int64 = {
                await Task.yield()
                return 1
            }()
            let sum = await withTaskGroup(of: Int64.self) { group in
                for index in 0..<count {
                    group.addTask {
                        await Task.yield()
                        return index
                    }
                }
                return await group.reduce(0, +)
            }
            return Result(data: .int(await sum + first))
        }
        router.map("deadline") { message in Result(data: message.left) }
        both("handler.deadline") { message in
            let before = message.left
            await Task.yield()
            return Result(data: [before, message.left, .bool(message.deadline == nil)])
        }
        router.map(
            "handler.note", on: .reactor,
            async: { message in
                await Task.yield()
                told.waiting.add(1, ordering: .relaxed)
                return Result(data: "pendingSocketEvents")
            })
        router.map("priority", on: .reactor, async: { _ in Result(data: .int(Int64(Task.currentPriority.rawValue))) })
    }

    private final class Atomics: Sendable {
        let waiting = Atomic<Int>(0)
        let cancelled = Atomic<Int>(0)
    }
}

private func threadNumber() -> Value { .string("\(pthread_self())") }

extension Message {
    /// Milliseconds left, null without a deadline.
    fileprivate var left: Value {
        guard let left = timeLeft else { return .null }
        return .int(left / .milliseconds(1) >= 1 ? Int64(left / .milliseconds(1)) : 0)
    }
}
