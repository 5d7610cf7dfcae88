// SPDX-License-Identifier: Apache-2.0

import CSupport

@testable import OroLink

/// The packets of a socket: a hostile host's answer in the handshake, and whatever it sends afterwards, with any
/// descriptors. An offer that is taken says the same when it is written again; a link either lives or ends with a
/// reason.
enum PacketTarget {
    static func check(_ input: [UInt8]) {
        var script = Script(input)
        checkOffer(script.bytes(script.below(80)))
        checkLink(&script)
    }

    private static func checkOffer(_ bytes: [UInt8]) {
        let packet = Packet(received: bytes)
        guard let offer = try? Offer(packet) else { return }
        var again = Packet(received: Array(bytes.prefix(8)))
        offer.write(to: &again)
        require(Array(again.bytes.prefix(bytes.count)) == Array(bytes.prefix(again.bytes.count)), "another offer")
    }

    private static let limits: LinkLimits = {
        var limits = LinkLimits()
        limits.ringBytes = 4096
        return limits
    }()

    /// A segment as a good host has it, and something that is none.
    // Of the one thread that checks.
    nonisolated(unsafe) private static let segment = try! Segment.create(head: Ring.head, ring: 4096)
    nonisolated(unsafe) private static let other = try! Segment.create(head: 4096, ring: 65_536)

    private static func checkLink(_ script: inout Script) {
        var ends: [Int32] = [-1, -1]
        guard oro_socketpair(&ends) == 0 else { return }
        let host = Descriptor(ends[0], .socket)
        let flags = script.byte()
        send(welcome(&script), over: host, &script)
        let client = Descriptor(ends[1], .socket)
        guard
            let link = try? ClientHandshake(
                client, limits: limits, isIntroducible: flags & 1 != 0, takesDescriptors: flags & 2 != 0,
                timeoutMilliseconds: 1
            ).finish()
        else { return }
        while !script.isAtEnd {
            send(next(&script), over: host, &script)
            guard (try? link.readSocket()) != nil else { return }
        }
    }

    private static func send(_ packet: Packet, over host: borrowing Descriptor, _ script: inout Script) {
        var descriptors: [Int32] = []
        switch script.byte() {
        case 0..<160: descriptors = [segment.memory.number]
        case 160..<192: break
        case let byte:
            for index in 0..<Int(byte % 6) {
                descriptors.append((byte >> UInt8(index)) & 1 == 0 ? segment.memory.number : other.memory.number)
            }
        }
        _ = try? packet.send(to: host.number, descriptors)
    }

    /// Mostly as it should be.
    private static func welcome(_ script: inout Script) -> Packet {
        if script.byte() < 16 { return Packet(received: script.bytes(70)) }
        var packet = Packet(.welcome)
        packet.append(UInt16(script.number(near: UInt64(Handshake.versions.upperBound)) & 0xFFFF))
        packet.append(UInt16(0))
        Offer(features: Features.own, key: 7, limits: limits).write(to: &packet)
        packet.append(UInt64(1))
        return changed(packet, &script)
    }

    /// One of those that come later.
    private static func next(_ script: inout Script) -> Packet {
        let kinds: [Packet.Kind] = [
            .ring, .memory, .forget, .releaseRing, .introduction, .offer, .descriptors, .hello, .welcome, .refusal,
        ]
        var packet = Packet(kinds[script.below(kinds.count)])
        packet.append(UInt16(script.number(near: UInt64(script.byte() % 4)) & 0xFFFF))
        packet.append(UInt16(script.number(near: 0) & 0xFFFF))
        for _ in 0..<script.below(8) { packet.append(script.number(near: 4096)) }
        if script.byte() % 2 == 0 { packet.append(UInt32(script.byte())) }
        return changed(packet, &script)
    }

    private static func changed(_ packet: Packet, _ script: inout Script) -> Packet {
        guard script.byte() > 200 else { return packet }
        var bytes = packet.bytes
        bytes[script.below(bytes.count)] = script.byte()
        if script.byte() > 200 { bytes.removeLast(script.below(bytes.count)) }
        return Packet(received: bytes)
    }
}
