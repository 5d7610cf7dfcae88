// SPDX-License-Identifier: Apache-2.0

import CSupport
import CTestSupport
import Foundation
import Testing

@testable import OroLink

@Suite("Memories of payloads")
struct MemoryTests {
    private func reason(_ number: Int32) -> String {
        do {
            _ = try OwnMemory.adopt(number)
            return "adopted"
        } catch LinkError.badOptions(let why) {
            return why
        } catch {
            return "\(error)"
        }
    }

    @Test("what is sealed keeps its bytes, and nobody can write to it any more")
    func seal() throws {
        let memory = try OwnMemory.create(bytes: 8192, sealable: true)
        oro_fill(memory.base, 8192, 5)
        let sum = oro_hash(memory.base, 8192)
        #expect(!memory.isImmutable)
        #expect(oro_raw_map_writable(memory.number, 8192) == 0, "it is still open")
        try memory.seal()
        #expect(memory.isImmutable)
        #expect(oro_hash(memory.base, 8192) == sum)
        #expect(oro_raw_map_writable(memory.number, 8192) == -EPERM)
        #expect(oro_raw_truncate(memory.number, 0) == -EPERM)
        #expect(oro_raw_punch(memory.number, 4096) == -EPERM)
        // Whoever is passed it takes it for what it is.
        let theirs = try PeerMemory(Descriptor(dup(memory.number)), bytes: 8192, isImmutable: true)
        #expect(oro_hash(theirs.base, 8192) == sum)
    }

    @Test("large private memory grows where it stands, is used again, and is gone a second after nobody has it")
    func privateMemory() throws {
        #expect(oro_memory_start() == 0)
        var memory = try #require(unsafe oro_memory_allocate(4096 + 64))
        var bytes = 4096
        oro_fill(memory, bytes, 7)
        let sum = oro_hash(memory, 4096)
        while bytes < 24 << 20 {
            memory = try #require(unsafe oro_memory_grow(memory, bytes, 2 * bytes + 64))
            bytes *= 2
            #expect(UInt(bitPattern: memory) % 64 == 0)
            #expect(oro_hash(memory, 4096) == sum)
        }
        // Nobody has asked for as much yet.
        #expect(unsafe oro_memory_reuse(bytes + 64) == nil)
        oro_fill(memory + bytes - 4096, 4096, 9)
        let end = oro_hash(memory + bytes - 4096, 4096)
        unsafe oro_memory_free(memory)
        #expect(unsafe oro_memory_reuse(bytes / 2) == nil, "much more than is needed is not given")
        let again = try #require(unsafe oro_memory_reuse(bytes))
        #expect(oro_hash(again + bytes - 4096, 4096) == end, "all of it is there already")
        #expect(unsafe oro_memory_grow(again, bytes, .max - 200) == nil)
        unsafe oro_memory_free(again)
        #expect(oro_memory_kept() >= UInt64(bytes))
        let limit = oro_clock_ns() + 30_000_000_000
        while oro_memory_kept() > 0, oro_clock_ns() < limit { usleep(10_000) }
        #expect(oro_memory_kept() == 0)
        #expect(unsafe oro_memory_allocate(.max - 100) == nil)
    }

