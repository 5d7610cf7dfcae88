import CBench
import CSupport
import OroIPC
import OroLink

if CommandLine.arguments.count > 2 {
    try BenchPeer(shared: 3, host: 4, lane: 5, idle: IdlePolicy(rawValue: CommandLine.arguments[2])!, cpu: Int32(CommandLine.arguments[3])!).run()
} else {
    let driver = try BenchDriver(idle: .spin)
    let n = Int(CommandLine.arguments.dropFirst().first ?? "20000")!, blocks = 40
    var raw = [UInt64](repeating: 0, count: n), mine = raw
    var ratios: [Double] = [], lratios: [Double] = [], rawns: [Double] = []
    let bytes = Bytes([UInt8](repeating: 1, count: 64))
    for _ in 0..<blocks {
        driver.give(BENCH_RAW_ROUND_TRIP, n)
        bench_raw_ask(driver.shared, UInt64(n), &raw)
        driver.awaitDone()
        driver.give(BENCH_LANE_ROUND_TRIP, n)
        let t0 = oro_ticks()
        try driver.lane.withRing(shared: false) { (ring) throws(LinkError) in
            var line = BenchPeer.Line()
            for _ in 0..<n {
                _ = try driver.lane.write(ring, count: 64) { oro_put($0, &line, 64) }
                while try driver.lane.drain(limit: 1, { (incoming) throws(LinkError) in oro_take(&line, incoming.bytes, 64) }) == 0 {
                    _ = driver.lane.linger(1000)
                }
            }
        }
        let t1 = oro_ticks()
        driver.awaitDone()
        var total: UInt64 = 0
        driver.withHost {
            for _ in 0..<100 { _ = driver.client.sendSync("echo", bytes: bytes) }
            let t = oro_ticks()
            for _ in 0..<n { let r = driver.client.sendSync("echo", bytes: bytes); if !r.isOK { fatalError("\(r)") } }
            total = oro_ticks() - t
        }
        let r = Double(raw.reduce(0, +))
        rawns.append(r / Double(n) / Double(oro_ticks_per_us()) * 1000)
        lratios.append(Double(t1 - t0) / r)
        ratios.append(Double(total) / r)
    }
    ratios.sort(); lratios.sort(); rawns.sort()
    print("raw \(Int(rawns[blocks/2])) ns  lane \(lratios[blocks/2])  rtt \(ratios[blocks/2]) (\(ratios[4]) .. \(ratios[blocks-5]))")
}
