// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

/// Everybody who subscribes to a name hears what the others post to it, and never what he posts himself.
///
/// ```swift
/// let news = try IPCBroadcastChannel("news", over: client)
/// news.onmessage = { event in print(event.data) }
/// try news.postMessage(["headline": "…"])
/// ```
///
/// Messages of one sender come in the order he posted them. A large payload is written once, however many subscribe. A
/// subscriber that does not take its messages keeps nobody waiting: ``BroadcastKeeping`` says what it gets. A channel
/// lives until it is closed, or nobody refers to it and it has no listeners. It goes on when its client comes back
/// (``ReconnectPolicy``); what is posted between two links is lost.
public final class IPCBroadcastChannel: Sendable {
    /// The name it shares with the others.
    public let name: String
    /// Its own origin: it hears what is posted for this one, and for `*`.
    public let origin: String
    let port: IPCMessagePort

    /// The origin of those who give none.
    public static let usualOrigin = "oro://localhost"

    init(_ name: String, _ origin: String, _ port: IPCMessagePort) {
        self.name = name
        self.origin = origin
        self.port = port
    }

    /// Closed, or its link is over.
    public var closed: Bool { port.closed }

    /// Posts to all other subscribers of this name with this origin; `*`: with any. Throws a `QuotaExceededError` while
    /// the host is behind, a `DataCloneError` for a value with ports or file descriptors, and a `NetworkError` while
    /// the client is connecting again.
    public func postMessage(_ value: StructuredValue, origin: String? = nil) throws(IPCError) {
        try port.postMessage(try said(value, origin))
    }

    /// The same, waiting for room.
    public func post(_ value: StructuredValue, origin: String? = nil) async throws(IPCError) {
        try await port.post(try said(value, origin))
    }

    func said(_ value: StructuredValue, _ origin: String?) throws(IPCError) -> StructuredValue {
        if !value.descriptors.isEmpty { throw .dataClone("file descriptors do not go along with broadcasts") }
        return BroadcastForm.message(origin: origin ?? self.origin, data: value).value
    }

    public typealias Handler = IPCMessagePort.Handler

    /// Called with each message, one after the other, in a task.
    public var onmessage: Handler? {
        get { port.onmessage }
        set {
            guard let handler = newValue else { return port.onmessage = nil }
            let port = port
            port.onmessage = { event in
                let event = IPCBroadcastChannel.event(event)
                if event.type == "message" { handler(event) } else { port.dispatchEvent(event) }
            }
        }
    }

    /// Called with each message that could not be read.
    public var onmessageerror: Handler? {
        get { port.onmessageerror }
        set { port.onmessageerror = newValue }
    }

    /// Calls `handler` with each event of this type: `missed`, whose data is how many messages did not come,
    /// `messageerror`, and `close`, when the link is over. (`message` is for ``onmessage``.) The token is for
    /// ``removeEventListener(_:)``.
    @discardableResult
    public func addEventListener(_ type: String, once: Bool = false, _ handler: @escaping Handler) -> UInt64? {
        port.addEventListener(type, once: once, handler)
    }

    @discardableResult
    public func removeEventListener(_ token: UInt64) -> Bool { port.removeEventListener(token) }

    /// The messages, and `missed` events, as they come; ends when the channel is closed. In place of ``onmessage``.
    public var messages: AsyncMapSequence<IPCMessagePort.Messages, IPCMessageEvent> {
        port.messages.map { IPCBroadcastChannel.event($0) }
    }

    /// Nothing comes any more, and nothing can be posted.
    public func close() { port.close() }

    /// What an event of the port says.
    static func event(_ event: IPCMessageEvent) -> IPCMessageEvent {
        guard event.type == "message" else { return event }
        return switch BroadcastForm(event.data) {
        case .message(_, let data): IPCMessageEvent(type: "message", data: data)
        case .missed(let count): IPCMessageEvent(type: "missed", data: .int(count))
        case nil: event
        }
    }
}
