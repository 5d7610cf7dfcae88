// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroLink

/// A client that is connecting, driven by a foreign event loop. Any thread.
package final class ConnectingClient: Sendable {
    private let options: ClientOptions
    /// Of the host; `nil` over a descriptor.
    private let name: String?
    private let state: Locked<State>

    private enum State {
        case connecting(ClientHandshake)
        case failed(LinkError)
        /// The client was handed out.
        case done
    }

    /// With the host of this name. Throws at once what is known at once: that nobody listens, or that the options
    /// cannot be.
    package convenience init(_ name: String, options: ClientOptions) throws(LinkError) {
        try self.init(try Client.handshake(name, options), options, name)
    }

    /// With the host at the other end of `descriptor`, which it takes over, also when this throws.
    package convenience init(descriptor: Int32, options: ClientOptions) throws(LinkError) {
        try self.init(try Client.handshake(descriptor: descriptor, options), options, nil)
    }

    private init(_ handshake: ClientHandshake, _ options: ClientOptions, _ name: String?) throws(LinkError) {
        self.options = options
        self.name = name
        try handshake.begin()
        state = Locked(.connecting(handshake))
    }

    /// Readable when ``turn()`` gets on; -1 while the queue of the host is full, and after the end.
    package var descriptor: Int32 {
        state.withLock { state in
            if case .connecting(let handshake) = state { handshake.descriptor } else { -1 }
        }
    }

    /// Gets on without waiting. The client, once; until then the nanoseconds after which it is to be called although
    /// the descriptor says nothing. Throws why it cannot be, then and ever after; `cancelled` after the client was
    /// handed out.
    package func turn() throws(LinkError) -> (client: Client?, next: UInt64) {
        try state.withLock { (state) throws(LinkError) in
            switch state {
            case .failed(let error): throw error
            case .done: throw .cancelled
            case .connecting(let handshake):
                do throws(LinkError) {
                    guard let link = try handshake.step() else {
                        let now = oro_now()
                        return (nil, handshake.nextStep > now ? handshake.nextStep - now : 0)
                    }
                    state = .done
                    return (try Client(link, options, name), 0)
                } catch {
                    // In a forked child everything stays as the parent has it.
                    if error != .forked { state = .failed(error) }
                    throw error
                }
            }
        }
    }
}
