// SPDX-License-Identifier: Apache-2.0

import CSupport
import Logging
import OroFrame
import OroLink
import Synchronization

extension Client {
    /// What the host tells without being asked, and what ``emit(_:_:target:)`` and ``resolve(_:_:)-(String,_)``
    /// dispatch here.
    ///
    /// While somebody listens a background thread watches the link: events come also when no request waits. It sleeps
    /// while nothing comes.
    public var events: EventTarget { EventTarget(connection.events, owner: self) }

    /// Dispatches an event in this process, to ``events`` or `target`, as the module's `emit` does.
    ///
    /// A text is percent-decoded and then parsed as JSON: what is no JSON is the detail as it is, and what cannot be
    /// decoded is taken as it came. An empty text dispatches nothing, and is logged. False: nobody listens, or nothing
    /// was dispatched.
    @discardableResult
    public func emit(_ name: String, _ value: Value? = nil, target: EventTarget? = nil) -> Bool {
        EmittedValue.dispatch(name, value, to: target ?? events, connection.options.logger)
    }
}

/// The rule by which `emit` makes a detail of a value.
enum EmittedValue {
    static func dispatch(_ name: String, _ value: Value?, to target: EventTarget, _ logger: Logger) -> Bool {
        guard let detail = detail(value) else {
            logger.error("emit('\(name)'): an empty text is no value")
            return false
        }
        return target.dispatch(Event(name, detail))
    }

    /// The detail; `nil` for the empty text, which is none. No value gives `null`.
    static func detail(_ value: Value?) -> Value? {
        guard case .string(let text)? = value else { return value ?? .null }
        if text.isEmpty { return nil }
        guard let decoded = percentDecoded(text) else { return value }
        return (try? Value(json: decoded)) ?? .string(decoded)
    }

    /// As `decodeURIComponent`: `nil` for an incomplete `%XX`, or one whose bytes are not UTF-8.
    static func percentDecoded(_ text: String) -> String? {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var rest = text.utf8.makeIterator()
        while let byte = rest.next() {
            if byte != UInt8(ascii: "%") {
                bytes.append(byte)
                continue
            }
            guard let high = rest.next().flatMap(digit), let low = rest.next().flatMap(digit) else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension ClientCore {
    /// Where no result ends up: a ticket that no request has.
    static var nobody: UInt64 { .max }

    /// Somebody has begun to listen to events, or the last has stopped. The host is told, so that it lets events wait
    /// for us; and while somebody listens the background thread watches the link.
    func listeningChanged() {
        listening.withLock { listening in
            let wanted = events.isListened && !link.isOver
            if wanted == listening { return }
            listening = wanted
            var frame = Frame(.credit)
            frame.deadline = wanted ? 1 : 0
            if wanted {
                suspended.add(1, ordering: .sequentiallyConsistent)
                attach()
            }
            // Ahead of what this thread asks for next: the host may answer that with events.
            sendBriefly(frame, claiming: true)
            if wanted {
                watch()
            } else {
                suspended.subtract(1, ordering: .sequentiallyConsistent)
            }
        }
    }

    /// UNTRUSTED: an event. Its value and headers are checked when they are looked at.
    func takeEvent(_ storage: FrameStorage) throws(LinkError) {
        let name: String?
        do throws(FrameError) { name = try storage.view.name() } catch {
            throw .violation("a malformed frame: \(error)")
        }
        guard let name, !name.isEmpty else { throw .violation("an event without a name") }
        events.dispatch(Event(name, received: storage))
    }

    /// UNTRUSTED: a result with the ticket 0, which no request has: a push, when its seq says so.
    func takePush(_ storage: FrameStorage) {
        guard storage.header.flags.contains(.wideSeq), (try? storage.view.seq()) == Seq(-1) else { return countLate() }
        events.dispatch(Event(Event.data, received: storage))
    }

    /// UNTRUSTED: the host ends the link; the reason is text to show.
    func goodbye(_ storage: FrameStorage) -> LinkError {
        let reason = (try? storage.view.value()?.decode())?.string ?? ""
        return .goodbye(String(reason.prefix(1024)))
    }
}
