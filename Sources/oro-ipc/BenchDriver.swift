import CBench
import CSupport
import OroIPC
import OroLink

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Runs a bench and its baseline in turn, between the same two pinned processes.
final class BenchDriver {
    let shared: OpaquePointer
    let pid: Int32
    let client: Client
    let lane: Link
    let idle: IdlePolicy
    let ticksPerMicrosecond = Double(oro_ticks_per_us())

    init(idle: IdlePolicy, sameCore: Bool = false) throws {
        self.idle = idle
        var fd: Int32 = -1
        guard let shared = unsafe bench_create(&fd) else { throw LinkError.system(call: "memfd_create", errno: 0) }
        unsafe self.shared = shared
        var (hostPair, lanePair): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        _ = unsafe oro_socketpair(&hostPair)
        _ = unsafe oro_socketpair(&lanePair)
        let cpu = sameCore || bench_cpus() < 2 ? 0 : 1
        let arguments = ["oro-ipc", "bench-peer", idle.rawValue, "\(cpu)"]
        var pointers: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) } + [nil]
        pid = unsafe bench_spawn_peer(fd, hostPair[1], lanePair[1], &pointers)
        for pointer in unsafe pointers { unsafe free(pointer) }
        oro_close(fd)
        oro_close(hostPair[1])
        oro_close(lanePair[1])
        _ = bench_pin(0)
        lane = try Rendezvous.shakeHands(Descriptor(lanePair[0]), limits: LinkLimits(), timeoutMilliseconds: 10_000)
        unsafe bench_give(shared, BENCH_HOST.rawValue, 0)
        var options = ClientOptions()
        options.idle = idle
        client = try Client(descriptor: hostPair[0], options: options)
        stopHost()
    }

    deinit {
        unsafe bench_give(shared, BENCH_QUIT.rawValue, 0)
        _ = bench_wait(pid)
    }

    func give(_ command: bench_command, _ count: Int) { unsafe bench_give(shared, command.rawValue, UInt64(count)) }
    func awaitDone() { unsafe bench_await_done(shared) }

    /// Lets the peer's host run while `body` does.
    func withHost<R>(_ body: () throws -> R) rethrows -> R {
        give(BENCH_HOST, 0)
        let result = try body()
        stopHost()
        return result
    }

    func startHost() { give(BENCH_HOST, 0) }

    func stopHost() {
        give(BENCH_NOTHING, 0)
        // A host that sleeps looks at its orders when a message comes.
        try? client.post("nothing")
        awaitDone()
    }
}
