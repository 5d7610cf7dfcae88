// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame
import OroLink

/// The routes that every host has, unless ``HostOptions/builtInRoutes`` says otherwise.
enum BuiltInRoutes {
    /// All but those of ``HostOptions/withoutRoutes``. Throws `badOptions` for one of these that names none.
    static func wanted(of core: HostCore) throws(LinkError) -> [Router.Route] {
        let all = all(of: core)
        let unwanted = core.options.withoutRoutes
        for pattern in unwanted where !all.contains(where: { pattern.matches($0.name) }) {
            throw .badOptions("withoutRoutes has '\(pattern)', and no built-in route is called so")
        }
        return all.filter { route in !unwanted.contains { $0.matches(route.name) } }
    }

    private static func all(of core: HostCore) -> [Router.Route] {
        let version = core.options.version
        let most = core.options.builtInParameterBytes
        return [
            Router.SyncRoute("ping") { _ in Result(data: "pong") },
            Router.SyncRoute("platform.primordials") { _ in Result(data: primordials(version)) },
            // News of the client's own life, for whoever listens to this route.
            Router.SyncRoute("platform.event") { message in
                try message.checkParameters(most)
                if message.platformEvent.isEmpty { throw IPCError.expecting("value") }
                return Result()
            },
            Router.SyncRoute("diagnostics.query") { [weak core] _ in
                Result(data: core.map { figures($0.snapshot, $0.reactor.backend) })
            },
            Router.SyncRoute("diagnostics.capabilities") { _ in
                Result(data: ["streaming": ["sseIncremental": true, "chunkedIncremental": true]])
            },
            Router.StreamRoute("diagnostics.stream.sse") { message, stream in
                try message.checkParameters(most)
                try await sendEvents(message, stream)
            },
            Router.StreamRoute("diagnostics.stream.chunks") { message, stream in
                try message.checkParameters(most)
                try await sendChunks(message, stream)
            },
        ] + BroadcastRoutes.all(of: core)
    }

    /// Where the host runs.
    private static func primordials(_ version: RuntimeVersion) -> Value {
        [
            "arch": .string(architecture), "platform": "linux", "host-operating-system": "linux",
            "cwd": .string(workingDirectory),
            "version": [
                "short": .string(version.short), "hash": .string(version.hash), "full": .string(version.full),
            ],
        ]
    }

    private static var architecture: String {
        #if arch(x86_64)
            "x64"
        #elseif arch(arm64)
            "arm64"
        #elseif arch(i386)
            "ia32"
        #else
            "arm"
        #endif
    }

    private static var workingDirectory: String {
        var path = [UInt8](repeating: 0, count: 4096)
        // The buffer has that many bytes.
        let isKnown = unsafe path.withUnsafeMutableBytes { buffer in
            unsafe oro_working_directory(buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
        }
        return isKnown ? String(decoding: path.prefix { $0 != 0 }, as: UTF8.self) : "/"
    }

    private static func figures(_ statistics: HostStatistics, _ backend: WakeBackend) -> Value {
        func number(_ count: Int) -> Value { .int(Int64(clamping: count)) }
        return [
            "links": number(statistics.links), "accepted": number(statistics.accepted),
            "refused": number(statistics.refused), "violations": number(statistics.violations),
            "requests": number(statistics.requests), "expired": number(statistics.expired),
            "droppedEvents": number(statistics.droppedEvents), "copiedBytes": number(statistics.copiedBytes),
            "bytesOnLoan": number(statistics.bytesOnLoan), "loans": number(statistics.loans),
            "blockMemory": number(statistics.blockMemory),
            "systemCalls": .int(Int64(clamping: oro_syscalls())), "backend": .string(backend.rawValue),
            "processId": .int(Int64(oro_process_id())),
        ]
    }

    // MARK: Streams to try a client with

    /// Most bytes of all chunks together.
    static let mostBytes = 4_194_304

    /// `{count, interval, name}`: so many events, one each `interval` milliseconds, with the data "0", "1", ….
    private static func sendEvents(_ message: Message, _ stream: ReplyStream) async throws {
        let count = try message.int("count", in: 1...256, default: 8)
        let interval = try message.int("interval", in: 1...1000, default: 25)
        let name = try eventName(message)
        for index in 0..<count {
            if index > 0 { try await Task.sleep(for: .milliseconds(interval)) }
            try await stream.send(event: name, .string("\(index)"))
        }
    }

    /// `{chunks, chunkSize, interval}`: so many chunks of the byte 0x5A, one each `interval` milliseconds.
    private static func sendChunks(_ message: Message, _ stream: ReplyStream) async throws {
        let chunks = try message.int("chunks", in: 1...256, default: 8)
        let size = try message.int("chunkSize", in: 1...65_536, default: 1024)
        let interval = try message.int("interval", in: 1...1000, default: 25)
        guard chunks * size <= mostBytes else { throw IPCError.outOfRange("chunks * chunkSize", 1...mostBytes) }
        let bytes = Bytes([UInt8](repeating: 0x5A, count: size))
        for index in 0..<chunks {
            if index > 0 { try await Task.sleep(for: .milliseconds(interval)) }
            try await stream.send(bytes)
        }
    }

    private static func eventName(_ message: Message) throws(IPCError) -> String {
        guard let value = message.scalar("name"), !value.isNull else { return "message" }
        guard let name = value.string, name.utf8.count <= 64, CommandName.isValid(name) else {
            throw .type("'name' must be 1 to 64 of A-Z a-z 0-9 - _ .")
        }
        return name
    }
}

extension Message {
    /// Throws unless a built-in route reads parameters of this length.
    func checkParameters(_ setting: Int) throws(IPCError) {
        let most = max(setting, 1024)
        // Of a message that was made here, nothing was encoded; nor is it from a peer.
        guard storage.made == nil, storage.header.valueBytes > most else { return }
        throw IPCError(
            .range,
            "the parameters of '\(name)' have \(storage.header.valueBytes) bytes; this host reads \(most) "
                + "(HostOptions.builtInParameterBytes)")
    }

    /// What has happened, in a message for `platform.event`: the value, or its member `value`, where it is a text.
    var platformEvent: String { scalar("value")?.string ?? "" }
}
