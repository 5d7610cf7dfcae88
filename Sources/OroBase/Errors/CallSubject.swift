// SPDX-License-Identifier: Apache-2.0

import OroLink

/// What an error of a call that was made on this side is about.
package struct CallSubject: Sendable {
    package let command: String
    /// As the caller has set it; `nil`: none.
    package let timeout: Duration?

    package init(_ command: String, _ timeout: Duration?) {
        self.command = command
        self.timeout = timeout
    }
}

extension IPCError {
    /// The same error with what it is about in its message: the command, and the time that was set or how far the
    /// command came. Not for errors that a host has sent.
    package func about(_ subject: CallSubject) -> IPCError {
        let what: String
        switch (kind, delivery) {
        case (.timeout, _):
            guard let timeout = subject.timeout else { return self }
            let missing = message.hasPrefix("ipc.stream ") ? "chunk" : "answer"
            what = "gave no \(missing) within \(timeout.inMilliseconds)"
        case (.network, .notSent): what = "was not sent"
        case (.network, .refused): what = "was refused"
        case (.network, .unknown): what = "may have run"
        default: return self
        }
        var error = self
        error.message += ": '\(subject.command)' \(what)"
        return error
    }

    /// As ``init(_:_:)``; says which process the peer was where it is gone.
    package init(_ error: LinkError, _ delivery: Delivery, peer: Int32) {
        self.init(error, delivery)
        switch error {
        case .peerGone, .goodbye: message += " (process \(peer))"
        default: break
        }
    }
}

extension Duration {
    /// Such as `300 ms`, or `0.25 ms`: up to three decimals.
    package var inMilliseconds: String {
        let (seconds, attoseconds) = components
        // What is longer is as good as for ever.
        let whole = min(max(0, seconds), .max / 2000) * 1000 + attoseconds / 1_000_000_000_000_000
        let rest = attoseconds / 1_000_000_000_000 % 1000
        if rest == 0 { return "\(whole) ms" }
        var decimals = String(rest + 1000).dropFirst()
        while decimals.last == "0" { decimals.removeLast() }
        return "\(whole).\(decimals) ms"
    }
}
