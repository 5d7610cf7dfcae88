// SPDX-License-Identifier: Apache-2.0

import OroFrame
import Testing

@Suite struct FrameTests {
    @Test("5 000 generated frames with any of the optional parts come back")
    func generatedFrames() throws {
        var random = SeededGenerator(seed: 9)
        for _ in 0..<5_000 {
            let (frame, payload) = random.frame()
            let bytes = try frame.encoded(payload: payload)
            let (decoded, decodedPayload) = try Frame.decoded(bytes)
            #expect(decoded.seq == frame.seq)
            #expect(decoded.value == frame.value)
            #expect(decoded.name == frame.name)
            #expect(decoded.source == frame.source)
            #expect(decoded.headers?.map(\.name) == frame.headers?.map(\.name))
            #expect(decoded.headers?.map(\.value) == frame.headers?.map(\.value))
            #expect(decodedPayload == payload)
            #expect(try decoded.encoded(payload: decodedPayload) == bytes)
        }
    }

    @Test("every kind has its own byte and comes back from it")
    func kinds() {
        let bytes = Array(1...7) + Array(10...13) + Array(17...26) as [UInt8]
        #expect(FrameKind.allCases.map(\.byte) == bytes)
        for byte in UInt8.min...UInt8.max {
            #expect(FrameKind(byte: byte)?.byte == (bytes.contains(byte) ? byte : nil))
        }
    }

    @Test("a header of all ones and its neighbours keeps every field apart")
    func headerFields() throws {
        let header = FrameHeader(
            kind: .result, flags: .failed, route: 0xFFFE, deadline: 1, ticket: 0xFFFF_FFFF_FFFF_FFFD,
            seq: 0xFFFF_FFFF_FFFF_FFFC, valueBytes: 1, payloadBytes: 2)
        var bytes = [UInt8](repeating: 0xC0, count: header.plainFrameBytes)
        // 32 bytes are there.
        unsafe bytes.withUnsafeMutableBytes { unsafe header.write(to: $0.baseAddress!) }
        // Bytes have no padding that could leak.
        #expect(try unsafe FrameHeader.read(bytes.span.bytes) == header)
    }

    @Test("a frame longer than the limit is refused by reader and writer")
    func frameLimit() throws {
        var limits = FrameLimits()
        limits.maxFrameBytes = 40
        let bytes = try Frame(.post, payloadBytes: 9).encoded(payload: [UInt8](repeating: 0, count: 9))
        let error = FrameError.overLimit(.frameBytes, value: 41, limit: 40)
        #expect(throws: error) {
            // Bytes have no padding that could leak.
            _ = try unsafe FrameHeader.read(bytes.span.bytes, limits: limits)
        }
        #expect(throws: error) { _ = try Frame(.post, payloadBytes: 9).measure(limits: limits) }
    }

    @Test("a writer refuses what a reader would refuse")
    func writerLimits() {
        let long = String(repeating: "n", count: 256)
        #expect(throws: FrameError.overLimit(.nameBytes, value: 256, limit: 255)) {
            _ = try Frame(.post, name: long).measure()
        }
        #expect(throws: FrameError.overLimit(.nameBytes, value: 256, limit: 255)) {
            _ = try Frame(.event, source: long).measure()
        }
        #expect(throws: FrameError.overLimit(.headerPairs, value: 257, limit: 256)) {
            _ = try Frame(.post, headers: Array(repeating: ("a", "b"), count: 257)).measure()
        }
        #expect(throws: FrameError.overLimit(.headerNameBytes, value: 65536, limit: 65535)) {
            _ = try Frame(.post, headers: [(String(repeating: "n", count: 65536), "")]).measure()
        }
        #expect(throws: FrameError.misplacedFlag(4, kind: 1)) {
            _ = try Frame(.request, failed: true).measure()
        }
        #expect(throws: FrameError.misplacedFlag(2, kind: 1)) {
            _ = try Frame(.request, route: 1, name: "n").measure()
        }
        #expect(throws: FrameError.namelessRoute(route: 0)) { _ = try Frame(.name, name: "n").measure() }
        #expect(throws: FrameError.unknownStatus(2)) { _ = try Frame(.result, deadline: 2).measure() }
    }
}
