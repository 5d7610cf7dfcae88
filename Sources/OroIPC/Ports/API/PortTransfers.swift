// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import OroPorts

/// Ports that go along with requests and results of one link, on one of its sides.
///
/// They travel in messages of a port that the client opens for that, each under the number of the call they belong to,
/// which a header of the request and of the result says: so their order, room and death are those of ports. A request
/// comes behind its ports, on the same ring. A call whose ports nobody took is over when its client says so, or is
/// gone: then they are closed.
// `state` is taken before the lock of the port's node, never with it.
final class PortTransfers: PortDrain {
    /// The name a client opens it under.
    static let portName = "oro-ipc.transfers"
    /// Of requests and results: the number of the call.
    private static let header = "oro-ports"

    private let port: IPCMessagePort
    private let isHost: Bool
    private let state = Locked(State())

    private struct State {
        var lastNumber: Int64 = 0
        /// Of a client: those that are under way. Of a host: those whose ports have come.
        var calls: [Int64: Call] = [:]
        var isOver = false
    }

    private struct Call {
        var ports: [IPCMessagePort]?
        /// Waits for them.
        var waiter: SuspendedTask?
    }

    init(_ port: IPCMessagePort, isHost: Bool) {
        self.port = port
        self.isHost = isHost
    }

    static func number(_ headers: Headers?) -> Int64? { headers?[header].flatMap { Int64($0) } }

    static func name(_ number: Int64, in headers: inout Headers) throws(IPCError) {
        try headers.set(header, "\(number)")
    }

    // MARK: Either side

    /// UNTRUSTED: takes what has come. Called by whoever reads the link, before it reads on.
    func drain() {
        var waiters: [SuspendedTask] = []
        // What nobody gets is closed when it is let go, without the lock.
        var gone: [[IPCMessagePort]] = []
        state.withLock { state in
            while let event = port.takeEvent() {
                if event.type == "close" {
                    state.isOver = true
                    waiters += state.calls.values.compactMap(\.waiter)
                    gone += state.calls.values.compactMap(\.ports)
                    state.calls = [:]
                    return
                }
                guard let number = event.data.int else {
                    gone.append(event.ports)
                    continue
                }
                if isHost {
                    // Without ports: the call is over.
                    let before = state.calls.removeValue(forKey: number)
                    if let ports = before?.ports { gone.append(ports) }
                    if !event.ports.isEmpty { state.calls[number] = Call(ports: event.ports) }
                } else if var call = state.calls[number], call.ports == nil {
                    if let waiter = call.waiter { waiters.append(waiter) }
                    call = Call(ports: event.ports)
                    state.calls[number] = call
                } else {
                    gone.append(event.ports)
                }
            }
        }
        for waiter in waiters { waiter.resume() }
        _ = gone
    }

    // MARK: A client

    /// A call begins, to which `ports` belong. Throws when they cannot be given away, or not before it is over; then
    /// none was.
    func begin(_ ports: [IPCMessagePort], within limit: CallLimit) async throws(IPCError) -> Int64 {
        let number = state.withLock { state in
            state.lastNumber += 1
            state.calls[state.lastNumber] = Call()
            return state.lastNumber
        }
        if ports.isEmpty { return number }
        do throws(IPCError) {
            while try !port.tryPost(.int(number), transfer: ports) {
                if let ending = limit.ending { throw ending }
                if Task.isCancelled { throw .abort() }
                await waitForRoom(within: limit)
            }
        } catch {
            end(number, hadPorts: false)
            throw error
        }
        return number
    }

    private func waitForRoom(within limit: CallLimit) async {
        let endpoint = port.endpoint
        let token = Locked<UInt64?>(nil)
        await limit.suspend {
            endpoint.withLock { _ in if let waiting = token.withLock({ $0 }) { endpoint.cancelRoom(waiting) } }
        } _: { task in
            endpoint.withLock { _ in
                guard limit.ending == nil, !Task.isCancelled, let waiting = endpoint.waitForRoom(.task(task)) else {
                    return false
                }
                token.withLock { $0 = waiting }
                return true
            }
        }
    }

    /// The call is over.
    func end(_ number: Int64, hadPorts: Bool) {
        // Let go without the lock.
        _ = state.withLock { $0.calls.removeValue(forKey: number) }
        // Where there is no room for it the host closes them at the end of the link.
        if hadPorts { try? port.postMessage(.int(number)) }
    }

