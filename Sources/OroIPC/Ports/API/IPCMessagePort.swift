// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame
import OroLink
import OroPorts

/// A live end of a conversation. What is posted at one end comes out at the other, in order, wherever the two are: in
/// one process, in a client and its host, in two clients. A port can be sent along with a message, over any number of
/// hops, and loses nothing on the way.
///
/// ```swift
/// let chat = try client.openPort("chat")           // the host: host.acceptPorts("chat") { port, client in … }
/// try chat.postMessage(["text": "hello"])
/// for await event in chat.messages { print(event.data["text"]?.string ?? "") }
/// ```
///
/// A port that was closed, or given away, does nothing any more and says nothing about it: its methods return at once.
/// What came and was not taken goes with a port that is given away. A port that nobody refers to is closed, unless it
/// has listeners: then it lives until it is closed, given away, or its other end is gone. A port that a client opened,
/// or that came to it, keeps the client's link until then, unless the client is closed.
// Sendable: constant; what changes is in the endpoint.
public final class IPCMessagePort: Sendable {
    let endpoint: LocalPort
    private let listeners = PortListeners()
    /// The client it came over, which lives as long as this.
    private let retainedOwner: (any Sendable)?

    /// With the lock.
    fileprivate init(owning endpoint: LocalPort, isKeeping: Bool) {
        self.endpoint = endpoint
        retainedOwner = isKeeping ? endpoint.node.retainedOwner : nil
        endpoint.own(by: self, listeners)
        IPCMessagePort.register(self)
    }

    deinit {
        let endpoint = endpoint
        if endpoint.node.isForeign { return }
        endpoint.withLock { _ in endpoint.abandon() }
    }

    /// Runs `body` with the lock, if this port still has its end; else answers `nil`.
    func owned<R: Sendable>(_ body: (LocalPort) -> R) -> R? {
        if endpoint.node.isForeign { return nil }
        return endpoint.withLock { _ in endpoint.isOwned(by: self) ? body(endpoint) : nil }
    }

    // MARK: What it is

    /// Its name in this process: a random number of 64 bits in decimal digits. It travels with the port, and gives
    /// nobody access to it.
    public var id: String { "\(endpoint.id)" }

    /// Messages are delivered to listeners.
    public var started: Bool { owned { $0.isStarted } ?? false }

    /// It was closed or given away; or its other end was closed, and everything that came before was taken.
    public var closed: Bool { owned { $0.isAtEnd } ?? true }

    // MARK: Posting

    /// Posts a message to the other end.
    ///
    /// Ports in `value` must be in `transfer`, which may have further ones: all of them belong to whoever takes the
    /// message. Throws a `DataCloneError` for a port that is not in the list, in it twice, closed or given away, this
    /// port itself or its other end, and for more than 16 file descriptors, or a host that passes none on; and a
    /// `QuotaExceededError`, with nothing posted, while 1 024 messages or 4 MiB wait to be taken at the other end (a
    /// file descriptor counts for 64 KiB), or 64 of this client's descriptors in all. For room for descriptors, which
    /// is told of after they are taken, it waits for up to 100 ms. Nothing else fails: a message to an end that is
    /// closed goes nowhere.
    public func postMessage(_ value: StructuredValue, transfer: [IPCMessagePort] = []) throws(IPCError) {
        guard let content = try content(value, transfer) else { return }
        if try post(content, transfer) { return }
        // What was taken meanwhile may not have been read yet, where nobody here waits for anything.
        endpoint.node.route?.read { true }
        if try post(content, transfer) { return }
        if try !postAfterMoment(content, transfer) {
            throw IPCError(
                name: "QuotaExceededError",
                message:
                    "port \(id): \(PortLimits.window) messages, or \(PortLimits.windowBytes) bytes, wait to be taken"
                    + (content.descriptors == nil ? "" : ", or \(Link.descriptorsAtOnce) of this client's descriptors"),
                code: "QUOTA_EXCEEDED_ERR")
        }
    }

