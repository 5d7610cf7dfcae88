// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroLink

/// The tasks of a host's thread that run asynchronous handlers there. Belongs to that thread.
// Sendable: used on the host's thread, and once that has ended by whoever closes the host.
@safe final class HandlerWorkers: @unchecked Sendable {
    fileprivate let executor: ReactorExecutor
    private let priority: TaskPriority?
    /// Outside the object: no access needs a check for exclusivity.
    private let idleBox: UnsafeMutablePointer<[HandlerWorker]>
    private var idle: [HandlerWorker] {
        unsafeAddress { unsafe UnsafePointer(idleBox) }
        unsafeMutableAddress { unsafe idleBox }
    }

    /// The host has stopped, perhaps from within a handler.
    private var isClosed = false

    /// More than so many that have nothing to do are not kept.
    private static let mostIdle = 64

    init(_ executor: ReactorExecutor, _ priority: TaskPriority?) {
        self.executor = executor
        self.priority = priority
        unsafe idleBox = .allocate(capacity: 1)
        unsafe idleBox.initialize(to: [])
    }

    deinit {
        unsafe idleBox.deinitialize(count: 1)
        unsafe idleBox.deallocate()
    }

    /// A worker that is to run `handler`, and the job that starts it; `nil` when the host's thread has come to its end.
    func begin(_ handler: @escaping Router.AsyncHandler, _ message: Message) -> (HandlerWorker, UnownedJob)? {
        guard executor.jobs.isCurrent, !isClosed else { return nil }
        let worker = idle.popLast() ?? HandlerWorker(self)
        worker.assign(handler, message)
        let job = executor.jobs.catchJob { worker.resume(priority) }
        return job.map { (worker, $0) }
    }

    /// Runs a job of a worker until it waits for something.
    func run(_ job: UnownedJob) { executor.jobs.run(job) }

    /// A worker is through, and suspended. False: it is not needed any more.
    fileprivate func takeBack(_ worker: HandlerWorker) -> Bool {
        guard executor.jobs.isCurrent, !isClosed, idle.count < HandlerWorkers.mostIdle else { return false }
        idle.append(worker)
        return true
    }

    /// Ends the workers that have nothing to do; the others end with their handlers.
    func close() {
        isClosed = true
        for worker in idle { worker.end() }
        idle = []
    }
}

/// A task on the host's thread that runs asynchronous handlers one after another, so that none is made for a request.
///
/// Whoever starts a handler runs the task on the spot and watches whether it comes to its end. A handler that waits for
/// something is left alone then, and answers when it is through; the next request gets another worker.
// Sendable: used on the host's thread only; once that has ended, the task alone has it.
@safe final class HandlerWorker: @unchecked Sendable {
    /// For whom a handler works that has waited for something.
    struct Asker {
        weak var core: HostCore?
        var link: UInt64
        var request: FrameHeader
        var wideSeq: Seq?
        var serial: UInt64
    }

    /// Outside the object: no access needs a check for exclusivity.
    @safe private struct State {
        var handler: Router.AsyncHandler?
        var message: Message?
        /// While it has nothing to do.
        var continuation: UnsafeContinuation<Void, Never>?
        var task: Task<Void, Never>?
        /// Whoever started the handler waits on the stack.
        var isWatched = false
        var outcome: Result?
        var asker: Asker?
    }

    private let state: UnsafeMutablePointer<State>
    private let all: HandlerWorkers

    fileprivate init(_ all: HandlerWorkers) {
        self.all = all
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: State())
    }

    deinit {
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    /// What cancels the handler.
    var task: Task<Void, Never> {
        // Set when it was first resumed.
        unsafe state.pointee.task!
    }

    fileprivate func assign(_ handler: @escaping Router.AsyncHandler, _ message: Message) {
        unsafe state.pointee.handler = handler
        unsafe state.pointee.message = message
        unsafe state.pointee.isWatched = true
    }

    /// Puts its job on the executor.
    fileprivate func resume(_ priority: TaskPriority?) {
        if let continuation = unsafe state.pointee.continuation.take() { return unsafe continuation.resume() }
        // One function to its end: each that is asynchronous, and each return of one, looks for the executor it belongs
        // to.
        unsafe state.pointee.task = Task(executorPreference: all.executor, priority: priority) { [self] in
            while hasWork {
                let result: Result
                do {
                    // Nothing of the request is kept while the task rests.
                    result = try await takeHandler()(takeMessage())
                } catch {
                    result = Result(catching: error)
                }
                guard done(consume result) else { break }
                unsafe await withUnsafeContinuation { unsafe rest($0) }
            }
            unsafe state.pointee.task = nil
        }
    }

    /// The result of the handler, where it has come to its end at once; then the worker is free again. Else the handler
    /// waits for something, and its result goes to `asker`.
    func watched(_ asker: () -> Asker) -> Result? {
        unsafe state.pointee.isWatched = false
        if let outcome = unsafe state.pointee.outcome.take() { return outcome }
        unsafe state.pointee.asker = asker()
        return nil
    }

    /// It was resumed to run a handler, and not to end.
    private var hasWork: Bool { unsafe state.pointee.handler != nil }

    private func takeHandler() -> Router.AsyncHandler {
        // Asked for when there is one.
        unsafe state.pointee.handler.take()!
    }

    private func takeMessage() -> Message {
        // Given with the handler.
        unsafe state.pointee.message.take()!
    }

    /// The handler has come to its end. False: so does the task.
    private func done(_ result: consuming Result) -> Bool {
        if unsafe state.pointee.isWatched {
            unsafe state.pointee.outcome = result
        } else if let asker = unsafe state.pointee.asker.take() {
            asker.core?.finishHere(asker.link, asker.request, asker.wideSeq, serial: asker.serial, result)
        }
        // A cancelled task stays so: the next handler must not see it.
        return !Task.isCancelled
    }

    /// The task is suspended until there is another handler to run, or none ever more.
    private func rest(_ continuation: UnsafeContinuation<Void, Never>) {
        unsafe state.pointee.continuation = unsafe continuation
        if !all.takeBack(self) { end() }
    }

    fileprivate func end() {
        let continuation = unsafe state.pointee.continuation.take()
        unsafe continuation?.resume()
    }
}
