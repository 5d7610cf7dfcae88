// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame
import OroLink
import Synchronization

/// How the ports of one owner reach their broker. Called with the node's lock, so that commands stay in order.
package protocol PortRoute: AnyObject, Sendable {
    func send(_ command: PortCommand) throws(LinkError)
    /// Somebody waits for what comes to a port, or nobody does any more. Without the lock.
    func watch(_ isWanted: Bool)
    /// Reads for a moment what comes, on the calling thread; until `came`, which is asked all the time. Without the
    /// lock.
    func read(until came: () -> Bool)
    /// Sees to it that events of the broker are received, although nobody waits for messages. Without the lock.
    func receiveEvents()
    /// The direct channel that the broker asks to be prepared; `nil`: there is no link for it, or not any more. With
    /// the lock.
    func directChannel(_ frame: DirectChannelFrame, _ port: LocalPort, _ node: PortNode) -> (any DirectChannelProtocol)?
    /// The broker takes descriptors along with messages.
    var takesDescriptors: Bool { get }
    /// So many more may be on their way. With the lock.
    func hasRoom(forDescriptors count: Int) -> Bool
    /// Whoever waits polls for as long as it takes.
    var isSpinning: Bool { get }
}

/// All ports of one owner: of one client, of one host, or those of this process that no link knows.
///
/// One lock for all of them, because a message may move several at once, and what one port sends before another is
/// moved has to leave before it.
// Sendable: everything that changes, here and in its ports, belongs to whoever has `lock`.
@usableFromInline @safe package final class PortNode: @unchecked Sendable {
    @usableFromInline let lock = Locked(true)
    private let generation = oro_generation()
    /// The ports belong to the process that this one was forked from. Channels inside a process go along to its child.
    package var isForeign: Bool { !isLocal && generation != oro_generation() }
    /// Ports that the broker knows, by number.
    package private(set) var table: [UInt64: LocalPort] = [:]
    /// Direct channels that are not over, by token.
    package var channels: [UInt64: any DirectChannelProtocol] = [:] { didSet { lastChannel = nil } }
    /// The one a message last came by.
    private var lastChannel: (any DirectChannelProtocol)?
    /// Some of them have commands for which the link to the broker had no room.
    private let hasPending = Atomic<Bool>(false)
    private var nextNumber: UInt64 = 1
    /// The route to the broker; `nil` for channels of this process alone.
    package let route: (any PortRoute)?
    @usableFromInline package let isLocal: Bool
    /// The client or host whose ports these are: a port that was opened or came over a link keeps the link.
    package weak var retainedOwner: (any AnyObject & Sendable)?
    package private(set) var ending: IPCError?
    /// Ports whose messages somebody waits for.
    private var watched = 0
    /// Who answers to which name; for hosts.
    private var acceptors: [TextKey: Acceptor] = [:]
    /// Who takes in at once what comes to a port, by its number; and those of a host by the client.
    package private(set) var drains: [UInt64: any PortDrain] = [:]
    private var drainsOfClients: [UInt64: UInt64] = [:]
    /// The same the other way.
    private var clientsOfDrains: [UInt64: UInt64] = [:]
    /// Ports at which somebody waits for room.
    private var waitingForRoom: [ObjectIdentifier: LocalPort] = [:]
    /// What has to be done when the lock has been given back: resume tasks, let go of what users gave us.
    private var afterwards: [() -> Void] = []
    /// There is some of it. Mostly there is none, and this costs less to look at.
    @usableFromInline let hasAfterwards = Atomic<Bool>(false)

    /// Takes the other end of a port that was opened by name, with the lock. What comes back is run in a task.
    package typealias Acceptor = @Sendable (LocalPort, PortClient) -> (@Sendable () -> Void)?

    /// Channels inside this process.
    package static let local = PortNode(route: nil)

    package init(route: (any PortRoute)?) {
        self.route = route
        isLocal = route == nil
    }

    /// Runs `body` with the lock, and afterwards what it has left to do.
    @inlinable
    package func withLock<R: Sendable, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        var later: [() -> Void] = []
        defer { for action in later { action() } }
        return try lock.withLock { (_) throws(E) in
            // SYNC: relaxed: it is written with the lock.
            defer { if hasAfterwards.load(ordering: .relaxed) { later = takeAfterwards() } }
            return try body()
        }
    }

    // MARK: With the lock

    package func later(_ action: @escaping () -> Void) {
        afterwards.append(action)
        hasAfterwards.store(true, ordering: .relaxed)
    }

    @usableFromInline
    func takeAfterwards() -> [() -> Void] {
        defer { afterwards = [] }
        hasAfterwards.store(false, ordering: .relaxed)
        return afterwards
    }

    /// Not for ports: client numbers are odd, those of the broker even.
    package func takeNumber() -> UInt64 {
        defer { nextNumber += 2 }
        return nextNumber
    }

    package func enter(_ port: LocalPort, number: UInt64) {
        port.number = number
        table[number] = port
    }

    package func forget(_ port: LocalPort) {
        if table[port.number] === port { table[port.number] = nil }
    }

    package func send(_ command: PortCommand) throws(IPCError) {
        guard let route else { throw ending ?? .network("the link is over") }
        do throws(LinkError) {
            try route.send(command)
        } catch {
            throw IPCError(error)
        }
    }

    package func hasRoom(for descriptors: TransferredDescriptors?) -> Bool {
        guard let descriptors, let route else { return true }
        return route.hasRoom(forDescriptors: descriptors.list.count)
    }

    package func countWatched(_ difference: Int) {
        let before = watched
        watched += difference
        // Counted above zero, it starts threads and takes other locks: afterwards.
        if (before == 0) != (watched == 0) {
            let isWanted = watched > 0
            later { [route] in route?.watch(isWanted) }
        }
    }

    package func note(_ port: LocalPort, isWaitingForRoom isWaiting: Bool) {
        waitingForRoom[ObjectIdentifier(port)] = isWaiting ? port : nil
    }

    package func notePending() { hasPending.store(true, ordering: .relaxed) }

    /// There is room again in the link to the broker. Without the lock.
    package func roomCame() {
        guard hasPending.load(ordering: .relaxed) else { return }
        withLock {
            hasPending.store(false, ordering: .relaxed)
            for channel in channels.values { channel.takePending() }
        }
    }

    // MARK: Events

    /// From the broker, or whoever reads the link.
    package func take(_ event: PortEvent) {
        withLock {
            switch event {
            case .message(let delivery): take(delivery)
            case .consumed(let number, let count): table[number]?.acknowledge(count.value)
            case .closed(let number, let reason): table[number]?.otherClosed(reason)
            case .opened(let number, let name, let client): accept(number, name, client)
            case .direct(let frame): take(frame)
            case .descriptorRoom: for port in Array(waitingForRoom.values) { port.wakeForRoom() }
            }
            if !drains.isEmpty { drain(event) }
        }
    }

    private func take(_ delivery: Parcel<DeliveredPort>) {
        // One that was given away or closed here meanwhile: the broker gives the message to the new owner.
        guard let port = table[delivery.number] else { return }
        port.acknowledge(low: delivery.consumed)
        guard delivery.seq.value == port.inbox.end else { return }
        let ports = delivery.transferred.map { transferred in
            let port = LocalPort(node: self, transferred)
            enter(port, number: transferred.number)
            return port
        }
        port.arrive(delivery.transferring(ports))
        port.channel?.noteBrokered(delivery.seq.value)
    }

    private func accept(_ number: UInt64, _ name: String, _ client: PortClient) {
        let port = LocalPort(node: self, id: LocalPort.randomID())
        enter(port, number: number)
        guard let acceptor = acceptors[name] else { return port.closeHere() }
        guard let begin = acceptor(port, client) else { return }
        // On no thread that reads a link.
        later { Task.detached(executorPreference: HandlerPool.current) { begin() } }
    }

    package func setAcceptor(_ name: String, _ acceptor: Acceptor?) {
        withLock {
            let before = acceptors.removeValue(forKey: TextKey(name))
            acceptors[name] = acceptor
            later { _ = before }
        }
    }

    package func accepts(_ name: String) -> Bool { withLock { acceptors[name] != nil } }

    // MARK: Ports whose messages are taken in at once

    /// For the port with this number; of a host, for the client it came from. With the lock.
    package func setDrain(_ drain: any PortDrain, _ number: UInt64, of client: UInt64? = nil) {
        drains[number] = drain
        guard let client else { return }
        drainsOfClients[client] = number
        clientsOfDrains[number] = client
    }

    package func drain(of client: UInt64) -> (any PortDrain)? {
        withLock { drainsOfClients[client].flatMap { drains[$0] } }
    }

    private func drain(_ event: PortEvent) {
        switch event {
        case .message(let delivery):
            if let drain = drains[delivery.number] { later { drain.drain() } }
        case .closed(let number, _):
            guard let drain = drains.removeValue(forKey: number) else { return }
            // It may have opened another since.
            if let client = clientsOfDrains.removeValue(forKey: number), drainsOfClients[client] == number {
                drainsOfClients[client] = nil
            }
            later { drain.drain() }
        // A port of the host and a client has no direct channel.
        case .consumed, .opened, .direct, .descriptorRoom: break
        }
    }

    /// The link is over: all ports are closed, after what has come already; or all but subscriptions, which go on with
    /// the client's next link (``moveSubscriptions(to:)``) or are closed later (``endSubscriptions(_:)``).
    package func end(_ why: IPCError, keepsSubscriptions: Bool = false) {
        withLock {
            if ending != nil { return }
            ending = why
            for channel in channels.values { channel.end() }
            channels = [:]
            for port in Array(table.values) where !keepsSubscriptions || port.subscription == nil {
                port.otherClosed(why.message)
            }
            let open = Array(drains.values)
            drains = [:]
            drainsOfClients = [:]
            clientsOfDrains = [:]
            later { for drain in open { drain.drain() } }
            let all = acceptors
            acceptors = [:]
            later { _ = all }
        }
    }

    private var subscriptions: [LocalPort] {
        table.values.filter { $0.subscription != nil && !$0.isOver }.sorted { $0.number < $1.number }
    }

    /// The client does not come back: its subscriptions are closed, too.
    package func endSubscriptions(_ why: IPCError) {
        withLock { for port in subscriptions { port.otherClosed(why.message) } }
    }

    /// The client has another link, whose ports are those of `node`: its subscriptions begin anew there.
    package func moveSubscriptions(to node: PortNode) {
        for port in withLock({ subscriptions }) {
            withLock {
                node.withLock {
                    guard let subscription = port.subscription, port.node === self, !port.isOver else { return }
                    // One that drains may still be there.
                    if ending == nil { try? send(.close(port.number)) }
                    let number = node.takeNumber()
                    do throws(IPCError) {
                        try node.send(.open(number, name: subscription.name, subscription.opening))
                        port.resubscribe(in: node, number: number)
                    } catch {
                        port.otherClosed(error.message)
                    }
                }
            }
        }
    }

    /// The direct channel with this token, if there is one. With the lock.
    package func channel(_ token: UInt64) -> (any DirectChannelProtocol)? {
        if let lastChannel, lastChannel.token == token { return lastChannel }
        let channel = channels[token]
        lastChannel = channel
        return channel
    }

    /// How many ports there are.
    package var count: Int { withLock { table.count } }
}