    /// Posts a message with descriptors as soon as those that were taken are known to be, if that is in a moment.
    /// False: it was not.
    private func postAfterMoment(_ content: PortContent, _ transfer: [IPCMessagePort]) throws(IPCError) -> Bool {
        guard let descriptors = content.descriptors else { return false }
        let end = oro_now() + PortLimits.descriptorMoment
        while true {
            let now = oro_now()
            if endpoint.withLock({ _ in endpoint.isFull }) || now >= end { return false }
            let word = Word()
            let seen = word.now
            let token = endpoint.withLock { _ in
                endpoint.isOwned(by: self) ? endpoint.waitForRoom(.callback { word.change() }, for: descriptors) : nil
            }
            if let token {
                word.wait(while: seen, nanoseconds: end - now)
                endpoint.withLock { _ in endpoint.cancelRoom(token) }
            }
            if try post(content, transfer) { return true }
        }
    }

    /// The same, waiting for room. Throws an `AbortError` when the task is cancelled.
    public nonisolated(nonsending) func post(_ value: StructuredValue, transfer: [IPCMessagePort] = [])
        async throws(IPCError)
    {
        guard let content = try content(value, transfer) else { return }
        while try !post(content, transfer) {
            if Task.isCancelled { throw .abort() }
            await waitForRoom(for: content.descriptors)
        }
    }

    /// `nil`: there is nobody to post to.
    private func content(_ value: StructuredValue, _ transfer: [IPCMessagePort]) throws(IPCError) -> PortContent? {
        if endpoint.node.isForeign { throw IPCError(.forked) }
        // Nothing about it can be wrong, and whether there is somebody to post to is looked at when it is posted.
        if transfer.isEmpty, let short = PortContent(short: value) { return short }
        return try maySend(transfer) ? try PortContent(value, transfer: transfer) : nil
    }

    /// These may go along with a message. False: there is nobody to post to.
    func maySend(_ transfer: [IPCMessagePort]) throws(IPCError) -> Bool {
        if endpoint.node.isForeign { throw IPCError(.forked) }
        if closed { return false }
        if transfer.contains(where: { $0 === self }) { throw .dataClone("a port cannot be posted through itself") }
        for (index, port) in transfer.enumerated() where transfer[..<index].contains(where: { $0 === port }) {
            throw .dataClone("port \(port.id) is in the transfer list twice")
        }
        guard transfer.count <= PortLimits.transferred else {
            throw .dataClone("\(transfer.count) ports with one message; at most \(PortLimits.transferred)")
        }
        return true
    }

    /// False: there is no room.
    func post(_ content: PortContent, _ transfer: [IPCMessagePort]) throws(IPCError) -> Bool {
        let endpoint = endpoint
        let node = endpoint.node
        if !node.isLocal {
            if !node.isLocal, transfer.contains(where: { $0.isOf(anotherThan: node) }) {
                // Room may be gone again when it is looked at below: then these are closed with what would have carried
                // them.
                if endpoint.withLock({ _ in endpoint.isFull }) { return false }
                return try post(
                    content,
                    try transfer.map { (port) throws(IPCError) in
                        port.isOf(anotherThan: node) ? try PortBridge.cross(port) : port
                    })
            }
            // What only this process knows so far becomes known to the broker first.
            for port in transfer where port.endpoint.node.isLocal { try PortExport.export(port.endpoint, to: node) }
        }
        return try endpoint.withLock { (node) throws(IPCError) in
            guard endpoint.isOwned(by: self), !endpoint.isAtEnd else { return true }
            if endpoint.isFull || !node.hasRoom(for: content.descriptors) { return false }
            return try node.isLocal
                ? postHere(content, transfer) : postAway(content, transfer, node)
        }
    }

    private func isOf(anotherThan node: PortNode) -> Bool { !endpoint.node.isLocal && endpoint.node !== node }

    /// To the other end in this process. With the lock.
    private func postHere(_ content: PortContent, _ transfer: [IPCMessagePort]) throws(IPCError) -> Bool {
        for port in transfer {
            try port.endpointIfOwned(lockedBy: endpoint.node) { _ in }
            if port.endpoint === endpoint.other { throw .dataClone("a port cannot be posted to itself") }
        }
        guard let other = endpoint.other else { return true }
        for port in transfer { try port.endpointIfOwned(lockedBy: endpoint.node) { $0.disown() } }
        other.arrive(
            Parcel(
                number: 0, seq: SequenceNumber(own: other.inbox.end), content: content,
                transferred: transfer.map(\.endpoint)))
        return true
    }

