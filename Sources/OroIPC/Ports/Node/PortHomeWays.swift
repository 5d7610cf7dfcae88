// SPDX-License-Identifier: Apache-2.0

import OroLink

// Direct ways of ports, as broker and other owners speak of them.
extension PortHome {
    /// From the broker. With the lock.
    func take(_ frame: PortWayFrame) {
        switch frame.step {
        case .prepare: prepare(frame)
        case .go: ways[frame.token]?.go()
        case .stop: ways[frame.token]?.stop()
        case .drain: ways[frame.token]?.drain()
        case .over: ways.removeValue(forKey: frame.token)?.end()
        // An owner's.
        case .ready, .refused, .resume, .through, .resumeForPeer, .throughForPeer: break
        }
    }

    private func prepare(_ frame: PortWayFrame) {
        guard let port = table[frame.number], port.isOwned, !port.isOver, port.way == nil, ways[frame.token] == nil,
            let way = route?.directWay(frame, port, self)
        else {
            try? send(.way(PortWayFrame(frame.token, .refused)))
            return
        }
        ways[frame.token] = way
        port.way = way
        later { [route] in route?.hearOrders() }
        try? send(.way(PortWayFrame(frame.token, .ready)))
    }

    /// The link of a way, of which the broker asks something.
    func link(ofWay token: UInt64) -> DirectTransport? { withLock { ways[token]?.link } }

    /// UNTRUSTED: what another owner said over their link. Tokens mean something only for ways that the broker has laid
    /// over this very link; others are over, or never were.
    func take(_ message: Parcel<Never>, over link: DirectTransport) throws(LinkError) {
        try withLock { () throws(LinkError) in
            if let way = way(message.number), way.link === link { try way.arrive(message) }
        }
    }

    /// The same for anything else. UNTRUSTED.
    func take(_ frame: PortFrame<Never>, over link: DirectTransport) throws(LinkError) {
        try withLock { () throws(LinkError) in
            switch frame {
            case .consumed(let token, let count):
                if let way = ways[token], way.link === link { way.acknowledged(count.value) }
            case .message, .open, .channel, .close, .way, .descriptors, .returned:
                throw .violation("an order to a broker on a direct link")
            }
        }
    }

    /// A direct link is over: its conversations go on through the broker.
    func directLinkEnded(_ link: DirectTransport) {
        withLock { for way in ways.values where way.link === link { way.stop() } }
    }
}
