// SPDX-License-Identifier: Apache-2.0

/// How a host deals with ports.
public struct PortOptions: Sendable, Hashable {
    /// Most ports that one client has made and that are still open at either end, wherever those are. A further channel
    /// is closed at once, and its `close` event says why.
    public var portsPerLink = 16_384
    /// Clients may open conversations with each other by name (``Client/meet(_:)``). Whoever knows the name may come,
    /// so names are no secrets; the host's `policy` says who may connect at all.
    public var allowsMeetings = false
    /// Clients may subscribe to broadcasts, and post to them: ``IPCBroadcastChannel``. Whoever is connected may take
    /// any name.
    public var allowsBroadcasts = true
    /// Bytes of broadcasts that wait for all subscriptions of one client: each message counts for what it has, and 256
    /// bytes more. Of further ones the subscriptions hear how many they missed.
    public var broadcastBytesPerLink = 64 << 20
    /// Longest value that is posted with the request `broadcast_channel.postMessage`, encoded: bytes. A longer one is
    /// refused with a `QuotaExceededError`; an ``IPCBroadcastChannel`` takes as much as a message holds. Clients that
    /// subscribe with requests hear no more of such a one, value and buffers together: their event has a
    /// `QuotaExceededError` in its place. Default 16 KiB: what is posted so is read and made anew on the host's thread,
    /// at up to 1.6 us a byte.
    public var broadcastRequestBytes = 16 << 10
    /// Two clients whose conversation goes on for a while get a link of their own, if both take part in that
    /// (``ClientOptions/allowsDirectLinks``). Each learns the other's process, user and group.
    public var allowsDirectLinks = true
    /// Messages that a conversation of two clients goes on for, both ways together, before it gets a link of their own:
    /// one that is opened, asked one thing and closed costs no introduction.
    public var messagesBeforeDirect = 8
    /// Most other clients that one client is introduced to; what it says to others goes through the host.
    public var directLinksPerClient = 64
    /// How long the end of a conversation waits for an owner that is silent, and had the port before: it alone may have
    /// what somebody who died had sent it directly. Then that is lost, and the new owner hears `close`.
    public var drainMilliseconds = 5000
    /// File descriptors may go along with messages of ports: from and to this host's own, and between clients that take
    /// them (``ClientOptions/allowsDescriptors``). Those of a message are kept here until it is taken; at most 64 of
    /// one client.
    public var allowsDescriptors = false
    /// Most of them that are kept here for all clients together. Further ones are closed, and their messages come as
    /// `messageerror`.
    public var descriptors = 512

    public init() {}
}
