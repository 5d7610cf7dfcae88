// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroLink

// A call by `send` may be answered by this process in the host's place.
extension Client {
    /// Answers the call by ``send(_:_:bytes:options:)`` that has this seq and waits for its result, as the module's
    /// `resolve` does; and dispatches the event `resolve-<index>-<seq>` with `value` as its detail.
    ///
    /// - An object that has `data` or `err` is an envelope, any other value is the data: see `Result.from`.
    /// - The host is told nothing: its handler goes on, and its own result is dropped as a late one.
    /// - `request`, `write` and `sendSync` are answered by nobody but the host.
    /// - -1 is the seq of pushes: no call has it.
    ///
    /// `seq` is written `R5` or `5`; the event is named by the text as it is. False: nobody waits for such a result,
    /// and nobody listens to such an event. O(n) for n calls in flight.
    @discardableResult
    public func resolve(_ seq: String, _ value: Value?) -> Bool {
        // A text that is no number is that of no call.
        let isAnswered = (try? Seq(seq)).map { core.resolve($0, value) } ?? false
        return events.dispatch(Event("resolve-0-\(seq)", value ?? .null)) || isAnswered
    }

    /// The same by the number; the event is named as the engine writes seqs, `R5`.
    @discardableResult
    public func resolve(_ seq: Seq, _ value: Value?) -> Bool { resolve(seq.rText, value) }
}

extension ClientCore {
    /// Completes the call by `send` with this seq. False: there is none.
    func resolve(_ seq: Seq, _ value: Value?) -> Bool {
        if seq == .unsolicited { return false }
        let (tickets, isPolling) = pending.withLock { pending -> ([UInt64], Bool) in
            let tickets = pending.resolvable(seq)
            // SYNC: the table's lock. Whoever polls comes into the table with it, if its result has not come by then,
            // and finds the value there. A call whose seq is not seen here was sent after this, as far as anybody can
            // know.
            guard tickets.isEmpty, seq.small == pollingSeq.load(ordering: .relaxed), seq != Seq(0) else {
                return (tickets, false)
            }
            pending.resolveEarly(seq, value)
            return ([], true)
        }
        for ticket in tickets { complete(ticket, seq: nil, .resolved(value)) }
        return isPolling || !tickets.isEmpty
    }
}
