// SPDX-License-Identifier: Apache-2.0

import OroFrame
@_exported import TestGenerators

extension SeededGenerator {
    /// A frame with any of its parts, and its payload.
    mutating func frame() -> (Frame, payload: [UInt8]) {
        var frame = Frame(FrameKind.allCases.randomElement(using: &self) ?? .request)
        frame.deadline =
            frame.kind == .result
            ? UInt32.random(in: 0...1, using: &self) : UInt32(truncatingIfNeeded: next())
        frame.ticket = next()
        frame.seq = Bool.random(using: &self) ? Seq(next()) : Seq(bigint())
        frame.failed = (frame.kind == .result || frame.kind == .end) && Bool.random(using: &self)
        if frame.kind == .request { frame.requestFlags = FrameFlags(rawValue: UInt8(next() % 4) << 6) }
        if frame.kind == .name || Bool.random(using: &self) { frame.name = "command.\(next() % 100)" }
        if frame.kind == .name || frame.name == nil { frame.route = UInt16(1 + next() % 65535) }
        if Bool.random(using: &self) { frame.source = "source" }
        if Bool.random(using: &self) { frame.value = value(depth: 2) }
        if Bool.random(using: &self) {
            frame.headers = (0..<Int.random(in: 0..<4, using: &self)).map { _ in (string(), string()) }
        }
        if Int.random(in: 0..<4, using: &self) == 0 {
            frame.block = BlockReference(
                slot: UInt32(truncatingIfNeeded: next()), serial: UInt32(truncatingIfNeeded: next()), loan: next(),
                offset: next(), count: next())
            return (frame, [])
        }
        let payload = bytes()
        frame.payloadBytes = payload.count
        return (frame, payload)
    }
}
