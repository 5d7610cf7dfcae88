// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame
import OroLink

/// When a call that has several parts is over before its result is there: at its timeout, or when its signal is
/// aborted.
struct CallLimit: Sendable {
    private let verb: CallVerb
    private let signal: AbortSignal?
    /// `oro_now`; `nil`: never.
    private let deadline: UInt64?

    init(_ options: CallOptions, _ verb: CallVerb) {
        self.verb = verb
        signal = options.signal
        deadline = options.timeout.map { oro_now() + $0.nanoseconds }
    }

    /// Why the call is over; `nil` as long as it is not.
    var ending: IPCError? {
        if let signal, signal.isAborted { return .abort(signal) }
        if let deadline, oro_now() >= deadline { return .timedOut(verb) }
        return nil
    }

    /// What is left of the timeout.
    var remaining: Duration? {
        deadline.map { deadline in
            let now = oro_now()
            return .nanoseconds(deadline > now ? deadline - now : 0)
        }
    }

    /// Suspends the calling task until somebody resumes it; where the call is over, or the task is cancelled, `giveUp`
    /// is called, which sees to that. `keep` as for ``SuspendedTask/suspend(_:)``; it looks at ``ending`` and whether
    /// the task is cancelled.
    func suspend(_ giveUp: @escaping @Sendable () -> Void, _ keep: (SuspendedTask) -> Bool) async {
        let token = signal?.listen { _ in giveUp() }
        let timer = remaining.map { remaining in
            Task.detached {
                try? await Task.sleep(for: remaining)
                giveUp()
            }
        }
        defer {
            timer?.cancel()
            if let token { signal?.unlisten(token) }
        }
        await withTaskCancellationHandler {
            await SuspendedTask.suspend(keep)
        } onCancel: {
            giveUp()
        }
    }
}
