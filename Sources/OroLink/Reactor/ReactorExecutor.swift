// SPDX-License-Identifier: Apache-2.0

/// Runs tasks on the thread that serves links: what a message brings goes on without another thread, a lock or a
/// wake-up. Actors, too: ``serial``.
///
/// ```swift
/// await withTaskExecutorPreference(try client.executor) {
///     for _ in 0..<1000 { print(await client.request("ping")) }    // received and resumed on one thread
/// }
/// ```
///
/// Links are served between two jobs, not during one: what computes for long, or blocks, belongs elsewhere. Once the
/// thread has ended, jobs run one after another on Swift's own threads; none is lost.
public final class ReactorExecutor: TaskExecutor, Sendable {
    package let jobs: ReactorJobs
    /// For actors.
    public let serial: ReactorSerialExecutor

    init(_ thread: ReactorThread) {
        jobs = ReactorJobs(thread)
        serial = ReactorSerialExecutor(jobs)
        // Both refer to objects that live as long as there are jobs for them.
        unsafe jobs.know(tasks: asUnownedTaskExecutor(), actors: serial.asUnownedSerialExecutor())
    }

    /// Runs `job` in the thread's next turn. Any thread, any time.
    public func enqueue(_ job: consuming ExecutorJob) { jobs.put(UnownedJob(job), isActors: false) }

    public func asUnownedTaskExecutor() -> UnownedTaskExecutor { unsafe UnownedTaskExecutor(ordinary: self) }
}

/// Runs actors on the thread of a ``ReactorExecutor``.
///
/// ```swift
/// actor Sessions {
///     let executor: ReactorSerialExecutor
///     nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
///     var count = 0
///     init(on executor: ReactorSerialExecutor) { self.executor = executor }
/// }
/// let sessions = Sessions(on: host.executor.serial)
/// host.router.map("sessions") { _ in Result(data: .int(Int64(sessions.assumeIsolated { $0.count }))) }
/// ```
///
/// A host's synchronous handlers run on that thread, so the state of such an actor is theirs without a lock or an
/// `await`.
public final class ReactorSerialExecutor: SerialExecutor, Sendable {
    private let jobs: ReactorJobs

    fileprivate init(_ jobs: ReactorJobs) { self.jobs = jobs }

    /// Runs `job` in the thread's next turn. Any thread, any time.
    public func enqueue(_ job: consuming ExecutorJob) { jobs.put(UnownedJob(job), isActors: true) }

    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }

    /// For `assumeIsolated` outside of a job: in a synchronous handler.
    public func checkIsolated() {
        precondition(jobs.isCurrent, "not on the thread of this executor")
    }

    /// On the thread everything is isolated; elsewhere nothing is known.
    public func isIsolatingCurrentContext() -> Bool? { jobs.isCurrent ? true : nil }
}