    /// Through the broker. With the lock.
    private func postAway(
        _ content: PortContent, _ transfer: [IPCMessagePort], _ node: PortNode
    ) throws(IPCError) -> Bool {
        var ports: [PostedPort] = []
        for port in transfer {
            guard port.endpoint.node === node else {
                // It may have gone there by another thread meanwhile: then its channel is known somewhere else for
                // good.
                throw .dataClone("port \(port.id) belongs to another link, or is closed or given away")
            }
            guard port.endpoint.isOwned(by: port) else { throw .dataClone("port \(port.id) is closed or given away") }
            ports.append(
                PostedPort(
                    number: port.endpoint.number, consumed: SequenceNumber(own: port.endpoint.consumed),
                    id: port.endpoint.id))
        }
        if let ending = node.ending {
            // A subscription that goes on with the next link: there is somebody to post to, but no way.
            if endpoint.subscription != nil { throw ending.delivered(.notSent) }
            return true
        }
        if content.descriptors != nil, node.route?.takesDescriptors == false {
            throw .dataClone("this host passes on no file descriptors (HostOptions.ports.allowsDescriptors)")
        }
        let parcel = Parcel(
            number: endpoint.number, seq: SequenceNumber(own: endpoint.window.sent),
            consumed: SendWindow.low(endpoint.consumed), content: content, transferred: ports)
        if let channel = endpoint.channel {
            if channel.isSending, transfer.isEmpty, content.descriptors == nil, channel.send(parcel.transferring([])) {
                endpoint.noteReported()
                endpoint.window.note(sent: parcel.cost)
                return true
            }
            // Ports go through the broker, which has to know the order of all that moves them; and so do descriptors.
            try channel.yield()
        }
        for port in transfer { try port.endpoint.channel?.postAgain() }
        try node.send(.message(parcel))
        endpoint.noteReported()
        endpoint.window.note(sent: parcel.cost)
        for port in transfer { port.endpoint.leave() }
        return true
    }

    /// Calls `body` with the end of a port that goes along, with the lock of its node; `node`'s is held already.
    private func endpointIfOwned(lockedBy node: PortNode, _ body: (LocalPort) -> Void) throws(IPCError) {
        let isOwned: Bool
        if endpoint.node === node {
            isOwned = endpoint.isOwned(by: self)
            if isOwned { body(endpoint) }
        } else {
            // The local node's lock comes before that of others.
            isOwned = owned(body) != nil
        }
        if !isOwned { throw .dataClone("port \(id) is closed or given away") }
    }

    private nonisolated(nonsending) func waitForRoom(for descriptors: TransferredDescriptors?) async {
        let endpoint = endpoint
        let token = Locked<UInt64?>(nil)
        await withTaskCancellationHandler {
            await SuspendedTask.suspend { task in
                endpoint.withLock { _ in
                    guard endpoint.isOwned(by: self), !Task.isCancelled,
                        let waiting = endpoint.waitForRoom(.task(task), for: descriptors)
                    else {
                        return false
                    }
                    token.withLock { $0 = waiting }
                    return true
                }
            }
        } onCancel: {
            endpoint.withLock { _ in if let waiting = token.withLock({ $0 }) { endpoint.cancelRoom(waiting) } }
        }
    }

    // MARK: Listening

    public typealias Handler = @Sendable (IPCMessageEvent) -> Void

    /// Called with each message, one after the other, in a task. Setting it starts the port.
    public var onmessage: Handler? {
        get { listeners.property("message") }
        set { set("message", newValue) }
    }

    /// Called with each message that could not be read.
    public var onmessageerror: Handler? {
        get { listeners.property("messageerror") }
        set { set("messageerror", newValue) }
    }

    /// Called once when the other end is closed, or gone, after the last message.
    public var onclose: Handler? {
        get { listeners.property("close") }
        set { set("close", newValue) }
    }

    private func set(_ type: String, _ handler: Handler?) {
        let before = owned { endpoint in
            let before = listeners.setProperty(type, handler)
            endpoint.listenersChanged()
            if type == "message", handler != nil { endpoint.start() }
            return before
        }
        _ = before
    }

    /// Calls `handler` with each event of this type (`message`, `messageerror`, `close`, or one of your own); does not
    /// start the port. `nil` when it was closed or given away; else what ``removeEventListener(_:)`` takes.
    @discardableResult
    public func addEventListener(_ type: String, once: Bool = false, _ handler: @escaping Handler) -> UInt64? {
        owned { endpoint in
            let token = listeners.add(type, once: once, handler)
            endpoint.listenersChanged()
            return token
        }
    }

