// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import OroIPC
import Synchronization

private let bigPayload = 8 << 20

/// A client that is killed while it has blocks, or while the host reads in its own.
func blockVictim(_ arguments: Arguments) async throws {
    let client = try await Client.connect(arguments.name(), options: arguments.clientOptions)
    switch arguments.text("deed") {
    case "hold":
        var held: [Bytes] = []
        for index in 0..<arguments.number("count", 10_000) {
            let result = await client.request("make.loan", ["count": 5000, "seed": .int(Int64(index))])
            guard let bytes = result.bytes, bytes.isBorrowed else { throw Unexpected("no loan: \(result)") }
            held.append(bytes)
        }
        print("holding \(held.count)")
        while true { try await Task.sleep(for: .seconds(1000)) }
    case "loan":
        var loan = try await client.loan(bigPayload)
        loan.withUnsafeMutableBytes { oro_fill($0.baseAddress, $0.count, 42) }
        _ = await client.write("read", nil, loan.bytes())
    default:
        let bytes = try Bytes.sealed(bigPayload) { span in
            span.withUnsafeMutableBytes { oro_fill($0.baseAddress, $0.count, 42) }
        }
        _ = await client.write("read", nil, bytes)
    }
}

private func filledArray(_ count: Int, _ seed: UInt64) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        oro_fill(buffer.baseAddress, count, seed)
        filled = count
    }
}

/// How far the handler that reads a doomed client's bytes has come.
private final class Reading: Sendable {
    let stage = Atomic<Int>(0)
    let isRight = Atomic<Bool>(false)
}

/// Who holds blocks dies, and who lent them dies: memory comes back, and what is being read stays as it was.
func blockKills(_ arguments: Arguments) async throws {
    let backend = arguments.text("backend") ?? "io_uring"
    let rounds = arguments.number("rounds", 20)
    let folder = try TemporaryFolder()
    var options = arguments.hostOptions
    options.folder = folder.path
    options.backend = WakeBackend(rawValue: backend)
    // What nobody has is not kept, so that what is there is what somebody has.
    options.link.keptBytes = 0
    let host = try Host(name: "survivor", options: options)
    Fixture.install(on: host)
    let reading = Reading()
    host.router.map(
        "read",
        async: { message in
            let wanted = filledArray(bigPayload, 42)
            let bytes = message.bytes ?? []
            let half = bytes.count / 2
            var right = bytes.isBorrowed && same(bytes.extracting(0..<half), Array(wanted[..<half]))
            reading.stage.store(1, ordering: .sequentiallyConsistent)
            // The end of the link cancels the handler, which reads on all the same.
            while reading.stage.load(ordering: .sequentiallyConsistent) != 2 {
                await Task.yield()
                usleep(500)
            }
            right = same(bytes.extracting(half..<bytes.count), Array(wanted[half...])) && right
            reading.isRight.store(right, ordering: .sequentiallyConsistent)
            reading.stage.store(3, ordering: .sequentiallyConsistent)
            return Result()
        })
    try host.start()
    var clientOptions = ClientOptions()
    clientOptions.folder = folder.path
    clientOptions.backend = options.backend
    let good = try await Client.connect("survivor", options: clientOptions)
    _ = good.sendSync("sleep", ["ms": 20])
    func victim(_ deed: String, _ more: [String] = []) throws -> Peer {
        try Peer(
            ["blockvictim", "--deed", deed, "--name", "survivor", "--folder", folder.path, "--backend", backend] + more)
    }

    try await holders(rounds, host: host, good: good, victim: victim)
    for kind in ["loan", "sealed"] {
        try await readers(kind, host: host, good: good, reading: reading, victim: victim)
    }
    try await lenders(folder, backend, clientOptions)
    good.close()
    host.stop()
}

