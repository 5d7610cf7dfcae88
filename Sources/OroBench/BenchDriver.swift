// SPDX-License-Identifier: Apache-2.0

import CBench
import CSupport
import OroIPC
import OroLink
import OroTool

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Two pinned processes, one of which (the peer) does what this one commands: blocks of a bench and blocks of its
/// baseline run in turn between the same two.
///
/// To be used on one plain thread, not in a task: a task may change threads.
@safe final class BenchDriver {
    let shared: OpaquePointer
    let client: Client
    /// A bare lane, without messages.
    let lane: Link
    private let peer: Int32
    private var ports: BenchPorts?

    /// `payload`: bytes of shared memory for the baseline of payloads, and the most one of ours has.
    init(idle: IdlePolicy, sameProcessor: Bool = false, payload: Int = 0) throws {
        var fd: Int32 = -1
        guard let shared = unsafe bench_create(&fd) else { throw LinkError.system(call: "memfd_create", errno: errno) }
        unsafe self.shared = shared
        var (hostPair, lanePair): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        guard unsafe oro_socketpair(&hostPair) == 0, unsafe oro_socketpair(&lanePair) == 0 else {
            throw LinkError.system(call: "socketpair", errno: errno)
        }
        let cpu = bench_cpu(sameProcessor || bench_cpus() < 2 ? 0 : 1)
        let words = ["oro-ipc", "bench-peer", idle.rawValue, "\(cpu)"]
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { (word: String) in unsafe strdup(word) }
        unsafe arguments.append(nil)
        peer = unsafe bench_spawn_peer(fd, hostPair[1], lanePair[1], &arguments)
        unsafe arguments.forEach { unsafe free($0) }
        let hasPayload = payload == 0 || bench_payload(fd, UInt64(payload))
        let errorNumber = errno
        for fd in [fd, hostPair[1], lanePair[1]] { oro_close(fd) }
        guard peer > 0 else { throw LinkError.system(call: "fork", errno: errno) }
        bench_pin_threads(bench_cpu(0))
        unsafe bench_give(shared, BENCH_HOST.rawValue, 0)
        lane = try ClientHandshake(
            Descriptor(lanePair[0]), limits: LinkLimits(), timeoutMilliseconds: 10_000
        ).finish()
        var options = ClientOptions()
        options.idle = idle
        // Two blocks of the longest payload, and what else is on its way: all of it is used again.
        options.link.loanBytes = max(options.link.loanBytes, 4 * payload)
        options.link.keptBytes = options.link.loanBytes
        client = try Client(descriptor: hostPair[0], options: options)
        stopHost()
        guard hasPayload else { throw LinkError.system(call: "mmap", errno: errorNumber) }
        if payload > 0 {
            give(BENCH_MAP_PAYLOAD, payload)
            awaitDone()
        }
    }

    /// A port whose other end the peer has, or will have.
    func connectPorts() throws -> BenchPorts {
        if let ports { return ports }
        let made = try BenchPorts()
        ports = made
        return made
    }

    deinit {
        ports?.end()
        unsafe bench_give(shared, BENCH_QUIT.rawValue, 0)
        _ = bench_wait(peer)
        _ = bench_payload(-1, 0)
    }

    func give(_ command: bench_command, _ count: Int) { unsafe bench_give(shared, command.rawValue, UInt64(count)) }

    func awaitDone() { unsafe bench_await_done(shared) }

    /// Lets the peer's host run.
    func startHost() { give(BENCH_HOST, 0) }

    func stopHost() {
        give(BENCH_NOTHING, 0)
        // A host that sleeps looks at its orders when a message comes.
        try? client.post("nothing")
        awaitDone()
    }

    /// How many payloads the peer has read.
    var counted: UInt64 { unsafe bench_count_load(shared) }

    /// The median of bare 64-byte round trips, in ticks: tells how far the two processors are from each other now.
    func lineRoundTrip() -> UInt64 {
        var ticks = [UInt64](repeating: 0, count: 300)
        give(BENCH_RAW_ROUND_TRIP, ticks.count)
        unsafe bench_raw_ask(shared, UInt64(ticks.count), &ticks)
        awaitDone()
        return Percentiles(samples: ticks).p50
    }

    /// Microseconds of processor time of both processes so far.
    var processorTime: UInt64 { bench_cpu_time() + bench_process_cpu_time(peer) }
}
