// SPDX-License-Identifier: Apache-2.0

import CSupport
import DequeModule
import OroLink

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Threads for asynchronous handlers, all made when the host is, for processes that may not get one when they need it.
///
/// Elsewhere handlers run on Swift's own threads. Those are made when work comes, on the thread it comes from, and
/// where the system refuses one that thread sleeps and tries again, for ever: the host's must not.
// Sendable: everything is in `queue`, or constant.
package final class HandlerPool: TaskExecutor, Sendable {
    private let queue = Locked<Deque<UnownedJob>>([])
    /// Changes when there is something in the queue.
    private let word = Word()
    /// Its threads do not go along to a forked child.
    private let birth = ProcessBirth()

    /// That of this process, once a host has needed one. Its threads stay, as Swift's do.
    private static let shared = Locked<HandlerPool?>(nil)

    /// `nil`: threads are not scarce here. Throws when they cannot be made.
    package static func whereNeeded() throws(LinkError) -> HandlerPool? {
        guard oro_threads_are_scarce() else { return nil }
        // A child that is forked meanwhile would find it locked.
        oro_fork_hold()
        defer { oro_fork_release() }
        return try shared.withLock { (shared) throws(LinkError) in
            if let shared, !shared.birth.isForeign { return shared }
            let pool = HandlerPool()
            for number in 0..<max(2, min(16, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) {
                do throws(LinkError) {
                    pthread_detach(try ThreadBody(inTask: false) { pool.serve() }.start())
                } catch {
                    // One does all the work, if slowly.
                    if number == 0 { throw error }
                    break
                }
            }
            shared = pool
            return pool
        }
    }

    /// For a task that is made on a thread that must not wait; `nil`: Swift's own threads can be relied on.
    package static var current: HandlerPool? {
        shared.withLock { pool in pool.flatMap { $0.birth.isForeign ? nil : $0 } }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        queue.withLock { $0.append(unowned) }
        word.change()
    }

    private func serve() {
        while true {
            let seen = word.now
            if let job = queue.withLock({ $0.popFirst() }) {
                unsafe job.runSynchronously(on: asUnownedTaskExecutor())
            } else {
                word.wait(while: seen, nanoseconds: 0)
            }
        }
    }
}
