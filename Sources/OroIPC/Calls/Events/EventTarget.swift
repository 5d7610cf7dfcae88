// SPDX-License-Identifier: Apache-2.0

import DequeModule
import OroFrame
import OroLink
import Synchronization

/// Where events are heard: ``Client/events``, or one of your own.
///
/// ```swift
/// for await event in client.events.stream("logs.line") { print(event["text"]?.string ?? "") }
///
/// let token = client.events.listen("job.done") { event in print(event.detail ?? .null) }
/// client.events.unlisten(token)
/// ```
///
/// Listeners are called one after the other, event by event in the order in which they came, in a task of their own:
/// they may block, and call their client, without holding up anything but each other. Whoever begins to listen hears
/// what comes after that.
public struct EventTarget: Sendable {
    let dispatcher: EventDispatcher
    /// The client, which a stream of its events keeps.
    private let owner: (any AnyObject & Sendable)?

    /// A target that hears what is dispatched to it.
    public init() { self.init(EventDispatcher(), owner: nil) }

    init(_ dispatcher: EventDispatcher, owner: (any AnyObject & Sendable)?) {
        self.dispatcher = dispatcher
        self.owner = owner
    }

    /// Calls `listener` with every event of this name, or with `*` with every event; with `once` for the first only.
    /// Answers a random token for ``unlisten(_:)``.
    ///
    /// While its listeners are slow at most ``mostWaiting`` events wait for them; then the oldest is dropped, which
    /// ``dropped`` counts.
    @discardableResult
    public func listen(
        _ name: String, once: Bool = false, _ listener: @escaping @Sendable (Event) -> Void
    ) -> UInt64 {
        dispatcher.listen(name, once: once, listener)
    }

    /// Calls the listener no more, also not with events that wait for it. True when there was one with this token.
    @discardableResult
    public func unlisten(_ token: UInt64) -> Bool { dispatcher.unlisten(token) }

    /// The events of this name, or with `*` all events, that come from now on. See ``EventStream``.
    ///
    /// At most `buffer` of them, at least 1, wait here to be read; what happens then is said by `policy`. It ends when
    /// the client's link does, after those that wait. It keeps its client.
    public func stream(
        _ name: String, buffer: Int = 1024, policy: EventStream.Policy = .dropOldest
    ) -> EventStream {
        EventStream(dispatcher, name, buffer: max(1, buffer), policy, owner)
    }

    /// Lets those hear of `event` who listen here, in this process; it goes nowhere else. False: nobody listens. Does
    /// not wait for them.
    @discardableResult
    public func dispatch(_ event: Event) -> Bool { dispatcher.dispatch(event) }

    /// Has listeners called by whoever runs what `run` is given, once, soon, and one at a time: the turn of a foreign
    /// event loop, in place of a task.
    package func setScheduler(_ run: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void) {
        dispatcher.setScheduler(run)
    }

    /// Most events that wait for slow listeners.
    public static let mostWaiting = 16_384

    /// Events that listeners did not hear because too many waited. Those of streams are counted there.
    public var dropped: Int { dispatcher.dropped }

    /// Somebody listens, to this name or to all.
    public func isListened(_ name: String) -> Bool { dispatcher.isListened(name) }
}

/// The listeners and streams behind an ``EventTarget``.
final class EventDispatcher: Sendable {
    struct Listener: Sendable {
        let token: UInt64
        let isOnce: Bool
        /// Events up to this one came before it.
        let after: UInt64
        let body: @Sendable (Event) -> Void
    }

    private struct State {
        var listeners: [TextKey: [Listener]] = [:]
        var streams: [TextKey: [UInt64: @Sendable (Event) -> Void]] = [:]
        /// What ends the streams.
        var endings: [UInt64: @Sendable () -> Void] = [:]
        /// Events listeners have not heard of, with their numbers.
        var waiting: Deque<(number: UInt64, event: Event)> = []
        var last: UInt64 = 0
        var isDraining = false
        var isClosed = false
        var dropped = 0

        var isListened: Bool { !listeners.isEmpty || !streams.isEmpty }

        func hasListener(_ name: String) -> Bool { listeners[name] != nil || listeners["*"] != nil }

        func hasToken(_ token: UInt64) -> Bool { listeners.values.contains { $0.contains { $0.token == token } } }
    }

    private let state = Locked(State())
    /// Changes with the listeners, with the lock: a listener that was found is still one while this is the same.
    private let version = Atomic<Int>(0)
    /// Told when the first begins to listen, and when the last stops.
    private let listeningChanged = Locked<(@Sendable () -> Void)?>(nil)
    /// Runs what calls the listeners.
    private let scheduler = Locked<(@Sendable (@escaping @Sendable () -> Void) -> Void)?>(nil)

    var isListened: Bool { state.withLock { $0.isListened } }
    var dropped: Int { state.withLock { $0.dropped } }

    func isListened(_ name: String) -> Bool {
        state.withLock { $0.hasListener(name) || $0.streams[name] != nil || $0.streams["*"] != nil }
    }

    func onListeningChanged(_ action: @escaping @Sendable () -> Void) { listeningChanged.withLock { $0 = action } }

    /// Calls listeners by way of `scheduler`, which runs what it is given once, soon, and one at a time; in place of a
    /// task.
    func setScheduler(_ run: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void) {
        scheduler.withLock { $0 = run }
    }

