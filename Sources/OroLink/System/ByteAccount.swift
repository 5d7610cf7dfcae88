// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The private memory that one peer makes this process keep: messages that nobody has taken yet or that a handler
/// holds, messages whose end has not come, names, and what waits because the peer does not read.
///
/// Memory is charged where it is made and released where it dies, on whatever thread, so every queue between the two is
/// bounded without a limit of its own. The accounts of one host share a ``Total``. Each has a little of it for good,
/// and takes more in portions: a charge is one addition to a number that belongs to this peer alone.
// Sendable: all that changes is atomic or in a mutex.
package final class ByteAccount: Sendable {
    /// What all accounts of one host may hold together.
    package final class Total: Sendable {
        package let limit: Int
        /// Bytes that each account has for good, so that whoever comes last can do something.
        package let own: Int
        /// What is left for all when each has its own.
        private let shared: Int
        private let taken = Atomic<Int>(0)

        /// `accounts` is how many there are at once, `own` what each is to have for good: less, where a quarter of the
        /// limit is not enough for that.
        package init(limit: Int, own: Int, accounts: Int) {
            self.limit = limit
            self.own = min(own, limit / 4 / max(1, accounts))
            shared = limit - self.own * max(1, accounts)
        }

        /// Bytes that the accounts have taken besides what is their own, in portions.
        package var bytes: Int { taken.load(ordering: .relaxed) }

        /// Takes `more` bytes for an account that then has `whole` of those that all share.
        ///
        /// No account may have more than a quarter of what is left: so one alone gets a fifth, and of those who come
        /// one after another, each takes all that it can get, and give nothing back, the tenth still finds an eighth of
        /// what the first did.
        fileprivate func take(_ more: Int, whole: Int) -> Bool {
            var seen = taken.load(ordering: .relaxed)
            while true {
                let after = seen + more
                guard after <= shared, whole <= (shared - after) / 4 else { return false }
                let (isDone, now) = taken.weakCompareExchange(
                    expected: seen, desired: after, successOrdering: .relaxed, failureOrdering: .relaxed)
                if isDone { return true }
                seen = now
            }
        }

        fileprivate func giveBack(_ bytes: Int) { taken.subtract(bytes, ordering: .relaxed) }
    }

    /// The settings that the two limits come from, for the texts of errors.
    package struct Settings: Sendable {
        let own: String
        let total: String

        package init(own: String, total: String) {
            self.own = own
            self.total = total
        }
    }

    /// Most bytes that this peer may hold.
    package let limit: Int
    private let total: Total?
    private let settings: Settings
    private let used = Atomic<Int>(0)
    /// Bytes it may hold without another look: its own, and what it has taken of the total.
    private let taken: Atomic<Int>
    private let own: Int
    private let taking = Locked(true)
    /// Bytes that were refused because of its own limit since it last held less than half of that.
    private let refused = Atomic<Int>(0)
    /// The last charge that was refused, and whether its own limit was why.
    private let lastRefused = Atomic<Int>(0)
    private let isLimitReached = Atomic<Bool>(false)

    /// Bytes are taken from the total, and given back, in portions of so many.
    static let portion = 16 << 10

    package init(limit: Int, total: Total?, _ settings: Settings) {
        self.limit = limit
        self.total = total
        self.settings = settings
        own = min(limit, total?.own ?? 0)
        taken = Atomic(own)
    }

    /// So many bytes in whole portions.
    private static func portions(_ bytes: Int) -> Int { max(0, (bytes + portion - 1) / portion * portion) }

    /// One that bounds nothing: for memory that no peer is the cause of.
    package convenience init() { self.init(limit: .max / 4, total: nil, Settings(own: "", total: "")) }

    deinit { total?.giveBack(taken.load(ordering: .relaxed) - own) }

    /// Bytes that it holds.
    package var bytes: Int { used.load(ordering: .relaxed) }

    /// Memory of so many bytes is about to be made. False: it must not be, and nothing is charged.
    package func charge(_ bytes: Int) -> Bool { charge(bytes, isTrial: false) }

    /// The same for memory that can be done without: where there is no room nothing was refused to the peer.
    package func tryCharge(_ bytes: Int) -> Bool { charge(bytes, isTrial: true) }

    private func charge(_ bytes: Int, isTrial: Bool) -> Bool {
        // SYNC: relaxed: the number stands for itself. A charge that comes while the reserve shrinks is put right by
        // the next.
        let now = used.add(bytes, ordering: .relaxed).newValue
        if now <= taken.load(ordering: .relaxed) { return true }
        return chargeSlowly(bytes, isTrial)
    }

    /// The same for memory that is there already.
    package func chargeAnyway(_ bytes: Int) {
        if !charge(bytes) { used.add(bytes, ordering: .relaxed) }
    }

    private func chargeSlowly(_ bytes: Int, _ isTrial: Bool) -> Bool {
        let isTaken = taking.withLock { _ in
            let now = used.load(ordering: .relaxed)
            let has = taken.load(ordering: .relaxed)
            if now <= has { return true }
            guard now <= limit else { return false }
            let wanted = min(limit, own + ByteAccount.portions(now - own))
            if let total, !total.take(wanted - has, whole: wanted - own) { return false }
            taken.store(wanted, ordering: .relaxed)
            return true
        }
        if isTaken { return true }
        let isOver = used.subtract(bytes, ordering: .relaxed).oldValue > limit
        if isTrial { return false }
        if isOver { refused.add(bytes, ordering: .relaxed) }
        lastRefused.store(bytes, ordering: .relaxed)
        isLimitReached.store(isOver, ordering: .relaxed)
        return false
    }

    /// What the last charge was for is done without memory: nothing was refused to the peer.
    package func forgiveLast() {
        if isLimitReached.load(ordering: .relaxed) {
            refused.subtract(lastRefused.load(ordering: .relaxed), ordering: .relaxed)
        }
    }

    /// Memory that was charged is gone.
    package func release(_ bytes: Int) {
        let now = used.subtract(bytes, ordering: .relaxed).newValue
        if taken.load(ordering: .relaxed) - now >= 4 * ByteAccount.portion { giveBack() }
    }

    private func giveBack() {
        taking.withLock { _ in
            let now = used.load(ordering: .relaxed)
            if now < limit / 2 { refused.store(0, ordering: .relaxed) }
            let kept = max(own, own + ByteAccount.portions(now - own) + ByteAccount.portion)
            let has = taken.load(ordering: .relaxed)
            guard kept < has else { return }
            taken.store(kept, ordering: .relaxed)
            total?.giveBack(has - kept)
        }
    }

    /// Why the last charge was refused.
    ///
    /// A peer that was told so and sends as much again as it may hold breaks the protocol. That is not so where the
    /// total is used up, which others may have done.
    package var refusal: LinkError {
        let bytes = lastRefused.load(ordering: .relaxed)
        guard isLimitReached.load(ordering: .relaxed) else {
            return .overQuota(
                "\(bytes) more bytes of a peer that has \(self.bytes) here; all peers together have \(total?.bytes ?? 0) of "
                    + "\(total?.limit ?? 0) (\(settings.total)), and none more than a quarter of what is left")
        }
        let text = "\(bytes) more bytes of a peer that has \(self.bytes) of at most \(limit) here (\(settings.own))"
        let over = refused.load(ordering: .relaxed)
        return over > limit ? .violation("it sends on, \(over) bytes that were refused: \(text)") : .overQuota(text)
    }
}

/// Bytes charged to an account as long as somebody has this.
package final class ByteCharge: Sendable {
    private let account: ByteAccount
    private let bytes: Int

    /// `nil`: the account has no room for so many.
    package init?(_ bytes: Int, to account: ByteAccount) {
        guard account.charge(bytes) else { return nil }
        self.account = account
        self.bytes = bytes
    }

    /// The same for memory that is there already.
    package init(anyway bytes: Int, to account: ByteAccount) {
        account.chargeAnyway(bytes)
        self.account = account
        self.bytes = bytes
    }

    deinit { account.release(bytes) }
}
