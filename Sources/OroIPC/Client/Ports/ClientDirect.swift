// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroFrame
import OroLink
import Synchronization

/// The links of one client with other clients, as its receiver has them.
struct DirectLinkTable {
    /// Introductions whose other side has not offered yet.
    var introduced: [UInt64: Introduced] = [:]
    /// Those that are looked at.
    var all: [DirectLink] = []
    /// Places that were given back, and the first that was never taken.
    private var freeSlots: [Int] = []
    private var firstUnused = 0

    /// Most links and introductions at once. UNTRUSTED: a host cannot make a client hold more.
    static let most = 1024

    var isFull: Bool { introduced.count + all.count >= DirectLinkTable.most }

    /// A place that is free, below ``most``.
    mutating func takeSlot() -> Int {
        if let slot = freeSlots.popLast() { return slot }
        defer { firstUnused += 1 }
        return firstUnused
    }

    mutating func remove(_ direct: DirectLink) {
        all.removeAll { $0 === direct }
        freeSlots.append(direct.slot)
    }
}

/// What any thread may know of the links of one client with other clients.
final class DirectLinks: Sendable {
    /// By the names of their introductions.
    let known = Locked<[UInt64: DirectLink]>([:])
    /// There are some.
    let count = Atomic<Int>(0)
    /// The socket of one has news that could not be looked at yet, or the host wants an answer.
    let hasPendingSocketEvents = Atomic<Bool>(false)
    /// Messages that went over any of them.
    let sent = MessageCount()
    /// Messages may wait for room in one of them. False: none do.
    let mayWait = Atomic<Bool>(false)

    /// Messages wait for room in one of them.
    var hasWaiting: Bool { mayWait.load(ordering: .sequentiallyConsistent) && someWait() }

    private func someWait() -> Bool {
        known.withLock { links in
            if links.values.contains(where: { $0.link.hasWaiting }) { return true }
            // SYNC: sequentially consistent, as is who puts a message there and then says so: either that comes after
            // this, or the second look sees the message.
            mayWait.store(false, ordering: .sequentiallyConsistent)
            let someDo = links.values.contains { $0.link.hasWaiting }
            if someDo { mayWait.store(true, ordering: .sequentiallyConsistent) }
            return someDo
        }
    }
}

/// Messages sent. One thread at a time adds, the holder of the lock of the client's ports; any may look.
final class MessageCount: Sendable {
    private let count = Atomic<Int>(0)
    var now: Int { count.load(ordering: .relaxed) }
    func add() { count.store(now + 1, ordering: .relaxed) }
}

extension ClientCore: Introductions {
    // MARK: They come and go

    /// UNTRUSTED: the host introduces another client, or passes on what that offers.
    func takeIntroduction(_ news: consuming IntroductionNews) throws(LinkError) {
        // Packets are read by the receiver.
        var packet = Optional(consume news)
        try Receiver.calledBack(self) { (receiver) throws(LinkError) in
            if let packet = packet.take() { try takeIntroduction(receiver, packet) }
        }
    }

    private func takeIntroduction(_ receiver: borrowing Receiver, _ news: consuming IntroductionNews) throws(LinkError)
    {
        let id = news.id
        if news.isOffer {
            let introduced = unsafe receiver.state.pointee.directs.introduced.removeValue(forKey: id)
            guard let introduced, !news.isRefusal else { return }
            // An offer that cannot be is no fault of the host's: it only passes them on.
            guard let link = try? introduced.meet(news) else { return }
            let slot = unsafe receiver.state.pointee.directs.takeSlot()
            return add(receiver, DirectLink(link, slot: slot, core: self), id)
        }
        guard options.allowsDirectLinks, directLink(id) == nil,
            unsafe receiver.state.pointee.directs.introduced[id] == nil
        else { throw .violation("an introduction that was not asked for") }
        if unsafe receiver.state.pointee.directs.isFull { return Introduction.refuse(id, over: link) }
        do throws(LinkError) {
            let introduced = try Introduced(news, limits: options.link)
            guard try introduced.offer(over: link) else { return }
            unsafe receiver.state.pointee.directs.introduced[id] = introduced
        } catch {
            // No memory or descriptors for it: the conversation stays with the host.
            Introduction.refuse(id, over: link)
        }
    }

    /// The host wants an answer, and whoever reads the socket now may read no ring: the background thread does.
    func mustReadRings() {
        directs.hasPendingSocketEvents.store(true, ordering: .relaxed)
        background.withLock { $0 }?.look(self)
    }

    private func add(_ receiver: borrowing Receiver, _ direct: DirectLink, _ id: UInt64) {
        unsafe receiver.state.pointee.directs.all.append(direct)
        directs.known.withLock { $0[id] = direct }
        directs.count.add(1, ordering: .relaxed)
        watchWhileAsleep(receiver, direct)
        background.withLock { $0 }?.watch(direct, of: self)
    }

    /// Ends a direct link, after what has come over it. Its conversations go on through the host.
    func end(_ receiver: borrowing Receiver, _ direct: DirectLink, _ why: LinkError) {
        guard unsafe receiver.state.pointee.directs.all.contains(where: { $0 === direct }) else { return }
        if case .peerGone = why { _ = readToEnd(direct) }
        unsafe receiver.state.pointee.directs.remove(direct)
        directs.known.withLock { $0[direct.link.id] = nil }
        directs.count.subtract(1, ordering: .relaxed)
        stopWatchingWhileAsleep(receiver, direct)
        background.withLock { $0 }?.stopWatching(direct, of: self)
        direct.link.end(why)
        direct.link.forgetPeerMemories()
        ports.directLinkEnded(direct)
    }

