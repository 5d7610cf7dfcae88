// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC

extension Behaviour {
    /// Payloads in blocks: lent, held, given back.
    static let blocks: [Behaviour] = [
        Behaviour("a loan is filled in place, sent, and comes back without a copy") { subject in
            let client = try subject.client()
            for size in [1, 64, 4096, 5000, 1 << 20, (1 << 20) + 1, 9 << 20] {
                let before = client.statistics.copiedBytes
                let expected = pattern(size, seed: UInt64(size))
                var loan = try await client.loan(size)
                try expectEqual(loan.count, size)
                loan.withUnsafeMutableBytes { $0.copyBytes(from: expected) }
                let bytes = loan.bytes()
                try expect(same(bytes, expected), "before it is sent, \(size)")
                let result = await client.write("digest", nil, bytes)
                try expectEqual(result.data?["digest"], .string("\(digest(expected))"), "\(size) \(result)")
                try expectEqual(result.data?["borrowed"], true, "\(size)")
                try expectEqual(client.statistics.copiedBytes - before, 0, "\(size)")
            }
            try expectEqual(client.sendSync("ping").data, "pong")
            try await until("all blocks are back") { client.bytesOnLoan == 0 }
        },
        Behaviour("a result in a block is read in place, and given back with its last reference") { subject in
            let client = try subject.client()
            for size in [1, 64, 4096, 100_000, 1 << 20, 9 << 20] {
                let before = client.statistics.copiedBytes
                var result: OroIPC.Result? = await client.request(
                    "make.loan", ["count": .int(Int64(size)), "seed": .int(Int64(size))])
                let expected = pattern(size, seed: UInt64(size))
                try expect(same(result?.bytes, expected), "\(size): \(String(describing: result?.err))")
                try expectEqual(result?.bytes?.isBorrowed, true)
                try expectEqual(result?.bytes?.isImmutable, false)
                try expectEqual(client.statistics.copiedBytes - before, 0, "\(size)")
                var slice = result?.bytes?.extracting(size / 2..<size)
                result = nil
                try expect(same(slice, Array(expected[(size / 2)...])), "a slice keeps the block")
                let copy = slice?.copy()
                slice = nil
                try expectEqual(copy?.isBorrowed, false)
                try expect(same(copy, Array(expected[(size / 2)...])), "a copy does not need it")
            }
            try await until("the host has all of its blocks back") {
                client.sendSync("blocks").data?["bytesOnLoan"] == 0
            }
        },
        Behaviour("a sealed payload cannot be changed by anybody, and the receiver knows") { subject in
            let client = try subject.client()
            let expected = pattern(70_000, seed: 5)
            let bytes = try Bytes.sealed(expected.count) { span in
                for index in 0..<expected.count {
                    span.storeBytes(of: expected[index], toByteOffset: index, as: UInt8.self)
                }
            }
            try expectEqual(bytes.isImmutable, true)
            for _ in 0..<3 {
                let result = await client.write("digest", nil, bytes)
                try expectEqual(result.data?["digest"], .string("\(digest(expected))"))
                try expectEqual(result.data?["borrowed"], true)
                try expectEqual(result.data?["immutable"], true)
            }
            // In part.
            let part = await client.write("digest", nil, bytes.extracting(1000..<3000))
            try expectEqual(part.data?["digest"], .string("\(digest(Array(expected[1000..<3000])))"))
        },
        Behaviour("as many blocks may be held as was agreed, and the next says who holds them") { subject in
            var options = subject.options
            options.link.loanBytes = 4 << 20
            let client = try subject.client(options)
            // The host keeps what it is sent.
            for _ in 0..<4 {
                let loan = try await client.loan(1 << 20)
                try expectEqual((await client.write("keep", nil, loan.bytes())).data, true)
            }
            do {
                _ = try await client.loan(-1)
                throw Unexpected("a block of -1 bytes")
            } catch LinkError.badOptions {}
            do {
                _ = try await client.loan(1 << 20, waitingAtMost: .zero)
                throw Unexpected("a block too many")
            } catch LinkError.noBlocks(let process, let bytes, let loans, _, _) {
                try expectEqual(process, client.host.processID)
                try expectEqual(bytes, 4 << 20)
                try expectEqual(loans, 4)
            }
            // What fits a frame goes on, copied; what is told to wait or to fail does that.
            let array = Bytes(pattern(1 << 20, seed: 1))
            try expect(same((await client.write("echo", nil, array)).bytes, pattern(1 << 20, seed: 1)), "copied")
            let busy = await client.write("echo", nil, array, options: CallOptions(whenFull: .busy))
            try expectEqual(busy.err?.name, "QuotaExceededError")
            let sync = client.sendSync("echo", bytes: array, options: CallOptions(whenFull: .busy))
            try expectEqual(sync.err?.name, "QuotaExceededError")
            let late = await client.write(
                "echo", nil, array, options: CallOptions(timeout: .milliseconds(20), whenFull: .wait))
            try expect(late.err != nil, "\(late)")
            // Who waits is told when the host lets go.
            async let waiting: Int = {
                let loan = try await client.loan(2 << 20)
                return loan.count
            }()
            async let blocked: Int = onThread {
                let loan = try client.loan(1 << 20)
                return loan.count
            }
            try await Task.sleep(for: .milliseconds(50))
            try expectEqual(client.sendSync("release").data, 4)
            try expectEqual(try await waiting, 2 << 20)
            try expectEqual(try await blocked, 1 << 20)
        },
        Behaviour("many threads and tasks take, send and give back blocks at once") { subject in
            let client = try subject.client()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        var dice = Dice(seed: UInt64(worker))
                        var held: [Bytes] = []
                        for round in 0..<100 {
                            let size = Int(dice.next() % 200_000) + 1
                            let expected = pattern(size, seed: dice.next())
                            // A thread that blocks must not be one of the few that handlers run on.
                            let result: OroIPC.Result
                            if worker % 2 == 0 {
                                result = try await onThread {
                                    var loan = try client.loan(size)
                                    loan.withUnsafeMutableBytes { $0.copyBytes(from: expected) }
                                    return client.sendSync("echo.loan", .int(Int64(round)), bytes: loan.bytes())
                                }
                            } else {
                                var loan = try await client.loan(size)
                                loan.withUnsafeMutableBytes { $0.copyBytes(from: expected) }
                                result = await client.write("echo.loan", .int(Int64(round)), loan.bytes())
                            }
                            try expect(same(result.bytes, expected), "\(worker) \(round) \(size) \(result)")
                            if let bytes = result.bytes { held.append(bytes) }
                            if held.count > 8 { held.remove(at: Int(dice.next() % 8)) }
                        }
                    }
                }
                try await group.waitForAll()
            }
            _ = client.sendSync("ping")
            try await until("all blocks are back") {
                client.bytesOnLoan == 0 && client.sendSync("blocks").data?["bytesOnLoan"] == 0
            }
        },
    ]
}

/// FNV-1a.
public func digest(_ bytes: some Sequence<UInt8>) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}

/// A sum that looks at every page, and at both ends.
public func pageSum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var sum = UInt64(bytes.last ?? 0)
    for offset in stride(from: 0, to: bytes.count - 8, by: 4096) {
        sum = sum &* 31 &+ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
    return sum
}

extension Client {
    /// After it has looked at what came back.
    var bytesOnLoan: Int {
        _ = try? loan(1)
        return statistics.bytesOnLoan
    }
}
