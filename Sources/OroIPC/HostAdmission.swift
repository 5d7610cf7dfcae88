import CSupport
import OroLink

// Who becomes a client, and what clients may hold of what the system has little of.
extension HostCore {
    /// A client that has connected and not yet shaken hands.
    final class Greeting {
        let socket: Int32
        let peer: PeerIdentity
        let deadline: UInt64
        /// What the link counts for, until its socket is closed; and the handshake.
        let charge: ResourceCharge
        let handshake: ResourceCharge

        /// The socket is closed by whoever calls ``takeSocket()`` last.
        init(
            _ socket: consuming Descriptor, _ peer: PeerIdentity, deadline: UInt64, _ charge: ResourceCharge,
            _ handshake: ResourceCharge
        ) {
            self.socket = socket.release()
            self.peer = peer
            self.deadline = deadline
            self.charge = charge
            self.handshake = handshake
        }

        func takeSocket() -> Descriptor { Descriptor(socket, .socket, charge) }
    }

    /// What all clients together may hold, by the options or the system's limits.
    static func budget(_ options: HostOptions) throws(LinkError) -> ResourceBudget {
        for (name, percent) in [
            ("percentPerUser", options.percentPerUser), ("percentPerProcess", options.percentPerProcess),
        ] where !(1...100).contains(percent) {
            throw .badOptions("\(name) is \(percent), and must be 1 to 100")
        }
        func threeQuarters(_ limit: UInt64) -> Int { Int(clamping: limit / 4 * 3) }
        let limits = ResourceBudget.Amounts(
            descriptors: options.descriptors ?? threeQuarters(oro_descriptor_limit()),
            mappings: options.mappings ?? threeQuarters(oro_mapping_limit()), handshakes: options.handshakes)
        return ResourceBudget(limits, perUser: options.percentPerUser, perProcess: options.percentPerProcess)
    }

    func refuse(_ socket: borrowing Descriptor, _ refusal: Refusal) {
        Rendezvous.refuse(socket, refusal)
        statistics.refused += 1
    }

    /// Of every link: its socket, and the peer's process.
    static let descriptorsOfLink = 2
    /// Of every link: three for its segments' rings on either side, one for what either side gives back.
    static let mappingsOfLink = 6

    /// Why this peer does not become a client; `nil`: it may.
    func admission(_ peer: PeerIdentity) -> Refusal? {
        guard peer.userID == oro_user_id() || options.policy != nil else { return .denied }
        if let refusal = options.policy?(peer) { return refusal }
        if links.count >= options.links { return .full }
        if links.count + greetings.count >= options.links || greetings.count >= options.handshakes { return .busy }
        return nil
    }

    /// Tells the next who waits that there is no descriptor for it, with the one that was kept. False: there was none.
    func refuseForLack(_ listener: Int32, _ errno: Int32) -> Bool {
        reserve = nil
        let number = oro_socket_accept(listener)
        if number >= 0 {
            refuse(Descriptor(number, .socket), .exhausted)
            options.logger.warning("a client was refused: \(LinkError.system(call: "accept4", errno: errno))")
        }
        let again = oro_open_reserve()
        reserve = again < 0 ? nil : Descriptor(again)
        return number >= 0
    }
}
