// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroLink
import OroPorts

@testable import OroIPC

/// The ports of a client, whose host, and whose other clients over direct links, say whatever they like, while the
/// program opens, posts, transfers, reads and closes. Only a violation may come of it; and what the program posts is
/// either sent or refused.
enum OwnerTarget {
    static func check(_ input: [UInt8]) {
        var script = Script(input)
        let game = OwnerGame()
        while !script.isAtEnd {
            do throws(LinkError) {
                try game.step(&script)
            } catch {
                // As when the link ends.
                return game.end()
            }
        }
        game.end()
    }
}

private final class OwnerGame {
    private let route = Route()
    private let node: PortNode
    private var frames = PortFrames<DeliveredPort>()
    private var handles: [IPCMessagePort] = []
    private var wayFrames = PortFrames<Never>()

    init() {
        node = PortNode(route: route)
    }

    func end() {
        node.end(.network("over"))
        handles = []
        require(node.count == 0, "\(node.count) ports after the end")
    }

    func step(_ script: inout Script) throws(LinkError) {
        switch script.byte() % 16 {
        case 0:
            guard handles.count < 8, let port = try? node.openPort("n", .pairing) else { return }
            handles.append(port)
            frames.know(UInt64(2 * handles.count - 1))
        case 1: if let port = handle(&script) { try? port.postMessage(.int(Int64(script.byte()))) }
        case 2:
            guard let port = handle(&script), let other = handle(&script) else { return }
            try? port.postMessage(.array([.port(other)]), transfer: [other])
        case 3: handle(&script)?.close()
        case 4, 5:
            guard let port = handle(&script), let event = port.takeEvent() else { return }
            handles += event.ports
            if handles.count > 16 { handles.removeFirst(8) }
        case 6: if !handles.isEmpty { handles.remove(at: script.below(handles.count)) }
        case 7: route.isFull.toggle()
        case 8: node.roomCame()
        case 9: node.directLinkEnded(route.links[script.below(2)])
        case 10, 11:
            // Another client, over a direct link.
            let link = route.links[script.below(2)]
            guard let frame = try? wayFrames.next(&script) else { return }
            if case .message(let message) = frame {
                try? node.take(message, over: link)
            } else {
                try? node.take(frame, over: link)
            }
        default:
            if let frame = try frames.next(&script) {
                if case .direct(let step) = frame { wayFrames.know(step.token) }
                if let event = try frame.event() { node.take(event) }
            }
        }
    }

    private func handle(_ script: inout Script) -> IPCMessagePort? {
        handles.isEmpty ? nil : handles[script.below(handles.count)]
    }

    // Sendable: of one thread.
    private final class Route: PortRoute, @unchecked Sendable {
        var isFull = false
        let links = [Transport(), Transport()]

        func send(_ command: PortCommand) throws(LinkError) { if isFull { throw .busy } }
        func watch(_ isWanted: Bool) {}
        func read(until came: () -> Bool) {}
        func receiveEvents() {}
        func directChannel(_ frame: DirectChannelFrame, _ port: LocalPort, _ node: PortNode) -> (
            any DirectChannelProtocol
        )? {
            guard frame.link < 2, !links[Int(frame.link)].isOver else { return nil }
            return DirectChannel(frame.token, links[Int(frame.link)], port, node: node)
        }
        var takesDescriptors: Bool { false }
        func hasRoom(forDescriptors count: Int) -> Bool { true }
        var isSpinning: Bool { false }
    }

    // Sendable: of one thread.
    private final class Transport: DirectTransport, @unchecked Sendable {
        private var sent = 0

        var isOver: Bool { sent > 40 }
        var longestMessage: Int { 1 << 16 }
        func send(_ message: Parcel<Never>) throws(LinkError) {
            sent += 1
            if sent % 7 == 0 { throw .busy }
        }
        func sendConsumed(_ token: UInt64, _ count: UInt64) -> Bool { sent % 5 != 0 }
    }
}
