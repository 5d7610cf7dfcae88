// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance

/// One way for a client to cost others more than its share.
struct Attack: Sendable {
    let name: String
    /// What it does, in a few words.
    let what: String
    /// It does nothing but use a processor, inside or outside of the host: others get what the scheduler gives them.
    var merelyComputes = false
    /// It has a connection from the beginning.
    var connects = true
    var setUp: @Sendable (Assailant) throws -> Void = { _ in }
    let round: @Sendable (Assailant) throws -> Void

    static let all = control + frameAttacks + valueAttacks + socketAttacks + memoryAttacks + portAttacks + endAttacks

    private static let control = [
        Attack(
            name: "burn", what: "no attack: a process of its own that computes", merelyComputes: true, connects: false
        ) { _ in
            let end = oro_clock_ns() + 1_000_000
            while oro_clock_ns() < end {}
        }
    ]

    // MARK: Frames

    private static let frameAttacks = [
        Attack(name: "posts", what: "posts without end") { it in
            let post = Wire.request("platform.event", kind: Wire.Kind.post, value: Wire.text("x"))
            for _ in 0..<256 { try it.send(post) }
            try it.pause()
        },
        Attack(name: "requests", what: "requests without end, and reads the results") { it in
            let request = Wire.request("ping")
            for _ in 0..<256 { try it.send(request) }
            try it.pause()
        },
        Attack(name: "names", what: "names nobody serves, of 255 bytes, and numbers for them") { it in
            for _ in 0..<64 {
                let name = Array("\(it.next())".utf8) + [UInt8](repeating: 0x61, count: 235)
                try it.send(Wire.frame(Wire.Kind.request, ticket: 1, name: name))
            }
            try it.pause()
        },
        Attack(
            name: "numbers", what: "4 096 numbered names, then one too many",
            setUp: { it in it.counter = 0 },
            round: { it in
                let route = it.next()
                let name = Array("\(route)".utf8) + [UInt8](repeating: 0x62, count: 200)
                try it.send(Wire.frame(Wire.Kind.name, route: UInt16(truncatingIfNeeded: route), name: name))
                if route % 64 == 0 { try it.pause() }
            }),
        Attack(name: "headers", what: "requests with 256 headers, echoed") { it in
            var headers = Wire.number(256, 2)
            for index in 0..<256 {
                let name = Array("name-\(index)".utf8)
                headers += Wire.number(UInt64(name.count), 2) + name + Wire.number(64, 4)
                headers += [UInt8](repeating: 0x63, count: 64)
            }
            let request = Wire.frame(
                Wire.Kind.request, ticket: 1, seq: 1, name: Array("headers.back".utf8), headers: headers)
            for _ in 0..<8 { try it.send(request) }
            try it.pause()
        },
        Attack(name: "aborts", what: "requests that take long, each given up at once") { it in
            let sleep = Wire.object([("ms", Wire.int(1000))])
            for _ in 0..<64 {
                let ticket = it.next() + 1
                try it.send(Wire.request("sleep", ticket: ticket, seq: ticket, value: sleep))
                try it.send(Wire.frame(Wire.Kind.abort, ticket: ticket, seq: ticket))
            }
            try it.pause()
        },
        Attack(name: "streams", what: "streams without end, with credit, read") { it in
            let value = Wire.object([("count", Wire.int(256)), ("interval", Wire.int(1))])
            for _ in 0..<32 {
                let ticket = it.next() + 1
                try it.send(
                    Wire.request(
                        "diagnostics.stream.sse", flags: Wire.Flag.takesStream, ticket: ticket, seq: ticket,
                        value: value))
                try it.send(Wire.frame(Wire.Kind.credit, deadline: 1 << 16, ticket: ticket))
            }
            try it.pause(100)
        },
        Attack(
            name: "unread streams", what: "1 000 streams of 64 KiB chunks with credit, never read",
            setUp: { it in
                it.reads = false
                let value = Wire.object([("size", Wire.int(65_536))])
                for ticket in 2..<1002 as Range<UInt64> {
                    try it.send(
                        Wire.request(
                            "stream.count", flags: Wire.Flag.takesStream, ticket: ticket, seq: ticket, value: value))
                    try it.send(Wire.frame(Wire.Kind.credit, deadline: 1 << 16, ticket: ticket))
                    if it.isStuck { return }
                }
            }, round: { try $0.pause(1000) }),
        Attack(name: "bodies", what: "requests whose bodies never end") { it in
            for _ in 0..<64 {
                let ticket = it.next() + 1
                try it.send(Wire.request("body.read", flags: Wire.Flag.hasBody, ticket: ticket, seq: ticket))
                for _ in 0..<4 {
                    try it.send(
                        Wire.frame(Wire.Kind.chunk, ticket: ticket, payload: [UInt8](repeating: 1, count: 1000)))
                }
            }
            try it.pause()
        },
        Attack(
            name: "events", what: "says that it listens, asks for events, reads nothing",
            setUp: { it in
                it.reads = false
                try it.send(Wire.frame(Wire.Kind.credit, deadline: 1))
            },
            round: { it in
                if !it.isStuck { try it.send(Wire.request("event.burst")) }
                try it.pause(50)
            }),
        Attack(
            name: "deaf", what: "asks for results of 1 MiB, reads nothing", setUp: { $0.reads = false },
            round: { it in
                if !it.isStuck {
                    try it.send(Wire.request("make.value", value: Wire.object([("count", Wire.int(1 << 20))])))
                }
                try it.pause(50)
            }),
        Attack(
            name: "stopped", what: "fills its ring with requests and is stopped (SIGSTOP), its results unread",
            setUp: { it in
                it.reads = false
                let request = Wire.request("ping")
                while !it.isStuck { try it.send(request) }
                it.main.wake()
                print("ready")
                raise(SIGSTOP)
            }, round: { try $0.pause(1000) }),
    ]

