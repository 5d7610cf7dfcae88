// SPDX-License-Identifier: Apache-2.0

import CSupport
import DequeModule
import Synchronization

/// The jobs of tasks and actors that are to run on a reactor's thread.
// Sendable: `state` belongs to the reactor's thread, and once that has ended to whoever closes; the rest is atomic or
// locked.
@safe package final class ReactorJobs: @unchecked Sendable {
    /// A job, and whether it is an actor's: the runtime wants to know on which of the two executors it runs.
    private struct Entry {
        var job: UnownedJob
        var isActors: Bool
    }

    /// What belongs to the thread, outside the object: no access needs a check for exclusivity.
    @safe private struct State {
        /// Jobs that came from this very thread, for its next turn.
        var near: ContiguousArray<Entry> = []
        /// Jobs of this turn, and how many of them were run.
        var current: ContiguousArray<Entry> = []
        var ran = 0
        /// The next job is for ``catchJob(_:)``.
        var isCatching = false
        var caught: UnownedJob?
        var tasks: UnownedTaskExecutor?
        var actors: UnownedSerialExecutor?
    }

    /// Jobs that came from other threads.
    private struct Far {
        var jobs: Deque<Entry> = []
        /// The thread has ended.
        var isClosed = false
        /// A task runs what comes, one job after another.
        var isDrained = false
    }

    private let thread: ReactorThread
    private let state: UnsafeMutablePointer<State>
    private let far = Locked(Far())
    private let hasFar = Atomic<Bool>(false)
    private let isOpen = Atomic<Bool>(true)

    init(_ thread: ReactorThread) {
        self.thread = thread
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: State())
    }

    deinit {
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    /// The caller runs on its thread.
    package var isCurrent: Bool { isOpen.load(ordering: .relaxed) && thread.isCurrent }

    /// The executors of the two kinds of jobs. Whoever has a job on one of them keeps that one.
    func know(tasks: UnownedTaskExecutor, actors: UnownedSerialExecutor) {
        unsafe state.pointee.tasks = unsafe tasks
        unsafe state.pointee.actors = unsafe actors
    }

    func put(_ job: UnownedJob, isActors: Bool) {
        let entry = Entry(job: job, isActors: isActors)
        if isCurrent {
            // On the thread that owns it.
            if unsafe state.pointee.isCatching {
                unsafe state.pointee.isCatching = false
                unsafe state.pointee.caught = entry.job
                return
            }
            unsafe state.pointee.near.append(entry)
            // In a foreign event loop, between two turns.
            if thread.isAsleep { thread.wakeUp() }
            return
        }
        let mustDrain = far.withLock { far in
            far.jobs.append(entry)
            if !far.isClosed || far.isDrained { return false }
            far.isDrained = true
            return true
        }
        if mustDrain { return drain() }
        hasFar.store(true, ordering: .sequentiallyConsistent)
        thread.wakeUp()
    }

    // MARK: On the thread

    /// There are jobs. May be asked before a sleep, after it was announced.
    var hasAny: Bool { hasHere || hasFar.load(ordering: .sequentiallyConsistent) }

    private var hasHere: Bool { unsafe !state.pointee.near.isEmpty || !state.pointee.current.isEmpty }

    /// Whether jobs wait for the thread that asks: whoever polls in one of them holds them up.
    package var hasOthers: Bool { hasHere || hasFar.load(ordering: .relaxed) }

    /// Runs the jobs that are there now, until the clock (`oro_ticks`) has passed `end`; what is left, and what they
    /// add, is for the next turn.
    func run(until end: UInt64) {
        if unsafe state.pointee.current.isEmpty { take() }
        while unsafe state.pointee.ran < state.pointee.current.count {
            let entry = unsafe state.pointee.current[state.pointee.ran]
            unsafe state.pointee.ran += 1
            run(entry)
            if unsafe state.pointee.ran & 3 == 0, oro_ticks() > end { break }
        }
        if unsafe state.pointee.ran >= state.pointee.current.count {
            unsafe state.pointee.current.removeAll(keepingCapacity: true)
            unsafe state.pointee.ran = 0
        }
    }

    /// Makes what is there now the jobs of this turn.
    private func take() {
        if hasFar.load(ordering: .relaxed) {
            hasFar.store(false, ordering: .sequentiallyConsistent)
            far.withLock { far in
                unsafe state.pointee.near.append(contentsOf: far.jobs)
                far.jobs.removeAll(keepingCapacity: true)
            }
        }
        unsafe swap(&state.pointee.current, &state.pointee.near)
    }

    /// What `resume` puts on this executor, for the caller to ``run(_:)`` at once in place of the next turn; `nil` when
    /// it put nothing there. On the thread.
    @inline(__always)
    package func catchJob(_ resume: () -> Void) -> UnownedJob? {
        unsafe state.pointee.isCatching = true
        resume()
        unsafe state.pointee.isCatching = false
        return unsafe state.pointee.caught.take()
    }

    @inline(__always)
    package func run(_ job: UnownedJob) {
        // Known from the start.
        unsafe job.runSynchronously(on: state.pointee.tasks!)
    }

    @inline(__always)
    private func run(_ entry: Entry) {
        if !entry.isActors { return run(entry.job) }
        unsafe entry.job.runSynchronously(on: state.pointee.actors!)
    }

    // MARK: After the thread

    /// The thread runs no more jobs: what is left, and what still comes, runs elsewhere. On the thread, or once it has
    /// ended.
    func close() {
        isOpen.store(false, ordering: .sequentiallyConsistent)
        let left = unsafe state.pointee.current[state.pointee.ran...] + state.pointee.near
        unsafe (state.pointee.current, state.pointee.near, state.pointee.ran) = ([], [], 0)
        let mustDrain = far.withLock { far in
            far.isClosed = true
            far.jobs.insert(contentsOf: left, at: 0)
            if far.jobs.isEmpty || far.isDrained { return false }
            far.isDrained = true
            return true
        }
        if mustDrain { drain() }
    }

    /// One task at a time: actors on this executor keep their isolation.
    private func drain() {
        Task.detached { [self] in
            while let entry = nextFar() { run(entry) }
        }
    }

    private func nextFar() -> Entry? {
        far.withLock { far in
            if far.jobs.isEmpty {
                far.isDrained = false
                return nil
            }
            return far.jobs.removeFirst()
        }
    }
}
