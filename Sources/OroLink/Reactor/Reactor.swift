// SPDX-License-Identifier: Apache-2.0

import CSupport
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What a reactor works for. All calls come on the reactor's thread.
package protocol ReactorService: AnyObject, Sendable {
    /// Looks at everything that is awake. True when there was something.
    func reactorPolls() -> Bool
    /// A descriptor that was added with this key has news, or is watched no more.
    func reactorHandles(_ event: Poller.Event)
    /// Arms everything that is awake, for sleep. False when something turned up after all.
    func reactorArms() -> Bool
    /// Polling would stand in the way of a peer on this processor.
    func reactorSharesProcessor() -> Bool
    /// The time (`oro_now`) at which `reactorTicks` is due; `.max` for never.
    func reactorNextDeadline() -> UInt64
    func reactorTicks(_ now: UInt64)
}

/// A loop that serves links: polls while there is traffic, sleeps in io_uring or epoll when there is none.
///
/// Runs on a thread of its own (``start()``) or in turns of a foreign event loop (``turn()`` when ``descriptor`` is
/// readable, and at the time that it answers).
// Sendable: `poller` and `state` belong to the reactor's thread; the rest is atomic or in a mutex.
@usableFromInline
@safe package final class Reactor: @unchecked Sendable {
    package let poller: Poller
    /// Owns this reactor, and stops it before it goes.
    private unowned(unsafe) let service: any ReactorService
    /// Outside the object: no access of the loop needs a check for exclusivity.
    private let state: UnsafeMutablePointer<State>
    /// Ticks between two looks at deadlines, and at descriptors where that costs a system call.
    private let lookEvery: UInt64
    /// Ticks after which a turn of a foreign event loop, or of one thing among others, is over.
    private let turnEnds: UInt64
    private let thread: ReactorThread
    /// Runs tasks on the reactor's thread.
    package let executor: ReactorExecutor
    /// What is to run on the reactor's thread; `nil` when it has stopped for good.
    private let jobs = Locked<[@Sendable () -> Void]?>([])
    private let hasJobs = Atomic<Bool>(false)
    private let stopping = Atomic<Bool>(false)
    /// Held while the loop runs: who stops it from another thread waits for its end.
    private let running = Locked(true)
    private let ownThread = Locked<pthread_t?>(nil)
    private let generation = oro_generation()

    /// This process was forked from the one that made the reactor, whose thread, descriptors and locks are that one's.
    package var isForeign: Bool { generation != oro_generation() }

    private struct State {
        var strategy: IdleStrategy
        var lastLook: UInt64 = 0
        /// Jobs that are run now, and how many of them were; what is left is for the next turn.
        var jobs: [@Sendable () -> Void] = []
        var jobsRun = 0
        /// The loop, or a turn of it, runs on this thread.
        var isInside = false
        /// It was stopped from within, by a job or a handler that is not through yet: the rest of stopping is for its
        /// end.
        var closesAtEnd = false
        /// In a foreign event loop: everything is armed, since when, in ticks.
        var isArmed = false
        var armedAt: UInt64 = 0
    }

    deinit {
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    /// Keys below this are the reactor's own.
    package static let firstKey: UInt64 = 1
    private static let wakeupKey: UInt64 = 0

    package init(service: any ReactorService, backend: WakeBackend?, idle: IdlePolicy) throws(LinkError) {
        poller = try Poller(backend)
        thread = try ReactorThread()
        unsafe self.service = service
        // Last: an error before everything is set frees nothing that is in memory of its own.
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: State(strategy: IdleStrategy(idle)))
        executor = ReactorExecutor(thread)
        let microsecond = oro_ticks_per_us()
        lookEvery = 200 * microsecond
        turnEnds = 1000 * microsecond
    }

    package var backend: WakeBackend { poller.backend }
    package var descriptor: Int32 { poller.descriptor }
    package var isReactorThread: Bool { thread.isCurrent }
    /// On its thread, which looks around before it sleeps.
    package var isAwakeHere: Bool { thread.isCurrent && !thread.isAsleep }

    /// Runs `job` on the reactor's thread, soon. Any thread. False, and `job` is dropped, after ``stop()``.
    @discardableResult
    package func submit(_ job: @escaping @Sendable () -> Void) -> Bool {
        if isForeign { return false }
        let isTaken = jobs.withLock { jobs in
            jobs?.append(job)
            return jobs != nil
        }
        guard isTaken else { return false }
        hasJobs.store(true, ordering: .sequentiallyConsistent)
        wakeUp()
        return true
    }

    /// Ends a sleep. Any thread.
    package func wakeUp() { if !isForeign { thread.wakeUp() } }

    /// Starts the reactor's thread. With `inTask` what runs on it sees the task-local values that are bound here.
    package func start(inTask: Bool = false) throws(LinkError) {
        if isForeign { throw .forked }
        // The thread keeps the service until it has ended: its last job may drop the last other reference.
        let service: any ReactorService = unsafe service
        let body = ThreadBody(inTask: inTask) { [self] in
            unsafe oro_thread_name("oro-reactor")
            withExtendedLifetime(service) { run() }
        }
        let id = try body.start()
        ownThread.withLock { $0 = id }
    }

    /// Makes the loop end; returns when it has, unless called on its thread.
    package func stop() {
        if isForeign { return }
        stopping.store(true, ordering: .sequentiallyConsistent)
        wakeUp()
        let own = ownThread.withLock { $0.take() }
        if isReactorThread {
            if let own { pthread_detach(own) }
            // Jobs would go on elsewhere while whoever runs one here still looks at it.
            if unsafe state.pointee.isInside {
                unsafe state.pointee.closesAtEnd = true
                return
            }
        } else {
            if let own { pthread_join(own, nil) }
            running.withLock { _ in }
        }
        close()
    }

    /// The loop, or a turn of it.
    private func inside<R>(_ body: () -> R) -> R {
        unsafe state.pointee.isInside = true
        let answer = body()
        unsafe state.pointee.isInside = false
        if unsafe state.pointee.closesAtEnd {
            unsafe state.pointee.closesAtEnd = false
            close()
        }
        return answer
    }

    /// Nothing runs on its thread any more. On that thread, or once it has ended.
    private func close() {
        executor.jobs.close()
        // Jobs hold what they work on, which may hold this reactor: none is left behind.
        let last = jobs.withLock { jobs in
            defer { jobs = nil }
            return jobs
        }
        runJobs()
        for job in last ?? [] { job() }
    }

    /// The loop, until ``stop()``, or until `goOn` says no; it is asked in every turn.
    package func run(while goOn: () -> Bool = { true }) {
        if isForeign { return }
        running.withLock { _ in inside { loop(while: goOn) } }
    }

    private func loop(while goOn: () -> Bool) {
        begin()
        _ = unsafe state.pointee.strategy.wait(
            poll: {
                if stopping.load(ordering: .relaxed) || isForeign || !goOn() { return .over }
                return look() ? .progress : .nothing
            },
            // Its service does that, which knows what to look at.
            spin: { _ in false },
            sharesProcessor: { unsafe service.reactorSharesProcessor() },
            housekeep: {
                // Long without progress: whoever else wants this processor may have it.
                oro_yield()
                return true
            },
            park: { sleep() })
        // Those in hand, and what has come since.
        for _ in 0..<2 { runJobs() }
    }

    /// One turn for a foreign event loop: does all there is to do, and leaves everything armed. Answers the nanoseconds
    /// after which the next turn is due even if the descriptor stays silent; `nil` for never. Where there is more to do
    /// than a turn takes, about a millisecond, it answers 0 and arms nothing.
    package func turn() -> UInt64? {
        isForeign ? nil : running.withLock { _ in inside { turnOnce() } }
    }

    /// One turn for a loop that has nothing else to do: where nothing is there it looks for what comes, as long as the
    /// idle policy says and at most `nanoseconds`, and only then leaves everything armed, as ``turn()`` does. As soon
    /// as something was done it answers 0, and nothing is armed: the caller sees what it was, and turns again.
    package func turn(spinning nanoseconds: UInt64) -> UInt64? {
        isForeign ? nil : running.withLock { _ in inside { comes(within: nanoseconds) ? 0 : turnOnce() } }
    }

    /// True as soon as something was done.
    private func comes(within nanoseconds: UInt64) -> Bool {
        begin()
        thread.awake()
        if unsafe state.pointee.isArmed {
            unsafe state.pointee.isArmed = false
            unsafe state.pointee.strategy.slept(oro_ticks() &- state.pointee.armedAt)
            // What has rung says whom to look at.
            _ = handleEvents(0)
        }
        tick()
        let end = oro_ticks() &+ nanoseconds &* oro_ticks_per_us() / 1000
        return unsafe state.pointee.strategy.wait(
            poll: { look() ? .arrived : .nothing },
            spin: { _ in false },
            sharesProcessor: { unsafe oro_ticks() > end || service.reactorSharesProcessor() },
            housekeep: { true },
            park: { .over })
    }

    private func turnOnce() -> UInt64? {
        begin()
        thread.awake()
        tick()
        let end = oro_ticks() &+ turnEnds
        var looks = 0
        repeat {
            thread.awake()
            while look() {
                looks += 1
                // Some looks in any case: the clock may have run while this thread did not.
                if looks >= Reactor.looksOfTurn, oro_ticks() > end { return 0 }
            }
            thread.fallAsleep()
            looks += 1
            if looks >= Reactor.looksOfTurn, oro_ticks() > end {
                thread.awake()
                return 0
            }
        } while unsafe hasWork || !service.reactorArms() || handleEvents(0)
        unsafe state.pointee.isArmed = true
        unsafe state.pointee.armedAt = oro_ticks()
        let next = unsafe service.reactorNextDeadline()
        if next == .max { return nil }
        let now = oro_now()
        return next > now ? next - now : 0
    }

    private static let looksOfTurn = 16

    private func begin() {
        guard thread.enter() else { return }
        // On this thread, because an io_uring's polls belong to the thread that asked for them.
        watchWakeups()
    }

    private func watchWakeups() {
        poller.remove(key: Reactor.wakeupKey)
        // Without it the loop wakes for the next descriptor that tells of something, and for deadlines.
        try? poller.add(thread.descriptor, key: Reactor.wakeupKey)
    }

    /// Something was handed to this thread. After the sleep was announced.
    private var hasWork: Bool {
        unsafe hasJobs.load(ordering: .sequentiallyConsistent) || executor.jobs.hasAny || !state.pointee.jobs.isEmpty
    }

    /// Everything once. True when there was something.
    private func look() -> Bool {
        var progressed = false
        if unsafe hasJobs.load(ordering: .relaxed) || !state.pointee.jobs.isEmpty {
            runJobs(until: oro_ticks() &+ lookEvery)
            progressed = true
        }
        if executor.jobs.hasOthers {
            executor.jobs.run(until: oro_ticks() &+ lookEvery)
            progressed = true
        }
        if unsafe service.reactorPolls() { progressed = true }
        // io_uring shows its completions in memory; epoll has to be asked, now and then.
        if poller.backend == .ioUring, poller.pending, handleEvents(0) { progressed = true }
        // Deadlines come under load as well.
        let now = oro_ticks()
        if unsafe now &- state.pointee.lastLook > lookEvery {
            unsafe state.pointee.lastLook = now
            if poller.backend == .epoll, handleEvents(0) { progressed = true }
            tick()
        }
        return progressed
    }

    private func tick() {
        let now = oro_now()
        if unsafe service.reactorNextDeadline() <= now { unsafe service.reactorTicks(now) }
    }

    private func handleEvents(_ nanoseconds: UInt64) -> Bool {
        var heard = false
        var limit = nanoseconds
        var end = UInt64.max
        // What is left is found at the next look.
        while poller.wait(
            limit,
            { event in
                heard = true
                if event.key != Reactor.wakeupKey { return unsafe service.reactorHandles(event) }
                if event.lost != nil { watchWakeups() }
            })
        {
            let now = oro_ticks()
            if end == .max { end = now &+ turnEnds }
            if now > end { break }
            limit = 0
        }
        return heard
    }

    private func sleep() -> ParkOutcome {
        guard unsafe service.reactorArms() else { return .found }
        thread.fallAsleep()
        // SYNC: sequentially consistent on both sides, so that either `submit` sees the sleep or we see the job.
        if !hasWork && !stopping.load(ordering: .sequentiallyConsistent) {
            let next = unsafe service.reactorNextDeadline()
            let now = next == .max ? 0 : oro_now()
            _ = handleEvents(next == .max ? .max : next > now ? next - now : 0)
        }
        thread.awake()
        tick()
        return .slept(isOver: false)
    }

    /// Runs the jobs that are there now, in order, until the clock has passed `end`; what is left is for the next call.
    private func runJobs(until end: UInt64 = .max) {
        if unsafe state.pointee.jobs.isEmpty {
            hasJobs.store(false, ordering: .sequentiallyConsistent)
            let taken = jobs.withLock { jobs in
                defer { jobs?.removeAll(keepingCapacity: true) }
                return jobs
            }
            unsafe state.pointee.jobs = taken ?? []
            unsafe state.pointee.jobsRun = 0
        }
        while unsafe state.pointee.jobsRun < state.pointee.jobs.count {
            let job = unsafe state.pointee.jobs[state.pointee.jobsRun]
            unsafe state.pointee.jobsRun += 1
            job()
            if oro_ticks() > end { break }
        }
        if unsafe state.pointee.jobsRun >= state.pointee.jobs.count { unsafe state.pointee.jobs = [] }
    }
}
