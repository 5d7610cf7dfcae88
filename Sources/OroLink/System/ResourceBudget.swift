// SPDX-License-Identifier: Apache-2.0

/// How much of what the system has little of the peers of a host may hold: descriptors, mappings, unfinished
/// handshakes.
///
/// All of them together have a limit, and each user and each process has a share of it, so that none of them can take
/// everything. What somebody holds is charged when it is made or received, and released when it is closed or unmapped.
// Sendable: everything that changes is in `state`.
package final class ResourceBudget: Sendable {
    package enum Kind: Int, CaseIterable, Sendable {
        case descriptors, mappings, handshakes

        /// The setting of the host's that bounds it.
        var setting: String {
            switch self {
            case .descriptors: "HostOptions.descriptors"
            case .mappings: "HostOptions.mappings"
            case .handshakes: "HostOptions.handshakes"
            }
        }
    }

    /// So many of each kind.
    package struct Amounts: Sendable, Hashable {
        package var descriptors = 0
        package var mappings = 0
        package var handshakes = 0

        package init(descriptors: Int = 0, mappings: Int = 0, handshakes: Int = 0) {
            self.descriptors = descriptors
            self.mappings = mappings
            self.handshakes = handshakes
        }

        subscript(_ kind: Kind) -> Int {
            switch kind {
            case .descriptors: descriptors
            case .mappings: mappings
            case .handshakes: handshakes
            }
        }

        static func + (_ one: Amounts, _ other: Amounts) -> Amounts {
            Amounts(
                descriptors: one.descriptors + other.descriptors, mappings: one.mappings + other.mappings,
                handshakes: one.handshakes + other.handshakes)
        }

        static func - (_ one: Amounts, _ other: Amounts) -> Amounts {
            Amounts(
                descriptors: one.descriptors - other.descriptors, mappings: one.mappings - other.mappings,
                handshakes: one.handshakes - other.handshakes)
        }

        /// Of each kind a share, at least one.
        func share(percent: Int) -> Amounts {
            func part(_ amount: Int) -> Int {
                let (hundreds, rest) = amount.quotientAndRemainder(dividingBy: 100)
                return max(1, hundreds * percent + rest * percent / 100)
            }
            return Amounts(descriptors: part(descriptors), mappings: part(mappings), handshakes: part(handshakes))
        }
    }

    package let limits: Amounts
    private let perUser: Amounts
    private let perProcess: Amounts
    private let (userPercent, processPercent): (Int, Int)
    private let state = Locked(State())

    private struct State {
        var all = Amounts()
        var users: [UInt32: Amounts] = [:]
        /// By process id. Those of processes that cannot be seen from here count for their users alone.
        var processes: [Int32: Amounts] = [:]
    }

    /// Shares in percent, 1 to 100.
    package init(_ limits: Amounts, perUser: Int, perProcess: Int) {
        self.limits = limits
        self.perUser = limits.share(percent: perUser)
        self.perProcess = limits.share(percent: perProcess)
        (userPercent, processPercent) = (perUser, perProcess)
    }

    /// Counts these for a peer until the answer goes. Throws ``LinkError/overBudget(_:)``, which names the setting.
    package func charge(
        _ peer: PeerIdentity, descriptors: Int = 0, mappings: Int = 0, handshakes: Int = 0
    ) throws(LinkError) -> ResourceCharge {
        let amounts = Amounts(descriptors: descriptors, mappings: mappings, handshakes: handshakes)
        let wrong = state.withLock { state -> String? in
            let all = state.all + amounts
            let user = (state.users[peer.userID] ?? Amounts()) + amounts
            let process = (state.processes[peer.processID] ?? Amounts()) + amounts
            for kind in Kind.allCases where amounts[kind] > 0 {
                if peer.processID > 0, process[kind] > perProcess[kind] {
                    return "process \(peer.processID) may hold \(perProcess[kind]) \(kind) of this host's "
                        + "(\(processPercent) % of \(kind.setting), HostOptions.percentPerProcess)"
                }
                if user[kind] > perUser[kind] {
                    return "user \(peer.userID) may hold \(perUser[kind]) \(kind) of this host's "
                        + "(\(userPercent) % of \(kind.setting), HostOptions.percentPerUser)"
                }
                if all[kind] > limits[kind] {
                    return "all clients together may hold \(limits[kind]) \(kind) of this host's (\(kind.setting))"
                }
            }
            state.all = all
            state.users[peer.userID] = user
            state.processes[peer.processID] = process
            return nil
        }
        if let wrong { throw .overBudget(wrong) }
        return ResourceCharge(self, peer, amounts)
    }

    /// What is held now.
    package var held: Amounts { state.withLock { $0.all } }

    fileprivate func release(_ peer: PeerIdentity, _ amounts: Amounts) {
        state.withLock { state in
            state.all = state.all - amounts
            let user = (state.users[peer.userID] ?? Amounts()) - amounts
            state.users[peer.userID] = user == Amounts() ? nil : user
            let process = (state.processes[peer.processID] ?? Amounts()) - amounts
            state.processes[peer.processID] = process == Amounts() ? nil : process
        }
    }
}

/// Counts for a peer as long as somebody has it.
package final class ResourceCharge: Sendable {
    private let budget: ResourceBudget
    private let peer: PeerIdentity
    private let amounts: ResourceBudget.Amounts

    fileprivate init(_ budget: ResourceBudget, _ peer: PeerIdentity, _ amounts: ResourceBudget.Amounts) {
        self.budget = budget
        self.peer = peer
        self.amounts = amounts
    }

    deinit { budget.release(peer, amounts) }
}
