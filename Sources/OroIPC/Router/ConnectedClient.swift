// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import OroPorts
import Synchronization

/// A client, as its host sees it: who it is, and a way to tell it something it has not asked for.
///
/// ```swift
/// host.router.map("logs.follow") { message in
///     if let client = message.client { followers.add(client) }
///     return Result()
/// }
/// …
/// for client in followers.all { try? client.emit("logs.line", ["text": .string(line)]) }
/// ```
///
/// It stays what it is when the client has gone; then nothing can be sent to it any more.
public final class ConnectedClient: Sendable {
    /// The host's number for it; no two clients of a host have the same.
    public let id: UInt64
    /// The process, as the kernel says, and its label.
    public let peer: PeerIdentity
    /// Whose blocks hold what is sent to it.
    let arena: Arena
    /// What pays for the memory of what it sends.
    let account: ByteAccount
    /// When its link began: deadlines count from here.
    let start: UInt64
    let figures = LinkFigures()
    private let isGone = Atomic<Bool>(false)
    private let endReason = Locked<LinkError?>(nil)
    private let fixedOrigin = Locked<String?>(nil)
    weak let host: (any ConnectedHost)?
    /// Longest message it accepts.
    let messageBytes: Int

    init(_ link: Link, _ key: UInt64, _ host: any ConnectedHost) {
        id = key
        peer = link.peer
        arena = link.arena
        account = link.account
        start = link.start
        messageBytes = link.peerMessageBytes
        self.host = host
    }

    /// Bytes of private memory that this host keeps for it, of ``HostOptions/receivedBytesPerLink``: what it sent and a
    /// handler or another client still has, results that it does not read, names.
    public var receivedBytes: Int { account.bytes }

    /// False once the link is over.
    public var isConnected: Bool { !isGone.load(ordering: .relaxed) }

    /// Why its link is over; `nil` while it is not. `peerGone` for a client that has closed its link or died, `closed`
    /// when the host has stopped or disconnected it, else what was wrong.
    public var ending: LinkError? { endReason.withLock { $0 } }

    func setGone(_ why: LinkError) {
        endReason.withLock { $0 = $0 ?? why }
        isGone.store(true, ordering: .relaxed)
    }

    /// The origin with which it takes part in broadcasts, where the host has fixed one; `nil`: the one it says itself.
    public var broadcastOrigin: String? { fixedOrigin.withLock { $0 } }

    /// Fixes the origin with which it takes part in broadcasts: what it posts is for this origin and no other, and what
    /// it subscribes to from now on is what others post for this one, whatever it says itself. `nil`: again what it
    /// says.
    ///
    /// In ``HostOptions/onConnect`` this comes before anything that it sends. Subscriptions that it has already keep
    /// their origin. Of 1 to 255 bytes; throws a `RangeError` for others.
    public func fixBroadcastOrigin(_ origin: String?) throws(IPCError) {
        if let origin, !(1...255).contains(origin.utf8.count) {
            throw IPCError(.range, "a broadcast origin of \(origin.utf8.count) bytes; it must have 1 to 255")
        }
        fixedOrigin.withLock { $0 = origin }
    }

    /// Sends it an event: ``Client/events`` hears `name` with `value` as its detail.
    ///
    /// Events, pushes and the results of its requests reach it in the order in which they were sent; in a synchronous
    /// handler that is before the handler's own result. `name` has 1 to 255 bytes of UTF-8. Does not wait. Throws a
    /// `NetworkError` when the client is gone; a `RangeError` when the event is longer than a message may be; a
    /// `TypeError` when it has no form on the wire; a `QuotaExceededError` when more than
    /// ``HostOptions/waitingBytesPerLink`` wait to be sent.
    public func emit(
        _ name: String, _ value: Value? = nil, bytes: Bytes? = nil, headers: Headers? = nil
    ) throws(IPCError) {
        try put(try EncodedEvent.event(name, value, bytes, headers, limit: messageBytes))
    }

    /// Sends it a result that it has not asked for, with the seq -1: ``Client/events`` hears `data`, with `value` as
    /// its detail. Throws as ``emit(_:_:bytes:headers:)``.
    public func push(
        _ value: Value? = nil, bytes: Bytes? = nil, headers: Headers? = nil
    ) throws(IPCError) {
        try put(try EncodedEvent.push(value, bytes, headers, limit: messageBytes))
    }

    /// Answers its request of this seq (``Message/seq``) that a handler is at work on, in the handler's place: for
    /// hosts that know requests by their numbers. From any thread; does not wait.
    ///
    /// The handler goes on, and what it answers itself is dropped; a ``Reply`` throws an `InvalidStateError`. A seq
    /// that no handler is at work on, or one that answers in chunks, changes nothing:
    /// ``HostStatistics/unmatchedReplies`` counts them. With -1 (``Seq/unsolicited``) it is a
    /// ``push(_:bytes:headers:)`` of the result's data, bytes and headers.
    ///
    /// Throws a `NetworkError` when the client is gone; with -1 also as ``push(_:bytes:headers:)``, or the result's
    /// error, since a push has none.
    public func reply(to seq: Seq, _ result: Result) throws(IPCError) {
        if seq == .unsolicited {
            return try push(try result.get(), bytes: result.bytes, headers: result.headers)
        }
        guard let host, isConnected else { throw .network("client \(id) (\(peer)) is gone") }
        var result = result
        // A large payload is copied here, and not on the host's thread.
        if let bytes = result.bytes, bytes.count > Link.inlineBytes, !arena.canLend(bytes),
            let placed = try? arena.place(bytes)
        {
            result.bytes = placed
        }
        host.answer(seq, of: id, result)
    }

    /// Ends the link. The client sees `LinkError.goodbye` with this reason, and so does everything that waits there.
    public func disconnect(_ reason: String = "") {
        host?.disconnect(id, reason)
    }

    private func put(_ outgoing: EncodedEvent) throws(IPCError) {
        guard let host, isConnected else { throw .network("client \(id) (\(peer)) is gone") }
        // A large payload is copied on the caller's thread; where no block is free, in parts through the ring.
        var outgoing = outgoing
        if let bytes = outgoing.bytes, bytes.count > Link.inlineBytes, !arena.canLend(bytes),
            let placed = try? arena.place(bytes)
        {
            outgoing.bytes = placed
        }
        try host.emit(outgoing, to: id)
    }
}

/// What a connected client needs of its host. From any thread.
protocol ConnectedHost: AnyObject, Sendable {
    /// The host's own ports.
    var ports: PortNode { get }
    /// Queues an event or a push for a client; `nil`: for all.
    func emit(_ outgoing: EncodedEvent, to client: UInt64?) throws(IPCError)
    /// Answers the request of a client that has this seq, in its handler's place.
    func answer(_ seq: Seq, of client: UInt64, _ result: Result)
    /// Ends the link of a client.
    func disconnect(_ client: UInt64, _ reason: String)
}

extension ConnectedClient: Hashable {
    public static func == (left: ConnectedClient, right: ConnectedClient) -> Bool { left === right }
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

extension ConnectedClient: FrameSender {}

extension Message {
    /// Who sent it: to be told something later. `nil` when the host's own code did (``Host/invoke(_:_:bytes:)``).
    public var client: ConnectedClient? { unsafe storage.fields.pointee.sender as? ConnectedClient }
}
