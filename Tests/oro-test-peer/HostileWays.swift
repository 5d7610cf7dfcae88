// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroConformance

/// A client that lies about direct ways and introductions, which it has no part in, and about ports of requests.
extension Hostile {
    static let wayKinds = [
        "way forged", "way steps", "way unknown", "way stead", "offer forged", "offer torn", "transfers numbers",
        "transfers values",
        "transfers twice", "transfers foreign",
    ]

    private func way(_ token: UInt64, _ step: UInt64, number: UInt64 = 0) throws {
        try port(Operation.way.rawValue, token, count: step, seq: number)
    }

    /// Tokens that others may have, and some that nobody has.
    private func token() -> UInt64 { [0, 1, 2, UInt64(u(50)), dice.next() >> 2, .max][u(6)] }

    func ways(_ kind: String) throws {
        try again()
        try open(1, "echo")
        switch kind {
        case "way forged":
            // A way of others, or none: says nothing.
            for _ in 0..<10 {
                try way(token(), [16, 17, 18, 19, 20, 21][u(6)], number: dice.next() >> UInt64(2 + u(62)))
            }
        case "way steps":
            // Those are the broker's to say. Of a way it has no part in, they say nothing.
            for step in 1...5 { try way(token(), UInt64(step)) }
            return try settle()
        case "way unknown":
            try way(token(), [0, 6, 15, 22, 1 << 27][u(5)])
            return try mustHangUp()
        case "way stead":
            // In the stead of somebody at the other side of a way.
            let count = UInt64(u(4))
            for seq in 0..<count { try post(UInt64(u(20)) | 1 << 63, seq: seq) }
        case "offer forged":
            // An offer, and the refusal of one, for introductions that it has no part in; with descriptors and without.
            let fds = (0..<u(4)).map { _ in Foundation.open("/dev/null", O_RDONLY) }
            defer { for fd in fds { close(fd) } }
            say(bytes([(0x4f4f_524f, 4), (0, 4)]) + random(48) + bytes([(UInt64(u(20)), 8)]), fds)
        case "offer torn":
            // An introduction comes from a host; so does a nudge.
            if u(2) == 0 {
                say(bytes([(0x504f_524f, 4), (0, 4)]) + random(20))
            } else {
                say(bytes([(0x554f_524f, 4)]))
            }
            notice()
            return try mustHangUp()
        case "transfers numbers":
            // Ports under numbers that no call has, or that are given up before they came.
            try transfer(8) { int([0, 1, 1, dice.next(), .max][u(5)]) }
        case "transfers values":
            // Ports under what is no number.
            try transfer(4) { [[0xC0], array([[0]]), random(1 + u(9)), array([[10], [0]])][u(4)] }
            return try settle()
        case "transfers twice":
            // Two of them, with ports in both, and the first is closed.
            try open(3, "oro-ipc.transfers")
            try open(5, "oro-ipc.transfers")
            for (seq, number) in [UInt64(3), 5].enumerated() {
                let first = UInt64(7 + 4 * seq)
                try channel(first, first + 2)
                try carry(number, [[first, 0, 1]])
                try post(number, seq: 0, value: [1], carries: true)
            }
            try port(Operation.close.rawValue, 3)
        default:
            // A port for calls that meets another client, or is a subscription; nothing is a way for ports there.
            try open(3, "oro-ipc.transfers", mode: u(2) == 0 ? [1] : array([[2], [0x81, 0x6F], [0]]))
            try post(3, seq: 0, value: [1])
        }
        _ = try ask("release")
    }

    /// Opens the port for ports of calls, and posts so many messages there, each with a port and under what `value`
    /// says.
    private func transfer(_ count: UInt64, under value: () -> [UInt8]) throws {
        try open(3, "oro-ipc.transfers")
        for seq in 0..<count {
            let first = 5 + 4 * seq
            try channel(first, first + 2)
            try carry(3, [[first, 0, 1]])
            try post(3, seq: seq, value: value(), carries: true)
        }
    }
}