/// Clients that hold very many of the host's blocks are killed.
private func holders(
    _ rounds: Int, host: Host, good: Client, victim: (String, [String]) throws -> Peer
) async throws {
    let count = 10_000
    var baseline: (fds: Int32, memfds: Int32) = (0, 0)
    var rss: [Int] = [], shared: [Int] = []
    var served = 0, worst: UInt64 = 0
    for round in 0..<rounds {
        let peer = try victim("hold", ["--count", "\(count)"])
        try peer.line(starting: "holding")
        try await until("the host knows what it lent") {
            _ = good.sendSync("ping")
            return host.statistics.loans >= count
        }
        let busy = (host.statistics.bytesOnLoan, oro_count_memfds(0))
        let served0 = served
        // Others are served before, while, and after.
        let killedAt = oro_clock_ns() + 20_000_000
        var isKilled = false
        try await until("the host has its memory back after kill \(round)", seconds: 30) {
            if !isKilled, oro_clock_ns() > killedAt {
                peer.kill()
                isKilled = true
            }
            let start = oro_clock_ns()
            try expectEqual(good.sendSync("echo", .int(Int64(served))).data, .int(Int64(served)), "the good client")
            worst = max(worst, oro_clock_ns() - start)
            served += 1
            let now = host.statistics
            return isKilled && now.links == 1 && now.bytesOnLoan == 0 && now.loans == 0 && now.blockMemory == 0
        }
        try expect(served > served0, "nobody was served")
        try expect(busy.0 >= count * 5000, "only \(busy.0) bytes were out")
        peer.finish()
        if round == 0 {
            // What a host needs once is there from the first on.
            usleep(200_000)
            baseline = (oro_count_fds(0), oro_count_memfds(0))
        }
        try await until(
            "descriptors and mappings \(baseline) are back after kill \(round): \(oro_count_fds(0)), \(oro_count_memfds(0))"
        ) { oro_count_fds(0) <= baseline.fds && oro_count_memfds(0) <= baseline.memfds }
        rss.append(oro_rss_kb(0))
        shared.append(oro_shmem_kb(0))
    }
    print(
        "holders of \(count) blocks killed \(rounds): all memory back; descriptors \(baseline.fds), mappings of memfds "
            + "\(baseline.memfds); RSS \(rss.first!) -> \(rss.last!) kB, shared \(shared.first!) -> \(shared.last!) kB; "
            + "others served \(served) times meanwhile, slowest \(worst / 1000) us")
    let early = rss.prefix(4).max()!
    try expect(rss.last! < early + 16_384, "RSS grew: \(rss)")
    try expect(shared.last! < shared.prefix(4).max()! + 4096, "shared memory grew: \(shared)")
}

/// A client is killed while a handler reads its bytes.
private func readers(
    _ kind: String, host: Host, good: Client, reading: Reading, victim: (String, [String]) throws -> Peer
) async throws {
    let before = oro_count_memfds(0)
    reading.stage.store(0, ordering: .sequentiallyConsistent)
    reading.isRight.store(false, ordering: .sequentiallyConsistent)
    let peer = try victim(kind, [])
    try await until("the handler reads") { reading.stage.load(ordering: .sequentiallyConsistent) == 1 }
    peer.kill()
    peer.finish()
    try await until("the link is over") {
        _ = good.sendSync("ping")
        return host.statistics.links == 1
    }
    // What the handler reads is mapped as long as it reads.
    try expect(oro_count_memfds(0) > before, "the bytes are gone while they are read")
    reading.stage.store(2, ordering: .sequentiallyConsistent)
    try await until("the handler ends") { reading.stage.load(ordering: .sequentiallyConsistent) == 3 }
    try expect(
        reading.isRight.load(ordering: .sequentiallyConsistent), "\(kind): the bytes changed with their sender's end")
    try await until("the bytes are gone: \(oro_count_memfds(0)) for \(before)") { oro_count_memfds(0) <= before }
    print("sender of a \(kind) killed under a handler: \(bigPayload) bytes right, mappings back to \(before)")
}

/// A host is killed while a client reads its bytes.
private func lenders(_ folder: TemporaryFolder, _ backend: String, _ options: ClientOptions) async throws {
    let host = try Peer(["serve", "--name", "mortal", "--folder", folder.path, "--backend", backend])
    try host.line(starting: "ready")
    let before = oro_count_memfds(0)
    var client: Client? = try await Client.connect("mortal", options: options)
    var whole = await client?.request("make.loan", ["count": .int(Int64(bigPayload)), "seed": 7]).bytes
    let wanted = pattern(bigPayload, seed: 7), half = bigPayload / 2
    try expectEqual(whole?.isBorrowed, true)
    try expect(same(whole?.extracting(0..<half), Array(wanted[..<half])), "the first half")
    host.kill()
    host.finish()
    try await until("the client knows") { client?.ending != nil }
    try expect(same(whole?.extracting(half..<bigPayload), Array(wanted[half...])), "the second half, after the end")
    let withClient = oro_count_memfds(0)
    client?.close()
    client = nil
    try await until("the link's mappings are gone: \(oro_count_memfds(0)) for \(before)") {
        oro_count_memfds(0) <= before + 2
    }
    var part = whole?.extracting(half..<bigPayload)
    whole = nil
    try expect(oro_count_memfds(0) > before, "the bytes are gone while they are held")
    try expect(same(part, Array(wanted[half...])), "a part, after the client")
    part = nil
    try await until("the bytes are gone: \(oro_count_memfds(0)) for \(before)") { oro_count_memfds(0) <= before }
    print(
        "host killed under a reader: \(bigPayload) bytes right; mappings \(before), with the dead link \(withClient), "
            + "\(oro_count_memfds(0)) after the last reference")
}
