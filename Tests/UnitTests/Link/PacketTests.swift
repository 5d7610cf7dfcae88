// SPDX-License-Identifier: Apache-2.0

import CSupport
import Testing

@testable import OroLink

@Suite("Control packets")
struct PacketTests {
    private static let limits = LinkLimits()

    private static func hello(_ change: (inout [UInt8]) -> Void = { _ in }) -> Packet {
        var packet = Packet(.hello)
        packet.append(UInt16(1))
        packet.append(UInt16(1))
        Offer(features: [.barrier], key: 0x0123_4567_89ab_cdef, limits: limits).write(to: &packet)
        var bytes = packet.bytes
        change(&bytes)
        return Packet(received: bytes)
    }

    private static func put<T: FixedWidthInteger>(_ number: T, at offset: Int, _ bytes: inout [UInt8]) {
        for index in 0..<T.bitWidth / 8 { bytes[offset + index] = UInt8(truncatingIfNeeded: number >> (8 * index)) }
    }

    @Test("what is offered is what is read")
    func roundTrip() throws {
        let packet = PacketTests.hello()
        #expect(packet.kind == .hello && packet.bytes.count == Offer.end)
        let offer = try Offer(packet)
        let limits = PacketTests.limits
        #expect(offer.features == [.barrier] && offer.key == 0x0123_4567_89ab_cdef)
        #expect(offer.ringBytes == limits.ringBytes && offer.rings == limits.rings)
        #expect(offer.messageBytes == limits.messageBytes && offer.loans == limits.loans)
        #expect(offer.memories == limits.memories && offer.payloadBytes == limits.payloadBytes)
    }

    @Test("an offer that is out of bounds in one field is a violation, and one at its bounds is none")
    func bounds() throws {
        let page = UInt32(oro_page_bytes())
        let rows: [(offset: Int, width: Int, value: UInt64, isRight: Bool)] = [
            (24, 4, UInt64(page), true), (24, 4, 1 << 26, true), (24, 4, UInt64(page / 2), false),
            (24, 4, 1 << 27, false), (24, 4, UInt64(page) + 16, false), (24, 4, 0, false), (24, 4, .max, false),
            (28, 4, 1, true), (28, 4, 16, true), (28, 4, 0, false), (28, 4, 17, false), (28, 4, .max, false),
            (32, 8, 1 << 14, true), (32, 8, (1 << 32) - 1, true), (32, 8, (1 << 14) - 1, false),
            (32, 8, 1 << 32, false), (32, 8, .max, false), (32, 8, 1 << 63, false),
            (40, 4, 512, true), (40, 4, 1 << 20, true), (40, 4, 511, false), (40, 4, 513, false), (40, 4, 0, false),
            (40, 4, 1 << 21, false), (44, 4, 4, true), (44, 4, 4096, true), (44, 4, 3, false), (44, 4, 4097, false),
            (48, 8, 1 << 12, true), (48, 8, 1 << 46, true), (48, 8, 1 << 12 - 1, false), (48, 8, 1 << 46 + 1, false),
            (48, 8, .max, false),
        ]
        for row in rows {
            let packet = PacketTests.hello { bytes in
                if row.width == 4 {
                    PacketTests.put(UInt32(truncatingIfNeeded: row.value), at: row.offset, &bytes)
                } else {
                    PacketTests.put(row.value, at: row.offset, &bytes)
                }
            }
            let isTaken = (try? Offer(packet)) != nil
            #expect(isTaken == row.isRight, "\(row)")
        }
    }

    @Test("a packet that ends too early is a violation, wherever it ends")
    func short() {
        for count in 0..<Offer.end {
            let packet = PacketTests.hello { $0.removeLast($0.count - count) }
            #expect(throws: LinkError.self, "\(count) bytes") { try Offer(packet) }
        }
    }

    @Test("numbers are little-endian, and 0 where the packet has no room for them")
    func numbers() {
        let packet = Packet(received: [1, 2, 3, 4, 5, 6, 7, 0x88])
        #expect(packet.number(0) as UInt32 == 0x0403_0201 && packet.number(2) as UInt16 == 0x0403)
        #expect(packet.number(0) as UInt64 == 0x8807_0605_0403_0201)
        #expect(packet.number(1) as UInt64 == 0 && packet.number(5) as UInt32 == 0 && packet.number(8) as UInt8 == 0)
        #expect(packet.kind == nil)
    }

    /// The two ends of a socket of packets.
    private static func pair() throws -> (Int32, Int32) {
        var numbers: [Int32] = [-1, -1]
        // Room for the two.
        let status = unsafe oro_socketpair(&numbers)
        try #require(status == 0)
        return (numbers[0], numbers[1])
    }

    private static func describe(_ received: borrowing Packet.Received) -> String {
        switch received {
        case .nothing: "nothing"
        case .hangUp: "hang-up"
        case .wake: "wake"
        case .packet(let packet, _): "\(packet.kind.map { "\($0)" } ?? "unknown") of \(packet.bytes.count)"
        }
    }

    @Test("what comes is told apart; what does not belong to a packet of its kind is a violation")
    func receiving() throws {
        func receive(_ send: (Int32) throws -> Void) throws -> String {
            let (near, far) = try PacketTests.pair()
            let socket = Descriptor(near)
            try send(far)
            defer { oro_close(far) }
            do throws(LinkError) {
                return PacketTests.describe(try Packet.receive(from: socket))
            } catch {
                if case .violation = error { return "violation" }
                return "\(error)"
            }
        }
        func send(_ bytes: [UInt8], _ descriptors: Int = 0, to socket: Int32) throws {
            let (mine, other) = try PacketTests.pair()
            defer { for number in [mine, other] { oro_close(number) } }
            let numbers = [Int32](repeating: mine, count: descriptors)
            // Both arrays have that many.
            let sent = unsafe oro_send_packet(socket, bytes, bytes.count, numbers, Int32(descriptors))
            try #require(sent == bytes.count)
        }
        let cases: [(Packet.Kind, allowed: Set<Int>)] = [
            (.hello, [0, 1, 2, 3, 4]), (.welcome, [0, 1, 2, 3, 4]), (.offer, [0, 2]), (.ring, [1]), (.memory, [1]),
            (.releaseRing, [1]), (.descriptors, [1, 2, 3, 4]), (.refusal, [0]), (.forget, [0]), (.introduction, [0]),
            (.nudge, [0]),
        ]
        for (kind, allowed) in cases {
            for count in 0...4 {
                let outcome = try receive { try send(Packet(kind).bytes, count, to: $0) }
                #expect(outcome == (allowed.contains(count) ? "\(kind) of 4" : "violation"), "\(kind), \(count)")
            }
        }
        #expect(try receive { _ in } == "nothing")
        #expect(try receive { oro_socket_shutdown($0) } == "hang-up")
        #expect(try receive { try send(Array("OROY".utf8), to: $0) } == "wake")
        #expect(try receive { try send([9, 9], to: $0) } == "unknown of 2")
        #expect(try receive { try send([UInt8](repeating: 0, count: Packet.capacity + 1), to: $0) } == "violation")
        #expect(try receive { try send([UInt8](repeating: 0, count: Packet.capacity), to: $0) } == "unknown of 64")
    }
}
