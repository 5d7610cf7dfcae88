// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase

extension Message {
    /// When the client gives this request up; `nil` when it waits as long as it takes. The handler is cancelled then.
    ///
    /// Each call reads the clock: keep the answer rather than ask for it again.
    public var deadline: ContinuousClock.Instant? { timeLeft.map { .now + $0 } }

    /// How long the client will still wait; zero when it has given up, `nil` when it waits as long as it takes.
    public var timeLeft: Duration? {
        let deadline = storage.header.deadline
        guard deadline != 0, let sender = unsafe storage.fields.pointee.sender else { return nil }
        // Milliseconds since the link's start, of which 32 bits travel: they wrap after 49 days, so the sign of the
        // difference decides.
        let now = (oro_now() - sender.start) / 1_000_000
        return .milliseconds(max(0, Int64(Int32(bitPattern: deadline &- UInt32(truncatingIfNeeded: now)))))
    }
}

extension CallOptions {
    /// For a call on behalf of `message`, in its handler: it ends when the handler's own client gives up.
    ///
    /// ```swift
    /// host.router.map("report", async: { message in
    ///     await storage.request("rows", options: CallOptions(within: message))
    /// })
    /// ```
    ///
    /// With `timeout` it ends then, if that is sooner.
    public init(within message: Message, timeout: Duration? = nil, signal: AbortSignal? = nil) {
        let limits = [message.timeLeft, timeout].compactMap(\.self)
        self.init(timeout: limits.min(), signal: signal)
    }
}
