// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroLink
import OroPorts

@testable import OroIPC

/// A message's content that is one number.
func content(_ number: Int64) -> PortContent {
    // Nothing about a number can fail.
    PortContent(short: .int(number))!
}

/// What a message says, where that is one number.
func number(_ content: PortContent) -> Int64? { (try? content.decode(ports: []))?.int }

/// A node's route to a broker that only writes down what it is told.
// Sendable: of one thread.
final class RecordingRoute: PortRoute, @unchecked Sendable {
    private(set) var commands: [PortCommand] = []
    /// How many more commands the link to the broker takes now; `nil`: any number.
    var room: Int?
    /// The links that direct channels may go over, by the names of their introductions.
    var links: [UInt64: RecordingTransport] = [:]

    func takeCommands() -> [PortCommand] {
        defer { commands = [] }
        return commands
    }

    func send(_ command: PortCommand) throws(LinkError) {
        if let room {
            if room == 0 { throw .busy }
            self.room = room - 1
        }
        commands.append(command)
    }
    func watch(_ isWanted: Bool) {}
    func read(until came: () -> Bool) {}
    func receiveEvents() {}
    func directChannel(_ frame: DirectChannelFrame, _ port: LocalPort, _ node: PortNode) -> (any DirectChannelProtocol)?
    {
        links[frame.link].map { DirectChannel(frame.token, $0, port, node: node) }
    }
    var takesDescriptors: Bool { false }
    func hasRoom(forDescriptors count: Int) -> Bool { true }
    var isSpinning: Bool { false }
}

/// A link to another owner of ports that only writes down what goes over it.
// Sendable: of one thread.
final class RecordingTransport: DirectTransport, @unchecked Sendable {
    var isBroken = false
    private(set) var sent: [Parcel<Never>] = []
    private(set) var consumed: [UInt64] = []

    var isOver: Bool { isBroken }
    var longestMessage: Int { 1 << 16 }
    func send(_ message: Parcel<Never>) throws(LinkError) {
        if isBroken { throw .closed }
        sent.append(message)
    }
    func sendConsumed(_ token: UInt64, _ count: UInt64) -> Bool {
        if isBroken { return false }
        consumed.append(count)
        return true
    }
}

/// What a command says, in short: `message 1 #0 = 7`.
func text(_ command: PortCommand) -> String {
    switch command {
    case .open(let port, let name, _): "open \(port) \(name)"
    case .channel(let one, let other): "channel \(one) \(other)"
    case .message(let posting):
        "message \(posting.number) #\(posting.seq.value) = \(number(posting.content).map { "\($0)" } ?? "?")"
            + posting.transferred.map { " with \($0.number) at \($0.consumed.value)" }.joined()
    case .consumed(let port, let count): "consumed \(port) \(count.value)"
    case .close(let port): "close \(port)"
    case .direct(let frame): "\(frame.step) \(frame.token) \(frame.number)"
    case .claimed(let count): "claimed \(count.value)"
    }
}