    @Test("where the system gives no more memory, what is kept for the next message goes first")
    func keptGoesFirst() throws {
        #expect(oro_memory_start() == 0)
        let pages = try #require(
            String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ").first.flatMap {
                UInt64($0)
            })
        var before = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &before)
        var limited = before
        limited.rlim_cur = rlim_t(pages * oro_page_bytes() + (150 << 20))
        setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limited)
        defer { setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &before) }
        let some = (0..<2).compactMap { _ in unsafe oro_memory_allocate(30 << 20) }
        #expect(unsafe some.count == 2)
        for memory in unsafe some { unsafe oro_memory_free(memory) }
        #expect(oro_memory_kept() >= 60 << 20)
        var memory = unsafe oro_memory_allocate(120 << 20)
        #expect(unsafe memory != nil)
        if let last = unsafe memory.take() { unsafe oro_memory_free(last) }
        #expect(unsafe oro_memory_allocate(1 << 30) == nil)
    }

    @Test("memory that can be done without is charged where there is room, and refused to nobody where there is none")
    func trialCharge() {
        let account = ByteAccount(limit: 1000, total: nil, ByteAccount.Settings(own: "own", total: "total"))
        #expect(account.tryCharge(600))
        for _ in 0..<10 { #expect(!account.tryCharge(600)) }
        #expect(account.bytes == 600)
        #expect(!account.charge(600))
        guard case .overQuota = account.refusal else {
            Issue.record("\(account.refusal)")
            return
        }
    }

    @Test("what is not to be sealed for good can be written by its maker alone")
    func create() throws {
        let memory = try OwnMemory.create(bytes: 8192)
        memory.base.storeBytes(of: 7, as: UInt8.self)
        #expect(oro_raw_map_writable(memory.number, 8192) == -EPERM)
        #expect(oro_raw_protect_writable(memory.number, 8192) == -EACCES)
        #expect(oro_raw_truncate(memory.number, 4096) == -EPERM)
        #expect(oro_raw_remove(memory.base, 4096) == -EPERM)
        #expect(memory.base.load(as: UInt8.self) == 7)
        // It was not left open for that.
        #expect(throws: LinkError.self) { try memory.seal() }
    }

    @Test("a memfd of anybody's is sealed and taken")
    func adopt() throws {
        let number = oro_raw_memfd(5000, true, 0)
        defer { close(number) }
        let wide = try #require(oro_raw_map(number, 5000))
        oro_fill(wide, 5000, 1)
        // While somebody could write through a mapping, it is not immutable.
        let open = try OwnMemory.adopt(number)
        #expect(!open.isImmutable && open.bytes == 5000)
        #expect(oro_hash(open.base, 5000) == oro_hash(wide, 5000))
        #expect(oro_raw_map_writable(number, 5000) == -EPERM)
        oro_raw_unmap(wide, 5000)

        let other = oro_raw_memfd(5000, true, 0)
        let closed = try OwnMemory.adopt(other)
        #expect(closed.isImmutable)
        // The caller's number stays the caller's.
        #expect(close(other) == 0)
        #expect(closed.base.load(as: UInt8.self) == 0)
        let again = oro_raw_memfd(4096, true, oro_raw_immutable_seals())
        defer { close(again) }
        #expect(try OwnMemory.adopt(again).isImmutable)
    }

    @Test("what is no memfd, empty, has holes, or cannot be sealed is refused, and stays open")
    func refuses() {
        let descriptors: [(Int32, String)] = [
            (oro_raw_file(), "not a memfd"), (oro_raw_eventfd(), "not a memfd"),
            (oro_raw_memfd(0, false, 0), "empty"), (oro_raw_memfd(8192, false, 0), "holes"),
            // Sealed against sealing, and nothing else; and size only.
            (oro_raw_memfd(4096, true, 0x0001), "cannot be sealed"),
            (oro_raw_memfd(4096, true, 0x0001 | 0x0002 | 0x0004), "cannot be sealed"),
        ]
        for (number, why) in descriptors {
            let got = reason(number)
            #expect(got.contains(why), "\(got)")
            #expect(fcntl(number, F_GETFD) >= 0)
            close(number)
        }
        #expect(reason(-1).contains("not a memfd"))
    }

    @Test("a peer's memory that is not as announced is not mapped")
    func peers() throws {
        func tries(_ number: Int32, _ bytes: Int, immutable: Bool = false) -> Bool {
            (try? PeerMemory(Descriptor(number), bytes: bytes, isImmutable: immutable)) != nil
        }
        let seals = oro_raw_segment_seals()
        #expect(tries(oro_raw_memfd(4096, true, seals), 4096))
        #expect(!tries(oro_raw_memfd(4096, true, seals), 8192))
        #expect(!tries(oro_raw_memfd(4096, false, seals), 4096))
        #expect(!tries(oro_raw_memfd(4096, true, seals), 4096, immutable: true))
        for seal in [0x0001, 0x0002, 0x0004, 0x0010] as [Int32] {
            #expect(!tries(oro_raw_memfd(4096, true, seals & ~seal), 4096), "without \(seal)")
        }
        #expect(!tries(oro_raw_file(), 4096))
    }

    @Test("a memory of a pool is used again when nobody has its lease, for the same topic and about the same size")
    func pool() throws {
        let pool = MemoryPool(most: 1 << 20)
        var first = pool.take(64 << 10, for: "a")
        let base = try #require(first).memory.base
        let second = try #require(pool.take(64 << 10, for: "a"))
        #expect(second.memory.base != base)
        first = nil
        #expect(try #require(pool.take(64 << 10, for: "b")).memory.base != base)
        #expect(try #require(pool.take(1, for: "a")).memory.base != base, "it is far too long")
        #expect(try #require(pool.take(60_000, for: "a")).memory.base == base)
    }

    @Test("a pool has no more memory than it may, and lets go of what is free first")
    func poolBound() throws {
        let pool = MemoryPool(most: 16 << 10)
        var first = pool.take(8192, for: "a")
        let second = try #require(pool.take(8192, for: "a"))
        #expect(pool.take(4096, for: "b") == nil)
        weak let memory = first?.memory
        first = nil
        #expect(memory != nil)
        #expect(pool.take(8192, for: "b") != nil)
        #expect(memory == nil)
        withExtendedLifetime(second) {}
    }

    // MARK: Holes

    private static let page = 4096

    /// What is said about a peer's memory of `bytes` with a hole that pages beyond the end make up for.
    private func judgement(bytes: Int, hole: Int, count: Int, isImmutable: Bool, use: Range<Int>? = nil) -> LinkError? {
        let seals = isImmutable ? oro_raw_immutable_seals() : oro_raw_segment_seals()
        let number = oro_raw_holey(UInt64(bytes), UInt64(hole), UInt64(count), seals)
        do throws(LinkError) {
            let memory = try PeerMemory(
                try Descriptor(checking: number, "memfd"), bytes: bytes, isImmutable: isImmutable)
            if let use { try memory.show(use.lowerBound, count: use.count) }
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "a memory with a hole is refused, whatever its number of pages says", arguments: [false, true],
        [(0, 16), (0, 1), (7, 1), (15, 1), (3, 9)])
    func holes(isImmutable: Bool, _ hole: (Int, Int)) {
        let (start, count) = (hole.0 * MemoryTests.page, hole.1 * MemoryTests.page)
        let error = judgement(bytes: 16 * MemoryTests.page, hole: start, count: count, isImmutable: isImmutable)
        #expect(error == .violation("a segment has holes"))
        #expect(judgement(bytes: 16 * MemoryTests.page, hole: 0, count: 0, isImmutable: isImmutable) == nil)
    }

    @Test("a segment with a hole in its control page, or in its ring, is refused", arguments: [0, 1, 9, 16])
    func segmentHoles(_ page: Int) throws {
        let bytes = 17 * MemoryTests.page
        let number = oro_raw_holey(
            UInt64(bytes), UInt64(page * MemoryTests.page), UInt64(MemoryTests.page), oro_raw_segment_seals())
        let memory = try Descriptor(checking: number, "memfd")
        #expect(throws: LinkError.violation("a segment has holes")) {
            _ = try Segment.accept(memory, head: Ring.head, ring: bytes - Ring.head)
        }
    }

    @Test("of a long memory each part is looked at before it is used for the first time")
    func longMemory() {
        let (bytes, hole) = (32 << 20, 17 << 20)
        func used(_ range: Range<Int>) -> LinkError? {
            judgement(bytes: bytes, hole: hole, count: MemoryTests.page, isImmutable: true, use: range)
        }
        let holes = LinkError.violation("a segment has holes")
        #expect(used(0..<(16 << 20)) == nil)
        #expect(used(0..<bytes) == holes)
        #expect(used(hole..<(hole + 1)) == holes)
        #expect(used((24 << 20)..<bytes) == nil)
        #expect(used((hole + 4096)..<(24 << 20)) == holes)
    }

    @Test("our own memory has been written to, whichever way a kernel tells holes, and is not inherited by a fork")
    func ownMemory() throws {
        let segment = try Segment.create(head: Ring.head, ring: 1 << 16)
        #expect(lseek(segment.memory.number, 0, 4 /* SEEK_HOLE */) == Ring.head + (1 << 16))
        #expect(oro_is_not_forked(segment.mapping.base) == 1)
        #expect(oro_is_not_forked(segment.mapping.ring + (1 << 16)) == 1)
        for huge in [false, true] {
            let memory = try OwnMemory.create(bytes: 2 << 20, huge: huge)
            #expect(lseek(memory.number, 0, 4 /* SEEK_HOLE */) == 2 << 20)
            #expect(oro_is_not_forked(memory.base) == 1)
        }
    }

    @Test("a ring begins on a page of the system's")
    func pages() {
        let page = sysconf(Int32(_SC_PAGESIZE))
        #expect(Ring.head % page == 0 && Ring.head >= 4096)
        #expect(!Ring.isValid(bytes: page / 2))
    }
}
