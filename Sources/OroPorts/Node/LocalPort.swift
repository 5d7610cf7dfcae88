// SPDX-License-Identifier: Apache-2.0

import CSupport
import DequeModule
import OroBase
import OroFrame
import OroLink
import Synchronization

/// One end of a channel, as the process that owns it knows it.
///
/// Users have it as a ``PortHandle``, which loses it when it is closed or given away.
// Sendable: all that changes belongs to whoever has the lock of its node, or is atomic.
@usableFromInline @safe package final class LocalPort: @unchecked Sendable {
    package let id: UInt64
    private let firstNode: PortNode
    /// Where it has moved, if it has: from the node of this process to one that a link has, once; a subscription, from
    /// that of a link that has ended to that of the client's next. ``nodes`` has it.
    private let laterNode = unsafe Atomic<UnsafeRawPointer?>(nil)
    /// The nodes it has moved to: the last, and those that somebody may still be looking at.
    private let nodes = Locked<[PortNode]>([])
    /// What it subscribes to, and how.
    @usableFromInline package let subscription: Subscription?

    @usableFromInline package struct Subscription: Sendable {
        package let name: String
        package let opening: PortOpening

        package init(name: String, opening: PortOpening) {
            self.name = name
            self.opening = opening
        }
    }

    /// What the broker calls it; 0 while it is known in this process alone.
    package var number: UInt64 = 0
    /// The other end, while both are known in this process alone.
    package var other: LocalPort?
    /// The handle that may use it; `nil` while it travels, and when it is closed.
    package private(set) weak var owner: (any PortHandle)?
    /// The same, to compare with a handle at hand.
    private var ownerName: ObjectIdentifier?
    /// The same, while it has listeners: a port that somebody listens to lives until it is closed.
    private var kept: (any PortHandle)?
    package private(set) var isOwned = false
    package private(set) var isOver = false

    // What goes out.
    package var window: SendWindow
    private var roomWaiters: [UInt64: Waiter] = [:]
    /// The node knows that there are some.
    private var isWaitingForRoom = false
    private var lastWaiter: UInt64 = 0

    // What comes in.
    /// What has come, from the first message that was not taken.
    package private(set) var inbox: SequencedQueue<Parcel<LocalPort>>
    /// Messages of a subscription that came over the client's last link, whose broker counts no more.
    private var brought: Deque<Parcel<LocalPort>> = []
    /// How many of the messages that were taken the other end has been told of, and what the others have cost.
    private var reported: UInt64
    private var unreportedCost = 0
    /// Each message is reported as taken at once: the other end waits for that.
    package var reportsAtOnce = false
    /// The other end is closed: nothing comes behind what is in the inbox.
    private var ending: Ending?
    /// The handle that has found nothing, and will find nothing until this is 0 again. Read without the lock.
    private let quietFor = Atomic<UInt>(0)

    package private(set) var isStarted = false
    /// Who listens, with the handle that owns this; without a handle nobody does.
    private var audience: (any PortAudience)?
    private var isDispatching = false
    private var reader: Waiter?
    private var thread: Word?
    private var isWatched = false

    /// Its direct channel, if it has one.
    package var channel: (any DirectChannelProtocol)?

    package struct Ending {
        package var reason: String?
        package var isReported = false
    }

    package init(node: PortNode, id: UInt64, subscription: Subscription? = nil) {
        firstNode = node
        self.id = id
        self.subscription = subscription
        window = SendWindow()
        inbox = SequencedQueue()
        reported = 0
    }

    /// One that comes with a message: it goes on where its earlier owner stopped.
    package init(node: PortNode, _ delivered: DeliveredPort) {
        firstNode = node
        id = delivered.id
        subscription = nil
        window = SendWindow(sent: delivered.sent.value, acknowledged: delivered.acknowledged.value)
        inbox = SequencedQueue(taken: delivered.received.value)
        reported = delivered.received.value
    }

    package static func randomID() -> UInt64 {
        var id: UInt64 = 0
        // 8 bytes are there. Without randomness ids repeat, which gives nobody a port.
        _ = unsafe oro_random(&id, 8)
        return id
    }

    @usableFromInline package var node: PortNode {
        // SYNC: acquire pairs with the store in `move`.
        guard let later = unsafe laterNode.load(ordering: .acquiring) else { return firstNode }
        // It does not move again: `nodes` keeps it.
        if subscription == nil { return unsafe Unmanaged<PortNode>.fromOpaque(later).takeUnretainedValue() }
        return presentNode
    }

    /// The same for one that may be moving.
    private var presentNode: PortNode {
        // The atomic is stored in place, and an object does not move.
        let pinned = unsafe withUnsafePointer(to: laterNode) { unsafe oro_pin($0) }
        guard let pinned = unsafe pinned else { return nodes.withLock { $0.last } ?? firstNode }
        defer { oro_unpin() }
        // What is pinned is not freed before it is retained.
        return unsafe Unmanaged<PortNode>.fromOpaque(pinned).retain().takeRetainedValue()
    }

    /// Runs `body` with the lock of the node, which changes when the channel leaves its process, or a subscription its
    /// link.
    @inlinable
    package func withLock<R: Sendable, E: Error>(_ body: (PortNode) throws(E) -> R) throws(E) -> R {
        while true {
            let node = node
            let result = try node.withLock { () throws(E) -> R? in
                if node.isLocal || subscription != nil, self.node !== node { return nil }
                return try body(node)
            }
            if let result { return result }
        }
    }

    /// With the locks of both homes.
    package func move(to node: PortNode) {
        precondition(
            subscription != nil || (firstNode.isLocal && self.node === firstNode), "a port moves once")
        if isWaitingForRoom {
            // The new node is told by `moved`.
            isWaitingForRoom = false
            self.node.note(self, isWaitingForRoom: false)
        }
        nodes.withLock { nodes in
            // SYNC: sequentially consistent: before the fence of `oro_pinned`.
            unsafe laterNode.store(
                UnsafeRawPointer(Unmanaged.passUnretained(node).toOpaque()), ordering: .sequentiallyConsistent)
            if !nodes.isEmpty {
                nodes.removeAll { unsafe !oro_pinned(Unmanaged.passUnretained($0).toOpaque()) }
            }
            nodes.append(node)
        }
    }

    /// Moves a subscription to the node of the client's next link, where it begins anew as port `number`. What came is
    /// still taken. With the locks of both nodes.
    package func resubscribe(in node: PortNode, number: UInt64) {
        self.node.forget(self)
        self.number = 0
        refreshWatch()
        window = SendWindow()
        brought.append(contentsOf: inbox.removeAll())
        inbox = SequencedQueue()
        noteReported()
        move(to: node)
        node.enter(self, number: number)
        moved()
    }

    // MARK: Owning (with the lock)

    /// A new handle, which may use it from now on, and who listens with it.
    package func own(by handle: some PortHandle, _ audience: some PortAudience) {
        owner = handle
        ownerName = ObjectIdentifier(handle)
        self.audience = audience
        isOwned = true
    }

    /// (A handle that goes closes its end before another can stand at its place in memory.)
    package func isOwned(by handle: some PortHandle) -> Bool {
        isOwned && ownerName == ObjectIdentifier(handle) && !isOver
    }

    /// The handle nobody listens to is gone: so is the port. (Its weak reference is, too.)
    package func abandon() { if isOwned && owner == nil { closeHere() } }

    /// The handle may not use it any more: it is on its way to somebody else.
    package func disown() {
        isOwned = false
        owner?.lose()
        owner = nil
        ownerName = nil
        isStarted = false
        dismissAudience()
        audience = nil
        wakeAll()
        refreshWatch()
    }

    // MARK: Sending (with the lock)

    /// A further message has to wait.
    package var isFull: Bool {
        other.map { UInt64($0.inbox.count) >= PortLimits.window } ?? window.isFull()
    }

    /// The same, of which only the low bits are known.
    package func acknowledge(low: UInt32) {
        acknowledge(SendWindow.count(low: low, from: window.acknowledged))
    }

    /// The other end has taken so many messages in all.
    package func acknowledge(_ count: UInt64) {
        // UNTRUSTED: a count that cannot be says nothing.
        guard window.acknowledge(count) else { return }
        channel?.acknowledge(count)
        wakeForRoom()
    }

    package func wakeForRoom() {
        guard !roomWaiters.isEmpty, !isFull || isOver || !isOwned || ending != nil else { return }
        let waiting = Array(roomWaiters.values)
        roomWaiters = [:]
        node.later { for task in waiting { task.resume() } }
        refreshWatch()
    }

    /// Waits for room; `nil` when there is some. The token takes it back.
    package func waitForRoom(_ waiter: Waiter, for descriptors: TransferredDescriptors? = nil) -> UInt64? {
        guard isFull || !node.hasRoom(for: descriptors), isOwned, !isOver, ending == nil else { return nil }
        lastWaiter += 1
        roomWaiters[lastWaiter] = waiter
        refreshWatch()
        return lastWaiter
    }

    package func cancelRoom(_ token: UInt64) {
        guard let task = roomWaiters.removeValue(forKey: token) else { return }
        node.later { task.resume() }
        refreshWatch()
    }

    // MARK: Receiving (with the lock)

    /// A message whose turn it is: its number is the inbox's ``SequencedQueue/end``.
    package func arrive(_ parcel: Parcel<LocalPort>) {
        guard inbox.append(parcel) else { return }
        wakeReader()
    }

    /// Something may be there for whoever reads.
    private func wakeReader() {
        quietFor.store(0, ordering: .releasing)
        if let reader {
            self.reader = nil
            node.later { reader.resume() }
            refreshWatch()
        }
        if let thread { node.later { thread.change() } }
        dispatchIfNeeded()
    }

    /// Nothing waits to be taken.
    private var isEmpty: Bool { inbox.isEmpty && brought.isEmpty }

    private var isReady: Bool { !isEmpty || (ending.map { !$0.isReported } ?? false) }

    private func dispatchIfNeeded() {
        guard isOwned, isReady, !isDispatching, isStarted || isEmpty, hasListeners else { return }
        isDispatching = true
        node.later { [self] in
            // Handlers run one after the other, on no thread that reads a link.
            Task.detached(executorPreference: HandlerPool.current) { self.dispatch() }
        }
    }

    package enum Taken: Sendable {
        case message(Parcel<LocalPort>)
        /// The other end is closed.
        case closed(reason: String?)
    }

    /// The next thing that came; `nil` when there is none.
    package func takeNext() -> Taken? {
        if let parcel = brought.popFirst() { return .message(parcel) }
        if let parcel = inbox.popFirst() {
            other?.wakeForRoom()
            channel?.noteTaken(parcel)
            if number != 0 { report(parcel) }
            return .message(parcel)
        }
        guard let ending, !ending.isReported else { return nil }
        self.ending?.isReported = true
        let reason = ending.reason
        closeHere()
        return .closed(reason: reason)
    }

    package enum Look: Sendable {
        case taken(Taken)
        case nothing
        /// Nothing will come: it is closed, or not that handle's any more.
        case over
    }

    /// The same for a thread that waits with `handle`; and afterwards ``isQuiet(for:)`` where that is so.
    package func look(for handle: some PortHandle) -> Look {
        guard isOwned(by: handle) else { return .over }
        let taken = takeNext()
        if isEmpty, ending == nil {
            quietFor.store(UInt(bitPattern: ObjectIdentifier(handle)), ordering: .relaxed)
        }
        if let taken { return .taken(taken) }
        return isAtEnd ? .over : .nothing
    }

    /// ``look(for:)`` would find nothing now. Without the lock.
    package func isQuiet(for handle: some PortHandle) -> Bool {
        // SYNC: relaxed: who is told that there is something takes the lock to get it.
        quietFor.load(ordering: .relaxed) == UInt(bitPattern: ObjectIdentifier(handle))
    }

    /// Reports to the other end how far this one is, now and then; at once when somebody's memory is held.
    private func report(_ parcel: Parcel<LocalPort>) {
        unreportedCost += parcel.cost
        let holds = parcel.content.isBorrowed || !parcel.transferred.isEmpty
        guard
            holds || reportsAtOnce || consumed - reported >= PortLimits.reportAfter
                || unreportedCost >= PortLimits.reportAfterBytes
        else { return }
        if channel?.reports(consumed) != true {
            try? node.send(.consumed(number, count: SequenceNumber(own: consumed)))
        }
        noteReported()
    }

    /// The other end is told, or has been, of all that was taken.
    package func noteReported() {
        reported = consumed
        unreportedCost = 0
    }

    /// Messages that were taken here.
    package var consumed: UInt64 { inbox.taken }

    /// The other end is closed. What came before is still delivered.
    package func otherClosed(_ reason: String?) {
        guard ending == nil, !isOver else { return }
        ending = Ending(reason: reason)
        other = nil
        wakeForRoom()
        // One that nobody has yet is told when somebody has it.
        wakeReader()
    }

    /// Nothing comes any more.
    package var isAtEnd: Bool { ending != nil && isEmpty }

    /// What came, to be sent another way, in which everything is counted from the beginning.
    package func takeInbox() -> Deque<Parcel<LocalPort>> {
        defer { inbox = SequencedQueue() }
        (reported, unreportedCost) = (0, 0)
        return inbox.removeAll()
    }

    /// It has become known to a broker: whoever waits does so in another way.
    package func moved() {
        refreshWatch()
        wakeReader()
        wakeForRoom()
    }

    // MARK: Reading

    /// A reader that finds nothing waits. False: there is something.
    package func wait(_ waiter: Waiter) -> Bool {
        if isReady || !isOwned || isOver { return false }
        reader = waiter
        refreshWatch()
        return true
    }

    package func stopWaiting() {
        guard let reader else { return }
        self.reader = nil
        node.later { reader.resume() }
        refreshWatch()
    }

    /// A thread that sleeps until something is there; `nil` takes it back. False: there is something.
    package func setThread(_ word: Word?) -> Bool {
        if word != nil, isReady || !isOwned || isOver { return false }
        thread = word
        refreshWatch()
        return true
    }

    package func start() {
        isStarted = true
        refreshWatch()
        dispatchIfNeeded()
    }

    package func listenersChanged() {
        refreshWatch()
        dispatchIfNeeded()
    }

    /// Hands what has come to the listeners, in order; in a task.
    private func dispatch() {
        while true {
            let next = withLock { _ -> (Taken, any PortAudience)? in
                guard isOwned, isStarted || isEmpty, let audience, !audience.isEmpty, let taken = takeNext()
                else {
                    isDispatching = false
                    return nil
                }
                return (taken, audience)
            }
            guard let (taken, audience) = next else { return }
            audience.receive(taken)
            if case .closed = taken {
                withLock { _ in
                    isDispatching = false
                    dismissAudience()
                    if isOver { isOwned = false }
                    // Nobody listens any more, so nothing here keeps the handle, and with it the link.
                    refreshWatch()
                }
                return
            }
        }
    }

    private var hasListeners: Bool { audience.map { !$0.isEmpty } ?? false }

    /// Nobody listens any more.
    private func dismissAudience() {
        guard let gone = audience?.removeAll() else { return }
        node.later { _ = gone }
    }

    private func refreshWatch() {
        if isWaitingForRoom == roomWaiters.isEmpty {
            isWaitingForRoom = !roomWaiters.isEmpty
            node.note(self, isWaitingForRoom: isWaitingForRoom)
        }
        let wasKept = kept
        kept = hasListeners && isOwned ? owner : nil
        if wasKept !== kept { node.later { _ = wasKept } }
        let wanted =
            number != 0 && isOwned && !isOver
            && (reader != nil || thread != nil || !roomWaiters.isEmpty || hasListeners)
        if wanted == isWatched { return }
        isWatched = wanted
        node.countWatched(wanted ? 1 : -1)
    }

    private func wakeAll() {
        let waiting = Array(roomWaiters.values) + (reader.map { [$0] } ?? [])
        roomWaiters = [:]
        reader = nil
        quietFor.store(0, ordering: .releasing)
        let thread = thread
        node.later {
            for task in waiting { task.resume() }
            thread?.change()
        }
    }

    // MARK: Ending (with the lock)

    /// It is closed on this side; what came and nobody took goes.
    package func closeHere() {
        if isOver { return }
        isOver = true
        if let other {
            self.other = nil
            other.otherClosed(nil)
        } else if number != 0 {
            channel?.stop()
            channel?.leave(keeping: false)
            try? node.send(.close(number))
            node.forget(self)
        }
        // The listeners of a port that its other end closed hear of that first.
        if ending == nil || ending?.isReported == false {
            dismissAudience()
        }
        let handle = owner
        handle?.lose()
        node.later { _ = handle }
        isOwned = isOwned && ending?.isReported == true && hasListeners
        discardInbox()
        wakeAll()
        refreshWatch()
    }

    /// Its end is on its way to somebody else: what came and was not taken is given to whoever gets it.
    package func leave() {
        disown()
        if number != 0 {
            isOver = true
            channel?.leave(keeping: true)
            node.forget(self)
            discardInbox()
        }
    }

    /// Ports in messages that nobody took: the broker knows what becomes of those it has; the others are closed.
    package func discardInbox() {
        let (all, older) = (inbox.removeAll(), brought)
        brought = []
        node.later { _ = (all, older) }
        for parcel in all {
            for port in parcel.transferred { port.discard(with: node) }
        }
    }

    private func discard(with node: PortNode) {
        guard self.node === node else {
            // Of another node, whose lock this is not.
            let port = self
            return node.later { port.withLock { _ in port.closeHere() } }
        }
        if number == 0 { return closeHere() }
        isOver = true
        node.forget(self)
        discardInbox()
        refreshWatch()
    }
}
