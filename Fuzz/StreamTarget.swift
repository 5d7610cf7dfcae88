// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame

@testable import OroIPC

/// Both halves of a stream, played by a peer that sends chunks, ends and credit as it likes, and an owner that reads,
/// sends and gives up in any order. What the two count is what a plain model counts.
enum StreamTarget {
    static func check(_ input: [UInt8]) {
        var script = Script(input)
        if script.byte() % 2 == 0 { checkReceiver(&script) } else { checkSender(&script) }
    }

    /// What a receiver should hold.
    private struct Model {
        var credit = 0
        var waiting = 0
        var taken = 0
        var isOpen = false
        var isOver = false
    }

    private static func checkReceiver(_ script: inout Script) {
        let window = 1 + script.below(20)
        let receiver = StreamReceiver(window: window)
        var model = Model()
        var run = ReadRun()
        var spare: FrameStorage?
        while !script.isAtEnd {
            switch script.byte() % 8 {
            case 0, 1, 2:
                guard let chunk = chunk(&script) else { continue }
                let arrival = receiver.take(chunk, &run, spare: &spare)
                if chunk.header.ticket & 1 == 0 { run.end() }
                require(
                    (arrival == .unexpected) == (model.credit == 0), "a chunk is \(arrival) with credit \(model.credit)"
                )
                if model.credit == 0 { continue }
                model.credit -= 1
                require((arrival == .late) == model.isOver, "a chunk is \(arrival), over: \(model.isOver)")
                if !model.isOver { model.waiting += 1 }
            case 3, 4:
                let (item, credit) = receiver.poll()
                require(credit >= 0 && credit <= window, "a grant of \(credit)")
                model.credit += credit
                if case .chunk? = item {
                    model.waiting -= 1
                    require(model.waiting >= 0, "a chunk that never came")
                }
                require(model.credit + model.waiting <= window, "more than a window: \(model)")
                if credit > 0 { model.isOpen = true }
            case 5:
                if model.isOpen || model.isOver { continue }
                model.credit += receiver.open()
                model.isOpen = true
            case 6:
                receiver.finish(IPCError(message: "over"))
                model.isOver = true
            default:
                receiver.giveUp(.abort())
                model.isOver = true
                model.waiting = 0
            }
            require(receiver.mayCome == (model.credit > 0), "credit of the model: \(model.credit)")
        }
    }

    private static func chunk(_ script: inout Script) -> FrameStorage? {
        var frame = Frame(.chunk)
        frame.ticket = UInt64(script.byte())
        return try? FrameStorage(frame, Bytes(script.bytes(script.below(4))))
    }

    private static func checkSender(_ script: inout Script) {
        let sender = StreamSender()
        var credit = 0
        var isClosed = false
        while !script.isAtEnd {
            switch script.byte() % 6 {
            case 0, 1:
                let count = UInt32(truncatingIfNeeded: script.number(near: 3))
                let isGranted = Credit(count).map { sender.grant($0) } ?? false
                require(isGranted == (Int(count) <= Credit.most - credit), "a grant of \(count) at \(credit)")
                if isGranted { credit += Int(count) }
            case 2, 3:
                do throws(IPCError) {
                    let isReserved = try sender.tryReserve()
                    require(isReserved == (credit > 0) && !isClosed, "a reservation with credit \(credit)")
                    if isReserved { credit -= 1 }
                } catch {
                    require(isClosed, "an error of a stream that is not closed: \(error)")
                }
            case 4:
                sender.close(.abort())
                isClosed = true
            default:
                require(sender.mayGoOn == (isClosed || credit > 0), "it may go on with credit \(credit)")
            }
        }
    }
}
