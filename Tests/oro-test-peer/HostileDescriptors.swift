// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance

/// A client that lies about the file descriptors that go along with messages: passes others than it names, names others
/// than it passes, passes what must not be passed, hoards them.
extension Hostile {
    static let descriptorKinds = [
        "fd right", "fd unannounced", "fd missing", "fd count", "fd packet", "fd kind", "fd hoard", "fd lost",
        "fd dropped", "fd returned", "fd never claimed", "fd not taken", "fd twice",
    ]

    /// Puts them on the socket, four to a packet, as what comes behind `first`.
    private func pass(_ fds: [Int32], first: UInt64) {
        for start in stride(from: 0, to: fds.count, by: 4) {
            let some = Array(fds[start..<min(start + 4, fds.count)])
            say(bytes([(0x444f_524f, 4), (0, 4), (first + UInt64(start), 8)]), some)
        }
        notice()
    }

    private func claim(_ number: UInt64, first: UInt64, count: Int) throws {
        try port(Operation.descriptors.rawValue, number, count: UInt64(count), seq: first)
    }

    /// A message whose value is the `count` descriptors that were claimed for it.
    private func postClaimed(_ number: UInt64, seq: UInt64, count: Int) throws {
        let value = array([[0]] + (0..<count).map { array([[11], [UInt8($0)]]) })
        try port(Operation.message.rawValue, number, seq: seq, route: 0x4000, value: value)
    }

    private func withFile(_ count: Int, _ body: ([Int32]) throws -> Void) rethrows {
        let file = oro_raw_file()
        defer { close(file) }
        try body(Array(repeating: file, count: count))
    }

    func descriptors(_ kind: String) throws {
        // Takes some itself, or does not.
        features = kind == "fd not taken" ? 1 : 5
        defer { features = 1 }
        try again()
        try open(1, "echo")
        switch kind {
        case "fd right":
            let count = 1 + u(16)
            withFile(count) { pass($0, first: 0) }
            try claim(1, first: 0, count: count)
            try postClaimed(1, seq: 0, count: count)
            let end = oro_clock_ns() + 10_000_000_000
            while shown.descriptors < count {
                if !drainHere() { throw Unexpected("the host hung up on what was right") }
                readWhatCame()
                notice()
                if oro_clock_ns() > end { throw Unexpected("\(shown.descriptors) of \(count) came back") }
            }
            try expectEqual(shown.descriptors, count)
        case "fd unannounced":
            // No message ever names them: as many as may be, or one more.
            let count = [1, 64, 65, 100][u(4)]
            withFile(count) { pass($0, first: 0) }
            if count > 64 { return try mustHangUp() }
        case "fd missing":
            withFile(2) { pass($0, first: 0) }
            try claim(1, first: UInt64([0, 1, 2, 3][u(4)]) + (u(2) == 0 ? 2 : dice.next() >> 1), count: 1 + u(16))
            return try mustHangUp()
        case "fd count":
            withFile(20) { pass($0, first: 0) }
            try claim(1, first: 0, count: [17, 20, 1 << 20][u(3)])
            return try mustHangUp()
        case "fd packet":
            switch u(3) {
            case 0: say(bytes([(0x444f_524f, 4), (0, 4), (0, 8)]))
            case 1: withFile(1) { pass($0, first: 1 + dice.next() >> 1) }
            default:
                withFile(1) { say(bytes([(0x444f_524f, 4), (0, 4)]) + (u(2) == 0 ? [] : random(9 + u(30))), $0) }
            }
            return try mustHangUp()
        case "fd kind":
            let wrong: Int32 =
                switch u(5) {
                case 0: Foundation.open("/", O_RDONLY | O_DIRECTORY)
                case 1: Foundation.open("/dev/null", O_RDWR)
                case 2: Foundation.open("/proc/self/status", 0o10000000)
                case 3: oro_raw_epoll(1)
                default: oro_raw_eventfd()
                }
            withFile(u(4)) { pass($0 + [wrong], first: 0) }
            close(wrong)
            return try mustHangUp()
        case "fd hoard":
            // To an end that nobody takes from: 64 are kept, and no more.
            try channel(3, 5)
            let count = u(2) == 0 ? 4 : 5
            for index in 0..<count {
                withFile(16) { pass($0, first: UInt64(16 * index)) }
                try claim(3, first: UInt64(16 * index), count: 16)
                try postClaimed(3, seq: UInt64(index), count: 16)
            }
            if count > 4 { return try mustHangUp() }
        case "fd lost":
            // To an end that is closed; in a message that is none; in a port that goes into its own queue.
            try channel(3, 5)
            withFile(3) { pass($0, first: 0) }
            try claim(3, first: 0, count: 3)
            switch u(3) {
            case 0:
                try port(Operation.close.rawValue, 5)
                try postClaimed(3, seq: 0, count: 3)
            case 1: try port(Operation.message.rawValue, 3, route: 0x4000, value: array([[11], [99]]))
            default:
                try carry(3, [[5, 0, 1]])
                try port(Operation.message.rawValue, 3, route: 0xC000, value: array([[11], [0]]))
            }
        case "fd dropped":
            // Claimed, and then a message of another port comes; or the first of those that were passed are not
            // claimed.
            try channel(3, 5)
            withFile(6) { pass($0, first: 0) }
            try claim(1, first: 2, count: 2)
            try post(3, seq: 0)
            try claim(3, first: 5, count: 1)
            try postClaimed(3, seq: 1, count: 1)
        case "fd returned":
            // Took in what it was never passed: says nothing.
            for _ in 0..<4 {
                try port(
                    Operation.returned.rawValue, dice.next(), seq: [0, 1, 64, dice.next() >> 2, 1 << 62 - 1][u(5)])
            }
        case "fd never claimed":
            // They come back to a client that takes them, and says so never.
            for index in 0..<20 {
                withFile(4) { pass($0, first: UInt64(4 * index)) }
                try claim(1, first: UInt64(4 * index), count: 4)
                try postClaimed(1, seq: UInt64(index), count: 4)
                readWhatCame()
                if !drainHere() { break }
            }
            return try settle()
        case "fd not taken":
            withFile(2) { pass($0, first: 0) }
            try claim(1, first: 0, count: 2)
            try postClaimed(1, seq: 0, count: 2)
            _ = try ask("release")
            readWhatCame()
            if !drainHere() { throw Unexpected("the host hung up on what was right") }
            try expectEqual(shown.descriptors, 0, "to a client that takes none")
        default:
            // Twice for one message: the first are those of a message that did not come after all. And a message
            // without those it says it has.
            if u(2) == 0 {
                withFile(4) { pass($0, first: 0) }
                try claim(1, first: 0, count: 2)
                try claim(1, first: 2, count: 2)
                try postClaimed(1, seq: 0, count: 2)
            } else {
                try postClaimed(1, seq: 0, count: 1)
                return try mustHangUp()
            }
        }
        _ = try ask("release")
    }
}
