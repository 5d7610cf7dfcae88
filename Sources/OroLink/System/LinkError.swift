// SPDX-License-Identifier: Apache-2.0

/// What ended a link, or kept one from being made.
public enum LinkError: Error, Hashable, Sendable {
    /// Nobody listens under this name. `path` is the socket that was tried.
    case notListening(name: String, path: String)
    /// A living host already has this name.
    case nameTaken(name: String)
    /// The name of a host is empty, too long for a socket path, or has other characters than `A-Z a-z 0-9 . _ -`.
    case badName(String)
    /// The folder for sockets cannot be used: not a folder, another's, or open to others.
    case folder(path: String, reason: String)
    /// The host said no.
    case refused(Refusal)
    /// The host of this name (empty: the one at the other end of a descriptor) did not finish the handshake in time.
    case handshakeTimeout(host: String, milliseconds: Int)
    /// The peer broke the protocol; the text says how. The link is over.
    case violation(String)
    /// The peer has died or closed the link.
    case peerGone
    /// The peer has ended the link, and said why.
    case goodbye(String)
    /// This side closed the link.
    case closed
    /// The client or host was made by the process that this one was forked from, and is that process's alone. A child
    /// makes its own.
    case forked
    /// A message of `bytes` is longer than this side or the peer allows; `setting` says by which of its options.
    case tooLarge(bytes: Int, limit: Int, setting: String)
    /// The options for a host or client cannot be; the text says which and why.
    case badOptions(String)
    /// What was to be sent has no form on the wire; the text says why.
    case unencodable(String)
    /// It has more of something than any message may: depth, elements, headers.
    case overLimit(String)
    /// No block is free: `bytes` of blocks are out, filled here or with the peer, which is process `processID` and has
    /// `loans` of them and gives none back.
    case noBlocks(processID: Int32, bytes: Int, loans: Int, byteLimit: Int, loanLimit: Int)
    /// The peer makes this side keep more memory than it may; the text says how much, the limit, and its setting.
    case overQuota(String)
    /// The ring has no room and the call may not wait.
    case busy
    /// The call's deadline passed.
    case timedOut
    /// A peer would hold more descriptors or mappings of this process than it may; the text says how many, and which
    /// setting decides. Its link is over, or not made.
    case overBudget(String)
    /// Connecting was given up, by the task that was cancelled or by whoever let go of it.
    case cancelled
    /// The calling thread would wait for itself; the text says for what, and what to do instead.
    case wouldBlock(String)
    /// A system call failed: this process's own trouble, and no fault of the peer's.
    case system(call: String, errno: Int32)
}

extension LinkError {
    /// It tells of this process's own shortage, or of a limit of this side's: the peer has broken nothing.
    package var isOurs: Bool {
        switch self {
        case .system, .overBudget: true
        default: false
        }
    }
}

/// Why a host refuses a client.
public enum Refusal: UInt16, Hashable, Sendable, CaseIterable {
    /// No protocol version in common.
    case version = 1
    /// The host's policy does not admit this peer.
    case denied = 2
    /// The host has as many links as it allows.
    case full = 3
    /// The host is shutting down, or has too many unfinished handshakes.
    case busy = 4
    /// The client's hello was malformed, or its segment is not sealed as it must be.
    case malformed = 5
    /// The host's process has no descriptors, or no memory, left.
    case exhausted = 6
}

extension LinkError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notListening(let name, let path): "no host named '\(name)' is listening at \(path); start it first"
        case .nameTaken(let name): "a host named '\(name)' is already running; stop it or choose another name"
        case .badName(let name): "'\(name)' cannot name a host: use 1 to 64 of A-Z a-z 0-9 . _ -"
        case .folder(let path, let reason): "the socket folder \(path) cannot be used: \(reason)"
        case .refused(let refusal): "the host refused the link: \(refusal)"
        case .handshakeTimeout(let name, let milliseconds):
            (name.isEmpty ? "the host at the other end of the descriptor" : "the host named '\(name)'")
                + " did not finish the handshake in time: \(milliseconds) ms (ClientOptions.handshakeMilliseconds)"
        case .violation(let what): "the peer broke the protocol: \(what)"
        case .peerGone: "the peer is gone"
        case .goodbye(let reason): "the peer has ended the link" + (reason.isEmpty ? "" : ": \(reason)")
        case .closed: "the link is closed"
        case .forked: "it belongs to the process that this one was forked from; make another one here"
        case .tooLarge(let bytes, let limit, let setting):
            "a message of \(bytes) bytes is over the limit of \(limit) (\(setting))"
        case .badOptions(let what): "these options cannot be: \(what)"
        case .unencodable(let what), .overLimit(let what): "cannot be sent: \(what)"
        case .noBlocks(let process, let bytes, let loans, let byteLimit, let loanLimit):
            "no block is free: \(bytes) bytes of at most \(byteLimit) are out (LinkLimits.loanBytes), and process "
                + "\(process) has not given back \(loans) blocks of at most \(loanLimit) (LinkLimits.loans)"
        case .overQuota(let what): "too much memory: \(what)"
        case .busy:
            "too many bytes wait for room, or no ring is left: the peer does not read as fast as this side sends "
                + "(ClientOptions.waitingBytes, LinkLimits.rings)"
        case .timedOut: "the call's deadline passed while it waited for room"
        case .overBudget(let what), .wouldBlock(let what): what
        case .cancelled: "connecting was given up"
        case .system(let call, let errno): "\(call) failed: \(SystemFailure.text(call, errno))"
        }
    }
}

extension Refusal: CustomStringConvertible {
    public var description: String {
        switch self {
        case .version: "no protocol version in common"
        case .denied: "its policy does not admit this process"
        case .full: "it has as many links as it allows (HostOptions.links, descriptors, mappings)"
        case .busy: "it is busy or shutting down (HostOptions.handshakes)"
        case .malformed: "the hello was malformed"
        case .exhausted: "its process has no descriptors or no memory left"
        }
    }
}
