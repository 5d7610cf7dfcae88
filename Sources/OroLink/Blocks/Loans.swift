// SPDX-License-Identifier: Apache-2.0

import CSupport

/// The loans of one link: which block each is of, and how far it has come.
///
///     free ── take ──▶ taken ── lend ──▶ lent ── finish(by: .peer) ──▶ free
///                        └── finish(by: .sender) ──▶ free
///
/// A loan is *taken* when its number is put into a frame, and *lent* just before the last record of that frame is
/// committed: not sooner, so that a number which the peer guesses is refused, and not later, so that one which it has
/// read never is. `tools/models/release.pml` is the model.
@safe struct Loans: ~Copyable {
    enum Party {
        /// This side, whose frame is not sent after all.
        case sender
        /// UNTRUSTED: the peer gives it back.
        case peer
    }

    private enum Stage: UInt8 { case free, taken, lent }

    private struct Loan {
        var generation: UInt32 = 0
        var stage = Stage.free
        var block: Int32 = -1
        var nextFree = -1
    }

    private var all: [Loan] = []
    private var firstFree = -1
    /// Those that are not free.
    private(set) var count = 0

    private static func index(_ number: UInt64) -> Int { Int(number >> UInt64(ORO_LOAN_INDEX_SHIFT)) }

    /// The loan of this number, if there is one in that stage.
    private func find(_ number: UInt64, _ stage: Stage) -> Int? {
        let index = Loans.index(number)
        guard index < all.count, all[index].generation == UInt32(truncatingIfNeeded: number),
            all[index].stage == stage
        else { return nil }
        return index
    }

    /// A new loan of a block: its number, which no loan of this place had before.
    mutating func take(_ block: Int32) -> UInt64 {
        let index: Int
        if firstFree >= 0 {
            index = firstFree
            firstFree = all[index].nextFree
            all[index].generation &+= 1
        } else {
            index = all.count
            all.append(Loan())
        }
        all[index].stage = .taken
        all[index].block = block
        count += 1
        return UInt64(index) << UInt64(ORO_LOAN_INDEX_SHIFT) | UInt64(all[index].generation)
    }

    /// The frame with this loan is about to be seen.
    mutating func lend(_ number: UInt64) {
        if let index = find(number, .taken) { all[index].stage = .lent }
    }

    /// The loan is over: its block, of which there is a holder less now. `nil`: that party has no such loan.
    mutating func finish(_ number: UInt64, by party: Party) -> Int32? {
        guard let index = find(number, party == .sender ? .taken : .lent) else { return nil }
        all[index].stage = .free
        all[index].nextFree = firstFree
        firstFree = index
        count -= 1
        return all[index].block
    }

    /// The link is over.
    mutating func forgetAll() { self = Loans() }
}
