// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import OroPorts

@testable import OroIPC

/// Frames of ports as a peer may write them, read by the reader that links have.
struct PortFrames<Port: TransferredPort> {
    private var reader = PortReader<Port>()
    /// Numbers that mean something: ports the peer has or had, tokens of direct channels. And how far each port has
    /// counted.
    var numbers: [UInt64] = [1, 2]
    private var posted: [UInt64: UInt64] = [:]
    private var nextOwn: UInt64 = Port.isNumberedBySender ? 2 : 1

    mutating func know(_ number: UInt64) {
        numbers.append(number)
        if numbers.count > 64 { numbers.removeFirst(32) }
    }

    private mutating func known(_ script: inout Script) -> UInt64 {
        script.number(near: numbers[script.below(numbers.count)])
    }

    private mutating func fresh(_ script: inout Script) -> UInt64 {
        let number = script.number(near: nextOwn)
        if number == nextOwn {
            nextOwn += 2
            know(number)
        }
        return number
    }

    /// The next frame of the script, as the reader reads it. `nil`: it was a part of something, or could not be
    /// written.
    mutating func next(_ script: inout Script) throws(LinkError) -> PortFrame<Port>? {
        // Those of ports, and two that are not.
        var frame = Frame(FrameKind(byte: 17 + script.byte() % 12) ?? .drain)
        var payload: Bytes?
        switch frame.kind {
        case .portOpen:
            frame.ticket = fresh(&script)
            frame.name = ["h", "m", "n", "\u{E9}"][script.below(4)]
            frame.value = [0, 1, [2, "o", 0], [2, "*", 1], [2, "o", 5], nil, "x"][script.below(7)]
        case .portChannel:
            frame.ticket = fresh(&script)
            frame.seq = Seq(fresh(&script))
        case .portPart:
            frame.ticket = known(&script)
            frame.deadline = UInt32(script.byte() % 4)
            payload = Bytes([UInt8](repeating: 7, count: 1 + script.below(9)))
        case .portTransfer:
            frame.ticket = known(&script)
            frame.value = rows(&script)
        case .portMessage:
            frame.ticket = known(&script)
            let seq = script.number(near: posted[frame.ticket] ?? 0)
            posted[frame.ticket] = seq &+ 1
            frame.seq = Seq(seq)
            frame.deadline = UInt32(truncatingIfNeeded: script.number(near: 0))
            frame.route =
                [0, 0, 0, PortParts.transfersBit, PortParts.transfersBit, 1, 2, PortParts.descriptorsBit][
                    script.below(8)]
            frame.value = [0, [0, 1], "text", [10, 0], [0, [10, 0], [10, 1]], nil][script.below(6)]
            if frame.route & 3 != 0 { payload = Bytes([1, 2, 3]) }
        case .portConsumed, .portReturned:
            frame.ticket = known(&script)
            frame.seq = Seq(script.number(near: posted[frame.ticket] ?? 1))
        case .portClose:
            frame.ticket = known(&script)
            frame.value = [nil, "over", 5][script.below(3)]
        case .portDirect:
            frame.ticket = known(&script)
            frame.deadline = UInt32(script.byte() % 24)
            frame.seq = Seq(script.number(near: numbers[script.below(numbers.count)]))
            frame.value = [nil, .int(Int64(script.byte() % 4)), "x"][script.below(3)]
        case .portDescriptors:
            frame.ticket = known(&script)
            frame.deadline = UInt32(script.byte() % 20)
            frame.seq = Seq(script.number(near: 0))
        default: break
        }
        guard let storage = try? FrameStorage(frame, payload) else { return nil }
        return try reader.read(storage)
    }

    private mutating func rows(_ script: inout Script) -> Value {
        return .array(
            (0..<script.below(4)).map { _ in
                .array(
                    (0..<Port.columns).map { column in
                        let number =
                            column == 0
                            ? (Port.isNumberedBySender ? fresh(&script) : known(&script)) : script.number(near: 0)
                        return .int(Int64(bitPattern: number))
                    })
            })
    }
}
