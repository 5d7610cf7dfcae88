// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance

// What a client does with sockets, memory, ports and its own end.
extension Attack {
    // MARK: Sockets

    static let socketAttacks = [
        Attack(name: "packets", what: "packets without end on the socket of its link") { it in
            // The refusal of an introduction that there is not: it says nothing.
            let packet = Wire.number(0x4f4f_524f, 4) + [UInt8](repeating: 0, count: 52) + Wire.number(it.next(), 8)
            for _ in 0..<64 { it.main.say(packet) }
            it.main.notice()
            try it.pause()
        },
        Attack(name: "wake packets", what: "wake packets without end, though the host does not sleep") { it in
            for _ in 0..<256 { it.main.say(Hostile.wakePacket) }
            try it.pause()
        },
        Attack(name: "connections", what: "connects, shakes hands, hangs up") { it in
            it.connect()
        },
        Attack(name: "knocks", what: "connects and hangs up", connects: false) { it in
            let socket = oro_raw_connect(it.path)
            if socket >= 0 { close(socket) } else { usleep(100) }
        },
        Attack(
            name: "slow handshakes", what: "holds as many unfinished handshakes as it gets", connects: false,
            round: { it in
                it.held.append(oro_raw_connect(it.path))
                if it.held.count > 400 {
                    for socket in it.held.prefix(200) where socket >= 0 { close(socket) }
                    it.held.removeFirst(200)
                }
                usleep(200)
            }),
        Attack(name: "half packets", what: "hellos that are cut short, and garbage", connects: false) { it in
            let socket = oro_raw_connect(it.path)
            guard socket >= 0 else {
                usleep(100)
                return
            }
            let hello = it.main.hello()
            let cut = Array(hello.prefix(Int(it.next() % UInt64(hello.count))))
            _ = oro_raw_send(socket, cut, cut.count, [], 0)
            _ = oro_raw_send(socket, [1, 2, 3], 3, [], 0)
            close(socket)
        },
        Attack(
            name: "lingering sockets", what: "TCP sockets whose closing takes 6 s (SO_LINGER), in first packets",
            connects: false,
            round: { it in
                guard let (lingering, other) = LingeringSocket.make() else { throw Unexpected("no TCP socket") }
                let socket = oro_raw_connect(it.path)
                if socket >= 0 {
                    _ = oro_raw_send(socket, [0x78], 1, [lingering], 1)
                    it.held.append(socket)
                }
                it.held.append(other)
                // From a packet that nobody has read yet the host closes it; here it is the second descriptor of it.
                close(lingering)
                usleep(20_000)
                if it.held.count > 200 {
                    for fd in it.held.prefix(100) { close(fd) }
                    it.held.removeFirst(100)
                }
            }),
    ]

    // MARK: Memory

    private static func loan(_ count: Int) -> [UInt8] {
        Wire.request("make.loan", ticket: 5, value: Wire.object([("count", Wire.int(count))]))
    }

    static let memoryAttacks = [
        Attack(name: "memories", what: "passes a memory of 1 MiB and forgets it, without end") { it in
            if it.memory < 0 { it.memory = oro_raw_memfd(1 << 20, true, oro_raw_segment_seals()) }
            let serial = it.next()
            let pass =
                Wire.number(0x4d4f_524f, 4) + Wire.number(0, 4) + Wire.number(serial, 4) + Wire.number(0, 4)
                + Wire.number(1 << 20, 8)
            for _ in 0..<32 {
                it.main.say(pass, [it.memory])
                it.main.say(Wire.number(0x464f_524f, 4) + Wire.number(0, 4))
            }
            it.main.notice()
            try it.pause()
        },
        Attack(name: "kept loans", what: "asks for blocks of 64 KiB and never gives one back") { it in
            for _ in 0..<8 { try it.send(loan(65_536)) }
            try it.pause(100)
        },
        Attack(
            name: "guessed returns", what: "gives back blocks whose numbers it guesses",
            setUp: { it in
                let bytes = it.main.shown.loans * 8
                let memory = oro_raw_memfd(UInt64(bytes), true, 0)
                defer { close(memory) }
                guard let base = oro_raw_map(memory, UInt64(bytes)) else { throw Unexpected("no memory") }
                defer { oro_raw_unmap(base, UInt64(bytes)) }
                _ = oro_raw_seal(memory, oro_raw_segment_seals())
                for slot in 0..<it.main.shown.loans {
                    base.storeBytes(
                        of: UInt64(1) << 56 | UInt64(slot % 8) << 32, toByteOffset: slot * 8, as: UInt64.self)
                }
                it.main.say(Wire.number(0x424f_524f, 4) + Wire.number(UInt64(it.main.shown.loans), 4), [memory])
                it.main.notice()
            },
            round: { it in
                try it.send(loan(1000))
                try it.pause()
            }),
        Attack(
            name: "unfinished messages", what: "8 links, on each a message of 64 MiB without its end",
            round: { it in
                while it.others.count < 8 { _ = it.another() }
                if it.big.isEmpty { it.big = [UInt8](repeating: 1, count: 64 << 20) }
                for other in it.others {
                    try it.sendParts(Array(it.big.prefix(it.big.count - 64)), of: it.big.count, over: other)
                }
                while it.others.allSatisfy({ $0.drainHere() }) { usleep(1000) }
                throw Assailant.Gone()
            }),
    ]

