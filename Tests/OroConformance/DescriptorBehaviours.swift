// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroIPC
import OroLink

// File descriptors that go along with messages. That none is left open, in whatever process, shows the other end of a
// pipe: it ends when the last descriptor of this end is closed. What cannot go along at all is in `DescriptorTests`.

/// A behaviour tried on each way between two ends whose owners take descriptors.
private func onEveryWay(
    _ name: String, allows: Bool = true, ways: [PortPair.Way] = PortPair.Way.allCases,
    _ body: @escaping @Sendable (PortPair) async throws -> Void
) -> [Behaviour] {
    ways.map { way in
        Behaviour("\(name), \(way.rawValue)", clients: 2) { subject in
            var options = subject.options
            options.allowsDescriptors = allows
            let (pair, clients) = try await PortPair.make(way, subject, options)
            try await body(pair)
            _ = clients
        }
    }
}

extension Behaviour {
    static let descriptors: [Behaviour] =
        onEveryWay("a file descriptor goes along, and closes with the last reference") { pair in
            let pipe = try Pipe()
            try pair.one.postMessage(["log": .descriptor(try pipe.giveEnd())])
            do {
                let event = await pair.other.next()
                guard let log = event?.data["log"]?.descriptor else { throw Unexpected("\(event as Any)") }
                try expectEqual(log.kind, .pipe)
                try expectEqual(event?.data.descriptors.count, 1)
                try expectEqual(log.withNumber { write($0, "hello", 5) }, 5)
                try expectEqual(log.withNumber { fcntl($0, F_GETFD) & FD_CLOEXEC }, FD_CLOEXEC)
            }
            try expectEqual(pipe.read(), "hello")
            try await pipe.waitForEnd()
        }
        + onEveryWay("a message that nobody takes takes its file descriptors with it") { pair in
            let pipes = try (0..<4).map { _ in try Pipe() }
            for pipe in pipes { try pair.one.postMessage(.descriptor(try pipe.giveEnd())) }
            pair.other.close()
            for pipe in pipes { try await pipe.waitForEnd() }
        }
        + onEveryWay("file descriptors wait in a port that moves, and come where it is") { pair in
            let channel = IPCMessageChannel()
            let pipe = try Pipe()
            try channel.port1.postMessage(.descriptor(try pipe.giveEnd()))
            try pair.one.postMessage(.port(channel.port2), transfer: [channel.port2])
            do {
                guard let port = await pair.other.next()?.data.port else { throw Unexpected("no port") }
                // Once more, with the message still in it.
                try pair.other.postMessage(.port(port), transfer: [port])
                guard let back = await pair.one.next()?.data.port else { throw Unexpected("no port") }
                guard let end = await back.next()?.data.descriptor else { throw Unexpected("no descriptor") }
                try expectEqual(end.withNumber { write($0, "moved", 5) }, 5)
            }
            try expectEqual(pipe.read(), "moved")
            try await pipe.waitForEnd()
        }
        + onEveryWay("messages with and without file descriptors come in order, with those that are theirs") { pair in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for number in 0..<150 {
                        var parts: [StructuredValue] = [.int(Int64(number))]
                        for index in 0..<(number % 4) {
                            parts.append(.descriptor(try file(saying: "\(number) \(index)")))
                        }
                        if number % 5 == 0 { parts.append(.bytes(Bytes(pattern(20_000, seed: UInt64(number))))) }
                        try await pair.one.post(.array(parts))
                    }
                }
                group.addTask {
                    for number in 0..<150 {
                        guard let data = await pair.other.next()?.data else { throw Unexpected("no \(number)") }
                        try expectEqual(data[0]?.int, Int64(number))
                        try expectEqual(data.descriptors.count, number % 4)
                        for (index, descriptor) in data.descriptors.enumerated() {
                            try expectEqual(descriptor.kind, .file)
                            try expectEqual(content(descriptor), "\(number) \(index)")
                            try expect(data[index + 1]?.descriptor != nil)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        + onEveryWay(
            "who does not take file descriptors is told so, and nothing stays open", allows: false,
            ways: [.host, .clients, .direct]
        ) { pair in
            let pipe = try Pipe()
            try pair.one.postMessage(["log": .descriptor(try pipe.giveEnd())])
            try pair.one.postMessage("next")
            let event = await pair.other.next()
            try expectEqual(event?.type, "messageerror")
            try expectEqual(event?.error?.name, "DataCloneError")
            try expect(event?.error?.message.contains("allow") == true, "\(event?.error as Any)")
            try expectEqual(await pair.other.next()?.data.string, "next")
            try await pipe.waitForEnd()
        }
        + onEveryWay(
            "who has 64 file descriptors on their way waits with further ones", ways: [.host, .clients, .direct]
        ) { pair in
            let pipe = try Pipe()
            let end = try pipe.giveEnd()
            let four = StructuredValue.array((0..<4).map { _ in .descriptor(end) })
            for _ in 0..<16 { try pair.one.postMessage(four) }
            do throws(IPCError) {
                try pair.one.postMessage(.descriptor(end))
                throw IPCError(message: "65 descriptors")
            } catch {
                try expectEqual(error.name, "QuotaExceededError")
            }
            let all = Task { for _ in 0..<32 { try await pair.one.post(four) } }
            for _ in 0..<48 {
                let event = await pair.other.next()
                try expectEqual(event?.data.descriptors.count, 4, "\(event?.error as Any)")
            }
            try await all.value
        }
        + onEveryWay("who closes his port leaves the file descriptors he has posted") { pair in
            let pipe = try Pipe()
            try pair.one.postMessage(.descriptor(try pipe.giveEnd()))
            pair.one.close()
            do {
                let end = await pair.other.next()?.data.descriptor
                try expectEqual(end?.withNumber { write($0, "left", 4) }, 4)
                try expect(await pair.other.next() == nil)
            }
            try expectEqual(pipe.read(), "left")
            try await pipe.waitForEnd()
        }
        + [
            Behaviour("a host's port takes file descriptors, and sends them on") { subject in
                var options = subject.options
                options.allowsDescriptors = true
                let client = try subject.client(options)
                let echo = try client.openPort("echo")
                for _ in 0..<100 {
                    let pipe = try Pipe()
                    try await echo.post(["there and back": .descriptor(try pipe.giveEnd())])
                    do {
                        let event = await echo.next()
                        guard let back = event?.data["there and back"]?.descriptor else {
                            throw Unexpected("\(event as Any) \(event?.error as Any)")
                        }
                        try expectEqual(back.withNumber { write($0, "back", 4) }, 4)
                    }
                    try expectEqual(pipe.read(), "back")
                    try await pipe.waitForEnd()
                }
            },
            Behaviour("broadcasts carry no file descriptors") { subject in
                let client = try subject.client()
                let channel = try IPCBroadcastChannel("files", over: client)
                let pipe = try Pipe()
                let end = try pipe.giveEnd()
                do throws(IPCError) {
                    try channel.postMessage(["file": .descriptor(end)])
                    throw IPCError(message: "posted")
                } catch {
                    try expectEqual(error.name, "DataCloneError")
                }
            },
        ]
}

/// A pipe whose writing end goes along with a message.
private final class Pipe: Sendable {
    private let reading: Int32
    private let writing: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Unexpected("pipe: \(errno)") }
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (reading, writing) = (ends[0], ends[1])
    }

    deinit { close(reading) }

    /// The writing end, which nobody here has then. Once.
    func giveEnd() throws -> IPCFileDescriptor { try IPCFileDescriptor(taking: writing) }

    /// What is there; `nil`: nothing, but it may come. Empty: nobody has the writing end any more.
    func read() -> String? {
        var bytes = [UInt8](repeating: 0, count: 100)
        let got = Foundation.read(reading, &bytes, bytes.count)
        return got < 0 ? nil : String(decoding: bytes.prefix(got), as: UTF8.self)
    }

    func waitForEnd() async throws { try await until("the pipe's end is closed everywhere") { self.read() == "" } }
}

/// A file that says so.
private func file(saying text: String) throws -> IPCFileDescriptor {
    let descriptor = try IPCFileDescriptor(taking: oro_raw_file())
    guard descriptor.withNumber({ write($0, text, text.utf8.count) }) == text.utf8.count else {
        throw Unexpected("write: \(errno)")
    }
    return descriptor
}

private func content(_ descriptor: IPCFileDescriptor) -> String {
    var bytes = [UInt8](repeating: 0, count: 100)
    let got = descriptor.withNumber { pread($0, &bytes, bytes.count, 0) }
    return String(decoding: bytes.prefix(max(0, got)), as: UTF8.self)
}
