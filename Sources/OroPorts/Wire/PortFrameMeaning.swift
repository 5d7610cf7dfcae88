// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroLink

// What a frame of ports asks of the broker, or tells an owner of ports.

extension PortFrame where Port == PostedPort {
    /// UNTRUSTED: what a client's frame asks of the broker. `nil`: it is about descriptors.
    package func command() -> PortCommand? {
        switch self {
        case .open(let number, let name, let opening): .open(number, name: name, opening)
        case .channel(let first, let second): .channel(first, second)
        case .message(let message): .message(message)
        case .consumed(let number, let count): .consumed(number, count: count)
        case .close(let number, _): .close(number)
        case .direct(let frame): .direct(frame)
        case .returned(let count): .claimed(count)
        case .descriptors: nil
        }
    }
}

extension PortFrame where Port == DeliveredPort {
    /// UNTRUSTED: what a host's frame says to an owner of ports. `nil`: it is about descriptors.
    package func event() throws(LinkError) -> PortEvent? {
        switch self {
        case .message(let message): .message(message)
        case .consumed(let number, let count): .consumed(number, count: count)
        case .close(let number, let reason): .closed(number, reason: reason)
        case .direct(let frame):
            if frame.step.isOfBroker {
                .direct(frame)
            } else {
                throw .violation("a step of a direct channel that is an owner's")
            }
        case .descriptors, .returned: nil
        case .open, .channel: throw .violation("an operation of ports that a host does not ask for")
        }
    }
}