    /// The ports of the result, which says that it has some. They may come behind it. None, when the link is over;
    /// throws when the call is, or the task is cancelled.
    func awaitPorts(of number: Int64, within limit: CallLimit) async throws(IPCError) -> [IPCMessagePort] {
        // Whoever waits must be heard of what comes.
        port.endpoint.withLock { $0.countWatched(1) }
        defer { port.endpoint.withLock { $0.countWatched(-1) } }
        await limit.suspend { [self] in
            state.withLock { state in
                defer { state.calls[number]?.waiter = nil }
                return state.calls[number]?.waiter
            }?.resume()
        } _: { task in
            state.withLock { state in
                guard !state.isOver, limit.ending == nil, !Task.isCancelled, state.calls[number]?.ports == nil else {
                    return false
                }
                state.calls[number]?.waiter = task
                return true
            }
        }
        let (ports, isOver) = state.withLock { ($0.calls[number]?.ports, $0.isOver) }
        if let ports { return ports }
        if isOver { return [] }
        throw limit.ending ?? .abort()
    }

    // MARK: A host

    /// The ports that came with the request of this call, as long as its client waits.
    func ports(of number: Int64) -> [IPCMessagePort] { state.withLock { $0.calls[number]?.ports } ?? [] }

    /// Sends ports ahead of the result of this call.
    func answer(_ number: Int64, _ ports: [IPCMessagePort]) throws(IPCError) {
        try port.postMessage(.int(number), transfer: ports)
    }
}

extension Message {
    /// The ports that came with the request, in the order of its transfer list. They belong to whoever takes them from
    /// here: a port that is kept lives on when the request is answered, and all others are closed then. None once the
    /// client has given the request up, or is gone.
    public var ports: [IPCMessagePort] {
        guard let number = PortTransfers.number(headers) else { return [] }
        return client?.transfers?.ports(of: number) ?? []
    }
}

extension Result {
    /// The ports that came with it, for a call that takes ports: ``Client/request(_:_:bytes:transfer:options:)``.
    public var ports: [IPCMessagePort] { content?.ports as? [IPCMessagePort] ?? [] }

    mutating func setPorts(_ ports: [IPCMessagePort]) { setContent(Content(wholeContent, ports: ports)) }

    /// A result for the client that sent `message`, with ports, which belong to that client from now on. It must be
    /// what the handler answers; when it is not, or the client waits no more, they are closed.
    ///
    /// ```swift
    /// host.router.map("room.join") { message in
    ///     let channel = IPCMessageChannel()
    ///     room.add(channel.port1)
    ///     return try Result(answering: message, data: ["members": 3], ports: [channel.port2])
    /// }
    /// ```
    ///
    /// Throws a `NotSupportedError` when the caller takes no ports: it has to call with
    /// ``Client/request(_:_:bytes:transfer:options:)``. A `DataCloneError` for a port that is closed, given away or
    /// listed twice; a `QuotaExceededError` when a thousand results with ports wait to be taken there. In all these
    /// cases no port was given away.
    public init(
        answering message: Message, data: Value? = nil, bytes: Bytes? = nil, ports: [IPCMessagePort]
    ) throws(IPCError) {
        guard let number = PortTransfers.number(message.headers), let transfers = message.client?.transfers else {
            throw IPCError(
                .notSupported, "the caller of '\(message.name)' takes no ports: it has to ask with 'transfer:'")
        }
        self.init(data: data, bytes: bytes)
        if ports.isEmpty { return }
        try transfers.answer(number, ports)
        var headers = Headers()
        try PortTransfers.name(number, in: &headers)
        self.headers = headers
    }
}

extension PortNode {
    /// A host takes the ports of its clients' requests.
    func acceptTransfers() {
        setAcceptor(PortTransfers.portName) { [unowned self] port, client in
            setDrain(PortTransfers(port.own(isKeeping: false), isHost: true), port.number, of: client.id)
            return nil
        }
    }

    /// Takes conversations that are opened under this name, in a task; `nil` takes none any more.
    func accept(_ name: String, _ accept: (@Sendable (IPCMessagePort, PortClient) -> Void)?) {
        // That one is the engine's own.
        if TextKey.areSame(name, PortTransfers.portName) { return }
        guard let accept else { return setAcceptor(name, nil) }
        setAcceptor(name) { port, client in
            let handle = port.own()
            return { accept(handle, client) }
        }
    }

    /// A client's channel for ports of requests and results, opened when it is first wanted.
    func openTransfers() throws(IPCError) -> PortTransfers {
        try withLock { () throws(IPCError) in
            for case let known as PortTransfers in drains.values { return known }
            let port = try open(PortTransfers.portName, .host, isKeeping: false)
            let made = PortTransfers(port, isHost: false)
            setDrain(made, port.endpoint.number)
            return made
        }
    }
}

extension ConnectedClient {
    /// The channel for ports of its requests, where it has opened one.
    fileprivate var transfers: PortTransfers? { host?.ports.drain(of: id) as? PortTransfers }
}