    // MARK: Ports

    private static func subscription(_ number: UInt64, _ name: String, _ origin: String) -> [UInt8] {
        Wire.port(1, number, name: name, value: Wire.array([[2], Wire.text(origin), [0]]))
    }

    static let portAttacks = [
        Attack(name: "ports", what: "opens ports and closes them, 64 at a time") { it in
            let first = it.next()
            for index in 0..<64 { try it.send(Wire.port(1, 2 * (first + UInt64(index)) + 1, name: "echo", value: [0])) }
            for index in 0..<64 { try it.send(Wire.port(7, 2 * (first + UInt64(index)) + 1)) }
            it.counter += 64
            try it.pause()
        },
        Attack(name: "departures", what: "opens 16 000 ports and hangs up, again and again") { it in
            it.connect()
            for index in 0..<16_000 { try it.send(Wire.port(1, 2 * UInt64(index) + 1, name: "silent", value: [0])) }
            try it.pause()
        },
        Attack(
            name: "broadcasts", what: "16 000 subscriptions, and posts to them without end",
            setUp: { it in
                for index in 0..<16_000 { try it.send(subscription(2 * UInt64(index) + 1, "n", "o")) }
                it.counter = 20_000
            },
            round: { it in
                let poster = try it.poster()
                let number = 2 * it.next() + 1
                try it.send(subscription(number, "n", "p"), over: poster)
                for seq in 0..<64 as Range<UInt64> {
                    try it.send(
                        Wire.port(5, number, seq: seq, value: Wire.array([[0], Wire.text("o"), [5]])), over: poster)
                }
                try it.send(Wire.port(7, number), over: poster)
                poster.wake()
                it.skip(poster)
                guard poster.drainHere() else { throw Assailant.Gone() }
                try it.pause()
            }),
        Attack(
            name: "large broadcasts", what: "256 subscriptions that are not read, posts of 1 MiB to them",
            setUp: { it in
                it.reads = false
                for index in 0..<256 { try it.send(subscription(2 * UInt64(index) + 1, "n", "o")) }
                it.counter = 20_000
            },
            round: { it in
                let poster = try it.poster()
                let number = 2 * it.next() + 1
                try it.send(subscription(number, "n", "p"), over: poster)
                let data = Wire.bytes([UInt8](repeating: 7, count: 1 << 20))
                for seq in 0..<4 as Range<UInt64> {
                    try it.send(
                        Wire.port(5, number, seq: seq, value: Wire.array([[0], Wire.text("o"), data])), over: poster)
                }
                try it.send(Wire.port(7, number), over: poster)
                poster.wake()
                it.skip(poster)
                guard poster.drainHere() else { throw Assailant.Gone() }
                try it.pause()
            }),
        Attack(name: "meetings", what: "opens conversations by names nobody says, and says much in each") { it in
            let number = 2 * it.next() + 1
            try it.send(Wire.port(1, number, name: "m\(number)-\(getpid())", value: [1]))
            let data = Wire.array([[0], Wire.bytes([UInt8](repeating: 7, count: 60_000))])
            for seq in 0..<16 as Range<UInt64> { try it.send(Wire.port(5, number, seq: seq, value: data)) }
            try it.pause()
        },
        Attack(name: "unread ports", what: "posts to ports that nobody reads, 64 KiB each") { it in
            let first = 2 * it.next() + 1
            it.counter += 1
            try it.send(Wire.port(2, first, seq: first + 2))
            let data = Wire.bytes([UInt8](repeating: 7, count: 65_000))
            for seq in 0..<100 as Range<UInt64> { try it.send(Wire.port(5, first, seq: seq, value: data)) }
            try it.pause()
        },
    ]

    // MARK: Its end

    static let endAttacks = [
        Attack(
            name: "kills", what: "processes that flood and are killed (SIGKILL), one after the other", connects: false
        ) { it in
            let victim = try Peer(["assail", "--name", it.name, "--folder", it.folder, "--attack", "streams"])
            try victim.line(starting: "ready")
            usleep(10_000)
            victim.kill()
            victim.finish()
        }
    ]
}

/// A pair of TCP sockets of which one lingers for 6 s when it is closed: it has more to send than the other takes.
enum LingeringSocket {
    static func make() -> (lingering: Int32, other: Int32)? {
        var lingering: Int32 = -1, other: Int32 = -1
        guard oro_raw_lingering(6, &lingering, &other) == 0 else { return nil }
        return (lingering, other)
    }
}
