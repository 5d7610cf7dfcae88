import OroIPC

/// The routes `diagnostics.stream.sse` and `diagnostics.stream.chunks`: streams to try a client with.
enum StreamRoutes {
    /// Most bytes of all chunks together.
    static let mostBytes = 4_194_304

    static func map(on router: Router) {
        router.map("diagnostics.stream.sse", stream: { try await sendEvents($0, $1) })
        router.map("diagnostics.stream.chunks", stream: { try await sendChunks($0, $1) })
    }

    /// `{count, interval, name}`: so many events, one each `interval` milliseconds, with the data "0", "1", ….
    private static func sendEvents(_ message: Message, _ stream: ReplyStream) async throws {
        let count = try number("count", in: message, 1...256, 8)
        let interval = try number("interval", in: message, 1...1000, 25)
        let name = try name(message)
        for index in 0..<count {
            if index > 0 { try await Task.sleep(for: .milliseconds(interval)) }
            try await stream.send(event: name, .string("\(index)"))
        }
    }

    /// `{chunks, chunkSize, interval}`: so many chunks of the byte 0x5A, one each `interval` milliseconds.
    private static func sendChunks(_ message: Message, _ stream: ReplyStream) async throws {
        let chunks = try number("chunks", in: message, 1...256, 8)
        let size = try number("chunkSize", in: message, 1...65_536, 1024)
        let interval = try number("interval", in: message, 1...1000, 25)
        guard chunks * size <= mostBytes else { throw outOfRange("chunks * chunkSize", 1...mostBytes) }
        let bytes = Bytes([UInt8](repeating: 0x5A, count: size))
        for index in 0..<chunks {
            if index > 0 { try await Task.sleep(for: .milliseconds(interval)) }
            try await stream.send(bytes)
        }
    }

    private static func number(
        _ key: String, in message: Message, _ range: ClosedRange<Int>, _ otherwise: Int
    ) throws(IPCError) -> Int {
        guard let value = message[key], !value.isNull else { return otherwise }
        guard let number = value.int.flatMap({ Int(exactly: $0) }), range.contains(number) else {
            throw outOfRange(key, range)
        }
        return number
    }

    private static func outOfRange(_ key: String, _ range: ClosedRange<Int>) -> IPCError {
        IPCError(.range, "'\(key)' must be between \(range.lowerBound) and \(range.upperBound)")
    }

    private static func name(_ message: Message) throws(IPCError) -> String {
        guard let value = message["name"], !value.isNull else { return "message" }
        let allowed = { (character: Character) in
            character.isASCII && (character.isLetter || character.isNumber || "-_.".contains(character))
        }
        guard let name = value.string, (1...64).contains(name.count), name.allSatisfy(allowed) else {
            throw .type("'name' must be 1 to 64 of A-Z a-z 0-9 - _ .")
        }
        return name
    }
}
