// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC
import Testing

@testable import oro_ipc

@Suite("Streams on the command line")
struct StreamTests {
    @Test("events are printed as an event stream has them")
    func events() throws {
        let host = try ServeProcess(try TemporaryFolder())
        let outcome = try host.call(
            "stream", ["diagnostics.stream.sse", #"{"count": 3, "interval": 1, "name": "tick"}"#])
        #expect(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.output == "event: tick\ndata: 0\n\nevent: tick\ndata: 1\n\nevent: tick\ndata: 2\n\n")
        let usual = try host.call("stream", ["DIAGNOSTICS.stream.sse", #"{"interval": 1}"#])
        #expect(usual.output == (0..<8).map { "event: message\ndata: \($0)\n\n" }.joined())
    }

    @Test("chunks come as they are with --raw, and as text where they are text")
    func chunks() throws {
        let host = try ServeProcess(try TemporaryFolder(), ["--backend", "epoll"])
        let raw = try host.call("stream", ["diagnostics.stream.chunks", #"{"interval": 1}"#, "--raw"])
        #expect(raw.bytes == [UInt8](repeating: 0x5A, count: 8 * 1024))
        let most = try host.call(
            "stream", ["diagnostics.stream.chunks", #"{"chunks": 64, "chunkSize": 65536, "interval": 1}"#, "--raw"])
        #expect(most.bytes.count == 4_194_304)
        let text = try host.call(
            "stream", ["diagnostics.stream.chunks", #"{"chunks": 2, "chunkSize": 3, "interval": 1}"#, "--window", "1"])
        #expect(text.output == "data: ZZZ\n\ndata: ZZZ\n\n")
        // A plain route gives its result as one chunk.
        #expect(try host.call("stream", ["ping"]).output == "data: pong\n\n")
    }

    @Test("a text of several lines has a data line for each, and bytes that are no text are told of")
    func text() {
        let lines = "event: e\ndata: a\ndata: b\ndata: c\ndata: d\n\n"
        #expect(Stream.text(StreamChunk(name: "e", value: "a\nb\r\nc\rd")) == lines)
        #expect(Stream.text(StreamChunk(name: "", value: ["n": 1])) == "data: {\"n\":1}\n\n")
        #expect(Stream.text(StreamChunk(bytes: Bytes([0xFF, 0x00]))) == ": 2 bytes, not a text; --raw writes them\n\n")
        #expect(Stream.text(StreamChunk(value: "")) == "data: \n\n")
        #expect(Stream.text(StreamChunk(bytes: [])) == "")
    }

    @Test("parameters out of their ranges are errors that name the range")
    func ranges() throws {
        let host = try ServeProcess(try TemporaryFolder())
        for (route, parameters, text) in [
            ("sse", #"{"count": 0}"#, "'count' must be between 1 and 256"),
            ("sse", #"{"count": 257}"#, "'count' must be between 1 and 256"),
            ("sse", #"{"count": "many"}"#, "Invalid 'count' given in parameters"),
            ("sse", #"{"interval": 0}"#, "'interval' must be between 1 and 1000"),
            ("sse", #"{"interval": 1001}"#, "'interval' must be between 1 and 1000"),
            ("sse", #"{"name": ""}"#, "'name' must be 1 to 64"), ("sse", #"{"name": "a b"}"#, "'name' must be 1 to 64"),
            ("chunks", #"{"chunks": 257}"#, "'chunks' must be between 1 and 256"),
            ("chunks", #"{"chunkSize": 65537}"#, "'chunkSize' must be between 1 and 65536"),
            ("chunks", #"{"chunks": 65, "chunkSize": 65536}"#, "must be between 1 and 4194304"),
        ] {
            let outcome = try host.call("stream", ["diagnostics.stream.\(route)", parameters])
            #expect(outcome.code == 1 && outcome.output.isEmpty)
            #expect(outcome.errors.contains(text), "\(parameters): \(outcome.errors)")
        }
        let plain = try host.ask("diagnostics.stream.sse")["err"]
        #expect(plain?["message"]?.string == "IPC method 'diagnostics.stream.sse' must be invoked as a stream")
        #expect(try host.call("stream", ["nope"]).code == 1)
        #expect(try host.call("stream", ["ping", "--window", "0"]).code == 2)
        #expect(try host.call("stream", ["diagnostics.stream.sse", "--timeout", "-1"]).code == 2)
    }
}
