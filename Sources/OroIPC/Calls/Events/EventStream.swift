// SPDX-License-Identifier: Apache-2.0

import OroLink
import Synchronization

/// Events as they come, to be read in a loop.
///
/// ```swift
/// for await event in client.events.stream("price", buffer: 1) {
///     show(event["eur"])       // the latest; those before it are dropped while this is slow
/// }
/// ```
///
/// For one reader, once. Leaving the loop, or dropping the stream, ends it. Events are kept in a buffer from when the
/// stream is made; nothing is lost that fits into it.
public struct EventStream: AsyncSequence, Sendable {
    public typealias Element = Event
    public typealias Failure = Never

    /// What happens to an event when the buffer is full.
    public enum Policy: Sendable, Hashable {
        /// The oldest in the buffer is dropped in its favour.
        case dropOldest
        /// It is dropped itself.
        case dropNewest
    }

    private let events: AsyncStream<Event>
    private let lost: Lost
    private let owner: (any AnyObject & Sendable)?

    /// A count that the stream and who fills it share.
    private final class Lost: Sendable {
        let count = Atomic<Int>(0)
    }

    init(
        _ dispatcher: EventDispatcher, _ name: String, buffer: Int, _ policy: Policy,
        _ owner: (any AnyObject & Sendable)?
    ) {
        let lost = Lost()
        self.lost = lost
        self.owner = owner
        let (events, continuation) = AsyncStream.makeStream(
            of: Event.self,
            bufferingPolicy: policy == .dropOldest ? .bufferingNewest(buffer) : .bufferingOldest(buffer))
        self.events = events
        let token = dispatcher.addStream(
            name,
            { event in
                event.handOver()
                if case .dropped = continuation.yield(event) { lost.count.add(1, ordering: .relaxed) }
            }, end: { continuation.finish() })
        continuation.onTermination = { [weak dispatcher] _ in dispatcher?.removeStream(name, token) }
    }

    /// Events that were dropped so far because the buffer was full.
    public var dropped: Int { lost.count.load(ordering: .relaxed) }

    public func makeAsyncIterator() -> Iterator { Iterator(events: events.makeAsyncIterator(), owner: owner) }

    public struct Iterator: AsyncIteratorProtocol {
        public typealias Failure = Never

        fileprivate var events: AsyncStream<Event>.Iterator
        /// Lives as long as somebody reads.
        fileprivate let owner: (any AnyObject & Sendable)?

        /// The next event; `nil` when no more comes, or the task is cancelled.
        public mutating func next() async -> Event? {
            let event = await events.next()
            event?.takeOver()
            return event
        }

        /// The same, on the caller's actor.
        public mutating func next(isolation actor: isolated (any Actor)?) async -> Event? {
            let event = await events.next(isolation: actor)
            event?.takeOver()
            return event
        }
    }
}
