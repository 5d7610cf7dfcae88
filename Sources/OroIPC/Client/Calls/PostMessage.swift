// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

// `postMessage` of the module: a message goes to the host, and nobody waits. In a browser it is what `send` is made of.
// Its bytes are not handed over, as they are there: those given beside the message are lent where they lie in a block,
// else copied; those inside its value are a part of that.
extension Client {
    /// Sends a message to the host, with `bytes` if there are any, else with its own, and does not wait.
    ///
    /// - With a parameter `seq`, which numbers the request, its answer comes as the event `resolve-<index>-<seq>` to
    ///   ``events``: its detail is `{err}` or `{source, id, data}`, which `Result.from` reads,
    ///   and the event has the answer's bytes and headers. Whoever wants it listens before.
    /// - With the seq -1 the answer comes as a push, the event `data`.
    /// - Without a seq there is no answer: it is a ``post(_:)``.
    ///
    /// Throws what keeps it from being sent: a `TypeError` for a name that is no command, or a message that cannot be
    /// encoded; an `InvalidAccessError` when a request of this seq is in flight; a `QuotaExceededError` when too many
    /// are; a `NetworkError` when the link is over. What comes later, a failure of the link too, is the answer's `err`.
    public func postMessage(_ message: Message, _ bytes: Bytes? = nil) throws(IPCError) {
        var message = message
        if let bytes { message.bytes = bytes }
        let text = message["seq"]?.parameterText
        let outgoing = try message.outgoing()
        guard let text, let seq = outgoing.seq else { return try post(message) }
        var options = CallOptions(headers: outgoing.headers)
        let isPush = seq == .unsolicited
        if !isPush { options.seq = seq }
        try core.call(
            outgoing.command, outgoing.value, outgoing.bytes, options, encoded: outgoing.encoded
        ) { [events = connection.events] result in
            let event =
                isPush && result.isOK
                ? Event(Event.data, result.data, bytes: result.bytes, headers: result.headers ?? Headers())
                : Event(
                    "resolve-0-\(text)", result.resolution, bytes: result.bytes, headers: result.headers ?? Headers())
            events.dispatch(event)
        }
    }

    /// The same with the text of a message's URI. Throws a `TypeError` when it is none, too.
    public func postMessage(_ uri: String, _ bytes: Bytes? = nil) throws(IPCError) {
        let message: Message
        do throws(MessageError) {
            message = try Message(uri)
        } catch {
            throw IPCError(error)
        }
        try postMessage(message, bytes)
    }
}

extension Result {
    /// What an event says of a request that was answered: an error and nothing else; or an envelope that always has
    /// data, in which no member of the data's own stands in the place of another.
    var resolution: Value {
        if let err { return ["err": err.value] }
        return [
            "source": source.map { .string($0) } ?? .null, "id": id.map { .string($0) } ?? .null, "data": data ?? .null,
        ]
    }
}
