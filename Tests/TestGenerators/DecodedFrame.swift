// SPDX-License-Identifier: Apache-2.0

import OroFrame

extension Frame {
    /// Everything a received frame says, in memory of its own.
    package static func decoded(_ bytes: [UInt8]) throws(FrameError) -> (Frame, payload: [UInt8]) {
        // Bytes have no padding that could leak.
        let view = try unsafe FrameView(bytes.span.bytes)
        var frame = Frame(view.header.kind)
        frame.route = view.header.route
        frame.deadline = view.header.deadline
        frame.ticket = view.header.ticket
        let isRequest = frame.kind == .request || frame.kind == .post
        frame.failed = !isRequest && view.header.flags.contains(.failed)
        frame.seq = try view.seq()
        frame.name = try view.name()
        frame.source = try view.source()
        if let value = try view.value() { frame.value = try value.decode() }
        if view.header.flags.contains(.hasHeaders) {
            var headers: [(name: String, value: String)] = []
            try view.forEachHeader { (name, value) throws(FrameError) in headers.append((name, value)) }
            frame.headers = headers
        }
        // The buffer is valid in the closure, which copies it.
        let payload = unsafe view.payload.withUnsafeBytes { unsafe [UInt8]($0) }
        frame.requestFlags = view.header.flags.intersection(.ofRequests)
        if isRequest, view.header.flags.contains(.pairs) {
            frame.requestFlags.insert(.pairs)
            _ = try view.pairs()
        }
        if view.header.flags.contains(.lent), payload.isEmpty {
            frame.hasEmptyPayload = true
            return (frame, [])
        }
        if view.header.flags.contains(.lent) {
            // As above.
            frame.block = unsafe payload.withUnsafeBytes { unsafe BlockReference($0) }
            return (frame, [])
        }
        frame.payloadBytes = payload.count
        return (frame, payload)
    }
}
