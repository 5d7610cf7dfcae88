// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import OroIPC
import Testing

/// Where the two sides run, and how they sleep.
struct Setup: Sendable, CustomStringConvertible, CaseIterable {
    enum Topology: String, CaseIterable {
        /// Host and client are threads of this process.
        case embedded
        /// The same, and asynchronous handlers run on the host's thread.
        case handlersOnHost = "embedded, handlers on the host's thread"
        /// The same, and the client's tasks run on the thread that receives for it, where they can.
        case tasksOnClient = "embedded, tasks on the client's thread"
        /// The client is a child of the host's process; one end of a socketpair passed through exec.
        case socketpair
        /// Two processes, and a socket in a folder.
        case named
    }
    let topology: Topology
    let backend: WakeBackend

    var description: String { "\(topology.rawValue) on \(backend.rawValue)" }

    static var allCases: [Setup] {
        Topology.allCases.filter { $0 != .tasksOnClient }.flatMap { topology in
            WakeBackend.allCases.map { Setup(topology: topology, backend: $0) }
        }
    }

    /// Where tasks must let go of their thread for others to go on.
    static let onClient = WakeBackend.allCases.map { Setup(topology: .tasksOnClient, backend: $0) }

    func run(_ behaviour: Behaviour) async throws {
        switch topology {
        case .embedded, .handlersOnHost, .tasksOnClient:
            var options = HostOptions()
            options.backend = backend
            if topology == .handlersOnHost { options.handlers = .reactor }
            options.ports.allowsMeetings = true
            options.ports.allowsDescriptors = true
            let host = try Host.embedded(options: options)
            defer { host.stop() }
            Fixture.install(on: host)
            #expect(host.backend == backend)
            var clientOptions = ClientOptions()
            clientOptions.backend = backend
            let subject = Subject(options: clientOptions) { try host.connect(options: $0) }
            guard topology == .tasksOnClient else { return try await behaviour.run(subject) }
            // Clients of the same options share a thread.
            let executor = try await host.connect(options: clientOptions).executor
            try await withTaskExecutorPreference(executor) { try await behaviour.run(subject) }
        case .named:
            let folder = try TemporaryFolder()
            let peer = try Peer([
                "serve", "--name", "conformance", "--folder", folder.path, "--backend", backend.rawValue,
            ])
            try #expect(peer.line(starting: "ready") == "ready \(backend.rawValue)")
            var clientOptions = ClientOptions()
            clientOptions.backend = backend
            clientOptions.folder = folder.path
            try await behaviour.run(Subject(options: clientOptions) { try Client.connect("conformance", options: $0) })
            #expect(peer.finish() == 0)
            #expect(folder.entries == [])
        case .socketpair:
            var options = HostOptions()
            options.backend = backend
            options.ports.allowsMeetings = true
            options.ports.allowsDescriptors = true
            let host = try Host.embedded(options: options)
            defer { host.stop() }
            Fixture.install(on: host)
            let ends = try (0..<behaviour.clients).map { _ in try host.makePeer() }
            let peer = try Peer(
                ["conform", "--fds", "\(ends.count)", "--backend", backend.rawValue, "--behaviour", behaviour.name],
                fds: ends)
            let lines = await Task.detached { peer.rest() }.value
            #expect(lines == ["ok \(behaviour.name)", "done 1 0"])
            #expect(peer.finish() == 0)
        }
    }
}

@Suite("On every backend and topology", .serialized)
struct ConformanceTests {
    @Test("it holds that", .timeLimit(.minutes(2)), arguments: Behaviour.all, Setup.allCases)
    func holds(_ behaviour: Behaviour, _ setup: Setup) async throws {
        try await setup.run(behaviour)
    }

    @Test("on the client's own thread, too,", .timeLimit(.minutes(2)), arguments: Behaviour.cooperative, Setup.onClient)
    func holdsOnClient(_ behaviour: Behaviour, _ setup: Setup) async throws {
        try await setup.run(behaviour)
    }
}
