// SPDX-License-Identifier: Apache-2.0

import CSupport

/// A task that is suspended until somebody tells it to look again.
///
/// What it then looks at must be behind a lock: ThreadSanitizer does not see that a task is resumed after somebody
/// asked for it, but it does see who had a lock before whom.
@safe package struct SuspendedTask: Sendable {
    private let continuation: UnsafeContinuation<Void, Never>

    /// Suspends the calling task. `keep` puts the value where somebody finds it, who must call ``resume()`` once; or it
    /// answers false, and the task goes on at once.
    ///
    /// Where a cancelled task is resumed by its cancellation handler, `keep` looks at `Task.isCancelled` with the lock
    /// that the handler takes: the handler may have run before, and found nobody.
    package nonisolated(nonsending) static func suspend(_ keep: (SuspendedTask) -> Bool) async {
        unsafe await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            let task = unsafe SuspendedTask(continuation: continuation)
            if !keep(task) { task.resume() }
        }
    }

    /// Not with the lock that `keep` takes.
    package func resume() {
        // Called once: whoever calls it has taken the value out of where it was kept.
        // It reads where the task's frame is before the task runs on, which ThreadSanitizer does not know.
        oro_tsan_ignore_reads(true)
        unsafe continuation.resume()
        oro_tsan_ignore_reads(false)
    }
}

/// Who waits for something: a task, or a caller that is none.
package enum Waiter: Sendable {
    case task(SuspendedTask)
    case callback(@Sendable () -> Void)

    /// Once, and not with the lock that it is kept behind.
    package func resume() {
        switch self {
        case .task(let task): task.resume()
        case .callback(let call): call()
        }
    }
}
