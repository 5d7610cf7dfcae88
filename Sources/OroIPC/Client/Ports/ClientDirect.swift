// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroFrame
import OroLink
import Synchronization

/// The links of one client with other clients.
// Sendable: `introduced` and `all` belong to the holder of the client's receiver's role; the rest is atomic or in a
// mutex.
final class DirectLinks: @unchecked Sendable {
    /// Introductions whose other side has not offered yet.
    var introduced: [UInt64: Introduced] = [:]
    /// Those that are looked at.
    var all: [DirectLink] = []
    /// The same by the names of their introductions, for any thread.
    let known = Locked<[UInt64: DirectLink]>([:])
    /// There are some.
    let count = Atomic<Int>(0)
    /// The socket of one has news that could not be looked at yet, or the host wants an answer.
    let isUnheard = Atomic<Bool>(false)
    /// Messages that went over any of them.
    let sent = MessageCount()
    /// Messages may wait for room in one of them. False: none do.
    let mayWait = Atomic<Bool>(false)

    /// Most links and introductions at once. UNTRUSTED: a host cannot make a client hold more.
    static let most = 1024

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

    /// Places that were given back, and the first that was never taken.
    private var freeSlots: [Int] = []
    private var firstUnused = 0

    /// A place that is free, below ``most``.
    func takeSlot() -> Int {
        if let slot = freeSlots.popLast() { return slot }
        defer { firstUnused += 1 }
        return firstUnused
    }

    func giveBack(_ slot: Int) { freeSlots.append(slot) }
}

/// Messages sent. One thread at a time adds, the holder of the lock of the client's ports; any may look.
final class MessageCount: Sendable {
    private let count = Atomic<Int>(0)
    var now: Int { count.load(ordering: .relaxed) }
    func add() { count.store(now + 1, ordering: .relaxed) }
}

// All of it with the role, except where it says otherwise.
extension ClientCore: Introductions {
    // MARK: They come and go

    /// UNTRUSTED: the host introduces another client, or passes on what that offers.
    func hear(_ news: consuming IntroductionNews) throws(LinkError) {
        let id = news.id
        if news.isOffer {
            guard let introduced = directs.introduced.removeValue(forKey: id), !news.isRefusal else { return }
            // An offer that cannot be is no fault of the host's: it only passes them on.
            guard let link = try? introduced.meet(news) else { return }
            return add(DirectLink(link, slot: directs.takeSlot(), core: self), id)
        }
        guard options.allowsDirectLinks, directs.introduced[id] == nil, directLink(id) == nil else {
            throw .violation("an introduction that was not asked for")
        }
        guard directs.introduced.count + directs.all.count < DirectLinks.most else {
            return Introduction.refuse(id, over: link)
        }
        do throws(LinkError) {
            let introduced = try Introduced(news, limits: options.link)
            guard try introduced.offer(over: link) else { return }
            directs.introduced[id] = introduced
        } catch {
            // No memory or descriptors for it: the conversation stays with the host.
            Introduction.refuse(id, over: link)
        }
    }

    /// The host wants an answer, and whoever reads the socket now may read no ring: the background thread does.
    func nudged() {
        directs.isUnheard.store(true, ordering: .relaxed)
        background.withLock { $0 }?.look(self)
    }

    private func add(_ direct: DirectLink, _ id: UInt64) {
        directs.all.append(direct)
        directs.known.withLock { $0[id] = direct }
        directs.count.add(1, ordering: .relaxed)
        watchWhileAsleep(direct)
        background.withLock { $0 }?.watch(direct, of: self)
    }

    /// Ends a direct link, after what has come over it. Its conversations go on through the host.
    func end(_ direct: DirectLink, _ why: LinkError) {
        guard directs.all.contains(where: { $0 === direct }) else { return }
        if case .peerGone = why { _ = readToEnd(direct) }
        directs.all.removeAll { $0 === direct }
        directs.giveBack(direct.slot)
        directs.known.withLock { $0[direct.link.id] = nil }
        directs.count.subtract(1, ordering: .relaxed)
        stopWatchingWhileAsleep(direct)
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
    func pollDirects() -> Bool { directs.all.isEmpty ? false : pollEachDirect() }

    private func pollEachDirect() -> Bool {
        var progressed = false
        for direct in directs.all {
            do throws(LinkError) {
                if try direct.poll(ports, until: oro_ticks() &+ Turn.peerTicks) > 0 { progressed = true }
            } catch {
                end(direct, error)
            }
        }
        return progressed
    }

    /// Their sockets may have news that no notice tells of: the end.
    func hearDirects() {
        for direct in directs.all {
            do throws(LinkError) {
                direct.link.hear(hasHungUp: true)
                try direct.link.readSocket()
                if direct.link.isOver { throw direct.link.ending ?? .closed }
                // No edge tells of what is left for the next turn.
                if direct.link.socketHasNews { directs.isUnheard.store(true, ordering: .relaxed) }
            } catch {
                end(direct, error)
            }
        }
    }

    /// Reads a direct link to its end: its other side is gone, so it has one.
    func drain(_ direct: DirectLink) {
        if let why = readToEnd(direct) { end(direct, why) }
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

    /// Polls all links for a message, for a while.
    func lingerOnAll() -> Bool {
        // Whoever waits at a port with a direct channel is answered there: the host's link is looked at now and then.
        switch directs.all.count {
        case 0: return link.linger(1000)
        case 1:
            let direct = directs.all[0].link
            for _ in 0..<64 where direct.linger(12) || link.linger(1) { return true }
        default:
            for _ in 0..<250 {
                for direct in directs.all where direct.link.linger(2) { return true }
                if link.linger(1) { return true }
            }
        }
        return false
    }

    /// Polling would keep from running whoever is waited for: another client where there are links with some, for the
    /// host sleeps while those talk.
    var sharesProcessor: Bool {
        directs.all.isEmpty ? link.sharesProcessor : directs.all.contains { $0.link.sharesProcessor }
    }

    // MARK: Sleeping

    /// As ``armLink()``, for those with other clients. False, and none is armed, when there is something.
    func armDirects() -> Bool {
        for direct in directs.all where !direct.arm() {
            disarmDirects()
            return false
        }
        return true
    }

    func disarmDirects() { for direct in directs.all { direct.link.disarm() } }

    /// Keys of the sleeper's poller.
    enum SleepKey {
        static let socket: UInt64 = 1
        static let kicker: UInt64 = 2
        static let pidfd: UInt64 = 3
        /// Then comes one for each direct link.
        static let direct: UInt64 = 4
    }

    func watchWhileAsleep(_ direct: DirectLink) {
        do throws(LinkError) {
            try sleepPoller?.add(direct.link.socket.number, key: SleepKey.direct + UInt64(direct.slot))
        } catch {
            direct.link.halt(error)
        }
    }

    private func stopWatchingWhileAsleep(_ direct: DirectLink) {
        sleepPoller?.remove(key: SleepKey.direct + UInt64(direct.slot))
    }

    /// The sleeper's poller has told of a direct link.
    func hearDirect(_ event: Poller.Event) {
        directs.all.first { SleepKey.direct + UInt64($0.slot) == event.key }?.link.hear(hasHungUp: event.hasHungUp)
    }

    /// Messages wait for room: whoever sleeps on the links has to watch for it. Any thread.
    func watchForRoom() {
        attach()
        background.withLock { $0 }?.look(self)
        kick()
    }

    /// For the background thread: a direct link's socket has news.
    func hearDirectsInBackground() { directs.isUnheard.store(true, ordering: .relaxed) }
}
