// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroBase
import OroConformance
import Testing

@testable import OroIPC
@testable import OroLink

/// What can go along with a message of a port as a file descriptor, and who may say no. That they come, and are closed,
/// is among the behaviours of `OroConformance`.
@Suite("File descriptors", .serialized)
struct DescriptorTests {
    enum Thing: String, CaseIterable {
        case file, memory, pipe, socket, directory, device, path, epoll, eventfd, closed

        var kind: DescriptorKind? {
            switch self {
            case .file, .memory: .file
            case .pipe: .pipe
            case .socket: .socket
            default: nil
            }
        }

        /// One, and what else has to be closed.
        func make() throws -> [Int32] {
            var pair: [Int32] = [-1, -1]
            switch self {
            case .file: return [oro_raw_file()]
            case .memory: return [oro_raw_memfd(4096, true, 0)]
            case .pipe:
                try #require(Foundation.pipe(&pair) == 0)
                return pair
            case .socket:
                try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
                return pair
            case .directory: return [open("/", O_RDONLY | O_DIRECTORY)]
            case .device: return [open("/dev/null", O_RDWR)]
            case .path: return [open("/proc/self/status", 0o10000000)]
            case .epoll: return [oro_raw_epoll(1)]
            case .eventfd: return [oro_raw_eventfd()]
            case .closed:
                let number = oro_raw_eventfd()
                close(number)
                return [number]
            }
        }
    }

    @Test("files, pipes and sockets can go along, and what cannot is named", arguments: Thing.allCases)
    func kinds(_ thing: Thing) async throws {
        let before = oro_count_fds(getpid())
        do {
            let numbers = try thing.make()
            defer { for number in numbers where thing != .closed { close(number) } }
            do throws(IPCError) {
                let descriptor = try IPCFileDescriptor(duplicating: numbers[0])
                #expect(descriptor.kind == thing.kind)
                #expect(descriptor.withNumber { $0 } != numbers[0])
                let further = try descriptor.duplicate()
                #expect(further >= 0)
                close(further)
            } catch {
                #expect(thing.kind == nil)
                #expect(error.name == "DataCloneError")
                #expect(error.message.contains("descriptor \(numbers[0])"), "\(error)")
            }
        }
        // They are closed on a thread that does nothing else.
        try await until("all are closed") { oro_count_fds(getpid()) <= before }
    }

    @Test("one that is taken over is closed, also when it is refused")
    func taking() async throws {
        let before = oro_count_fds(getpid())
        _ = try IPCFileDescriptor(taking: oro_raw_file())
        #expect(throws: IPCError.self) { try IPCFileDescriptor(taking: oro_raw_eventfd()) }
        // They are closed on a thread that does nothing else.
        try await until("all are closed") { oro_count_fds(getpid()) <= before }
    }

    @Test("more than 16 do not go along with one message, and none where the host says no")
    func refused() throws {
        let host = try Host.embedded()
        defer { host.stop() }
        let client = try host.connect()
        let port = try client.openPort("nobody")
        let file = try IPCFileDescriptor(taking: oro_raw_file())
        let channel = IPCMessageChannel()
        for (port, count, text) in [
            (channel.port1, 17, "at most 16"), (port, 17, "at most 16"),
            (port, 1, "HostOptions.ports.allowsDescriptors"),
        ] {
            do throws(IPCError) {
                try port.postMessage(.array((0..<count).map { _ in .descriptor(file) }))
                Issue.record("\(count) descriptors were posted")
            } catch {
                #expect(error.name == "DataCloneError")
                #expect(error.message.contains(text), "\(error)")
            }
        }
    }

    @Test("a channel that leaves its process takes along as many as the host takes; the rest are messageerrors")
    func leaving() async throws {
        var options = HostOptions()
        options.ports.allowsDescriptors = true
        let host = try Host.embedded(options: options)
        defer { host.stop() }
        host.acceptPorts("echo") { port, _ in
            port.onmessage = { event in try? port.postMessage(event.data, transfer: event.ports) }
        }
        var clientOptions = ClientOptions()
        clientOptions.allowsDescriptors = true
        let client = try await host.connect(options: clientOptions)
        func leave() throws -> Int32 {
            let channel = IPCMessageChannel()
            var ends: [Int32] = [-1, -1]
            try #require(pipe(&ends) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
            let file = try IPCFileDescriptor(taking: ends[1])
            for _ in 0..<6 { try channel.port1.postMessage(.array((0..<16).map { _ in .descriptor(file) })) }
            let echo = try client.openPort("echo")
            try echo.postMessage(.port(channel.port2), transfer: [channel.port2])
            let back = try #require(echo.receive(waitingAtMost: .seconds(30))?.data.port)
            for number in 0..<6 {
                let event = try #require(back.receive(waitingAtMost: .seconds(30)))
                #expect(event.type == (number < 4 ? "message" : "messageerror"))
            }
            return ends[0]
        }
        let reading = try leave()
        defer { close(reading) }
        var byte: UInt8 = 0
        try await until("the pipe's end is closed everywhere") { read(reading, &byte, 1) == 0 }
        // What was taken makes room, although nobody here has waited for anything.
        let port = try client.openPort("echo")
        let file = try IPCFileDescriptor(taking: oro_raw_file())
        try port.postMessage(.array((0..<16).map { _ in .descriptor(file) }))
    }

    @Test("a host keeps no more of them than it may, for all clients together")
    func together() async throws {
        var options = HostOptions()
        options.ports.allowsDescriptors = true
        options.ports.descriptors = 10
        let host = try Host.embedded(options: options)
        defer { host.stop() }
        let ports = Locked<[IPCMessagePort]>([])
        host.acceptPorts("silent") { port, _ in ports.withLock { $0.append(port) } }
        let file = try IPCFileDescriptor(taking: oro_raw_file())
        let clients = try (0..<3).map { _ in try host.connect() }
        let opened = try clients.map { try $0.openPort("silent") }
        for port in opened { try port.postMessage(.array((0..<4).map { _ in .descriptor(file) })) }
        try await until("all have come") { ports.withLock { $0.count } == 3 }
        var types: [String] = []
        for port in ports.withLock({ $0 }) {
            types.append(port.receive(waitingAtMost: .seconds(30))?.type ?? "nothing")
        }
        #expect(types.sorted() == ["message", "message", "messageerror"])
        try await until("there is room again") {
            for port in opened { try? port.postMessage(.array((0..<3).map { _ in .descriptor(file) })) }
            let all = ports.withLock { $0 }.map { $0.receive(waitingAtMost: .seconds(30))?.type }
            return all == ["message", "message", "message"]
        }
    }
}
