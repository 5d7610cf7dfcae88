// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import OroIPC

/// A client that makes its host keep memory: what never ends, what nobody takes, what is kept by handlers. However it
/// goes about it, the host keeps no more than it says it does.
extension Hostile {
    static let memoryKinds = [
        "parts without end", "port parts", "kept requests", "kept posts", "kept streams", "body floods", "names",
        "wide seqs",
    ]

    /// A part of a message in several records.
    private func part(_ which: UInt32, _ payload: [UInt8]) throws {
        try roomFor(payload.count)
        record(payload, length: UInt32(payload.count) | which << 28)
    }

    /// A frame in as many records as it needs; all of it but the last when `unfinished`.
    private func parts(_ frame: [UInt8], claiming total: Int? = nil, unfinished: Bool = false) throws {
        let all = bytes([(UInt64(total ?? frame.count), 8)]) + frame
        let piece = 12_000
        var start = 0
        while start < all.count {
            let end = min(start + piece, all.count)
            let isLast = end == all.count && !unfinished
            try part(start == 0 ? 1 : isLast ? 3 : 2, Array(all[start..<end]))
            start = end
        }
    }

    private func big(_ name: String, kind: UInt8 = 1, flags: UInt8 = 0, ticket: UInt64, payload: Int) -> [UInt8] {
        let text = Array(name.utf8)
        let body = bytes([(UInt64(text.count), 2)]) + text + [UInt8](repeating: 7, count: payload)
        return frame(kind: kind, flags: flags | 2, ticket: ticket, payload: payload, body: body)
    }

    /// Something that the host has to keep, or say why it does not.
    func memory(_ kind: String) throws {
        try again()
        switch kind {
        case "parts without end":
            try parts(big("echo", ticket: 1, payload: 200_000), claiming: 60 << 20, unfinished: true)
        case "port parts":
            // Opens a channel, and then says buffers of a message that never comes.
            record(frame(kind: 18, ticket: 1))
            for index in 0..<8 {
                let header = frame(kind: 19, deadline: UInt64(index), ticket: 1, payload: 100_000)
                try parts(header + [UInt8](repeating: 1, count: 100_000))
            }
        case "kept requests":
            for ticket in 0..<8 { try parts(big("reply.never", ticket: 100 + UInt64(ticket), payload: 100_000)) }
        case "kept posts":
            for _ in 0..<8 { try parts(big("sleep", kind: 4, ticket: 0, payload: 100_000)) }
        case "kept streams":
            for ticket in 0..<8 {
                try parts(big("stream.count", flags: 0x40, ticket: 200 + UInt64(ticket), payload: 100_000))
            }
        case "body floods":
            try parts(big("body.read", flags: 0x80, ticket: 300, payload: 10))
            for _ in 0..<20 {
                try parts(frame(kind: 6, ticket: 300, payload: 50_000) + [UInt8](repeating: 1, count: 50_000))
            }
        case "names":
            // 250 bytes each, of which a ring may number 4 096.
            for number in 1...200 {
                let name = Array("\(number)".utf8) + [UInt8](repeating: 0x61, count: 250)
                let body = bytes([(UInt64(name.count), 2)]) + name
                try roomFor(body.count + 64)
                record(frame(kind: 10, flags: 2, route: UInt16(number), body: body))
            }
        default:
            // Answers that must say all of a seq again, also where nothing else fits.
            // A power of ten, whose low 64 bits are all 0.
            let digits = [0x31] + [UInt8](repeating: 0x30, count: 64 + u(4096 - 64))
            for name in ["ping", "nobody", "echo", "fail"] {
                let text = Array(name.utf8)
                let body = bytes([(UInt64(digits.count), 2)]) + digits + bytes([(UInt64(text.count), 2)]) + text
                try roomFor(body.count + 64)
                var asked = frame(kind: 1, flags: 3, ticket: 1 + dice.next() % 100, body: body)
                asked.replaceSubrange(16..<24, with: [UInt8](repeating: 0, count: 8))
                record(asked)
            }
        }
        notice()
        drain()
    }
}
