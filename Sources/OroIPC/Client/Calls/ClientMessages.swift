// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame

/// What is sent of a message.
struct OutgoingMessage {
    let command: String
    /// The value, where it can stand in a frame as one.
    var value: Value?
    /// It instead, where two parameters have one name.
    var encoded: EncodedValue?
    let bytes: Bytes?
    /// The number that the message's parameter `seq` asks for; it is not part of the value then.
    var seq: Seq?
    /// `nil`: none.
    var headers: Headers?
}

extension Message {
    /// What is sent of it: name, parameters and bytes. A path, a fragment, credentials and a port are not.
    ///
    /// Throws when the value of a received message is malformed, the parameter `seq` is no number, or one of several
    /// parameters of one name cannot be encoded.
    func outgoing() throws(IPCError) -> OutgoingMessage {
        var outgoing = OutgoingMessage(command: name, bytes: bytes)
        let headers = headers
        if !headers.isEmpty { outgoing.headers = headers }
        let whole: Value?
        let list: Parameters?
        do throws(FrameError) {
            whole = try storage.whole()
            list = try storage.parameters()
        } catch {
            throw .type("the message's value is malformed: \(error)")
        }
        outgoing.value = whole
        guard var parameters = list else { return outgoing }
        if let text = parameters.first("seq")?.parameterText {
            guard let seq = try? Seq(text) else { throw .type("'\(text.prefix(64))' is not a seq") }
            outgoing.seq = seq
            _ = parameters.delete("seq")
            outgoing.value = parameters.pairs.isEmpty ? nil : parameters.object
        }
        guard parameters.hasRepeatedNames else { return outgoing }
        do throws(FrameError) {
            outgoing.encoded = try EncodedValue(pairs: parameters.pairs)
        } catch {
            throw .type("the message's parameters cannot be sent: \(error)")
        }
        return outgoing
    }
}

// Requests whose command, value and bytes are a message's.
extension Client {
    /// Sends a message and blocks the calling thread until its result is there; see ``sendSync(_:_:bytes:options:)``.
    ///
    /// Its parameter `seq`, where it has one, is the request's number unless `options` give another.
    public func sendSync(_ message: Message, options: CallOptions? = nil) -> Result {
        do throws(IPCError) {
            let outgoing = try message.outgoing()
            return callSync(
                outgoing.command, outgoing.value, outgoing.bytes, outgoing.options(options), encoded: outgoing.encoded)
        } catch {
            return Result(err: error, source: message.name)
        }
    }

    /// Sends a message; waits for its result as long as it takes, unless `options` say otherwise.
    public func send(_ message: Message, options: CallOptions? = nil) async -> Result {
        await call(message, options, verb: .send)
    }

    /// Asks for the result of a message. Cancelling the task ends the wait with an `AbortError` and cancels the host's
    /// handler.
    public func request(_ message: Message, options: CallOptions? = nil) async -> Result {
        await call(message, options, verb: .request)
    }

    /// Sends a message with its bytes.
    public func write(_ message: Message, options: CallOptions? = nil) async -> Result {
        await call(message, options, verb: .write)
    }

    /// Asks for the result of a message, and sends a body in chunks, as ``request(_:_:body:options:)``. The message
    /// must not have bytes: the body is in their place.
    public func request<Body: AsyncSequence & Sendable>(
        _ message: Message, body: Body, options: CallOptions? = nil
    ) async -> Result where Body.Element == Bytes {
        do throws(IPCError) {
            let outgoing = try message.outgoing()
            if outgoing.bytes != nil { throw .type("a message with bytes of its own has no body in chunks") }
            return await core.call(
                outgoing.command, outgoing.value, body, outgoing.options(options), encoded: outgoing.encoded)
        } catch {
            return Result(err: error, source: message.name)
        }
    }

    /// Sends a message that gets no result, as ``post(_:_:bytes:headers:)``; its handler sees its parameter `seq` as
    /// ``Message/seq``.
    ///
    /// Throws why the link is over, or why it cannot be sent.
    public func post(_ message: Message) throws(IPCError) {
        let outgoing = try message.outgoing()
        do throws(LinkError) {
            try core.post(
                outgoing.command, outgoing.value, outgoing.bytes, headers: outgoing.headers, encoded: outgoing.encoded,
                seq: outgoing.seq)
        } catch {
            throw IPCError(error)
        }
    }

    /// Sends a message whose answer comes in chunks, as ``stream(_:_:bytes:options:window:)``. What keeps it from being
    /// sent is thrown by the sequence.
    public func stream(_ message: Message, options: CallOptions? = nil, window: Int = 256) -> ResultStream {
        do throws(IPCError) {
            let outgoing = try message.outgoing()
            return ResultStream(
                StreamCall(
                    self, outgoing.command, outgoing.value, outgoing.bytes, outgoing.options(options), window,
                    encoded: outgoing.encoded, nil))
        } catch {
            return ResultStream(StreamCall(self, failing: error))
        }
    }

    private func call(_ message: Message, _ options: CallOptions?, verb: CallVerb) async -> Result {
        do throws(IPCError) {
            let outgoing = try message.outgoing()
            return await call(
                outgoing.command, outgoing.value, outgoing.bytes, outgoing.options(options), verb: verb,
                encoded: outgoing.encoded)
        } catch {
            return Result(err: error, source: message.name)
        }
    }
}

extension OutgoingMessage {
    /// The options, with the message's own number and headers where they have none.
    fileprivate func options(_ options: CallOptions?) -> CallOptions? {
        if seq == nil && headers == nil { return options }
        var options = options ?? CallOptions()
        options.seq = options.seq ?? seq
        options.headers = options.headers ?? headers
        return options
    }
}
