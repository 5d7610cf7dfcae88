import CBench
import CSupport
import OroIPC
import OroLink

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

    init(idle: IdlePolicy, sameProcessor: Bool = false) throws {
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
        for fd in [fd, hostPair[1], lanePair[1]] { oro_close(fd) }
        guard peer > 0 else { throw LinkError.system(call: "fork", errno: errno) }
        bench_pin_threads(bench_cpu(0))
        unsafe bench_give(shared, BENCH_HOST.rawValue, 0)
        lane = try Rendezvous.shakeHands(
            Descriptor(lanePair[0]), limits: LinkLimits(), timeoutMilliseconds: 10_000)
        var options = ClientOptions()
        options.idle = idle
        client = try Client(descriptor: hostPair[0], options: options)
        stopHost()
    }

    deinit {
        unsafe bench_give(shared, BENCH_QUIT.rawValue, 0)
        _ = bench_wait(peer)
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

    /// Microseconds of processor time of both processes so far.
    var processorTime: UInt64 { bench_cpu_time() + bench_process_cpu_time(peer) }
}
