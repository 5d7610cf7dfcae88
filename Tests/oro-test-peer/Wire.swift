// SPDX-License-Identifier: Apache-2.0

/// Values and frames as bytes, as docs/wire-format.md draws them: what somebody else's program would write.
enum Wire {
    static func number(_ number: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }
    }

    /// `base` is the tag of the narrowest length field: 0xC8, 0xD0, 0xD4, 0xD8, 0xDC, …
    private static func tag(_ base: UInt8, _ length: Int) -> (tag: UInt8, width: Int) {
        length < 1 << 8 ? (base, 1) : length < 1 << 16 ? (base + 1, 2) : (base + 2, 4)
    }

    static func sized(_ base: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        let (tag, width) = tag(base, bytes.count)
        return [tag] + number(UInt64(bytes.count), width) + bytes
    }

    static func text(_ text: [UInt8]) -> [UInt8] {
        text.count < 32 ? [0x80 + UInt8(text.count)] + text : sized(0xD0, text)
    }

    static func text(_ string: String) -> [UInt8] { text(Array(string.utf8)) }

    static func bytes(_ bytes: [UInt8]) -> [UInt8] { sized(0xD4, bytes) }

    static func int(_ value: Int) -> [UInt8] {
        switch value {
        case 0...127: [UInt8(value)]
        case -32..<0: [UInt8(truncatingIfNeeded: value - 0x40)]
        case -128...127: [0xC4] + number(UInt64(bitPattern: Int64(value)), 1)
        case -32768...32767: [0xC5] + number(UInt64(bitPattern: Int64(value)), 2)
        case Int(Int32.min)...Int(Int32.max): [0xC6] + number(UInt64(bitPattern: Int64(value)), 4)
        default: [0xC7] + number(UInt64(bitPattern: Int64(value)), 8)
        }
    }

    private static func container(_ base: UInt8, _ content: [UInt8], _ count: Int) -> [UInt8] {
        let (tag, width) = tag(base, content.count)
        return [tag] + number(UInt64(content.count), width) + number(UInt64(count), width) + content
    }

    static func array(_ elements: [[UInt8]]) -> [UInt8] {
        container(0xD8, Array(elements.joined()), elements.count)
    }

    static func array(_ count: Int, of element: [UInt8]) -> [UInt8] {
        container(0xD8, Array(repeatElement(element, count: count).joined()), count)
    }

    static func object(_ members: [(String, [UInt8])]) -> [UInt8] {
        container(0xDC, members.flatMap { text($0.0) + $0.1 }, members.count)
    }

    struct Kind {
        static let request: UInt8 = 1, result: UInt8 = 2, event: UInt8 = 3, post: UInt8 = 4, abort: UInt8 = 5
        static let chunk: UInt8 = 6, end: UInt8 = 7, name: UInt8 = 10, goodbye: UInt8 = 11
        static let credit: UInt8 = 12
        /// Those of ports are this and the number of the operation, from 1 on.
        static let port: UInt8 = 16
    }

    struct Flag {
        static let wideSeq: UInt8 = 1, inlineName: UInt8 = 2, headers: UInt8 = 16, lent: UInt8 = 32
        static let takesStream: UInt8 = 64, hasBody: UInt8 = 128
    }

    /// A frame whose lengths are right. `name` and `seqText` set their flags.
    static func frame(
        _ kind: UInt8, flags: UInt8 = 0, route: UInt16 = 0, deadline: UInt32 = 0, ticket: UInt64 = 0, seq: UInt64 = 0,
        seqText: String? = nil, name: [UInt8]? = nil, value: [UInt8] = [], headers: [UInt8] = [],
        payload: [UInt8] = []
    ) -> [UInt8] {
        var all = flags
        if name != nil { all |= Flag.inlineName }
        if seqText != nil { all |= Flag.wideSeq }
        if !headers.isEmpty { all |= Flag.headers }
        var frame: [UInt8] = [kind, all]
        frame.reserveCapacity(64 + value.count + headers.count + payload.count)
        frame += number(UInt64(route), 2) + number(UInt64(deadline), 4) + number(ticket, 8) + number(seq, 8)
        frame += number(UInt64(value.count), 4) + number(UInt64(payload.count), 4)
        if let seqText { frame += number(UInt64(seqText.utf8.count), 2) + Array(seqText.utf8) }
        if let name { frame += number(UInt64(name.count), 2) + name }
        frame += value
        frame += headers
        frame += payload
        return frame
    }

    static func request(
        _ name: String, kind: UInt8 = Kind.request, flags: UInt8 = 0, ticket: UInt64 = 1, seq: UInt64 = 1,
        value: [UInt8] = [], payload: [UInt8] = []
    ) -> [UInt8] {
        frame(kind, flags: flags, ticket: ticket, seq: seq, name: Array(name.utf8), value: value, payload: payload)
    }

    /// A frame about a port: `operation` 1 is the first of their kinds. See docs/wire-format.md.
    static func port(
        _ operation: UInt8, _ number: UInt64, count: UInt32 = 0, seq: UInt64 = 0, route: UInt16 = 0,
        name: String? = nil, value: [UInt8] = [], payload: [UInt8] = []
    ) -> [UInt8] {
        frame(
            Kind.port + operation, route: route, deadline: count, ticket: number, seq: seq,
            name: name.map { Array($0.utf8) }, value: value, payload: payload)
    }
}
