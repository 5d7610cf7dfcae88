// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import OroLink

@Suite("Accounts of bytes")
struct ByteAccountTests {
    private let settings = ByteAccount.Settings(own: "own", total: "all")

    @Test("an account holds what it may, and not a byte more")
    func limit() {
        let account = ByteAccount(limit: 100_000, total: nil, settings)
        #expect(account.charge(60_000))
        #expect(!account.charge(40_001), "over the limit")
        #expect(account.bytes == 60_000, "what was refused is not charged")
        #expect(account.charge(40_000))
        #expect(!account.charge(1))
        account.release(100_000)
        #expect(account.bytes == 0)
        #expect(account.charge(100_000))
    }

    @Test("accounts share a total, which has everything back when they are gone", arguments: [1, 1000, 100_000])
    func total(_ piece: Int) {
        let total = ByteAccount.Total(limit: 40 << 20, own: 0, accounts: 1)
        for _ in 0..<20 {
            let account = ByteAccount(limit: 4 << 20, total: total, settings)
            var charged = 0
            for _ in 0..<30 where account.charge(piece) { charged += piece }
            #expect(total.bytes >= charged && total.bytes < charged + 2 * ByteAccount.portion)
            account.release(charged / piece / 2 * piece)
        }
        #expect(total.bytes == 0)
    }

    @Test("memory that is released goes back to the total while its account lives on")
    func givesBack() {
        let total = ByteAccount.Total(limit: 40 << 20, own: 0, accounts: 1)
        let account = ByteAccount(limit: 8 << 20, total: total, settings)
        #expect(account.charge(3 << 20))
        account.release(3 << 20)
        #expect(total.bytes < 4 * ByteAccount.portion)
    }

    @Test(
        "however many take all they can get, and give nothing back, whoever comes next has its own and a fifth of what is left"
    )
    func share() {
        let limit = 64 << 20
        let total = ByteAccount.Total(limit: limit, own: 64 << 10, accounts: 100)
        let shared = limit - 100 * (64 << 10)
        var greedy: [ByteAccount] = []
        for count in 1...100 {
            let account = ByteAccount(limit: limit, total: total, settings)
            greedy.append(account)
            let left = shared - total.bytes
            while account.charge(4096) {}
            #expect(account.bytes >= 64 << 10, "\(count): its own")
            #expect(
                account.bytes >= (64 << 10) + left / 5 - 3 * ByteAccount.portion,
                "\(count): \(account.bytes) of \(left)")
            #expect(
                account.bytes <= (64 << 10) + left / 5 + ByteAccount.portion, "\(count): \(account.bytes) of \(left)")
            // And again, whenever there is more.
            for account in greedy { while account.charge(4096) {} }
        }
        #expect(total.bytes <= shared)
        guard case .overQuota(let text) = greedy[50].refusal else {
            Issue.record("whose limit is not reached has broken no rule")
            return
        }
        #expect(text.contains("(all)") && text.contains("\(limit)"))
        greedy = []
        #expect(total.bytes == 0)
    }

    @Test("who sends on although its account is full breaks the protocol, once it was refused as much as it may have")
    func sendsOn() {
        let account = ByteAccount(limit: 1 << 20, total: nil, settings)
        #expect(account.charge(1 << 20))
        for _ in 0..<16 {
            #expect(!account.charge(1 << 16))
            guard case .overQuota(let text) = account.refusal else {
                Issue.record("too soon")
                return
            }
            #expect(text.contains("(own)") && text.contains("1048576"))
        }
        #expect(!account.charge(1))
        guard case .violation = account.refusal else {
            Issue.record("it was refused more than it may have")
            return
        }
    }

    @Test("whose memory came free begins anew")
    func beginsAnew() {
        let account = ByteAccount(limit: 1 << 20, total: nil, settings)
        for _ in 0..<10 {
            #expect(account.charge(1 << 20))
            for _ in 0..<8 { #expect(!account.charge(1 << 16)) }
            account.release(1 << 20)
        }
        #expect(account.charge(1 << 20))
        #expect(!account.charge(1))
        guard case .overQuota = account.refusal else {
            Issue.record("what was refused before it gave back counts no more")
            return
        }
    }

    @Test("threads that charge and release at once leave nothing behind")
    func threads() async {
        let total = ByteAccount.Total(limit: 16 << 20, own: 0, accounts: 1)
        let account = ByteAccount(limit: 1 << 20, total: total, settings)
        await withTaskGroup(of: Void.self) { group in
            for seed in 1...4 {
                group.addTask {
                    var held: [Int] = []
                    var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15
                    for _ in 0..<20_000 {
                        state ^= state << 13
                        state ^= state >> 7
                        state ^= state << 17
                        let bytes = Int(state % 30_000)
                        if account.charge(bytes) { held.append(bytes) }
                        if held.count > Int(state >> 60) { account.release(held.removeLast()) }
                    }
                    for bytes in held { account.release(bytes) }
                }
            }
        }
        #expect(account.bytes == 0)
        #expect(account.charge(1 << 20))
    }
}
