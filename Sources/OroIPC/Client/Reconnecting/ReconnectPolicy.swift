// SPDX-License-Identifier: Apache-2.0

/// How a client comes back when its host has ended, or drains (``Host/shutdown(within:reason:)``).
///
/// The client connects to the host's name again: at once, when a socket of that name comes to be in the folder, when a
/// request waits for it, and after ``firstDelay``, twice that, and so on up to ``longestDelay``, each longer or shorter
/// by a quarter at random, so that many clients do not come at once. A link that lives for less than ``longestDelay``
/// does not begin the delays anew.
///
/// Once it is back it listens to the events it listened to. Ports of the old link are closed, and their `close` events
/// say why. A request that was in flight ends with an error whose ``IPCError/delivery`` says how far it came; one that
/// was not sent, or that a draining host refused, is sent again by the client itself, and so is one whose
/// ``CallOptions/isIdempotent`` is set, however far it came. Streams, bodies, posts and requests with ports are not
/// sent again.
public struct ReconnectPolicy: Sendable, Hashable {
    /// Before the second attempt. At least a millisecond.
    public var firstDelay: Duration
    /// Between two attempts.
    public var longestDelay: Duration
    /// How long after the link's end requests wait for the next, or their own timeout where that is shorter; then they
    /// fail with ``IPCError/Delivery/notSent``, and further ones as soon as an attempt made for them has failed.
    public var callsWait: Duration
    /// When to give up, after the link's end; the client is closed then. `nil`: never.
    public var giveUpAfter: Duration?

    public init(
        firstDelay: Duration = .milliseconds(5), longestDelay: Duration = .seconds(1),
        callsWait: Duration = .seconds(2), giveUpAfter: Duration? = nil
    ) {
        self.firstDelay = firstDelay
        self.longestDelay = longestDelay
        self.callsWait = callsWait
        self.giveUpAfter = giveUpAfter
    }

    /// Why it cannot be.
    var problem: String? {
        if firstDelay < .milliseconds(1) { return "reconnect.firstDelay is \(firstDelay), and must be 1 ms at least" }
        if longestDelay < firstDelay {
            return "reconnect.longestDelay is \(longestDelay), less than reconnect.firstDelay, \(firstDelay)"
        }
        if callsWait < .zero { return "reconnect.callsWait is \(callsWait), and must not be negative" }
        if let giveUpAfter, giveUpAfter < .zero {
            return "reconnect.giveUpAfter is \(giveUpAfter), and must not be negative"
        }
        return nil
    }

    /// Nanoseconds before the attempt after `failed` ones.
    func delay(after failed: Int) -> UInt64 {
        let doubled = firstDelay.nanoseconds << UInt64(min(failed, 30))
        let plain = min(doubled, longestDelay.nanoseconds)
        return plain - plain / 4 + UInt64.random(in: 0...plain / 2)
    }
}