    /// Changes who listens, and tells when somebody begins or the last stops.
    private func change<R: Sendable>(_ body: (inout State) -> R) -> R {
        let (result, isChanged) = state.withLock { state in
            let before = state.isListened
            let result = body(&state)
            version.add(1, ordering: .releasing)
            return (result, before != state.isListened)
        }
        if isChanged { listeningChanged.withLock { $0 }?() }
        return result
    }

    // MARK: Listeners

    func listen(_ name: String, once: Bool, _ body: @escaping @Sendable (Event) -> Void) -> UInt64 {
        change { state in
            var token = UInt64.random(in: 1 ... .max)
            while state.hasToken(token) { token &+= 1 }
            state.listeners[name, default: []].append(
                Listener(token: token, isOnce: once, after: state.last, body: body))
            return token
        }
    }

    func unlisten(_ token: UInt64) -> Bool {
        change { state in
            for (name, listeners) in state.listeners {
                guard let index = listeners.firstIndex(where: { $0.token == token }) else { continue }
                state.listeners[name]?.remove(at: index)
                if state.listeners[name]?.isEmpty == true { state.listeners[name] = nil }
                return true
            }
            return false
        }
    }

    // MARK: Streams

    /// Hands every event of this name to `body`, which must not call back, until ``removeStream(_:_:)``; calls `end`
    /// once when no more comes.
    func addStream(
        _ name: String, _ body: @escaping @Sendable (Event) -> Void, end: @escaping @Sendable () -> Void
    ) -> UInt64 {
        let (token, isClosed) = change { state in
            state.last += 1
            let token = state.last
            if state.isClosed { return (token, true) }
            state.streams[name, default: [:]][token] = body
            state.endings[token] = end
            return (token, false)
        }
        if isClosed { end() }
        return token
    }

    func removeStream(_ name: String, _ token: UInt64) {
        let gone = change { state in
            let body = state.streams[name]?.removeValue(forKey: token)
            if state.streams[name]?.isEmpty == true { state.streams[name] = nil }
            return (body, state.endings.removeValue(forKey: token))
        }
        // Dropped outside the lock.
        withExtendedLifetime(gone) {}
    }

    /// No more events come. Streams end; listeners hear what waits.
    func close() {
        let endings = change { state in
            state.isClosed = true
            defer { (state.streams, state.endings) = ([:], [:]) }
            return Array(state.endings.values)
        }
        for end in endings { end() }
    }

    // MARK: Events

    /// Any thread; also whoever reads the link, so no listener is called here.
    @discardableResult
    func dispatch(_ event: Event) -> Bool {
        let (isHeard, run) = state.withLock { state -> (Bool, Bool) in
            state.last += 1
            var isStreamed = false
            if !state.streams.isEmpty {
                // With the lock, so that two events reach every stream in one order; and while that is held the streams
                // are here.
                for stream in (state.streams[event.name] ?? [:]).values {
                    stream(event)
                    isStreamed = true
                }
                for stream in (state.streams["*"] ?? [:]).values {
                    stream(event)
                    isStreamed = true
                }
            }
            guard state.hasListener(event.name) else { return (isStreamed, false) }
            if state.waiting.count >= EventTarget.mostWaiting {
                state.waiting.removeFirst()
                state.dropped += 1
            }
            event.handOver()
            state.waiting.append((state.last, event))
            defer { state.isDraining = true }
            return (true, !state.isDraining)
        }
        if run { schedule() }
        return isHeard
    }

    private func schedule() {
        if let run = scheduler.withLock({ $0 }) {
            run { [self] in drain() }
        } else {
            Task { drain() }
        }
    }

    /// Calls the listeners of all that waits, one event after the other.
    private func drain() {
        while let (event, listeners, version) = next() {
            event.takeOver()
            for listener in listeners where mayCall(listener, version) { listener.body(event) }
        }
    }

    /// It was found at this version, and was not removed since.
    private func mayCall(_ listener: Listener, _ version: Int) -> Bool {
        if listener.isOnce || self.version.load(ordering: .acquiring) == version { return true }
        return state.withLock { $0.hasToken(listener.token) }
    }

    /// The next event and who is to hear it. `nil`: none waits, and nobody drains any more.
    private func next() -> (Event, [Listener], version: Int)? {
        let (found, hasOnce) = state.withLock { state -> ((Event, [Listener], version: Int)?, Bool) in
            guard let (number, event) = state.waiting.popFirst() else {
                state.isDraining = false
                return (nil, false)
            }
            var heard = state.listeners[event.name] ?? []
            if let all = state.listeners["*"], !TextKey.areSame(event.name, "*") { heard += all }
            // Mostly all of them: then nothing is copied.
            if !heard.allSatisfy({ $0.after < number }) { heard = heard.filter { $0.after < number } }
            return ((event, heard, version.load(ordering: .relaxed)), heard.contains { $0.isOnce })
        }
        guard hasOnce, let (event, heard, version) = found else { return found }
        // Who hears the first event only: of two that drain, or that listen under two names, each is called once.
        let firsts = change { state in
            var firsts: Set<UInt64> = []
            for listener in heard where listener.isOnce {
                for name in [event.name, "*"] {
                    guard let index = state.listeners[name]?.firstIndex(where: { $0.token == listener.token }) else {
                        continue
                    }
                    state.listeners[name]?.remove(at: index)
                    if state.listeners[name]?.isEmpty == true { state.listeners[name] = nil }
                    firsts.insert(listener.token)
                }
            }
            return firsts
        }
        return (event, heard.filter { !$0.isOnce || firsts.contains($0.token) }, version)
    }
}
