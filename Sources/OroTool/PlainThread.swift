// SPDX-License-Identifier: Apache-2.0

import Dispatch
import OroIPC
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A thread that is not one of the task pool's: it may block, and it stays the same thread.
package final class PlainThread: Sendable {
    private let outcome = Mutex<(any Error)?>(nil)
    private let done = DispatchSemaphore(value: 0)

    package init(_ body: @escaping @Sendable () throws -> Void) throws {
        var id = pthread_t()
        let box = unsafe Unmanaged.passRetained(
            Box { [outcome = Outcome(self)] in
                do { try body() } catch { outcome.thread.outcome.withLock { $0 = error } }
                outcome.thread.done.signal()
            })
        let status = unsafe pthread_create(
            &id, nil,
            { argument in
                // Retained above for this thread.
                unsafe Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue().body()
                return nil
            }, box.toOpaque())
        guard status == 0 else {
            unsafe box.release()
            throw LinkError.system(call: "pthread_create", errno: status)
        }
        pthread_detach(id)
    }

    private struct Outcome: Sendable {
        let thread: PlainThread
        init(_ thread: PlainThread) { self.thread = thread }
    }

    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Waits for its end; throws what its body threw.
    package func join() throws {
        done.wait()
        if let error = outcome.withLock({ $0 }) { throw error }
    }

    /// Blocks this thread until a task, on `executor` if there is one, has done `body`.
    package static func wait<R: Sendable>(
        on executor: (any TaskExecutor)? = nil, _ body: @escaping @Sendable () async throws -> R
    ) throws -> R {
        let holder = Holder<R>()
        let done = DispatchSemaphore(value: 0)
        Task.detached(executorPreference: executor) {
            do {
                let value = try await body()
                holder.value.withLock { $0 = .success(value) }
            } catch {
                holder.value.withLock { $0 = .failure(error) }
            }
            done.signal()
        }
        done.wait()
        guard let outcome = holder.value.withLock({ $0 }) else { throw CancellationError() }
        return try outcome.get()
    }

    private final class Holder<R: Sendable>: Sendable {
        let value = Mutex<Swift.Result<R, any Error>?>(nil)
    }

    /// Runs `body` on a plain thread while the task waits.
    package static func run(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            do {
                _ = try PlainThread {
                    do {
                        try body()
                        continuation.resume()
                    } catch {
                        continuation.resume(throwing: error)
                    }
                }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}
