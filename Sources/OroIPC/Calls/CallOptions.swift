// SPDX-License-Identifier: Apache-2.0

import Logging
import OroBase
import OroFrame
import OroLink

/// What a single call may ask for.
public struct CallOptions: Sendable {
    /// How long to wait for the result; then it is a `TimeoutError`. `nil`: no limit. `.milliseconds(TIMEOUT)` is
    /// usual.
    public var timeout: Duration?
    /// Ends the wait when it is aborted; the result is then an `AbortError`.
    public var signal: AbortSignal?
    /// What happens when the payload needs a block and none is free.
    public var whenFull: WhenFull
    /// The caller's own number for the request, of any size. `nil`: the next of the client's own 1, 2, 3, …
    public var seq: Seq?
    /// The result of an earlier call with the same command and parameters will do, when that had this option too;
    /// nothing is sent then. Errors are never kept, nor the results of calls with bytes or headers. See
    /// ``Client/forgetCachedResults()``.
    public var cache: Bool
    /// What the answer is to be.
    public var responseType: ResponseType
    /// The handler may run more than once for this request without harm: when the link ends before the answer comes,
    /// the client sends it again (``ReconnectPolicy``).
    public var isIdempotent: Bool
    /// Headers that go with the request, for ``Message/headers`` in its handler; `nil`: none.
    public var headers: Headers?

    @inlinable
    public init(
        timeout: Duration? = nil, signal: AbortSignal? = nil, seq: Seq? = nil, whenFull: WhenFull = .copy,
        cache: Bool = false, responseType: ResponseType = .any, headers: Headers? = nil, isIdempotent: Bool = false
    ) {
        self.timeout = timeout
        self.signal = signal
        self.seq = seq
        self.whenFull = whenFull
        self.cache = cache
        self.responseType = responseType
        self.headers = headers
        self.isIdempotent = isIdempotent
    }

    /// Neither the cache nor another shape is asked for.
    var isPlain: Bool { !cache && responseType == .any }

    /// Waits ``TIMEOUT`` milliseconds.
    public static var deadline: CallOptions { CallOptions(timeout: .milliseconds(TIMEOUT)) }
}

extension Duration {
    /// In nanoseconds, not negative, and at most some thirty years.
    var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        return UInt64(max(0, min(Double(seconds) * 1e9 + Double(attoseconds) / 1e9, 1e18)))
    }
}
