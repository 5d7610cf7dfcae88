// SPDX-License-Identifier: Apache-2.0

import CBench
import CSupport
import OroIPC
import OroLink

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The other process of a bench: does what the driver commands, on one pinned thread.
@safe struct BenchPeer {
    let shared: OpaquePointer
    let host: Host
    let lane: Link

    /// `descriptors`: shared memory, the socket of a host's client, the socket of a bare lane.
    init(shared fd: Int32, host hostSocket: Int32, lane laneSocket: Int32, idle: IdlePolicy, cpu: Int32) throws {
        guard let shared = unsafe bench_map(fd) else { throw LinkError.system(call: "mmap", errno: 0) }
        unsafe self.shared = shared
        _ = bench_pin(cpu)
        var options = HostOptions()
        options.idle = idle
        host = try Host.unnamed(options: options)
        host.router.map("echo") { message in OroIPC.Result(bytes: message.bytes) }
        host.router.map("echo.async", on: .reactor, async: { message in OroIPC.Result(bytes: message.bytes) })
        host.router.map("nothing") { _ in OroIPC.Result() }
        BenchCalls.map(host.router)
        let counter = unsafe Counter(shared)
        host.router.map("count") { _ in
            counter.value += 1
            return OroIPC.Result()
        }
        host.router.map("counted") { _ in
            counter.publish()
            return OroIPC.Result(data: .int(Int64(counter.value)))
        }
        host.router.map("touch") { message in
            // Whoever sends it sends more than 8 bytes.
            unsafe message.bytes?.withUnsafeBytes { bytes in _ = unsafe bench_read_some(bytes.baseAddress!) }
            counter.value += 1
            counter.publish()
            return OroIPC.Result()
        }
        host.router.map("read") { message in
            BenchPeer.read(message.bytes)
            counter.value += 1
            counter.publish()
            return OroIPC.Result()
        }
        host.router.map("answer") { message in
            BenchPeer.read(message.bytes)
            return OroIPC.Result()
        }
        host.adopt(descriptor: hostSocket)
        lane = try BenchPeer.continueHandshake(laneSocket)
    }

    private static func read(_ bytes: Bytes?) {
        // The buffer has that many bytes.
        unsafe bytes?.withUnsafeBytes { bytes in _ = unsafe bench_read(bytes.baseAddress!, UInt64(bytes.count)) }
    }

    /// Counts what a one-way bench sent. On the host's thread only.
    // Sendable: used by the one thread that runs the host.
    @safe final class Counter: @unchecked Sendable {
        var value: UInt64 = 0
        private let shared: OpaquePointer
        init(_ shared: OpaquePointer) { unsafe self.shared = shared }
        func publish() { unsafe bench_count_store(shared, value) }
    }

    private static func continueHandshake(_ socket: Int32) throws -> Link {
        var waiting = Descriptor(socket, .socket)
        let peer = try PeerIdentity(of: waiting)
        while true {
            switch Handshake.accept(waiting, peer, limits: LinkLimits()) {
            case .notYet(let again): waiting = again
            case .link(let link): return link
            case .refused(let refusal): throw LinkError.refused(refusal)
            case .failed(let error): throw error
            }
        }
    }

    func run() throws {
        var seen: UInt32 = 0
        var count: UInt64 = 0
        var port: IPCMessagePort?
        while true {
            let command = unsafe bench_take(shared, &seen, &count)
            switch bench_command(rawValue: command) {
            case BENCH_QUIT: return
            case BENCH_RAW_ROUND_TRIP: unsafe bench_raw_answer(shared, count)
            case BENCH_FUTEX_ROUND_TRIP: unsafe bench_futex_answer(shared, count)
            case BENCH_RAW_RING: _ = unsafe bench_ring_consume(shared, count)
            case BENCH_LANE_ROUND_TRIP: try echo(count)
            case BENCH_LANE_CONSUME: try consume(count)
            case BENCH_HOST: host.run { unsafe bench_given(shared) == seen }
            case BENCH_MAP_PAYLOAD:
                // Descriptor 3 is the shared memory.
                guard bench_payload(3, count) else {
                    throw LinkError.system(call: "mmap", errno: ENOMEM)
                }
            case BENCH_RAW_TOUCH: unsafe bench_payload_answer(shared, count, false)
            case BENCH_RAW_READ: unsafe bench_payload_answer(shared, count, true)
            case BENCH_PORT_ROUND_TRIP:
                let own = try port ?? BenchPorts.peer()
                port = own
                try BenchPorts.echo(own, count)
            case BENCH_FUTEX_READ: unsafe bench_payload_futex_answer(shared, count)
            default: break
            }
            unsafe bench_done(shared)
        }
    }

    /// Bare bytes through a lane, and back.
    private func echo(_ count: UInt64) throws(LinkError) {
        var left = count
        try lane.withRing(shared: false) { (ring) throws(LinkError) in
            while left > 0 {
                let read = try lane.drain(limit: 64) { (incoming) throws(LinkError) in
                    var bytes = Line()
                    unsafe oro_take(&bytes, incoming.bytes, 64)
                    _ = unsafe try lane.write(ring, count: 64) { place in unsafe oro_put(place, &bytes, 64) }
                }
                left -= UInt64(read)
                if read == 0 { _ = lane.spin(1000) }
            }
        }
    }

    private func consume(_ count: UInt64) throws(LinkError) {
        var left = count
        var sum: UInt64 = 0
        while left > 0 {
            let read = try lane.drain(limit: 64) { (incoming) throws(LinkError) in
                sum &+=
                    unsafe incoming.bytes.load(as: UInt64.self)
                    &+ incoming.bytes.load(fromByteOffset: 56, as: UInt64.self)
            }
            left -= UInt64(read)
            if read == 0 { _ = lane.spin(1000) }
        }
        if sum == 1 { unsafe bench_count_store(shared, sum) }
    }

    /// 64 bytes.
    struct Line {
        var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
    }
}
