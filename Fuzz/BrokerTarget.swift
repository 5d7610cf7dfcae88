// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import OroPorts

@testable import OroIPC

/// The broker of a host, and hostile clients that say about ports, broadcasts and direct channels whatever they like,
/// in any order. A client that breaks the protocol loses its link, as in a host; another comes in its place. When all
/// are gone, nothing of theirs is left.
enum BrokerTarget {
    static func check(_ input: [UInt8]) {
        var script = Script(input)
        var options = PortOptions()
        (options.portsPerLink, options.allowsMeetings) = (6, true)
        (options.messagesBeforeDirect, options.directLinksPerClient) = (2, 2)
        let slices = HostSlices()
        let broker = PortBroker(options, longestMessage: 1 << 16, slices: slices)
        let local = Player(0)
        broker.setLocal(local)
        broker.setHub(BroadcastHub(broker))
        var players = [Player(1), Player(2), Player(3)]
        var last: UInt64 = 3
        while !script.isAtEnd {
            let index = script.below(players.count)
            let player = players[index]
            do throws(LinkError) {
                try step(player, broker, &script)
            } catch {
                last += 1
                remove(player, from: broker, slices)
                players[index] = Player(last)
            }
            require(
                broker.ends >= 0 && broker.descriptors >= 0, "\(broker.ends) ends, \(broker.descriptors) descriptors")
        }
        for player in players + [local] { remove(player, from: broker, slices) }
        slices.finish()
        require(broker.ends == 0, "\(broker.ends) ends of nobody")
        require(broker.channels.isEmpty, "\(broker.channels.count) direct channels of nobody")
        require(players.allSatisfy { $0.state.count == 0 }, "a client that is gone has ports")
    }

    private static func step(_ player: Player, _ broker: PortBroker, _ script: inout Script) throws(LinkError) {
        switch script.byte() % 16 {
        case 0: broker.slices.step(.shortest)
        case 1:
            player.isFull.toggle()
            if !player.isFull { broker.pumpWaiting(of: player) }
        case 2:
            guard let id = player.introductions.popLast() else { return }
            let passes = script.byte() % 4 != 0
            try broker.receive(offerFor: id, isRefusal: script.byte() % 4 == 0, from: player) { _ in passes }
        case 3: broker.giveUpDrains(.max)
        default:
            if let frame = try player.frames.next(&script), let command = frame.command() {
                try broker.take(command, from: player)
            }
        }
    }

    private static func remove(_ player: Player, from broker: PortBroker, _ slices: HostSlices) {
        broker.beginRemoval(of: player)
        slices.add(PortRemoval(broker, player), for: player.id)
    }

    /// A client, or the host itself, which takes what it is given and remembers what it is called.
    private final class Player: PortOwner {
        let state = PortOwnerState()
        let id: UInt64
        var frames = PortFrames<PostedPort>()
        var isFull = false
        var introductions: [UInt64] = []

        init(_ id: UInt64) {
            self.id = id
        }

        var sliceOwner: UInt64 { id }
        var hasRoom: Bool { !isFull && !state.isGone }
        func deliver(_ delivery: Parcel<DeliveredPort>) {
            for row in delivery.transferred { frames.know(row.number) }
        }
        func accepts(_ name: String) -> Bool { id == 0 && TextKey.areSame(name, "h") }
        func notify(_ frame: DirectChannelFrame) { frames.know(frame.token) }
        var canBeIntroduced: Bool { id > 0 && !state.isGone }
        func introduce(to other: any PortOwner, as id: UInt64) -> Bool {
            guard let other = other as? Player else { return false }
            introductions.append(id)
            other.introductions.append(id)
            return true
        }
    }
}