    /// The client's own link is over. Any thread.
    func closeDirectLinks(_ why: LinkError) {
        if link.isForeign { return }
        for direct in directs.known.withLock({ Array($0.values) }) { direct.link.end(why) }
    }

    // MARK: Reading

    /// Reads what has come over direct links. True when there was something.
    @inline(__always)
    func pollDirects(_ receiver: borrowing Receiver) -> Bool {
        unsafe receiver.state.pointee.directs.all.isEmpty ? false : pollEachDirect(receiver)
    }

    private func pollEachDirect(_ receiver: borrowing Receiver) -> Bool {
        var progressed = false
        for direct in unsafe receiver.state.pointee.directs.all {
            do throws(LinkError) {
                if try direct.poll(ports, until: oro_ticks() &+ Turn.peerTicks) > 0 { progressed = true }
            } catch {
                end(receiver, direct, error)
            }
        }
        return progressed
    }

    /// Their sockets may have news that no notice tells of: the end.
    func readDirectSockets(_ receiver: borrowing Receiver) {
        for direct in unsafe receiver.state.pointee.directs.all {
            do throws(LinkError) {
                direct.link.noteSocketEvent(hasHungUp: true)
                try direct.link.readSocket()
                if direct.link.isOver { throw direct.link.ending ?? .closed }
                // No edge tells of what is left for the next turn.
                if direct.link.socketHasNews { directs.hasPendingSocketEvents.store(true, ordering: .relaxed) }
            } catch {
                end(receiver, direct, error)
            }
        }
    }

    /// Reads a direct link to its end: its other side is gone, so it has one.
    func drain(_ receiver: borrowing Receiver, _ direct: DirectLink) {
        if let why = readToEnd(direct) { end(receiver, direct, why) }
    }

    /// Reads what there is, and answers why the link is over, if it is. UNTRUSTED: a side that goes on writing does not
    /// hold us up.
    private func readToEnd(_ direct: DirectLink) -> LinkError? {
        for _ in 0...direct.link.roundsToEmpty(limit: ClientCore.messagesAtOnce) {
            do throws(LinkError) {
                if try direct.poll(ports, until: .max) == 0 { return nil }
            } catch {
                return error
            }
        }
        return nil
    }

    /// Polls all links for a message, so many times in all.
    func spinOnAll(_ receiver: borrowing Receiver, _ polls: Int) -> Bool {
        // Whoever waits at a port with a direct channel is answered there: the host's link is looked at now and then.
        switch unsafe receiver.state.pointee.directs.all.count {
        case 0: return link.spin(polls)
        case 1:
            let direct = unsafe receiver.state.pointee.directs.all[0].link
            for _ in 0..<max(1, polls / 12) where direct.spin(12) || link.spin(1) { return true }
        default:
            for _ in 0..<max(1, polls / 3) {
                for direct in unsafe receiver.state.pointee.directs.all where direct.link.spin(2) { return true }
                if link.spin(1) { return true }
            }
        }
        return false
    }

    /// Polling would keep from running whoever is waited for: another client where there are links with some, for the
    /// host sleeps while those talk.
    func sharesProcessor(_ receiver: borrowing Receiver) -> Bool {
        let directs = unsafe receiver.state.pointee.directs.all
        return directs.isEmpty ? link.sharesProcessor : directs.contains { $0.link.sharesProcessor }
    }

    // MARK: Sleeping

    /// As ``armLink(_:)``, for those with other clients. False, and none is armed, when there is something.
    func armDirects(_ receiver: borrowing Receiver) -> Bool {
        for direct in unsafe receiver.state.pointee.directs.all where !direct.arm() {
            disarmDirects(receiver)
            return false
        }
        return true
    }

    func disarmDirects(_ receiver: borrowing Receiver) {
        for direct in unsafe receiver.state.pointee.directs.all { direct.link.disarm() }
    }

    /// Keys of the sleeper's poller.
    enum SleepKey {
        static let socket: UInt64 = 1
        static let wakeup: UInt64 = 2
        static let pidfd: UInt64 = 3
        /// Then comes one for each direct link.
        static let direct: UInt64 = 4
    }

    func watchWhileAsleep(_ receiver: borrowing Receiver, _ direct: DirectLink) {
        do throws(LinkError) {
            unsafe try receiver.state.pointee.poller?.add(
                direct.link.socket.number, key: SleepKey.direct + UInt64(direct.slot))
        } catch {
            direct.link.halt(error)
        }
    }

    private func stopWatchingWhileAsleep(_ receiver: borrowing Receiver, _ direct: DirectLink) {
        unsafe receiver.state.pointee.poller?.remove(key: SleepKey.direct + UInt64(direct.slot))
    }

    /// The sleeper's poller has told of a direct link.
    func noteDirectSocketEvent(_ receiver: borrowing Receiver, _ event: Poller.Event) {
        unsafe receiver.state.pointee.directs.all.first { SleepKey.direct + UInt64($0.slot) == event.key }?
            .link.noteSocketEvent(hasHungUp: event.hasHungUp)
    }

    /// Messages wait for room: whoever sleeps on the links has to watch for it. Any thread.
    func watchForRoom() {
        attach()
        background.withLock { $0 }?.look(self)
        wakeUp()
    }

    /// For the background thread: a direct link's socket has news.
    func noteDirectSocketEvents() { directs.hasPendingSocketEvents.store(true, ordering: .relaxed) }
}
