// SPDX-License-Identifier: Apache-2.0

import OroLink

// Direct channels of ports, as broker and other owners speak of them.
extension PortNode {
    /// From the broker. With the lock.
    package func take(_ frame: DirectChannelFrame) {
        switch frame.step {
        case .prepare: prepare(frame)
        case .go: channels[frame.token]?.go()
        case .stop: channels[frame.token]?.stop()
        case .drain: channels[frame.token]?.drain()
        case .over: channels.removeValue(forKey: frame.token)?.end()
        // An owner's.
        case .ready, .refused, .resume, .through, .resumeForPeer, .throughForPeer: break
        }
    }

    private func prepare(_ frame: DirectChannelFrame) {
        guard let port = table[frame.number], port.isOwned, !port.isOver, port.channel == nil,
            channels[frame.token] == nil,
            let channel = route?.directChannel(frame, port, self)
        else {
            try? send(.direct(DirectChannelFrame(frame.token, .refused)))
            return
        }
        channels[frame.token] = channel
        port.channel = channel
        later { [route] in route?.receiveEvents() }
        try? send(.direct(DirectChannelFrame(frame.token, .ready)))
    }

    /// The link of a direct channel, of which the broker asks something.
    package func link(ofChannel token: UInt64) -> (any DirectTransport)? { withLock { channels[token]?.link } }

    /// UNTRUSTED: what another owner said over their link. Tokens mean something only for direct channels that the
    /// broker has laid over this very link; others are over, or never were.
    package func take(_ message: Parcel<Never>, over link: any DirectTransport) throws(LinkError) {
        try withLock { () throws(LinkError) in
            if let channel = channel(message.number), channel.link === link { try channel.arrive(message) }
        }
    }

    /// The same for anything else. UNTRUSTED.
    package func take(_ frame: PortFrame<Never>, over link: any DirectTransport) throws(LinkError) {
        try withLock { () throws(LinkError) in
            switch frame {
            case .consumed(let token, let count):
                if let channel = channels[token], channel.link === link { channel.acknowledged(count.value) }
            case .message, .open, .channel, .close, .direct, .descriptors, .returned:
                throw .violation("a command to a broker on a direct link")
            }
        }
    }

    /// A direct link is over: its conversations go on through the broker.
    package func directLinkEnded(_ link: any DirectTransport) {
        withLock { for channel in channels.values where channel.link === link { channel.stop() } }
    }
}
