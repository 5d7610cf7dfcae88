// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroLink

/// What broker and owner tell each other about the *direct channel* of two ports: a stretch of its messages that goes
/// over a link of the two owners' own. `docs/decisions/015-direct-links.md` has the whole of it.
package struct DirectChannelFrame: Sendable {
    /// Names the direct channel, at this host, for ever.
    package var token: UInt64
    package var step: Step
    /// `prepare`: the port. `resume`, `resumeForPeer`: the first message that is posted through the broker again. Below
    /// ``SequenceNumber/bound``.
    package var number: UInt64 = 0
    /// `prepare`: the link, as introductions name it.
    package var link: UInt64 = 0

    package enum Step: UInt32, Sendable {
        // From the broker.
        /// The messages of a port may take this channel, once both owners are ready.
        case prepare = 1
        /// Both are.
        case go = 2
        /// Post through the broker again, first what is not known to have been taken.
        case stop = 3
        /// The other owner is gone: post in its stead what it had sent over the direct channel and nobody has taken.
        case drain = 4
        /// Nothing more is to come of it.
        case over = 5
        // From an owner.
        case ready = 16
        case refused = 17
        case resume = 18
        /// All that was sent over the direct channel and is not known to have been taken has been posted through the
        /// broker.
        case through = 19
        /// The same two, in the stead of an owner that is gone.
        case resumeForPeer = 20
        case throughForPeer = 21

        package var isOfBroker: Bool { rawValue < Step.ready.rawValue }
    }

    /// In place of a port's number: the end of the other owner of this channel, who is gone.
    package static let peerBit: UInt64 = 1 << 63

    package var frame: Frame {
        var frame = Frame(.portDirect, port: token, count: step.rawValue)
        frame.seq = Seq(number)
        if step == .prepare { frame.value = .int(Int64(bitPattern: link)) }
        return frame
    }

    package init(_ token: UInt64, _ step: Step, number: UInt64 = 0, link: UInt64 = 0) {
        self.token = token
        self.step = step
        self.number = number
        self.link = link
    }

    /// UNTRUSTED: what a frame of a peer says.
    package init(_ storage: any ReceivedFrame) throws(LinkError) {
        let header = storage.header
        guard let step = Step(rawValue: header.deadline),
            let number = SequenceNumber(header.seq)
        else { throw .violation("an unknown step of a direct channel, or a count that cannot be") }
        self.init(header.ticket, step, number: number.value)
        guard step == .prepare else { return }
        guard header.valueBytes <= 9, case .int(let link) = (try? storage.view.value()?.decode()) ?? .null else {
            throw .violation("a direct channel without its link")
        }
        self.link = UInt64(bitPattern: link)
    }
}
