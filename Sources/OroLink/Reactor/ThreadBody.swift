// SPDX-License-Identifier: Apache-2.0

import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What a thread runs from its start to its end, as itself or inside a task.
///
/// Inside a task it sees the task-local values of whoever made it, as the tasks that it makes do, and they have that
/// task's priority.
package final class ThreadBody: TaskExecutor, Sendable {
    private let body: @Sendable () -> Void
    /// The only job of the task, which runs `body`.
    private let job = Locked<UnownedJob?>(nil)
    private let isAbandoned = Atomic<Bool>(false)

    package init(inTask: Bool, _ body: @escaping @Sendable () -> Void) {
        self.body = body
        // Its job comes to `enqueue` at once.
        if inTask { Task(executorPreference: self) { [self] in runBody() } }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        self.job.withLock { $0 = unowned }
    }

    private func runBody() {
        if !isAbandoned.load(ordering: .relaxed) { body() }
    }

    /// Starts the thread. Once.
    package func start() throws(LinkError) -> pthread_t {
        let box = unsafe Unmanaged.passRetained(self)
        var id = pthread_t()
        let status = unsafe pthread_create(
            &id, nil,
            { argument in
                // The reference that was retained above.
                unsafe Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue().run()
                return nil
            }, box.toOpaque())
        guard status == 0 else {
            unsafe box.release()
            // The task has to end, too.
            isAbandoned.store(true, ordering: .relaxed)
            run()
            throw .system(call: "pthread_create", errno: status)
        }
        return id
    }

    private func run() {
        let job = job.withLock { $0.take() }
        if let job {
            unsafe job.runSynchronously(on: asUnownedTaskExecutor())
        } else {
            runBody()
        }
    }
}