    /// Calls that handler no more. False when the port was closed or given away, or has no such listener.
    @discardableResult
    public func removeEventListener(_ token: UInt64) -> Bool {
        let removed = owned { endpoint in
            let removed = listeners.remove(token)
            endpoint.listenersChanged()
            return removed
        }
        return (removed ?? nil) != nil
    }

    /// Tells the listeners at this end, before this returns. False when the port was closed or given away, or nobody
    /// listens.
    @discardableResult
    public func dispatchEvent(_ event: IPCMessageEvent) -> Bool {
        if closed { return false }
        return listeners.dispatch(event)
    }

    /// Lets messages come to the listeners; what came before waits until then.
    public func start() { _ = owned { $0.start() } }

    /// Ends the conversation: nothing comes here any more, and the other end is told, after what was posted before.
    public func close() { _ = owned { $0.closeHere() } }

    // MARK: Reading

    /// The messages, as they come; ends when the port is closed on either side. One loop at a time, and not together
    /// with listeners for `message`. An element is a `message`, or a `messageerror` for one that could not be read.
    public var messages: Messages { Messages(port: self) }

    /// See ``IPCMessagePort/messages``.
    public struct Messages: AsyncSequence, Sendable {
        let port: IPCMessagePort

        public func makeAsyncIterator() -> Iterator { Iterator(port: port) }

        public struct Iterator: AsyncIteratorProtocol {
            let port: IPCMessagePort

            /// The next message; `nil` when there are no more, or the task was cancelled.
            public mutating func next() async -> IPCMessageEvent? { await take() }

            /// The same, on the caller's actor.
            public mutating func next(isolation actor: isolated (any Actor)?) async -> IPCMessageEvent? {
                await take()
            }

            private nonisolated(nonsending) func take() async -> IPCMessageEvent? {
                while !Task.isCancelled {
                    if let event = port.takeEvent() { return event.type == "close" ? nil : event }
                    if port.closed { return nil }
                    await port.waitForMessage()
                }
                return nil
            }
        }
    }

    /// What has come next; `nil` when nothing has. Does not wait.
    func takeEvent() -> IPCMessageEvent? {
        guard let taken = owned({ $0.takeNext() }), let taken else { return nil }
        return IPCMessageEvent(taken)
    }

    private nonisolated(nonsending) func waitForMessage() async {
        let endpoint = endpoint
        await withTaskCancellationHandler {
            await SuspendedTask.suspend { task in
                endpoint.withLock { _ in !Task.isCancelled && endpoint.wait(.task(task)) }
            }
        } onCancel: {
            endpoint.withLock { _ in endpoint.stopWaiting() }
        }
    }

    /// The next message, or `close` event, for a thread, which is blocked meanwhile: at most so long, without limit for
    /// ever. `nil`: nothing came in time, or the port was closed or given away. Not for tasks: it holds their thread.
    public func receive(waitingAtMost limit: Duration? = nil) -> IPCMessageEvent? {
        let deadline = limit.map { oro_now() + $0.nanoseconds } ?? .max
        var known: Word?
        while true {
            if !endpoint.isQuiet(for: self) {
                switch endpoint.withLock({ _ in endpoint.look(for: self) }) {
                case .taken(let taken): return IPCMessageEvent(taken)
                case .over: return nil
                case .nothing: break
                }
            }
            // What came meanwhile is still to be had.
            if deadline != .max && oro_now() >= deadline { return takeEvent() }
            let route = endpoint.node.route
            var came = false
            route?.read {
                came = !endpoint.isQuiet(for: self)
                return came
            }
            if came || route?.isSpinning == true { continue }
            let word = known ?? Word()
            known = word
            let seen = word.now
            guard owned({ $0.setThread(word) }) == true else { continue }
            let now = oro_now()
            if now < deadline { word.wait(while: seen, nanoseconds: deadline == .max ? 0 : deadline - now) }
            endpoint.withLock { _ in _ = endpoint.setThread(nil) }
        }
    }
}

extension LocalPort {
    /// A new handle, which may use it from now on. `isKeeping`: it keeps the link. With the lock.
    func own(isKeeping: Bool = true) -> IPCMessagePort { IPCMessagePort(owning: self, isKeeping: isKeeping) }
}

extension IPCMessagePort: PortHandle {
    package func lose() { IPCMessagePort.unregister(self) }
}

extension IPCMessagePort: Hashable {
    /// The same port, not merely the same conversation.
    public static func == (left: IPCMessagePort, right: IPCMessagePort) -> Bool { left === right }
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
