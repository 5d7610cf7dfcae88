// SPDX-License-Identifier: Apache-2.0

extension Frame {
    /// The header and the length this frame needs. Throws what a reader with these limits would throw.
    ///
    /// Neither allocates nor counts references for a frame with a small seq, no name, source or headers, and a
    /// value without a bigint.
    package func measure(limits: FrameLimits = .default) throws(FrameError) -> FrameSize {
        let valueBytes: Int
        if let encoded {
            valueBytes = try Frame.check(encoded.bytes.count, .frameBytes, limits.frameBytes)
        } else if let value {
            valueBytes = try value.encodedCount(limits: limits)
        } else {
            valueBytes = 0
        }
        var flags: FrameFlags = failed ? .failed : []
        flags.formUnion(requestFlags)
        if let encoded, encoded.isPairs { flags.insert(.pairs) }
        var partBytes = 0
        if seq.small == nil {
            let text = seq.description
            let digits = text.utf8.count - (text.utf8.first == UInt8(ascii: "-") ? 1 : 0)
            try Frame.check(digits, .seqDigits, limits.maxSeqDigits)
            flags.insert(.wideSeq)
            partBytes += 2 + text.utf8.count
        }
        if let name {
            flags.insert(.inlineName)
            partBytes += 2 + (try Frame.check(name.utf8.count, .nameBytes, limits.maxNameBytes))
        }
        if let source {
            flags.insert(.hasSource)
            partBytes += 2 + (try Frame.check(source.utf8.count, .nameBytes, limits.maxNameBytes))
        }
        if let headers {
            flags.insert(.hasHeaders)
            partBytes += try Frame.bytes(of: headers, limits: limits)
        }
        var payloadBytes = payloadBytes
        if block != nil {
            flags.insert(.lent)
            payloadBytes = BlockReference.byteCount
        } else if hasEmptyPayload {
            flags.insert(.lent)
        }
        try Frame.check(payloadBytes, .frameBytes, limits.frameBytes)
        let frameBytes = FrameHeader.byteCount + partBytes + valueBytes + payloadBytes
        try Frame.check(frameBytes, .frameBytes, limits.frameBytes)
        let header = FrameHeader(
            kind: kind, flags: flags, route: route, deadline: deadline, ticket: ticket, seq: seq.low64,
            valueBytes: UInt32(valueBytes), payloadBytes: UInt32(payloadBytes))
        try header.checkCombination()
        return FrameSize(header: header, frameBytes: frameBytes)
    }

    /// Writes header and body into `record`, whose length is `size.frameBytes`, and returns where the payload
    /// starts: the last `payloadBytes` bytes are left for the caller to fill (none with a `block`). Allocates as
    /// ``measure(limits:)``.
    package func write(_ size: FrameSize, into record: UnsafeMutableRawBufferPointer) -> Int {
        precondition(record.count == size.frameBytes, "the record is not as long as the frame")
        var next = FrameHeader.byteCount
        guard let start = record.baseAddress else { return 0 }
        // 32 bytes are there: `frameBytes` is never less.
        unsafe size.header.write(to: start)
        if seq.small == nil { unsafe record.append(short: seq.description, &next) }
        if let name { unsafe record.append(short: name, &next) }
        if let source { unsafe record.append(short: source, &next) }
        if size.header.valueBytes > 0 {
            let end = next + Int(size.header.valueBytes)
            // Slicing checks the bounds.
            let part = unsafe UnsafeMutableRawBufferPointer(rebasing: record[next..<end])
            if let encoded {
                // As long as it was measured, which `copyMemory` checks.
                unsafe encoded.bytes.withUnsafeBytes { source in unsafe part.copyMemory(from: source) }
            } else if let value {
                // As above.
                unsafe value.encode(into: part)
            }
            next = end
        }
        if let headers {
            unsafe record.append(UInt16(headers.count), &next)
            for (name, value) in headers {
                unsafe record.append(short: name, &next)
                unsafe record.append(UInt32(value.utf8.count), &next)
                unsafe record.append(text: value, &next)
            }
        }
        precondition(
            next + Int(size.header.payloadBytes) == size.frameBytes, "the frame changed after it was measured")
        // 32 bytes are left: checked above, and `checkCombination` has seen that a reference has that length.
        if let block { unsafe block.write(to: start + next) }
        return next
    }

    /// The frame in memory of its own. Throws as ``measure(limits:)``; `payload` has `payloadBytes` bytes.
    package func encoded(payload: [UInt8] = [], limits: FrameLimits = .default) throws(FrameError) -> [UInt8] {
        let size = try measure(limits: limits)
        var bytes = [UInt8](repeating: 0, count: size.frameBytes)
        // The buffer is the array's, as long as the frame.
        let start = unsafe bytes.withUnsafeMutableBytes { unsafe write(size, into: $0) }
        if block == nil { bytes.replaceSubrange(start..., with: payload) }
        return bytes
    }

    private static func bytes(
        of headers: [(name: String, value: String)], limits: FrameLimits
    ) throws(FrameError) -> Int {
        try check(headers.count, .headerPairs, min(limits.maxHeaderPairs, Int(UInt16.max)))
        var sum = 2
        for (name, value) in headers {
            sum += 2 + (try check(name.utf8.count, .headerNameBytes, Int(UInt16.max)))
            sum += 4 + (try check(value.utf8.count, .frameBytes, limits.frameBytes))
        }
        return sum
    }

    @discardableResult
    private static func check(_ value: Int, _ what: FrameLimit, _ limit: Int) throws(FrameError) -> Int {
        guard value <= limit else { throw .overLimit(what, value: value, limit: limit) }
        return value
    }
}

extension UnsafeMutableRawBufferPointer {
    /// A text behind its length in two bytes; the bounds are checked.
    fileprivate func append(short text: String, _ next: inout Int) {
        unsafe append(UInt16(text.utf8.count), &next)
        unsafe append(text: text, &next)
    }

    fileprivate func append(text: String, _ next: inout Int) {
        let utf8 = text.utf8
        let end = next + utf8.count
        // Slicing checks the bounds; both sides are equally long.
        let part = unsafe UnsafeMutableRawBufferPointer(rebasing: self[next..<end])
        // As above.
        unsafe utf8.span.withUnsafeBytes { source in unsafe part.copyMemory(from: source) }
        next = end
    }

    fileprivate func append<T: FixedWidthInteger & BitwiseCopyable>(_ number: T, _ next: inout Int) {
        // `storeBytes` checks the bounds in debug builds only, slicing always.
        let part = unsafe UnsafeMutableRawBufferPointer(rebasing: self[next..<next + MemoryLayout<T>.size])
        // As above.
        unsafe part.storeBytes(of: number.littleEndian, as: T.self)
        next += MemoryLayout<T>.size
    }
}