    // MARK: Values

    /// `value` is made when the attack begins: a debug build takes seconds over some.
    private static func say(
        _ name: String, _ what: String, times: Int = 4, _ value: @escaping @Sendable () -> [UInt8]
    ) -> Attack {
        Attack(
            name: name, what: what,
            setUp: { it in
                if it.big.isEmpty { it.big = Wire.request("platform.event", value: Wire.object([("value", value())])) }
            },
            round: { it in
                for _ in 0..<times { try it.send(it.big) }
                try it.pause()
            })
    }

    private static let valueAttacks: [Attack] = [
        say("deep values", "values nested as deep as they may be, 1 000 in a message") {
            var deep: [UInt8] = [0]
            for _ in 0..<58 { deep = Wire.array([deep]) }
            return Wire.array(1000, of: deep)
        },
        say("many values", "values of a million nothings", times: 1) { Wire.array(1_000_000, of: [0xC0]) },
        say("long bigints", "16 bigints of 16 KiB in a message") {
            Wire.array(16, of: Wire.sized(0xC8, [UInt8](repeating: 0xFF, count: 16_384)))
        },
        say("bigints", "157 bigints with 4 000 digits in a message") {
            Wire.array(157, of: Wire.sized(0xC8, [UInt8](repeating: 0xFF, count: 1661)))
        },
        say("combining marks", "names of members that are 64 KB of combining marks", times: 1) {
            let marks = String(repeating: "\u{0315}\u{0300}\u{05AE}\u{0316}", count: 8000)
            return Wire.object([("a" + marks, [1]), ("b" + marks, [2])])
        },
        Attack(
            name: "wide seqs", what: "seqs with 4 095 digits",
            setUp: { it in
                let nines = String(repeating: "9", count: 4095)
                let low = nines.utf8.reduce(UInt64(0)) { $0 &* 10 &+ UInt64($1 - 48) }
                it.big = Wire.frame(
                    Wire.Kind.request, ticket: 1, seq: 0 &- low, seqText: "-" + nines, name: Array("ping".utf8))
            },
            round: { it in
                for _ in 0..<12 { try it.send(it.big) }
                try it.pause()
            }),
        Attack(name: "big messages", what: "messages of 64 MiB") { it in
            if it.big.isEmpty {
                it.big = Wire.request(
                    "take", kind: Wire.Kind.post, payload: [UInt8](repeating: 0x5A, count: (64 << 20) - 4096))
            }
            try it.send(it.big)
            try it.pause()
        },
    ]
}

extension Assailant {
    /// Nothing more fits into its ring: the host does not read.
    var isStuck: Bool {
        guard let theirs = main.shown.segment else { return true }
        let free = UInt64(main.ring) &- (main.position &- theirs.load(fromByteOffset: 256, as: UInt64.self))
        return free < 4096
    }
}
